//! Where handles come from: how each came to its number, and from which number of whom.
use super::{UPPER_INDEX_BITS, UPPER_TAG};
use zerocopy::{Immutable, IntoBytes};

/// How a handle came to its number. What is copied within a process keeps this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoBytes, Immutable)]
#[repr(u8)]
pub enum Step {
    /// The kernel made it, for a call of its maker's.
    Made = 0,
    /// Opened through a handle of the same process.
    Opened = 1,
    /// Given by who built the process.
    Given = 2,
    /// Copied by fork.
    Forked = 3,
    /// Sent by another process, or by this one.
    Sent = 4,
    /// Handed over by a server that answered an open or dup with a handle of its own.
    Answered = 5,
    /// Put into the handle table before the process had it.
    Put = 6,
    /// Borrowed from a process that was inspected.
    Borrowed = 7,
}

impl Step {
    /// Every step, by its value.
    pub const ALL: [Self; 8] = [
        Self::Made,
        Self::Opened,
        Self::Given,
        Self::Forked,
        Self::Sent,
        Self::Answered,
        Self::Put,
        Self::Borrowed,
    ];
}

/// A number in two bytes where no other is known.
pub const NO_NUMBER: u16 = u16::MAX;
/// Marks upper numbers among those in two bytes.
const SHORT_UPPER: u16 = 1 << 15;

/// A handle's number in two bytes, without its generation; [`NO_NUMBER`] for large ones.
#[must_use]
pub const fn short_number(number: usize) -> u16 {
    let index = number & !UPPER_TAG & ((1 << UPPER_INDEX_BITS) - 1);
    if index >= (SHORT_UPPER - 1) as usize {
        NO_NUMBER
    } else if number & UPPER_TAG != 0 {
        SHORT_UPPER | index as u16
    } else {
        index as u16
    }
}

/// The number that [`short_number`] made short, upper ones with generation 0.
#[must_use]
pub const fn long_number(short: u64) -> Option<usize> {
    if short >= NO_NUMBER as u64 {
        None
    } else if short & SHORT_UPPER as u64 != 0 {
        Some(UPPER_TAG | (short as usize & (SHORT_UPPER as usize - 1)))
    } else {
        Some(short as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::upper_number;

    #[test]
    fn a_short_number_is_the_same_number_or_none() {
        for number in [0, 7, 32_766, upper_number(0, 0), upper_number(32_766, 0)] {
            assert_eq!(long_number(short_number(number).into()), Some(number));
        }
        for number in [32_767, 65_535, upper_number(32_767, 0), upper_number(65_535, 9)] {
            assert_eq!(long_number(short_number(number).into()), None);
        }
        assert_eq!(long_number(short_number(upper_number(9, 77)).into()), Some(upper_number(9, 0)));
        assert_eq!(long_number(u64::MAX), None);
    }

    #[test]
    fn steps_are_listed_by_their_values() {
        for (value, step) in Step::ALL.into_iter().enumerate() {
            assert_eq!(step as usize, value);
        }
    }
}
