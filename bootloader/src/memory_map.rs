//! The firmware's memory map, merged with what the bootloader keeps.
use alloc::vec::Vec;

use clavis_abi::boot::{MEMORY_RANGES, MemoryKind, MemoryRange};

use crate::Problem;

const PAGE: u64 = clavis_abi::PAGE_SIZE as u64;

/// A range with its kind. Where ranges overlap, the kind with the greater number holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// First byte.
    pub start: u64,
    /// Byte behind the last.
    pub end: u64,
    /// What it is.
    pub kind: MemoryKind,
}

/// Room for merging, allocated beforehand: the last merge happens when there is no allocator.
#[derive(Debug)]
pub struct Merger {
    claims: Vec<Claim>,
    edges: Vec<u64>,
    ranges: Vec<MemoryRange>,
}

impl Merger {
    /// Room for that many claims.
    #[must_use]
    pub fn with_capacity(claims: usize) -> Merger {
        let claims = claims.saturating_add(1);
        Merger {
            claims: Vec::with_capacity(claims),
            edges: Vec::with_capacity(claims.saturating_mul(2)),
            ranges: Vec::with_capacity(claims.saturating_mul(2)),
        }
    }

    /// Sorts, cuts and joins claims: ascending, disjoint, in whole pages, neighbours of one kind
    /// joined. Page 0 is never usable, so that physical address 0 can mean "none". Allocates
    /// nothing.
    ///
    /// # Errors
    /// [`Problem::MemoryMap`] if there are more claims than there is room, or more ranges than the
    /// boot protocol holds even without the reserved ones, which are information only.
    pub fn merge(
        &mut self,
        claims: impl Iterator<Item = Claim>,
    ) -> Result<&[MemoryRange], Problem> {
        self.claims.clear();
        self.edges.clear();
        self.ranges.clear();
        let page_0 = Claim { start: 0, end: PAGE, kind: MemoryKind::Reserved };
        for claim in claims.chain([page_0]).filter_map(|claim| whole_pages(&claim)) {
            if self.claims.len() == self.claims.capacity() {
                return Err(Problem::MemoryMap);
            }
            self.claims.push(claim);
        }
        self.edges.extend(self.claims.iter().flat_map(|c| [c.start, c.end]));
        self.edges.sort_unstable();
        self.edges.dedup();
        for pair in self.edges.windows(2) {
            let &[start, end] = pair else { continue };
            let covering = self.claims.iter().filter(|c| c.start <= start && end <= c.end);
            let Some(kind) = covering.map(|c| c.kind as u64).max() else { continue };
            match self.ranges.last_mut() {
                Some(last) if last.end == start && last.kind == kind => last.end = end,
                _ => self.ranges.push(MemoryRange { start, end, kind }),
            }
        }
        if self.ranges.len() > MEMORY_RANGES {
            self.ranges.retain(|range| range.kind != MemoryKind::Reserved as u64);
        }
        if self.ranges.len() > MEMORY_RANGES { Err(Problem::MemoryMap) } else { Ok(&self.ranges) }
    }
}

/// What may be used is rounded inwards, what may not outwards.
fn whole_pages(claim: &Claim) -> Option<Claim> {
    let (start, end) = match claim.kind {
        MemoryKind::Usable => {
            (claim.start.checked_next_multiple_of(PAGE)?, claim.end & !(PAGE.wrapping_sub(1)))
        }
        MemoryKind::Boot | MemoryKind::Acpi | MemoryKind::Reserved => (
            claim.start & !(PAGE.wrapping_sub(1)),
            claim.end.checked_next_multiple_of(PAGE).unwrap_or(!(PAGE.wrapping_sub(1))),
        ),
    };
    (start < end).then_some(Claim { start, end, kind: claim.kind })
}

/// The RAM in a merged map (all but what is reserved), neighbours joined: what the direct map
/// covers.
#[must_use]
pub fn ram(ranges: &[MemoryRange]) -> Vec<(u64, u64)> {
    let mut ram: Vec<(u64, u64)> = Vec::new();
    for range in ranges.iter().filter(|range| range.kind != MemoryKind::Reserved as u64) {
        match ram.last_mut() {
            Some(last) if last.1 == range.start => last.1 = range.end,
            _ => ram.push((range.start, range.end)),
        }
    }
    ram
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use clavis_abi::boot::MemoryKind::{Acpi, Boot, Reserved, Usable};

    fn merge(claims: &[Claim]) -> Result<Vec<MemoryRange>, Problem> {
        let mut merger = Merger::with_capacity(claims.len());
        merger.merge(claims.iter().copied()).map(<[MemoryRange]>::to_vec)
    }

    fn claim(start: u64, end: u64, kind: MemoryKind) -> Claim {
        Claim { start, end, kind }
    }

    fn range(start: u64, end: u64, kind: MemoryKind) -> MemoryRange {
        MemoryRange { start, end, kind: kind as u64 }
    }

    #[test]
    fn neighbours_of_one_kind_are_joined_and_page_0_is_not_usable() {
        let merged = merge(&[
            claim(0x3000, 0x5000, Usable),
            claim(0, 0x3000, Usable),
            claim(0x5000, 0x6000, Acpi),
        ])
        .unwrap();
        let want = [
            range(0, 0x1000, Reserved),
            range(0x1000, 0x5000, Usable),
            range(0x5000, 0x6000, Acpi),
        ];
        assert_eq!(merged, want);
        assert_eq!(ram(&merged), vec![(0x1000, 0x6000)]);
    }

    #[test]
    fn what_is_kept_is_cut_out_and_the_stricter_kind_wins() {
        let merged = merge(&[
            claim(0x1000, 0x9000, Usable),
            claim(0x3000, 0x3800, Boot),
            claim(0x8000, 0xA000, Reserved),
        ])
        .unwrap();
        let want = [
            range(0, 0x1000, Reserved),
            range(0x1000, 0x3000, Usable),
            range(0x3000, 0x4000, Boot),
            range(0x4000, 0x8000, Usable),
            range(0x8000, 0xA000, Reserved),
        ];
        assert_eq!(merged, want);
    }

    #[test]
    fn crooked_ranges_neither_give_memory_nor_break() {
        let merged = merge(&[
            claim(0x1800, 0x2800, Usable),
            claim(0x9000, 0x8000, Usable),
            claim(u64::MAX - 5, u64::MAX, Reserved),
        ])
        .unwrap();
        assert_eq!(ram(&merged), vec![]);
    }

    #[test]
    fn more_claims_than_there_is_room_for_are_refused() {
        let mut merger = Merger::with_capacity(1);
        let two = [claim(0x1000, 0x2000, Usable), claim(0x2000, 0x3000, Usable)];
        assert_eq!(merger.merge(two.into_iter()), Err(Problem::MemoryMap));
        assert!(merger.merge(two.into_iter().take(1)).is_ok());
    }

    #[test]
    fn too_many_pieces_lose_the_reserved_ones_first() {
        let piece = |i: u64| {
            [
                claim(i << 14, (i << 14) + 0x1000, Usable),
                claim((i << 14) + 0x2000, (i << 14) + 0x3000, Reserved),
            ]
        };
        let claims: Vec<Claim> = (1..=200).flat_map(piece).collect();
        assert_eq!(merge(&claims).unwrap().len(), 200);
        let claims: Vec<Claim> = (1..=300).flat_map(piece).collect();
        assert_eq!(merge(&claims), Err(Problem::MemoryMap));
    }
}
