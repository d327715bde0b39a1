//! Alarms: a thread of the runtime that sleeps and then sends `SIGALRM`. The first alarm starts
//! it. It is not there in the copy that a fork makes, which has no alarm, as POSIX wants it.
//!
//! A handler may set the next alarm, so nothing here takes a lock.
use crate::errno::{error, status};
use crate::pointer::{get, put_if};
use clavis_abi::error::Result;
use clavis_rt::sys::process::{signal_mask, signal_self};
use clavis_rt::sys::thread::{futex_wait, futex_wake, process_number};
use clavis_rt::sys::time::{Clock, now};
use clavis_rt::thread::{Options, Thread};
use core::ffi::{c_int, c_uint};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use libc::{EINVAL, SIGALRM, itimerval, timeval};
use syscall::data::TimeSpec;

const MICROSECOND: u64 = 1_000;
const SECOND: u64 = 1_000_000_000;
/// Of the timers of C, the one that counts time as it passes.
const ITIMER_REAL: c_int = 0;

/// When it goes off, in monotonic nanoseconds; 0: never.
static NEXT: AtomicU64 = AtomicU64::new(0);
/// After how long again; 0: not again.
static EVERY: AtomicU64 = AtomicU64::new(0);
/// Counts the changes of both. The thread waits here.
static CHANGES: AtomicU32 = AtomicU32::new(0);
/// The number of the process whose thread waits; 0: none yet.
static KEEPER: AtomicU32 = AtomicU32::new(0);

/// The thread's work.
extern "C" fn keep(_: *mut u8) -> *mut u8 {
    signal_mask(u64::MAX);
    loop {
        let seen = CHANGES.load(Ordering::Acquire);
        let (next, time) = (NEXT.load(Ordering::Acquire), now(Clock::Monotonic));
        if next != 0 && next <= time {
            let every = EVERY.load(Ordering::Relaxed);
            let after = if every == 0 { 0 } else { time.saturating_add(every) };
            let (success, failure) = (Ordering::AcqRel, Ordering::Relaxed);
            if NEXT.compare_exchange(next, after, success, failure).is_ok() {
                // Both numbers are good: there is no error left to have.
                let _ = signal_self(SIGALRM as usize, None);
            }
            continue;
        }
        let span = TimeSpec::from_nanos(u128::from(next.saturating_sub(time)));
        // Every answer means: look again.
        let _ = futex_wait(&CHANGES, seen, (next != 0).then_some(&span));
    }
}

/// Sets the alarm; answers how long the one before had left, and its interval.
fn set(after: u64, every: u64) -> Result<(u64, u64)> {
    let process = process_number() as u32;
    if after != 0 && KEEPER.swap(process, Ordering::AcqRel) != process {
        let options = Options { stack_size: 0, ..Options::default() };
        // SAFETY: it takes no argument.
        match unsafe { Thread::start(options, keep, core::ptr::null_mut()) } {
            Ok(thread) => thread.detach(),
            Err(problem) => {
                KEEPER.store(0, Ordering::Release);
                return Err(problem);
            }
        }
    }
    let time = now(Clock::Monotonic);
    let next = if after == 0 { 0 } else { time.saturating_add(after) };
    let before = EVERY.swap(every, Ordering::AcqRel);
    let left = NEXT.swap(next, Ordering::AcqRel).saturating_sub(time);
    CHANGES.fetch_add(1, Ordering::AcqRel);
    futex_wake(&CHANGES, 1);
    Ok((left, before))
}

/// In the copy of a process: it has no alarm.
pub(crate) fn forget() {
    NEXT.store(0, Ordering::Relaxed);
    EVERY.store(0, Ordering::Relaxed);
}

/// Sends `SIGALRM` after that many seconds; 0 takes the alarm back. Answers the seconds that the
/// one before had left. Without memory for a thread there is no alarm.
#[unsafe(no_mangle)]
pub extern "C" fn alarm(seconds: c_uint) -> c_uint {
    let left = set(u64::from(seconds).saturating_mul(SECOND), 0).map_or(0, |(left, _)| left);
    c_uint::try_from(left.div_ceil(SECOND)).unwrap_or(c_uint::MAX)
}

fn span(time: &timeval) -> Result<u64> {
    let seconds = u64::try_from(time.tv_sec).ok();
    let micros = u64::try_from(time.tv_usec).ok().filter(|micros| *micros < 1_000_000);
    let (Some(seconds), Some(micros)) = (seconds, micros) else { return Err(error(EINVAL)) };
    Ok(seconds.saturating_mul(SECOND).saturating_add(micros * MICROSECOND))
}

fn time(span: u64) -> timeval {
    timeval { tv_sec: (span / SECOND) as _, tv_usec: (span % SECOND / MICROSECOND) as _ }
}

/// Sets and tells the alarm, which may come again and again. `EINVAL` for timers that count
/// computing time.
///
/// # Safety
/// C contract: `new` is readable, `old` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setitimer(
    which: c_int,
    new: *const itimerval,
    old: *mut itimerval,
) -> c_int {
    let exchange = || {
        // SAFETY: the contract.
        let new = unsafe { get(new) }?;
        if which != ITIMER_REAL {
            return Err(error(EINVAL));
        }
        let (left, every) = set(span(&new.it_value)?, span(&new.it_interval)?)?;
        // SAFETY: the contract.
        unsafe { put_if(old, itimerval { it_interval: time(every), it_value: time(left) }) };
        Ok(())
    };
    status(exchange())
}

/// Tells what is left until the alarm.
///
/// # Safety
/// C contract: `place` takes the times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getitimer(which: c_int, place: *mut itimerval) -> c_int {
    if which != ITIMER_REAL {
        return crate::errno::fail(EINVAL);
    }
    let left = NEXT.load(Ordering::Acquire).saturating_sub(now(Clock::Monotonic));
    let every = EVERY.load(Ordering::Relaxed);
    // SAFETY: the contract.
    unsafe { put_if(place, itimerval { it_interval: time(every), it_value: time(left) }) };
    0
}
