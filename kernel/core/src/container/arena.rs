//! Typed, generation-stamped storage for kernel objects.
use crate::prelude::*;
use core::fmt;
use core::marker::PhantomData;
use core::num::{NonZeroU32, NonZeroU64};
use core::ops::{Index, IndexMut};

/// Names an object of kind `K`. Never dangles: a destroyed object's place gets a new generation.
pub struct Id<K> {
    /// The generation, then the place: one word, so that one instruction compares two.
    word: NonZeroU64,
    kind: PhantomData<fn() -> K>,
}

impl<K> Id<K> {
    /// Place of the object in its arena.
    #[must_use]
    #[inline(always)]
    pub fn index(self) -> u32 {
        self.word.get() as u32
    }

    /// Which tenant of that place it is, from 1.
    #[must_use]
    pub fn generation(self) -> u32 {
        (self.word.get() >> 32) as u32
    }

    /// Both in one number.
    pub(crate) fn number(self) -> u64 {
        self.word.get()
    }

    /// The id with these parts, if the generation is one.
    #[must_use]
    pub fn from_parts(index: u32, generation: u32) -> Option<Self> {
        let word = u64::from(NonZeroU32::new(generation)?.get()) << 32 | u64::from(index);
        Some(Self { word: NonZeroU64::new(word)?, kind: PhantomData })
    }

    /// The first tenant of a place.
    const fn first(index: u32) -> Self {
        Self { word: NonZeroU64::MIN.saturating_add(FIRST - 1 + index as u64), kind: PhantomData }
    }

    /// The next tenant of its place.
    #[inline]
    fn next(self) -> Self {
        let word = self.word.checked_add(FIRST);
        word.map_or(Self::first(self.index()), |word| Self { word, kind: PhantomData })
    }
}

/// What lies between two generations in the word of an id.
const FIRST: u64 = 1 << 32;

/// An id that names nothing.
impl<K> Default for Id<K> {
    fn default() -> Self {
        Self { word: NonZeroU64::MAX, kind: PhantomData }
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}
impl<K> Eq for Id<K> {}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index(), self.generation())
    }
}

/// [`Entry::next`] of a place in use.
const LIVE: u32 = u32::MAX;
/// [`Entry::next`] of the last free place.
const END: u32 = u32::MAX - 1;

#[derive(Debug)]
struct Entry<K, T> {
    /// Of what lives there, or is the next to.
    id: Id<K>,
    /// The next free place, [`END`], or [`LIVE`].
    next: u32,
    /// What lives there; or what last lived there, if it was retired.
    value: Option<T>,
}

/// An object at hand, one that lives or the draft of the next, and its place.
pub struct Tenant<'a, K, T> {
    /// It.
    pub value: &'a mut T,
    /// Where it lives.
    pub place: Place<'a, K>,
}

/// The place of an object at hand.
pub struct Place<'a, K> {
    id: &'a mut Id<K>,
    next: &'a mut u32,
    free: &'a mut u32,
    created: &'a mut u64,
    destroyed: &'a mut u64,
}

impl<K> Place<'_, K> {
    /// The id of what lives there, or is the next to.
    #[inline(always)]
    pub fn id(&self) -> Id<K> {
        *self.id
    }

    /// Makes a draft an object.
    #[inline(always)]
    pub fn adopt(self) -> Id<K> {
        *self.free = core::mem::replace(self.next, LIVE);
        *self.created = self.created.wrapping_add(1);
        *self.id
    }

    /// Ends an object; its id is stale from now on. What remains of it stays until its place is
    /// used again.
    #[inline(always)]
    pub fn retire(self) {
        *self.next = core::mem::replace(self.free, self.id.index());
        *self.id = self.id.next();
        *self.destroyed = self.destroyed.wrapping_add(1);
    }
}

/// Objects of one kind in blocks of `N`: one where they are large and often looked up, which takes
/// fewer steps, and more of those that are small and many. Counts what it made and destroyed: the
/// leak oracle of every test.
#[derive(Debug)]
pub struct Arena<T, K = T, const N: usize = 1> {
    entries: Blocks<Entry<K, T>, N>,
    /// The first free place, or [`END`].
    free: u32,
    created: u64,
    destroyed: u64,
}

