//! Memory as a file: where a `fmemopen` stream is in it, and what one that grows holds.
use super::{Access, EINVAL, Whence};

/// There is no room.
pub const ENOSPC: i32 = 28;

/// A place in a file that is memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The place.
    pub place: usize,
    /// Where the file ends.
    pub length: usize,
}

impl Cursor {
    /// Moves; no place is behind `most`.
    ///
    /// # Errors
    /// `EINVAL`.
    pub fn seek(&mut self, offset: i64, from: Whence, most: usize) -> Result<u64, i32> {
        let base = match from {
            Whence::Start => 0,
            Whence::Current => self.place,
            Whence::End => self.length,
        };
        let place = i64::try_from(base).ok().and_then(|base| base.checked_add(offset));
        let place = place.and_then(|place| usize::try_from(place).ok());
        self.place = place.filter(|place| *place <= most).ok_or(EINVAL)?;
        Ok(self.place as u64)
    }

    /// Where it is after a write of so many bytes; whether the file got longer.
    pub fn wrote(&mut self, count: usize) -> bool {
        self.place += count;
        let longer = self.place > self.length;
        self.length = self.length.max(self.place);
        longer
    }
}

/// A file that is a piece of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    cursor: Cursor,
    append: bool,
}

impl Window {
    /// Memory as a file: one that is truncated is empty, and says so with a NUL; one that is appended
    /// to ends at its first NUL.
    pub fn open(memory: &mut [u8], access: Access, truncate: bool) -> Window {
        if truncate && let Some(first) = memory.first_mut() {
            *first = 0;
        }
        let length = match () {
            () if truncate => 0,
            () if access.append => {
                memory.iter().position(|byte| *byte == 0).unwrap_or(memory.len())
            }
            () => memory.len(),
        };
        let place = if access.append { length } else { 0 };
        Window { cursor: Cursor { place, length }, append: access.append }
    }

    /// Reads up to the end of the file.
    pub fn read(&mut self, memory: &[u8], into: &mut [u8]) -> usize {
        let left = memory.get(self.cursor.place..self.cursor.length).unwrap_or_default();
        let count = left.len().min(into.len());
        into.iter_mut().zip(left).for_each(|(to, from)| *to = *from);
        self.cursor.place += count;
        count
    }

    /// Writes as much as there is room, and a NUL behind it where the file got longer and one fits.
    ///
    /// # Errors
    /// `ENOSPC` where nothing fits.
    pub fn write(&mut self, memory: &mut [u8], from: &[u8]) -> Result<usize, i32> {
        if self.append {
            self.cursor.place = self.cursor.length;
        }
        let room = memory.get_mut(self.cursor.place..).unwrap_or_default();
        let count = room.len().min(from.len());
        if count == 0 {
            return Err(ENOSPC);
        }
        room.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        if self.cursor.wrote(count)
            && let Some(end) = memory.get_mut(self.cursor.length)
        {
            *end = 0;
        }
        Ok(count)
    }

    /// Moves within the memory.
    ///
    /// # Errors
    /// `EINVAL`.
    pub fn seek(&mut self, memory: &[u8], offset: i64, from: Whence) -> Result<u64, i32> {
        self.cursor.seek(offset, from, memory.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPDATE: Access = Access { read: true, write: true, append: false };

    #[test]
    fn memory_that_is_read_ends_with_it() {
        let mut memory = *b"abcdef";
        let mut window = Window::open(&mut memory, UPDATE, false);
        let mut bytes = [0; 4];
        assert_eq!((window.read(&memory, &mut bytes), &bytes), (4, b"abcd"));
        assert_eq!(window.read(&memory, &mut bytes), 2);
        assert_eq!(window.read(&memory, &mut bytes), 0);
        assert_eq!(window.seek(&memory, -1, Whence::End), Ok(5));
        assert_eq!(window.seek(&memory, 2, Whence::Current), Err(EINVAL));
        assert_eq!(window.seek(&memory, -1, Whence::Start), Err(EINVAL));
        assert_eq!(window.read(&memory, &mut bytes), 1);
    }

    #[test]
    fn memory_that_is_written_ends_with_a_nul_where_one_fits() {
        let mut memory = *b"abcdef";
        let mut window = Window::open(&mut memory, UPDATE, true);
        assert_eq!(memory[0], 0);
        assert_eq!(window.write(&mut memory, b"xy"), Ok(2));
        assert_eq!(&memory, b"xy\0def");
        assert_eq!(window.seek(&memory, 0, Whence::Start), Ok(0));
        assert_eq!(window.write(&mut memory, b"z"), Ok(1));
        assert_eq!(&memory, b"zy\0def");
        assert_eq!(window.seek(&memory, 0, Whence::End), Ok(2));
        assert_eq!(window.write(&mut memory, b"123456"), Ok(4));
        assert_eq!(&memory, b"zy1234");
        assert_eq!(window.write(&mut memory, b"5"), Err(ENOSPC));
    }

    #[test]
    fn memory_that_is_appended_to_goes_on_at_its_nul() {
        let mut memory = *b"ab\0###";
        let append = Access { append: true, ..UPDATE };
        let mut window = Window::open(&mut memory, append, false);
        assert_eq!(window.seek(&memory, 0, Whence::Start), Ok(0));
        assert_eq!(window.write(&mut memory, b"c"), Ok(1));
        assert_eq!(&memory, b"abc\0##");
    }
}
