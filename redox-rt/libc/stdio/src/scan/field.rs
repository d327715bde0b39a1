//! The input, byte by byte.
use super::{Failure, Input, Stop};
use crate::number::is_blank;

/// The input, and how much of it was taken.
pub(super) struct Field<'i, I> {
    input: &'i mut I,
    taken: usize,
    /// How much of it when the conversion began.
    begun: usize,
    /// Bytes that the conversion may still take.
    left: usize,
}

impl<'i, I: Input> Field<'i, I> {
    pub(super) fn new(input: &'i mut I) -> Field<'i, I> {
        Field { input, taken: 0, begun: 0, left: 0 }
    }

    /// Bytes that were taken.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Begins a conversion.
    pub(super) fn begin(&mut self, width: Option<usize>) {
        self.left = width.unwrap_or(usize::MAX);
        self.begun = self.taken;
    }

    /// Takes the next byte if it is wanted.
    pub(super) fn take_if(&mut self, wanted: impl FnOnce(u8) -> bool) -> Option<u8> {
        if self.left == 0 {
            return None;
        }
        let byte = self.input.next()?;
        if !wanted(byte) {
            self.input.back(byte);
            return None;
        }
        self.taken += 1;
        self.left -= 1;
        Some(byte)
    }

    /// Why the conversion has not what it needs: there is nothing at all, or something else.
    pub(super) fn missing(&mut self) -> Stop {
        if self.taken > self.begun {
            return Stop::Mismatch;
        }
        match self.input.next() {
            Some(byte) => {
                self.input.back(byte);
                Stop::Mismatch
            }
            None => Failure::Ended.into(),
        }
    }

    /// Passes over white space.
    pub(super) fn skip_blanks(&mut self) {
        self.begin(None);
        while self.take_if(is_blank).is_some() {}
    }

    /// Takes a byte that must come.
    pub(super) fn literal(&mut self, wanted: u8) -> Result<(), Stop> {
        self.begin(Some(1));
        match self.take_if(|byte| byte == wanted) {
            Some(_) => Ok(()),
            None => Err(self.missing()),
        }
    }
}
