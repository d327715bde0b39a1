//! Memory objects: what every region maps.
use crate::prelude::*;

/// Kind of [`Memory`] ids.
#[derive(Debug)]
pub enum MemoryK {}
/// Names a memory object.
pub type MemoryId = Id<MemoryK>;

/// Frames in one leaf of an object's page table.
pub(super) const LEAF: usize = 512;
/// Frames in one of the 64 groups of a leaf.
const GROUP: usize = LEAF / 64;

/// A leaf of an object's page table.
#[derive(Debug)]
pub(crate) struct Leaf<F> {
    /// A set bit is a group that may have frames.
    groups: u64,
    /// By page; none at all before the first.
    pub(crate) frames: Vec<Option<F>>,
}

impl<F> Leaf<F> {
    pub(super) const fn new() -> Self {
        Self { groups: 0, frames: Vec::new() }
    }

    /// The first page from `at` on that has a frame.
    pub(super) fn next(&self, mut at: usize) -> Option<usize> {
        loop {
            let group = at / GROUP;
            let groups = self.groups & u64::MAX.checked_shl(group as u32)?;
            at = at.max(groups.trailing_zeros() as usize * GROUP);
            let end = self.frames.len().min((at / GROUP + 1) * GROUP);
            match self.frames.get(at..end)?.iter().position(Option::is_some) {
                Some(found) => return Some(at + found),
                None => at = (at / GROUP + 1) * GROUP,
            }
        }
    }

    /// Puts a frame into a place that exists; gives back what does not stay there.
    pub(super) fn put(&mut self, at: usize, frame: F) -> Option<F> {
        let Some(place) = self.frames.get_mut(at) else { return Some(frame) };
        self.groups |= 1 << (at / GROUP % 64);
        place.replace(frame)
    }
}

/// Where the pages of an object come from that it has no frame of its own for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Zeroes.
    Zero,
    /// Another object, from that page on; written pages are copied first.
    CopyOf(MemoryId, u64),
    /// Device memory at that physical address.
    Device(u64),
}

/// A memory object.
#[derive(Debug)]
pub struct Memory<F> {
    /// Handles, regions and requests that refer to it.
    pub refs: u32,
    pub(crate) leaves: Vec<Leaf<F>>,
    /// Pages it spans.
    pub pages: u64,
    /// Bytes it holds.
    pub bytes: u64,
    /// Source of missing pages.
    pub backing: Backing,
    /// Nobody can write it any more.
    pub sealed: bool,
    /// Only ever mapped by the one region it was made for: unmapping a part frees its frames.
    pub private: bool,
    /// An inbox: never mapped for others, never answered to an mmap.
    pub inbox: bool,
    /// Shared mappings that are writable.
    pub writers: u32,
    /// Mappings that are executable.
    pub executors: u32,
    /// Who pays for its frames.
    pub account: AccountId,
    /// Bytes of the root of its page table, charged.
    pub(crate) root_bytes: u64,
    dead: Link<MemoryK>,
}

links!(MemoryK, Memory<F>, [F], 0 => dead);

impl<F> Memory<F> {
    /// The frame of a page, if the object has one.
    #[must_use]
    pub fn frame(&self, page: u64) -> Option<&F> {
        let page = usize::try_from(page).ok()?;
        self.leaves.get(page / LEAF)?.frames.get(page % LEAF)?.as_ref()
    }

    /// The frame of a page, if the object has one.
    pub fn frame_mut(&mut self, page: u64) -> Option<&mut F> {
        let page = usize::try_from(page).ok()?;
        self.leaves.get_mut(page / LEAF)?.frames.get_mut(page % LEAF)?.as_mut()
    }

    /// Takes a page's frame out.
    fn take(&mut self, page: u64) -> Option<F> {
        let page = usize::try_from(page).ok()?;
        self.leaves.get_mut(page / LEAF)?.frames.get_mut(page % LEAF)?.take()
    }

    /// The first page from `page` on, but in the same leaf, that has a frame; else the first page
    /// of the next leaf.
    pub(crate) fn next_frame(&self, page: u64) -> u64 {
        let at = usize::try_from(page).unwrap_or(usize::MAX);
        let next = self.leaves.get(at / LEAF).and_then(|leaf| leaf.next(at % LEAF));
        page.saturating_add((next.unwrap_or(LEAF) - at % LEAF) as u64)
    }

