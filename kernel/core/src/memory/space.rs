//! Spaces: what a process can address.
use super::object::LEAF;
use super::region::{RegionId, RegionTree};
use crate::prelude::*;

/// Kind of [`Space`] ids.
#[derive(Debug)]
pub enum SpaceK {}
/// Names a space.
pub type SpaceId = Id<SpaceK>;

/// Greatest number of regions in a space.
const REGIONS_MAX: u32 = 65_536;

/// A space.
#[derive(Debug)]
pub struct Space<M: Machine> {
    /// Its page tables.
    pub(crate) tables: Option<M::Space>,
    pub(crate) regions: RegionTree,
    /// Where the search for a free range starts.
    pub(crate) hint: u64,
    /// Who pays for its tables and regions.
    pub(crate) account: AccountId,
    pub(crate) table_pages: u64,
    /// Memory that is not sealed may be mapped executable.
    pub(crate) jit: bool,
    dead: Link<SpaceK>,
}

links!(SpaceK, Space<M>, [M: Machine], 0 => dead);

/// Where a new region goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Anywhere; near the hint (a page number) if that is free.
    Any(Option<u64>),
    /// Exactly there, taking the place of what is mapped.
    Fixed(u64),
    /// Exactly there, and nothing may be mapped there.
    Free(u64),
}

/// A mapping to be made.
#[derive(Clone, Copy, Debug)]
pub struct Mapping {
    /// What is shown.
    pub memory: MemoryId,
    /// From which page on.
    pub offset: u64,
    /// How many pages.
    pub pages: u64,
    /// What it permits.
    pub protection: Protection,
    /// What it can ever permit.
    pub most: Protection,
    /// Writes are seen by others.
    pub shared: bool,
    /// The grant it belongs to.
    pub grant: Option<GrantId>,
    /// What it ends with.
    pub lease: Under,
}

impl Mapping {
    /// A mapping of all pages of an object that others do not see written.
    pub(crate) fn whole(memory: MemoryId, pages: u64, protection: Protection) -> Self {
        let most = protection | Protection::READ;
        Self { memory, offset: 0, pages, protection, most, shared: false, grant: None, lease: None }
    }

    /// A mapping of what a region shows from a page on.
    pub(crate) fn part_of(region: &Region, start: u64, pages: u64, protection: Protection) -> Self {
        let Region { memory, offset, most, shared, grant, lease, .. } = *region;
        let offset = offset.wrapping_add(start.wrapping_sub(region.start));
        Self { memory, offset, pages, protection, most, shared, grant, lease }
    }
}

const FIRST: u64 = USER_START / PAGE;
const LAST: u64 = USER_END / PAGE;
/// Where the search for free ranges begins: above the usual place of fixed images.
const SEARCH: u64 = 0x1000_0000_0000 / PAGE;

impl<M: Machine> Kernel<M> {
    /// Makes an empty space.
    pub(crate) fn space_create(&mut self, account: AccountId) -> Result<SpaceId> {
        self.spaces.reserve(&mut self.machine)?;
        self.charge_object::<Space<M>>(account)?;
        let charged = self.charge_frames(account, 1);
        charged.inspect_err(|_| self.uncharge_object::<Space<M>>(account))?;
        let Some(tables) = self.machine.space_new() else {
            self.uncharge(account, Resource::Frames, 1);
            self.uncharge_object::<Space<M>>(account);
            return Err(Error::new(ENOMEM));
        };
        let space = Space {
            tables: Some(tables),
            regions: RegionTree::default(),
            hint: SEARCH,
            account,
            table_pages: 1,
            jit: false,
            dead: Link::new(),
        };
        Ok(self.spaces.insert(&mut self.machine, space)?)
    }

    /// Takes some of a dead space apart; true when it is gone.
    pub(crate) fn space_reap(&mut self, id: SpaceId) -> bool {
        // A region costs as much as several pages, however small it is.
        let mut quantum = limits::QUANTUM_PAGES as u64;
        while let Some(region) = self.spaces[id].regions.any() {
            let Region { start, pages, .. } = self.regions[region];
            if quantum == 0 {
                return false;
            }
            let pages = pages.min(quantum);
            self.region_cut(id, region, start, pages);
            quantum = quantum.saturating_sub(pages.max(16));
        }
        for cpu in self.cpus.iter_mut().filter(|cpu| cpu.loaded == Some(id)) {
            cpu.loaded = None;
            self.machine.space_load(cpu.number, None);
        }
        if let Some(space) = self.spaces.remove(id) {
            if let Some(tables) = space.tables {
                self.machine.space_free(tables);
            }
            self.uncharge(space.account, Resource::Frames, space.table_pages);
            self.uncharge_object::<Space<M>>(space.account);
        }
        true
    }

