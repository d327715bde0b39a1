//! `fork`, and what is called around it.
use super::children::{self, Place};
use crate::errno::{answer, error};
use crate::promises::{Operation, promised};
use alloc::vec::Vec;
use clavis_abi::error::Result;
use clavis_rt::sync::{Mutex, RawMutex};
use clavis_rt::{Handle, Number, account, confinement, namespace, sys, tls};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};
use libc::{EPERM, pid_t};

type Action = Option<unsafe extern "C" fn()>;

/// What `pthread_atfork` registered: before, in the parent, in the child.
static ACTIONS: Mutex<Vec<[Action; 3]>> = Mutex::const_new(RawMutex::new(), Vec::new());

/// The number of the process that this one was forked from; 0: it was built.
static PARENT: AtomicU32 = AtomicU32::new(0);

/// The number of the process that this one was forked from; who built it otherwise is not told: 0.
#[unsafe(no_mangle)]
pub extern "C" fn getppid() -> pid_t {
    PARENT.load(Ordering::Relaxed) as pid_t
}

/// Registers what is called before a fork (the last registered first), and after it in the parent
/// and in the child. `ENOMEM` when there is no room to remember them.
///
/// # Safety
/// C contract: the functions may be called by any thread that forks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_atfork(prepare: Action, parent: Action, child: Action) -> c_int {
    let mut actions = ACTIONS.lock();
    if actions.try_reserve(1).is_err() {
        return libc::ENOMEM;
    }
    actions.push([prepare, parent, child]);
    0
}

/// Copies the process, with the calling thread alone. Memory is shared until one of the two writes
/// it; descriptors are the same. `EPERM` when this process was given no account to create children
/// in, `EAGAIN` and `ENOMEM` at the account's bounds or with 1,024 children not waited for.
#[unsafe(no_mangle)]
pub extern "C" fn fork() -> pid_t {
    answer(promised(Operation::Process).and_then(|()| copy(Kept::Row(Place::take()?))))
}

/// As [`fork`]: the child does not share its parent's memory.
#[unsafe(no_mangle)]
pub extern "C" fn vfork() -> pid_t {
    fork()
}

/// Where the parent keeps its handle to the copy.
pub(super) enum Kept<'a> {
    /// Among the children that it waits for.
    Row(Place),
    /// Elsewhere.
    Handle(&'a mut Option<Handle>),
}

/// Copies the process. Answers the copy's number, and 0 in the copy.
pub(super) fn copy(kept: Kept<'_>) -> Result<pid_t> {
    let account = account::own().ok_or(error(EPERM))?;
    // Kept, so that what is called sees what was called before.
    let actions = ACTIONS.lock().clone();
    run(actions.iter().rev().map(|actions| actions[0]));
    let parent = sys::thread::process_number() as u32;
    // A handler that runs in between would not know of the child yet.
    let signals = crate::signal::hold();
    // The heap last: who holds one of the others may be waiting for it.
    let confinement = confinement::hold();
    let held = (namespace::hold(), crate::env::hold(), crate::malloc::hold());
    // SAFETY: the runtime's own locks are held by this thread, which exists in both processes.
    let child = unsafe { sys::process::fork(account) };
    drop(held);
    drop(confinement);
    let result = match child {
        Ok(Some(handle)) => number_of(handle.number()).inspect(|number| match kept {
            Kept::Row(place) => place.fill(*number, handle),
            Kept::Handle(place) => *place = Some(handle),
        }),
        Ok(None) => {
            PARENT.store(parent, Ordering::Relaxed);
            tls::current().number.set(sys::thread::thread_number());
            children::forget_all();
            crate::signal::alarm::forget();
            drop(kept);
            Ok(0)
        }
        Err(error) => Err(error),
    };
    drop(signals);
    let which = if result == Ok(0) { 2 } else { 1 };
    run(actions.iter().map(|actions| actions[which]));
    result
}

fn run(actions: impl Iterator<Item = Action>) {
    for action in actions.flatten() {
        // SAFETY: the contract of `pthread_atfork`.
        unsafe { action() };
    }
}

/// The number of a process, which its handle tells as its path.
pub(super) fn number_of(process: Number) -> Result<pid_t> {
    let mut digits = [0; 16];
    let length = sys::file::fpath(process, &mut digits)?;
    let digits = digits.get(..length).and_then(|digits| core::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).ok_or(error(libc::EIO))
}
