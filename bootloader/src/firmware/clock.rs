//! Time: the time-stamp counter and the calendar.
use core::time::Duration;

use clavis_bootloader::clock::Calendar;

/// The time-stamp counter.
pub(crate) fn time_stamp() -> u64 {
    // SAFETY: every x86_64 processor has RDTSC, and firmware runs in ring 0.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Milliseconds since `start` (a time stamp), measured against the firmware's delay loop.
pub(crate) fn milliseconds_since(start: u64) -> u64 {
    let now = time_stamp();
    uefi::boot::stall(Duration::from_millis(1));
    let per_millisecond = time_stamp().saturating_sub(now).max(1);
    now.saturating_sub(start) / per_millisecond
}

/// Seconds since 1970, UTC; 0 if the machine has no clock.
pub(crate) fn wall_clock() -> i64 {
    let Ok(time) = uefi::runtime::get_time() else { return 0 };
    Calendar {
        year: time.year(),
        month: time.month(),
        day: time.day(),
        hour: time.hour(),
        minute: time.minute(),
        second: time.second(),
        to_utc: time.time_zone().unwrap_or(0),
    }
    .unix_seconds()
}
