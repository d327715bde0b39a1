//! Time: the time-stamp counter, measured once against a timer of known frequency.
use core::sync::atomic::{AtomicU64, Ordering};

use crate::acpi::PmTimer;
use crate::{apic, cpu, registers};

/// The counter at boot, and nanoseconds per tick as a fraction of 2^32.
static START: AtomicU64 = AtomicU64::new(0);
static SCALE: AtomicU64 = AtomicU64::new(0);

const SECOND: u64 = 1_000_000_000;
/// Time that the measurement takes, in nanoseconds.
const MEASURE: u64 = 10_000_000;
/// Ticks of the ACPI timer in a second (ACPI 6.5, 4.8.2.1).
const PM_FREQUENCY: u64 = 3_579_545;
/// Ticks of the interval timer in a second.
const PIT_FREQUENCY: u64 = 1_193_182;

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
    let ticks = cpu::time_stamp().wrapping_sub(START.load(Ordering::Relaxed));
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
fn read(timer: impl Fn() -> u64) -> Reading {
    let mut best = (u64::MAX, Reading { timer: 0, stamp: 0, local: 0 });
    for _ in 0..8 {
        let before = cpu::time_stamp();
        let reading = Reading { timer: timer(), stamp: before, local: apic::timer_count() };
        let took = cpu::time_stamp().wrapping_sub(before);
        if took < best.0 {
            best = (took, reading);
        }
    }
    best.1
}

/// Measures the counter and the local timer, which runs down meanwhile. Returns their frequencies.
pub(crate) fn measure(pm: Option<PmTimer>) -> (u64, u64) {
    let (first, last, elapsed) = match pm {
        Some(pm) => {
            let first = read(|| pm.read());
            let ticks = |reading: &Reading| reading.timer.wrapping_sub(first.timer) & pm.mask;
            let mut last = read(|| pm.read());
            while ticks(&last) < PM_FREQUENCY * MEASURE / SECOND {
                last = read(|| pm.read());
            }
            let elapsed = ticks(&last) * SECOND / PM_FREQUENCY;
            (first, last, elapsed)
        }
        None => {
            pit_start((PIT_FREQUENCY * MEASURE / SECOND) as u16);
            let first = read(|| 0);
            while !pit_expired() {}
            let last = read(|| 0);
            (first, last, MEASURE)
        }
    };
    let rate = |ticks: u64| (u128::from(ticks) * u128::from(SECOND) / u128::from(elapsed)) as u64;
    let counter = rate(last.stamp.wrapping_sub(first.stamp));
    let local = rate(u64::from(first.local.wrapping_sub(last.local)));
    set_frequency(counter);
    (counter, local)
}

/// Starts channel 2 of the interval timer, with the speaker off: its output rises at the end.
fn pit_start(count: u16) {
    let [low, high] = count.to_le_bytes();
    // SAFETY: reads the gate of the timer's channel.
    let gate: u8 = unsafe { registers::port_read(0x61) };
    for (port, value) in [(0x61, gate & !3), (0x43, 0xB0), (0x42, low), (0x42, high)] {
        // SAFETY: the timer is the kernel's own, and only this uses channel 2.
        unsafe { registers::port_write(port, value) };
    }
    // SAFETY: as above; opens the gate.
    unsafe { registers::port_write(0x61, gate & !3 | 1) };
}

fn pit_expired() -> bool {
    // SAFETY: reads the output of the timer's channel.
    unsafe { registers::port_read::<u8>(0x61) & 0x20 != 0 }
}
