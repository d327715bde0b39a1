//! Nice values. A process' priority is given to it by who builds it, and is the same for as long
//! as it lives: here it is always called 0.
use crate::errno::fail;
use crate::promises::{Operation, promised};
use core::ffi::c_int;
use libc::{EINVAL, EPERM, ESRCH, PRIO_PGRP, PRIO_PROCESS, PRIO_USER, id_t};

/// Only the caller is known: 0 or its own number.
fn known(which: c_int, who: id_t) -> Result<(), c_int> {
    promised(Operation::Priority).map_err(|refused| refused.errno)?;
    match which {
        PRIO_PROCESS | PRIO_PGRP if who == 0 || who as c_int == crate::process::getpid() => Ok(()),
        PRIO_USER if who == 0 => Ok(()),
        PRIO_PROCESS | PRIO_PGRP | PRIO_USER => Err(ESRCH),
        _ => Err(EINVAL),
    }
}

/// The nice value of the caller: 0. `ESRCH` for others.
#[unsafe(no_mangle)]
pub extern "C" fn getpriority(which: c_int, who: id_t) -> c_int {
    known(which, who).map_or_else(fail, |()| 0)
}

/// Accepts 0; every other nice value is `EPERM`.
#[unsafe(no_mangle)]
pub extern "C" fn setpriority(which: c_int, who: id_t, value: c_int) -> c_int {
    match known(which, who) {
        Ok(()) if value == 0 => 0,
        Ok(()) => fail(EPERM),
        Err(error) => fail(error),
    }
}

/// Adds to the nice value: accepted for 0, `EPERM` for all else.
#[unsafe(no_mangle)]
pub extern "C" fn nice(change: c_int) -> c_int {
    setpriority(PRIO_PROCESS, 0, change)
}
