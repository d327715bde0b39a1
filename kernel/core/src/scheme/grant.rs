//! Grants: memory that a server lent to answer an mmap.
use crate::prelude::*;
use clavis_abi::syscall::flag::MunmapFlags;

/// Names a grant.
pub type GrantId = Id<Grant>;

/// What one answered mmap lent. When its last mapping is gone the server is told once.
#[derive(Debug)]
pub struct Grant {
    /// Mappings and memory handles that live from it.
    pub(crate) refs: u32,
    pub(crate) endpoint: EndpointId,
    /// Keeps the object open until the server was told. Holds a reference.
    pub(crate) description: DescriptionId,
    /// The server's number of the object.
    pub number: u64,
    /// Offset in the object.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// `MunmapFlags`.
    pub flags: u64,
    pub(crate) account: AccountId,
    /// Order of its notice among its endpoint's messages.
    pub order: u64,
    queued: Link<Grant>,
}

links!(Grant, Grant, [], 0 => queued);

/// The protection in mmap flags.
#[must_use]
pub fn protection_of(flags: MapFlags) -> Protection {
    let mut protection = Protection::empty();
    protection.set(Protection::READ, flags.contains(MapFlags::PROT_READ));
    protection.set(Protection::WRITE, flags.contains(MapFlags::PROT_WRITE));
    protection.set(Protection::EXEC, flags.contains(MapFlags::PROT_EXEC));
    protection
}

/// The most that a mapping through a handle with those rights can permit. A private one can always
/// be written: its pages are copies.
#[must_use]
pub fn most_of(rights: Rights, private: bool) -> Protection {
    let mut most = Protection::empty();
    most.set(Protection::READ, rights.contains(Rights::MAP_READ));
    most.set(Protection::WRITE, private || rights.contains(Rights::MAP_WRITE));
    most.set(Protection::EXEC, rights.contains(Rights::MAP_EXEC));
    most
}

impl<M: Machine> Kernel<M> {
    /// One reference less; the last one becomes the server's notice.
    pub(crate) fn grant_release(&mut self, id: GrantId) {
        if !self.grants.release(id) {
            return;
        }
        let Grant { endpoint, description, .. } = self.grants[id];
        let alive = match self.descriptions[description].object {
            Object::Scheme(object) => self.scheme_alive(&object),
            _ => false,
        };
        if !alive {
            return self.grant_free(id);
        }
        let order = self.endpoints[endpoint].take_order();
        self.grants[id].order = order;
        let Self { endpoints, grants, .. } = self;
        endpoints[endpoint].unmaps.push_back(grants, id);
        self.notice_queued(endpoint);
    }

    /// Frees a grant whose notice was delivered, or that has nobody to be delivered to.
    pub(crate) fn grant_free(&mut self, id: GrantId) {
        if let Some(grant) = self.grants.remove(id) {
            self.uncharge_object::<Grant>(grant.account);
            self.description_release(grant.description);
        }
    }

    /// Takes the object that a server's address shows, for the caller of an mmap.
    pub(crate) fn lend(&mut self, id: RequestId, address: u64) -> Result<ThreadId> {
        let Request { wanted, caller, server: _, .. } = self.requests[id];
        let (Some(mut wanted), Some(caller)) = (wanted, caller) else {
            return Err(Error::new(EIO));
        };
        let space = self.cpus[0].current.ok_or(Error::new(EIO))?.space;
        let pages = pages_for(wanted.map.length)?;
        let page = page_of(address);
        let region = self.spaces[space].regions.holding(&self.regions, page);
        let region = self.regions[region.ok_or(Error::new(EIO))?];
        let memory = &self.memories[region.memory];
        refuse_if(!address.is_multiple_of(PAGE) || page.saturating_add(pages) > region.end(), EIO)?;
        let unfit =
            memory.inbox || matches!(memory.backing, Backing::CopyOf(..) | Backing::Device(_));
        refuse_if(unfit, ENODEV)?;
        let first = region.offset.wrapping_add(page.wrapping_sub(region.start));
        // What the server has it under, the client has it under.
        self.request_lease(id, region.lease)?;
        // Parts of it that the server unmaps stay for the client.
        self.memory_own(space, region.memory)?;
        wanted.lent = Some((region.memory, first, region.most));
        self.memories.retain(region.memory);
        self.requests[id].wanted = Some(wanted);
        Ok(caller)
    }

    /// Gives back what a request for memory held.
    pub(crate) fn wanted_release(&mut self, wanted: &Wanted, number: bool) {
        if let Some(out) = wanted.handle.filter(|_| number) {
            self.number_cancel(out);
        }
        if let Some((memory, ..)) = wanted.lent {
            self.memory_release(memory);
        }
    }

