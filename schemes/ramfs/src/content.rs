//! What a file holds: runs of pages at page positions; what lies between them reads as zeros.
//!
//! A run never moves while it is mapped. A mapping covers one run; where the range asked for is
//! spread over several, they are first joined into one, which works as long as none of them is
//! mapped (`EBUSY` otherwise).
use crate::page::Bytes;
use crate::store::{Space, Store};
use clavis_abi::PAGE_SIZE;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use syscall::error::{EBUSY, EFBIG, EINVAL, ENOSPC, Error, Result};

const PAGE: u64 = PAGE_SIZE as u64;
/// Greatest length of a file.
pub const LENGTH_MAX: u64 = 1 << 40;
/// Pages allocated at once when a file grows at its end.
const GROWTH_MAX: u64 = 64;

/// Bytes charged for a run beside its pages: what is known of it.
const RUN_COST: u64 = PAGE;

/// Pages of the store in a row.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Run {
    first: u64,
    count: u64,
    /// Mappings that show it.
    mapped: u32,
}

/// The contents of one file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Content {
    len: u64,
    runs: BTreeMap<u64, Run>,
    pages: u64,
}

/// What is written: bytes, or, when what was done before is done again, how many there were.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// These.
    Bytes(&'a [u8]),
    /// So many; they lie in the pages already.
    Written(usize),
}

impl Data<'_> {
    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Data::Bytes(bytes) => bytes.len(),
            Data::Written(count) => *count,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn cost(pages: u64) -> u64 {
    pages.saturating_mul(PAGE).saturating_add(RUN_COST)
}

/// A new run, paid for.
fn allocate(count: u64, space: &mut Space) -> Result<Run> {
    space.budget.take(cost(count))?;
    match space.store.take(count) {
        Some(first) => Ok(Run { first, count, mapped: 0 }),
        None => {
            space.budget.give(cost(count));
            Err(Error::new(ENOSPC))
        }
    }
}

/// The page that holds a byte, and where in it.
fn split(offset: u64) -> (u64, usize) {
    // The remainder of a page fits every usize.
    (offset / PAGE, (offset % PAGE) as usize)
}

impl Content {
    /// Bytes in the file.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Pages that it keeps.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Tells a store which of its pages this file has.
    pub(crate) fn claim(&self, store: &mut Store) {
        self.runs.values().for_each(|run| store.claim(run.first, run.count));
    }

    /// The run that covers a page, with its first page.
    fn covering(&self, page: u64) -> Option<(u64, &Run)> {
        let (start, run) = self.runs.range(..=page).next_back()?;
        (page < start.saturating_add(run.count)).then_some((*start, run))
    }

    /// Where a page of the file lies in the store.
    fn place(&self, page: u64) -> Option<u64> {
        let (start, run) = self.covering(page)?;
        run.first.checked_add(page.checked_sub(start)?)
    }

    /// Copies bytes out from `offset` on; the answer is how many there were.
    pub fn read(&self, offset: u64, out: &mut [u8], store: &Store) -> usize {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let total = out.len().min(left);
        let mut out = out.get_mut(..total).unwrap_or_default();
        let mut at = offset;
        while !out.is_empty() {
            let (page, inside) = split(at);
            let count = out.len().min(PAGE_SIZE.saturating_sub(inside));
            let (part, rest) = out.split_at_mut(count);
            match self.place(page).and_then(|place| store.page(place)) {
                Some(page) => page.read(inside, part),
                None => part.fill(0),
            }
            at = at.saturating_add(count as u64);
            out = rest;
        }
        total
    }

