//! A format, taken apart.
use super::Failure;
use crate::text::Text;

pub(super) use crate::text::Length;

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
pub(super) struct Pieces<'f>(Text<'f>);

impl<'f> Iterator for Pieces<'f> {
    type Item = Result<Piece<'f>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let left = self.0.0;
        if left.is_empty() {
            return None;
        }
        let text = left.iter().take_while(|byte| **byte != b'%').count();
        if text > 0 {
            self.0.skip(text);
            return left.get(..text).map(|text| Ok(Piece::Text(text)));
        }
        self.0.skip(1);
        let found = self.conversion();
        if found.is_err() {
            self.0 = Text(&[]);
        }
        Some(found.map(Piece::Conversion))
    }
}

impl<'f> Pieces<'f> {
    /// Of a whole format.
    pub(super) fn of(format: &'f [u8]) -> Self {
        Pieces(Text(format))
    }

    fn position(&mut self) -> Result<Option<usize>, Failure> {
        match self.0.position() {
            Some(0) => Err(Failure::Malformed),
            Some(position) if position > super::MOST => Err(Failure::TooLong),
            position => Ok(position),
        }
    }

    /// A width or a precision. What no field can have is too long.
    fn amount(&mut self) -> Result<Amount, Failure> {
        if self.0.eat(b'*') {
            return Ok(self.position()?.map_or(Amount::Next, Amount::At));
        }
        match self.0.number() {
            Some(number) if number > super::MOST => Err(Failure::TooLong),
            number => Ok(number.map_or(Amount::None, Amount::Given)),
        }
    }

    fn conversion(&mut self) -> Result<Conversion, Failure> {
        let position = self.position()?;
        let mut flags = Flags::default();
        loop {
            match self.0.0.first() {
                Some(b'-') => flags.left = true,
                Some(b'+') => flags.plus = true,
                Some(b' ') => flags.space = true,
                Some(b'#') => flags.alternate = true,
                Some(b'0') => flags.zero = true,
                // The locale groups no digits.
                Some(b'\'') => {}
                _ => break,
            }
            self.0.skip(1);
        }
        let width = self.amount()?;
        let precision = match self.0.eat(b'.') {
            false => Amount::None,
            true => match self.amount()? {
                Amount::None => Amount::Given(0),
                amount => amount,
            },
        };
        let length = self.0.length();
        let letter = self.0.take().ok_or(Failure::Malformed)?;
        Ok(Conversion { position, flags, width, precision, length, letter })
    }
}
