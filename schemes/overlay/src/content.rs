//! What a changed file holds: pages; where there is none it reads as zeros.
use crate::budget::{Budget, Charge};
use std::collections::BTreeMap;
use std::rc::Rc;
use syscall::error::{EFBIG, ENOSPC, Error, Result};

/// Bytes of a page.
pub(crate) const PAGE: usize = 4096;
/// The same, in offsets.
const STEP: u64 = PAGE as u64;
/// Bytes charged for a page: what is known of it too.
const COST: u64 = PAGE as u64 + 64;
/// The longest file.
pub(crate) const LONGEST: u64 = 1 << 48;

#[derive(Debug)]
struct Page {
    bytes: Vec<u8>,
    _charge: Charge,
}

/// The contents of one file.
#[derive(Debug)]
pub(crate) struct Content {
    length: u64,
    pages: BTreeMap<u64, Page>,
    budget: Rc<Budget>,
}

/// The page of a byte, and where in it.
fn split(offset: u64) -> (u64, usize) {
    (offset / STEP, (offset % STEP) as usize)
}

impl Content {
    pub(crate) fn new(budget: &Rc<Budget>) -> Content {
        Content { length: 0, pages: BTreeMap::new(), budget: Rc::clone(budget) }
    }

    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// Copies bytes out; the answer is how many there were.
    pub(crate) fn read(&self, offset: u64, into: &mut [u8]) -> usize {
        let rest = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let total = rest.min(into.len());
        let mut into = into.get_mut(..total).unwrap_or_default();
        let mut at = offset;
        while !into.is_empty() {
            let (page, inside) = split(at);
            let count = into.len().min(PAGE.saturating_sub(inside));
            let (part, after) = into.split_at_mut(count);
            match self.pages.get(&page).and_then(|page| page.bytes.get(inside..)) {
                Some(bytes) => part.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from),
                None => part.fill(0),
            }
            into = after;
            at = at.saturating_add(count as u64);
        }
        total
    }

    /// A page to write to.
    fn page(&mut self, number: u64) -> Result<&mut Vec<u8>> {
        if !self.pages.contains_key(&number) {
            let charge = self.budget.take(COST)?;
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(PAGE).map_err(|_| Error::new(ENOSPC))?;
            bytes.resize(PAGE, 0);
            self.pages.insert(number, Page { bytes, _charge: charge });
        }
        let page = self.pages.get_mut(&number).ok_or(Error::new(ENOSPC))?;
        Ok(&mut page.bytes)
    }

    /// Copies bytes in; the answer is how many: fewer than all when the budget ends.
    pub(crate) fn write(&mut self, offset: u64, from: &[u8]) -> Result<usize> {
        let end = offset.checked_add(from.len() as u64).filter(|end| *end <= LONGEST);
        end.ok_or(Error::new(EFBIG))?;
        let (mut at, mut rest) = (offset, from);
        let mut failed = None;
        while !rest.is_empty() {
            let (page, inside) = split(at);
            let count = rest.len().min(PAGE.saturating_sub(inside));
            let bytes = match self.page(page) {
                Ok(bytes) => bytes,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            let (now, after) = rest.split_at(count);
            bytes.iter_mut().skip(inside).zip(now).for_each(|(to, from)| *to = *from);
            rest = after;
            at = at.saturating_add(count as u64);
            self.length = self.length.max(at);
        }
        let written = from.len().saturating_sub(rest.len());
        match failed {
            Some(error) if written == 0 => Err(error),
            _ => Ok(written),
        }
    }

    /// Sets the length. Growing costs nothing.
    pub(crate) fn truncate(&mut self, length: u64) -> Result<()> {
        if length > LONGEST {
            return Err(Error::new(EFBIG));
        }
        if length < self.length {
            let (page, inside) = split(length);
            let mut gone = self.pages.split_off(&page);
            if inside != 0
                && let Some(mut last) = gone.remove(&page)
            {
                last.bytes.iter_mut().skip(inside).for_each(|byte| *byte = 0);
                self.pages.insert(page, last);
            }
        }
        self.length = length;
        Ok(())
    }

    /// The pages in which something is: where each begins, and what of it lies within the length.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.pages.iter().filter_map(|(number, page)| {
            let start = number.saturating_mul(STEP);
            let within = usize::try_from(self.length.saturating_sub(start)).unwrap_or(PAGE);
            Some((start, page.bytes.get(..within.min(PAGE))?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_reads_as_zeros_and_costs_nothing() {
        let budget = Budget::new(2 * COST);
        let mut content = Content::new(&budget);
        assert_eq!(content.write(100 * PAGE as u64 + 4094, b"ends").unwrap(), 4);
        assert_eq!(budget.left(), 0);
        let mut out = [9; 8];
        assert_eq!(content.read(50 * PAGE as u64, &mut out), 8);
        assert_eq!(out, [0; 8]);
        assert_eq!(content.read(content.len() - 3, &mut out), 3);
        assert_eq!(&out[..3], b"nds");
        assert_eq!(content.write(0, b"x").unwrap_err().errno, ENOSPC);
        content.truncate(0).unwrap();
        assert_eq!(budget.left(), 2 * COST);
        assert_eq!(content.truncate(LONGEST + 1).unwrap_err().errno, EFBIG);
    }

    #[test]
    fn what_was_cut_reads_as_zeros_when_the_file_grows_again() {
        let mut content = Content::new(&Budget::new(1 << 20));
        content.write(0, &[7; 6000]).unwrap();
        content.truncate(10).unwrap();
        content.truncate(5000).unwrap();
        let mut out = vec![9; 6000];
        assert_eq!(content.read(0, &mut out), 5000);
        assert_eq!((out[9], out[10], out[4999]), (7, 0, 0));
        assert_eq!(content.parts().map(|part| part.1.len()).sum::<usize>(), PAGE);
    }

    #[test]
    fn a_write_takes_what_fits_and_then_says_no_space() {
        let mut content = Content::new(&Budget::new(COST));
        assert_eq!(content.write(10, &[1; 5000]).unwrap(), PAGE - 10);
        assert_eq!(content.len(), PAGE as u64);
        assert_eq!(content.write(PAGE as u64, b"x").unwrap_err().errno, ENOSPC);
    }
}
