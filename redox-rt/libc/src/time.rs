//! Clocks and sleep.
use crate::errno::{error, fail, status};
use crate::pointer::{get, put, put_if};
use crate::promises::{Operation, promised};
use clavis_abi::error::Result;
use clavis_rt::sys::file::{self, OpenFlags};
use clavis_rt::sys::time::{self, Clock};
use clavis_rt::{Place, namespace};
use core::ffi::{c_int, c_uint};
use libc::{CLOCK_REALTIME, EINVAL, EPERM, O_WRONLY, clockid_t, time_t, timespec, timeval};
use syscall::data::TimeSpec;

fn from_kernel(time: TimeSpec) -> timespec {
    timespec { tv_sec: time.tv_sec, tv_nsec: i64::from(time.tv_nsec) }
}

/// A duration for the kernel; `EINVAL` when the fields are out of range.
pub(crate) fn duration(time: &timespec) -> Result<TimeSpec> {
    if time.tv_sec < 0 || !(0..1_000_000_000).contains(&time.tv_nsec) {
        return Err(error(EINVAL));
    }
    Ok(TimeSpec { tv_sec: time.tv_sec, tv_nsec: time.tv_nsec as i32 })
}

/// When a wait ends that lasts that long, in monotonic nanoseconds; `None`, for null: never.
///
/// # Safety
/// `span` is null or readable.
pub(crate) unsafe fn until(span: *const timespec) -> Result<Option<u64>> {
    // SAFETY: the caller's promise.
    let Some(span) = (unsafe { crate::pointer::get_if(span) }) else { return Ok(None) };
    let span = u64::try_from(duration(&span)?.to_nanos()).unwrap_or(u64::MAX);
    Ok(Some(time::now(Clock::Monotonic).saturating_add(span)))
}

/// The time of a clock, among them those that count time on a CPU.
///
/// # Safety
/// C contract: `place` takes a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, place: *mut timespec) -> c_int {
    let time = match crate::cpu_time::counted_by(clock) {
        Some(which) => crate::cpu_time::own(which).map(|spent| TimeSpec::from_nanos(spent.into())),
        None => usize::try_from(clock).map_err(|_| error(EINVAL)).and_then(time::clock_gettime),
    };
    // SAFETY: the contract.
    status(time.and_then(|time| unsafe { put(place, from_kernel(time)) }))
}

/// The resolution of a clock: a nanosecond.
///
/// # Safety
/// C contract: `place` is null or takes a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_getres(clock: clockid_t, place: *mut timespec) -> c_int {
    if crate::pthread::clock(clock).is_none() && crate::cpu_time::counted_by(clock).is_none() {
        return fail(EINVAL);
    }
    // SAFETY: the contract.
    unsafe { put_if(place, timespec { tv_sec: 0, tv_nsec: 1 }) };
    0
}

/// Sets the time of day, where the namespace lets this process write to the clock: `EPERM`
/// elsewhere. No other clock can be set: `EINVAL`.
///
/// # Safety
/// C contract: `time` is readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_settime(clock: clockid_t, time: *const timespec) -> c_int {
    const CLOCK: &str = "/scheme/sys/clock";
    if clock != CLOCK_REALTIME {
        return fail(EINVAL);
    }
    // SAFETY: the contract.
    let time = unsafe { get(time) }.and_then(|time| duration(&time));
    status(promised(Operation::SetTime).and(time).and_then(|time| {
        let flags = O_WRONLY as u32 as OpenFlags;
        let clock = namespace::open(CLOCK, flags, Place::Upper).map_err(|_| error(EPERM))?;
        let text = alloc::format!("{}.{:09}", time.tv_sec, time.tv_nsec);
        file::write_all(clock.number(), text.as_bytes())
    }))
}

/// Nobody corrects the clock through here: `EPERM`.
#[unsafe(no_mangle)]
pub extern "C" fn adjtime(_change: *const timeval, _left: *mut timeval) -> c_int {
    fail(EPERM)
}

