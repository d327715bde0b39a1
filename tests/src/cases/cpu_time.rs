//! Time on a CPU, as C tells it. Everything is compared with what was really spent: no limit here
//! depends on how fast the machine is.
use super::support::check;
use crate::run::{Case, Verdict};
use std::io::Error;
use std::mem::MaybeUninit;
use std::time::Duration;
use std::{ptr, thread};

pub(crate) const CASES: &[Case] = &[
    Case { name: "sleeping_takes_no_time_on_the_cpu", run: sleeping },
    Case { name: "a_process_has_the_cpu_time_of_its_threads", run: threads },
    Case { name: "cpu_time_of_a_child_is_told_to_who_waits_for_it", run: children },
];

/// The clock of the calling thread, which the `libc` crate does not name here.
const THREAD: libc::clockid_t = 3;
const PROCESS: libc::clockid_t = libc::CLOCK_PROCESS_CPUTIME_ID;
/// What is spent in these cases, in nanoseconds.
const MUCH: u64 = 30_000_000;

unsafe extern "C" {
    fn clock() -> libc::clock_t;
    fn wait4(child: i32, status: *mut i32, options: i32, usage: *mut libc::rusage) -> i32;
}

/// The time of a clock in nanoseconds.
fn time(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for a time. An unknown clock leaves it zero, which no case accepts.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Computes until the thread has spent that much more.
fn spend(nanoseconds: u64) {
    let start = time(THREAD);
    while time(THREAD) < start + nanoseconds {
        std::hint::black_box((0..1000).fold(0u64, |sum, n| sum ^ std::hint::black_box(n)));
    }
}

fn usage(who: i32) -> Result<u64, String> {
    let mut usage = MaybeUninit::uninit();
    // SAFETY: a place for a usage.
    let answer = unsafe { libc::getrusage(who, usage.as_mut_ptr()) };
    check(answer == 0, &format!("getrusage {who}: {}", Error::last_os_error()))?;
    // SAFETY: the call has written it.
    let time = unsafe { usage.assume_init() }.ru_utime;
    Ok(time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1000)
}

fn sleeping() -> Verdict {
    let (began, spent) = (time(libc::CLOCK_MONOTONIC), time(PROCESS));
    // A host that is slow just here makes single sleeps expensive, but not all.
    for _ in 0..200 {
        thread::sleep(Duration::from_millis(5));
        let slept = time(libc::CLOCK_MONOTONIC) - began;
        let spent = time(PROCESS) - spent;
        check(spent <= slept, &format!("{spent} ns on the CPU in {slept} ns"))?;
        if slept >= 50_000_000 && spent < slept / 4 {
            return Ok(());
        }
    }
    Err("most of the time that was slept is told as spent".into())
}

fn threads() -> Verdict {
    let (before, own) = (time(PROCESS), time(THREAD));
    // SAFETY: no arguments.
    let ticks = unsafe { clock() };
    let spent = |_| thread::spawn(|| (spend(MUCH), time(THREAD)).1);
    let threads: Vec<_> = (0..3).map(spent).collect();
    let mut sum = 0;
    for thread in threads {
        let spent = thread.join().map_err(|_| "a thread panicked")?;
        check(spent >= MUCH, &format!("a thread that spent {MUCH} ns is told {spent}"))?;
        sum += spent;
    }
    let (all, own) = (time(PROCESS) - before, time(THREAD) - own);
    check(all >= sum, &format!("threads spent {sum} ns, their process {all}"))?;
    check(own < all - sum + MUCH, &format!("the thread that waited spent {own} ns of {all}"))?;
    // SAFETY: no arguments.
    let ticks = unsafe { clock() } - ticks;
    check(ticks as u64 >= sum / 1000, &format!("clock counted {ticks} µs"))?;
    let (told, now) = (usage(libc::RUSAGE_SELF)?, time(PROCESS));
    check((all / 1000 * 1000..=now).contains(&told), &format!("usage {told} ns of {now}"))?;
    let own = usage(libc::RUSAGE_THREAD)?;
    check(own <= time(THREAD), &format!("usage of the thread {own} ns"))
}

fn children() -> Verdict {
    let before = usage(libc::RUSAGE_CHILDREN)?;
    // SAFETY: the copy computes and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        spend(MUCH);
        // SAFETY: ends the copy.
        unsafe { libc::_exit(0) };
    }
    check(child > 0, &format!("fork: {}", Error::last_os_error()))?;
    let mut status = 0;
    let mut used = MaybeUninit::uninit();
    // SAFETY: places for a status and a usage.
    let waited = unsafe { wait4(child, &raw mut status, 0, used.as_mut_ptr()) };
    check((waited, status) == (child, 0), &format!("wait4: {waited}, status {status}"))?;
    // SAFETY: the call has written it.
    let used = unsafe { used.assume_init() }.ru_utime;
    let used = used.tv_sec as u64 * 1_000_000_000 + used.tv_usec as u64 * 1000;
    check(used >= MUCH / 1000 * 1000, &format!("the child spent {MUCH} ns, wait4 told {used}"))?;
    let all = usage(libc::RUSAGE_CHILDREN)? - before;
    check(all >= used, &format!("children spent {all} ns, one of them {used}"))?;
    let mut times = libc::tms { tms_utime: 0, tms_stime: 0, tms_cutime: 0, tms_cstime: 0 };
    // SAFETY: a place for the times.
    check(unsafe { libc::times(&raw mut times) } > 0, "times failed")?;
    // SAFETY: null is what the function allows.
    check(unsafe { libc::times(ptr::null_mut()) } > 0, "times without a place failed")?;
    let hundredths = used / 10_000_000;
    check(times.tms_cutime as u64 >= hundredths, &format!("{} hundredths", times.tms_cutime))
}
