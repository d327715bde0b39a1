//! What a file holds: runs of pages at page positions; what lies between them reads as zeros.
//!
//! A run never moves while it is mapped. A mapping covers one run; where the range asked for is
//! spread over several, they are first joined into one, which works as long as none of them is
//! mapped (`EBUSY` otherwise).
use crate::budget::Budget;
use crate::page::Page;
use clavis_abi::PAGE_SIZE;
use std::collections::BTreeMap;
use std::sync::Arc;
use syscall::error::{EBUSY, EFBIG, EINVAL, ENOSPC, Error, Result};

const PAGE: u64 = PAGE_SIZE as u64;
/// Greatest length of a file.
pub const LENGTH_MAX: u64 = 1 << 40;
/// Pages allocated at once when a file grows at its end.
const GROWTH_MAX: u64 = 64;

/// Bytes charged for a run beside its pages: the allocator's head takes a page of its own.
const RUN_COST: u64 = PAGE;

/// A run of pages, shared with those who mapped it.
pub type Run = Arc<Vec<Page>>;

/// The contents of one file.
#[derive(Default)]
pub struct Content {
    len: u64,
    runs: BTreeMap<u64, Run>,
    pages: u64,
}

/// A place in memory that a client may map, and what keeps it alive.
pub struct Mapped {
    /// Address of the first byte in this process.
    pub address: usize,
    /// Keeps the pages.
    pub run: Run,
}

fn cost(pages: u64) -> u64 {
    pages.saturating_mul(PAGE).saturating_add(RUN_COST)
}

