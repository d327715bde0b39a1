//! Time: the time-stamp counter, measured once against a timer of known frequency.
use core::sync::atomic::{AtomicU64, Ordering};

use clavis_abi::platform::Platform;

use crate::{apic, cpu, registers};

/// The counter at boot, and nanoseconds per tick as a fraction of 2^32.
static START: AtomicU64 = AtomicU64::new(0);
static SCALE: AtomicU64 = AtomicU64::new(0);

const SECOND: u64 = 1_000_000_000;
/// Time that the measurement takes, in nanoseconds.
const MEASURE: u64 = 10_000_000;
/// Ticks of the ACPI timer in a second (ACPI 6.5, 4.8.2.1).
const PM_FREQUENCY: u64 = 3_579_545;

/// Counts time from that value of the counter. Until [`measure`] the rate is a
/// guess on the fast side, so that time never seems to go back.
pub(crate) fn begin(start: u64) {
    START.store(start, Ordering::Relaxed);
    set_frequency(5 * SECOND);
}

fn set_frequency(hertz: u64) {
    let scale = (u128::from(SECOND) << 32) / u128::from(hertz.max(1));
    SCALE.store(scale as u64, Ordering::Relaxed);
}

/// Nanoseconds since boot.
#[inline]
pub(crate) fn now() -> u64 {
    nanoseconds(cpu::time_stamp().wrapping_sub(START.load(Ordering::Relaxed)))
}

/// How long so many ticks of the counter take.
#[inline]
pub(crate) fn nanoseconds(ticks: u64) -> u64 {
    ((u128::from(ticks) * u128::from(SCALE.load(Ordering::Relaxed))) >> 32) as u64
}

/// One reading of three clocks.
struct Reading {
    /// The timer of known frequency.
    timer: u64,
    stamp: u64,
    local: u32,
}

/// Reads the clocks close together: of several tries, the one that took least.
fn read(timer: u16) -> Reading {
    let mut best = (u64::MAX, Reading { timer: 0, stamp: 0, local: 0 });
    for _ in 0..8 {
        let before = cpu::time_stamp();
        let reading = Reading { timer: pm_timer(timer), stamp: before, local: apic::timer_count() };
        let took = cpu::time_stamp().wrapping_sub(before);
        if took < best.0 {
            best = (took, reading);
        }
    }
    best.1
}

/// What the ACPI timer counts.
fn pm_timer(port: u16) -> u64 {
    // SAFETY: the tables say that this port is the timer; reading has no effect.
    u64::from(unsafe { registers::port_read::<u32>(port) })
}

/// Measures the counter and the local timer, which runs down meanwhile. Returns their frequencies.
pub(crate) fn measure(platform: &Platform) -> (u64, u64) {
    let (timer, mask) = (platform.timer, u64::from(platform.timer_mask));
    let first = read(timer);
    let ticks = |reading: &Reading| reading.timer.wrapping_sub(first.timer) & mask;
    let mut last = read(timer);
    while ticks(&last) < PM_FREQUENCY * MEASURE / SECOND {
        last = read(timer);
    }
    let elapsed = u128::from(ticks(&last));
    let rate = |count: u64| (u128::from(count) * u128::from(PM_FREQUENCY) / elapsed) as u64;
    let counter = rate(last.stamp.wrapping_sub(first.stamp));
    set_frequency(counter);
    (counter, rate(u64::from(first.local.wrapping_sub(last.local))))
}
