//! Streams: what lies between C's `FILE` and what it reads and writes.
//!
//! A [`Stream`] has one buffer, which holds either bytes that were read and not yet taken, or bytes
//! that were put and not yet written. It changes from one to the other by itself, with the place in
//! the file where the caller believes it.
pub mod memory;
pub mod mode;
mod reading;
mod writing;

use alloc::vec::Vec;

/// What a stream reads from and writes to.
pub trait Device {
    /// Reads at the own place; 0: the end.
    ///
    /// # Errors
    /// An error number.
    fn read(&mut self, into: &mut [u8]) -> Result<usize, i32>;
    /// Writes at the own place, at least a byte.
    ///
    /// # Errors
    /// An error number.
    fn write(&mut self, from: &[u8]) -> Result<usize, i32>;
    /// Moves the own place; answers where it is.
    ///
    /// # Errors
    /// An error number.
    fn seek(&mut self, offset: i64, from: Whence) -> Result<u64, i32>;
    /// Whether somebody waits for every line.
    fn is_interactive(&self) -> bool;
}

/// What an offset counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// The start.
    Start,
    /// The place.
    Current,
    /// The end.
    End,
}

/// When what was put is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffering {
    /// When the buffer is full.
    Full,
    /// After each line, too.
    Line,
    /// At once.
    None,
}

/// What a stream may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Read.
    pub read: bool,
    /// Write.
    pub write: bool,
    /// Write at the end only.
    pub append: bool,
}

/// Bytes of a buffer, where nobody asked for another size.
const SIZE: usize = 4096;
/// Bytes that can be given back.
const BACK: usize = 8;
/// The stream may not do that.
pub const EBADF: i32 = 9;
/// There is no memory for a buffer.
pub const ENOMEM: i32 = 12;
/// What was written to takes nothing.
pub const EIO: i32 = 5;
/// No such place.
pub const EINVAL: i32 = 22;

/// What the buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Reading,
    Writing,
}

/// A stream.
#[derive(Debug)]
pub struct Stream<D> {
    /// What it reads from and writes to.
    pub device: D,
    access: Access,
    state: State,
    /// As long as it is used at most, once it is used.
    buffer: Vec<u8>,
    /// The bytes in use.
    start: usize,
    end: usize,
    /// Bytes that were given back, the next one last.
    back: [u8; BACK],
    backs: usize,
    /// `None`: whatever fits the device.
    buffering: Option<Buffering>,
    size: usize,
    ended: bool,
    failed: bool,
}

impl<D: Device> Stream<D> {
    /// A stream. Without a word on buffering: lines for a device that is interactive.
    pub const fn new(device: D, access: Access, buffering: Option<Buffering>) -> Stream<D> {
        Stream {
            device,
            access,
            state: State::Idle,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            back: [0; BACK],
            backs: 0,
            buffering,
            size: SIZE,
            ended: false,
            failed: false,
        }
    }

    /// What it may do.
    pub fn access(&self) -> Access {
        self.access
    }

    /// Whether the end was met.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Whether there was an error.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Forgets both.
    pub fn forget(&mut self) {
        (self.ended, self.failed) = (false, false);
    }

    /// Says when to write, and how large the buffer is (0: as it is).
    ///
    /// # Errors
    /// `EINVAL` while it holds bytes that were read; those of a write.
    pub fn set_buffering(&mut self, buffering: Buffering, size: usize) -> Result<(), i32> {
        self.flush()?;
        if self.unread() > 0 {
            return Err(EINVAL);
        }
        self.discard();
        self.buffering = Some(buffering);
        self.buffer = Vec::new();
        self.size = if size == 0 { SIZE } else { size };
        Ok(())
    }

    /// When it writes, which is settled by that.
    pub fn buffering(&mut self) -> Buffering {
        let device = &self.device;
        *self.buffering.get_or_insert_with(|| match device.is_interactive() {
            true => Buffering::Line,
            false => Buffering::Full,
        })
    }

    /// Bytes that were read or given back, and not taken.
    fn unread(&self) -> usize {
        let read = if self.state == State::Reading { self.end - self.start } else { 0 };
        read + self.backs
    }

    /// Bytes that wait to be written. For C's `__fpending`.
    pub fn pending(&self) -> usize {
        if self.state == State::Writing { self.end - self.start } else { 0 }
    }

    /// Forgets what was read.
    fn discard(&mut self) {
        (self.state, self.start, self.end, self.backs) = (State::Idle, 0, 0, 0);
    }

    /// A buffer, of one byte where nothing is to be kept.
    fn reserve(&mut self) -> Result<(), i32> {
        let size = if self.buffering() == Buffering::None { 1 } else { self.size };
        if self.buffer.len() != size {
            self.buffer.try_reserve_exact(size).map_err(|_| ENOMEM)?;
            self.buffer.resize(size, 0);
        }
        Ok(())
    }

    /// Notes an error.
    fn note<T>(&mut self, result: Result<T, i32>) -> Result<T, i32> {
        self.failed |= result.is_err();
        result
    }

    /// Writes what waits; gives back what was read and not taken, where there are places.
    ///
    /// # Errors
    /// Those of writing.
    pub fn sync(&mut self) -> Result<(), i32> {
        if self.state == State::Writing {
            return self.flush();
        }
        self.give_back();
        Ok(())
    }

    /// Writes what waits, and moves the device behind it: one that appends may stay where it was.
    fn settle(&mut self) -> Result<(), i32> {
        self.flush()?;
        if self.state == State::Writing && self.access.append {
            // What has no places stays, too.
            let _ = self.device.seek(0, Whence::End);
        }
        Ok(())
    }

    /// Moves the device back to where the caller believes it; whether that could be done.
    fn give_back(&mut self) -> bool {
        let unread = self.unread() as i64;
        let moved = unread == 0 || self.device.seek(-unread, Whence::Current).is_ok();
        if moved {
            self.discard();
        }
        moved
    }

    /// Moves to a place.
    ///
    /// # Errors
    /// Those of writing and of the device, where it has no places.
    pub fn seek(&mut self, offset: i64, from: Whence) -> Result<u64, i32> {
        self.settle()?;
        let unread = if from == Whence::Current { self.unread() as i64 } else { 0 };
        let offset = offset.checked_sub(unread).ok_or(EINVAL)?;
        let place = self.device.seek(offset, from)?;
        self.discard();
        self.ended = false;
        Ok(place)
    }

    /// The place.
    ///
    /// # Errors
    /// As [`Stream::seek`].
    pub fn place(&mut self) -> Result<u64, i32> {
        if self.access.append {
            // Where it is written is not where the device is.
            self.settle()?;
        }
        let place = self.device.seek(0, Whence::Current)?;
        Ok((place + self.pending() as u64).saturating_sub(self.unread() as u64))
    }
}
