//! Page faults: resolved by the kernel alone, or they fail.
use crate::prelude::*;

/// What a page was touched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Fetching an instruction.
    Execute,
}

impl Access {
    fn needs(self) -> Protection {
        match self {
            Access::Read => Protection::READ,
            Access::Write => Protection::WRITE,
            Access::Execute => Protection::EXEC,
        }
    }
}

/// Why a touch cannot be satisfied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// Nothing is mapped there, or not for that.
    NotMapped,
    /// Memory that the mapping promised cannot be supplied.
    OutOfMemory,
}

impl<M: Machine> Kernel<M> {
    /// Makes a touched page present.
    pub(crate) fn resolve(
        &mut self,
        space: SpaceId,
        address: u64,
        access: Access,
    ) -> Result<(), Unresolved> {
        let page = page_of(address);
        let region = self.spaces[space].regions.find(&self.regions, page);
        let region = self.regions[region.ok_or(Unresolved::NotMapped)?];
        if !region.protection.contains(access.needs()) {
            return Err(Unresolved::NotMapped);
        }
        let at = region.offset.wrapping_add(page.wrapping_sub(region.start));
        let memory = &self.memories[region.memory];
        let mut protection = region.protection;
        let address = page.wrapping_mul(PAGE);
        if let Backing::Device(physical) = memory.backing {
            self.space_reserve(space, address, 1).map_err(|_| Unresolved::OutOfMemory)?;
            if let Some(tables) = self.spaces[space].tables.as_mut() {
                let physical = physical.wrapping_add(at.wrapping_mul(PAGE));
                self.machine.space_map_device(tables, address, physical, protection);
            }
            return Ok(());
        }
        // A page that is only read is shown from the original that this is a copy of, or from the
        // frame that it shares.
        let lent = match memory.frame(at) {
            Some(frame) => self.machine.frame_is_shared(frame),
            None => self.memory_frame(region.memory, at).is_some(),
        };
        if lent && access != Access::Write {
            protection -= Protection::WRITE;
        } else {
            self.memory_populate(region.memory, at).map_err(|_| Unresolved::OutOfMemory)?;
        }
        let entered = self.space_enter(space, address, region.memory, at, 1, protection);
        entered.map(drop).map_err(|_| Unresolved::OutOfMemory)
    }
}
