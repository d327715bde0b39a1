//! Regions in an ordered tree: a treap whose nodes are the regions themselves.
use crate::prelude::*;

/// Names a region.
pub type RegionId = Id<Region>;

/// A run of pages of a space that shows a run of pages of one memory object.
#[derive(Clone, Copy, Debug, Default)]
pub struct Region {
    /// Its first page (address / page size).
    pub start: u64,
    /// Its pages.
    pub pages: u64,
    /// What it shows.
    pub memory: MemoryId,
    /// The page of the object that its first page shows.
    pub offset: u64,
    /// What it permits now.
    pub protection: Protection,
    /// What it can ever permit: from the rights of the handle it came from.
    pub most: Protection,
    /// Writes are seen by every mapper of the object.
    pub shared: bool,
    /// The grant of a scheme's mmap that it belongs to.
    pub grant: Option<GrantId>,
    /// The lease of the handle it came from.
    pub lease: Under,
    /// The space that it lies in.
    pub(crate) space: Option<SpaceId>,
    pub(crate) of_lease: Link<Region>,
    left: Tree,
    right: Tree,
    priority: u32,
}

links!(Region, Region, [], 0 => of_lease);

impl Region {
    /// A region in no tree.
    #[must_use]
    pub fn new(start: u64, pages: u64, memory: MemoryId, offset: u64) -> Self {
        Self { start, pages, memory, offset, ..Self::default() }
    }

    /// The page behind its last.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.wrapping_add(self.pages)
    }

    /// Whether another one that begins where it ends could be the rest of it.
    pub(crate) fn goes_on_as(&self, next: &Self) -> bool {
        let first = (self.memory, self.offset.wrapping_add(self.pages), self.end(), self.grant);
        let traits = (self.protection, self.most, self.shared, self.lease);
        first == (next.memory, next.offset, next.start, next.grant)
            && traits == (next.protection, next.most, next.shared, next.lease)
    }

    /// What lies beneath it on the side of a page.
    fn towards(&self, page: u64) -> Tree {
        if page < self.start { self.left } else { self.right }
    }

    /// Whether it shows its object writable to others too.
    #[must_use]
    pub fn is_writer(&self) -> bool {
        self.shared && self.protection.contains(Protection::WRITE)
    }
}

/// The tree of a space's regions, in order of address, never overlapping.
#[derive(Debug, Default)]
pub struct RegionTree {
    root: Tree,
    count: u32,
    /// The one that was looked for last.
    last: Option<RegionId>,
}

type Regions = Arena<Region, Region, 16>;
/// A part of a tree, by its root.
type Tree = Option<RegionId>;

impl RegionTree {
    /// How many regions there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Any region, for taking a space apart.
    #[must_use]
    pub fn any(&self) -> Option<RegionId> {
        self.root
    }

    /// The regions in order of address.
    pub fn iter<'a>(&self, regions: &'a Regions) -> impl Iterator<Item = RegionId> + 'a + use<'a> {
        let mut next = self.at_or_after(regions, 0);
        let tree = Self { root: self.root, ..Self::default() };
        core::iter::from_fn(move || {
            let id = next?;
            next = tree.at_or_after(regions, regions[id].end());
            Some(id)
        })
    }

    /// The first region that ends behind that page: the one that holds it, or the next one.
    #[must_use]
    pub fn at_or_after(&self, regions: &Regions, page: u64) -> Option<RegionId> {
        let (mut at, mut found) = (self.root, None);
        while let Some(id) = at {
            let region = &regions[id];
            if region.end() > page {
                found = Some(id);
                at = region.left;
            } else {
                at = region.right;
            }
        }
        found
    }

    /// As [`RegionTree::holding`], quickly where the same one is looked for again.
    #[inline]
    pub fn find(&mut self, regions: &Regions, page: u64) -> Option<RegionId> {
        if let Some(region) = self.last.and_then(|last| regions.get(last))
            && region.start <= page
            && page < region.end()
        {
            return self.last;
        }
        self.last = self.holding(regions, page);
        self.last
    }

    /// The region that holds that page.
    #[must_use]
    pub fn holding(&self, regions: &Regions, page: u64) -> Option<RegionId> {
        let mut at = self.root;
        while let Some(id) = at {
            let region = &regions[id];
            if page < region.start {
                at = region.left;
            } else if page >= region.end() {
                at = region.right;
            } else {
                return Some(id);
            }
        }
        None
    }

    /// Inserts a region that overlaps no other. `noise` balances the tree.
    pub fn insert(&mut self, regions: &mut Regions, id: RegionId, noise: u32) {
        let start = regions[id].start;
        let (mut above, mut at) = (None, self.root);
        while let Some(node) = at.filter(|node| regions[*node].priority >= noise) {
            (above, at) = (Some(node), regions[node].towards(start));
        }
        let (left, right) = split(regions, at, start);
        let region = &mut regions[id];
        (region.left, region.right, region.priority) = (left, right, noise);
        self.hang(regions, above, start, Some(id));
        self.count = self.count.wrapping_add(1);
    }

    /// Takes a region out of the tree.
    pub fn remove(&mut self, regions: &mut Regions, id: RegionId) {
        let Region { start, left, right, .. } = regions[id];
        let (mut above, mut at) = (None, self.root);
        while let Some(node) = at.filter(|node| *node != id) {
            (above, at) = (Some(node), regions[node].towards(start));
        }
        debug_assert!(at == Some(id), "a region is in no tree");
        let rest = merge(regions, left, right);
        self.hang(regions, above, start, rest);
        self.count = self.count.wrapping_sub(1);
    }

    /// Puts a tree where a region that starts there belongs, beneath another or at the root.
    fn hang(&mut self, regions: &mut Regions, above: Tree, start: u64, tree: Tree) {
        match above.map(|above| &mut regions[above]) {
            None => self.root = tree,
            Some(above) if start < above.start => above.left = tree,
            Some(above) => above.right = tree,
        }
    }
}

/// Splits a tree into the regions that start before `key` and the others. The depth of the
/// recursion is that of the tree: logarithmic, since priorities are random.
fn split(regions: &mut Regions, root: Tree, key: u64) -> (Tree, Tree) {
    let Some(id) = root else { return (None, None) };
    let Region { start, left, right, .. } = regions[id];
    if start < key {
        let (middle, high) = split(regions, right, key);
        regions[id].right = middle;
        (Some(id), high)
    } else {
        let (low, middle) = split(regions, left, key);
        regions[id].left = middle;
        (low, Some(id))
    }
}

/// Joins two trees, all of the first before all of the second.
fn merge(regions: &mut Regions, low: Tree, high: Tree) -> Tree {
    let (Some(a), Some(b)) = (low, high) else { return low.or(high) };
    if regions[a].priority >= regions[b].priority {
        let right = regions[a].right;
        let merged = merge(regions, right, Some(b));
        regions[a].right = merged;
        Some(a)
    } else {
        let left = regions[b].left;
        let merged = merge(regions, Some(a), left);
        regions[b].left = merged;
        Some(b)
    }
}
