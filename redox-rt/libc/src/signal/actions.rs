//! What each signal does, and calling handlers.
use super::entry::{self, Registers};
use crate::errno::{error, set_errno, status};
use crate::pointer::{get, put_if};
use crate::promises::{Operation, promised};
use clavis_abi::error::Result;
use clavis_abi::params::{SignalInfo, signal as abi};
use clavis_rt::sync::{Mutex, RawMutex};
use clavis_rt::sys;
use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use libc::{
    EINVAL, SA_NOCLDSTOP, SA_NODEFER, SA_ONSTACK, SA_RESETHAND, SA_RESTART, SA_SIGINFO, SIG_DFL,
    SIG_ERR, SIG_IGN, SIGKILL, SIGSTOP, sighandler_t, siginfo_t, ucontext_t,
};

/// C's description of what a signal does.
pub(crate) type Action = libc::sigaction;

/// Signals there can be, and one more.
const SIGNALS: usize = abi::MAX as usize + 1;

/// The signals whose handlers run on the alternate stack. The entry reads it.
pub(super) static ON_STACK: AtomicU64 = AtomicU64::new(0);
/// The signals that have handlers.
static CAUGHT: AtomicU64 = AtomicU64::new(0);
/// The signals that are ignored.
static IGNORED: AtomicU64 = AtomicU64::new(0);
/// Whether the kernel was asked what this process inherited.
static BEGUN: AtomicBool = AtomicBool::new(false);
/// Held while actions change, with all signals blocked.
static CHANGES: Mutex<()> = Mutex::const_new(RawMutex::new(), ());

/// The actions. A row is written under [`CHANGES`], before its signal becomes a caught one.
struct Rows(UnsafeCell<[Action; SIGNALS]>);

// SAFETY: rows are plain words that are written by one thread at a time; a reader that races with
// a change of the same signal's action has the old or the new one in each word, as POSIX leaves it.
unsafe impl Sync for Rows {}

static ROWS: Rows = Rows(UnsafeCell::new(
    [const { Action { sa_sigaction: SIG_DFL, sa_flags: 0, sa_restorer: None, sa_mask: 0 } };
        SIGNALS],
));

/// The row of a signal.
pub(super) fn index(signal: c_int) -> Result<usize> {
    let row = usize::try_from(signal).ok().filter(|row| (1..SIGNALS).contains(row));
    row.ok_or(error(EINVAL))
}

fn row(index: usize) -> *mut Action {
    ROWS.0.get().cast::<Action>().wrapping_add(index)
}

fn begin() {
    if !BEGUN.swap(true, Ordering::AcqRel) {
        entry::prepare();
        let inherited = sys::process::signal_wait(0, None).map_or(0, |info| info.ignored);
        IGNORED.fetch_or(inherited, Ordering::Relaxed);
    }
}

/// Whether any signal has a handler.
pub(super) fn catches() -> bool {
    CAUGHT.load(Ordering::Relaxed) != 0
}

/// Whether a signal has a handler.
pub(super) fn has_handler(signal: u64) -> bool {
    CAUGHT.load(Ordering::Acquire) & abi::bit(signal) != 0
}

/// Does what a signal without a handler does, though the thread blocks it.
pub(super) fn default(signal: u64) {
    let before = super::hold_always();
    // The number is one that came; if it ends the process, this does not return.
    let _ = sys::process::signal_self(signal as usize, Some(sys::thread::thread_number()));
    sys::process::signal_mask(!abi::bit(signal));
    drop(before);
}

/// Tells the kernel which signals are caught and ignored.
fn publish() -> Result<()> {
    let (caught, ignored) = (CAUGHT.load(Ordering::Relaxed), IGNORED.load(Ordering::Relaxed));
    let entry = entry::signal_entry as *const () as usize;
    // SAFETY: the entry keeps the contract, and every thread has a thread block at `fs`.
    unsafe { sys::process::signal_actions(entry, entry::PLACE, caught, ignored) }
}

/// Sets what a signal does; answers what it did.
fn dispose(signal: c_int, action: Option<Action>) -> Result<Action> {
    promised(Operation::Stdio)?;
    let index = index(signal)?;
    begin();
    let bit = abi::bit(index as u64);
    let held = super::hold();
    let changes = CHANGES.lock();
    // SAFETY: changes are made by the holder of the lock alone.
    let mut before = unsafe { row(index).read() };
    if CAUGHT.load(Ordering::Relaxed) & bit == 0 {
        let ignored = IGNORED.load(Ordering::Relaxed) & bit != 0;
        before.sa_sigaction = if ignored { SIG_IGN } else { SIG_DFL };
    }
    if let Some(action) = action {
        if matches!(signal, SIGKILL | SIGSTOP) || action.sa_sigaction == SIG_ERR {
            return Err(error(EINVAL));
        }
        // SAFETY: as above; the row lies in the array.
        unsafe { row(index).write(action) };
        let set = |place: &AtomicU64, on: bool| match on {
            true => place.fetch_or(bit, Ordering::AcqRel),
            false => place.fetch_and(!bit, Ordering::AcqRel),
        };
        set(&ON_STACK, action.sa_flags & SA_ONSTACK != 0);
        set(&CAUGHT, !matches!(action.sa_sigaction, SIG_DFL | SIG_IGN));
        set(&IGNORED, action.sa_sigaction == SIG_IGN);
        publish()?;
    }
    drop(changes);
    drop(held);
    Ok(before)
}

