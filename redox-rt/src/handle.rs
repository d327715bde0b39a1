//! Handles: numbers, and who closes them.
use crate::sys;
use clavis_abi::params::{OUT_LOWEST, OUT_UPPER, UPPER_TAG, upper_number};
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

/// The number of a handle. It says nothing about who closes it; a stale or invented one is `EBADF`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Number(usize);

impl Number {
    /// Standard input.
    pub const STDIN: Number = Number(0);
    /// Standard output.
    pub const STDOUT: Number = Number(1);
    /// Standard error.
    pub const STDERR: Number = Number(2);

    /// Any number, as it came from outside.
    #[must_use]
    pub const fn from_raw(raw: usize) -> Number {
        Number(raw)
    }

    /// A number of the lower table, where POSIX numbers live.
    #[must_use]
    pub const fn lower(index: u16) -> Number {
        Number(index as usize)
    }

    /// A number of the upper table, where the runtime keeps its own handles.
    #[must_use]
    pub const fn upper(index: u16, generation: u32) -> Number {
        Number(upper_number(index, generation))
    }

    /// The number as the kernel sees it.
    #[must_use]
    pub const fn raw(self) -> usize {
        self.0
    }

    /// Whether it belongs to the upper table.
    #[must_use]
    pub const fn is_upper(self) -> bool {
        self.0 & UPPER_TAG != 0
    }
}

impl From<&Handle> for Number {
    fn from(handle: &Handle) -> Number {
        handle.number
    }
}

impl From<BorrowedHandle<'_>> for Number {
    fn from(handle: BorrowedHandle<'_>) -> Number {
        handle.number
    }
}

/// Where a new handle shall go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The lowest free number of the lower table.
    Lowest,
    /// Any free number of the upper table.
    Upper,
    /// Exactly there; `EEXIST` when it is taken.
    At(Number),
}

impl Place {
    /// The word that the kernel takes for it.
    #[must_use]
    pub const fn raw(self) -> usize {
        match self {
            Place::Lowest => OUT_LOWEST,
            Place::Upper => OUT_UPPER,
            Place::At(number) => number.0,
        }
    }
}

/// A handle that this value owns: dropping it closes it.
#[derive(Debug, PartialEq, Eq)]
pub struct Handle {
    number: Number,
}

impl Handle {
    /// Takes ownership of a number.
    #[must_use]
    pub const fn from_number(number: Number) -> Handle {
        Handle { number }
    }

    /// Its number; the handle stays owned here.
    #[must_use]
    pub const fn number(&self) -> Number {
        self.number
    }

    /// Gives ownership away.
    #[must_use]
    pub fn into_number(self) -> Number {
        ManuallyDrop::new(self).number
    }

    /// Lends it.
    #[must_use]
    pub fn borrow(&self) -> BorrowedHandle<'_> {
        BorrowedHandle { number: self.number, owner: PhantomData }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Closing fails only with EBADF: the number was already closed by somebody who used it raw.
        let _ = sys::file::close(self.number);
    }
}

/// A handle that somebody else owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BorrowedHandle<'a> {
    number: Number,
    owner: PhantomData<&'a Handle>,
}

impl BorrowedHandle<'_> {
    /// Borrows a number whose owner is not a value of this program: a startup handle, or one that
    /// C code owns.
    #[must_use]
    pub const fn from_number(number: Number) -> BorrowedHandle<'static> {
        BorrowedHandle { number, owner: PhantomData }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> Number {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clavis_abi::params::BIRTH_RANDOM;

    #[test]
    fn upper_and_lower_numbers_are_told_apart() {
        assert!(Number::from_raw(BIRTH_RANDOM).is_upper());
        assert_eq!(Number::upper(1, 0).raw(), BIRTH_RANDOM);
        assert!(!Number::lower(u16::MAX).is_upper());
    }

    #[test]
    fn a_handle_given_away_keeps_its_number() {
        assert_eq!(Handle::from_number(Number::lower(9)).into_number(), Number::lower(9));
    }
}
