//! POSIX threads: thin over the runtime's threads and its locks on futex words.
//!
//! The objects have the sizes of the `libc` crate's types; their first state is all zeroes, as
//! the static initialisers of that crate are.

pub mod attr;
pub mod barrier;
pub mod cond;
pub mod destructor;
pub mod key;
pub mod mutex;
pub mod once;
pub mod rwlock;
pub mod thread;

pub(crate) use destructor::run_destructors;
pub(crate) use key::run_key_destructors;
pub(crate) use thread::number_of;

use clavis_rt::sys::time::Clock;
use core::ffi::c_int;
use libc::{CLOCK_MONOTONIC, CLOCK_REALTIME, timespec};

/// The clock of that number.
pub(crate) fn clock(number: c_int) -> Option<Clock> {
    match number {
        CLOCK_REALTIME => Some(Clock::Real),
        CLOCK_MONOTONIC => Some(Clock::Monotonic),
        _ => None,
    }
}

/// An instant in nanoseconds; `None` when the fields are out of range.
pub(crate) fn nanoseconds(time: &timespec) -> Option<u64> {
    if !(0..1_000_000_000).contains(&time.tv_nsec) {
        return None;
    }
    // An instant before the epoch of the clock is over.
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Some(seconds.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec as u64))
}
