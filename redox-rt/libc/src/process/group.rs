//! Process groups and sessions: two numbers that the kernel keeps with each process. A fork has
//! both; who is made in another way leads a group, in the session of who made it. The group says
//! who of an account's processes a signal is meant for; the authority is the account. The session
//! is a number alone: what a terminal does for whom goes by handles.
use super::{children, getpid};
use crate::errno::{answer, error, status};
use crate::promises::{Operation, promised};
use clavis_abi::error::Result;
use clavis_rt::sys::clavis::{self, Belongs};
use clavis_rt::{Handle, Number, Place, account, object};
use core::ffi::c_int;
use libc::{EINVAL, EPERM, ESRCH, pid_t};

/// The group of this process.
pub(crate) fn own() -> pid_t {
    // Asking about itself cannot fail.
    belongs(0).map_or_else(|_| getpid(), |belongs| belongs.group as pid_t)
}

/// The group of a child; its own number when it is gone.
pub(super) fn of_child(number: pid_t, handle: Number) -> pid_t {
    clavis::belong(Some(handle), 0, 0).map_or(number, |belongs| belongs.group as pid_t)
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

/// What a process (0: this one) belongs to.
fn belongs(process: pid_t) -> Result<Belongs> {
    clavis::belong(find(process)?.number(), 0, 0)
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

/// Begins a session, and a group in it, that this process leads. `EPERM` when it leads a session.
#[unsafe(no_mangle)]
pub extern "C" fn setsid() -> pid_t {
    let begin = || {
        promised(Operation::Process)?;
        let own = getpid();
        if belongs(0)?.session == own as u32 {
            return Err(error(EPERM));
        }
        clavis::belong(None, own as u32, own as u32).map(|_| own)
    };
    answer(begin())
}

/// The session of a process: `ESRCH` for one that this process cannot name.
#[unsafe(no_mangle)]
pub extern "C" fn getsid(process: pid_t) -> pid_t {
    answer(belongs(process).map(|belongs| belongs.session as pid_t))
}

/// Puts a process into a group (0: one of its own). `EPERM` for who leads a session, and for a
/// process of another session than this one's.
#[unsafe(no_mangle)]
pub extern "C" fn setpgid(process: pid_t, group: pid_t) -> c_int {
    status((|| {
        promised(Operation::Process)?;
        if process < 0 || group < 0 {
            return Err(error(EINVAL));
        }
        let process = if process == 0 { getpid() } else { process };
        let group = if group == 0 { process } else { group };
        let found = find(process)?;
        let session = clavis::belong(found.number(), 0, 0)?.session;
        if session == process as u32 || session != belongs(0)?.session {
            return Err(error(EPERM));
        }
        clavis::belong(found.number(), group as u32, 0).map(drop)
    })())
}

/// The group of a process.
#[unsafe(no_mangle)]
pub extern "C" fn getpgid(process: pid_t) -> pid_t {
    answer(belongs(process).map(|belongs| belongs.group as pid_t))
}

/// The group of this process.
#[unsafe(no_mangle)]
pub extern "C" fn getpgrp() -> pid_t {
    own()
}
