//! Copies of a space for fork. What is private is shared frame by frame until somebody writes
//! (copy-on-write); what is shared stays shared; inboxes and device memory stay behind.
//!
//! Frames are shared between *private* objects only. Each page of such an object is shown in one
//! place, so a page that is copied at its first write has one entry to change. Before an object is
//! shown in a second place ([`Kernel::memory_own`]), it stops sharing and is private no more.
use super::object::{LEAF, Leaf};
use crate::prelude::*;

impl<M: Machine> Kernel<M> {
    /// Copies a quantum of a space into another, from page `at` on. Where to go on; `None`: that
    /// was all. The other space only grows, and is whole whenever this fails. For memory that cannot
    /// be had, what ended processes left is taken apart first.
    pub(crate) fn space_copy(
        &mut self,
        from: SpaceId,
        to: SpaceId,
        mut at: u64,
    ) -> Result<Option<u64>> {
        let mut quantum = limits::QUANTUM_PAGES as u64;
        while let Some(id) = self.spaces[from].regions.at_or_after(&self.regions, at) {
            if quantum == 0 {
                return Ok(Some(at));
            }
            let region = self.regions[id];
            at = at.max(region.start);
            let Memory { inbox, backing, .. } = self.memories[region.memory];
            if inbox || matches!(backing, Backing::Device(_)) {
                at = region.end();
                quantum = quantum.saturating_sub(1);
                continue;
            }
            let there = self.spaces[to].regions.holding(&self.regions, at);
            let there = match there {
                Some(there) => self.regions[there],
                None => {
                    let copied = self.region_copy(to, &region, at);
                    if copied.is_err() && self.reap() {
                        return Ok(Some(at));
                    }
                    copied?;
                    // A region costs as much as several pages, however small it is.
                    quantum = quantum.saturating_sub(16);
                    let there = self.spaces[to].regions.holding(&self.regions, at);
                    self.regions[there.ok_or(Error::new(ENOMEM))?]
                }
            };
            let end = region.end().min(there.end());
            if there.memory == region.memory || !self.memories[there.memory].private {
                quantum = quantum.saturating_sub(end.saturating_sub(at).min(64));
                at = end;
                continue;
            }
            while at < end && quantum > 0 {
                let page = region.offset.wrapping_add(at.wrapping_sub(region.start));
                let next = self.memories[region.memory].next_frame(page);
                at = at.saturating_add(next.wrapping_sub(page)).min(end);
                quantum = quantum.saturating_sub(1);
                if at < end && self.memories[region.memory].frame(next).is_some() {
                    let pages = end.saturating_sub(at).min(quantum.max(1));
                    let copied = self.pages_copy(from, &region, to, &there, at, pages);
                    if copied.is_err() && self.reap() {
                        return Ok(Some(at));
                    }
                    let copied = copied?;
                    quantum = quantum.saturating_sub(copied);
                    at = at.saturating_add(copied);
                }
            }
        }
        Ok(None)
    }

    /// Makes a region like the rest of another from page `at` on: over the same object, or over a
    /// new one where writes are not to be seen by both.
    fn region_copy(&mut self, to: SpaceId, region: &Region, at: u64) -> Result<()> {
        let offset = region.offset.wrapping_add(at.wrapping_sub(region.start));
        let Memory { private, backing, .. } = self.memories[region.memory];
        let pages = region.end().saturating_sub(at);
        let mut mapping = Mapping::part_of(region, at, pages, region.protection);
        let copies = private || region.most.contains(Protection::WRITE);
        if region.shared || !copies {
            self.space_map(to, &mapping, Place::Free(at))?;
            return Ok(());
        }
        let backing = match backing {
            Backing::CopyOf(original, first) => {
                Backing::CopyOf(original, first.saturating_add(offset))
            }
            backing => backing,
        };
        let account = self.spaces[to].account;
        let bytes = mapping.pages.saturating_mul(PAGE);
        mapping.memory = self.memory_create(account, bytes, backing)?;
        mapping.offset = 0;
        self.memories[mapping.memory].private = true;
        let mapped = self.space_map(to, &mapping, Place::Free(at));
        self.memory_release(mapping.memory);
        mapped.map(drop)
    }

