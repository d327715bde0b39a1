//! What a process gives up for itself. The crates `capsicum` and `unveil` speak of it in the words
//! of other systems.
#![expect(unsafe_code, reason = "calls into libc.a")]

use crate::c;
use crate::error::{Result, check};
use crate::handle::AsNumber;
use clavis_abi::params::process_flags;
use clavis_abi::runtime::Bytes;

/// Enters capability mode, for ever: the process has no namespace and no current directory, and no
/// handle of it leads above itself. What it makes and becomes has no more.
///
/// # Errors
/// None known.
pub fn enter() -> Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { c::clavis_confine() }).map(drop)
}

/// Whether this process is in capability mode. One that began without a namespace and a current
/// directory is.
#[must_use]
pub fn is_entered() -> bool {
    // SAFETY: no memory is involved.
    unsafe { c::clavis_confined() == 1 }
}

/// Makes a path visible with letters out of `rwxc`, and the first time hides all others; `None` has
/// it stay so.
///
/// # Errors
/// `EPERM`, `E2BIG`, `EINVAL`, `ENOENT`, `EOPNOTSUPP`; what the namespace manager answers.
pub fn unveil(path: Option<(&str, &str)>) -> Result<()> {
    let [path, letters] = match path {
        Some((path, letters)) => [path, letters].map(|text| Some(Bytes::of(text.as_bytes()))),
        None => [None, None],
    };
    // SAFETY: it reads both, which live until the end of this function.
    check(unsafe { c::clavis_unveil(or_null(&path), or_null(&letters)) }).map(drop)
}

/// Restricts the process to promises, and with the second set the program that it becomes by exec;
/// `None` leaves a set as it is.
///
/// # Errors
/// `EINVAL`, `EPERM`; what the namespace manager answers.
pub fn pledge(own: Option<&str>, exec: Option<&str>) -> Result<()> {
    let [own, exec] = [own, exec].map(|text| text.map(|text| Bytes::of(text.as_bytes())));
    // SAFETY: it reads both, which live until the end of this function.
    check(unsafe { c::clavis_pledge(or_null(&own), or_null(&exec)) }).map(drop)
}

/// Has a process end with the last handle to it that others have.
///
/// # Errors
/// Refused without SIGNAL.
pub fn tie(process: &impl AsNumber) -> Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { c::clavis_declare(process.number().raw(), process_flags::TIED) }).map(drop)
}

fn or_null(text: &Option<Bytes>) -> *const Bytes {
    text.as_ref().map_or(core::ptr::null(), core::ptr::from_ref)
}
