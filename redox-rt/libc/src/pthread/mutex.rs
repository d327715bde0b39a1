//! `pthread_mutex_*`.
//!
//! Kinds: the numbers differ between releases of the `libc` crate. 0 and 2 are plain (an old and
//! the new NORMAL), 1 reports errors, 3 is recursive.
use super::{clock, nanoseconds};
use crate::local::{self, Word};
use crate::pointer::get;
use clavis_rt::sync::RawMutex;
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};
use libc::{
    CLOCK_REALTIME, EBUSY, EDEADLK, EINVAL, EPERM, ETIMEDOUT, clockid_t, pthread_mutex_t,
    pthread_mutexattr_t, timespec,
};

const ERROR_CHECK: u32 = 1;
const RECURSIVE: u32 = 3;

/// What lies in a `pthread_mutex_t`.
#[repr(C)]
pub(super) struct Mutex {
    pub(super) lock: RawMutex,
    /// The kind in the low two bits; above them how often more than once the owner holds it.
    state: AtomicU32,
    /// The owner's mark, kept for the kinds that need one; 0: nobody.
    owner: AtomicU32,
}

const _: () = assert!(size_of::<Mutex>() == size_of::<pthread_mutex_t>());
const _: () = assert!(align_of::<Mutex>() == align_of::<pthread_mutex_t>());

/// What lies in a `pthread_mutexattr_t`.
#[repr(C)]
struct Attributes {
    kind: u32,
    rest: [u32; 4],
}

const _: () = assert!(size_of::<Attributes>() == size_of::<pthread_mutexattr_t>());

/// A number that no other living thread has.
fn mark() -> u32 {
    match local::get(Word::Mark) as u32 {
        0 => {
            // Thread numbers start anywhere; 0 must stay free.
            let number = clavis_rt::tls::current().number.get();
            let mark = (number as u32).wrapping_add(1).max(1);
            local::set(Word::Mark, mark as usize);
            mark
        }
        mark => mark,
    }
}

impl Mutex {
    fn kind(&self) -> u32 {
        self.state.load(Ordering::Relaxed) & 3
    }

    fn keeps_owner(&self) -> bool {
        matches!(self.kind(), ERROR_CHECK | RECURSIVE)
    }

    /// What locking means when the caller already holds it: `None` when it does not.
    fn again(&self) -> Option<c_int> {
        if !self.keeps_owner() || self.owner.load(Ordering::Relaxed) != mark() {
            return None;
        }
        if self.kind() != RECURSIVE {
            return Some(EDEADLK);
        }
        let state = self.state.load(Ordering::Relaxed);
        match state.checked_add(4) {
            Some(next) => {
                self.state.store(next, Ordering::Relaxed);
                Some(0)
            }
            None => Some(libc::EAGAIN),
        }
    }

    fn taken(&self) -> c_int {
        if self.keeps_owner() {
            self.owner.store(mark(), Ordering::Relaxed);
        }
        0
    }

    fn lock(&self) -> c_int {
        if let Some(result) = self.again() {
            return result;
        }
        self.lock.acquire();
        self.taken()
    }

    fn try_lock(&self) -> c_int {
        match self.again() {
            Some(EDEADLK) => return EBUSY,
            Some(result) => return result,
            None => {}
        }
        if self.lock.try_acquire() { self.taken() } else { EBUSY }
    }

    /// Runs a wait that lets the lock go and takes it again: meanwhile the caller is not its owner,
    /// however often it held it.
    pub(super) fn around<T>(&self, wait: impl FnOnce() -> T) -> T {
        let (state, owner) = (&self.state, &self.owner);
        let kept = (state.load(Ordering::Relaxed), owner.load(Ordering::Relaxed));
        state.store(kept.0 & 3, Ordering::Relaxed);
        owner.store(0, Ordering::Relaxed);
        let result = wait();
        state.store(kept.0, Ordering::Relaxed);
        owner.store(kept.1, Ordering::Relaxed);
        result
    }

    fn unlock(&self) -> c_int {
        if self.keeps_owner() {
            if self.owner.load(Ordering::Relaxed) != mark() {
                return EPERM;
            }
            let state = self.state.load(Ordering::Relaxed);
            if state >= 4 {
                self.state.store(state - 4, Ordering::Relaxed);
                return 0;
            }
            self.owner.store(0, Ordering::Relaxed);
        }
        self.lock.release();
        0
    }
}

