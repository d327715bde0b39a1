//! `sem_*`: counters on futex words. They work between processes where they lie in memory that
//! both have mapped: the kernel finds a word by its object, not by its address.
use crate::errno::{error, fail, status};
use crate::pointer::{get, put};
use crate::pthread::{clock, nanoseconds};
use clavis_abi::error::Result;
use clavis_rt::sys::thread::{futex_wait, futex_wake};
use clavis_rt::sys::time::{Clock, now};
use core::ffi::{c_int, c_uint};
use core::sync::atomic::{AtomicU32, Ordering};
use libc::{CLOCK_REALTIME, EAGAIN, EINVAL, EOVERFLOW, ETIMEDOUT, clockid_t, sem_t, timespec};
use syscall::data::TimeSpec;

/// Greatest value.
const VALUE_MAX: u32 = i32::MAX as u32;
/// The value is 0, and threads may sleep until it is not.
const AWAITED: u32 = u32::MAX;

/// What lies in a `sem_t`: the value, or [`AWAITED`]. One word, so that a giver does not touch the
/// semaphore any more once a taker could have ended it.
#[repr(transparent)]
struct Semaphore {
    word: AtomicU32,
}

const _: () = assert!(size_of::<Semaphore>() <= size_of::<sem_t>());
const _: () = assert!(align_of::<Semaphore>() <= align_of::<sem_t>());

/// When to give up.
#[derive(Clone, Copy)]
enum Patience {
    None,
    Until(Clock, u64),
    Endless,
}

impl Semaphore {
    /// Takes one if there is one. Who has slept takes the last one such that others that sleep are
    /// not forgotten, and wakes the next where more are left.
    fn try_take(&self, slept: bool) -> bool {
        let taken = |word: u32| match word {
            0 | AWAITED => None,
            1 if slept => Some(AWAITED),
            value => Some(value - 1),
        };
        match self.word.fetch_update(Ordering::Acquire, Ordering::Relaxed, taken) {
            Ok(value) => {
                if slept && value > 1 {
                    futex_wake(&self.word, 1);
                }
                true
            }
            Err(_) => false,
        }
    }

    fn take(&self, patience: Patience) -> Result<()> {
        let mut slept = false;
        while !self.try_take(slept) {
            let left = match patience {
                Patience::None => return Err(error(EAGAIN)),
                Patience::Endless => None,
                Patience::Until(clock, instant) => {
                    let left = instant.saturating_sub(now(clock));
                    if left == 0 {
                        return Err(error(ETIMEDOUT));
                    }
                    Some(TimeSpec::from_nanos(u128::from(left)))
                }
            };
            let marked =
                self.word.compare_exchange(0, AWAITED, Ordering::Relaxed, Ordering::Relaxed);
            if matches!(marked, Ok(_) | Err(AWAITED)) {
                // Every answer but a wake-up means: look again.
                let _ = futex_wait(&self.word, AWAITED, left.as_ref());
                slept = true;
            }
        }
        Ok(())
    }

    fn give(&self) -> Result<()> {
        let more = |word: u32| match word {
            AWAITED => Some(1),
            VALUE_MAX => None,
            value => Some(value + 1),
        };
        let before = self.word.fetch_update(Ordering::Release, Ordering::Relaxed, more);
        if before.map_err(|_| error(EOVERFLOW))? == AWAITED {
            futex_wake(&self.word, 1);
        }
        Ok(())
    }

    fn value(&self) -> c_int {
        match self.word.load(Ordering::Relaxed) {
            AWAITED => 0,
            value => value as c_int,
        }
    }
}

/// The semaphore behind a pointer.
///
/// # Safety
/// C contract: null, or an initialised semaphore that outlives the call.
unsafe fn semaphore<'a>(place: *mut sem_t) -> Result<&'a Semaphore> {
    // SAFETY: the caller's promise; it fits, atomics inside.
    unsafe { place.cast::<Semaphore>().as_ref() }.ok_or(error(EINVAL))
}

/// Makes a semaphore with a value; `EINVAL` for one above the greatest.
///
/// # Safety
/// C contract: `place` takes a semaphore.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_init(place: *mut sem_t, _shared: c_int, value: c_uint) -> c_int {
    if value > VALUE_MAX {
        return fail(EINVAL);
    }
    let fresh = Semaphore { word: AtomicU32::new(value) };
    // SAFETY: the contract; it fits.
    status(unsafe { put(place.cast::<Semaphore>(), fresh) })
}

/// Ends a semaphore, which holds nothing.
///
/// # Safety
/// C contract: an initialised semaphore for which nobody waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_destroy(place: *mut sem_t) -> c_int {
    // SAFETY: the contract.
    status(unsafe { semaphore(place) })
}

/// Gives one; `EOVERFLOW` at the greatest value.
///
/// # Safety
/// C contract: an initialised semaphore.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_post(place: *mut sem_t) -> c_int {
    // SAFETY: the contract.
    status(unsafe { semaphore(place) }.and_then(Semaphore::give))
}

/// Takes one, and waits until there is one.
///
/// # Safety
/// C contract: an initialised semaphore.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_wait(place: *mut sem_t) -> c_int {
    // SAFETY: the contract.
    status(unsafe { semaphore(place) }.and_then(|semaphore| semaphore.take(Patience::Endless)))
}

/// Takes one if there is one, else `EAGAIN`.
///
/// # Safety
/// C contract: an initialised semaphore.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_trywait(place: *mut sem_t) -> c_int {
    // SAFETY: the contract.
    status(unsafe { semaphore(place) }.and_then(|semaphore| semaphore.take(Patience::None)))
}

/// Takes one before an instant of the real-time clock, else `ETIMEDOUT`.
///
/// # Safety
/// C contract: an initialised semaphore, a readable instant.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_timedwait(place: *mut sem_t, instant: *const timespec) -> c_int {
    // SAFETY: the same contract.
    unsafe { sem_clockwait(place, CLOCK_REALTIME, instant) }
}

/// Takes one before an instant of a clock, else `ETIMEDOUT`.
///
/// # Safety
/// C contract: an initialised semaphore, a readable instant.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_clockwait(
    place: *mut sem_t,
    number: clockid_t,
    instant: *const timespec,
) -> c_int {
    // SAFETY: the contract.
    status(unsafe { semaphore(place) }.and_then(|semaphore| {
        // An instant counts only for who has to wait.
        if semaphore.try_take(false) {
            return Ok(());
        }
        // SAFETY: the contract.
        let instant = unsafe { get(instant) }?;
        let instant = nanoseconds(&instant).ok_or(error(EINVAL))?;
        semaphore.take(Patience::Until(clock(number).ok_or(error(EINVAL))?, instant))
    }))
}

/// The value; 0 when threads wait.
///
/// # Safety
/// C contract: an initialised semaphore, a writable value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sem_getvalue(place: *mut sem_t, value: *mut c_int) -> c_int {
    // SAFETY: the contract.
    status(unsafe { semaphore(place) }.and_then(|semaphore| {
        // SAFETY: the contract.
        unsafe { put(value, semaphore.value()) }
    }))
}
