//! Calls on memory: map, unmap, protect, seal.
use crate::prelude::*;
use crate::scheme::grant::{most_of, place_of, protection_of};
use clavis_abi::params::MAP_SELF;
use clavis_abi::syscall::data::Map;
use clavis_abi::syscall::flag::MremapFlags;

impl<M: Machine> Kernel<M> {
    /// Maps a handle, or anonymous memory, into the calling process.
    pub(crate) fn sys_fmap(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, map, size, ..] = args;
        refuse_if(size < size_of::<Map>(), EINVAL)?;
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
            refuse_if(!open, EBUSY)?;
            target.space
        };
        let params: MapParams = self.read_struct(caller.space, params, size)?;
        self.map(caller, space, &params)
    }

    fn map(&mut self, caller: &Caller, space: SpaceId, params: &MapParams) -> Reply {
        let flags = MapFlags::from_bits_retain(params.flags as usize);
        let (shared, private) =
            (flags.contains(MapFlags::MAP_SHARED), flags.contains(MapFlags::MAP_PRIVATE));
        let length = params.length;
        let pages = pages_for(length)?;
        refuse_if(
            shared == private
                || !params.offset.is_multiple_of(PAGE)
                || !params.address.is_multiple_of(PAGE),
            EINVAL,
        )?;
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
        // It shows whole pages.
        let bytes = pages.saturating_mul(PAGE);
        refuse_if((self.lease_bytes(caller, &handle, bytes as usize)? as u64) < bytes, EEXPIRED)?;
        let most = most_of(handle.rights, private);
        match object {
            Object::Memory(view) => {
                let first = params.offset / PAGE;
                refuse_if(first.checked_add(pages).is_none_or(|end| end > view.pages), EINVAL)?;
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
                    lease: handle.lease,
                };
                let address = self.map_object(space, mapping, place, account)?;
                Ok(Outcome::Done(address))
            }
            Object::Scheme(object) if space == caller.space => {
                if let Place::Fixed(page) = place {
                    self.clear(space, page, pages)?;
                }
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
        let whole = Mapping::whole(memory, pages, protection);
        let mapping = Mapping { most: Protection::all(), shared: !private, ..whole };
        let start = self.space_map(space, &mapping, place);
        self.memory_release(memory);
        Ok(Outcome::Done(start?.wrapping_mul(PAGE) as usize))
    }

    /// Asks a server for memory of its own to map.
    fn ask_memory(
        &mut self,
        caller: &Caller,
        handle: Handle,
        object: SchemeObject,
        wanted: Wanted,
        out: Option<usize>,
    ) -> Reply {
        let message = self.message(caller, Class::MmapPrep, &handle, &object)?;
        let pages = pages_for(wanted.map.length)?;
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
        let pages = pages_for(length as u64)?;
        refuse_if(!(offset as u64).is_multiple_of(PAGE), EINVAL)?;
        let mut most = most_of(handle.rights, false) - Protection::WRITE;
        // Memory that may be executed may be read: the two cannot be told apart on this machine.
        most |= Protection::READ;
        match object {
            Object::Memory(view) => {
                let first = offset as u64 / PAGE;
                refuse_if(first.checked_add(pages).is_none_or(|end| end > view.pages), EINVAL)?;
                let bytes = (length as u64).min(view.bytes.saturating_sub(offset as u64));
                let first = view.first.saturating_add(first);
                let rights = (handle.rights & handle.inherit) - (Rights::MAP_WRITE | Rights::WRITE);
                let made = self.number_with(caller.table, out, |kernel| {
                    kernel.memories.retain(view.memory);
                    if let Some(grant) = view.grant {
                        kernel.grants.retain(grant);
                    }
                    let view = Object::Memory(View { first, pages, bytes, ..view });
                    let made = kernel.handle_create(caller.account, view)?.through(&handle);
                    Ok(made.narrowed(rights, rights, 0))
                });
                made.map(Outcome::Done)
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
        refuse_if(memory.writers > 0 || matches!(memory.backing, Backing::Device(_)), EBUSY)?;
        memory.sealed = true;
        Ok(Outcome::Done(0))
    }

    /// Unmaps a range, a quantum at a time.
    pub(crate) fn sys_funmap(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let (start, pages) = range(args[0], args[1])?;
        self.clear(caller.space, start, pages)?;
        Ok(Outcome::Done(0))
    }

    /// Changes what a range permits, a quantum at a time.
    pub(crate) fn sys_mprotect(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let (start, pages) = range(args[0], args[1])?;
        let protection = protection_of(MapFlags::from_bits_retain(args[2]));
        let done = self.threads[caller.thread].progress as u64;
        let end = start.saturating_add(pages);
        let at = start.saturating_add(done);
        match self.space_protect(caller.space, at, end, protection)? {
            None => Ok(Outcome::Done(0)),
            Some(at) => {
                self.threads[caller.thread].progress = at.saturating_sub(start) as usize;
                Err(Error::new(AGAIN))
            }
        }
    }

    /// Resizes or moves a mapping, or shows it a second time. What it takes long for comes first, a
    /// quantum at a time, with the mapping closed to all; then it appears at its place at once.
    pub(crate) fn sys_mremap(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let start = self.remap(caller, args);
        if !start.is_err_and(|error| error.errno == AGAIN) {
            self.threads[caller.thread].progress = 0;
        }
        Ok(Outcome::Done(start?.wrapping_mul(PAGE) as usize))
    }

    fn remap(&mut self, caller: &Caller, args: [usize; 5]) -> Result<u64> {
        let [old, old_size, new, new_size, flags] = args;
        let flags = MremapFlags::from_bits_truncate(flags);
        let keeps = flags.contains(MremapFlags::KEEP_OLD);
        let (old_start, old_pages) = range(old, old_size)?;
        let new_pages = pages_for(new_size as u64)?;
        let place = if flags.contains(MremapFlags::FIXED_REPLACE) {
            Place::Fixed(page_of(new as u64))
        } else if flags.contains(MremapFlags::FIXED) {
            Place::Free(page_of(new as u64))
        } else {
            Place::Any(None)
        };
        let space = caller.space;
        let region = self.spaces[space].regions.holding(&self.regions, old_start);
        let region: Region = self.regions[region.ok_or(Error::new(ENOMEM))?];
        // What it permits, plus one, once it is on its way.
        let protection = match self.threads[caller.thread].progress.checked_sub(1) {
            Some(bits) => Protection::from_bits_truncate(bits as u8),
            None => {
                self.check_remap(&region, (old_start, old_pages), new_pages, keeps)?;
                let taken = |to: u64| {
                    to < old_start.saturating_add(old_pages)
                        && old_start < to.saturating_add(new_pages)
                };
                // It would take its own place.
                let overlaps = matches!(place, Place::Fixed(to) if taken(to));
                refuse_if(overlaps || !(new as u64).is_multiple_of(PAGE), EINVAL)?;
                region.protection
            }
        };
        self.threads[caller.thread].progress = usize::from(protection.bits()).wrapping_add(1);
        let left = old_pages.min(new_pages);
        if !keeps {
            let (cut, pages) = (old_start.saturating_add(left), old_pages.saturating_sub(left));
            self.clear(space, cut, pages)?;
            if new_pages <= old_pages && matches!(place, Place::Any(_)) {
                return Ok(old_start);
            }
        }
        if let Place::Fixed(page) = place {
            self.clear(space, page, new_pages)?;
        }
        if keeps {
            self.memory_own(space, region.memory)?;
            let mapping = Mapping::part_of(&region, old_start, new_pages, protection);
            return self.space_map(space, &mapping, place);
        }
        let end = old_start.saturating_add(left);
        refuse_if(
            self.space_protect(space, old_start, end, Protection::empty())?.is_some(),
            AGAIN,
        )?;
        self.mapping_move(space, (old_start, left), new_pages, protection, place)
    }

    /// Whether a range of a region can become one of that many pages.
    fn check_remap(
        &self,
        region: &Region,
        (start, pages): (u64, u64),
        new_pages: u64,
        keeps: bool,
    ) -> Result<()> {
        let memory = &self.memories[region.memory];
        let inside = start.saturating_add(pages) <= region.end();
        let fits = if start.saturating_add(new_pages) > region.end() {
            // Only anonymous memory of its own can grow; what else an object holds was not given.
            let whole = region.offset == 0 && region.pages == memory.pages;
            let all = start == region.start && pages == region.pages && whole;
            memory.private && memory.backing == Backing::Zero && all && !keeps
        } else {
            // The pages behind the range are somebody's: they cannot be its new ones as well.
            new_pages <= pages || keeps || !memory.private
        };
        if inside && fits { Ok(()) } else { Err(Error::new(EINVAL)) }
    }

    /// Has a mapping appear at another place that is shown nowhere, at once.
    fn mapping_move(
        &mut self,
        space: SpaceId,
        (start, pages): (u64, u64),
        new_pages: u64,
        protection: Protection,
        place: Place,
    ) -> Result<u64> {
        let id = self.spaces[space].regions.holding(&self.regions, start);
        let id = id.ok_or(Error::new(ENOMEM))?;
        let region: Region = self.regions[id];
        // Other threads may have changed it meanwhile.
        refuse_if(
            (region.start, region.pages) != (start, pages) || !region.protection.is_empty(),
            EINVAL,
        )?;
        let grows = self.memories[region.memory].private && new_pages > pages;
        let fits = if grows {
            let fits = self.check_remap(&region, (start, pages), new_pages, false);
            fits.and_then(|()| self.memory_extend(region.memory, new_pages))
        } else {
            Ok(())
        };
        let moved = fits.and_then(|()| {
            let mapping = Mapping::part_of(&region, start, new_pages, protection);
            self.space_map(space, &mapping, place)
        });
        match moved {
            // The frames stay: they are shown at the new place.
            Ok(_) => self.region_trim(space, id, start, pages),
            Err(_) => self.region_permit(id, protection),
        }
        moved
    }

    /// Makes a range free, a quantum at a time.
    fn clear(&mut self, space: SpaceId, start: u64, pages: u64) -> Result<()> {
        let done = pages == 0 || self.space_unmap(space, start, pages)?;
        if done { Ok(()) } else { Err(Error::new(AGAIN)) }
    }
}

/// A page-aligned range as pages; its length is rounded up.
fn range(address: usize, length: usize) -> Result<(u64, u64)> {
    let pages = pages_for(length as u64)?;
    let start = page_of(address as u64);
    refuse_if(
        !(address as u64).is_multiple_of(PAGE) || start.checked_add(pages).is_none(),
        EINVAL,
    )?;
    Ok((start, pages))
}