impl<K, T, const N: usize> Arena<T, K, N> {
    /// An empty arena; takes no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Blocks::new(), free: END, created: 0, destroyed: 0 }
    }

    /// Makes sure that the next [`Arena::insert`] succeeds.
    ///
    /// # Errors
    /// The kernel heap may not grow.
    #[inline]
    pub fn reserve<M: Machine>(&mut self, machine: &mut M) -> Result<(), NoMemory> {
        if self.free == END { self.grow(machine) } else { Ok(()) }
    }

    #[cold]
    fn grow<M: Machine>(&mut self, machine: &mut M) -> Result<(), NoMemory> {
        let first = self.entries.len();
        let last = u32::try_from(first + N).map_err(|_| NoMemory)?;
        let mut next = first as u32;
        self.entries.grow(machine, || {
            let id = Id::first(next);
            next += 1;
            Entry { id, next: if next == last { END } else { next }, value: None }
        })?;
        self.free = first as u32;
        Ok(())
    }

    /// Stores an object.
    ///
    /// # Errors
    /// The kernel heap may not grow; cannot happen after [`Arena::reserve`].
    #[inline]
    pub fn insert<M: Machine>(&mut self, machine: &mut M, value: T) -> Result<Id<K>, NoMemory> {
        self.reserve(machine)?;
        let entry = self.entries.get_mut(self.free as usize).ok_or(NoMemory)?;
        self.free = core::mem::replace(&mut entry.next, LIVE);
        self.created = self.created.wrapping_add(1);
        entry.value = Some(value);
        Ok(entry.id)
    }

    /// A draft in the place that the next object takes: a blank, or the remains of what last lived
    /// there. Cheaper than moving a large value.
    ///
    /// # Errors
    /// As [`Arena::insert`].
    #[inline(always)]
    pub fn draft<M: Machine>(
        &mut self,
        machine: &mut M,
        blank: impl FnOnce() -> T,
    ) -> Result<&mut T, NoMemory> {
        self.reserve(machine)?;
        let entry = self.entries.get_mut(self.free as usize).ok_or(NoMemory)?;
        Ok(entry.value.get_or_insert_with(blank))
    }

    /// The draft, if there is one.
    #[inline(always)]
    pub fn drafted(&mut self) -> Option<Tenant<'_, K, T>> {
        let Self { entries, free, created, destroyed } = self;
        let Entry { id, next, value } = entries.get_mut(*free as usize)?;
        let place = Place { id, next, free, created, destroyed };
        Some(Tenant { value: mostly(value.as_mut())?, place })
    }

    /// The object and its place, unless the id is stale.
    #[inline(always)]
    pub fn tenant(&mut self, wanted: Id<K>) -> Option<Tenant<'_, K, T>> {
        let Self { entries, free, created, destroyed } = self;
        let Entry { id, next, value } = entries.get_mut(wanted.index() as usize)?;
        if *id != wanted || *next != LIVE {
            return none();
        }
        let place = Place { id, next, free, created, destroyed };
        Some(Tenant { value: mostly(value.as_mut())?, place })
    }

    /// Takes an object out; its id is stale from now on.
    pub fn remove(&mut self, id: Id<K>) -> Option<T> {
        self.tenant(id)?.place.retire();
        self.entries.get_mut(id.index() as usize)?.value.take()
    }

    /// Ends an object, as [`Place::retire`] does.
    #[inline]
    pub fn retire(&mut self, id: Id<K>) {
        if let Some(tenant) = self.tenant(id) {
            tenant.place.retire();
        }
    }

    /// The object, unless the id is stale.
    #[must_use]
    #[inline(always)]
    pub fn get(&self, id: Id<K>) -> Option<&T> {
        let entry = self.entries.get(id.index() as usize)?;
        if entry.id == id { mostly(entry.value.as_ref()) } else { none() }
    }

    /// The object, unless the id is stale.
    #[inline(always)]
    pub fn get_mut(&mut self, id: Id<K>) -> Option<&mut T> {
        let entry = self.entries.get_mut(id.index() as usize)?;
        if entry.id == id { mostly(entry.value.as_mut()) } else { none() }
    }

    /// Two different objects, unless an id is stale.
    #[inline(always)]
    pub fn pair_mut(&mut self, one: Id<K>, other: Id<K>) -> Option<(&mut T, &mut T)> {
        let (a, b) = self.entries.pair_mut(one.index() as usize, other.index() as usize)?;
        if a.id != one || b.id != other {
            return none();
        }
        Some((mostly(a.value.as_mut())?, mostly(b.value.as_mut())?))
    }

    /// The live object at that place, whatever its generation.
    #[must_use]
    pub fn at(&self, index: u32) -> Option<Id<K>> {
        let entry = self.entries.get(index as usize).filter(|entry| entry.next == LIVE)?;
        Some(entry.id)
    }

    /// The bound for [`Arena::at`].
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
        let live = self.entries.iter().filter(|entry| entry.next == LIVE);
        live.filter_map(|entry| Some((entry.id, entry.value.as_ref()?)))
    }
}

impl<K, T, const N: usize> Default for Arena<T, K, N> {
    fn default() -> Self {
        Self::new()
    }
}

/// For ids that the kernel itself keeps and counts. A stale one is a broken invariant of the
/// kernel, never an input: it stops the machine.
impl<K, T, const N: usize> Index<Id<K>> for Arena<T, K, N> {
    type Output = T;
    #[inline(always)]
    fn index(&self, id: Id<K>) -> &T {
        match self.get(id) {
            Some(value) => value,
            None => stale(core::any::type_name::<K>(), id.index()),
        }
    }
}

impl<K, T, const N: usize> IndexMut<Id<K>> for Arena<T, K, N> {
    #[inline(always)]
    fn index_mut(&mut self, id: Id<K>) -> &mut T {
        match self.get_mut(id) {
            Some(value) => value,
            None => stale(core::any::type_name::<K>(), id.index()),
        }
    }
}

#[cold]
#[inline(never)]
fn stale(kind: &str, index: u32) -> ! {
    panic!("kernel invariant broken: stale reference to {kind} {index}")
}
