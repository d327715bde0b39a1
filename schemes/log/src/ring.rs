//! The last lines, as one run of bytes in memory that may outlive the process. Positions are those of
//! the kernel's log: they count from its first byte.
//!
//! The memory is two words, where what is kept begins and where it ends, and behind them the bytes,
//! each at its position modulo their number. Bytes are written before the words that tell of them,
//! so death at any moment leaves a log that ends a little earlier; the kernel still has what is
//! missing.
use core::sync::atomic::{Ordering, compiler_fence};

/// Bytes that are kept.
pub const RING_BYTES: usize = 256 * 1024;
/// Bytes of the two words.
const HEAD: usize = 16;
/// Bytes of memory that it takes.
pub const MEMORY: usize = HEAD + RING_BYTES;

/// Where the byte at a position lies in so many bytes.
fn place(position: u64, size: usize) -> usize {
    position.checked_rem(size.min(RING_BYTES) as u64).unwrap_or(0) as usize
}

/// The ring.
#[derive(Debug)]
pub struct Ring<'m> {
    memory: &'m mut [u8],
}

impl<'m> Ring<'m> {
    /// The ring that lies in the memory; zeroes are an empty one.
    #[must_use]
    pub fn new(memory: &'m mut [u8]) -> Self {
        Self { memory }
    }

    fn word(&self, at: usize) -> u64 {
        let word = self.memory.get(at..).and_then(|rest| rest.first_chunk::<8>());
        word.copied().map_or(0, u64::from_ne_bytes)
    }

    fn set_word(&mut self, at: usize, word: u64) {
        compiler_fence(Ordering::SeqCst);
        if let Some(place) = self.memory.get_mut(at..at.saturating_add(8)) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        compiler_fence(Ordering::SeqCst);
    }

    /// Position behind the last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.word(8).max(self.word(0))
    }

    /// Position of the first byte that is still there.
    #[must_use]
    pub fn start(&self) -> u64 {
        let kept = self.memory.len().saturating_sub(HEAD).min(RING_BYTES) as u64;
        self.word(0).max(self.end().saturating_sub(kept))
    }

    /// What lies before a position is lost: the ring goes on there.
    pub fn skip(&mut self, position: u64) {
        if position > self.end() {
            self.set_word(0, position);
            self.set_word(8, position);
        }
    }

    /// Adds bytes; the oldest make room.
    pub fn add(&mut self, bytes: &[u8]) {
        let end = self.end();
        if let Some(area) = self.memory.get_mut(HEAD..) {
            let size = area.len();
            for (byte, at) in bytes.iter().zip(end..) {
                if let Some(to) = area.get_mut(place(at, size)) {
                    *to = *byte;
                }
            }
        }
        self.set_word(8, end.saturating_add(bytes.len() as u64));
    }

    /// The byte at a position that is still there.
    fn at(&self, position: u64) -> u8 {
        let area = self.memory.get(HEAD..).unwrap_or_default();
        area.get(place(position, area.len())).copied().unwrap_or(0)
    }

    /// Where a reader at a position goes on: one that fell behind goes on with the oldest line that
    /// is whole.
    fn line_from(&self, position: u64) -> u64 {
        let start = self.start();
        if position >= start {
            return position.min(self.end());
        }
        if start == self.word(0) {
            return start;
        }
        let newline = (start..self.end()).find(|at| self.at(*at) == b'\n');
        newline.map_or(self.end(), |at| at.saturating_add(1))
    }

    /// Copies out from a position on; the answer is how many bytes, and where to go on.
    pub fn read(&self, position: u64, out: &mut [u8]) -> (usize, u64) {
        let from = self.line_from(position);
        let count = out.len().min(usize::try_from(self.end().saturating_sub(from)).unwrap_or(0));
        out.iter_mut().zip(from..self.end()).for_each(|(to, at)| *to = self.at(at));
        (count, from.saturating_add(count as u64))
    }

    /// Position behind the first of these lines from a position on.
    #[must_use]
    pub fn find(&self, position: u64, line: &str) -> Option<u64> {
        let line = line.as_bytes();
        let mut from = position.max(self.start());
        loop {
            let end = from.checked_add(line.len() as u64).filter(|end| *end <= self.end())?;
            if (from..end).zip(line).all(|(at, byte)| self.at(at) == *byte) {
                return Some(end);
            }
            from = (from..self.end()).find(|at| self.at(*at) == b'\n')?.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ring: &Ring<'_>, position: u64) -> (String, u64) {
        let mut out = vec![0; RING_BYTES];
        let (count, next) = ring.read(position, &mut out);
        (String::from_utf8(out[..count].to_vec()).unwrap(), next)
    }

    #[test]
    fn a_reader_goes_on_where_it_stopped() {
        let mut memory = vec![0; MEMORY];
        let mut ring = Ring::new(&mut memory);
        ring.add(b"one\n");
        let (first, next) = text(&ring, 0);
        ring.add(b"two\n");
        let again = Ring::new(&mut memory);
        assert_eq!((first.as_str(), text(&again, next)), ("one\n", ("two\n".into(), 8)));
        assert_eq!(text(&again, 99), (String::new(), 8));
    }

    #[test]
    fn old_lines_make_room_whole_and_a_slow_reader_meets_a_line() {
        let mut memory = vec![0; MEMORY];
        let mut ring = Ring::new(&mut memory);
        for number in 0..40_000 {
            ring.add(format!("line {number}\n").as_bytes());
        }
        let (all, end) = text(&ring, 0);
        assert!(all.starts_with("line ") && all.ends_with("line 39999\n"));
        assert!(all.len() > RING_BYTES - 64 && end == ring.end());
        let first: u32 = all.lines().next().unwrap()[5..].parse().unwrap();
        assert!(all.lines().zip(first..).all(|(line, number)| line == format!("line {number}")));
        ring.skip(end + 1000);
        ring.add(b"later\n");
        assert_eq!(text(&ring, 0), ("later\n".into(), end + 1006));
    }

    #[test]
    fn a_line_is_found_where_it_begins() {
        let mut memory = vec![0; MEMORY];
        let mut ring = Ring::new(&mut memory);
        ring.add(b"a: x\nb: a: x\na: x\n");
        assert_eq!(ring.find(0, "a: x\n"), Some(5));
        assert_eq!(ring.find(5, "a: x\n"), Some(18));
        assert_eq!(ring.find(18, "a: x\n"), None);
        assert_eq!(ring.find(0, "c\n"), None);
    }

    #[test]
    fn memory_that_is_too_small_keeps_nothing() {
        for size in [0, 8, HEAD] {
            let mut memory = vec![0; size];
            let mut ring = Ring::new(&mut memory);
            ring.add(b"x");
            ring.skip(9);
            assert_eq!(ring.read(0, &mut [0; 4]).0, 0);
        }
    }
}
