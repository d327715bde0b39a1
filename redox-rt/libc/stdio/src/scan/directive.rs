//! A format, taken apart.
use super::Failure;
use crate::number::is_blank;

/// A part of a format.
pub(super) enum Directive {
    /// White space: as much as there is.
    Blank,
    /// A byte that stands for itself.
    Byte(u8),
    /// `%%`
    Percent,
    Conversion(Conversion),
}

/// From `%` to the letter.
pub(super) struct Conversion {
    /// The number of its argument, where it says one.
    pub(super) position: Option<usize>,
    /// `*`: nothing is stored.
    pub(super) suppressed: bool,
    /// `m`: into new memory.
    pub(super) allocated: bool,
    pub(super) width: Option<usize>,
    pub(super) length: Length,
    pub(super) kind: Kind,
}

/// What is read.
pub(super) enum Kind {
    /// `d` `i` `o` `u` `x`
    Whole { base: u32, signed: bool },
    /// `p`
    Pointer,
    /// `a` `e` `f` `g`
    Real,
    /// `c`
    Bytes,
    /// `s`
    Word,
    /// `[`
    Set(Set),
    /// `n`
    Count,
}

/// The size of what an argument points to.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Length {
    /// `hh`
    Byte,
    /// `h`
    Short,
    /// None is given.
    Normal,
    /// `l`, `ll`, `q`, `j`, `z`, `t`
    Long,
    /// `L`
    Extended,
}

impl Length {
    /// Bytes of a whole number.
    pub(super) fn size(self) -> usize {
        match self {
            Length::Byte => 1,
            Length::Short => 2,
            Length::Normal => 4,
            Length::Long | Length::Extended => 8,
        }
    }
}

/// A set of bytes: a bit each.
pub(super) struct Set([u64; 4]);

impl Set {
    pub(super) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte / 64)).is_some_and(|bits| bits >> (byte % 64) & 1 == 1)
    }

    fn add(&mut self, byte: u8) {
        if let Some(bits) = self.0.get_mut(usize::from(byte / 64)) {
            *bits |= 1 << (byte % 64);
        }
    }
}

/// The directives of a format that are left.
pub(super) struct Directives<'f>(pub(super) &'f [u8]);

impl Iterator for Directives<'_> {
    type Item = Result<Directive, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = *self.0.first()?;
        self.skip(1);
        Some(match first {
            b'%' if self.eat(b'%') => Ok(Directive::Percent),
            b'%' => {
                let found = self.conversion().ok_or(Failure::Malformed);
                if found.is_err() {
                    self.0 = &[];
                }
                found.map(Directive::Conversion)
            }
            blank if is_blank(blank) => {
                let blanks = self.0.iter().take_while(|byte| is_blank(**byte)).count();
                self.skip(blanks);
                Ok(Directive::Blank)
            }
            byte => Ok(Directive::Byte(byte)),
        })
    }
}

impl Directives<'_> {
    fn skip(&mut self, count: usize) {
        self.0 = self.0.get(count..).unwrap_or_default();
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        self.skip(usize::from(found));
        found
    }

    fn take(&mut self) -> Option<u8> {
        let byte = *self.0.first()?;
        self.skip(1);
        Some(byte)
    }

    fn number(&mut self) -> Option<usize> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut value = 0usize;
        for digit in self.0.iter().take(digits) {
            value = value.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
        }
        self.skip(digits);
        Some(value).filter(|_| digits > 0)
    }

    fn conversion(&mut self) -> Option<Conversion> {
        let before = self.0;
        let position = self.number().filter(|_| self.eat(b'$'));
        if position.is_none() {
            self.0 = before;
        }
        if position == Some(0) {
            return None;
        }
        let suppressed = self.eat(b'*');
        // As if none were given.
        let width = self.number().filter(|width| *width > 0);
        let allocated = self.eat(b'm');
        let mut length = self.length();
        let letter = self.take()?;
        let whole = |base, signed| Kind::Whole { base, signed };
        let kind = match letter {
            b'd' => whole(10, true),
            b'i' => whole(0, true),
            b'o' => whole(8, false),
            b'u' => whole(10, false),
            b'x' | b'X' => whole(16, false),
            b'p' => Kind::Pointer,
            b'a' | b'A' | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => Kind::Real,
            b'c' => Kind::Bytes,
            b's' => Kind::Word,
            b'[' => Kind::Set(self.set()?),
            b'n' => Kind::Count,
            b'C' | b'S' => {
                length = Length::Long;
                if letter == b'C' { Kind::Bytes } else { Kind::Word }
            }
            _ => return None,
        };
        let text = matches!(kind, Kind::Bytes | Kind::Word | Kind::Set(_));
        if allocated && !text {
            return None;
        }
        Some(Conversion { position, suppressed, allocated, width, length, kind })
    }

    fn length(&mut self) -> Length {
        let (length, count) = match self.0 {
            [b'h', b'h', ..] => (Length::Byte, 2),
            [b'h', ..] => (Length::Short, 1),
            [b'l', b'l', ..] => (Length::Long, 2),
            [b'l' | b'q' | b'j' | b'z' | b't', ..] => (Length::Long, 1),
            [b'L', ..] => (Length::Extended, 1),
            _ => (Length::Normal, 0),
        };
        self.skip(count);
        length
    }

    /// Behind `[`: bytes, and ranges of them, up to `]`, which itself can come first.
    fn set(&mut self) -> Option<Set> {
        let negated = self.eat(b'^');
        let mut set = Set([0; 4]);
        let mut byte = self.take()?;
        loop {
            let end = match self.0 {
                [b'-', end, ..] if *end != b']' => *end,
                _ => byte,
            };
            if end != byte {
                self.skip(2);
            }
            (byte..=end).for_each(|byte| set.add(byte));
            byte = self.take()?;
            if byte == b']' {
                let flip = if negated { u64::MAX } else { 0 };
                return Some(Set(set.0.map(|bits| bits ^ flip)));
            }
        }
    }
}
