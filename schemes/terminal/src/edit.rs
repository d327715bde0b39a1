//! The line that is being typed.
//!
//! A character is what UTF-8 says; each is taken to be one cell wide. A control character is shown
//! as `^X`, two cells; a tab as one space.

/// Bytes that a line can have, without its end.
pub const LINE_MAX: usize = 4095;

/// A line under edit.
#[derive(Debug, Default)]
pub struct Edit {
    bytes: Vec<u8>,
}

/// How many cells a byte adds to what is shown: continuation bytes of a character add none.
fn cells(byte: u8) -> usize {
    match byte {
        b'\t' => 1,
        0..0x20 | 0x7F => 2,
        0x80..0xC0 => 0,
        _ => 1,
    }
}

/// What shows a byte.
pub fn show(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'\t' => out.push(b' '),
        0..0x20 | 0x7F => out.extend([b'^', byte ^ 0x40]),
        _ => out.push(byte),
    }
}

impl Edit {
    /// Whether nothing was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds a byte; no when the line is full.
    pub fn push(&mut self, byte: u8) -> bool {
        let fits = self.bytes.len() < LINE_MAX;
        if fits {
            self.bytes.push(byte);
        }
        fits
    }

    /// Takes the last character away; the answer is how many cells it had, `None` when the line
    /// is empty.
    pub fn erase(&mut self) -> Option<usize> {
        let mut width = 0_usize;
        self.bytes.last()?;
        while let Some(byte) = self.bytes.pop() {
            width = width.saturating_add(cells(byte));
            if !(0x80..0xC0).contains(&byte) {
                break;
            }
        }
        Some(width)
    }

    /// Takes the last word away, and the blanks behind it; the answer is how many cells.
    pub fn erase_word(&mut self) -> usize {
        let blank = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        let mut width = 0_usize;
        while blank(self.bytes.last()) {
            width = width.saturating_add(self.erase().unwrap_or(0));
        }
        while !self.bytes.is_empty() && !blank(self.bytes.last()) {
            width = width.saturating_add(self.erase().unwrap_or(0));
        }
        width
    }

    /// Takes everything away; the answer is how many cells.
    pub fn erase_all(&mut self) -> usize {
        let width = self.bytes.iter().fold(0, |sum: usize, byte| sum.saturating_add(cells(*byte)));
        self.bytes.clear();
        width
    }

    /// The line so far; the next one starts empty.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}
