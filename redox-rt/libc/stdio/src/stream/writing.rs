//! Bytes that go.
use super::{Buffering, Device, EBADF, EIO, State, Stream};

impl<D: Device> Stream<D> {
    /// Makes it one that is written.
    fn turn_to_writing(&mut self) -> Result<(), i32> {
        if !self.access.write {
            return Err(EBADF);
        }
        if self.state != State::Writing {
            // What was read from a device without places is gone then.
            self.give_back();
            self.discard();
            self.state = State::Writing;
        }
        self.reserve()
    }

    /// Writes what waits. What could not be written goes on waiting.
    ///
    /// # Errors
    /// Those of the device; they are noted.
    pub fn flush(&mut self) -> Result<(), i32> {
        if self.state != State::Writing {
            return Ok(());
        }
        while let Some(waiting) = self.buffer.get(self.start..self.end).filter(|w| !w.is_empty()) {
            let written = match self.device.write(waiting) {
                Ok(0) => Err(EIO),
                written => written,
            };
            self.start += self.note(written)?.min(self.end - self.start);
        }
        (self.start, self.end) = (0, 0);
        Ok(())
    }

    /// Puts bytes; answers how many, and what went wrong. Those that were not put are not kept.
    pub fn write(&mut self, bytes: &[u8]) -> (usize, Result<(), i32>) {
        let turned = if bytes.is_empty() { Ok(()) } else { self.turn_to_writing() };
        if let Err(error) = self.note(turned) {
            return (0, Err(error));
        }
        let now = match self.buffering() {
            Buffering::None => bytes.len(),
            Buffering::Full => 0,
            Buffering::Line => {
                bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
            }
        };
        let (now, later) = bytes.split_at_checked(now).unwrap_or((bytes, &[]));
        let mut kept = 0;
        let put = self.put(now, &mut kept).and_then(|()| match now {
            [] => Ok(()),
            _ => self.flush(),
        });
        let put = put.and_then(|()| self.put(later, &mut kept));
        if put.is_err() {
            // Of what waits the last bytes are of this call.
            let mine = kept.min(self.end - self.start);
            self.end -= mine;
            kept -= mine;
        }
        (kept, put)
    }

    /// Puts bytes into the buffer, which is written when it is full; counts them.
    fn put(&mut self, mut bytes: &[u8], kept: &mut usize) -> Result<(), i32> {
        while !bytes.is_empty() {
            if self.start == self.end && bytes.len() >= self.buffer.len() {
                // It would only be copied once more.
                (self.start, self.end) = (0, 0);
                let written = match self.device.write(bytes) {
                    Ok(0) => Err(EIO),
                    written => written,
                };
                let count = self.note(written)?.min(bytes.len());
                *kept += count;
                bytes = bytes.get(count..).unwrap_or_default();
                continue;
            }
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            let count = room.len().min(bytes.len());
            room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            self.end += count;
            *kept += count;
            bytes = bytes.get(count..).unwrap_or_default();
            if self.end == self.buffer.len() {
                self.flush()?;
            }
        }
        Ok(())
    }
}
