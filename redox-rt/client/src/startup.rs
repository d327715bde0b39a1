//! The handles that this process was started with.
#![expect(unsafe_code, reason = "calls into libc.a")]

use crate::c;
use crate::error::check;
use crate::handle::Number;
use clavis_abi::startup::EntryKind;

/// The number of the startup handle of that kind, if this process was given one. It belongs to
/// the runtime: do not close it.
#[must_use]
pub fn number(kind: EntryKind) -> Option<Number> {
    number_of(kind as u64)
}

/// As [`number()`], for the n-th kind that a service manifest defines.
#[must_use]
pub fn custom(n: u64) -> Option<Number> {
    number_of((EntryKind::Custom as u64).checked_add(n)?)
}

/// As [`number()`], by the kind's number.
#[must_use]
pub fn number_of(kind: u64) -> Option<Number> {
    // SAFETY: no memory is involved.
    check(unsafe { c::clavis_startup_handle(kind) }).ok().map(Number::from_raw)
}