    /// The places of a run of pages, as far as they exist in one leaf.
    pub(crate) fn run(&self, page: u64, pages: u64) -> &[Option<F>] {
        let at = usize::try_from(page).unwrap_or(usize::MAX);
        let leaf = self.leaves.get(at / LEAF).map_or(&[][..], |leaf| &leaf.frames);
        let rest = leaf.get(at % LEAF..).unwrap_or(&[]);
        rest.get(..pages.min(rest.len() as u64) as usize).unwrap_or(&[])
    }

    /// The places from a page on, as far as they exist in one leaf.
    pub(crate) fn run_mut(&mut self, page: u64) -> &mut [Option<F>] {
        let at = usize::try_from(page).unwrap_or(usize::MAX);
        let leaf = self.leaves.get_mut(at / LEAF);
        leaf.and_then(|leaf| leaf.frames.get_mut(at % LEAF..)).unwrap_or_default()
    }

    /// Makes sure that a page's place exists.
    pub(crate) fn prepare<M: Machine<Frame = F>>(
        &mut self,
        m: &mut M,
        page: u64,
    ) -> Result<(), NoMemory> {
        let page = usize::try_from(page).map_err(|_| NoMemory)?;
        let rest = usize::try_from(self.pages).map_err(|_| NoMemory)?.saturating_sub(page);
        let leaf = &mut self.leaves.get_mut(page / LEAF).ok_or(NoMemory)?.frames;
        if leaf.is_empty() {
            m.chunk_permit()?;
            let len = rest.saturating_add(page % LEAF).min(LEAF);
            leaf.try_reserve_exact(len).map_err(|_| NoMemory)?;
            leaf.resize_with(len, || None);
        }
        Ok(())
    }

    pub(crate) fn put(&mut self, page: u64, frame: F) -> Option<F> {
        let at = usize::try_from(page).unwrap_or(usize::MAX);
        match self.leaves.get_mut(at / LEAF) {
            Some(leaf) => leaf.put(at % LEAF, frame),
            None => Some(frame),
        }
    }
}

/// Bytes of a page table's root with that many leaves.
const fn root_bytes(leaves: usize) -> u64 {
    leaves as u64 * size_of::<Leaf<u8>>() as u64
}

/// Quanta of taking apart that an entry does for what it needs.
const TRIES: usize = 2;

impl<M: Machine> Kernel<M> {
    /// Makes a memory object with one reference.
    pub(crate) fn memory_create(
        &mut self,
        account: AccountId,
        bytes: u64,
        backing: Backing,
    ) -> Result<MemoryId> {
        let pages = pages_for(bytes)?;
        refuse_if(pages > limits::MEMORY_PAGES as u64, ENOMEM)?;
        let root = (pages as usize).div_ceil(LEAF);
        let mut leaves = Vec::new();
        self.machine.chunk_permit()?;
        leaves.try_reserve_exact(root).map_err(|_| NoMemory)?;
        leaves.resize_with(root, Leaf::new);
        let root_bytes = root_bytes(root);
        self.memories.reserve(&mut self.machine)?;
        self.charge_object::<Memory<M::Frame>>(account)?;
        let charged = self.charge(account, Resource::KernelBytes, root_bytes);
        charged.inspect_err(|_| self.uncharge_object::<Memory<M::Frame>>(account))?;
        if let Backing::CopyOf(parent, _) = backing {
            self.memories.retain(parent);
        }
        let memory = Memory {
            refs: 1,
            leaves,
            pages,
            bytes,
            backing,
            sealed: false,
            private: false,
            inbox: false,
            writers: 0,
            executors: 0,
            account,
            root_bytes,
            dead: Link::new(),
        };
        Ok(self.memories.insert(&mut self.machine, memory)?)
    }

    /// Takes a frame and charges it. Where there is none, what ended processes left is taken apart
    /// first. Init's accounts may use the last frames, others not.
    pub(crate) fn frame_take(&mut self, account: AccountId) -> Result<M::Frame, NoMemory> {
        self.charge_frames(account, 1).map_err(|_| NoMemory)?;
        let found = self.frame_find(account);
        if found.is_err() {
            self.uncharge(account, Resource::Frames, 1);
        }
        found
    }