    /// Finds where a mapping goes.
    fn space_place(&mut self, id: SpaceId, pages: u64, place: Place) -> Result<u64> {
        let space = &self.spaces[id];
        let inside =
            |page: u64| page >= FIRST && page.checked_add(pages).is_some_and(|end| end <= LAST);
        if let Place::Free(page) = place
            && space.hint == SEARCH
        {
            // What is mapped anywhere lies near the image: that takes fewer tables.
            self.spaces[id].hint = page.max(FIRST);
        }
        let space = &self.spaces[id];
        let is_free = |page: u64| {
            let next = space.regions.at_or_after(&self.regions, page);
            next.is_none_or(|next| self.regions[next].start >= page.saturating_add(pages))
        };
        match place {
            Place::Fixed(page) if inside(page) => Ok(page),
            Place::Free(page) if inside(page) && is_free(page) => Ok(page),
            Place::Free(page) if inside(page) => Err(Error::new(EEXIST)),
            Place::Fixed(_) | Place::Free(_) => Err(Error::new(EINVAL)),
            Place::Any(Some(page)) if inside(page) && is_free(page) => Ok(page),
            Place::Any(_) => {
                let mut at = space.hint;
                let mut wrapped = false;
                loop {
                    if at.checked_add(pages).is_none_or(|end| end > LAST) {
                        refuse_if(wrapped, ENOMEM)?;
                        wrapped = true;
                        at = SEARCH;
                        continue;
                    }
                    match space.regions.at_or_after(&self.regions, at) {
                        Some(next) if self.regions[next].start < at.saturating_add(pages) => {
                            at = self.regions[next].end();
                        }
                        _ => break,
                    }
                }
                self.spaces[id].hint = at.saturating_add(pages);
                Ok(at)
            }
        }
    }

    /// Maps a run of an object. On success the region holds a reference to the object and to the
    /// grant of its own; the caller keeps its.
    ///
    /// # Errors
    /// `EEXIST`, `EINVAL`, `ENOMEM` by place and room; `EACCES` when the object would be mapped
    /// writable and executable; [`AGAIN`] when a quantum of what was there is gone, and there is more.
    pub(crate) fn space_map(&mut self, id: SpaceId, map: &Mapping, place: Place) -> Result<u64> {
        let memory = &self.memories[map.memory];
        let end = map.offset.checked_add(map.pages).ok_or(Error::new(EINVAL))?;
        refuse_if(map.pages == 0 || end > memory.pages, EINVAL)?;
        self.check_write_execute(id, map.memory, map.protection, map.shared)?;
        refuse_if(self.spaces[id].regions.count() >= REGIONS_MAX, ENOMEM)?;
        let start = self.space_place(id, map.pages, place)?;
        refuse_if(
            matches!(place, Place::Fixed(_)) && !self.space_unmap(id, start, map.pages)?,
            AGAIN,
        )?;
        let mut region = Region::new(start, map.pages, map.memory, map.offset);
        region.protection = map.protection;
        region.most = map.most;
        region.shared = map.shared;
        (region.grant, region.lease, region.space) = (map.grant, map.lease, Some(id));
        let region = self.region_insert(id, region)?;
        self.region_show(id, region);
        Ok(start)
    }

    /// Puts a region where no other is, with references of its own, and among those of its lease.
    fn region_insert(&mut self, id: SpaceId, region: Region) -> Result<RegionId> {
        let account = self.spaces[id].account;
        self.regions.reserve(&mut self.machine)?;
        self.charge_object::<Region>(account)?;
        self.memories.retain(region.memory);
        if let Some(grant) = region.grant {
            self.grants.retain(grant);
        }
        let region = self.regions.insert(&mut self.machine, region)?;
        self.region_count(region, true);
        let noise = self.noise();
        self.spaces[id].regions.insert(&mut self.regions, region, noise);
        let lease = self.regions[region].lease;
        if let Some(lease) = lease.and_then(|lease| self.leases.get_mut(lease)) {
            lease.regions.push_back(&mut self.regions, region);
        }
        Ok(region)
    }

