//! Lists whose links lie in the objects themselves: joining and leaving needs no memory.
use crate::prelude::*;
use core::ops::IndexMut;

/// A place in a list of `K`s.
#[derive(Debug)]
pub struct Link<K> {
    previous: Option<Id<K>>,
    next: Option<Id<K>>,
    linked: bool,
}

impl<K> Link<K> {
    /// A link in no list.
    #[must_use]
    pub const fn new() -> Self {
        Self { previous: None, next: None, linked: false }
    }

    /// Whether the object is in a list by this link.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.linked
    }

    /// The object behind this one.
    #[must_use]
    pub fn next(&self) -> Option<Id<K>> {
        self.next
    }

    /// The object before this one.
    #[must_use]
    pub fn previous(&self) -> Option<Id<K>> {
        self.previous
    }
}

impl<K> Clone for Link<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Link<K> {}

impl<K> Default for Link<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// An object that can be in a list by its link number `L`.
pub trait Linked<K, const L: usize> {
    /// The link.
    fn link(&self) -> &Link<K>;
    /// The link.
    fn link_mut(&mut self) -> &mut Link<K>;
}

/// Where the members of a list live.
pub trait Home<K, const L: usize>: IndexMut<Id<K>, Output: Linked<K, L> + Sized> {}

impl<K, const L: usize, A: IndexMut<Id<K>, Output: Linked<K, L> + Sized>> Home<K, L> for A {}

/// A first-in, first-out list of objects by their link number `L`.
#[derive(Debug)]
pub struct List<K, const L: usize> {
    head: Option<Id<K>>,
    tail: Option<Id<K>>,
}

impl<K, const L: usize> List<K, L> {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { head: None, tail: None }
    }

    /// Whether nothing is in it.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// The first object.
    #[must_use]
    #[inline]
    pub fn front(&self) -> Option<Id<K>> {
        self.head
    }

    /// The last object.
    #[must_use]
    pub fn back(&self) -> Option<Id<K>> {
        self.tail
    }

    /// Appends an object that is in no list by this link.
    #[inline]
    pub fn push_back(&mut self, arena: &mut impl Home<K, L>, id: Id<K>) {
        let last = self.append(id, &mut arena[id]);
        Self::join(arena, last, id);
    }

    /// As [`List::push_back`], for an object that is at hand. What comes back was the last before:
    /// [`List::join`] completes the list.
    #[inline(always)]
    #[must_use]
    pub(crate) fn append<T: Linked<K, L>>(&mut self, id: Id<K>, object: &mut T) -> Option<Id<K>> {
        let last = self.tail.replace(id);
        let link = object.link_mut();
        debug_assert!(!link.linked, "an object joined two lists by one link");
        *link = Link { previous: last, next: None, linked: true };
        if last.is_none() {
            self.head = Some(id);
        }
        last
    }

    /// Has the object that was the last lead to the one that is now.
    #[inline(always)]
    pub(crate) fn join(arena: &mut impl Home<K, L>, last: Option<Id<K>>, id: Id<K>) {
        if let Some(last) = last {
            arena[last].link_mut().next = Some(id);
        }
    }

    /// Prepends an object that is in no list by this link.
    pub fn push_front(&mut self, arena: &mut impl Home<K, L>, id: Id<K>) {
        let head = self.head;
        let link = arena[id].link_mut();
        debug_assert!(!link.linked, "an object joined two lists by one link");
        *link = Link { previous: None, next: head, linked: true };
        match head {
            Some(head) => arena[head].link_mut().previous = Some(id),
            None => self.tail = Some(id),
        }
        self.head = Some(id);
    }

    /// Puts an object that is in no list by this link before one that is in this list.
    pub fn insert_before(&mut self, arena: &mut impl Home<K, L>, next: Id<K>, id: Id<K>) {
        let Some(previous) = arena[next].link().previous else {
            return self.push_front(arena, id);
        };
        let link = arena[id].link_mut();
        debug_assert!(!link.linked, "an object joined two lists by one link");
        *link = Link { previous: Some(previous), next: Some(next), linked: true };
        arena[previous].link_mut().next = Some(id);
        arena[next].link_mut().previous = Some(id);
    }

    /// Takes an object out; nothing happens when it is in no list by this link.
    #[inline]
    pub fn remove(&mut self, arena: &mut impl Home<K, L>, id: Id<K>) {
        let link = self.detach(&mut arena[id]);
        Self::mend(arena, link);
    }

    /// As [`List::remove`], for an object that is at hand. What comes back is its link: with it,
    /// [`List::mend`] completes the list.
    #[inline(always)]
    #[must_use]
    pub(crate) fn detach<T: Linked<K, L>>(&mut self, object: &mut T) -> Link<K> {
        let link = core::mem::take(object.link_mut());
        if link.linked {
            if link.previous.is_none() {
                self.head = link.next;
            }
            if link.next.is_none() {
                self.tail = link.previous;
            }
        }
        link
    }

    /// Has the neighbours of an object that was taken out lead to each other.
    #[inline(always)]
    pub(crate) fn mend(arena: &mut impl Home<K, L>, link: Link<K>) {
        if let Some(previous) = link.previous {
            arena[previous].link_mut().next = link.next;
        }
        if let Some(next) = link.next {
            arena[next].link_mut().previous = link.previous;
        }
    }

    /// Takes the first object out.
    pub fn pop_front(&mut self, arena: &mut impl Home<K, L>) -> Option<Id<K>> {
        let id = self.head?;
        self.remove(arena, id);
        Some(id)
    }
}

impl<K, const L: usize> Default for List<K, L> {
    fn default() -> Self {
        Self::new()
    }
}

/// Gives a type its links: `links!(ThreadK, Thread, [generics], 0 => field, 1 => other)`.
macro_rules! links {
    (@ [$($generics:tt)*] $kind:ty, $type:ty, $number:literal, $field:ident) => {
        impl<$($generics)*> $crate::container::Linked<$kind, $number> for $type {
            fn link(&self) -> &$crate::container::Link<$kind> {
                &self.$field
            }
            fn link_mut(&mut self) -> &mut $crate::container::Link<$kind> {
                &mut self.$field
            }
        }
    };
    ($kind:ty, $type:ty, $generics:tt, $($number:literal => $field:ident),+) => {
        $($crate::container::links!(@ $generics $kind, $type, $number, $field);)+
    };
}
pub(crate) use links;
