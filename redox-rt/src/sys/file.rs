//! Calls on handles: open, duplicate, read, write and what the file family shares.
#![expect(unsafe_code, reason = "system calls over borrowed buffers")]

use super::raw::syscall;
use crate::handle::{Handle, Number, Place};
use clavis_abi::call::Call;
use clavis_abi::error::Result;
use clavis_abi::params::OFFSET_OWN;
use syscall::data::Stat;
use syscall::flag::{EventFlags, O_FCNTL_MASK};

/// An open flags word: the 32 bits of `redox_syscall` (with the creation mode in the low 16) and
/// the bits of [`clavis_abi::params::open_flags`] above them.
pub type OpenFlags = u64;

/// Opens a name beneath a directory or namespace.
///
/// # Errors
/// See the call table; what the server answers.
pub fn openat(dir: Number, path: &str, flags: OpenFlags, place: Place) -> Result<Handle> {
    // The description's flags travel in the length word too, as the published crates send them.
    let length = path.len() | (flags as usize & O_FCNTL_MASK);
    let words = [dir.raw(), path.as_ptr() as usize, length, flags as usize, place.raw()];
    // SAFETY: the kernel reads `path.len()` bytes of a live string.
    unsafe { syscall(Call::OpenAt, words) }.map(owned)
}

/// Removes a name beneath a directory. `flags` is 0 or `AT_REMOVEDIR`.
///
/// # Errors
/// See the call table; what the server answers.
pub fn unlinkat(dir: Number, path: &str, flags: usize) -> Result<()> {
    // SAFETY: the kernel reads a live string.
    unsafe { syscall(Call::UnlinkAt, [dir.raw(), path.as_ptr() as usize, path.len(), flags, 0]) }
        .map(drop)
}

/// Closes a number.
///
/// # Errors
/// `EBADF`.
pub fn close(number: Number) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::Close, [number.raw(), 0, 0, 0, 0]) }.map(drop)
}

/// Duplicates a handle; with a message the server decides what the new one means.
///
/// # Errors
/// See the call table; what the server answers.
pub fn dup(number: Number, message: &[u8], place: Place) -> Result<Handle> {
    let words = [number.raw(), message.as_ptr() as usize, message.len(), place.raw(), 0];
    // SAFETY: the kernel reads a live slice.
    unsafe { syscall(Call::DupInto, words) }.map(owned)
}

/// Duplicates onto a chosen number, closing what was there.
///
/// # Errors
/// See the call table; what the server answers.
pub fn dup2(number: Number, new: Number, message: &[u8]) -> Result<Handle> {
    let words = [number.raw(), new.raw(), message.as_ptr() as usize, message.len(), 0];
    // SAFETY: the kernel reads a live slice.
    unsafe { syscall(Call::Dup2, words) }.map(owned)
}

/// Reads at the description's own offset.
///
/// # Errors
/// See the call table; what the server answers.
pub fn read(number: Number, buffer: &mut [u8]) -> Result<usize> {
    let words = [number.raw(), buffer.as_mut_ptr() as usize, buffer.len(), 0, 0];
    // SAFETY: the kernel writes at most `buffer.len()` bytes of an exclusively borrowed slice.
    unsafe { syscall(Call::Read, words) }
}

/// Reads at an offset.
///
/// # Errors
/// See the call table; what the server answers.
pub fn read_at(number: Number, buffer: &mut [u8], offset: u64) -> Result<usize> {
    read2(number, buffer, offset, 0)
}

/// Reads with an offset ([`OFFSET_OWN`] for the description's) and `RwFlags`.
///
/// # Errors
/// See the call table; what the server answers.
pub fn read2(number: Number, buffer: &mut [u8], offset: u64, flags: usize) -> Result<usize> {
    let address = buffer.as_mut_ptr() as usize;
    let words = [number.raw(), address, buffer.len(), offset as usize, flags];
    // SAFETY: as `read`.
    unsafe { syscall(Call::Read2, words) }
}

/// Writes at the description's own offset.
///
/// # Errors
/// See the call table; what the server answers.
pub fn write(number: Number, bytes: &[u8]) -> Result<usize> {
    let words = [number.raw(), bytes.as_ptr() as usize, bytes.len(), 0, 0];
    // SAFETY: the kernel reads a live slice.
    unsafe { syscall(Call::Write, words) }
}

