//! The last lines, as one run of bytes with positions that count from the start of the log.
use std::collections::VecDeque;

/// Bytes that are kept.
pub const RING_BYTES: usize = 256 * 1024;

/// The ring.
#[derive(Debug, Default)]
pub struct Ring {
    bytes: VecDeque<u8>,
    /// Position of the first byte that is still there.
    start: u64,
}

impl Ring {
    /// Position of the first byte that is still there.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Adds bytes; the oldest lines make room, whole.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let excess = self.bytes.len().saturating_sub(RING_BYTES);
        if excess != 0 {
            let behind = self.bytes.iter().skip(excess).position(|byte| *byte == b'\n');
            let end = excess.saturating_add(behind.map_or(0, |at| at.saturating_add(1)));
            self.bytes.drain(..end.min(self.bytes.len()));
            self.start = self.start.saturating_add(end as u64);
        }
    }

    /// Copies out from a position on; the answer is how many bytes, and where to go on. A reader
    /// that fell behind goes on with the oldest line that is left.
    pub fn read(&self, position: u64, out: &mut [u8]) -> (usize, u64) {
        let from = position.max(self.start);
        let skip = usize::try_from(from.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let left = self.bytes.len().saturating_sub(skip);
        out.iter_mut().zip(self.bytes.iter().skip(skip)).for_each(|(to, byte)| *to = *byte);
        let count = left.min(out.len());
        (count, from.saturating_add(count as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_fell_behind_goes_on_with_a_whole_line() {
        let mut ring = Ring::default();
        ring.add(b"first\n");
        let mut out = [0; 3];
        assert_eq!(ring.read(0, &mut out), (3, 3));
        for index in 0..RING_BYTES / 10 + 10 {
            ring.add(format!("{index:09}\n").as_bytes());
        }
        assert!(ring.bytes.len() <= RING_BYTES);
        let mut out = [0; 10];
        let (count, next) = ring.read(3, &mut out);
        assert_eq!(count, 10);
        assert!(out[..9].iter().all(u8::is_ascii_digit) && out[9] == b'\n');
        assert_eq!(next, ring.start() + 10);
        assert_eq!(ring.read(u64::MAX, &mut out).0, 0);
    }
}
