//! Deadlines of threads and timers in one binary heap.
use crate::prelude::*;

/// A heap entry: when, and who. The owner keeps its place to take it out early.
#[derive(Clone, Copy, Debug)]
struct Entry<W> {
    when: u64,
    who: W,
}

/// Something that waits in the heap: it remembers where.
pub trait Deadline<W> {
    /// Tells the owner its place; `None` once it is out.
    fn placed(&mut self, who: W, place: Option<u32>);
}

/// Earliest first. Room is reserved when an owner is made, so that arming never fails.
#[derive(Debug)]
pub struct DeadlineHeap<W> {
    entries: Blocks<Option<Entry<W>>, 128>,
    len: usize,
    owners: usize,
}

impl<W: Copy> DeadlineHeap<W> {
    /// An empty heap.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Blocks::new(), len: 0, owners: 0 }
    }

    /// Makes room for one more owner.
    ///
    /// # Errors
    /// The kernel heap may not grow.
    pub fn add_owner<M: Machine>(&mut self, machine: &mut M) -> Result<(), NoMemory> {
        let owners = self.owners.wrapping_add(1);
        if self.entries.len() < owners {
            self.entries.grow(machine, || None)?;
        }
        self.owners = owners;
        Ok(())
    }

    /// Gives an owner's room back.
    pub fn remove_owner(&mut self) {
        self.owners = self.owners.saturating_sub(1);
    }

    /// How many owners there is room for.
    #[must_use]
    pub fn owners(&self) -> usize {
        self.owners
    }

    /// When and who, by place: earliest first, as a heap is ordered.
    pub fn iter(&self) -> impl Iterator<Item = (u64, W)> {
        self.entries.iter().flatten().map(|entry| (entry.when, entry.who))
    }

    /// When the first deadline is.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        self.at(0).map(|entry| entry.when)
    }

    fn at(&self, place: usize) -> Option<Entry<W>> {
        *self.entries.get(place)?
    }

    /// Arms a deadline for an owner that is not in the heap.
    pub fn insert(&mut self, owners: &mut impl Deadline<W>, when: u64, who: W) {
        let place = self.len;
        let Some(entry) = self.entries.get_mut(place) else {
            debug_assert!(false, "a deadline was armed without room");
            return;
        };
        *entry = Some(Entry { when, who });
        self.len = place.wrapping_add(1);
        owners.placed(who, Some(place as u32));
        self.up(owners, place);
    }

    /// Takes the entry at that place out.
    pub fn remove(&mut self, owners: &mut impl Deadline<W>, place: u32) {
        let place = place as usize;
        let end = self.len.wrapping_sub(1);
        let Some(last) = self.entries.get_mut(end).and_then(Option::take) else { return };
        self.len = end;
        if place == end {
            owners.placed(last.who, None);
            return;
        }
        let Some(gone) = self.entries.get_mut(place).and_then(|entry| entry.replace(last)) else {
            return;
        };
        owners.placed(gone.who, None);
        owners.placed(last.who, Some(place as u32));
        self.up(owners, place);
        self.down(owners, place);
    }

    /// Takes the first entry out if it is due.
    pub fn pop_due(&mut self, owners: &mut impl Deadline<W>, now: u64) -> Option<W> {
        let first = self.at(0)?;
        if first.when > now {
            return None;
        }
        self.remove(owners, 0);
        Some(first.who)
    }

    fn when(&self, place: usize) -> u64 {
        self.at(place).map_or(u64::MAX, |entry| entry.when)
    }

    fn swap(&mut self, owners: &mut impl Deadline<W>, a: usize, b: usize) {
        if let Some((first, second)) = self.entries.pair_mut(a, b) {
            core::mem::swap(first, second);
        }
        for place in [a, b] {
            if let Some(entry) = self.at(place) {
                owners.placed(entry.who, Some(place as u32));
            }
        }
    }

    fn up(&mut self, owners: &mut impl Deadline<W>, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.when(parent) <= self.when(place) {
                break;
            }
            self.swap(owners, place, parent);
            place = parent;
        }
    }

    fn down(&mut self, owners: &mut impl Deadline<W>, mut place: usize) {
        loop {
            let left = place.wrapping_mul(2).wrapping_add(1);
            let right = left.wrapping_add(1);
            let least = if self.when(right) < self.when(left) { right } else { left };
            if self.when(least) >= self.when(place) {
                break;
            }
            self.swap(owners, place, least);
            place = least;
        }
    }
}

impl<W: Copy> Default for DeadlineHeap<W> {
    fn default() -> Self {
        Self::new()
    }
}
