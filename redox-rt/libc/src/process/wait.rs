//! Waiting for children that were forked.
use super::children;
use crate::errno::{answer, error, status};
use crate::pointer::put_if;
use crate::promises::{Operation, promised};
use clavis_abi::error::Result;
use clavis_abi::params::{ExitKind, ExitStatus, cpu_time, wait_flags};
use clavis_rt::sys::clavis;
use clavis_rt::{Handle, Number, Place, object};
use core::ffi::c_int;
use libc::{
    EAGAIN, EBADF, ECHILD, EINVAL, SIGCHLD, SIGKILL, SIGSEGV, WCONTINUED, WNOHANG, WNOWAIT,
    WUNTRACED, id_t, pid_t, rusage, siginfo_t,
};
use syscall::flag::EventFlags;

/// How a process ended, as C encodes it: the exit code above the low byte, or the signal in it.
pub(super) fn encoded(end: &ExitStatus) -> c_int {
    let code = end.code as c_int;
    match end.kind {
        kind if kind == ExitKind::Exit as u64 => (code & 0xFF) << 8,
        kind if kind == ExitKind::Signal as u64 => code & 0x7F,
        kind if kind == ExitKind::Fault as u64 => SIGSEGV,
        kind if kind == ExitKind::Stopped as u64 => (code & 0xFF) << 8 | 0x7F,
        kind if kind == ExitKind::Continued as u64 => 0xFFFF,
        _ => SIGKILL,
    }
}

/// What became of a child, without waiting for it.
pub(crate) fn look(process: Number) -> Option<c_int> {
    clavis::wait(process, wait_flags::ALL).ok().map(|end| encoded(&end))
}

/// The kernel's flags for what `options` ask to be told.
pub(super) fn told(options: c_int) -> u64 {
    let flag = |option, flag| if options & option != 0 { flag } else { 0 };
    let keep = flag(WNOWAIT, wait_flags::KEEP);
    keep | flag(WUNTRACED, wait_flags::STOPPED) | flag(WCONTINUED, wait_flags::CONTINUED)
}

/// Waits for a child (-1: any; 0: any of the own process group; a group's number negated: any of
/// that). `ECHILD` when there is none. A child that has ended is forgotten, but with `WNOWAIT`.
pub(crate) fn wait_for(wanted: pid_t, options: c_int) -> Result<(pid_t, c_int)> {
    wait_counting(wanted, options, None)
}

/// As [`wait_for`]. `spent` is set to the time that the child has spent on a CPU.
fn wait_counting(
    wanted: pid_t,
    options: c_int,
    mut spent: Option<&mut u64>,
) -> Result<(pid_t, c_int)> {
    promised(Operation::Stdio)?;
    if options & !(WNOHANG | WUNTRACED | WCONTINUED | WNOWAIT) != 0 {
        return Err(error(EINVAL));
    }
    let group = match wanted {
        0 => Some(super::group::own()),
        wanted if wanted < -1 => Some(wanted.wrapping_neg()),
        _ => None,
    };
    let children = || {
        children::all().filter(|(number, handle)| match (wanted, group) {
            (1.., _) => *number == wanted,
            (_, Some(group)) => super::group::of_child(*number, *handle) == group,
            _ => true,
        })
    };
    // Only with more than one child: what becomes of them.
    let mut queue = None;
    loop {
        let (mut first, mut count) = (None, 0);
        for (number, handle) in children() {
            let flags = wait_flags::NONBLOCK | told(options);
            match clavis::wait(handle, flags) {
                Ok(end) => {
                    if let Some(spent) = spent.as_deref_mut() {
                        *spent = clavis::cpu_time(Some(handle), cpu_time::PROCESS).unwrap_or(0);
                    }
                    let ended = end.kind < ExitKind::Stopped as u64;
                    if !ended || options & WNOWAIT != 0 || children::forget(number, handle) {
                        return Ok((number, encoded(&end)));
                    }
                }
                Err(problem) if problem.errno == EAGAIN => {
                    first = first.or(Some(handle));
                    count += 1;
                }
                // Another thread has waited for it.
                Err(problem) if problem.errno == EBADF => {}
                Err(problem) => return Err(problem),
            }
        }
        let Some(first) = first else { return Err(error(ECHILD)) };
        if options & WNOHANG != 0 {
            return Ok((0, 0));
        }
        let waited = match &queue {
            _ if count == 1 => {
                // What comes is taken the same way as above.
                clavis::wait(first, told(options) | wait_flags::KEEP).map(drop)
            }
            Some(queue) => wait_any(queue),
            // What happened before it was made is looked for once more.
            None => watching(children().map(|child| child.1)).map(|made| queue = Some(made)),
        };
        match waited {
            Err(problem) if problem.errno == EBADF => {}
            waited => waited?,
        }
    }
}

