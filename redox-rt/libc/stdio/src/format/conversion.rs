//! A format, taken apart.
use super::Failure;

/// A part of a format.
pub(super) enum Piece<'f> {
    /// Bytes that stand for themselves.
    Text(&'f [u8]),
    /// What an argument becomes.
    Conversion(Conversion),
}

/// From `%` to the letter.
pub(super) struct Conversion {
    /// The number of its argument, where it says one.
    pub(super) position: Option<usize>,
    pub(super) flags: Flags,
    pub(super) width: Amount,
    pub(super) precision: Amount,
    pub(super) length: Length,
    pub(super) letter: u8,
}

/// Flags, in any order.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    /// `-`
    pub(super) left: bool,
    /// `+`
    pub(super) plus: bool,
    /// a space
    pub(super) space: bool,
    /// `#`
    pub(super) alternate: bool,
    /// `0`
    pub(super) zero: bool,
}

/// A width or a precision.
#[derive(Clone, Copy)]
pub(super) enum Amount {
    /// None is given.
    None,
    /// It stands in the format.
    Given(usize),
    /// `*`: the next argument.
    Next,
    /// `*1$`: the argument of that number.
    At(usize),
}

/// The size of an argument.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Length {
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

/// Where an argument travels.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Class {
    /// As a word.
    Word,
    /// As a number with a fraction.
    Double,
    /// As an extended number.
    Extended,
}

impl Conversion {
    /// Whether it says the number of an argument.
    pub(super) fn numbers(&self) -> bool {
        let at = |amount| matches!(amount, Amount::At(_));
        self.position.is_some() || at(self.width) || at(self.precision)
    }

    /// Where its argument travels; `None`: it has none.
    pub(super) fn class(&self) -> Option<Class> {
        match self.letter {
            b'%' | b'm' => None,
            b'a' | b'A' | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => Some(match self.length {
                Length::Extended => Class::Extended,
                _ => Class::Double,
            }),
            _ => Some(Class::Word),
        }
    }
}

/// The pieces of a format that are left.
pub(super) struct Pieces<'f>(pub(super) &'f [u8]);

impl<'f> Iterator for Pieces<'f> {
    type Item = Result<Piece<'f>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let text = self.0.iter().take_while(|byte| **byte != b'%').count();
        if text > 0 {
            let (text, rest) = self.0.split_at_checked(text)?;
            self.0 = rest;
            return Some(Ok(Piece::Text(text)));
        }
        self.skip(1);
        let found = self.conversion();
        if found.is_err() {
            self.0 = &[];
        }
        Some(found.map(Piece::Conversion))
    }
}

impl Pieces<'_> {
    fn skip(&mut self, count: usize) {
        self.0 = self.0.get(count..).unwrap_or_default();
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        self.skip(usize::from(found));
        found
    }

    /// A number, if one stands here. What no field can have is too long.
    fn number(&mut self) -> Result<Option<usize>, Failure> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut value = 0usize;
        for digit in self.0.iter().take(digits) {
            value = value.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
        }
        self.skip(digits);
        match value {
            _ if digits == 0 => Ok(None),
            value if value > super::MOST => Err(Failure::TooLong),
            value => Ok(Some(value)),
        }
    }

    /// A number of an argument: digits and `$`.
    fn position(&mut self) -> Result<Option<usize>, Failure> {
        let before = self.0;
        match self.number()? {
            Some(position) if self.eat(b'$') => match position {
                0 => Err(Failure::Malformed),
                position => Ok(Some(position)),
            },
            _ => {
                self.0 = before;
                Ok(None)
            }
        }
    }

    fn amount(&mut self) -> Result<Amount, Failure> {
        if self.eat(b'*') {
            return Ok(self.position()?.map_or(Amount::Next, Amount::At));
        }
        Ok(self.number()?.map_or(Amount::None, Amount::Given))
    }

    fn conversion(&mut self) -> Result<Conversion, Failure> {
        let position = self.position()?;
        let mut flags = Flags::default();
        loop {
            match self.0.first() {
                Some(b'-') => flags.left = true,
                Some(b'+') => flags.plus = true,
                Some(b' ') => flags.space = true,
                Some(b'#') => flags.alternate = true,
                Some(b'0') => flags.zero = true,
                // The locale groups no digits.
                Some(b'\'') => {}
                _ => break,
            }
            self.skip(1);
        }
        let width = self.amount()?;
        let precision = match self.eat(b'.') {
            false => Amount::None,
            true => match self.amount()? {
                Amount::None => Amount::Given(0),
                amount => amount,
            },
        };
        let length = self.length();
        let letter = *self.0.first().ok_or(Failure::Malformed)?;
        self.skip(1);
        Ok(Conversion { position, flags, width, precision, length, letter })
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
}
