//! `system`: a command for the shell.
use super::exec::FOUND;
use super::spawn::actions::FileActions;
use super::spawn::attributes::Attributes;
use super::spawn::{Wanted, spawn};
use super::wait::wait_for;
use crate::errno::{answer, error};
use crate::signal::{self, actions};
use clavis_abi::error::Result;
use core::ffi::{c_char, c_int};
use core::ptr;
use libc::{EINTR, SIG_IGN, SIGCHLD, SIGINT, SIGQUIT, pid_t};

/// Runs a command by `sh -c` and waits for it; answers its status as `waitpid` tells it. Without a
/// command: whether there is a shell, which is answered 1. Meanwhile SIGINT and SIGQUIT are ignored
/// and SIGCHLD waits.
///
/// # Safety
/// C contract: `command` is null or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn system(command: *const c_char) -> c_int {
    if command.is_null() {
        return 1;
    }
    // SAFETY: the contract.
    answer(unsafe { run(command) })
}

/// # Safety
/// As [`system`], and there is a command.
unsafe fn run(command: *const c_char) -> Result<c_int> {
    // A handler must not wait for the child before this does.
    let held = signal::hold_one(SIGCHLD)?;
    let attributes = Attributes::with_mask(held.before());
    // SAFETY: the contract, and no actions.
    let child = unsafe { shell(command, ptr::null(), &raw const attributes) }?;
    let ignored = [SIGINT, SIGQUIT].map(|signal| (signal, actions::signal(signal, SIG_IGN)));
    let end = loop {
        match wait_for(child, 0) {
            Err(problem) if problem == error(EINTR) => {}
            end => break end,
        }
    };
    for (signal, before) in ignored {
        actions::signal(signal, before);
    }
    drop(held);
    end.map(|(_, end)| end)
}

/// Starts `sh -c` with a command.
///
/// # Safety
/// A string; actions and attributes are null or were initialised.
pub(crate) unsafe fn shell(
    command: *const c_char,
    actions: *const FileActions,
    attributes: *const Attributes,
) -> Result<pid_t> {
    let arguments =
        [c"sh".as_ptr(), c"-c".as_ptr(), command, ptr::null()].map(<*const _>::cast_mut);
    let wanted = Wanted {
        name: c"sh".as_ptr(),
        by: FOUND,
        actions,
        attributes,
        arguments: arguments.as_ptr(),
        environment: crate::env::current().cast(),
    };
    // SAFETY: the caller's promise, and an array of our own.
    unsafe { spawn(wanted) }
}
