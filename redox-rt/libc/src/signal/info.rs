//! What a handler, or who waits for a signal, is told of it.
use crate::process::children;
use clavis_abi::params::{SignalCode, SignalInfo};
use core::ffi::c_int;
use libc::{pid_t, siginfo_t};

/// `si_code` of a signal that a process sent.
const SI_USER: c_int = 0;
/// The first `si_code` of each signal that a fault raises: address not mapped, invalid opcode,
/// division by zero, breakpoint, alignment. The kernel does not tell finer.
const FAULT: c_int = 1;

/// Whether it tells that a child stopped or goes on.
pub(super) fn is_no_end(info: &SignalInfo) -> bool {
    info.code == SignalCode::Child as u64
        && children::handle_of(info.value as pid_t)
            .and_then(crate::process::wait::look)
            .is_some_and(|end| libc::WIFSTOPPED(end) || libc::WIFCONTINUED(end))
}

/// A signal as C sees it.
pub(super) fn told(info: &SignalInfo) -> siginfo_t {
    // SAFETY: the structure is plain numbers and addresses, for which zeroes are good.
    let mut told = unsafe { core::mem::zeroed::<siginfo_t>() };
    told.si_signo = info.signal as c_int;
    told.si_code = SI_USER;
    if info.code == SignalCode::Fault as u64 {
        told.si_code = FAULT;
        told.si_addr = core::ptr::with_exposed_provenance_mut(info.value as usize);
        return told;
    }
    told.si_pid = info.value as pid_t;
    if info.code == SignalCode::Child as u64 {
        let end = children::handle_of(told.si_pid).and_then(crate::process::wait::look);
        // One that is gone has exited.
        (told.si_code, told.si_status) = crate::process::wait::cause(end.unwrap_or(0));
    }
    told
}
