//! The text of a format that is left: what formats of both directions have in common.

/// The size of an argument, or of what it points to.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Length {
    /// `hh`
    Byte,
    /// `h`
    Short,
    /// None is given.
    Normal,
    /// `l`, `ll`, `q`, `j`, `z`, `t`: all of 64 bits.
    Long,
    /// `L`
    Extended,
}

impl Length {
    /// Bytes of a whole number.
    pub(crate) fn size(self) -> usize {
        match self {
            Length::Byte => 1,
            Length::Short => 2,
            Length::Normal => 4,
            Length::Long | Length::Extended => 8,
        }
    }
}

/// The text that is left.
#[derive(Clone, Copy)]
pub(crate) struct Text<'f>(pub(crate) &'f [u8]);

impl Text<'_> {
    /// Leaves bytes out.
    pub(crate) fn skip(&mut self, count: usize) {
        self.0 = self.0.get(count..).unwrap_or_default();
    }

    /// Leaves a byte out, if it is this one.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        self.skip(usize::from(found));
        found
    }

    /// The next byte.
    pub(crate) fn take(&mut self) -> Option<u8> {
        let byte = *self.0.first()?;
        self.skip(1);
        Some(byte)
    }

    /// A number, if one stands here; what is too large is the largest.
    pub(crate) fn number(&mut self) -> Option<usize> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut value = 0usize;
        for digit in self.0.iter().take(digits) {
            value = value.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
        }
        self.skip(digits);
        Some(value).filter(|_| digits > 0)
    }

    /// A number of an argument: digits and `$`.
    pub(crate) fn position(&mut self) -> Option<usize> {
        let before = *self;
        let position = self.number().filter(|_| self.eat(b'$'));
        if position.is_none() {
            *self = before;
        }
        position
    }

    /// A size, if one is given.
    pub(crate) fn length(&mut self) -> Length {
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
}
