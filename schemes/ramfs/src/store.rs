//! Where the pages of files lie, and which of them are free.
//!
//! The pages are memory that outlives the process; which of them belong to whom is known from the
//! files alone. Pages are written before the change that makes them a file's is recorded, so what
//! an unfinished change leaves in them is never seen: a page that is taken is cleared first, unless
//! no page at that place was ever taken.
use crate::budget::Budget;
use crate::page::{Bytes, Page, Words};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering, compiler_fence};

/// The memory behind a store.
enum Pages {
    /// Of this process alone.
    Own(Box<[Page]>),
    /// Shared memory, and the word in it that says how many pages were ever taken.
    Lasting(&'static [Words], &'static AtomicU64),
}

/// Pages.
pub struct Store {
    pages: Pages,
    /// One bit for each page: it is taken.
    taken: Vec<u64>,
    /// What is in the pages is left alone: they hold what they shall hold already.
    pub(crate) frozen: bool,
}

impl Default for Store {
    fn default() -> Self {
        Self::new(Pages::Own(Box::default()))
    }
}

impl Store {
    fn new(pages: Pages) -> Self {
        let mut store = Self { pages, taken: Vec::new(), frozen: false };
        store.taken = vec![0; store.len().div_ceil(64)];
        store
    }

    /// Pages of this process alone.
    #[must_use]
    pub fn heap(count: usize) -> Self {
        Self::new(Pages::Own((0..count).map(|_| Page::default()).collect()))
    }

    /// Pages that outlive the process. The word says how many of them were ever taken.
    #[must_use]
    pub fn lasting(pages: &'static [Words], ever: &'static AtomicU64) -> Self {
        Self::new(Pages::Lasting(pages, ever))
    }

    fn len(&self) -> usize {
        match &self.pages {
            Pages::Own(pages) => pages.len(),
            Pages::Lasting(pages, _) => pages.len(),
        }
    }

    /// A page.
    #[must_use]
    pub fn page(&self, place: u64) -> Option<&Words> {
        let place = usize::try_from(place).ok()?;
        match &self.pages {
            Pages::Own(pages) => pages.get(place).map(|page| &page.0),
            Pages::Lasting(pages, _) => pages.get(place),
        }
    }

    fn is_taken(&self, place: usize) -> bool {
        self.taken.get(place / 64).is_none_or(|word| word & 1 << (place % 64) != 0)
    }

    fn mark(&mut self, first: u64, count: u64, taken: bool) {
        for place in first..first.saturating_add(count) {
            let Ok(place) = usize::try_from(place) else { return };
            if let Some(word) = self.taken.get_mut(place / 64) {
                if taken {
                    *word |= 1 << (place % 64);
                } else {
                    *word &= !(1 << (place % 64));
                }
            }
        }
    }

    /// Notes that pages are a file's.
    pub(crate) fn claim(&mut self, first: u64, count: u64) {
        self.mark(first, count, true);
    }

    /// Nobody has any page any more.
    pub(crate) fn release_all(&mut self) {
        self.taken.fill(0);
    }

    /// Takes the first free pages in a row that are enough; they hold zeros.
    pub(crate) fn take(&mut self, count: u64) -> Option<u64> {
        let wanted = usize::try_from(count).ok().filter(|count| *count > 0)?;
        let (mut first, mut run) = (0, 0_usize);
        for place in 0..self.len() {
            let whole = self.taken.get(place / 64) == Some(&u64::MAX);
            if whole || self.is_taken(place) {
                run = 0;
                continue;
            }
            if run == 0 {
                first = place;
            }
            run = run.saturating_add(1);
            if run == wanted {
                let first = first as u64;
                self.mark(first, count, true);
                self.make_zero(first, count);
                return Some(first);
            }
        }
        None
    }

    fn make_zero(&self, first: u64, count: u64) {
        let end = first.saturating_add(count);
        let used = match &self.pages {
            Pages::Lasting(_, ever) => {
                let used = ever.load(Ordering::Relaxed);
                // Before anything is written there.
                ever.store(used.max(end), Ordering::Relaxed);
                compiler_fence(Ordering::SeqCst);
                used
            }
            Pages::Own(_) => end,
        };
        self.clear(first, used.min(end).saturating_sub(first));
    }

    /// Gives pages back.
    pub(crate) fn give(&mut self, first: u64, count: u64) {
        self.mark(first, count, false);
    }

    /// Makes pages zero.
    pub(crate) fn clear(&self, first: u64, count: u64) {
        (first..first.saturating_add(count)).for_each(|place| self.clear_from(place, 0));
    }

    /// Makes the rest of a page zero.
    pub(crate) fn clear_from(&self, place: u64, offset: usize) {
        if let Some(page) = self.page(place)
            && !self.frozen
        {
            page.clear_from(offset);
        }
    }

    /// Copies pages.
    pub(crate) fn copy(&self, from: u64, to: u64, count: u64) {
        for (from, to) in (from..from.saturating_add(count)).zip(to..) {
            if let (Some(from), Some(to)) = (self.page(from), self.page(to))
                && !self.frozen
            {
                to.copy_from(from);
            }
        }
    }
}

/// What files take: room in a budget, and pages.
#[derive(Serialize, Deserialize)]
pub struct Space {
    /// What may be kept.
    pub budget: Budget,
    /// The pages; known anew from the files when they are read.
    #[serde(skip)]
    pub store: Store,
}

impl Space {
    /// Room for so many bytes, and no pages yet.
    pub(crate) fn empty(limit: u64) -> Self {
        Self { budget: Budget::new(limit), store: Store::default() }
    }

    /// Room for so many bytes, with pages of this process alone.
    #[must_use]
    pub fn heap(limit: u64) -> Self {
        let count = usize::try_from(limit.div_ceil(clavis_abi::PAGE_SIZE as u64)).unwrap_or(0);
        Self { budget: Budget::new(limit), store: Store::heap(count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_taken_in_a_row_from_the_start_and_hold_zeros() {
        let mut store = Store::heap(200);
        assert_eq!(store.take(100), Some(0));
        assert_eq!(store.take(90), Some(100));
        store.page(3).unwrap().write(7, b"left");
        store.give(2, 5);
        assert_eq!(store.take(11), None);
        assert_eq!(store.take(10), Some(190));
        assert_eq!(store.take(5), Some(2));
        let mut out = [1; 16];
        store.page(3).unwrap().read(0, &mut out);
        assert_eq!(out, [0; 16]);
        assert_eq!(store.take(1), None);
        assert_eq!(store.take(0), None);
    }

    #[test]
    fn only_pages_that_were_never_taken_are_not_cleared() {
        let words: &'static [Words] = (0..4).map(|_| Page::default().0).collect::<Vec<_>>().leak();
        let ever: &'static AtomicU64 = Box::leak(Box::new(AtomicU64::new(0)));
        let mut store = Store::lasting(words, ever);
        assert_eq!(store.take(2), Some(0));
        // Its owner dies before anything is recorded.
        store.page(1).unwrap().write(0, b"half");
        let mut store = Store::lasting(words, ever);
        assert_eq!(store.take(3), Some(0));
        let mut out = [1; 4];
        store.page(1).unwrap().read(0, &mut out);
        assert_eq!(out, [0; 4]);
        assert_eq!(ever.load(Ordering::Relaxed), 3);
    }
}
