//! A format, taken apart.
use super::Failure;
use crate::number::is_blank;
use crate::text::Text;

pub(super) use crate::text::Length;

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
pub(super) struct Directives<'f>(Text<'f>);

impl Iterator for Directives<'_> {
    type Item = Result<Directive, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.0.take()? {
            b'%' if self.0.eat(b'%') => Ok(Directive::Percent),
            b'%' => {
                let found = self.conversion().ok_or(Failure::Malformed);
                if found.is_err() {
                    self.0 = Text(&[]);
                }
                found.map(Directive::Conversion)
            }
            blank if is_blank(blank) => {
                let blanks = self.0.0.iter().take_while(|byte| is_blank(**byte)).count();
                self.0.skip(blanks);
                Ok(Directive::Blank)
            }
            byte => Ok(Directive::Byte(byte)),
        })
    }
}

impl<'f> Directives<'f> {
    /// Of a whole format.
    pub(super) fn of(format: &'f [u8]) -> Self {
        Directives(Text(format))
    }

    fn conversion(&mut self) -> Option<Conversion> {
        let position = self.0.position();
        if position == Some(0) {
            return None;
        }
        let suppressed = self.0.eat(b'*');
        // As if none were given.
        let width = self.0.number().filter(|width| *width > 0);
        let allocated = self.0.eat(b'm');
        let mut length = self.0.length();
        let letter = self.0.take()?;
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

    /// Behind `[`: bytes, and ranges of them, up to `]`, which itself can come first.
    fn set(&mut self) -> Option<Set> {
        let negated = self.0.eat(b'^');
        let mut set = Set([0; 4]);
        let mut byte = self.0.take()?;
        loop {
            let end = match self.0.0 {
                [b'-', end, ..] if *end != b']' => *end,
                _ => byte,
            };
            if end != byte {
                self.0.skip(2);
            }
            (byte..=end).for_each(|byte| set.add(byte));
            byte = self.0.take()?;
            if byte == b']' {
                let flip = if negated { u64::MAX } else { 0 };
                return Some(Set(set.0.map(|bits| bits ^ flip)));
            }
        }
    }
}
