//! Memory that grows with what is written to it: `open_memstream` and `open_wmemstream`.
use crate::malloc::realloc;
use c_stdio::stream::memory::Cursor;
use c_stdio::stream::{EINVAL, ENOMEM, Whence};
use core::ffi::c_void;
use libc::{EILSEQ, ESPIPE};

/// Memory that grows, and where its owner wants to read of it.
#[derive(Debug)]
pub(super) struct Growing {
    block: *mut u8,
    /// Characters that there is room for.
    room: usize,
    /// In characters.
    cursor: Cursor,
    /// Bytes of a character.
    unit: usize,
    /// The beginning of one in UTF-8, where characters are wide.
    begun: [u8; 4],
    length: usize,
    /// Where the owner finds the block, and how many characters are in it.
    place: *mut *mut c_void,
    size: *mut usize,
}

impl Growing {
    /// Makes an empty one of characters of so many bytes.
    ///
    /// # Safety
    /// Both places stay writable until the stream is closed.
    pub(super) unsafe fn new(
        unit: usize,
        place: *mut *mut c_void,
        size: *mut usize,
    ) -> Result<Growing, i32> {
        if place.is_null() || size.is_null() {
            return Err(EINVAL);
        }
        let cursor = Cursor { place: 0, length: 0 };
        let block = core::ptr::null_mut();
        let mut growing =
            Growing { block, room: 0, cursor, unit, begun: [0; 4], length: 0, place, size };
        growing.reserve(0)?;
        growing.tell();
        Ok(growing)
    }

    /// Makes room for so many characters and a zero.
    fn reserve(&mut self, count: usize) -> Result<(), i32> {
        let needed = count.checked_add(1).ok_or(ENOMEM)?;
        if needed <= self.room {
            return Ok(());
        }
        let room = needed.max(self.room.saturating_mul(2)).max(64);
        let bytes = room.checked_mul(self.unit).ok_or(ENOMEM)?;
        // SAFETY: the block is this one's own, or null.
        let block = unsafe { realloc(self.block.cast(), bytes) }.cast::<u8>();
        if block.is_null() {
            return Err(ENOMEM);
        }
        let old = self.room * self.unit;
        // SAFETY: what was added, so that gaps are zeroes.
        unsafe { block.wrapping_add(old).write_bytes(0, bytes - old) };
        (self.block, self.room) = (block, room);
        Ok(())
    }

    /// Tells the owner.
    fn tell(&self) {
        // SAFETY: the promise at the start.
        unsafe { self.place.write(self.block.cast()) };
        // SAFETY: as above.
        unsafe { self.size.write(self.cursor.place.min(self.cursor.length)) };
    }

    /// Stores a character at the place.
    fn put(&mut self, character: &[u8]) -> Result<(), i32> {
        self.reserve(self.cursor.place)?;
        let to = self.block.wrapping_add(self.cursor.place * self.unit);
        // SAFETY: there is room for it.
        unsafe { to.copy_from_nonoverlapping(character.as_ptr(), self.unit) };
        // What is behind the last one is zero since the room was made.
        self.cursor.wrote(1);
        self.reserve(self.cursor.place)
    }

    pub(super) fn write(&mut self, from: &[u8]) -> Result<usize, i32> {
        let mut written = Ok(());
        for byte in from {
            written = if self.unit == 1 { self.put(&[*byte]) } else { self.put_part(*byte) };
            if written.is_err() {
                break;
            }
        }
        self.tell();
        written.map(|()| from.len())
    }

    /// A byte of a wide character.
    fn put_part(&mut self, byte: u8) -> Result<(), i32> {
        let Some(place) = self.begun.get_mut(self.length) else { return Err(EILSEQ) };
        *place = byte;
        self.length += 1;
        match core::str::from_utf8(self.begun.get(..self.length).unwrap_or_default()) {
            Ok(text) => {
                let wide = text.chars().next().map_or(0, u32::from);
                self.length = 0;
                self.put(&wide.to_le_bytes())
            }
            Err(error) if error.error_len().is_none() => Ok(()),
            Err(_) => {
                self.length = 0;
                Err(EILSEQ)
            }
        }
    }

    /// Moves, within what a file can have; wide characters have no places in bytes.
    pub(super) fn seek(&mut self, offset: i64, from: Whence) -> Result<u64, i32> {
        if self.unit != 1 {
            return Err(ESPIPE);
        }
        let place = self.cursor.seek(offset, from, isize::MAX as usize)?;
        self.tell();
        Ok(place)
    }
}
