//! Signals: actions, masks, sets. The kernel keeps what waits and who blocks what, and sends a
//! thread to [`entry`] when it has a signal for it; everything else is here.
pub mod actions;
pub mod alarm;
mod entry;
mod info;
pub mod send;
pub mod stack;
pub mod wait;
mod watch;

use crate::errno::{answer, error, status};
use crate::pointer::{get, put, put_if};
use crate::promises::{Operation, promised};
pub(crate) use actions::{Action, act};
use clavis_abi::error::Result;
use clavis_rt::sys::process::{signal_mask, signal_wait};
use core::ffi::c_int;
use libc::{EINVAL, SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, sigset_t};
pub(crate) use send::send;
pub(crate) use watch::Watch;

/// Lets signals through again as before.
pub(crate) struct Held(Option<u64>);

impl Held {
    /// What the thread blocked before, if that was asked.
    pub(crate) fn before(&self) -> u64 {
        self.0.unwrap_or(0)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            signal_mask(before);
        }
    }
}

/// Blocks all signals for a while, if there are any handlers that could run.
pub(crate) fn hold() -> Held {
    if actions::catches() { hold_always() } else { Held(None) }
}

/// Blocks all signals for a while.
pub(crate) fn hold_always() -> Held {
    let before = signal_wait(0, None).map_or(0, |info| info.blocked);
    signal_mask(u64::MAX);
    Held(Some(before))
}

/// Blocks one more signal for a while.
pub(crate) fn hold_one(signal: c_int) -> Result<Held> {
    let before = signal_wait(0, None)?.blocked;
    signal_mask(before | bit(signal)?);
    Ok(Held(Some(before)))
}

/// Sets and tells which signals the thread blocks.
///
/// # Safety
/// `new` is null or readable, `old` null or writable.
pub(crate) unsafe fn mask(how: c_int, new: *const sigset_t, old: *mut sigset_t) -> Result<()> {
    promised(Operation::Stdio)?;
    let before = signal_wait(0, None)?.blocked;
    if !new.is_null() {
        // SAFETY: the caller's promise.
        let new = unsafe { get(new) }?;
        let after = match how {
            SIG_BLOCK => before | new,
            SIG_UNBLOCK => before & !new,
            SIG_SETMASK => new,
            _ => return Err(error(EINVAL)),
        };
        signal_mask(after);
    }
    // SAFETY: the caller's promise.
    unsafe { put_if(old, before) };
    Ok(())
}

/// Sets and tells which signals the thread blocks.
///
/// # Safety
/// C contract: `new` is null or readable, `old` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigprocmask(
    how: c_int,
    new: *const sigset_t,
    old: *mut sigset_t,
) -> c_int {
    // SAFETY: the contract.
    status(unsafe { mask(how, new, old) })
}

/// As [`sigprocmask`]; answers the error number.
///
/// # Safety
/// C contract: `new` is null or readable, `old` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_sigmask(
    how: c_int,
    new: *const sigset_t,
    old: *mut sigset_t,
) -> c_int {
    // SAFETY: the contract.
    crate::errno::number(unsafe { mask(how, new, old) })
}

/// The bit of a signal in a set.
fn bit(signal: c_int) -> Result<sigset_t> {
    actions::index(signal).map(|_| 1 << (signal - 1))
}

/// Changes a set.
///
/// # Safety
/// The set is null or a set.
unsafe fn change(set: *mut sigset_t, change: impl FnOnce(sigset_t) -> Result<sigset_t>) -> c_int {
    // SAFETY: the caller's promise.
    let changed = unsafe { get(set) }.and_then(change);
    // SAFETY: the caller's promise.
    status(changed.and_then(|value| unsafe { put(set, value) }))
}

/// Empties a set.
///
/// # Safety
/// C contract: `set` takes a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigemptyset(set: *mut sigset_t) -> c_int {
    // SAFETY: the contract.
    status(unsafe { put(set, 0) })
}

/// Fills a set.
///
/// # Safety
/// C contract: `set` takes a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigfillset(set: *mut sigset_t) -> c_int {
    // SAFETY: the contract.
    status(unsafe { put(set, sigset_t::MAX) })
}

/// Adds a signal to a set.
///
/// # Safety
/// C contract: `set` is a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaddset(set: *mut sigset_t, signal: c_int) -> c_int {
    // SAFETY: the contract.
    unsafe { change(set, |set| Ok(set | bit(signal)?)) }
}

/// Takes a signal from a set.
///
/// # Safety
/// C contract: `set` is a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigdelset(set: *mut sigset_t, signal: c_int) -> c_int {
    // SAFETY: the contract.
    unsafe { change(set, |set| Ok(set & !bit(signal)?)) }
}

/// Whether a signal is in a set.
///
/// # Safety
/// C contract: `set` is a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigismember(set: *const sigset_t, signal: c_int) -> c_int {
    // SAFETY: the contract.
    let set = unsafe { get(set) };
    answer(set.and_then(|set| Ok(c_int::from(set & bit(signal)? != 0))))
}
