//! A growing array in blocks of `N`: elements never move, and one bounds check finds one.
use crate::prelude::*;

/// Greatest number of blocks in one array.
const BLOCKS_MAX: usize = 65_536;

/// An array that grows by whole blocks. `N` is a power of two that makes a block about a page.
#[derive(Debug)]
pub struct Blocks<T, const N: usize> {
    blocks: Vec<Box<[T; N]>>,
}

impl<T, const N: usize> Blocks<T, N> {
    /// An empty array; takes no memory.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N.is_power_of_two(), "an index is split by shifts") };
        Self { blocks: Vec::new() }
    }

    /// How many elements there are: a multiple of `N`.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.blocks.len().wrapping_mul(N)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The element at that index.
    #[must_use]
    #[inline(always)]
    pub fn get(&self, index: usize) -> Option<&T> {
        mostly(self.blocks.get(index / N))?.get(index % N)
    }

    /// The element at that index.
    #[inline(always)]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        mostly(self.blocks.get_mut(index / N))?.get_mut(index % N)
    }

    /// Two different elements.
    #[inline(always)]
    pub fn pair_mut(&mut self, one: usize, other: usize) -> Option<(&mut T, &mut T)> {
        let (a, b) = (one / N, other / N);
        if a == b {
            let block = mostly(self.blocks.get_mut(a))?;
            let [x, y] = mostly(block.get_disjoint_mut([one % N, other % N]).ok())?;
            return Some((x, y));
        }
        let [x, y] = mostly(self.blocks.get_disjoint_mut([a, b]).ok())?;
        Some((x.get_mut(one % N)?, y.get_mut(other % N)?))
    }

    /// Adds a block of elements made one by one.
    ///
    /// # Errors
    /// The kernel heap may not grow, or the array is at its bound.
    #[cold]
    pub fn grow<M: Machine>(
        &mut self,
        machine: &mut M,
        make: impl FnMut() -> T,
    ) -> Result<(), NoMemory> {
        if self.blocks.len() >= BLOCKS_MAX {
            return Err(NoMemory);
        }
        machine.chunk_permit()?;
        self.blocks.try_reserve(1).map_err(|_| NoMemory)?;
        let mut elements = Vec::new();
        elements.try_reserve_exact(N).map_err(|_| NoMemory)?;
        elements.extend(core::iter::repeat_with(make).take(N));
        self.blocks.push(elements.into_boxed_slice().try_into().map_err(|_| NoMemory)?);
        Ok(())
    }

    /// The elements in order, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.blocks.iter_mut().flat_map(|block| block.iter_mut())
    }

    /// The elements in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flat_map(|block| block.iter())
    }
}

impl<T, const N: usize> Default for Blocks<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Nothing, where that is rare: the compiler keeps registers for what is not.
#[cold]
pub(crate) fn none<T>() -> Option<T> {
    None
}

/// The same; nothing is rare there.
#[inline(always)]
pub(crate) fn mostly<T>(found: Option<T>) -> Option<T> {
    found.or_else(none)
}