    /// Maps lent memory for the caller of an mmap, or gives it a handle to it.
    pub(crate) fn map_lent(&mut self, caller: &Caller, id: RequestId) -> Result<usize> {
        let Request { wanted, through, endpoint, lease, .. } = self.requests[id];
        let Some(Wanted { map, most, inherit, handle, lent: Some((memory, first, lent)) }) = wanted
        else {
            return Err(Error::new(EIO));
        };
        let flags = MapFlags::from_bits_retain(map.flags as usize);
        let private = flags.contains(MapFlags::MAP_PRIVATE);
        let mut most = most;
        if !lent.contains(Protection::EXEC) {
            most -= Protection::EXEC;
        }
        if !private && !lent.contains(Protection::WRITE) {
            most -= Protection::WRITE;
        }
        let protection = protection_of(flags);
        refuse_if(!most.contains(protection) || !lent.contains(Protection::READ), EACCES)?;
        let pages = pages_for(map.length)?;
        let account = caller.account;
        let number = match self.descriptions[through].object {
            Object::Scheme(object) => object.number,
            _ => 0,
        };
        let Some(endpoint) = endpoint else { return Err(Error::new(EIO)) };
        self.grants.reserve(&mut self.machine)?;
        self.charge_object::<Grant>(account)?;
        let shared_write = !private && protection.contains(Protection::WRITE);
        let grant = Grant {
            refs: 1,
            endpoint,
            description: through,
            number,
            offset: map.offset,
            len: map.length,
            flags: if shared_write { MunmapFlags::NEEDS_SYNC.bits() as u64 } else { 0 },
            account,
            order: 0,
            queued: Link::new(),
        };
        let grant = self.grants.insert(&mut self.machine, grant)?;
        self.descriptions.retain(through);
        let mapped = match handle {
            Some(out) => {
                let bytes = pages.saturating_mul(PAGE);
                let view = View { memory, first, pages, grant: Some(grant), bytes };
                let made = self.lent_handle(caller.account, view, most, inherit);
                made.map(|handle| {
                    self.number_fill(out, Handle { lease, ..handle });
                    if let Some(wanted) = self.requests[id].wanted.as_mut() {
                        wanted.handle = None;
                    }
                    out.number
                })
            }
            None => {
                let mapping = Mapping {
                    memory,
                    offset: first,
                    pages,
                    protection,
                    most,
                    shared: !private,
                    grant: Some(grant),
                    lease,
                };
                let place = place_of(map.address, flags);
                // It was made free before the server was asked.
                let mapped = self.map_object(caller.space, mapping, place, account);
                mapped.map_err(|error| if error.errno == AGAIN { NoMemory.into() } else { error })
            }
        };
        self.grant_release(grant);
        mapped
    }

    fn lent_handle(
        &mut self,
        account: AccountId,
        view: View,
        most: Protection,
        inherit: Rights,
    ) -> Result<Handle> {
        let description = self.description_create(account, Object::Memory(view), 0)?;
        self.memories.retain(view.memory);
        if let Some(grant) = view.grant {
            self.grants.retain(grant);
        }
        let mut rights = Rights::DUP | Rights::TRANSFER | Rights::STAT;
        let read = Rights::MAP_READ | Rights::READ | Rights::SEEK;
        rights.set(read, most.contains(Protection::READ));
        rights.set(Rights::MAP_WRITE, most.contains(Protection::WRITE));
        rights.set(Rights::MAP_EXEC, most.contains(Protection::EXEC));
        rights &= inherit;
        Ok(Handle { rights, inherit: rights, ..Handle::full(description) })
    }

    /// Maps an object. A private mapping that can be written maps a copy of its own.
    pub(crate) fn map_object(
        &mut self,
        space: SpaceId,
        mut mapping: Mapping,
        place: Place,
        account: AccountId,
    ) -> Result<usize> {
        let copies = !mapping.shared && mapping.protection.contains(Protection::WRITE);
        let start = if copies {
            let end = mapping.offset.checked_add(mapping.pages).ok_or(Error::new(EINVAL))?;
            refuse_if(end > self.memories[mapping.memory].pages, EINVAL)?;
            let backing = Backing::CopyOf(mapping.memory, mapping.offset);
            let copy = self.memory_create(account, mapping.pages.saturating_mul(PAGE), backing)?;
            self.memories[copy].private = true;
            mapping.memory = copy;
            mapping.offset = 0;
            mapping.most -= Protection::EXEC;
            let start = self.space_map(space, &mapping, place);
            self.memory_release(copy);
            start?
        } else {
            if !mapping.shared {
                // Never written: it may show the object itself, but cannot become writable.
                mapping.most -= Protection::WRITE;
            }
            self.space_map(space, &mapping, place)?
        };
        Ok(start.wrapping_mul(PAGE) as usize)
    }
}

/// Where mmap flags and an address ask a mapping to go.
#[must_use]
pub fn place_of(address: u64, flags: MapFlags) -> Place {
    let page = page_of(address);
    if flags.contains(MapFlags::MAP_FIXED_NOREPLACE) {
        Place::Free(page)
    } else if flags.contains(MapFlags::MAP_FIXED) {
        Place::Fixed(page)
    } else {
        Place::Any((page != 0).then_some(page))
    }
}
