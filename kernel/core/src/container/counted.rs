//! Objects that live as long as something refers to them.
use crate::container::{Arena, Id};

/// An object that counts what refers to it.
pub trait Counted {
    /// How many do.
    fn refs(&mut self) -> &mut u32;
}

impl<T: Counted, K, const N: usize> Arena<T, K, N> {
    /// One reference more.
    #[inline]
    pub fn retain(&mut self, id: Id<K>) {
        let refs = self[id].refs();
        *refs = refs.wrapping_add(1);
    }

    /// One reference less; true when it was the last.
    #[inline]
    #[must_use]
    pub fn release(&mut self, id: Id<K>) -> bool {
        let refs = self[id].refs();
        *refs = refs.wrapping_sub(1);
        *refs == 0
    }
}

/// Implements [`Counted`] by the field `refs`.
macro_rules! counted {
    ($([$($generics:tt)*] $type:ty),+ $(,)?) => {
        $(impl<$($generics)*> $crate::container::Counted for $type {
            fn refs(&mut self) -> &mut u32 {
                &mut self.refs
            }
        })+
    };
}
pub(crate) use counted;
