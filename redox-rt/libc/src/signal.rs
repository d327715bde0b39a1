//! Signals. Handlers do not run yet: the system ends a process that is signalled. What C code
//! sets is kept and told back; a handler function is refused with `ENOSYS`, so nobody relies on
//! one that would never run. Writing to a broken pipe is always just `EPIPE`.
use crate::errno::{answer, error, fail, status};
use crate::local::{self, Word};
use crate::pointer::{get, put, put_if};
use clavis_abi::error::Result;
use clavis_rt::{Place, object, process, sys};
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicBool, Ordering};
use libc::{
    EINVAL, ENOSYS, ESRCH, NSIG, SIG_BLOCK, SIG_DFL, SIG_ERR, SIG_IGN, SIG_SETMASK, SIG_UNBLOCK,
    SIGABRT, SIGCHLD, SIGCONT, SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH,
    SS_DISABLE, pid_t, pthread_t, sighandler_t, sigset_t, stack_t, timespec,
};

/// C's description of what a signal does.
pub(crate) type Action = libc::sigaction;

/// Whether each signal is ignored; the others have their default effect.
static IGNORED: [AtomicBool; NSIG as usize] = [const { AtomicBool::new(false) }; NSIG as usize];

fn ignored(signal: c_int) -> Result<&'static AtomicBool> {
    let row = usize::try_from(signal).ok().filter(|signal| *signal > 0);
    row.and_then(|row| IGNORED.get(row)).ok_or(error(EINVAL))
}

/// Sets what a signal does; answers what it did.
fn dispose(signal: c_int, action: Option<sighandler_t>) -> Result<sighandler_t> {
    let row = ignored(signal)?;
    let before = row.load(Ordering::Relaxed);
    match action {
        None => {}
        Some(_) if matches!(signal, SIGKILL | SIGSTOP) => return Err(error(EINVAL)),
        Some(SIG_IGN) => row.store(true, Ordering::Relaxed),
        Some(SIG_DFL) => row.store(false, Ordering::Relaxed),
        Some(_) => return Err(error(ENOSYS)),
    }
    Ok(if before { SIG_IGN } else { SIG_DFL })
}

/// Sets what a signal does: `SIG_IGN` or `SIG_DFL`; a handler is `ENOSYS`.
#[unsafe(no_mangle)]
pub extern "C" fn signal(signal: c_int, action: sighandler_t) -> sighandler_t {
    match dispose(signal, Some(action)) {
        Ok(before) => before,
        Err(error) => {
            crate::errno::set_errno(error.errno);
            SIG_ERR
        }
    }
}

/// As [`signal`], with the whole structure.
///
/// # Safety
/// `new` is null or readable, `old` null or writable.
pub(crate) unsafe fn act(signal: c_int, new: *const Action, old: *mut Action) -> Result<()> {
    let action = if new.is_null() {
        None
    } else {
        // SAFETY: the caller's promise.
        Some(unsafe { get(new) }?.sa_sigaction)
    };
    let before = dispose(signal, action)?;
    let before = Action { sa_sigaction: before, sa_flags: 0, sa_restorer: None, sa_mask: 0 };
    // SAFETY: the caller's promise.
    unsafe { put_if(old, before) };
    Ok(())
}

/// Sets and tells what a signal does: `SIG_IGN` or `SIG_DFL`; a handler is `ENOSYS`.
///
/// # Safety
/// C contract: `new` is null or readable, `old` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaction(signal: c_int, new: *const Action, old: *mut Action) -> c_int {
    // SAFETY: the contract.
    status(unsafe { act(signal, new, old) })
}

/// Sets and tells which signals the thread blocks: kept, as no handler runs.
///
/// # Safety
/// `new` is null or readable, `old` null or writable.
pub(crate) unsafe fn mask(how: c_int, new: *const sigset_t, old: *mut sigset_t) -> Result<()> {
    let before = local::get(Word::BlockedSignals) as u64;
    if !new.is_null() {
        // SAFETY: the caller's promise.
        let new = unsafe { get(new) }?;
        let after = match how {
            SIG_BLOCK => before | new,
            SIG_UNBLOCK => before & !new,
            SIG_SETMASK => new,
            _ => return Err(error(EINVAL)),
        };
        local::set(Word::BlockedSignals, after as usize);
    }
    // SAFETY: the caller's promise.
    unsafe { put_if(old, before) };
    Ok(())
}

/// Sets and tells which signals the thread blocks: kept, as no handler runs.
///
/// # Safety
/// C contract: `new` is null or readable, `old` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigprocmask(
    how: c_int,
    new: *const sigset_t,
    old: *mut sigset_t,
) -> c_int {
    // SAFETY: the contract.
    status(unsafe { mask(how, new, old) })
}

/// As [`sigprocmask`]; answers the error number.
///
/// # Safety
/// C contract: `new` is null or readable, `old` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_sigmask(
    how: c_int,
    new: *const sigset_t,
    old: *mut sigset_t,
) -> c_int {
    // SAFETY: the contract.
    crate::errno::number(unsafe { mask(how, new, old) })
}

/// Sets and tells the alternate stack: kept, as no handler runs.
///
/// # Safety
/// C contract: `new` is null or readable, `old` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaltstack(new: *const stack_t, old: *mut stack_t) -> c_int {
    let base = local::get(Word::AltStackBase);
    let before = stack_t {
        ss_sp: base as *mut c_void,
        ss_flags: if base == 0 { SS_DISABLE } else { 0 },
        ss_size: local::get(Word::AltStackSize),
    };
    if !new.is_null() {
        // SAFETY: the contract.
        let Ok(new) = (unsafe { get(new) }) else { return fail(EINVAL) };
        if new.ss_flags & !SS_DISABLE != 0 {
            return fail(EINVAL);
        }
        let off = new.ss_flags & SS_DISABLE != 0;
        local::set(Word::AltStackBase, if off { 0 } else { new.ss_sp as usize });
        local::set(Word::AltStackSize, if off { 0 } else { new.ss_size });
    }
    // SAFETY: the contract.
    unsafe { put_if(old, before) };
    0
}

