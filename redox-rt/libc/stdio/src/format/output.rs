//! Bytes on their way out, counted.
use super::{Failure, MOST, Sink};

/// The sink, and how many bytes it has taken.
pub(super) struct Output<'s, S> {
    sink: &'s mut S,
    count: usize,
}

/// The least that a field takes, and on which side its text stands.
#[derive(Clone, Copy)]
pub(super) struct Sized {
    pub(super) width: usize,
    pub(super) left: bool,
}

impl<'s, S: Sink> Output<'s, S> {
    pub(super) fn new(sink: &'s mut S) -> Output<'s, S> {
        Output { sink, count: 0 }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// What the count comes to with so many more, if that can be answered.
    pub(super) fn with(&self, count: usize) -> Result<usize, Failure> {
        let sum = self.count.checked_add(count).filter(|sum| *sum <= MOST);
        sum.ok_or(Failure::TooLong)
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.count = self.with(bytes.len())?;
        self.sink.put(bytes).map_err(Failure::Sink)
    }

    /// One byte, many times.
    pub(super) fn fill(&mut self, byte: u8, mut count: usize) -> Result<(), Failure> {
        self.count = self.with(count)?;
        let chunk = [byte; 64];
        while count > 0 {
            let part = chunk.get(..count).unwrap_or(&chunk);
            self.sink.put(part).map_err(Failure::Sink)?;
            count -= part.len();
        }
        Ok(())
    }

    /// Bytes one by one.
    pub(super) fn each(&mut self, mut bytes: impl Iterator<Item = u8>) -> Result<(), Failure> {
        let mut chunk = [0; 64];
        loop {
            let mut length = 0;
            for (to, from) in chunk.iter_mut().zip(&mut bytes) {
                *to = from;
                length += 1;
            }
            self.put(chunk.get(..length).unwrap_or_default())?;
            if length < chunk.len() {
                return Ok(());
            }
        }
    }

    /// A text in its field.
    pub(super) fn text(&mut self, text: &[u8], field: Sized) -> Result<(), Failure> {
        self.with(field.width.max(text.len()))?;
        let blanks = field.width.saturating_sub(text.len());
        self.fill(b' ', if field.left { 0 } else { blanks })?;
        self.put(text)?;
        self.fill(b' ', if field.left { blanks } else { 0 })
    }

    /// A number in its field: what stands before the digits, zeroes up to the width where asked for,
    /// and `length` bytes that `body` writes.
    pub(super) fn number(
        &mut self,
        front: &[u8],
        length: usize,
        zeroes: bool,
        field: Sized,
        body: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let length = length.saturating_add(front.len());
        self.with(field.width.max(length))?;
        let blanks = field.width.saturating_sub(length);
        let zeroes = zeroes && !field.left;
        self.fill(b' ', if field.left || zeroes { 0 } else { blanks })?;
        self.put(front)?;
        self.fill(b'0', if zeroes { blanks } else { 0 })?;
        body(self)?;
        self.fill(b' ', if field.left { blanks } else { 0 })
    }
}