/// Ends the process by a signal, whatever the program has set for it.
pub(crate) fn end_by(signal: c_int) -> ! {
    begin();
    let bit = index(signal).map_or(0, |index| abi::bit(index as u64));
    // No handler runs from here on; and who else changes actions does so no longer, or is done soon.
    sys::process::signal_mask(u64::MAX);
    core::mem::forget(CHANGES.try_lock());
    loop {
        CAUGHT.fetch_and(!bit, Ordering::AcqRel);
        IGNORED.fetch_and(!bit, Ordering::AcqRel);
        // It was accepted with these numbers before.
        let _ = publish();
        let _ = sys::process::signal_self(signal as usize, Some(sys::thread::thread_number()));
        sys::process::signal_mask(!bit);
    }
}

/// In a process that becomes another program, with all signals blocked: nothing is caught any more,
/// and the signals of a set are not ignored either.
pub(crate) fn forget(default: u64) -> Result<()> {
    begin();
    CAUGHT.store(0, Ordering::Release);
    IGNORED.fetch_and(!default, Ordering::AcqRel);
    publish()
}

/// Sets a signal's handler, `SIG_IGN` or `SIG_DFL`. Calls that the handler interrupts are made
/// again.
#[unsafe(no_mangle)]
pub extern "C" fn signal(signal: c_int, action: sighandler_t) -> sighandler_t {
    let action =
        Action { sa_sigaction: action, sa_flags: SA_RESTART, sa_restorer: None, sa_mask: 0 };
    match dispose(signal, Some(action)) {
        Ok(before) => before.sa_sigaction,
        Err(error) => {
            set_errno(error.errno);
            SIG_ERR
        }
    }
}

/// As [`sigaction`], answering the error.
///
/// # Safety
/// `new` is null or readable, `old` null or writable.
pub(crate) unsafe fn act(signal: c_int, new: *const Action, old: *mut Action) -> Result<()> {
    // SAFETY: the caller's promise.
    let action = if new.is_null() { None } else { Some(unsafe { get(new) }?) };
    let before = dispose(signal, action)?;
    // SAFETY: the caller's promise.
    unsafe { put_if(old, before) };
    Ok(())
}

/// Sets and tells what a signal does. Signals are not counted: one that waits already comes once.
///
/// # Safety
/// C contract: `new` is null or readable, `old` null or writable; a handler is a function that
/// takes what its flags say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigaction(signal: c_int, new: *const Action, old: *mut Action) -> c_int {
    // SAFETY: the contract.
    status(unsafe { act(signal, new, old) })
}

/// Calls a signal's handler with the mask that it asks for beside `mask`; all signals are blocked
/// again, or `mask` is to be set by the caller. Whether calls that it interrupted are made again.
pub(super) fn handle(info: &SignalInfo, mask: u64, registers: Option<&mut Registers>) -> bool {
    let bit = abi::bit(info.signal);
    if CAUGHT.load(Ordering::Acquire) & bit == 0 {
        // Its handler went while it was on its way: what it does otherwise, it does now.
        if IGNORED.load(Ordering::Relaxed) & bit == 0 {
            let _ = sys::process::signal_self(info.signal as usize, None);
        }
        return true;
    }
    // SAFETY: a row of a caught signal was written before it became one.
    let action = unsafe { row(info.signal as usize).read() };
    if action.sa_flags & SA_NOCLDSTOP != 0 && super::info::is_no_end(info) {
        return true;
    }
    let mut blocked = mask | action.sa_mask;
    if action.sa_flags & SA_NODEFER == 0 {
        blocked |= bit;
    }
    if action.sa_flags & SA_RESETHAND != 0 {
        CAUGHT.fetch_and(!bit, Ordering::AcqRel);
        // The numbers are those that were accepted before.
        let _ = publish();
    }
    call(&action, info, mask, blocked, registers);
    action.sa_flags & SA_RESTART != 0
}

fn call(
    action: &Action,
    info: &SignalInfo,
    mask: u64,
    blocked: u64,
    registers: Option<&mut Registers>,
) {
    if action.sa_flags & SA_SIGINFO == 0 {
        // SAFETY: without SA_SIGINFO the contract of `sigaction` says so.
        let handler = unsafe {
            core::mem::transmute::<sighandler_t, extern "C" fn(c_int)>(action.sa_sigaction)
        };
        sys::process::signal_mask(blocked);
        return handler(info.signal as c_int);
    }
    type Informed = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
    // SAFETY: with SA_SIGINFO the contract of `sigaction` says so.
    let handler = unsafe { core::mem::transmute::<sighandler_t, Informed>(action.sa_sigaction) };
    let mut told = super::info::told(info);
    // SAFETY: the structure is plain numbers and addresses, for which zeroes are good.
    let mut context = unsafe { core::mem::zeroed::<ucontext_t>() };
    context.uc_sigmask = mask;
    context.uc_stack = super::stack::current();
    if let Some(registers) = &registers {
        registers.show(&mut context.uc_mcontext);
    }
    sys::process::signal_mask(blocked);
    handler(info.signal as c_int, &raw mut told, (&raw mut context).cast());
    if let Some(registers) = registers {
        registers.take(&context.uc_mcontext);
    }
}