/// The mutex behind a pointer.
///
/// # Safety
/// C contract: it points to an initialised mutex that outlives the call.
pub(super) unsafe fn mutex<'a>(place: *mut pthread_mutex_t) -> &'a Mutex {
    // SAFETY: the caller's promise; same size and alignment, atomics inside.
    unsafe { &*place.cast::<Mutex>() }
}

/// Makes a mutex.
///
/// # Safety
/// C contract: `place` takes a mutex; `attributes` is null or initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_init(
    place: *mut pthread_mutex_t,
    attributes: *const pthread_mutexattr_t,
) -> c_int {
    let kind = if attributes.is_null() {
        0
    } else {
        // SAFETY: initialised attributes, by the contract.
        unsafe { (*attributes.cast::<Attributes>()).kind }
    };
    let fresh =
        Mutex { lock: RawMutex::new(), state: AtomicU32::new(kind & 3), owner: AtomicU32::new(0) };
    // SAFETY: the contract.
    unsafe { place.cast::<Mutex>().write(fresh) };
    0
}

/// Ends a mutex; `EBUSY` while somebody holds it.
///
/// # Safety
/// C contract: an initialised mutex.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_destroy(place: *mut pthread_mutex_t) -> c_int {
    // SAFETY: the contract.
    let mutex = unsafe { mutex(place) };
    if mutex.lock.is_held() { EBUSY } else { 0 }
}

/// Takes a mutex.
///
/// # Safety
/// C contract: an initialised mutex.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_lock(place: *mut pthread_mutex_t) -> c_int {
    // SAFETY: the contract.
    unsafe { mutex(place) }.lock()
}

/// Takes a mutex if it is free, else `EBUSY`.
///
/// # Safety
/// C contract: an initialised mutex.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_trylock(place: *mut pthread_mutex_t) -> c_int {
    // SAFETY: the contract.
    unsafe { mutex(place) }.try_lock()
}

/// Takes a mutex before an instant of the real-time clock, else `ETIMEDOUT`.
///
/// # Safety
/// C contract: an initialised mutex, a readable instant.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_timedlock(
    place: *mut pthread_mutex_t,
    instant: *const timespec,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { pthread_mutex_clocklock(place, CLOCK_REALTIME, instant) }
}

/// Takes a mutex before an instant of a clock, else `ETIMEDOUT`.
///
/// # Safety
/// C contract: an initialised mutex, a readable instant.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_clocklock(
    place: *mut pthread_mutex_t,
    clock_number: clockid_t,
    instant: *const timespec,
) -> c_int {
    // SAFETY: the contract.
    let mutex = unsafe { mutex(place) };
    if let Some(result) = mutex.again() {
        return result;
    }
    // SAFETY: the contract.
    let Ok(instant) = (unsafe { get(instant) }) else { return EINVAL };
    let (Some(clock), Some(instant)) = (clock(clock_number), nanoseconds(&instant)) else {
        return EINVAL;
    };
    if mutex.lock.acquire_until(clock, instant) { mutex.taken() } else { ETIMEDOUT }
}

/// Lets a mutex go; `EPERM` when a kind that knows its owner is not held by the caller.
///
/// # Safety
/// C contract: an initialised mutex.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_unlock(place: *mut pthread_mutex_t) -> c_int {
    // SAFETY: the contract.
    unsafe { mutex(place) }.unlock()
}

/// Makes mutex attributes.
///
/// # Safety
/// C contract: `place` takes attributes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_init(place: *mut pthread_mutexattr_t) -> c_int {
    // SAFETY: the contract.
    unsafe { place.cast::<Attributes>().write(Attributes { kind: 0, rest: [0; 4] }) };
    0
}

/// Ends mutex attributes, which hold nothing.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_mutexattr_destroy(_place: *mut pthread_mutexattr_t) -> c_int {
    0
}

/// Sets the kind; `EINVAL` for an unknown one.
///
/// # Safety
/// C contract: initialised attributes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_settype(
    place: *mut pthread_mutexattr_t,
    kind: c_int,
) -> c_int {
    let Some(kind) = u32::try_from(kind).ok().filter(|kind| *kind <= 3) else { return EINVAL };
    let place = place.cast::<Attributes>();
    // SAFETY: the contract.
    unsafe { (*place).kind = kind };
    0
}

/// The kind.
///
/// # Safety
/// C contract: initialised attributes, a writable kind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_gettype(
    place: *const pthread_mutexattr_t,
    kind: *mut c_int,
) -> c_int {
    // SAFETY: the contract.
    let value = unsafe { (*place.cast::<Attributes>()).kind };
    // SAFETY: the contract.
    unsafe { kind.write(value as c_int) };
    0
}
