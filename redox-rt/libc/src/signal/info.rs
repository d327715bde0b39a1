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
/// `si_code` of a child that exited, and of one that a signal ended.
const CLD: [c_int; 2] = [1, 2];

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
        let [exited, ended] = CLD;
        match end {
            Some(end) if !libc::WIFEXITED(end) => {
                (told.si_code, told.si_status) = (ended, libc::WTERMSIG(end));
            }
            end => {
                (told.si_code, told.si_status) =
                    (exited, end.map_or(0, |end| libc::WEXITSTATUS(end)));
            }
        }
    }
    told
}
