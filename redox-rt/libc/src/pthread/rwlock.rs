//! `pthread_rwlock_*`: one futex word. Readers may overtake waiting writers.
use super::{clock, nanoseconds};
use crate::pointer::get;
use clavis_rt::sys::thread::{futex_wait, futex_wake};
use clavis_rt::sys::time::{Clock, now};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};
use libc::{
    CLOCK_REALTIME, EAGAIN, EBUSY, EINVAL, EPERM, ETIMEDOUT, pthread_rwlock_t,
    pthread_rwlockattr_t, timespec,
};
use syscall::data::TimeSpec;

/// Readers are counted in the low bits; all of them set: a writer holds it.
const HOLDERS: u32 = 0x7FFF_FFFF;
const WRITER: u32 = HOLDERS;
/// Somebody sleeps until the lock is let go.
const WAITING: u32 = 0x8000_0000;

/// What lies in a `pthread_rwlock_t`.
#[repr(transparent)]
struct RwLock {
    word: AtomicU32,
}

const _: () = assert!(size_of::<RwLock>() == size_of::<pthread_rwlock_t>());

/// How one caller changes the holders, if it may.
type Change = fn(u32) -> Result<u32, c_int>;

/// One reader more.
fn reading(holders: u32) -> Result<u32, c_int> {
    match holders {
        WRITER => Err(EBUSY),
        holders if holders + 1 == WRITER => Err(EAGAIN),
        holders => Ok(holders + 1),
    }
}

/// The only writer.
fn writing(holders: u32) -> Result<u32, c_int> {
    if holders == 0 { Ok(WRITER) } else { Err(EBUSY) }
}

/// When to give up.
#[derive(Clone, Copy)]
enum Patience {
    None,
    Until(Clock, u64),
    Endless,
}

impl RwLock {
    fn take(&self, change: Change, patience: Patience) -> c_int {
        loop {
            let word = self.word.load(Ordering::Relaxed);
            match change(word & HOLDERS) {
                Ok(next) => {
                    let next = next | word & WAITING;
                    let swap = self.word.compare_exchange_weak(
                        word,
                        next,
                        Ordering::Acquire,
                        Ordering::Relaxed,
                    );
                    if swap.is_ok() {
                        return 0;
                    }
                }
                Err(EBUSY) => {
                    if let Some(result) = self.wait(word, patience) {
                        return result;
                    }
                }
                Err(error) => return error,
            }
        }
    }

    /// Sleeps until the lock may have been let go. Answers the error when the patience is over.
    fn wait(&self, word: u32, patience: Patience) -> Option<c_int> {
        let left = match patience {
            Patience::None => return Some(EBUSY),
            Patience::Endless => None,
            Patience::Until(clock, instant) => {
                let left = instant.saturating_sub(now(clock));
                if left == 0 {
                    return Some(ETIMEDOUT);
                }
                Some(TimeSpec::from_nanos(u128::from(left)))
            }
        };
        let waiting = word | WAITING;
        let marked =
            self.word.compare_exchange(word, waiting, Ordering::Relaxed, Ordering::Relaxed);
        if marked.is_ok() {
            // Every answer but a wake-up means: look again.
            let _ = futex_wait(&self.word, waiting, left.as_ref());
        }
        None
    }

    fn release(&self) -> c_int {
        loop {
            let word = self.word.load(Ordering::Relaxed);
            let holders = match word & HOLDERS {
                0 => return EPERM,
                WRITER => 0,
                readers => readers - 1,
            };
            // The last to leave takes the mark away and wakes all: they look again.
            let next = if holders == 0 { 0 } else { holders | word & WAITING };
            let swap =
                self.word.compare_exchange_weak(word, next, Ordering::Release, Ordering::Relaxed);
            if swap.is_ok() {
                if holders == 0 && word & WAITING != 0 {
                    futex_wake(&self.word, i32::MAX as u32);
                }
                return 0;
            }
        }
    }
}

/// The lock behind a pointer.
///
/// # Safety
/// C contract: it points to an initialised lock that outlives the call.
unsafe fn lock<'a>(place: *mut pthread_rwlock_t) -> &'a RwLock {
    // SAFETY: the caller's promise; same size and alignment, an atomic inside.
    unsafe { &*place.cast::<RwLock>() }
}

