//! The C functions.
use super::calendar::{self, Date};
use super::format;
use crate::errno::{error, fail};
use crate::pointer::{get, put, text};
use clavis_abi::error::Result;
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_double};
use core::fmt::Write;
use core::mem::MaybeUninit;
use libc::{EOVERFLOW, time_t, tm};

fn to_c(date: &Date) -> tm {
    tm {
        tm_sec: date.second,
        tm_min: date.minute,
        tm_hour: date.hour,
        tm_mday: date.day,
        tm_mon: date.month,
        tm_year: date.year,
        tm_wday: date.weekday,
        tm_yday: date.yearday,
        tm_isdst: 0,
        tm_gmtoff: 0,
        tm_zone: c"UTC".as_ptr(),
    }
}

fn from_c(time: &tm) -> Date {
    Date {
        second: time.tm_sec,
        minute: time.tm_min,
        hour: time.tm_hour,
        day: time.tm_mday,
        month: time.tm_mon,
        year: time.tm_year,
        weekday: time.tm_wday,
        yearday: time.tm_yday,
    }
}

/// Writes the date of an instant.
///
/// # Safety
/// Both are null or what they say.
unsafe fn write_date(instant: *const time_t, place: *mut tm) -> Result<*mut tm> {
    // SAFETY: the caller's promise.
    let instant = unsafe { get(instant) }?;
    let date = calendar::date(instant).ok_or(error(EOVERFLOW))?;
    // SAFETY: the caller's promise.
    unsafe { put(place, to_c(&date)) }?;
    Ok(place)
}

/// The date of an instant, in UTC. `EOVERFLOW` when its year does not fit.
///
/// # Safety
/// C contract: `instant` is readable, `place` takes a date.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gmtime_r(instant: *const time_t, place: *mut tm) -> *mut tm {
    // SAFETY: the contract.
    crate::errno::answer(unsafe { write_date(instant, place) })
}

/// As [`gmtime_r`]: the local time zone is UTC.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn localtime_r(instant: *const time_t, place: *mut tm) -> *mut tm {
    // SAFETY: the same contract.
    unsafe { gmtime_r(instant, place) }
}

/// The one date that functions without a place answer.
struct Shared(UnsafeCell<MaybeUninit<tm>>);

// SAFETY: C's rule for these functions: the program calls one at a time.
unsafe impl Sync for Shared {}

static SHARED: Shared = Shared(UnsafeCell::new(MaybeUninit::uninit()));

/// As [`gmtime_r`], in a place that the next such call uses too.
///
/// # Safety
/// C contract: `instant` is readable; no other thread does the same meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gmtime(instant: *const time_t) -> *mut tm {
    // SAFETY: the same contract.
    unsafe { gmtime_r(instant, SHARED.0.get().cast()) }
}

/// As [`gmtime`].
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn localtime(instant: *const time_t) -> *mut tm {
    // SAFETY: the same contract.
    unsafe { gmtime(instant) }
}

/// The instant of a date in UTC, whose fields may be anything; they become what they mean. -1 with
/// `EOVERFLOW` when the year does not fit.
///
/// # Safety
/// C contract: `place` is a date.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn timegm(place: *mut tm) -> time_t {
    // SAFETY: the contract.
    let Ok(wanted) = (unsafe { get(place.cast_const()) }) else { return fail(libc::EFAULT) };
    let instant = calendar::seconds(&from_c(&wanted));
    let Some(date) = calendar::date(instant) else { return fail(EOVERFLOW) };
    // SAFETY: the contract.
    unsafe { place.write(to_c(&date)) };
    instant
}

/// As [`timegm`]: the local time zone is UTC.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mktime(place: *mut tm) -> time_t {
    // SAFETY: the same contract.
    unsafe { timegm(place) }
}

/// Seconds between two instants.
#[unsafe(no_mangle)]
pub extern "C" fn difftime(end: time_t, start: time_t) -> c_double {
    end as c_double - start as c_double
}

/// A buffer that refuses what does not fit.
struct Room<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl Write for Room<'_> {
    fn write_str(&mut self, part: &str) -> core::fmt::Result {
        let end = self.length + part.len();
        let place = self.buffer.get_mut(self.length..end).ok_or(core::fmt::Error)?;
        for (to, from) in place.iter_mut().zip(part.bytes()) {
            *to = from;
        }
        self.length = end;
        Ok(())
    }
}

/// Writes a date as a format says, with a NUL. Answers the bytes before it, or 0 when they do not
/// fit.
///
/// # Safety
/// C contract: `buffer` takes `length` bytes, `wanted` is NUL-terminated, `place` is a date.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strftime(
    buffer: *mut c_char,
    length: usize,
    wanted: *const c_char,
    place: *const tm,
) -> usize {
    // SAFETY: the contract.
    let (Ok(wanted), Ok(date)) = (unsafe { text(wanted) }, unsafe { get(place) }) else { return 0 };
    // SAFETY: the contract.
    let buffer = unsafe { crate::pointer::bytes_mut(buffer.cast(), length) };
    let mut room = Room { buffer, length: 0 };
    let written = format::format(wanted, &from_c(&date), &mut room);
    match written.and_then(|()| room.write_char('\0')) {
        Ok(()) => room.length - 1,
        Err(_) => 0,
    }
}
