//! Sets of Capsicum's rights, laid out as FreeBSD lays them out.
//!
//! Two words. The two highest bits of the first say how many words there are beyond two (none); the
//! five bits below them in each word say which word it is, as a set bit; the rest are rights.

/// One right: the bit of its word, and its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Right(pub u64);

/// Bits of a word that are rights.
const RIGHTS: u64 = (1 << 57) - 1;
/// The word markers of an empty set.
const EMPTY: [u64; 2] = [1 << 57, 1 << 58];

impl Right {
    /// Some bits of the first (0) or second (1) word.
    #[must_use]
    pub const fn new(word: u32, bits: u64) -> Right {
        Right(1 << (57 + word) | bits)
    }

    /// The word that its bits lie in; `None` if it is no right.
    #[must_use]
    pub const fn word(self) -> Option<usize> {
        match self.0 >> 57 {
            1 => Some(0),
            2 => Some(1),
            _ => None,
        }
    }

    /// Its bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0 & RIGHTS
    }

    /// This one and another of the same word.
    #[must_use]
    pub const fn and(self, other: Right) -> Right {
        Right(self.0 | other.0)
    }
}

/// A set of rights: `cap_rights_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct CapRights {
    words: [u64; 2],
}

impl Default for CapRights {
    fn default() -> CapRights {
        CapRights::NONE
    }
}

impl CapRights {
    /// No rights.
    pub const NONE: CapRights = CapRights { words: EMPTY };
    /// Every right of FreeBSD's `CAP_ALL`.
    pub const ALL: CapRights =
        CapRights { words: [EMPTY[0] | 0x7FF_FFFF_FFFF, EMPTY[1] | 0x1F_FFFF] };

    /// The set of some rights.
    #[must_use]
    pub fn of(rights: &[Right]) -> CapRights {
        let mut set = CapRights::NONE;
        for right in rights {
            set.set(*right);
        }
        set
    }

    /// Adds a right. False: it is none.
    pub fn set(&mut self, right: Right) -> bool {
        self.word(right).map(|word| *word |= right.bits()).is_some()
    }

    /// Takes a right away. False: it is none.
    pub fn clear(&mut self, right: Right) -> bool {
        self.word(right).map(|word| *word &= !right.bits()).is_some()
    }

    fn word(&mut self, right: Right) -> Option<&mut u64> {
        right.word().and_then(|word| self.words.get_mut(word))
    }

    /// Whether the whole of a right is in it.
    #[must_use]
    pub fn is_set(&self, right: Right) -> bool {
        let word = right.word().and_then(|word| self.words.get(word));
        word.is_some_and(|word| word & right.bits() == right.bits())
    }

    /// Whether the words are a set: markers in their places, and no right that does not exist.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let marked = self.words.map(|word| word & !RIGHTS) == EMPTY;
        marked && CapRights::ALL.contains(self)
    }

    /// Whether all of another set is in it.
    #[must_use]
    pub fn contains(&self, other: &CapRights) -> bool {
        self.words.iter().zip(&other.words).all(|(own, other)| own & other == *other)
    }

    /// Adds another set.
    pub fn merge(&mut self, other: &CapRights) {
        for (own, other) in self.words.iter_mut().zip(other.words) {
            *own |= other & RIGHTS;
        }
    }

    /// Takes another set away.
    pub fn remove(&mut self, other: &CapRights) {
        for (own, other) in self.words.iter_mut().zip(other.words) {
            *own &= !(other & RIGHTS);
        }
    }

    /// Whether there is no right in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words == EMPTY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const READ: Right = Right::new(0, 1);
    const EVENT: Right = Right::new(1, 0x20);

    #[test]
    fn the_words_are_those_of_freebsd() {
        assert_eq!(
            CapRights::of(&[READ, EVENT]).words,
            [0x0200_0000_0000_0001, 0x0400_0000_0000_0020]
        );
        assert_eq!(CapRights::NONE.words, [0x0200_0000_0000_0000, 0x0400_0000_0000_0000]);
        assert_eq!(CapRights::ALL.words, [0x0200_07FF_FFFF_FFFF, 0x0400_0000_001F_FFFF]);
        assert_eq!(size_of::<CapRights>(), 16);
    }

    #[test]
    fn what_is_no_set_is_told_apart() {
        assert!(CapRights::NONE.is_valid() && CapRights::ALL.is_valid());
        for words in [[0, 0], [1 << 57, 1 << 57], [1 << 58, 1 << 57], [3 << 57, 1 << 58]] {
            assert!(!CapRights { words }.is_valid(), "{words:x?}");
        }
        assert!(!CapRights { words: [1 << 57 | 1 << 50, 1 << 58] }.is_valid());
        let mut set = CapRights::NONE;
        for none in [Right(0), Right(1), Right(3 << 57 | 1), Right(1 << 62)] {
            assert!(!set.set(none) && !set.clear(none) && !set.is_set(none));
        }
        assert!(set.is_empty());
    }

    #[test]
    fn a_right_of_several_bits_is_there_when_all_of_them_are() {
        let seek = Right::new(0, 0xC);
        let mut set = CapRights::of(&[Right::new(0, 4)]);
        assert!(!set.is_set(seek));
        set.set(seek);
        assert!(set.is_set(seek));
        set.clear(Right::new(0, 4));
        assert!(!set.is_set(seek) && !set.is_empty());
    }

    proptest! {
        #[test]
        fn sets_are_sets(a in any::<[u64; 2]>(), b in any::<[u64; 2]>()) {
            let of = |words: [u64; 2]| {
                let mut set = CapRights::of(&[Right::new(0, words[0] & RIGHTS), Right::new(1, words[1] & RIGHTS)]);
                set.words = [set.words[0] & CapRights::ALL.words[0], set.words[1] & CapRights::ALL.words[1]];
                set
            };
            let (a, b) = (of(a), of(b));
            let mut both = a;
            both.merge(&b);
            prop_assert!(both.contains(&a) && both.contains(&b) && both.is_valid());
            let mut less = both;
            less.remove(&b);
            prop_assert!(a.contains(&less) && less.is_valid());
            less.merge(&b);
            prop_assert_eq!(less, both);
        }
    }
}
