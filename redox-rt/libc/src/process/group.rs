//! Process groups: a number that the kernel keeps with each process and copies at a fork. It says
//! who of an account's processes a signal is meant for; the authority is the account. Sessions
//! have no number of their own: who begins one leads a group of its own.
use super::{children, getpid};
use crate::errno::{answer, error, status};
use clavis_abi::error::Result;
use clavis_rt::sys::clavis;
use clavis_rt::{Handle, Number, Place, account, object};
use core::ffi::c_int;
use libc::{EINVAL, ESRCH, pid_t};

/// The group of this process.
pub(crate) fn own() -> pid_t {
    // Asking about itself cannot fail.
    clavis::group(None, 0).map_or_else(|_| getpid(), |group| group as pid_t)
}

/// The group of a child; its own number when it is gone.
pub(super) fn of_child(number: pid_t, handle: Number) -> pid_t {
    clavis::group(Some(handle), 0).map_or(number, |group| group as pid_t)
}

/// A process by number: a child, or one that the namespace shows. `None`: this one.
enum Found {
    Itself,
    Child(Number),
    Other(Handle),
}

impl Found {
    fn number(&self) -> Option<Number> {
        match self {
            Found::Itself => None,
            Found::Child(number) => Some(*number),
            Found::Other(handle) => Some(handle.number()),
        }
    }
}

fn find(process: pid_t) -> Result<Found> {
    if process == 0 || process == getpid() {
        return Ok(Found::Itself);
    }
    if let Some(child) = children::handle_of(process) {
        return Ok(Found::Child(child));
    }
    let number = usize::try_from(process).map_err(|_| error(ESRCH))?;
    object::process(number, Place::Upper).map(Found::Other).map_err(|_| error(ESRCH))
}

/// Signals the processes of a group (0: the own one) that live in this process's account, and in
/// those beneath. `ESRCH` without an account, and for a group that is neither the own one nor that
/// of a child.
pub(crate) fn send(group: pid_t, signal: usize) -> Result<()> {
    let group = if group == 0 { own() } else { group };
    let known = group == own() || children::all().any(|child| of_child(child.0, child.1) == group);
    let account = account::own().filter(|_| known).ok_or(error(ESRCH))?;
    clavis::signal_group(account, group as usize, signal)
}

/// Begins a group of its own; who leads one goes on with it.
#[unsafe(no_mangle)]
pub extern "C" fn setsid() -> pid_t {
    answer(clavis::group(None, getpid() as usize).map(|group| group as pid_t))
}

/// The group of a process stands for its session: `ESRCH` for one that this process cannot name.
#[unsafe(no_mangle)]
pub extern "C" fn getsid(process: pid_t) -> pid_t {
    getpgid(process)
}

/// Puts a process into a group (0: one of its own).
#[unsafe(no_mangle)]
pub extern "C" fn setpgid(process: pid_t, group: pid_t) -> c_int {
    status((|| {
        if process < 0 || group < 0 {
            return Err(error(EINVAL));
        }
        let leader = if process == 0 { getpid() } else { process };
        let group = if group == 0 { leader } else { group };
        clavis::group(find(process)?.number(), group as usize).map(drop)
    })())
}

/// The group of a process.
#[unsafe(no_mangle)]
pub extern "C" fn getpgid(process: pid_t) -> pid_t {
    answer(
        find(process)
            .and_then(|found| clavis::group(found.number(), 0))
            .map(|group| group as pid_t),
    )
}

/// The group of this process.
#[unsafe(no_mangle)]
pub extern "C" fn getpgrp() -> pid_t {
    own()
}