/// Writes at an offset.
///
/// # Errors
/// See the call table; what the server answers.
pub fn write_at(number: Number, bytes: &[u8], offset: u64) -> Result<usize> {
    write2(number, bytes, offset, 0)
}

/// Writes with an offset ([`OFFSET_OWN`] for the description's) and `RwFlags`.
///
/// # Errors
/// See the call table; what the server answers.
pub fn write2(number: Number, bytes: &[u8], offset: u64, flags: usize) -> Result<usize> {
    let words = [number.raw(), bytes.as_ptr() as usize, bytes.len(), offset as usize, flags];
    // SAFETY: as `write`.
    unsafe { syscall(Call::Write2, words) }
}

/// Reads until the buffer is full or the end.
///
/// # Errors
/// As [`read`].
pub fn read_full(number: Number, buffer: &mut [u8]) -> Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match read2(number, rest, OFFSET_OWN, 0)? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}

/// Writes everything.
///
/// # Errors
/// As [`write()`]; `EIO` when the server takes nothing.
pub fn write_all(number: Number, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let count = write(number, bytes)?;
        match bytes.get(count..) {
            Some(rest) if count > 0 => bytes = rest,
            _ => return Err(clavis_abi::error::Error::new(clavis_abi::error::EIO)),
        }
    }
    Ok(())
}

/// Moves the offset. `whence` is one of `SEEK_SET`, `SEEK_CUR`, `SEEK_END`.
///
/// # Errors
/// See the call table.
pub fn lseek(number: Number, offset: isize, whence: usize) -> Result<usize> {
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::Lseek, [number.raw(), offset as usize, whence, 0, 0]) }
}

/// Changes owner and group.
///
/// # Errors
/// See the call table; what the server answers.
pub fn fchown(number: Number, uid: u32, gid: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::Fchown, [number.raw(), uid as usize, gid as usize, 0, 0]) }.map(drop)
}

/// A control command with one word of argument.
///
/// # Errors
/// See the call table; what the server answers.
pub fn fcntl(number: Number, command: usize, argument: usize) -> Result<usize> {
    // SAFETY: the argument is a plain word in every command that the kernel serves; others reach
    // a server, which cannot touch this process.
    unsafe { syscall(Call::Fcntl, [number.raw(), command, argument, 0, 0]) }
}

/// Says which events are of interest; answers which are there now.
///
/// # Errors
/// See the call table.
pub fn fevent(number: Number, flags: EventFlags) -> Result<EventFlags> {
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::Fevent, [number.raw(), flags.bits(), 0, 0, 0]) }
        .map(EventFlags::from_bits_truncate)
}

/// Makes a link to the object.
///
/// # Errors
/// See the call table; what the server answers.
pub fn flink(number: Number, path: &str) -> Result<()> {
    let words = [number.raw(), path.as_ptr() as usize, path.len(), 0, 0];
    // SAFETY: the kernel reads a live string.
    unsafe { syscall(Call::Flink, words) }.map(drop)
}

/// Renames the object.
///
/// # Errors
/// See the call table; what the server answers.
pub fn frename(number: Number, path: &str) -> Result<()> {
    let words = [number.raw(), path.as_ptr() as usize, path.len(), 0, 0];
    // SAFETY: the kernel reads a live string.
    unsafe { syscall(Call::Frename, words) }.map(drop)
}

/// The path of the object, as its server names it.
///
/// # Errors
/// See the call table; what the server answers.
pub fn fpath(number: Number, buffer: &mut [u8]) -> Result<usize> {
    let words = [number.raw(), buffer.as_mut_ptr() as usize, buffer.len(), 0, 0];
    // SAFETY: the kernel writes within an exclusively borrowed slice.
    unsafe { syscall(Call::Fpath, words) }
}

/// Metadata of the object.
///
/// # Errors
/// See the call table; what the server answers.
pub fn fstat(number: Number) -> Result<Stat> {
    let mut stat = Stat::default();
    let words = [number.raw(), &raw mut stat as usize, size_of::<Stat>(), 0, 0];
    // SAFETY: the kernel writes one Stat, plain words, into a local.
    unsafe { syscall(Call::Fstat, words) }?;
    Ok(stat)
}

/// Flushes to the medium.
///
/// # Errors
/// See the call table; what the server answers.
pub fn fsync(number: Number) -> Result<()> {
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::Fsync, [number.raw(), 0, 0, 0, 0]) }.map(drop)
}

pub(super) fn owned(raw: usize) -> Handle {
    Handle::from_number(Number::from_raw(raw))
}
