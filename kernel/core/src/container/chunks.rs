//! A growing array whose elements never move.
use crate::machine::{Machine, NoMemory};
use alloc::vec::Vec;

const CHUNK_BYTES: usize = 4096;
/// Greatest number of chunks in one array.
const CHUNKS_MAX: usize = 65_536;

/// An array that grows by chunks of about a page. Elements keep their place for ever: growing
/// moves no element, only the list of chunks, and that rarely.
#[derive(Debug)]
pub struct Chunks<T> {
    chunks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Chunks<T> {
    /// Elements in one chunk: a power of two, so that an index splits by shifts.
    const PER: usize = {
        let size = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
        let fit = CHUNK_BYTES / size;
        if fit < 2 { 1 } else { 1 << (usize::BITS - 1 - fit.leading_zeros()) }
    };

    /// An empty array; takes no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The element at that index.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / Self::PER)?.get(index % Self::PER)
    }

    /// The element at that index.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.chunks.get_mut(index / Self::PER)?.get_mut(index % Self::PER)
    }

    /// Makes room for `count` elements in all.
    ///
    /// # Errors
    /// The kernel heap may not grow, or the array is at its bound. Room made so far stays.
    pub fn reserve<M: Machine>(&mut self, machine: &mut M, count: usize) -> Result<(), NoMemory> {
        while self.chunks.len().wrapping_mul(Self::PER) < count {
            self.add_chunk(machine)?;
        }
        Ok(())
    }

    #[cold]
    fn add_chunk<M: Machine>(&mut self, machine: &mut M) -> Result<(), NoMemory> {
        if self.chunks.len() >= CHUNKS_MAX {
            return Err(NoMemory);
        }
        machine.chunk_permit()?;
        self.chunks.try_reserve(1).map_err(|_| NoMemory)?;
        let mut elements = Vec::new();
        elements.try_reserve_exact(Self::PER).map_err(|_| NoMemory)?;
        self.chunks.push(elements);
        Ok(())
    }

    /// Appends an element; gives it back when no room was reserved.
    pub fn push(&mut self, value: T) -> Result<usize, T> {
        let index = self.len;
        match self.chunks.get_mut(index / Self::PER) {
            Some(elements) if elements.len() < Self::PER => {
                elements.push(value);
                self.len = index.wrapping_add(1);
                Ok(index)
            }
            _ => Err(value),
        }
    }

    /// Takes the last element off. Its room stays.
    pub fn pop(&mut self) -> Option<T> {
        let index = self.len.checked_sub(1)?;
        let value = self.chunks.get_mut(index / Self::PER)?.pop()?;
        self.len = index;
        Some(value)
    }

    /// The elements in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self::new()
    }
}
