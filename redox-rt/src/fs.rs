//! Standard file system calls on a handle, in the forms that the kernel validates.
use crate::handle::Number;
use crate::sys::call::{std_fs, std_fs_in, std_fs_two_out};
use clavis_abi::error::{EIO, Error, Result};
use syscall::StdFsCallKind as Kind;
use syscall::data::{StatVfs, TimeSpec};

/// Changes the mode.
///
/// # Errors
/// What the server answers.
pub fn fchmod(number: Number, mode: u16) -> Result<()> {
    std_fs_in(number, Kind::Fchmod, &[], u64::from(mode), 0).map(drop)
}

/// Changes the length.
///
/// # Errors
/// What the server answers.
pub fn ftruncate(number: Number, length: u64) -> Result<()> {
    std_fs_in(number, Kind::Ftruncate, &[], length, 0).map(drop)
}

/// Sets access and modification time.
///
/// # Errors
/// What the server answers.
pub fn futimens(number: Number, times: [TimeSpec; 2]) -> Result<()> {
    let mut payload = [0; 32];
    for (bytes, time) in payload.as_chunks_mut::<16>().0.iter_mut().zip(times) {
        let (seconds, nanoseconds) = bytes.split_at_mut(8);
        seconds.copy_from_slice(&time.tv_sec.to_ne_bytes());
        let padded = i64::from(time.tv_nsec) & 0xFFFF_FFFF;
        nanoseconds.copy_from_slice(&padded.to_ne_bytes());
    }
    std_fs_in(number, Kind::Futimens, &payload, 0, 0).map(drop)
}

/// Statistics of the file system.
///
/// # Errors
/// What the server answers.
pub fn fstatvfs(number: Number) -> Result<StatVfs> {
    let mut payload = [0u8; size_of::<StatVfs>()];
    std_fs(number, Kind::Fstatvfs, &mut payload, 0, 0)?;
    let [head, blocks, free, available] = *payload.as_chunks::<8>().0 else {
        return Err(Error::new(EIO));
    };
    Ok(StatVfs {
        f_bsize: u64::from_ne_bytes(head) as u32,
        f_blocks: u64::from_ne_bytes(blocks),
        f_bfree: u64::from_ne_bytes(free),
        f_bavail: u64::from_ne_bytes(available),
    })
}

/// Reads directory entries (`DirentHeader`, name, NUL) from an opaque position; answers bytes.
///
/// # Errors
/// What the server answers.
pub fn getdents(number: Number, buffer: &mut [u8], opaque: u64) -> Result<usize> {
    let header = size_of::<syscall::dirent::DirentHeader>() as u64;
    std_fs(number, Kind::Getdents, buffer, opaque, header)
}

/// Takes an advisory lock; `flags` as the server defines them.
///
/// # Errors
/// What the server answers.
pub fn lock(number: Number, start: u64, length_and_flags: u64) -> Result<()> {
    std_fs_in(number, Kind::Lock, &[], start, length_and_flags).map(drop)
}

/// Lets an advisory lock go.
///
/// # Errors
/// What the server answers.
pub fn unlock(number: Number, start: u64, length: u64) -> Result<()> {
    std_fs_in(number, Kind::Unlock, &[], start, length).map(drop)
}

/// The advisory lock of somebody else that one would have to wait for: the process that holds it
/// (0: an open file does), its start and its length with flags.
///
/// # Errors
/// `ESRCH` when there is none; what the server answers.
pub fn get_lock(number: Number, start: u64, length_and_flags: u64) -> Result<(usize, u64, u64)> {
    let mut payload = [0u8; 16];
    let owner = std_fs(number, Kind::GetLock, &mut payload, start, length_and_flags)?;
    let [start, length] = *payload.as_chunks::<8>().0 else { return Err(Error::new(EIO)) };
    Ok((owner, u64::from_ne_bytes(start), u64::from_ne_bytes(length)))
}

/// The path of an object as seen from a directory of the same server; answers bytes.
///
/// # Errors
/// `EXDEV`; what the server answers.
pub fn relpathat(object: Number, dir: Number, buffer: &mut [u8]) -> Result<usize> {
    std_fs_two_out([object, dir], Kind::Relpathat, buffer, 0, 0)
}
