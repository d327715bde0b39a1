//! The state as a flat checksummed log in a byte buffer that outlives the process.
//!
//! The buffer has two halves. A half is a header {magic, sequence, checksum} and then frames
//! {length, checksum, bytes}. Frames are appended to the half with the highest valid sequence;
//! when it is full the whole state is written into the other half as one or more frames, and the
//! header last. A frame's checksum covers its half's sequence and its position, so what an earlier
//! use of the half left behind is never taken for one; a length of zero behind the last frame keeps
//! readers from what lies there, which may never have been touched. Whatever is torn by death in
//! mid-write is ignored.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(any(test, feature = "trace"))]
extern crate alloc;
#[cfg(feature = "trace")]
use alloc::vec::Vec;
use clavis_abi::error::{EINVAL, ENOSPC, Error, Result};
use core::sync::atomic::{Ordering, compiler_fence};
use crc::{CRC_32_ISCSI, Crc, Table};

const CHECKSUM: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);
const MAGIC: u64 = u64::from_le_bytes(*b"CLVNSLG1");
const HEADER: usize = 24;
const FRAME: usize = 8;
/// Smallest useful buffer.
pub const LOG_MIN: usize = 8192;

/// The log.
#[derive(Debug)]
pub struct Log<'s> {
    buffer: &'s mut [u8],
    half: usize,
    sequence: u64,
    end: usize,
    /// Where what was written.
    #[cfg(feature = "trace")]
    pub trace: Vec<(usize, Vec<u8>)>,
}

/// A snapshot that is being written into the idle half.
#[derive(Debug)]
pub struct Snapshot {
    half: usize,
    sequence: u64,
    end: usize,
}

impl<'s> Log<'s> {
    /// The log in a buffer. A buffer without a valid header holds none yet: the first snapshot
    /// creates it.
    ///
    /// # Errors
    /// `EINVAL`: the buffer is too small.
    pub fn open(buffer: &'s mut [u8]) -> Result<Log<'s>> {
        if buffer.len() < LOG_MIN {
            return Err(Error::new(EINVAL));
        }
        let mut log = Log {
            buffer,
            half: 1,
            sequence: 0,
            end: 0,
            #[cfg(feature = "trace")]
            trace: Vec::new(),
        };
        for half in [0, 1] {
            if let Some(sequence) = log.header(half)
                && sequence > log.sequence
            {
                log.half = half;
                log.sequence = sequence;
            }
        }
        log.end = HEADER;
        if log.sequence != 0 {
            while let Some((next, _)) = log.frame(log.end) {
                log.end = next;
            }
        }
        Ok(log)
    }

    /// Whether the buffer held a log.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.sequence != 0
    }

    /// Bytes that a half can hold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.half_len().saturating_sub(HEADER)
    }

    /// Bytes in use in the current half.
    #[must_use]
    pub fn used(&self) -> usize {
        self.end.saturating_sub(HEADER)
    }

    /// The frames in order.
    pub fn frames(&self) -> impl Iterator<Item = &[u8]> {
        let mut at = HEADER;
        core::iter::from_fn(move || {
            let (next, bytes) = self.frame(at).filter(|_| self.sequence != 0)?;
            at = next;
            Some(bytes)
        })
    }

    /// Whether a frame of so many bytes can be appended.
    #[must_use]
    pub fn fits(&self, bytes: usize) -> bool {
        self.end.saturating_add(FRAME).saturating_add(bytes) <= self.half_len()
    }

    /// Appends a frame: wholly or, after death in between, not at all.
    ///
    /// # Errors
    /// `ENOSPC`: the half is full; write a snapshot.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.end = self.write_frame(self.half, self.sequence, self.end, bytes)?;
        Ok(())
    }

    /// Starts a snapshot in the other half.
    #[must_use]
    pub fn begin(&self) -> Snapshot {
        Snapshot { half: self.half ^ 1, sequence: self.sequence.saturating_add(1), end: HEADER }
    }

    /// Adds a frame to a snapshot.
    ///
    /// # Errors
    /// `ENOSPC`: the state does not fit.
    pub fn add(&mut self, snapshot: &mut Snapshot, bytes: &[u8]) -> Result<()> {
        snapshot.end = self.write_frame(snapshot.half, snapshot.sequence, snapshot.end, bytes)?;
        Ok(())
    }

    /// Makes the snapshot the log.
    pub fn finish(&mut self, snapshot: Snapshot) {
        let Snapshot { half, sequence, end } = snapshot;
        self.write_end(half, end);
        // Whatever lies behind the snapshot cannot be read as a frame: its sequence is another.
        compiler_fence(Ordering::SeqCst);
        let start = self.start(half);
        let mut header = [0; HEADER];
        let words = [MAGIC, sequence, u64::from(header_checksum(sequence))];
        for (bytes, word) in header.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        self.write(start, &header);
        compiler_fence(Ordering::SeqCst);
        self.half = half;
        self.sequence = sequence;
        self.end = end;
    }

    fn half_len(&self) -> usize {
        self.buffer.len() / 2
    }

    fn start(&self, half: usize) -> usize {
        self.half_len().saturating_mul(half)
    }

    fn half(&self, half: usize) -> &[u8] {
        let start = self.start(half);
        self.buffer.get(start..start.saturating_add(self.half_len())).unwrap_or_default()
    }

    fn header(&self, half: usize) -> Option<u64> {
        let half = self.half(half);
        let sequence = word_at(half, 8)?;
        let valid = word_at(half, 0)? == MAGIC
            && word_at(half, 16)? == u64::from(header_checksum(sequence))
            && sequence != u64::MAX;
        valid.then_some(sequence)
    }

    fn frame(&self, at: usize) -> Option<(usize, &[u8])> {
        let half = self.half(self.half);
        let head = word_at(half, at)?.to_le_bytes();
        let [a, b, c, d, e, f, g, h] = head;
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
        let checksum = u32::from_le_bytes([e, f, g, h]);
        let start = at.checked_add(FRAME)?;
        let end = start.checked_add(length)?;
        let bytes = half.get(start..end)?;
        let valid = length != 0 && checksum == frame_checksum(self.sequence, at, bytes);
        valid.then_some((end, bytes))
    }

    fn write_frame(
        &mut self,
        half: usize,
        sequence: u64,
        at: usize,
        bytes: &[u8],
    ) -> Result<usize> {
        let full = Error::new(ENOSPC);
        let start = at.checked_add(FRAME).ok_or(full)?;
        let end = start.checked_add(bytes.len()).ok_or(full)?;
        let length = u32::try_from(bytes.len()).map_err(|_| full)?;
        if end > self.half_len() {
            return Err(full);
        }
        let checksum = frame_checksum(sequence, at, bytes);
        let base = self.start(half);
        self.write_end(half, end);
        self.write(base.saturating_add(start), bytes);
        // The head makes the frame valid: it is stored when the body is.
        compiler_fence(Ordering::SeqCst);
        let [a, b, c, d] = length.to_le_bytes();
        let [e, f, g, h] = checksum.to_le_bytes();
        self.write(base.saturating_add(at), &[a, b, c, d, e, f, g, h]);
        compiler_fence(Ordering::SeqCst);
        Ok(end)
    }

    /// Nothing lies from there on.
    fn write_end(&mut self, half: usize, at: usize) {
        if at.saturating_add(FRAME) <= self.half_len() {
            self.write(self.start(half).saturating_add(at), &[0; FRAME]);
        }
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        #[cfg(feature = "trace")]
        self.trace.push((at, bytes.to_vec()));
        let end = at.saturating_add(bytes.len());
        if let Some(target) = self.buffer.get_mut(at..end) {
            target.copy_from_slice(bytes);
        }
    }
}

fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|word| u64::from_le_bytes(*word))
}

fn header_checksum(sequence: u64) -> u32 {
    let mut digest = CHECKSUM.digest();
    digest.update(&MAGIC.to_le_bytes());
    digest.update(&sequence.to_le_bytes());
    digest.finalize()
}

fn frame_checksum(sequence: u64, at: usize, bytes: &[u8]) -> u32 {
    let mut digest = CHECKSUM.digest();
    digest.update(&sequence.to_le_bytes());
    digest.update(&(at as u64).to_le_bytes());
    digest.update(bytes);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn frames_come_back_in_order_and_a_torn_tail_is_ignored() {
        let mut buffer = vec![0; LOG_MIN];
        let mut log = Log::open(&mut buffer).unwrap();
        assert!(!log.exists());
        let snapshot = log.begin();
        log.finish(snapshot);
        for text in ["one", "two", "three"] {
            log.append(text.as_bytes()).unwrap();
        }
        let end = log.end;
        let half = log.half;
        let base = log.start(half);
        let log = Log::open(&mut buffer).unwrap();
        assert!(log.frames().eq([b"one".as_slice(), b"two", b"three"]));
        buffer[base + end - 1] ^= 1;
        let log = Log::open(&mut buffer).unwrap();
        assert!(log.frames().eq([b"one".as_slice(), b"two"]));
    }

    #[test]
    fn what_an_earlier_use_of_a_half_left_is_never_read() {
        let mut buffer = vec![0; LOG_MIN];
        let mut log = Log::open(&mut buffer).unwrap();
        for round in 0..4_u8 {
            let mut snapshot = log.begin();
            log.add(&mut snapshot, &[round; 8]).unwrap();
            log.finish(snapshot);
            if round < 2 {
                log.append(&[0xAA; 8]).unwrap();
            }
        }
        let log = Log::open(&mut buffer).unwrap();
        assert!(log.frames().eq([[3; 8].as_slice()]));
    }

    #[test]
    fn what_lies_behind_the_last_frame_has_no_length() {
        let mut buffer = vec![0x11; LOG_MIN];
        let mut log = Log::open(&mut buffer).unwrap();
        for round in 0..3 {
            let mut snapshot = log.begin();
            if round > 0 {
                log.add(&mut snapshot, b"whole").unwrap();
            }
            log.finish(snapshot);
            assert_eq!(word_at(log.half(log.half), log.end), Some(0));
            while log.fits(700) {
                log.append(&[7; 700]).unwrap();
                assert!(word_at(log.half(log.half), log.end).is_none_or(|word| word == 0));
            }
        }
    }

    #[test]
    fn a_full_half_says_so_and_stays_as_it_is() {
        let mut buffer = vec![0; LOG_MIN];
        let mut log = Log::open(&mut buffer).unwrap();
        let snapshot = log.begin();
        log.finish(snapshot);
        log.append(&[1; 4000]).unwrap();
        assert!(!log.fits(4000) && log.append(&[2; 4000]).is_err());
        assert!(log.fits(8));
        log.append(&[3; 8]).unwrap();
        let log = Log::open(&mut buffer).unwrap();
        assert_eq!(log.frames().count(), 2);
    }
}
