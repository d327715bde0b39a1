//! Lines in and out of streams.
use super::file::{self, File, Guard};
use crate::errno::{fail, set_errno};
use crate::malloc::realloc;
use core::ffi::{CStr, c_char, c_int};
use core::ptr;
use libc::{EINVAL, ENOMEM, EOVERFLOW};

/// Puts bytes; 0, or `EOF` with errno.
pub(super) fn put(bytes: &[u8], guard: &mut Guard<'_>) -> c_int {
    match guard.stream.write(bytes) {
        (_, Ok(())) => 0,
        (_, Err(errno)) => fail(errno),
    }
}

/// Puts a string into a stream.
///
/// # Safety
/// C contract: a string, a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fputs(text: *const c_char, file: *mut File) -> c_int {
    // SAFETY: the contract.
    let text = unsafe { CStr::from_ptr(text) }.to_bytes();
    // SAFETY: the contract.
    put(text, &mut unsafe { file::of(file) }.lock())
}

/// Puts a string and the end of a line into the standard output.
///
/// # Safety
/// C contract: a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn puts(text: *const c_char) -> c_int {
    // SAFETY: the contract.
    let text = unsafe { CStr::from_ptr(text) }.to_bytes();
    let mut guard = file::output().lock();
    match put(text, &mut guard) {
        0 => put(b"\n", &mut guard),
        end => end,
    }
}

/// Takes bytes up to a delimiter and hands them on, until `keep` wants no more. Answers whether there
/// was an error.
fn until(
    guard: &mut Guard<'_>,
    delimiter: u8,
    mut keep: impl FnMut(&[u8]) -> Result<usize, i32>,
) -> Result<(), i32> {
    loop {
        let there = guard.stream.available()?;
        let end = there.iter().position(|byte| *byte == delimiter);
        let wanted = there.get(..end.map_or(there.len(), |end| end + 1)).unwrap_or_default();
        let kept = keep(wanted)?;
        let done = wanted.is_empty() || kept < wanted.len() || end.is_some();
        guard.stream.consume(kept);
        if done || kept == 0 {
            return Ok(());
        }
    }
}

/// Reads a line with its end, at most `room` bytes with a NUL. Null at the end, and with errno after
/// an error.
///
/// # Safety
/// C contract: `to` takes `room` bytes; a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fgets(to: *mut c_char, room: c_int, file: *mut File) -> *mut c_char {
    let Some(room) = usize::try_from(room).ok().and_then(|room| room.checked_sub(1)) else {
        return fail(EINVAL);
    };
    let mut done = 0;
    // SAFETY: the contract.
    let mut guard = unsafe { file::of(file) }.lock_to_read();
    if room > 0 {
        let read = until(&mut guard, b'\n', |bytes| {
            let count = bytes.len().min(room - done);
            let place = to.wrapping_add(done).cast::<u8>();
            // SAFETY: so much is left of the room.
            unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), count) };
            done += count;
            Ok(count)
        });
        match read {
            Err(errno) => return fail(errno),
            Ok(()) if done == 0 => return ptr::null_mut(),
            Ok(()) => {}
        }
    }
    // SAFETY: the byte that was left.
    unsafe { to.wrapping_add(done).write(0) };
    to
}

/// A block of C's heap that its owner knows by two places.
struct Block {
    place: *mut *mut c_char,
    size: *mut usize,
}

impl Block {
    /// Makes room for so many bytes.
    ///
    /// # Safety
    /// As [`getdelim`].
    unsafe fn reserve(&self, needed: usize) -> Result<*mut u8, i32> {
        // SAFETY: the caller's promise.
        let (block, size) = (unsafe { self.place.read() }, unsafe { self.size.read() });
        if !block.is_null() && size >= needed {
            return Ok(block.cast());
        }
        let room = needed.max(size.saturating_mul(2)).max(128);
        // SAFETY: a block of the heap or null, by the contract.
        let block = unsafe { realloc(block.cast(), room) };
        if block.is_null() {
            return Err(ENOMEM);
        }
        // SAFETY: the caller's promise.
        unsafe { self.place.write(block.cast()) };
        // SAFETY: the caller's promise.
        unsafe { self.size.write(room) };
        Ok(block.cast())
    }
}

/// Reads up to a delimiter into a block that grows; answers how many bytes, without the NUL, or -1 at
/// the end, and with errno after an error.
///
/// # Safety
/// C contract: `place` holds null or a block of the heap whose length `size` holds; a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getdelim(
    place: *mut *mut c_char,
    size: *mut usize,
    delimiter: c_int,
    file: *mut File,
) -> isize {
    if place.is_null() || size.is_null() {
        return fail(EINVAL);
    }
    let block = Block { place, size };
    let mut done = 0usize;
    // SAFETY: the contract.
    let mut guard = unsafe { file::of(file) }.lock_to_read();
    let read = until(&mut guard, delimiter as u8, |bytes| {
        let end = done.checked_add(bytes.len()).filter(|end| *end < isize::MAX as usize);
        let end = end.ok_or(EOVERFLOW)?;
        // SAFETY: the contract.
        let to = unsafe { block.reserve(end + 1) }?.wrapping_add(done);
        // SAFETY: there is room for them, and for a NUL.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        // SAFETY: as above.
        unsafe { to.wrapping_add(bytes.len()).write(0) };
        done = end;
        Ok(bytes.len())
    });
    match read {
        Err(errno) => fail(errno),
        Ok(()) if done == 0 => -1,
        Ok(()) => done as isize,
    }
}

/// Reads a line as [`getdelim`] does.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getline(
    place: *mut *mut c_char,
    size: *mut usize,
    file: *mut File,
) -> isize {
    // SAFETY: the same contract.
    unsafe { getdelim(place, size, c_int::from(b'\n'), file) }
}

/// Writes a prefix (unless it is null or empty) and the description of the error number to the
/// standard error.
///
/// # Safety
/// C contract: `prefix` is null or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn perror(prefix: *const c_char) {
    let before = crate::errno::errno();
    let mut words = crate::message::Text::new();
    crate::errno::describe(before, &mut words);
    let mut line = alloc::vec::Vec::new();
    if !prefix.is_null() {
        // SAFETY: the contract.
        let prefix = unsafe { CStr::from_ptr(prefix) }.to_bytes();
        if !prefix.is_empty() {
            line.extend_from_slice(prefix);
            line.extend_from_slice(b": ");
        }
    }
    line.extend_from_slice(words.text().as_bytes());
    line.push(b'\n');
    // There is nobody to be told that the standard error is closed, but the stream.
    put(&line, &mut file::error().lock());
    set_errno(before);
}