/// The patience of a timed call.
///
/// # Safety
/// The instant is null or readable.
unsafe fn until(instant: *const timespec) -> Option<Patience> {
    // SAFETY: the caller's promise.
    let instant = unsafe { get(instant) }.ok()?;
    Some(Patience::Until(clock(CLOCK_REALTIME)?, nanoseconds(&instant)?))
}

/// Makes a lock; there are no attributes.
///
/// # Safety
/// C contract: `place` takes a lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_init(
    place: *mut pthread_rwlock_t,
    _attributes: *const pthread_rwlockattr_t,
) -> c_int {
    // SAFETY: the contract.
    unsafe { place.cast::<RwLock>().write(RwLock { word: AtomicU32::new(0) }) };
    0
}

/// Makes attributes, which hold nothing.
///
/// # Safety
/// C contract: `place` takes attributes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlockattr_init(place: *mut pthread_rwlockattr_t) -> c_int {
    // SAFETY: the contract.
    unsafe { core::ptr::write_bytes(place, 0, 1) };
    0
}

/// Ends attributes, which hold nothing.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_rwlockattr_destroy(_place: *mut pthread_rwlockattr_t) -> c_int {
    0
}

/// Ends a lock; `EBUSY` while somebody holds it.
///
/// # Safety
/// C contract: an initialised lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_destroy(place: *mut pthread_rwlock_t) -> c_int {
    // SAFETY: the contract.
    if unsafe { lock(place) }.word.load(Ordering::Relaxed) & HOLDERS == 0 { 0 } else { EBUSY }
}

/// Takes a lock for reading.
///
/// # Safety
/// C contract: an initialised lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_rdlock(place: *mut pthread_rwlock_t) -> c_int {
    // SAFETY: the contract.
    unsafe { lock(place) }.take(reading, Patience::Endless)
}

/// Takes a lock for reading if no writer holds it, else `EBUSY`.
///
/// # Safety
/// C contract: an initialised lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_tryrdlock(place: *mut pthread_rwlock_t) -> c_int {
    // SAFETY: the contract.
    unsafe { lock(place) }.take(reading, Patience::None)
}

/// Takes a lock for reading before an instant of the real-time clock, else `ETIMEDOUT`.
///
/// # Safety
/// C contract: an initialised lock, a readable instant.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_timedrdlock(
    place: *mut pthread_rwlock_t,
    instant: *const timespec,
) -> c_int {
    // SAFETY: the contract.
    let Some(patience) = (unsafe { until(instant) }) else { return EINVAL };
    // SAFETY: the contract.
    unsafe { lock(place) }.take(reading, patience)
}

/// Takes a lock for writing.
///
/// # Safety
/// C contract: an initialised lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_wrlock(place: *mut pthread_rwlock_t) -> c_int {
    // SAFETY: the contract.
    unsafe { lock(place) }.take(writing, Patience::Endless)
}

/// Takes a lock for writing if nobody holds it, else `EBUSY`.
///
/// # Safety
/// C contract: an initialised lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_trywrlock(place: *mut pthread_rwlock_t) -> c_int {
    // SAFETY: the contract.
    unsafe { lock(place) }.take(writing, Patience::None)
}

/// Takes a lock for writing before an instant of the real-time clock, else `ETIMEDOUT`.
///
/// # Safety
/// C contract: an initialised lock, a readable instant.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_timedwrlock(
    place: *mut pthread_rwlock_t,
    instant: *const timespec,
) -> c_int {
    // SAFETY: the contract.
    let Some(patience) = (unsafe { until(instant) }) else { return EINVAL };
    // SAFETY: the contract.
    unsafe { lock(place) }.take(writing, patience)
}

/// Lets a lock go; `EPERM` when nobody holds it.
///
/// # Safety
/// C contract: an initialised lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_rwlock_unlock(place: *mut pthread_rwlock_t) -> c_int {
    // SAFETY: the contract.
    unsafe { lock(place) }.release()
}