/// A queue of what becomes of some processes.
fn watching(processes: impl Iterator<Item = Number>) -> Result<Handle> {
    let queue = object::event_queue(Place::Upper)?;
    for (index, process) in processes.enumerate() {
        let registered =
            crate::event::register(queue.number(), process.raw(), EventFlags::EVENT_READ, index);
        match registered {
            Err(problem) if problem.errno == EBADF => {}
            registered => registered?,
        }
    }
    Ok(queue)
}

/// Waits until something became of one of them.
fn wait_any(queue: &Handle) -> Result<()> {
    let mut event = [0; size_of::<syscall::data::Event>()];
    crate::event::read(queue.number(), &mut event, None).map(drop)
}

/// `si_code` and `si_status` for what became of a child.
pub(crate) fn cause(end: c_int) -> (c_int, c_int) {
    const EXITED: c_int = 1;
    const KILLED: c_int = 2;
    const STOPPED: c_int = 5;
    const CONTINUED: c_int = 6;
    match end {
        end if libc::WIFEXITED(end) => (EXITED, libc::WEXITSTATUS(end)),
        end if libc::WIFCONTINUED(end) => (CONTINUED, libc::SIGCONT),
        end if libc::WIFSTOPPED(end) => (STOPPED, libc::WSTOPSIG(end)),
        end => (KILLED, libc::WTERMSIG(end)),
    }
}

/// Waits for a child. Children are those that were forked: `ECHILD` when there is none.
///
/// # Safety
/// C contract: `place` is null or takes a status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn waitpid(wanted: pid_t, place: *mut c_int, options: c_int) -> pid_t {
    answer(wait_for(wanted, options).map(|(child, end)| {
        if child != 0 {
            // SAFETY: the contract.
            unsafe { put_if(place, end) };
        }
        child
    }))
}

/// Waits for any child.
///
/// # Safety
/// C contract: `place` is null or takes a status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wait(place: *mut c_int) -> pid_t {
    // SAFETY: the same contract.
    unsafe { waitpid(-1, place, 0) }
}

/// As [`waitpid`]; of what the child used, its time on a CPU is told.
///
/// # Safety
/// C contract: `place` is null or takes a status, `usage` is null or takes a usage.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wait4(
    wanted: pid_t,
    place: *mut c_int,
    options: c_int,
    usage: *mut rusage,
) -> pid_t {
    let mut spent = 0;
    answer(wait_counting(wanted, options, Some(&mut spent)).map(|(child, end)| {
        if child != 0 {
            // SAFETY: the contract.
            unsafe { put_if(place, end) };
            // SAFETY: the contract.
            unsafe { put_if(usage, crate::cpu_time::usage(spent)) };
        }
        child
    }))
}

/// Waits for a child and tells what became of it as a signal would. Ends are told in any case.
///
/// # Safety
/// C contract: `place` is null or takes the information.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn waitid(
    kind: c_int,
    id: id_t,
    place: *mut siginfo_t,
    options: c_int,
) -> c_int {
    const WEXITED: c_int = 4;
    const P_ALL: c_int = 0;
    const P_PID: c_int = 1;
    const P_PGID: c_int = 2;
    let wanted = match kind {
        P_ALL => Ok(-1),
        P_PID => pid_t::try_from(id).map_err(|_| error(EINVAL)),
        P_PGID => pid_t::try_from(id).map(|id| -id).map_err(|_| error(EINVAL)),
        _ => Err(error(EINVAL)),
    };
    let waited = wanted.and_then(|wanted| wait_for(wanted, options & !WEXITED));
    status(waited.map(|(child, end)| {
        // SAFETY: the structure is plain numbers and addresses, for which zeroes are good.
        let mut info = unsafe { core::mem::zeroed::<siginfo_t>() };
        if child != 0 {
            info.si_signo = SIGCHLD;
            info.si_pid = child;
            (info.si_code, info.si_status) = cause(end);
        }
        // SAFETY: the contract.
        unsafe { put_if(place, info) };
    }))
}
