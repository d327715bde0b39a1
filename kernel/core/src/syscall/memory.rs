//! Calls on memory: map, unmap, protect, seal.
use crate::handle::Handle;
use crate::handle::description::{Object, View};
use crate::handle::table::Reserved;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::memory::object::Backing;
use crate::memory::region::Region;
use crate::memory::space::{Mapping, Place, SpaceId};
use crate::memory::{PAGE, Protection, page_of, pages_for};
use crate::run::{Caller, Outcome, Reply};
use crate::scheme::grant::{most_of, place_of, protection_of};
use crate::scheme::request::Wanted;
use crate::scheme::send::Makes;
use crate::task::process::ProcessState;
use clavis_abi::Rights;
use clavis_abi::class::Class;
use clavis_abi::error::{EBUSY, EINVAL, ENODEV, ENOMEM, Error, Result};
use clavis_abi::params::{MAP_SELF, MapParams, process_flags};
use clavis_abi::syscall::data::Map;
use clavis_abi::syscall::flag::{MapFlags, MremapFlags};

impl<M: Machine> Kernel<M> {
    /// Maps a handle, or anonymous memory, into the calling process.
    pub(crate) fn sys_fmap(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, map, size, ..] = args;
        if size < size_of::<Map>() {
            return Err(Error::new(EINVAL));
        }
        let mut wire = Map::default();
        let slice = crate::memory::user::UserSlice::new(map, size_of::<Map>())?;
        self.read_user(caller.space, slice.address, &mut wire)?;
        let params = MapParams {
            memory: fd as u64,
            offset: wire.offset as u64,
            address: wire.address as u64,
            length: wire.size as u64,
            flags: wire.flags.bits() as u64,
        };
        self.map(caller, caller.space, &params)
    }

    /// Maps into a process: the caller's own or one that it builds.
    pub(crate) fn sys_map(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [process, params, size, ..] = args;
        let space = if process == MAP_SELF {
            caller.space
        } else {
            let (_, object) = self.door_object(caller, process, Rights::MANAGE)?;
            let Object::Process(id) = object else { return Err(Error::new(EINVAL)) };
            let target = &self.processes[id];
            let open = match target.state {
                ProcessState::Building => true,
                ProcessState::Running => target.flags & process_flags::DEBUG != 0,
                ProcessState::Copying | ProcessState::Dead => false,
            };
            if !open {
                return Err(Error::new(EBUSY));
            }
            target.space
        };
        let params: MapParams = self.read_struct(caller.space, params, size)?;
        self.map(caller, space, &params)
    }

    fn map(&mut self, caller: &Caller, space: SpaceId, params: &MapParams) -> Reply {
        let flags = MapFlags::from_bits_retain(params.flags as usize);
        let (shared, private) =
            (flags.contains(MapFlags::MAP_SHARED), flags.contains(MapFlags::MAP_PRIVATE));
        let pages =
            pages_for(params.length).filter(|pages| *pages > 0).ok_or(Error::new(EINVAL))?;
        if shared == private
            || !params.offset.is_multiple_of(PAGE)
            || !params.address.is_multiple_of(PAGE)
        {
            return Err(Error::new(EINVAL));
        }
        let place = place_of(params.address, flags);
        let protection = protection_of(flags);
        let account = self.spaces[space].account;
        if params.memory == u64::MAX {
            return self.map_anonymous(space, pages, protection, private, place);
        }
        let fd = params.memory as usize;
        let mut need = Rights::empty();
        need.set(Rights::MAP_READ, protection.intersects(Protection::READ | Protection::WRITE));
        need.set(Rights::MAP_WRITE, shared && protection.contains(Protection::WRITE));
        need.set(Rights::MAP_EXEC, protection.contains(Protection::EXEC));
        let (handle, object) = self.door_object(caller, fd, need)?;
        let most = most_of(handle.rights, private);
        match object {
            Object::Memory(view) => {
                let first = params.offset / PAGE;
                if first.checked_add(pages).is_none_or(|end| end > view.pages) {
                    return Err(Error::new(EINVAL));
                }
                let mut most = most;
                if shared && self.memories[view.memory].sealed {
                    most -= Protection::WRITE;
                }
                let mapping = Mapping {
                    memory: view.memory,
                    offset: view.first.saturating_add(first),
                    pages,
                    protection,
                    most,
                    shared,
                    grant: view.grant,
                };
                let address = self.map_object(space, mapping, place, account)?;
                Ok(Outcome::Done(address))
            }
            Object::Scheme(object) if space == caller.space => {
                let inherit = handle.inherit;
                let wanted = Wanted { map: *params, most, inherit, handle: None, lent: None };
                self.ask_memory(caller, handle, object, wanted, None)
            }
            _ => Err(Error::new(ENODEV)),
        }
    }

    fn map_anonymous(
        &mut self,
        space: SpaceId,
        pages: u64,
        protection: Protection,
        private: bool,
        place: Place,
    ) -> Reply {
        let account = self.spaces[space].account;
        let memory = self.memory_create(account, pages.saturating_mul(PAGE), Backing::Zero)?;
        self.memories[memory].private = private;
        let mapping = Mapping {
            memory,
            offset: 0,
            pages,
            protection,
            most: Protection::all(),
            shared: !private,
            grant: None,
        };
        let start = self.space_map(space, &mapping, place);
        self.memory_release(memory);
        Ok(Outcome::Done(start?.wrapping_mul(PAGE) as usize))
    }

    /// Asks a server for memory of its own to map.
    fn ask_memory(
        &mut self,
        caller: &Caller,
        handle: Handle,
        object: crate::handle::description::SchemeObject,
        wanted: Wanted,
        out: Option<usize>,
    ) -> Reply {
        let message = self.message(caller, Class::MmapPrep, &handle, &object)?;
        let pages = pages_for(wanted.map.length).ok_or(Error::new(EINVAL))?;
        message.sqe.args[1] = pages.saturating_mul(PAGE);
        message.sqe.args[2] = wanted.map.flags;
        message.sqe.args[3] = wanted.map.offset;
        self.submit(caller, |kernel| {
            let handle: Option<Reserved> = match out {
                Some(out) => Some(kernel.number_reserve(caller.table, out)?),
                None => None,
            };
            Ok(Makes { wanted: Some(Wanted { handle, ..wanted }), ..Makes::default() })
        })
    }

    /// A memory handle to what a handle shows when it is mapped.
    pub(crate) fn sys_memory_of(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, offset, length, flags, out] = args;
        let flags = MapFlags::from_bits_retain(flags) & (MapFlags::PROT_READ | MapFlags::PROT_EXEC);
        let protection = protection_of(flags);
        let mut need = Rights::empty();
        need.set(Rights::MAP_READ, !protection.contains(Protection::EXEC));
        need.set(Rights::MAP_EXEC, protection.contains(Protection::EXEC));
        let (handle, object) = self.door_object(caller, fd, need)?;
        let pages = pages_for(length as u64).filter(|n| *n > 0).ok_or(Error::new(EINVAL))?;
        if !(offset as u64).is_multiple_of(PAGE) {
            return Err(Error::new(EINVAL));
        }
        let mut most = most_of(handle.rights, false) - Protection::WRITE;
        // Memory that may be executed may be read: the two cannot be told apart on this machine.
        most |= Protection::READ;
        match object {
            Object::Memory(view) => {
                let first = offset as u64 / PAGE;
                if first.checked_add(pages).is_none_or(|end| end > view.pages) {
                    return Err(Error::new(EINVAL));
                }
                let reserved = self.number_reserve(caller.table, out)?;
                let account = self.processes[caller.process].account;
                self.memory_retain(view.memory);
                if let Some(grant) = view.grant {
                    self.grant_retain(grant);
                }
                let view = View {
                    first: view.first.saturating_add(first),
                    pages,
                    bytes: (length as u64).min(view.bytes.saturating_sub(offset as u64)),
                    ..view
                };
                let made = self.handle_create(account, Object::Memory(view));
                let rights = (handle.rights & handle.inherit) - (Rights::MAP_WRITE | Rights::WRITE);
                self.new_handle(reserved, made, rights, rights & handle.inherit)
            }
            Object::Scheme(object) => {
                let map = MapParams {
                    memory: fd as u64,
                    offset: offset as u64,
                    address: 0,
                    length: length as u64,
                    flags: (flags | MapFlags::MAP_SHARED).bits() as u64,
                };
                let inherit = handle.inherit;
                let wanted = Wanted { map, most, inherit, handle: None, lent: None };
                self.ask_memory(caller, handle, object, wanted, Some(out))
            }
            _ => Err(Error::new(ENODEV)),
        }
    }

    /// Makes memory unwritable for ever, so that it may be executed.
    pub(crate) fn sys_seal(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let (_, object) = self.door_object(caller, args[0], Rights::MAP_WRITE)?;
        let Object::Memory(view) = object else { return Err(Error::new(EINVAL)) };
        let memory = &mut self.memories[view.memory];
        if memory.writers > 0 || matches!(memory.backing, Backing::Device(_)) {
            return Err(Error::new(EBUSY));
        }
        memory.sealed = true;
        Ok(Outcome::Done(0))
    }

    /// Unmaps a range, a quantum at a time.
    pub(crate) fn sys_funmap(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let (start, pages) = range(args[0], args[1])?;
        if self.space_unmap(caller.space, start, pages)? {
            return Ok(Outcome::Done(0));
        }
        self.threads[caller.thread].resume = crate::task::thread::Resume::Retry;
        Ok(Outcome::More)
    }

    /// Changes what a range permits.
    pub(crate) fn sys_mprotect(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let (start, pages) = range(args[0], args[1])?;
        let protection = protection_of(MapFlags::from_bits_retain(args[2]));
        self.space_protect(caller.space, start, pages, protection)?;
        Ok(Outcome::Done(0))
    }

    /// Resizes or moves a mapping, or shows it a second time.
    pub(crate) fn sys_mremap(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [old, old_size, new, new_size, flags] = args;
        let flags = MremapFlags::from_bits_truncate(flags);
        let (old_start, old_pages) = range(old, old_size)?;
        let new_pages =
            pages_for(new_size as u64).filter(|pages| *pages > 0).ok_or(Error::new(EINVAL))?;
        let region = self.spaces[caller.space].regions.holding(&self.regions, old_start);
        let region: Region = self.regions[region.ok_or(Error::new(ENOMEM))?];
        if old_start.saturating_add(old_pages) > region.end() {
            return Err(Error::new(EINVAL));
        }
        let place = if flags.contains(MremapFlags::FIXED_REPLACE) {
            Place::Fixed(page_of(new as u64))
        } else if flags.contains(MremapFlags::FIXED) {
            Place::Free(page_of(new as u64))
        } else {
            Place::Any(None)
        };
        if !(new as u64).is_multiple_of(PAGE) {
            return Err(Error::new(EINVAL));
        }
        let keeps = flags.contains(MremapFlags::KEEP_OLD);
        if let Place::Fixed(to) = place
            && to < old_start.saturating_add(old_pages)
            && old_start < to.saturating_add(new_pages)
        {
            // It would take its own place.
            return Err(Error::new(EINVAL));
        }
        if !keeps && new_pages <= old_pages && matches!(place, Place::Any(_)) {
            let cut = old_pages.saturating_sub(new_pages);
            if cut > 0 {
                self.space_unmap_all(caller.space, old_start.saturating_add(new_pages), cut)?;
            }
            return Ok(Outcome::Done(old));
        }
        let offset = region.offset.wrapping_add(old_start.saturating_sub(region.start));
        let whole = region.offset == 0 && region.pages == self.memories[region.memory].pages;
        if old_start.saturating_add(new_pages) > region.end() {
            // Only anonymous memory of its own can grow; what else an object holds was not given.
            let memory = &self.memories[region.memory];
            let all = old_start == region.start && old_pages == region.pages && whole;
            let own = memory.private && memory.backing == Backing::Zero && all && !keeps;
            if !own {
                return Err(Error::new(EINVAL));
            }
            self.memory_extend(region.memory, new_pages)?;
        } else if new_pages > old_pages && !keeps && self.memories[region.memory].private {
            // The pages behind the range are somebody's: they cannot be its new ones as well.
            return Err(Error::new(EINVAL));
        }
        if keeps {
            self.memory_own(caller.space, region.memory)?;
        }
        let mapping = Mapping {
            memory: region.memory,
            offset,
            pages: new_pages,
            protection: region.protection,
            most: region.most,
            shared: region.shared,
            grant: region.grant,
        };
        let start = self.space_map(caller.space, &mapping, place)?;
        if !keeps {
            // The frames stay: they are shown at the new place.
            let private = core::mem::take(&mut self.memories[region.memory].private);
            let unmapped = self.space_unmap_all(caller.space, old_start, old_pages);
            if let Err(error) = unmapped {
                // Only its first step can fail: nothing is unmapped, and the move is undone.
                self.space_unmap_all(caller.space, start, new_pages)?;
                self.memories[region.memory].private = private;
                return Err(error);
            }
            self.memories[region.memory].private = private;
        }
        Ok(Outcome::Done(start.wrapping_mul(PAGE) as usize))
    }

    fn space_unmap_all(&mut self, space: SpaceId, start: u64, pages: u64) -> Result<()> {
        while !self.space_unmap(space, start, pages)? {}
        Ok(())
    }
}

/// A page-aligned range as pages; its length is rounded up.
fn range(address: usize, length: usize) -> Result<(u64, u64)> {
    let pages = pages_for(length as u64).filter(|pages| *pages > 0).ok_or(Error::new(EINVAL))?;
    let start = page_of(address as u64);
    if !(address as u64).is_multiple_of(PAGE) || start.checked_add(pages).is_none() {
        return Err(Error::new(EINVAL));
    }
    Ok((start, pages))
}
