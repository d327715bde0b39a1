//! Bytes that come.
use super::{BACK, Buffering, Device, EBADF, State, Stream};

impl<D: Device> Stream<D> {
    /// Makes it one that is read.
    fn turn_to_reading(&mut self) -> Result<(), i32> {
        if !self.access.read {
            return Err(EBADF);
        }
        if self.state == State::Writing {
            self.settle()?;
        }
        self.state = State::Reading;
        self.reserve()
    }

    /// Bytes that can be taken, at least one; none: the end, which stays until it is forgotten.
    ///
    /// # Errors
    /// `EBADF` for a stream that may not read, `ENOMEM`, those of the device; all are noted.
    pub fn available(&mut self) -> Result<&[u8], i32> {
        let filled = if self.unread() > 0 { Ok(()) } else { self.fill() };
        self.note(filled)?;
        let back = self.backs.checked_sub(1).and_then(|last| self.back.get(last..self.backs));
        Ok(back.or_else(|| self.buffer.get(self.start..self.end)).unwrap_or_default())
    }

    fn fill(&mut self) -> Result<(), i32> {
        self.turn_to_reading()?;
        (self.start, self.end) = (0, 0);
        if !self.ended {
            self.end = self.device.read(&mut self.buffer)?.min(self.buffer.len());
            self.ended = self.end == 0;
        }
        Ok(())
    }

    /// Takes bytes that were [available](Stream::available).
    pub fn consume(&mut self, count: usize) {
        match self.backs.checked_sub(1) {
            Some(rest) if count > 0 => self.backs = rest,
            _ => self.start = self.end.min(self.start + count),
        }
    }

    /// Takes a byte; `None` at the end.
    ///
    /// # Errors
    /// As [`Stream::available`].
    pub fn get(&mut self) -> Result<Option<u8>, i32> {
        let byte = self.available()?.first().copied();
        self.consume(usize::from(byte.is_some()));
        Ok(byte)
    }

    /// Reads until there is no more room, or no more; answers how many bytes, and what went wrong.
    pub fn read(&mut self, into: &mut [u8]) -> (usize, Result<(), i32>) {
        let mut done = 0;
        while let Some(room) = into.get_mut(done..).filter(|room| !room.is_empty()) {
            if self.unread() == 0 && room.len() >= self.size && !self.ended {
                // It would only be copied once more.
                let read = self.turn_to_reading().and_then(|()| self.device.read(room));
                match self.note(read) {
                    Ok(0) => {
                        self.ended = true;
                        break;
                    }
                    Ok(count) => done += count.min(room.len()),
                    Err(error) => return (done, Err(error)),
                }
                continue;
            }
            let bytes = match self.available() {
                Ok([]) => break,
                Ok(bytes) => bytes,
                Err(error) => return (done, Err(error)),
            };
            let count = bytes.len().min(room.len());
            room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            self.consume(count);
            done += count;
        }
        (done, Ok(()))
    }

    /// Gives a byte back, which need not be the one that was taken. Eight are kept at most; whether
    /// this one is.
    pub fn give(&mut self, byte: u8) -> bool {
        let room = self.access.read && self.backs < BACK;
        if !room || self.state == State::Writing && self.settle().is_err() {
            return false;
        }
        if self.state != State::Reading {
            (self.state, self.start, self.end) = (State::Reading, 0, 0);
        }
        if let Some(place) = self.back.get_mut(self.backs) {
            *place = byte;
        }
        self.backs += 1;
        self.ended = false;
        true
    }

    /// Whether a read would ask somebody who waits for lines, or for single bytes.
    pub fn asks_somebody(&mut self) -> bool {
        self.unread() == 0 && !self.ended && self.buffering() != Buffering::Full
    }
}
