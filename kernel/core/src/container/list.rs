//! Lists whose links lie in the objects themselves: joining and leaving needs no memory.
use super::{Arena, Id};

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
    pub fn push_back<T: Linked<K, L>>(&mut self, arena: &mut Arena<K, T>, id: Id<K>) {
        let tail = self.tail;
        let link = arena[id].link_mut();
        debug_assert!(!link.linked, "an object joined two lists by one link");
        *link = Link { previous: tail, next: None, linked: true };
        match tail {
            Some(tail) => arena[tail].link_mut().next = Some(id),
            None => self.head = Some(id),
        }
        self.tail = Some(id);
    }

    /// Prepends an object that is in no list by this link.
    pub fn push_front<T: Linked<K, L>>(&mut self, arena: &mut Arena<K, T>, id: Id<K>) {
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

    /// Takes an object out; nothing happens when it is in no list by this link.
    #[inline]
    pub fn remove<T: Linked<K, L>>(&mut self, arena: &mut Arena<K, T>, id: Id<K>) {
        let link = core::mem::take(arena[id].link_mut());
        if !link.linked {
            return;
        }
        match link.previous {
            Some(previous) => arena[previous].link_mut().next = link.next,
            None => self.head = link.next,
        }
        match link.next {
            Some(next) => arena[next].link_mut().previous = link.previous,
            None => self.tail = link.previous,
        }
    }

    /// Takes the first object out.
    pub fn pop_front<T: Linked<K, L>>(&mut self, arena: &mut Arena<K, T>) -> Option<Id<K>> {
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
