//! Time that threads and processes have spent on a CPU. What they do in the kernel is not told
//! apart from what they do in user mode: all of it counts as time in user mode.
use crate::errno::{answer, error, status};
use crate::pointer::{put, put_if};
use clavis_abi::error::Result;
use clavis_abi::params::cpu_time;
use clavis_rt::sys::clavis;
use clavis_rt::sys::time::{self, Clock};
use core::ffi::c_int;
use libc::{
    CLOCK_PROCESS_CPUTIME_ID, CLOCKS_PER_SEC, EINVAL, RUSAGE_BOTH, RUSAGE_CHILDREN, RUSAGE_SELF,
    RUSAGE_THREAD, clock_t, clockid_t, rusage, timeval, tms,
};

/// The clock of the calling thread, which the `libc` crate does not name for this target.
const CLOCK_THREAD_CPUTIME_ID: clockid_t = 3;
/// Nanoseconds of a tick of [`times`]: `sysconf(_SC_CLK_TCK)` is 100.
const TICK: u64 = 10_000_000;

/// What a clock of time on a CPU counts; `None` for other clocks.
pub(crate) fn counted_by(clock: clockid_t) -> Option<usize> {
    match clock {
        CLOCK_PROCESS_CPUTIME_ID => Some(cpu_time::PROCESS),
        CLOCK_THREAD_CPUTIME_ID => Some(cpu_time::THREAD),
        _ => None,
    }
}

/// Nanoseconds that this process has spent, or what else of [`cpu_time`].
pub(crate) fn own(which: usize) -> Result<u64> {
    clavis::cpu_time(None, which)
}

/// What a process used, of which the time on a CPU is known.
pub(crate) fn usage(spent: u64) -> rusage {
    let microseconds = (spent / 1000) as i64;
    let time = timeval {
        tv_sec: microseconds / 1_000_000,
        tv_usec: (microseconds % 1_000_000) as libc::suseconds_t,
    };
    // SAFETY: a usage is plain numbers, for which zeroes are good.
    let nothing = unsafe { core::mem::zeroed::<rusage>() };
    rusage { ru_utime: time, ..nothing }
}

/// What the process, its ended children, both, or the calling thread used: time on a CPU.
///
/// # Safety
/// C contract: `place` takes a usage.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrusage(who: c_int, place: *mut rusage) -> c_int {
    let spent = match who {
        RUSAGE_SELF => own(cpu_time::PROCESS),
        RUSAGE_CHILDREN => own(cpu_time::CHILDREN),
        RUSAGE_THREAD => own(cpu_time::THREAD),
        RUSAGE_BOTH => own(cpu_time::PROCESS)
            .and_then(|process| Ok(process.saturating_add(own(cpu_time::CHILDREN)?))),
        _ => Err(error(EINVAL)),
    };
    // SAFETY: the contract.
    status(spent.and_then(|spent| unsafe { put(place, usage(spent)) }))
}

/// Time on a CPU of the process and its ended children in hundredths of a second; answers those
/// since boot.
///
/// # Safety
/// C contract: `place` is null or takes the times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn times(place: *mut tms) -> clock_t {
    let ticks = |which| own(which).map(|spent| (spent / TICK) as clock_t);
    let spent = ticks(cpu_time::PROCESS).and_then(|process| {
        Ok(tms {
            tms_utime: process,
            tms_stime: 0,
            tms_cutime: ticks(cpu_time::CHILDREN)?,
            tms_cstime: 0,
        })
    });
    answer(spent.map(|spent| {
        // SAFETY: the contract.
        unsafe { put_if(place, spent) };
        (time::now(Clock::Monotonic) / TICK) as clock_t
    }))
}

/// Time on a CPU of the process in microseconds.
#[unsafe(no_mangle)]
pub extern "C" fn clock() -> clock_t {
    let nanoseconds = 1_000_000_000 / CLOCKS_PER_SEC as u64;
    answer(own(cpu_time::PROCESS).map(|spent| (spent / nanoseconds) as clock_t))
}