    /// Whether the object may get a mapping with that protection: never writable and executable
    /// at once, executable only when sealed (or in a process that may generate code).
    pub(crate) fn check_write_execute(
        &self,
        space: SpaceId,
        memory: MemoryId,
        protection: Protection,
        shared: bool,
    ) -> Result<()> {
        let jit = self.spaces[space].jit;
        let memory = &self.memories[memory];
        let both = Protection::WRITE | Protection::EXEC;
        let writes = shared && protection.contains(Protection::WRITE);
        let executes = protection.contains(Protection::EXEC);
        refuse_if(
            protection.contains(both)
                || (writes && (memory.executors > 0 || memory.sealed))
                || (executes && memory.writers > 0)
                || (executes && !memory.sealed && !jit),
            EACCES,
        )?;
        Ok(())
    }

    /// Counts a region among the writers and executors of its object, or out again.
    fn region_count(&mut self, region: RegionId, there: bool) {
        let region = &self.regions[region];
        let memory = &mut self.memories[region.memory];
        let step = if there { 1 } else { -1 };
        if region.is_writer() {
            memory.writers = memory.writers.wrapping_add_signed(step);
        }
        if region.protection.contains(Protection::EXEC) {
            memory.executors = memory.executors.wrapping_add_signed(step);
        }
    }

    /// Enters pages that the object already has, so that they need no fault: those of device
    /// memory all, of others one quantum.
    fn region_show(&mut self, id: SpaceId, region: RegionId) {
        let Region { start, pages, memory, offset, protection, .. } = self.regions[region];
        if protection.is_empty() {
            return;
        }
        let Memory { backing, private, .. } = self.memories[memory];
        // Fresh memory has no pages yet, and most of a copy's pages are never touched.
        if private || matches!(backing, Backing::CopyOf(..)) {
            return;
        }
        let pages = pages.min(limits::QUANTUM_PAGES as u64);
        if let Backing::Device(physical) = backing {
            for page in 0..pages {
                let address = start.wrapping_add(page).wrapping_mul(PAGE);
                let physical = physical.wrapping_add(offset.wrapping_add(page).wrapping_mul(PAGE));
                if self.space_reserve(id, address, 1).is_ok()
                    && let Some(tables) = self.spaces[id].tables.as_mut()
                {
                    self.machine.space_map_device(tables, address, physical, protection);
                }
            }
            return;
        }
        let mut page = 0;
        while page < pages {
            let next = self.memories[memory].next_frame(offset.wrapping_add(page));
            page = next.wrapping_sub(offset);
            let rest = pages.saturating_sub(page).min(LEAF as u64);
            let address = start.wrapping_add(page).wrapping_mul(PAGE);
            match self.space_enter(id, address, memory, next, rest, protection) {
                Ok(passed) => page = page.saturating_add(passed.max(1)),
                // The pages are shown when they are touched.
                Err(_) => return,
            }
        }
    }

    /// Makes the tables for some pages.
    pub(crate) fn space_reserve(&mut self, id: SpaceId, address: u64, pages: usize) -> Result<()> {
        let space = &mut self.spaces[id];
        let Some(tables) = space.tables.as_mut() else { return Err(Error::new(ENOMEM)) };
        let taken = self.machine.space_reserve(tables, address, pages)?;
        if taken > 0 {
            let account = space.account;
            space.table_pages = space.table_pages.wrapping_add(taken as u64);
            let charged = self.charge_frames(account, taken as u64);
            // The tables stay until the space dies; they are not charged twice.
            let space = &mut self.spaces[id];
            charged.inspect_err(|_| space.table_pages -= taken as u64)?;
        }
        Ok(())
    }

