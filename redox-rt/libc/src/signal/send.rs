//! Sending signals.
use super::actions::index;
use crate::errno::{error, fail, number, status};
use crate::process::children;
use crate::promises::{Operation, promised};
use clavis_abi::error::Result;
use clavis_rt::{Place, object, sys};
use core::ffi::c_int;
use libc::{EPERM, ESRCH, SIG_DFL, SIGABRT, pid_t, pthread_t};

/// The number of a signal, or 0.
fn checked(signal: c_int) -> Result<usize> {
    if signal == 0 { Ok(0) } else { index(signal) }
}

/// Signals the calling thread. The handler has run when this returns.
#[unsafe(no_mangle)]
pub extern "C" fn raise(signal: c_int) -> c_int {
    let thread = sys::thread::thread_number();
    status(checked(signal).and_then(|signal| sys::process::signal_self(signal, Some(thread))))
}

/// Ends the process with `SIGABRT` as its status, after its handler, if it has one.
#[unsafe(no_mangle)]
pub extern "C" fn abort() -> ! {
    raise(SIGABRT);
    super::actions::signal(SIGABRT, SIG_DFL);
    sys::process::signal_mask(0);
    raise(SIGABRT);
    sys::thread::exit(128 + SIGABRT)
}

/// Signals a process by number: this one, a child, or one that the namespace shows (`ESRCH` when
/// it does not). 0 means the own process group, other negative numbers that group; nobody can name
/// all processes (-1: `EPERM`), and in capability mode others than children (`ECAPMODE`).
pub(crate) fn send(target: pid_t, signal: c_int) -> Result<()> {
    let own = sys::thread::process_number() as pid_t;
    // Itself, and its group as 0, need no more than to be.
    let near = target == 0 || target == own;
    promised(if near { Operation::Stdio } else { Operation::Process })?;
    let signal = checked(signal)?;
    if target == -1 {
        return Err(error(EPERM));
    }
    if target <= 0 {
        return crate::process::group::send(target.wrapping_neg(), signal);
    }
    if target == own {
        return sys::process::signal_self(signal, None);
    }
    if let Some(child) = children::handle_of(target) {
        // One that has ended is still there until it was waited for.
        return match sys::clavis::signal(child, signal) {
            Err(problem) if problem.errno == ESRCH => Ok(()),
            sent => sent,
        };
    }
    // In capability mode processes have no numbers but those whose handles are held.
    clavis_rt::confinement::outside()?;
    let number = usize::try_from(target).map_err(|_| error(ESRCH))?;
    let process = object::process(number, Place::Upper).map_err(|_| error(ESRCH))?;
    sys::clavis::signal(process.number(), signal)
}

/// Signals a process: see the errors of [`send`].
#[unsafe(no_mangle)]
pub extern "C" fn kill(target: pid_t, signal: c_int) -> c_int {
    status(send(target, signal))
}

/// Signals a process group (0: the own one).
#[unsafe(no_mangle)]
pub extern "C" fn killpg(group: pid_t, signal: c_int) -> c_int {
    if group < 0 { fail(libc::EINVAL) } else { kill(-group, signal) }
}

/// Signals a thread of this process. Answers the error number; `ESRCH` when it has ended.
///
/// # Safety
/// C contract: a thread that was not joined.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_kill(thread: pthread_t, signal: c_int) -> c_int {
    // SAFETY: the contract.
    let thread = unsafe { crate::pthread::number_of(thread) };
    number(checked(signal).and_then(|signal| sys::process::signal_self(signal, Some(thread))))
}