    /// Gives the copy of a region what the original has from a page on that has a frame. Returns how
    /// many pages that were: no more than have frames in a row in one leaf of either object.
    fn pages_copy(
        &mut self,
        from: SpaceId,
        region: &Region,
        to: SpaceId,
        copy: &Region,
        at: u64,
        pages: u64,
    ) -> Result<u64> {
        let page = region.offset.wrapping_add(at.wrapping_sub(region.start));
        let place = copy.offset.wrapping_add(at.wrapping_sub(copy.start));
        let address = at.wrapping_mul(PAGE);
        let account = self.spaces[to].account;
        self.memories[copy.memory].prepare(&mut self.machine, place)?;
        let pages = self.memories[copy.memory].run(place, pages).len() as u64;
        let frames = self.memories[region.memory].run(page, pages).iter();
        let pages = frames.take_while(|frame| frame.is_some()).count() as u64;
        self.space_reserve(from, address, pages as usize)?;
        self.space_reserve(to, address, pages as usize)?;
        if !self.memories[region.memory].private {
            // Others see it too: it is not theirs to share.
            let mut frame = self.frame_take(account)?;
            if let Some(original) = self.memories[region.memory].frame(page) {
                self.machine.frame_copy(original, &mut frame);
            }
            if let Some(spare) = self.memories[copy.memory].put(place, frame) {
                self.frame_give(account, spare);
            }
            self.space_enter(to, address, copy.memory, place, 1, copy.protection)?;
            return Ok(1);
        }
        self.charge_frames(account, pages)?;
        let shared = self.frames_share(region.memory, page, copy.memory, place, pages);
        self.uncharge(account, Resource::Frames, pages.saturating_sub(shared));
        // Both only read what they share.
        for (space, region, first) in [(from, region, page), (to, copy, place)] {
            // Tables and places are there: nothing fails here.
            if region.protection.contains(Protection::READ) {
                let protection = region.protection - Protection::WRITE;
                self.space_enter(space, address, region.memory, first, pages, protection)?;
            }
        }
        if shared > 0 { Ok(shared) } else { Err(NoMemory.into()) }
    }

    /// Has an object share the frames that another has in a run of pages, whose places exist.
    /// Returns how many it got.
    fn frames_share(
        &mut self,
        from: MemoryId,
        page: u64,
        to: MemoryId,
        place: u64,
        pages: u64,
    ) -> u64 {
        let Self { machine, memories, .. } = self;
        let at = (place % LEAF as u64) as usize;
        let leaf = memories[to].leaves.get_mut((place / LEAF as u64) as usize);
        let Some(mut leaf) = leaf.map(|leaf| core::mem::replace(leaf, Leaf::new())) else {
            return 0;
        };
        let mut shared = 0;
        for (index, frame) in memories[from].run(page, pages).iter().enumerate() {
            let Some(frame) = frame else { continue };
            let Some(frame) = machine.frame_share(frame) else { break };
            let spare = leaf.put(at.wrapping_add(index), frame);
            debug_assert!(spare.is_none(), "a copy had a frame already");
            shared += 1;
        }
        if let Some(emptied) = memories[to].leaves.get_mut((place / LEAF as u64) as usize) {
            *emptied = leaf;
        }
        shared
    }

    /// Has an object stop sharing frames, because parts of it are going to be shown in a second
    /// place. So far only that space shows it.
    ///
    /// # Errors
    /// `ENOMEM` when there are no frames, or more than a quantum of them to copy.
    pub(crate) fn memory_own(&mut self, space: SpaceId, id: MemoryId) -> Result<()> {
        if !self.memories[id].private {
            return Ok(());
        }
        let mut quantum = limits::QUANTUM_PAGES;
        let mut at = self.memories[id].next_frame(0);
        while at < self.memories[id].pages {
            let frame = self.memories[id].frame(at);
            if frame.is_some_and(|frame| self.machine.frame_is_shared(frame)) {
                if quantum == limits::QUANTUM_PAGES {
                    self.memory_hide(space, id);
                }
                quantum = quantum.checked_sub(1).ok_or(NoMemory)?;
                self.memory_populate(id, at)?;
            }
            at = self.memories[id].next_frame(at.saturating_add(1));
        }
        self.memories[id].private = false;
        Ok(())
    }

    /// Has a space show no page of an object until it is touched again.
    fn memory_hide(&mut self, space: SpaceId, id: MemoryId) {
        let mut at = 0;
        while let Some(region) = self.spaces[space].regions.at_or_after(&self.regions, at) {
            let region = self.regions[region];
            at = region.end();
            if region.memory == id {
                self.region_hide(space, &region, region.start, region.pages);
            }
        }
    }
}
