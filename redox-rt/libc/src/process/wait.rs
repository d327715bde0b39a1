//! Waiting for children that were forked.
use super::children;
use crate::errno::{answer, error, status};
use crate::pointer::put_if;
use clavis_abi::error::Result;
use clavis_abi::params::{ExitKind, ExitStatus};
use clavis_rt::{Number, Place, object, process};
use core::ffi::c_int;
use libc::{
    EAGAIN, EBADF, ECHILD, EINVAL, SIGCHLD, SIGKILL, SIGSEGV, WCONTINUED, WNOHANG, WUNTRACED, id_t,
    pid_t, rusage, siginfo_t,
};
use syscall::flag::EventFlags;

/// How a process ended, as C encodes it: the exit code above the low byte, or the signal in it.
fn encoded(end: &ExitStatus) -> c_int {
    let code = end.code as c_int;
    match end.kind {
        kind if kind == ExitKind::Exit as u64 => (code & 0xFF) << 8,
        kind if kind == ExitKind::Signal as u64 => code & 0x7F,
        kind if kind == ExitKind::Fault as u64 => SIGSEGV,
        _ => SIGKILL,
    }
}

/// How a child has ended, without waiting for it.
pub(crate) fn look(process: Number) -> Option<c_int> {
    process::try_wait(process).ok().map(|end| encoded(&end))
}

/// Waits for a child (-1: any; a process group is the process itself, so 0 is any and others are
/// what their absolute value says). `ECHILD` when there is none. Nothing here is ever stopped.
pub(crate) fn wait_for(wanted: pid_t, options: c_int) -> Result<(pid_t, c_int)> {
    if options & !(WNOHANG | WUNTRACED | WCONTINUED) != 0 {
        return Err(error(EINVAL));
    }
    let wanted = (!(-1..=0).contains(&wanted)).then_some(wanted.wrapping_abs());
    loop {
        let children = || children::all().filter(|child| wanted.is_none_or(|pid| pid == child.0));
        let (mut first, mut count) = (None, 0);
        for (number, handle) in children() {
            match process::try_wait(handle) {
                Ok(end) if children::forget(number, handle) => {
                    return Ok((number, encoded(&end)));
                }
                Ok(_) => {}
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
        let waited = if count == 1 {
            process::wait(first).map(drop)
        } else {
            wait_any(children().map(|child| child.1))
        };
        match waited {
            Err(problem) if problem.errno == EBADF => {}
            waited => waited?,
        }
    }
}

/// Waits until one of some processes has ended.
fn wait_any(processes: impl Iterator<Item = Number>) -> Result<()> {
    let queue = object::event_queue(Place::Upper)?;
    for (index, process) in processes.enumerate() {
        let registered =
            crate::event::register(queue.number(), process.raw(), EventFlags::EVENT_READ, index);
        match registered {
            Err(problem) if problem.errno == EBADF => return Ok(()),
            registered => registered?,
        }
    }
    let mut event = [0; size_of::<syscall::data::Event>()];
    crate::event::read(queue.number(), &mut event, None).map(drop)
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

/// As [`waitpid`]; what the child used is told as nothing.
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
    // SAFETY: the same contract.
    let child = unsafe { waitpid(wanted, place, options) };
    if child > 0 {
        // SAFETY: a usage is plain numbers, for which zeroes are good.
        let nothing = unsafe { core::mem::zeroed::<rusage>() };
        // SAFETY: the contract.
        unsafe { put_if(usage, nothing) };
    }
    child
}

/// Waits for a child and tells its end as a signal would. Only ends are told (`WEXITED`), and a
/// child that was told of is gone: `WNOWAIT` is `EINVAL`.
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
        P_PID | P_PGID => pid_t::try_from(id).map_err(|_| error(EINVAL)),
        _ => Err(error(EINVAL)),
    };
    let waited = wanted.and_then(|wanted| wait_for(wanted, options & !WEXITED));
    status(waited.map(|(child, end)| {
        // SAFETY: the structure is plain numbers and addresses, for which zeroes are good.
        let mut info = unsafe { core::mem::zeroed::<siginfo_t>() };
        if child != 0 {
            info.si_signo = SIGCHLD;
            info.si_pid = child;
            let exited = libc::WIFEXITED(end);
            info.si_code = if exited { 1 } else { 2 };
            info.si_status = if exited { libc::WEXITSTATUS(end) } else { libc::WTERMSIG(end) };
        }
        // SAFETY: the contract.
        unsafe { put_if(place, info) };
    }))
}