    /// Charges frames. Where the account has none left, what ended processes left of it is taken
    /// apart first.
    pub(crate) fn charge_frames(&mut self, account: AccountId, count: u64) -> Result<()> {
        for _ in 0..TRIES {
            match self.charge(account, Resource::Frames, count) {
                Err(_) if self.reap() => {}
                charged => return charged,
            }
        }
        self.charge(account, Resource::Frames, count)
    }

    /// As [`Kernel::frame_take`], for what is paid for already.
    fn frame_find(&mut self, account: AccountId) -> Result<M::Frame, NoMemory> {
        for _ in 0..TRIES {
            let permits = self.machine.frames_free() > crate::kernel::RESERVED_FRAMES
                || self.account_has_reserve(account);
            let frame = if permits { self.machine.frame_alloc() } else { None };
            match frame {
                Some(frame) => return Ok(frame),
                None if self.reap() => {}
                None => break,
            }
        }
        Err(NoMemory)
    }

    /// Gives a frame back that was taken for that account.
    pub(crate) fn frame_give(&mut self, account: AccountId, frame: M::Frame) {
        self.machine.frame_free(frame);
        self.uncharge(account, Resource::Frames, 1);
    }

    /// Puts a ready frame into an object at boot, charging it.
    pub(crate) fn memory_adopt(&mut self, id: MemoryId, page: u64, frame: M::Frame) -> Result<()> {
        let memory = &mut self.memories[id];
        memory.prepare(&mut self.machine, page)?;
        let account = memory.account;
        self.charge(account, Resource::Frames, 1)?;
        if let Some(spare) = self.memories[id].put(page, frame) {
            self.frame_give(account, spare);
        }
        Ok(())
    }

    /// Makes sure that the object has a frame of its own for a page, and shares it with nobody:
    /// zeroed, or copied from what it shared or is a copy of.
    ///
    /// # Errors
    /// No frame, no room for its place, or the page lies behind the end.
    pub(crate) fn memory_populate(&mut self, id: MemoryId, page: u64) -> Result<(), NoMemory> {
        if page >= self.memories[id].pages {
            return Err(NoMemory);
        }
        if self.has_own_frame(id, page) {
            return Ok(());
        }
        let memory = &mut self.memories[id];
        let (account, backing) = (memory.account, memory.backing);
        memory.prepare(&mut self.machine, page)?;
        // A frame that was shared is paid for: its charge becomes that of the copy.
        let shared = self.memories[id].frame(page).is_some();
        let mut frame = if shared { self.frame_find(account) } else { self.frame_take(account) }?;
        if self.has_own_frame(id, page) {
            // While a frame was looked for, those who shared this one were taken apart.
            self.machine.frame_free(frame);
            return Ok(());
        }
        let source = self.memories[id].frame(page).or_else(|| match backing {
            Backing::CopyOf(parent, offset) => {
                self.memories[parent].frame(offset.checked_add(page)?)
            }
            Backing::Zero | Backing::Device(_) => None,
        });
        if let Some(source) = source {
            self.machine.frame_copy(source, &mut frame);
        }
        if let Some(spare) = self.memories[id].put(page, frame) {
            self.machine.frame_free(spare);
        }
        Ok(())
    }

    /// Whether an object has a frame for a page that nobody shares.
    fn has_own_frame(&self, id: MemoryId, page: u64) -> bool {
        let frame = self.memories[id].frame(page);
        frame.is_some_and(|frame| !self.machine.frame_is_shared(frame))
    }