    /// Enters the frames that an object shows for a run of pages, as far as that is one leaf of it.
    /// Returns how many pages that is.
    ///
    /// # Errors
    /// `ENOMEM` when there are no frames for tables. Nothing is entered from there on.
    pub(crate) fn space_enter(
        &mut self,
        id: SpaceId,
        address: u64,
        memory: MemoryId,
        page: u64,
        pages: u64,
        protection: Protection,
    ) -> Result<u64> {
        let mut passed = 0;
        loop {
            let Self { machine, spaces, memories, .. } = self;
            let Some(tables) = spaces[id].tables.as_mut() else { return Err(Error::new(ENOMEM)) };
            let object = &memories[memory];
            let shown = match object.backing {
                // A single page may be that of the original.
                Backing::CopyOf(parent, first) if object.frame(page).is_none() => {
                    memories[parent].run(first.saturating_add(page), 1)
                }
                _ => object.run(page, pages),
            };
            let rest = shown.get(passed..).unwrap_or(&[]);
            let at = address.wrapping_add((passed as u64).wrapping_mul(PAGE));
            passed = passed.wrapping_add(machine.space_map(tables, at, rest, protection));
            if passed >= shown.len() {
                return Ok(passed as u64);
            }
            let at = address.wrapping_add((passed as u64).wrapping_mul(PAGE));
            self.space_reserve(id, at, 1)?;
        }
    }

    /// Takes pages of a region off the tables.
    pub(crate) fn region_hide(&mut self, id: SpaceId, region: &Region, from: u64, pages: u64) {
        /// Pages that are taken off at once where few are there.
        const RUN: u64 = 8;
        let Self { machine, spaces, memories, .. } = self;
        let Some(tables) = spaces[id].tables.as_mut() else { return };
        let object: &Memory<M::Frame> = &memories[region.memory];
        if !object.private || object.backing != Backing::Zero {
            return machine.space_unmap(tables, from.wrapping_mul(PAGE), pages as usize);
        }
        // It shows what frames it has, nothing else.
        let shift = region.start.wrapping_sub(region.offset);
        let mut at = object.next_frame(from.wrapping_sub(shift));
        let end = from.wrapping_sub(shift).saturating_add(pages);
        while at < end {
            let run = RUN.min(end.saturating_sub(at));
            let address = at.wrapping_add(shift).wrapping_mul(PAGE);
            machine.space_unmap(tables, address, run as usize);
            at = object.next_frame(at.saturating_add(run));
        }
    }

    /// Makes a range free of mappings. `Ok(true)`: done; `Ok(false)`: a quantum of it.
    ///
    /// # Errors
    /// `ENOMEM` when a region had to be split and there was no memory for that.
    pub(crate) fn space_unmap(&mut self, id: SpaceId, start: u64, pages: u64) -> Result<bool> {
        let end = start.saturating_add(pages);
        let mut quantum = limits::QUANTUM_PAGES as u64;
        loop {
            let Some(next) = self.spaces[id].regions.at_or_after(&self.regions, start) else {
                return Ok(true);
            };
            let region = self.regions[next];
            if region.start >= end {
                return Ok(true);
            }
            if quantum == 0 {
                return Ok(false);
            }
            let from = region.start.max(start);
            let to = region.end().min(end).min(from.saturating_add(quantum));
            if from > region.start && to < region.end() {
                self.region_split(id, next, to)?;
            }
            // A region costs as much as several pages, however small it is.
            quantum = quantum.saturating_sub(to.saturating_sub(from).max(16));
            self.region_cut(id, next, from, to.saturating_sub(from));
        }
    }

    /// Splits a region at a page inside it: the part from there on becomes one of its own, which is
    /// returned.
    fn region_split(&mut self, id: SpaceId, region: RegionId, at: u64) -> Result<RegionId> {
        let old = self.regions[region];
        let head = at.saturating_sub(old.start);
        let mut tail = old;
        tail.start = at;
        tail.pages = old.pages.saturating_sub(head);
        tail.offset = old.offset.wrapping_add(head);
        tail.of_lease = Link::new();
        // The tree has both only once the first is shorter.
        self.regions[region].pages = head;
        let split = self.region_insert(id, tail);
        split.inspect_err(|_| self.regions[region].pages = old.pages)
    }

    /// Unmaps at most so many pages of what was mapped under a lease that has ended. Returns how
    /// much of a quantum that was.
    pub(crate) fn region_revoke(&mut self, region: RegionId, pages: u64) -> u64 {
        let Region { start, pages: all, space, .. } = self.regions[region];
        let pages = pages.min(all);
        if let Some(space) = space {
            self.region_cut(space, region, start, pages);
        }
        // A region costs as much as several pages, however small it is.
        pages.max(16)
    }