/// A new run, paid for.
fn allocate(pages: u64, budget: &mut Budget) -> Result<Run> {
    budget.take(cost(pages))?;
    let mut run = Vec::new();
    let count = usize::try_from(pages).unwrap_or(usize::MAX);
    if run.try_reserve_exact(count).is_err() {
        budget.give(cost(pages));
        return Err(Error::new(ENOSPC));
    }
    run.resize_with(count, Page::zeroed);
    Ok(Arc::new(run))
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

    /// The run that covers a page, with its first page.
    fn covering(&self, page: u64) -> Option<(u64, &Run)> {
        let (first, run) = self.runs.range(..=page).next_back()?;
        (page < first.saturating_add(run.len() as u64)).then_some((*first, run))
    }

    fn page(&self, page: u64) -> Option<&Page> {
        let (first, run) = self.covering(page)?;
        run.get(usize::try_from(page.checked_sub(first)?).ok()?)
    }

    /// Copies bytes out from `offset` on; the answer is how many there were.
    pub fn read(&self, offset: u64, out: &mut [u8]) -> usize {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let total = out.len().min(left);
        let mut out = out.get_mut(..total).unwrap_or_default();
        let mut at = offset;
        while !out.is_empty() {
            let (page, inside) = split(at);
            let count = out.len().min(PAGE_SIZE.saturating_sub(inside));
            let (part, rest) = out.split_at_mut(count);
            match self.page(page) {
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
    pub fn write(&mut self, offset: u64, data: &[u8], budget: &mut Budget) -> Result<usize> {
        if data.is_empty() {
            // Nothing is written anywhere, so nothing grows.
            return Ok(0);
        }
        let mut at = offset;
        let end = offset.checked_add(data.len() as u64).filter(|end| *end <= LENGTH_MAX);
        let end = end.ok_or(Error::new(EFBIG))?;
        let mut rest = data;
        while !rest.is_empty() {
            let (page, inside) = split(at);
            if self.covering(page).is_none()
                && let Err(error) = self.fill(page, end.div_ceil(PAGE), budget)
            {
                if at == offset {
                    return Err(error);
                }
                break;
            }
            let count = rest.len().min(PAGE_SIZE.saturating_sub(inside));
            let (part, later) = rest.split_at(count);
            if let Some(page) = self.page(page) {
                page.write(inside, part);
            }
            at = at.saturating_add(count as u64);
            rest = later;
        }
        self.len = self.len.max(at);
        Ok(usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX))
    }

    /// Puts a run at an uncovered page: up to `end`, the next run, or what the budget allows.
    fn fill(&mut self, page: u64, end: u64, budget: &mut Budget) -> Result<()> {
        let next = self.runs.range(page..).next().map_or(u64::MAX, |(first, _)| *first);
        let room = next.saturating_sub(page);
        let need = end.saturating_sub(page).clamp(1, room.max(1));
        // A file that grows at its end will likely go on: allocate ahead, in proportion.
        let ahead = if next == u64::MAX { (self.pages / 2).min(GROWTH_MAX) } else { 0 };
        for count in [need.max(ahead).min(room.max(1)), need, 1] {
            if let Ok(run) = allocate(count, budget) {
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
    pub fn truncate(&mut self, len: u64, budget: &mut Budget) -> Result<()> {
        if len > LENGTH_MAX {
            return Err(Error::new(EFBIG));
        }
        if len < self.len {
            let keep = len.div_ceil(PAGE);
            for (first, run) in self.runs.split_off(&keep) {
                if Arc::strong_count(&run) == 1 {
                    self.release(&run, budget);
                } else {
                    // Who mapped it keeps the memory, so it stays charged, and stays the file's.
                    run.iter().for_each(|page| page.clear_from(0));
                    self.runs.insert(first, run);
                }
            }
            self.shorten_last(keep, budget);
            let (page, inside) = split(len);
            if inside != 0
                && let Some(page) = self.page(page)
            {
                page.clear_from(inside);
            }
        }
        self.len = len;
        Ok(())
    }

    /// Cuts a run that reaches beyond page `keep`; one that is mapped is only cleared there.
    fn shorten_last(&mut self, keep: u64, budget: &mut Budget) {
        let Some((first, mut run)) = self.runs.pop_last() else { return };
        let have = run.len() as u64;
        let want = keep.saturating_sub(first).min(have);
        let count = usize::try_from(want).unwrap_or(usize::MAX);
        if want < have {
            if let Some(pages) = Arc::get_mut(&mut run) {
                pages.truncate(count);
                pages.shrink_to_fit();
                self.pages = self.pages.saturating_sub(have.saturating_sub(want));
                budget.give(have.saturating_sub(want).saturating_mul(PAGE));
            } else {
                run.iter().skip(count).for_each(|page| page.clear_from(0));
            }
        }
        self.runs.insert(first, run);
    }

    /// Gives back what a run was charged that this content no longer has.
    fn release(&mut self, run: &Run, budget: &mut Budget) {
        let pages = run.len() as u64;
        self.pages = self.pages.saturating_sub(pages);
        budget.give(cost(pages));
    }

    /// Gives everything back.
    pub fn clear(&mut self, budget: &mut Budget) {
        for (_, run) in std::mem::take(&mut self.runs) {
            self.release(&run, budget);
        }
        self.len = 0;
    }

    /// Memory for a mapping of `size` bytes at `offset`; holes in it become pages.
    ///
    /// # Errors
    /// `EINVAL` for an offset inside a page or a range that ends behind the file's last page,
    /// `EBUSY` when the range lies in several runs of which one is mapped, `ENOSPC`.
    pub fn map(&mut self, offset: u64, size: usize, budget: &mut Budget) -> Result<Mapped> {
        let (first, inside) = split(offset);
        let end = offset.checked_add(size as u64).ok_or(Error::new(EINVAL))?.div_ceil(PAGE);
        if inside != 0 || size == 0 || end > self.len.div_ceil(PAGE) {
            return Err(Error::new(EINVAL));
        }
        let covered = self
            .covering(first)
            .is_some_and(|(start, run)| end <= start.saturating_add(run.len() as u64));
        if !covered {
            self.join(first, end, budget)?;
        }
        let (start, run) = self.covering(first).ok_or(Error::new(EINVAL))?;
        let index = usize::try_from(first.saturating_sub(start)).map_err(|_| Error::new(EINVAL))?;
        let address = run.get(index).ok_or(Error::new(EINVAL))?.address();
        Ok(Mapped { address, run: Arc::clone(run) })
    }

    /// Makes one run of everything that touches the pages `first..end`.
    fn join(&mut self, first: u64, end: u64, budget: &mut Budget) -> Result<()> {
        let from = self.covering(first).map_or(first, |(start, _)| start);
        let touched: Vec<u64> = self.runs.range(from..end).map(|(start, _)| *start).collect();
        let mut end = end;
        for start in &touched {
            if let Some(run) = self.runs.get(start) {
                if Arc::strong_count(run) > 1 {
                    return Err(Error::new(EBUSY));
                }
                end = end.max(start.saturating_add(run.len() as u64));
            }
        }
        let count = end.saturating_sub(from);
        let joined = allocate(count, budget)?;
        self.pages = self.pages.saturating_add(count);
        for start in touched {
            if let Some(run) = self.runs.remove(&start) {
                let skip = usize::try_from(start.saturating_sub(from)).unwrap_or(usize::MAX);
                joined.iter().skip(skip).zip(run.iter()).for_each(|(to, page)| to.copy_from(page));
                self.release(&run, budget);
            }
        }
        self.runs.insert(from, joined);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_address(mapped: &Mapped) -> usize {
        mapped.address
    }

    #[test]
    fn a_hole_reads_as_zeros_and_costs_nothing() {
        let mut budget = Budget::new(16 * PAGE);
        let mut content = Content::default();
        assert_eq!(content.write(100 * PAGE + 3, b"end", &mut budget).unwrap(), 3);
        assert_eq!(budget.used(), 2 * PAGE);
        let mut out = [9; 8];
        assert_eq!(content.read(50 * PAGE, &mut out), 8);
        assert_eq!(out, [0; 8]);
        assert_eq!(content.read(100 * PAGE, &mut out), 6);
        assert_eq!(&out[..6], b"\0\0\0end");
    }

    #[test]
    fn a_full_budget_takes_what_fits_and_then_says_no_space() {
        let mut budget = Budget::new(3 * PAGE);
        let mut content = Content::default();
        let data = vec![1; 3 * PAGE_SIZE];
        assert_eq!(content.write(0, &data, &mut budget).unwrap(), PAGE_SIZE);
        let full = content.write(PAGE, &data, &mut budget).unwrap_err();
        assert_eq!(full.errno, ENOSPC);
        content.clear(&mut budget);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_shortened_file_grows_again_with_zeros() {
        let mut budget = Budget::new(64 * PAGE);
        let mut content = Content::default();
        content.write(0, &[5; 3 * PAGE_SIZE], &mut budget).unwrap();
        content.truncate(10, &mut budget).unwrap();
        assert_eq!(content.pages(), 1);
        content.truncate(2 * PAGE, &mut budget).unwrap();
        let mut out = vec![1; 2 * PAGE_SIZE];
        assert_eq!(content.read(0, &mut out), 2 * PAGE_SIZE);
        assert!(out[..10].iter().all(|byte| *byte == 5));
        assert!(out[10..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_mapping_is_the_file_and_never_moves() {
        let mut budget = Budget::new(64 * PAGE);
        let mut content = Content::default();
        content.write(0, &[1; PAGE_SIZE], &mut budget).unwrap();
        content.write(5 * PAGE, &[2; PAGE_SIZE], &mut budget).unwrap();
        let whole = content.map(0, 6 * PAGE_SIZE, &mut budget).unwrap();
        assert_eq!(at_address(&whole) % PAGE_SIZE, 0);
        content.write(2 * PAGE, b"seen", &mut budget).unwrap();
        let mut out = [0; 4];
        whole.run[2].read(0, &mut out);
        assert_eq!(&out, b"seen");
        content.write(6 * PAGE, &[3; 20 * PAGE_SIZE], &mut budget).unwrap();
        assert_eq!(
            content.map(PAGE, PAGE_SIZE, &mut budget).unwrap().address,
            whole.address + PAGE_SIZE
        );
        assert_eq!(content.map(0, 8 * PAGE_SIZE, &mut budget).err().unwrap().errno, EBUSY);
        content.truncate(PAGE, &mut budget).unwrap();
        whole.run[2].read(0, &mut out);
        assert_eq!(out, [0; 4]);
        drop(whole);
        content.clear(&mut budget);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn memory_that_is_mapped_stays_charged() {
        let mut budget = Budget::new(64 * PAGE);
        let mut content = Content::default();
        let mut mappings = Vec::new();
        for _ in 0..100 {
            if content.write(0, &[1; 8 * PAGE_SIZE], &mut budget).is_ok() {
                mappings.push(content.map(0, 8 * PAGE_SIZE, &mut budget).unwrap());
            }
            content.truncate(0, &mut budget).unwrap();
        }
        let addresses: std::collections::BTreeSet<usize> =
            mappings.iter().map(|mapped| mapped.address).collect();
        assert_eq!(addresses.len(), 1);
        assert_eq!(budget.used(), 9 * PAGE);
    }

    #[test]
    fn a_mapping_of_a_bad_range_is_refused() {
        let mut budget = Budget::new(64 * PAGE);
        let mut content = Content::default();
        content.write(0, &[1; 10], &mut budget).unwrap();
        for (offset, size) in [(1, 1), (0, 0), (0, PAGE_SIZE + 1), (PAGE, 1), (u64::MAX, 1)] {
            assert_eq!(content.map(offset, size, &mut budget).err().unwrap().errno, EINVAL);
        }
        assert!(content.map(0, PAGE_SIZE, &mut budget).is_ok());
    }
}