/// The bit of a signal in a set.
fn bit(signal: c_int) -> Result<sigset_t> {
    ignored(signal).map(|_| 1 << (signal - 1))
}

/// Changes a set.
///
/// # Safety
/// The set is null or a set.
unsafe fn change(set: *mut sigset_t, change: impl FnOnce(sigset_t) -> Result<sigset_t>) -> c_int {
    // SAFETY: the caller's promise.
    let changed = unsafe { get(set) }.and_then(change);
    // SAFETY: the caller's promise.
    status(changed.and_then(|value| unsafe { put(set, value) }))
}

/// Empties a set.
///
/// # Safety
/// C contract: `set` takes a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigemptyset(set: *mut sigset_t) -> c_int {
    // SAFETY: the contract.
    status(unsafe { put(set, 0) })
}

/// Fills a set.
///
/// # Safety
/// C contract: `set` takes a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigfillset(set: *mut sigset_t) -> c_int {
    // SAFETY: the contract.
    status(unsafe { put(set, sigset_t::MAX) })
}

/// Adds a signal to a set.
///
/// # Safety
/// C contract: `set` is a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaddset(set: *mut sigset_t, signal: c_int) -> c_int {
    // SAFETY: the contract.
    unsafe { change(set, |set| Ok(set | bit(signal)?)) }
}

/// Takes a signal from a set.
///
/// # Safety
/// C contract: `set` is a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigdelset(set: *mut sigset_t, signal: c_int) -> c_int {
    // SAFETY: the contract.
    unsafe { change(set, |set| Ok(set & !bit(signal)?)) }
}

/// Whether a signal is in a set.
///
/// # Safety
/// C contract: `set` is a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigismember(set: *const sigset_t, signal: c_int) -> c_int {
    // SAFETY: the contract.
    let set = unsafe { get(set) };
    answer(set.and_then(|set| Ok(c_int::from(set & bit(signal)? != 0))))
}

/// No signal ever waits.
///
/// # Safety
/// C contract: `set` takes a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigpending(set: *mut sigset_t) -> c_int {
    // SAFETY: the same contract.
    unsafe { sigemptyset(set) }
}

/// Signals cannot be waited for: `ENOSYS`.
#[unsafe(no_mangle)]
pub extern "C" fn sigwait(_set: *const sigset_t, _signal: *mut c_int) -> c_int {
    ENOSYS
}

/// Signals cannot be waited for: `ENOSYS`.
#[unsafe(no_mangle)]
pub extern "C" fn sigtimedwait(
    _set: *const sigset_t,
    _info: *mut libc::siginfo_t,
    _timeout: *const timespec,
) -> c_int {
    fail(ENOSYS)
}

/// What a signal does to this process, sent by itself.
#[unsafe(no_mangle)]
pub extern "C" fn raise(signal: c_int) -> c_int {
    match ignored(signal) {
        Err(error) => fail(error.errno),
        Ok(row) if row.load(Ordering::Relaxed) => 0,
        Ok(_) => match signal {
            SIGCHLD | SIGURG | SIGWINCH | SIGCONT => 0,
            // Nobody could continue a stopped process.
            SIGSTOP | SIGTSTP | SIGTTIN | SIGTTOU => fail(ENOSYS),
            signal => end(signal),
        },
    }
}

/// Ends the process with that signal as its status.
fn end(signal: c_int) -> ! {
    if let Some(own) = process::own() {
        // If it is refused, the exit code tells of the signal as shells do.
        let _ = sys::clavis::signal(own, signal as usize);
    }
    sys::thread::exit(128 + signal)
}

/// Ends the process with `SIGABRT` as its status.
#[unsafe(no_mangle)]
pub extern "C" fn abort() -> ! {
    end(SIGABRT)
}

/// Signals a process by number; `ESRCH` when the namespace does not show it.
pub(crate) fn send(target: pid_t, signal: c_int) -> Result<()> {
    let number = usize::try_from(target).ok().filter(|number| *number > 0);
    let number = number.ok_or(error(ESRCH))?;
    if signal != 0 {
        ignored(signal)?;
    }
    if number == sys::thread::process_number() {
        if signal == 0 || raise(signal) == 0 {
            return Ok(());
        }
        return Err(error(crate::errno::errno()));
    }
    let process = object::process(number, Place::Upper).map_err(|_| error(ESRCH))?;
    if signal == 0 {
        return Ok(());
    }
    sys::clavis::signal(process.number(), signal as usize)
}

/// Signals a process; there are no process groups (`ESRCH`).
#[unsafe(no_mangle)]
pub extern "C" fn kill(target: pid_t, signal: c_int) -> c_int {
    status(send(target, signal))
}

/// There are no process groups: `ESRCH`.
#[unsafe(no_mangle)]
pub extern "C" fn killpg(_group: pid_t, _signal: c_int) -> c_int {
    fail(ESRCH)
}

/// Signals one thread: its process, when it is the caller's; `ENOSYS` for another.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_kill(thread: pthread_t, signal: c_int) -> c_int {
    if thread != crate::pthread::pthread_self() {
        return ENOSYS;
    }
    if signal == 0 || raise(signal) == 0 { 0 } else { crate::errno::errno() }
}
