//! A growing array whose elements never move.
use crate::machine::{Machine, NoMemory};
use alloc::vec::Vec;

const CHUNK_BYTES: usize = 4096;
/// Entries in a directory of chunks.
const FAN: usize = 128;

/// An array that grows by chunks of about a page. Elements keep their place for ever; growing
/// copies nothing. Two directory levels of 128 bound it to 16,384 chunks.
#[derive(Debug)]
pub struct Chunks<T> {
    directories: Vec<Vec<Vec<T>>>,
    len: usize,
    room: usize,
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
        Self { directories: Vec::new(), len: 0, room: 0 }
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
        let chunk = index / Self::PER;
        self.directories.get(chunk / FAN)?.get(chunk % FAN)?.get(index % Self::PER)
    }

    /// The element at that index.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        let chunk = index / Self::PER;
        self.directories.get_mut(chunk / FAN)?.get_mut(chunk % FAN)?.get_mut(index % Self::PER)
    }

    /// Makes room for `count` elements in all.
    ///
    /// # Errors
    /// The kernel heap may not grow, or the array is at its bound. Room made so far stays.
    pub fn reserve<M: Machine>(&mut self, machine: &mut M, count: usize) -> Result<(), NoMemory> {
        while self.room < count {
            self.add_chunk(machine)?;
        }
        Ok(())
    }

    #[cold]
    fn add_chunk<M: Machine>(&mut self, machine: &mut M) -> Result<(), NoMemory> {
        let directory = self.room / Self::PER / FAN;
        machine.chunk_permit()?;
        if self.directories.capacity() == 0 {
            self.directories.try_reserve_exact(FAN).map_err(|_| NoMemory)?;
        }
        if directory == self.directories.len() {
            if directory == FAN {
                return Err(NoMemory);
            }
            let mut chunks = Vec::new();
            // The first directory of an array starts small: most arrays stay small.
            chunks.try_reserve_exact(if directory == 0 { 8 } else { FAN }).map_err(|_| NoMemory)?;
            self.directories.push(chunks);
        }
        let chunks = self.directories.get_mut(directory).ok_or(NoMemory)?;
        if chunks.len() == chunks.capacity() {
            let missing = FAN.saturating_sub(chunks.len());
            chunks.try_reserve_exact(missing).map_err(|_| NoMemory)?;
        }
        let mut elements = Vec::new();
        elements.try_reserve_exact(Self::PER).map_err(|_| NoMemory)?;
        chunks.push(elements);
        self.room = self.room.wrapping_add(Self::PER);
        Ok(())
    }

    /// Appends an element; gives it back when no room was reserved.
    pub fn push(&mut self, value: T) -> Result<usize, T> {
        let index = self.len;
        let chunk = index / Self::PER;
        match self.directories.get_mut(chunk / FAN).and_then(|chunks| chunks.get_mut(chunk % FAN)) {
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
        let chunk = index / Self::PER;
        let value = self.directories.get_mut(chunk / FAN)?.get_mut(chunk % FAN)?.pop()?;
        self.len = index;
        Some(value)
    }

    /// The elements in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.directories.iter().flatten().flatten()
    }
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self::new()
    }
}