    /// Unmaps pages at one end of a region, or all of it. Needs no memory.
    fn region_cut(&mut self, id: SpaceId, region: RegionId, from: u64, pages: u64) {
        let old = self.regions[region];
        self.region_hide(id, &old, from, pages);
        let Memory { private, refs, .. } = self.memories[old.memory];
        // An object that goes with its region gives all its frames back at once.
        if private && (refs > 1 || pages < old.pages) {
            let first = old.offset.wrapping_add(from.saturating_sub(old.start));
            self.memory_discard(old.memory, first, pages);
        }
        self.region_trim(id, region, from, pages);
    }

    /// Takes pages off one end of a region, or all of it. What they show stays as it is.
    pub(crate) fn region_trim(&mut self, id: SpaceId, region: RegionId, from: u64, pages: u64) {
        let old = self.regions[region];
        if pages >= old.pages {
            self.spaces[id].regions.remove(&mut self.regions, region);
            self.region_count(region, false);
            if let Some(lease) = old.lease.and_then(|lease| self.leases.get_mut(lease)) {
                lease.regions.remove(&mut self.regions, region);
            }
            self.regions.remove(region);
            let account = self.spaces[id].account;
            self.uncharge_object::<Region>(account);
            self.memory_release(old.memory);
            if let Some(grant) = old.grant {
                self.grant_release(grant);
            }
        } else if from == old.start {
            // The order in the tree does not change: the region only gets shorter.
            let region = &mut self.regions[region];
            region.start = old.start.wrapping_add(pages);
            region.offset = old.offset.wrapping_add(pages);
            region.pages = old.pages.wrapping_sub(pages);
        } else {
            self.regions[region].pages = old.pages.wrapping_sub(pages);
        }
    }

    /// Changes what a range permits, a quantum of it. Where to go on; `None`: that was all.
    ///
    /// # Errors
    /// `ENOMEM`, `EACCES` at the first page that is not mapped, or may not become so.
    pub(crate) fn space_protect(
        &mut self,
        id: SpaceId,
        mut at: u64,
        end: u64,
        protection: Protection,
    ) -> Result<Option<u64>> {
        let mut quantum = limits::QUANTUM_PAGES as u64;
        while at < end {
            if quantum == 0 {
                return Ok(Some(at));
            }
            let region = self.spaces[id].regions.find(&self.regions, at);
            let region = region.ok_or(Error::new(ENOMEM))?;
            let Region { most, memory, shared, protection: old, .. } = self.regions[region];
            refuse_if(!most.contains(protection), EACCES)?;
            self.check_write_execute(id, memory, protection, shared)?;
            let mut to = self.regions[region].end().min(end);
            if old != protection {
                to = to.min(at.saturating_add(quantum));
                self.region_protect(id, region, at, to, protection)?;
                quantum = quantum.saturating_sub(to.saturating_sub(at));
            }
            // A region costs as much as several pages, however small it is.
            quantum = quantum.saturating_sub(16);
            at = to;
        }
        Ok(None)
    }

    /// Sets what a region permits that is shown nowhere.
    pub(crate) fn region_permit(&mut self, region: RegionId, protection: Protection) {
        self.region_count(region, false);
        self.regions[region].protection = protection;
        self.region_count(region, true);
    }

    /// Gives a part of a region another protection. It joins the region before it, if that is alike,
    /// or becomes one of its own.
    fn region_protect(
        &mut self,
        id: SpaceId,
        region: RegionId,
        from: u64,
        to: u64,
        protection: Protection,
    ) -> Result<()> {
        let mut part = region;
        let old = self.regions[region];
        let before = self.spaces[id].regions.holding(&self.regions, from.wrapping_sub(1));
        let mut changed = old;
        changed.protection = protection;
        let alike =
            |before: &RegionId| from == old.start && self.regions[*before].goes_on_as(&changed);
        if let Some(before) = before.filter(alike) {
            let pages = to.saturating_sub(from);
            self.region_hide(id, &old, from, pages);
            self.regions[before].pages = self.regions[before].pages.wrapping_add(pages);
            self.region_trim(id, region, from, pages);
            return Ok(());
        }
        if from > old.start {
            part = self.region_split(id, part, from)?;
        }
        if to < old.end() {
            self.region_split(id, part, to)?;
        }
        self.region_permit(part, protection);
        // Narrower or wider: the next touch enters each page anew.
        self.region_hide(id, &old, from, to.saturating_sub(from));
        Ok(())
    }
}
