//! Which process group a terminal's keys are for. The terminal gets the account of the process,
//! narrowed to signalling, and the group's number: it can signal nobody else.
use crate::errno::{answer, error, status};
use crate::pointer::fd;
use crate::process::group;
use crate::promises::{Operation, promised};
use clavis_abi::Rights;
use clavis_abi::error::{ENOTCAPABLE, Result};
use clavis_rt::sys::call::{Sending, call_in, send};
use clavis_rt::{Number, Place, account, sys};
use core::ffi::c_int;
use libc::{EINVAL, ENOTTY, EPERM, pid_t};
use syscall::flag::CallFlags;

/// Low half of the word that comes with an account: the processes of the handle's job.
const JOB_PROCESSES: u64 = 1;
/// Call: the handle's job is in the foreground.
const TO_FRONT: u64 = 2;
/// Call: the process group in the foreground; 0: the handle's own job, without a group.
const GROUP: u64 = 3;

/// The process group in the foreground of a terminal.
pub(crate) fn group_of(terminal: Number) -> Result<pid_t> {
    match call_in(terminal, &[], CallFlags::empty(), &[GROUP]) {
        Ok(0) => Ok(group::own()),
        Ok(number) => pid_t::try_from(number).map_err(|_| error(ENOTTY)),
        Err(refused) if refused.errno == ENOTCAPABLE => Err(refused),
        Err(_) => Err(error(ENOTTY)),
    }
}

/// Puts a process group into the foreground of a terminal.
pub(crate) fn set_group(terminal: Number, group: pid_t) -> Result<()> {
    let wanted = u64::try_from(group).map_err(|_| error(EINVAL))?;
    crate::termios::is_terminal(terminal)?;
    let account = account::own().ok_or(error(EPERM))?;
    let rights = Rights::SIGNAL | Rights::INSPECT | Rights::TRANSFER;
    let narrow = sys::clavis::derive(account, rights, Rights::empty(), 0, Place::Upper)?;
    let word = JOB_PROCESSES | wanted << 32;
    send(terminal, &[narrow.number()], Sending::Move, &[word])?;
    core::mem::forget(narrow);
    call_in(terminal, &[], CallFlags::empty(), &[TO_FRONT]).map(drop)
}

/// The process group in the foreground of a terminal; `ENOTTY`.
#[unsafe(no_mangle)]
pub extern "C" fn tcgetpgrp(descriptor: c_int) -> pid_t {
    answer(promised(Operation::Terminal).and_then(|()| fd(descriptor)).and_then(group_of))
}

/// Puts a process group of this process's account into the foreground of a terminal: its keys
/// signal that group. `ENOTTY`; `EPERM` without an account.
#[unsafe(no_mangle)]
pub extern "C" fn tcsetpgrp(descriptor: c_int, group: pid_t) -> c_int {
    status(promised(Operation::Foreground).and_then(|()| set_group(fd(descriptor)?, group)))
}
