//! Error numbers. The kernel mints none of its own: values above 132 would read as success in
//! `redox_syscall`, so the capability errors use the key errors that POSIX systems leave unused.
pub use syscall::error::*;

/// The handle lacks a right, or a path leaves the directory it was given (libc: `ENOTCAPABLE`).
pub const ENOTCAPABLE: i32 = EKEYREJECTED;
/// The lease of the handle was revoked.
pub const EREVOKED: i32 = EKEYREVOKED;
/// The lease of the handle expired.
pub const EEXPIRED: i32 = EKEYEXPIRED;
/// The process has no namespace or no current directory (libc: `ECAPMODE`).
pub const ECAPMODE: i32 = ENOKEY;

/// Greatest error number a server may answer with; anything else becomes `EIO`.
pub const MAX_ERRNO: i32 = 131;

/// Encodes a result for `rax`: the value, or the negated error number.
#[must_use]
pub fn mux(result: Result<usize>) -> usize {
    match result {
        Ok(value) => value,
        Err(error) => (error.errno as isize).wrapping_neg() as usize,
    }
}

/// Decodes `rax`: error numbers lie in the last page of the value range, as `libredox` reads them.
///
/// # Errors
/// The error that the kernel or a server answered with.
pub fn demux(value: usize) -> Result<usize> {
    let negated = value.wrapping_neg();
    if negated != 0 && negated < 4096 { Err(Error::new(negated as i32)) } else { Ok(value) }
}