    /// Copies bytes in at `offset`, growing the file as needed. The answer is how many were taken:
    /// fewer than all when the budget ends.
    ///
    /// # Errors
    /// `EFBIG` beyond the greatest length, `ENOSPC` when not one byte could be kept.
    pub fn write(&mut self, offset: u64, data: Data<'_>, space: &mut Space) -> Result<usize> {
        if data.is_empty() {
            // Nothing is written anywhere, so nothing grows.
            return Ok(0);
        }
        let end = offset.checked_add(data.len() as u64).filter(|end| *end <= LENGTH_MAX);
        let end = end.ok_or(Error::new(EFBIG))?;
        let mut at = offset;
        while at < end {
            let (page, inside) = split(at);
            if self.covering(page).is_none()
                && let Err(error) = self.fill(page, end.div_ceil(PAGE), space)
            {
                if at == offset {
                    return Err(error);
                }
                break;
            }
            let next = end.min(page.saturating_add(1).saturating_mul(PAGE));
            if let Data::Bytes(bytes) = data
                && let Some(page) = self.place(page).and_then(|place| space.store.page(place))
            {
                let from = usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
                let to = usize::try_from(next.saturating_sub(offset)).unwrap_or(usize::MAX);
                page.write(inside, bytes.get(from..to).unwrap_or_default());
            }
            at = next;
        }
        self.len = self.len.max(at);
        Ok(usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX))
    }

    /// Puts a run at an uncovered page: up to `end`, the next run, or what the budget allows.
    fn fill(&mut self, page: u64, end: u64, space: &mut Space) -> Result<()> {
        let next = self.runs.range(page..).next().map_or(u64::MAX, |(first, _)| *first);
        let room = next.saturating_sub(page);
        let need = end.saturating_sub(page).clamp(1, room.max(1));
        // A file that grows at its end will likely go on: allocate ahead, in proportion.
        let ahead = if next == u64::MAX { (self.pages / 2).min(GROWTH_MAX) } else { 0 };
        for count in [need.max(ahead).min(room.max(1)), need, 1] {
            if let Ok(run) = allocate(count, space) {
                self.runs.insert(page, run);
                self.pages = self.pages.saturating_add(count);
                return Ok(());
            }
        }
        Err(Error::new(ENOSPC))
    }

    /// Sets the length. Growing costs nothing until something is written there.
    ///
    /// # Errors
    /// `EFBIG` beyond the greatest length.
    pub fn truncate(&mut self, len: u64, space: &mut Space) -> Result<()> {
        if len > LENGTH_MAX {
            return Err(Error::new(EFBIG));
        }
        if len < self.len {
            let keep = len.div_ceil(PAGE);
            for (start, run) in self.runs.split_off(&keep) {
                if run.mapped == 0 {
                    self.release(&run, space);
                } else {
                    // Who mapped it keeps the memory, so it stays charged, and stays the file's.
                    space.store.clear(run.first, run.count);
                    self.runs.insert(start, run);
                }
            }
            self.shorten_last(keep, space);
            let (page, inside) = split(len);
            if inside != 0
                && let Some(place) = self.place(page)
            {
                space.store.clear_from(place, inside);
            }
        }
        self.len = len;
        Ok(())
    }

    /// Cuts a run that reaches beyond page `keep`; one that is mapped is only cleared there.
    fn shorten_last(&mut self, keep: u64, space: &mut Space) {
        let Some((start, mut run)) = self.runs.pop_last() else { return };
        let want = keep.saturating_sub(start).min(run.count);
        let less = run.count.saturating_sub(want);
        if less > 0 {
            let first = run.first.saturating_add(want);
            if run.mapped == 0 {
                space.store.give(first, less);
                run.count = want;
                self.pages = self.pages.saturating_sub(less);
                space.budget.give(less.saturating_mul(PAGE));
            } else {
                space.store.clear(first, less);
            }
        }
        self.runs.insert(start, run);
    }

    /// Gives back what a run was charged that this content no longer has.
    fn release(&mut self, run: &Run, space: &mut Space) {
        self.pages = self.pages.saturating_sub(run.count);
        space.store.give(run.first, run.count);
        space.budget.give(cost(run.count));
    }

    /// Gives everything back.
    pub fn clear(&mut self, space: &mut Space) {
        for (_, run) in std::mem::take(&mut self.runs) {
            self.release(&run, space);
        }
        self.len = 0;
    }

    /// The place in the store of a mapping of `size` bytes at `offset`; holes in it become pages.
    /// They stay there until [`Content::unmap`].
    ///
    /// # Errors
    /// `EINVAL` for an offset inside a page or a range that ends behind the file's last page,
    /// `EBUSY` when the range lies in several runs of which one is mapped, `ENOSPC`.
    pub fn map(&mut self, offset: u64, size: usize, space: &mut Space) -> Result<u64> {
        let (first, inside) = split(offset);
        let end = offset.checked_add(size as u64).ok_or(Error::new(EINVAL))?.div_ceil(PAGE);
        if inside != 0 || size == 0 || end > self.len.div_ceil(PAGE) {
            return Err(Error::new(EINVAL));
        }
        let covered =
            self.covering(first).is_some_and(|(start, run)| end <= start.saturating_add(run.count));
        if !covered {
            self.join(first, end, space)?;
        }
        let (start, _) = self.covering(first).ok_or(Error::new(EINVAL))?;
        let run = self.runs.get_mut(&start).ok_or(Error::new(EINVAL))?;
        run.mapped = run.mapped.checked_add(1).ok_or(Error::new(ENOSPC))?;
        Ok(run.first.saturating_add(first.saturating_sub(start)))
    }

    /// Ends a mapping that began at `offset`.
    pub fn unmap(&mut self, offset: u64) {
        let start = self.covering(split(offset).0).map(|(start, _)| start);
        if let Some(run) = start.and_then(|start| self.runs.get_mut(&start)) {
            run.mapped = run.mapped.saturating_sub(1);
        }
    }

    /// Makes one run of everything that touches the pages `first..end`.
    fn join(&mut self, first: u64, end: u64, space: &mut Space) -> Result<()> {
        let from = self.covering(first).map_or(first, |(start, _)| start);
        let touched: Vec<u64> = self.runs.range(from..end).map(|(start, _)| *start).collect();
        let mut end = end;
        for start in &touched {
            if let Some(run) = self.runs.get(start) {
                if run.mapped > 0 {
                    return Err(Error::new(EBUSY));
                }
                end = end.max(start.saturating_add(run.count));
            }
        }
        let joined = allocate(end.saturating_sub(from), space)?;
        self.pages = self.pages.saturating_add(joined.count);
        for start in touched {
            if let Some(run) = self.runs.remove(&start) {
                let to = joined.first.saturating_add(start.saturating_sub(from));
                space.store.copy(run.first, to, run.count);
                self.release(&run, space);
            }
        }
        self.runs.insert(from, joined);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(content: &mut Content, at: u64, data: &[u8], space: &mut Space) -> Result<usize> {
        content.write(at, Data::Bytes(data), space)
    }

    #[test]
    fn a_hole_reads_as_zeros_and_costs_nothing() {
        let mut space = Space::heap(16 * PAGE);
        let mut content = Content::default();
        assert_eq!(put(&mut content, 100 * PAGE + 3, b"end", &mut space).unwrap(), 3);
        assert_eq!(space.budget.used(), 2 * PAGE);
        let mut out = [9; 8];
        assert_eq!(content.read(50 * PAGE, &mut out, &space.store), 8);
        assert_eq!(out, [0; 8]);
        assert_eq!(content.read(100 * PAGE, &mut out, &space.store), 6);
        assert_eq!(&out[..6], b"\0\0\0end");
    }

    #[test]
    fn a_full_budget_takes_what_fits_and_then_says_no_space() {
        let mut space = Space::heap(3 * PAGE);
        let mut content = Content::default();
        let data = vec![1; 3 * PAGE_SIZE];
        assert_eq!(put(&mut content, 0, &data, &mut space).unwrap(), PAGE_SIZE);
        let full = put(&mut content, PAGE, &data, &mut space).unwrap_err();
        assert_eq!(full.errno, ENOSPC);
        content.clear(&mut space);
        assert_eq!(space.budget.used(), 0);
    }

    #[test]
    fn a_shortened_file_grows_again_with_zeros() {
        let mut space = Space::heap(64 * PAGE);
        let mut content = Content::default();
        put(&mut content, 0, &[5; 3 * PAGE_SIZE], &mut space).unwrap();
        content.truncate(10, &mut space).unwrap();
        assert_eq!(content.pages(), 1);
        content.truncate(2 * PAGE, &mut space).unwrap();
        let mut out = vec![1; 2 * PAGE_SIZE];
        assert_eq!(content.read(0, &mut out, &space.store), 2 * PAGE_SIZE);
        assert!(out[..10].iter().all(|byte| *byte == 5));
        assert!(out[10..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_mapping_is_the_file_and_never_moves() {
        let mut space = Space::heap(64 * PAGE);
        let mut content = Content::default();
        put(&mut content, 0, &[1; PAGE_SIZE], &mut space).unwrap();
        put(&mut content, 5 * PAGE, &[2; PAGE_SIZE], &mut space).unwrap();
        let whole = content.map(0, 6 * PAGE_SIZE, &mut space).unwrap();
        put(&mut content, 2 * PAGE, b"seen", &mut space).unwrap();
        let mut out = [0; 4];
        space.store.page(whole + 2).unwrap().read(0, &mut out);
        assert_eq!(&out, b"seen");
        put(&mut content, 6 * PAGE, &[3; 20 * PAGE_SIZE], &mut space).unwrap();
        assert_eq!(content.map(PAGE, PAGE_SIZE, &mut space), Ok(whole + 1));
        assert_eq!(content.map(0, 8 * PAGE_SIZE, &mut space).unwrap_err().errno, EBUSY);
        content.truncate(PAGE, &mut space).unwrap();
        space.store.page(whole + 2).unwrap().read(0, &mut out);
        assert_eq!(out, [0; 4]);
        content.unmap(0);
        content.unmap(PAGE);
        content.clear(&mut space);
        assert_eq!(space.budget.used(), 0);
    }

    #[test]
    fn memory_that_is_mapped_stays_charged() {
        let mut space = Space::heap(64 * PAGE);
        let mut content = Content::default();
        let mut mappings = Vec::new();
        for _ in 0..100 {
            if put(&mut content, 0, &[1; 8 * PAGE_SIZE], &mut space).is_ok() {
                mappings.push(content.map(0, 8 * PAGE_SIZE, &mut space).unwrap());
            }
            content.truncate(0, &mut space).unwrap();
        }
        assert!(!mappings.is_empty() && mappings.iter().all(|place| *place == mappings[0]));
        assert_eq!(space.budget.used(), 9 * PAGE);
    }

    #[test]
    fn a_mapping_of_a_bad_range_is_refused() {
        let mut space = Space::heap(64 * PAGE);
        let mut content = Content::default();
        put(&mut content, 0, &[1; 10], &mut space).unwrap();
        for (offset, size) in [(1, 1), (0, 0), (0, PAGE_SIZE + 1), (PAGE, 1), (u64::MAX, 1)] {
            assert_eq!(content.map(offset, size, &mut space).unwrap_err().errno, EINVAL);
        }
        assert!(content.map(0, PAGE_SIZE, &mut space).is_ok());
    }
}
