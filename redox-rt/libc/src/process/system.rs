//! `system`: a command for the shell.
use super::exec::FOUND;
use super::spawn::attributes::Attributes;
use super::spawn::{Wanted, spawn};
use super::wait::wait_for;
use crate::errno::{answer, error};
use crate::signal::{self, actions};
use clavis_abi::error::Result;
use core::ffi::{c_char, c_int};
use core::ptr;
use libc::{EINTR, SIG_IGN, SIGCHLD, SIGINT, SIGQUIT};

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
    let arguments =
        [c"sh".as_ptr(), c"-c".as_ptr(), command, ptr::null()].map(<*const _>::cast_mut);
    // A handler must not wait for the child before this does.
    let held = signal::hold_one(SIGCHLD)?;
    let attributes = Attributes::with_mask(held.before());
    let wanted = Wanted {
        name: c"sh".as_ptr(),
        by: FOUND,
        actions: ptr::null(),
        attributes: &raw const attributes,
        arguments: arguments.as_ptr(),
        environment: crate::env::current().cast(),
    };
    // SAFETY: the contract, and an array of our own.
    let child = unsafe { spawn(wanted) }?;
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
