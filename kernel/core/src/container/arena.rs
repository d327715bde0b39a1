//! Typed, generation-stamped storage for kernel objects.
use super::Chunks;
use crate::machine::{Machine, NoMemory};
use core::fmt;
use core::marker::PhantomData;
use core::num::NonZeroU32;
use core::ops::{Index, IndexMut};

/// Names an object of kind `K`. Never dangles: a destroyed object's place gets a new generation.
pub struct Id<K> {
    index: u32,
    generation: NonZeroU32,
    kind: PhantomData<fn() -> K>,
}

impl<K> Id<K> {
    /// Place of the object in its arena.
    #[must_use]
    pub fn index(self) -> u32 {
        self.index
    }

    /// Which tenant of that place it is, from 1.
    #[must_use]
    pub fn generation(self) -> u32 {
        self.generation.get()
    }

    /// The id with these parts, if the generation is one.
    #[must_use]
    pub fn from_parts(index: u32, generation: u32) -> Option<Self> {
        Some(Self { index, generation: NonZeroU32::new(generation)?, kind: PhantomData })
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && self.generation == other.generation
    }
}
impl<K> Eq for Id<K> {}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

#[derive(Debug)]
enum Place<T> {
    Free { next: Option<u32> },
    Live(T),
}

#[derive(Debug)]
struct Entry<T> {
    generation: NonZeroU32,
    place: Place<T>,
}

/// Objects of one kind. Counts what it made and destroyed: the leak oracle of every test.
#[derive(Debug)]
pub struct Arena<K, T> {
    entries: Chunks<Entry<T>>,
    free: Option<u32>,
    created: u64,
    destroyed: u64,
    kind: PhantomData<fn() -> K>,
}

impl<K, T> Arena<K, T> {
    /// An empty arena; takes no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Chunks::new(), free: None, created: 0, destroyed: 0, kind: PhantomData }
    }

    /// Makes sure that the next [`Arena::insert`] succeeds.
    ///
    /// # Errors
    /// The kernel heap may not grow.
    pub fn reserve<M: Machine>(&mut self, machine: &mut M) -> Result<(), NoMemory> {
        if self.free.is_some() {
            return Ok(());
        }
        let count = self.entries.len().wrapping_add(1);
        self.entries.reserve(machine, count)?;
        let entry = Entry { generation: NonZeroU32::MIN, place: Place::Free { next: None } };
        let index = self.entries.push(entry).map_err(|_| NoMemory)?;
        self.free = Some(u32::try_from(index).map_err(|_| NoMemory)?);
        Ok(())
    }

    /// Stores an object.
    ///
    /// # Errors
    /// The kernel heap may not grow; cannot happen after [`Arena::reserve`].
    pub fn insert<M: Machine>(&mut self, machine: &mut M, value: T) -> Result<Id<K>, NoMemory> {
        self.reserve(machine)?;
        let index = self.free.ok_or(NoMemory)?;
        let entry = self.entries.get_mut(index as usize).ok_or(NoMemory)?;
        let Place::Free { next } = entry.place else { return Err(NoMemory) };
        self.free = next;
        entry.place = Place::Live(value);
        self.created = self.created.wrapping_add(1);
        Ok(Id { index, generation: entry.generation, kind: PhantomData })
    }

    /// Takes an object out; its id is stale from now on.
    pub fn remove(&mut self, id: Id<K>) -> Option<T> {
        let entry = self.entries.get_mut(id.index as usize)?;
        if entry.generation != id.generation || !matches!(entry.place, Place::Live(_)) {
            return None;
        }
        let Place::Live(value) =
            core::mem::replace(&mut entry.place, Place::Free { next: self.free })
        else {
            return None;
        };
        entry.generation = entry.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        self.free = Some(id.index);
        self.destroyed = self.destroyed.wrapping_add(1);
        Some(value)
    }

    /// Drops an object; its id is stale from now on.
    #[inline]
    pub fn discard(&mut self, id: Id<K>) {
        let Some(entry) = self.entries.get_mut(id.index as usize) else { return };
        if entry.generation != id.generation || !matches!(entry.place, Place::Live(_)) {
            return;
        }
        entry.place = Place::Free { next: self.free };
        entry.generation = entry.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        self.free = Some(id.index);
        self.destroyed = self.destroyed.wrapping_add(1);
    }

    /// The object, unless the id is stale.
    #[must_use]
    #[inline]
    pub fn get(&self, id: Id<K>) -> Option<&T> {
        match self.entries.get(id.index as usize)? {
            Entry { generation, place: Place::Live(value) } if *generation == id.generation => {
                Some(value)
            }
            _ => None,
        }
    }

    /// The object, unless the id is stale.
    #[inline]
    pub fn get_mut(&mut self, id: Id<K>) -> Option<&mut T> {
        match self.entries.get_mut(id.index as usize)? {
            Entry { generation, place: Place::Live(value) } if *generation == id.generation => {
                Some(value)
            }
            _ => None,
        }
    }

    /// The live object at that place, whatever its generation.
    #[must_use]
    pub fn at(&self, index: u32) -> Option<Id<K>> {
        match self.entries.get(index as usize)? {
            Entry { generation, place: Place::Live(_) } => {
                Some(Id { index, generation: *generation, kind: PhantomData })
            }
            Entry { .. } => None,
        }
    }

    /// Places in use or once used: the bound for [`Arena::at`].
    #[must_use]
    pub fn places(&self) -> u32 {
        self.entries.len() as u32
    }

    /// Objects made and destroyed since the arena exists.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.created, self.destroyed)
    }

    /// The live objects.
    pub fn iter(&self) -> impl Iterator<Item = (Id<K>, &T)> {
        self.entries.iter().enumerate().filter_map(|(index, entry)| match &entry.place {
            Place::Live(value) => Some((
                Id { index: index as u32, generation: entry.generation, kind: PhantomData },
                value,
            )),
            Place::Free { .. } => None,
        })
    }
}

impl<K, T> Default for Arena<K, T> {
    fn default() -> Self {
        Self::new()
    }
}

/// For ids that the kernel itself keeps and counts. A stale one is a broken invariant of the
/// kernel, never an input: it stops the machine.
impl<K, T> Index<Id<K>> for Arena<K, T> {
    type Output = T;
    #[inline]
    fn index(&self, id: Id<K>) -> &T {
        match self.get(id) {
            Some(value) => value,
            None => stale(core::any::type_name::<K>(), id.index),
        }
    }
}

impl<K, T> IndexMut<Id<K>> for Arena<K, T> {
    #[inline]
    fn index_mut(&mut self, id: Id<K>) -> &mut T {
        match self.get_mut(id) {
            Some(value) => value,
            None => stale(core::any::type_name::<K>(), id.index),
        }
    }
}

#[cold]
#[inline(never)]
fn stale(kind: &str, index: u32) -> ! {
    panic!("kernel invariant broken: stale reference to {kind} {index}")
}