    /// Makes an object of zeroes longer.
    pub(crate) fn memory_extend(&mut self, id: MemoryId, pages: u64) -> Result<()> {
        refuse_if(pages > limits::MEMORY_PAGES as u64, ENOMEM)?;
        let memory = &mut self.memories[id];
        let old = usize::try_from(memory.pages).map_err(|_| NoMemory)?;
        let new = usize::try_from(pages).map_err(|_| NoMemory)?;
        let root = new.div_ceil(LEAF);
        let missing = root.saturating_sub(memory.leaves.len());
        let (account, more) = (memory.account, root_bytes(missing));
        self.machine.chunk_permit()?;
        memory.leaves.try_reserve_exact(missing).map_err(|_| NoMemory)?;
        let last = memory.leaves.get_mut(old / LEAF).map(|leaf| &mut leaf.frames);
        if let Some(last) = last.filter(|last| !last.is_empty()) {
            // The last leaf was made for the old length.
            let len = new.saturating_sub(old / LEAF * LEAF).min(LEAF);
            last.try_reserve_exact(len.saturating_sub(last.len())).map_err(|_| NoMemory)?;
            last.resize_with(len, || None);
        }
        self.charge(account, Resource::KernelBytes, more)?;
        let memory = &mut self.memories[id];
        memory.root_bytes = memory.root_bytes.wrapping_add(more);
        memory.leaves.resize_with(root.max(memory.leaves.len()), Leaf::new);
        memory.pages = pages.max(memory.pages);
        memory.bytes = memory.pages.saturating_mul(super::PAGE);
        Ok(())
    }

    /// Frees the frames of some pages.
    pub(crate) fn memory_discard(&mut self, id: MemoryId, first: u64, pages: u64) {
        let memory = &mut self.memories[id];
        let (account, end) = (memory.account, first.saturating_add(pages).min(memory.pages));
        let (mut at, mut freed) = (memory.next_frame(first), 0);
        while at < end {
            if let Some(frame) = memory.take(at) {
                self.machine.frame_free(frame);
                freed += 1;
            }
            at = memory.next_frame(at.saturating_add(1));
        }
        self.uncharge(account, Resource::Frames, freed);
    }

    /// Reads bytes of an object into kernel memory; missing pages read as their backing.
    pub(crate) fn memory_read(&self, id: MemoryId, mut offset: u64, bytes: &mut [u8]) -> usize {
        let memory = &self.memories[id];
        let mut done = 0;
        while done < bytes.len() && offset < memory.bytes {
            let (page, within) = (offset / super::PAGE, (offset % super::PAGE) as usize);
            let rest = (bytes.len() - done).min(super::PAGE as usize - within);
            let rest = rest.min(usize::try_from(memory.bytes - offset).unwrap_or(usize::MAX));
            let Some(piece) = bytes.get_mut(done..done + rest) else { break };
            match self.memory_frame(id, page) {
                Some(frame) => self.machine.frame_read(frame, within, piece),
                None => piece.fill(0),
            }
            done += rest;
            offset += rest as u64;
        }
        done
    }

    /// The frame that a page shows: its own, or that of what it is a copy of.
    pub(crate) fn memory_frame(&self, id: MemoryId, page: u64) -> Option<&M::Frame> {
        let memory = &self.memories[id];
        memory.frame(page).or_else(|| match memory.backing {
            Backing::CopyOf(parent, offset) => {
                self.memories[parent].frame(offset.checked_add(page)?)
            }
            Backing::Zero | Backing::Device(_) => None,
        })
    }

    /// One reference less. The last one hands the object to the reaper.
    pub(crate) fn memory_release(&mut self, id: MemoryId) {
        if !self.memories.release(id) {
            return;
        }
        if self.memories[id].leaves.len() <= 1 {
            self.memory_reap(id);
        } else {
            self.work.dead_memories.push_back(&mut self.memories, id);
        }
    }

    /// Frees a leaf of an unreferenced object; true when the object is gone.
    pub(crate) fn memory_reap(&mut self, id: MemoryId) -> bool {
        let memory = &mut self.memories[id];
        let account = memory.account;
        if let Some(mut leaf) = memory.leaves.pop() {
            let (mut at, mut freed) = (leaf.next(0), 0);
            while let Some(page) = at {
                if let Some(frame) = leaf.frames.get_mut(page).and_then(Option::take) {
                    self.machine.frame_free(frame);
                    freed += 1;
                }
                at = leaf.next(page + 1);
            }
            self.uncharge(account, Resource::Frames, freed);
        }
        if !self.memories[id].leaves.is_empty() {
            return false;
        }
        let Memory { backing, root_bytes, .. } = self.memories[id];
        self.memories.remove(id);
        self.uncharge(account, Resource::KernelBytes, root_bytes);
        self.uncharge_object::<Memory<M::Frame>>(account);
        if let Backing::CopyOf(parent, _) = backing {
            self.memory_release(parent);
        }
        true
    }
}
