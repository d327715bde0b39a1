//! Real, effective and saved users and groups. There are none: 0 is what everybody is.
use crate::errno::{error, status};
use crate::pointer::put;
use crate::promises::{Operation, promised};
use core::ffi::c_int;
use libc::{EPERM, gid_t, uid_t};

/// Leaves a number as it is.
const SAME: u32 = u32::MAX;

/// Accepts what changes nothing.
fn unchanged(wanted: &[u32]) -> c_int {
    let same = |number: &u32| matches!(*number, 0 | SAME);
    status(
        promised(Operation::Identity)
            .and_then(|()| if wanted.iter().all(same) { Ok(()) } else { Err(error(EPERM)) }),
    )
}

/// Real, effective and saved user: 0.
///
/// # Safety
/// C contract: all three are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getresuid(
    real: *mut uid_t,
    effective: *mut uid_t,
    saved: *mut uid_t,
) -> c_int {
    // SAFETY: the contract.
    status([real, effective, saved].into_iter().try_for_each(|place| unsafe { put(place, 0) }))
}

/// Real, effective and saved group: 0.
///
/// # Safety
/// C contract: all three are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getresgid(
    real: *mut gid_t,
    effective: *mut gid_t,
    saved: *mut gid_t,
) -> c_int {
    // SAFETY: the contract.
    status([real, effective, saved].into_iter().try_for_each(|place| unsafe { put(place, 0) }))
}

/// Sets the users to what they are; all else is `EPERM`.
#[unsafe(no_mangle)]
pub extern "C" fn setresuid(real: uid_t, effective: uid_t, saved: uid_t) -> c_int {
    unchanged(&[real, effective, saved])
}

/// Sets the groups to what they are; all else is `EPERM`.
#[unsafe(no_mangle)]
pub extern "C" fn setresgid(real: gid_t, effective: gid_t, saved: gid_t) -> c_int {
    unchanged(&[real, effective, saved])
}

/// Sets the users to what they are; all else is `EPERM`.
#[unsafe(no_mangle)]
pub extern "C" fn setreuid(real: uid_t, effective: uid_t) -> c_int {
    unchanged(&[real, effective])
}

/// Sets the groups to what they are; all else is `EPERM`.
#[unsafe(no_mangle)]
pub extern "C" fn setregid(real: gid_t, effective: gid_t) -> c_int {
    unchanged(&[real, effective])
}