/// Wall-clock time in microseconds; time zones are not told.
///
/// # Safety
/// C contract: `place` takes a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(place: *mut timeval, _zone: *mut core::ffi::c_void) -> c_int {
    status(time::clock_gettime(Clock::Real as usize).and_then(|time| {
        let time = timeval { tv_sec: time.tv_sec, tv_usec: time.tv_nsec / 1000 };
        // SAFETY: the contract.
        unsafe { put(place, time) }
    }))
}

/// Wall-clock time in seconds.
///
/// # Safety
/// C contract: `place` is null or takes a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(place: *mut time_t) -> time_t {
    let seconds = match time::clock_gettime(Clock::Real as usize) {
        Ok(time) => time.tv_sec,
        Err(error) => return fail(error.errno),
    };
    // SAFETY: the contract.
    unsafe { put_if(place, seconds) };
    seconds
}

/// Sleeps; what was left is written when a signal ended it.
///
/// # Safety
/// C contract: `wanted` is readable, `rest` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanosleep(wanted: *const timespec, rest: *mut timespec) -> c_int {
    // SAFETY: the contract.
    let wanted = unsafe { get(wanted) }.and_then(|wanted| duration(&wanted));
    status(promised(Operation::Stdio).and(wanted).and_then(|wanted| {
        let mut left = TimeSpec::default();
        let result = time::nanosleep(&wanted, Some(&mut left));
        if result.is_err() {
            // SAFETY: the contract.
            unsafe { put_if(rest, from_kernel(left)) };
        }
        result
    }))
}

/// Sleeps for a duration or, with `TIMER_ABSTIME` (1), until an instant of a clock. Answers the
/// error number.
///
/// # Safety
/// C contract: as [`nanosleep`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_nanosleep(
    clock: clockid_t,
    flags: c_int,
    wanted: *const timespec,
    rest: *mut timespec,
) -> c_int {
    let Some(clock) = crate::pthread::clock(clock) else { return EINVAL };
    // SAFETY: the contract.
    let wanted = unsafe { get(wanted) }.and_then(|wanted| duration(&wanted));
    let result = promised(Operation::Stdio).and(wanted).and_then(|wanted| {
        let relative = match flags {
            0 => wanted,
            1 => {
                let left = wanted.to_nanos().saturating_sub(u128::from(time::now(clock)));
                TimeSpec::from_nanos(left)
            }
            _ => return Err(error(EINVAL)),
        };
        let mut left = TimeSpec::default();
        let result = time::nanosleep(&relative, Some(&mut left));
        if result.is_err() && flags == 0 {
            // SAFETY: the contract.
            unsafe { put_if(rest, from_kernel(left)) };
        }
        result
    });
    crate::errno::number(result)
}

/// Sleeps for seconds; answers what was left.
#[unsafe(no_mangle)]
pub extern "C" fn sleep(seconds: c_uint) -> c_uint {
    let mut left = TimeSpec::default();
    let wanted = TimeSpec { tv_sec: i64::from(seconds), tv_nsec: 0 };
    if promised(Operation::Stdio).is_err() {
        return seconds;
    }
    match time::nanosleep(&wanted, Some(&mut left)) {
        Ok(()) => 0,
        Err(_) => c_uint::try_from(left.tv_sec).unwrap_or(0),
    }
}

/// Sleeps for microseconds.
#[unsafe(no_mangle)]
pub extern "C" fn usleep(microseconds: c_uint) -> c_int {
    let wanted = TimeSpec::from_nanos(u128::from(microseconds) * 1000);
    status(promised(Operation::Stdio).and_then(|()| time::nanosleep(&wanted, None)))
}

/// Lets others of the same priority run.
#[unsafe(no_mangle)]
pub extern "C" fn sched_yield() -> c_int {
    time::sched_yield();
    0
}
