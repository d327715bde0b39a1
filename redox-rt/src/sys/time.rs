//! Clocks, sleep, deadlines.
#![expect(unsafe_code, reason = "system calls over borrowed structures")]

use super::raw::syscall;
use clavis_abi::call::Call;
use clavis_abi::error::Result;
use syscall::data::TimeSpec;

/// Which clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Clock {
    /// Wall-clock time, UTC.
    Real = syscall::flag::CLOCK_REALTIME,
    /// Time since boot.
    Monotonic = syscall::flag::CLOCK_MONOTONIC,
}

/// The time of a clock, by its number.
///
/// # Errors
/// `EINVAL` for an unknown clock.
pub fn clock_gettime(clock: usize) -> Result<TimeSpec> {
    let mut time = TimeSpec::default();
    // SAFETY: the kernel writes one TimeSpec into a local.
    unsafe { syscall(Call::ClockGettime, [clock, &raw mut time as usize, 0, 0, 0]) }?;
    Ok(time)
}

/// The time of a clock in nanoseconds.
#[must_use]
pub fn now(clock: Clock) -> u64 {
    // Both clocks exist, and the pointer is good: there is no error left to have.
    let time = clock_gettime(clock as usize).unwrap_or_default();
    u64::try_from(time.to_nanos()).unwrap_or(u64::MAX)
}

/// Sleeps for a while. Answers what was left when a signal ended it.
///
/// # Errors
/// `EINVAL`, `EINTR` (with `rest` set).
pub fn nanosleep(time: &TimeSpec, rest: Option<&mut TimeSpec>) -> Result<()> {
    let begun = now(Clock::Monotonic);
    // SAFETY: the kernel reads one borrowed TimeSpec.
    let slept = unsafe { syscall(Call::Nanosleep, [&raw const *time as usize, 0, 0, 0, 0]) };
    if let (Err(_), Some(rest)) = (slept, rest) {
        let slept = u128::from(now(Clock::Monotonic).saturating_sub(begun));
        *rest = TimeSpec::from_nanos(time.to_nanos().saturating_sub(slept));
    }
    slept.map(drop)
}

/// Lets others of the same priority run.
pub fn sched_yield() {
    // SAFETY: no memory is involved. The call cannot fail.
    let _ = unsafe { syscall(Call::Yield, [0; 5]) };
}

/// Sets when this thread's blocking calls end with `ETIMEDOUT`, in monotonic nanoseconds; `None`
/// removes the deadline.
///
/// # Errors
/// None known; the kernel's answer is passed on.
pub fn set_deadline(instant: Option<u64>) -> Result<()> {
    let instant = instant.unwrap_or(0) as usize;
    // SAFETY: no memory is involved.
    unsafe { syscall(Call::SetDeadline, [instant, 0, 0, 0, 0]) }.map(drop)
}
