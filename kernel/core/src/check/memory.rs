//! Regions lie in order, inside their objects, and say of their objects what is true.
use super::{Checked, Tally, ensure};
use crate::prelude::*;

impl<M: Machine> Kernel<M> {
    pub(super) fn check_memory(&self) -> Checked {
        let mut writers = Tally::new(self.memories.places());
        let mut executors = Tally::new(self.memories.places());
        let mut seen = 0;
        for (id, space) in self.spaces.iter() {
            let (mut end, mut count) = (USER_START / super::super::memory::PAGE, 0);
            for region in space.regions.iter(&self.regions) {
                let region = &self.regions[region];
                ensure!(
                    region.start >= end && region.pages > 0,
                    "space {id:?}: overlap at {end:#x}"
                );
                end = region.end();
                count += 1;
                let memory = &self.memories[region.memory];
                let inside = region.offset.checked_add(region.pages);
                ensure!(
                    inside.is_some_and(|inside| inside <= memory.pages),
                    "space {id:?}: a region goes behind the end of its object"
                );
                ensure!(
                    region.most.contains(region.protection),
                    "space {id:?}: a region permits {:?}, at most {:?}",
                    region.protection,
                    region.most
                );
                let both = Protection::WRITE | Protection::EXEC;
                ensure!(!region.protection.contains(both), "space {id:?}: writable and executable");
                if region.is_writer() {
                    writers.add(region.memory.index());
                }
                if region.protection.contains(Protection::EXEC) {
                    executors.add(region.memory.index());
                    ensure!(memory.sealed || space.jit, "space {id:?}: executes unsealed memory");
                }
            }
            ensure!(
                end <= USER_END / super::super::memory::PAGE,
                "space {id:?} leaves the user half"
            );
            ensure!(count == space.regions.count(), "space {id:?} counts its regions wrong");
            seen += u64::from(count);
        }
        let (created, destroyed) = self.regions.counts();
        ensure!(seen == created - destroyed, "{seen} regions lie in spaces, not all");
        for (id, memory) in self.memories.iter() {
            let (w, x) = (writers.of(id.index()), executors.of(id.index()));
            ensure!(memory.writers == w, "memory {id:?}: {} writers, {w}", memory.writers);
            ensure!(memory.executors == x, "memory {id:?}: {} executors, {x}", memory.executors);
            ensure!(w == 0 || x == 0, "memory {id:?} is mapped writable and executable");
            let mut frames = memory.leaves.iter().flat_map(|leaf| &leaf.frames).flatten();
            let shares = frames.any(|frame| self.machine.frame_is_shared(frame));
            ensure!(memory.private || !shares, "memory {id:?} shares frames and is seen by many");
            ensure!(w == 0 || !memory.sealed, "sealed memory {id:?} is mapped writable");
        }
        let mut owned = Tally::new(self.spaces.places());
        for (id, process) in self.processes.iter() {
            if process.state != ProcessState::Dead {
                ensure!(self.spaces.get(process.space).is_some(), "process {id:?} has no space");
                owned.add(process.space.index());
            }
        }
        for (id, _) in self.spaces.iter() {
            let is_dead = self.work.dead_spaces_holds(&self.spaces, id);
            let owners = owned.of(id.index()) + u32::from(is_dead);
            ensure!(owners == 1, "space {id:?} belongs to {owners}");
        }
        Ok(())
    }

    /// Looks at every page that the machine shows: `shown` lists the pages of a space with what
    /// lies there, `same` says whether that is a given frame.
    ///
    /// # Errors
    /// A page is shown that no region permits, or not the frame that its object has for it.
    pub fn check_pages<E: Copy + core::fmt::Debug>(
        &self,
        shown: impl Fn(&M, &M::Space, &mut dyn FnMut(u64, E, Protection)),
        same: impl Fn(E, Option<&M::Frame>) -> bool,
    ) -> Checked {
        let mut result = Ok(());
        for (id, space) in self.spaces.iter() {
            let Some(tables) = space.tables.as_ref() else { continue };
            shown(&self.machine, tables, &mut |page, entry, protection| {
                if result.is_err() {
                    return;
                }
                let region = space.regions.holding(&self.regions, page);
                let Some(region) = region.map(|region| self.regions[region]) else {
                    result = Err(alloc::format!("space {id:?} shows page {page:#x} of no region"));
                    return;
                };
                let at = region.offset + (page - region.start);
                let frame = self.memory_frame(region.memory, at);
                // What others see too is not shown to be written.
                let own = self.memories[region.memory].frame(at).is_some();
                let shared = frame.is_some_and(|f| !own || self.machine.frame_is_shared(f));
                let spoils = shared && protection.contains(Protection::WRITE);
                if !region.protection.contains(protection) || !same(entry, frame) || spoils {
                    result = Err(alloc::format!(
                        "space {id:?} shows {entry:?} {protection:?} at page {page:#x}, not what \
                         {region:?} has there"
                    ));
                }
            });
        }
        result
    }
}
