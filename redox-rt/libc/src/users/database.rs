//! The files, and how entries are laid out for C.
use crate::errno::{error, number};
use crate::pointer::put;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use clavis_abi::error::{ECAPMODE, ENODEV, ENOENT, ENOTDIR, Error, Result};
use clavis_rt::sys::file::{self, OpenFlags};
use clavis_rt::{Place, namespace};
use core::ffi::{c_char, c_int};
use core::ptr;
use libc::{EFBIG, ERANGE, O_CLOEXEC, O_RDONLY};

/// Most bytes of a file that is looked at.
const SIZE_MAX: usize = 1 << 20;

/// The text of a file; empty when there is none, or no namespace that could have one.
pub(super) fn read(path: &str) -> Result<String> {
    #[cfg(target_os = "redox")]
    crate::promises::promised(crate::promises::Operation::Users)?;
    let opened = namespace::open(path, (O_RDONLY | O_CLOEXEC) as OpenFlags, Place::Upper);
    let file = match opened {
        Ok(file) => file,
        Err(Error { errno: ENOENT | ENOTDIR | ENODEV | ECAPMODE }) => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let (mut bytes, mut length) = (vec![0; 4096], 0);
    loop {
        length += file::read_full(file.number(), bytes.get_mut(length..).unwrap_or_default())?;
        if length < bytes.len() {
            break;
        }
        if length >= SIZE_MAX {
            return Err(error(EFBIG));
        }
        bytes.resize(length * 2, 0);
    }
    bytes.truncate(length);
    // What is no text holds nobody; the other lines count.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A file of entries.
pub(super) trait File {
    /// Where it lies.
    const PATH: &str;
    /// What a line of it says.
    type Line<'a>;
    /// The same, laid out for C.
    type Entry;

    /// Reads a line.
    fn line(text: &str) -> Option<Self::Line<'_>>;

    /// Lays it out.
    fn lay(room: Room, line: &Self::Line<'_>) -> Result<Self::Entry>;
}

/// Lays out the `skip`th entry that matches.
pub(super) fn find<F: File>(
    room: Room,
    skip: usize,
    matches: impl Fn(&F::Line<'_>) -> bool,
) -> Result<Option<F::Entry>> {
    let file = read(F::PATH)?;
    let mut lines = file.lines().filter_map(F::line).filter(|line| matches(line));
    lines.nth(skip).map(|line| F::lay(room, &line)).transpose()
}

/// Answers as the functions with `_r` do: 0 and null for nobody, an error number.
///
/// # Safety
/// The buffer takes that many bytes, `place` an entry, `result` an address.
pub(super) unsafe fn reentrant<T>(
    found: impl FnOnce(Room) -> Result<Option<T>>,
    place: *mut T,
    buffer: (*mut c_char, usize),
    result: *mut *mut T,
) -> c_int {
    // SAFETY: the caller's promise.
    if let Err(error) = unsafe { put(result, ptr::null_mut()) } {
        return error.errno;
    }
    // SAFETY: the caller's promise.
    let room = unsafe { Room::new(buffer.0, buffer.1) };
    number(found(room).and_then(|entry| {
        let Some(entry) = entry else { return Ok(()) };
        // SAFETY: the caller's promise.
        unsafe { put(place, entry) }?;
        // SAFETY: the caller's promise.
        unsafe { put(result, place) }
    }))
}

/// A buffer of the caller's, filled from its start.
pub(super) struct Room {
    place: *mut u8,
    left: usize,
}

impl Room {
    /// A buffer.
    ///
    /// # Safety
    /// `length` bytes are writable as long as the room is used.
    pub(super) unsafe fn new(place: *mut c_char, length: usize) -> Room {
        Room { place: place.cast(), left: if place.is_null() { 0 } else { length } }
    }

    fn take(&mut self, length: usize) -> Result<*mut u8> {
        self.left = self.left.checked_sub(length).ok_or(error(ERANGE))?;
        let place = self.place;
        self.place = place.wrapping_add(length);
        Ok(place)
    }

    /// Writes a C string; `ERANGE` when it does not fit.
    pub(super) fn string(&mut self, text: &str) -> Result<*mut c_char> {
        let place = self.take(text.len() + 1)?;
        // SAFETY: that many bytes of the caller's buffer, which overlaps nothing of ours.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), place, text.len()) };
        // SAFETY: the byte behind.
        unsafe { place.wrapping_add(text.len()).write(0) };
        Ok(place.cast())
    }

    /// Writes an array of C strings that ends with null; `ERANGE` when it does not fit.
    pub(super) fn strings<'a>(
        &mut self,
        texts: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<*mut *mut c_char> {
        let gap = self.place.align_offset(align_of::<*mut c_char>());
        self.take(gap)?;
        let count = texts.clone().count();
        let array = self.take((count + 1) * size_of::<*mut c_char>())?.cast::<*mut c_char>();
        for (index, text) in texts.enumerate() {
            let string = self.string(text)?;
            // SAFETY: one of the aligned places just taken.
            unsafe { array.wrapping_add(index).write(string) };
        }
        // SAFETY: the last of them.
        unsafe { array.wrapping_add(count).write(ptr::null_mut()) };
        Ok(array)
    }
}

/// The one entry and the memory for its strings that functions without a place answer.
pub(super) struct Shared<T> {
    entry: Option<T>,
    buffer: Vec<c_char>,
}

// SAFETY: the entry's addresses are of the buffer beside it, which belongs to the process.
unsafe impl<T> Send for Shared<T> {}

impl<T> Shared<T> {
    /// Nothing was answered yet.
    pub(super) const fn new() -> Shared<T> {
        Shared { entry: None, buffer: Vec::new() }
    }

    /// Lays an entry out, in as much memory as it needs. Answers its address, or null.
    pub(super) fn fill(&mut self, lay: impl Fn(Room) -> Result<Option<T>>) -> Result<*mut T> {
        loop {
            // SAFETY: the buffer itself, which stays as it is until the next call.
            let room = unsafe { Room::new(self.buffer.as_mut_ptr(), self.buffer.len()) };
            match lay(room) {
                Err(Error { errno: ERANGE }) if self.buffer.len() < 2 * SIZE_MAX => {
                    let length = (self.buffer.len() * 2).max(1024);
                    self.buffer.resize(length, 0);
                }
                result => {
                    self.entry = result?;
                    return Ok(self.entry.as_mut().map_or(ptr::null_mut(), ptr::from_mut));
                }
            }
        }
    }
}
