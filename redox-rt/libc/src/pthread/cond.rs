//! `pthread_cond_*`: the runtime's condition variable, and the clock its waits count by.
use super::mutex::mutex;
use super::{clock, nanoseconds};
use crate::pointer::get;
use clavis_rt::sync::Condvar;
use clavis_rt::sys::time::Clock;
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};
use libc::{
    EINVAL, ETIMEDOUT, clockid_t, pthread_cond_t, pthread_condattr_t, pthread_mutex_t, timespec,
};

/// What lies in a `pthread_cond_t`.
#[repr(C)]
struct Cond {
    condition: Condvar,
    /// The number of the clock; 0 is the real-time clock, as POSIX says of a fresh one.
    clock: AtomicU32,
}

const _: () = assert!(size_of::<Cond>() == size_of::<pthread_cond_t>());
const _: () = assert!(size_of::<[u32; 2]>() == size_of::<pthread_condattr_t>());

/// The condition behind a pointer.
///
/// # Safety
/// C contract: it points to an initialised condition that outlives the call.
unsafe fn cond<'a>(place: *mut pthread_cond_t) -> &'a Cond {
    // SAFETY: the caller's promise; same size and alignment, atomics inside.
    unsafe { &*place.cast::<Cond>() }
}

/// Makes a condition variable.
///
/// # Safety
/// C contract: `place` takes one; `attributes` is null or initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_init(
    place: *mut pthread_cond_t,
    attributes: *const pthread_condattr_t,
) -> c_int {
    let clock = if attributes.is_null() {
        0
    } else {
        // SAFETY: initialised attributes start with the clock's number.
        unsafe { attributes.cast::<u32>().read() }
    };
    let fresh = Cond { condition: Condvar::new(), clock: AtomicU32::new(clock) };
    // SAFETY: the contract.
    unsafe { place.cast::<Cond>().write(fresh) };
    0
}

/// Ends a condition variable, which holds nothing.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_cond_destroy(_place: *mut pthread_cond_t) -> c_int {
    0
}

/// Wakes one waiter.
///
/// # Safety
/// C contract: an initialised condition.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_signal(place: *mut pthread_cond_t) -> c_int {
    // SAFETY: the contract.
    unsafe { cond(place) }.condition.notify_one();
    0
}

/// Wakes all waiters.
///
/// # Safety
/// C contract: an initialised condition.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_broadcast(place: *mut pthread_cond_t) -> c_int {
    // SAFETY: the contract.
    unsafe { cond(place) }.condition.notify_all();
    0
}

/// Lets the mutex go, waits to be woken, takes it again.
///
/// # Safety
/// C contract: an initialised condition and a mutex that the caller holds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_wait(
    place: *mut pthread_cond_t,
    lock: *mut pthread_mutex_t,
) -> c_int {
    // SAFETY: the contract.
    let cond = unsafe { cond(place) };
    // SAFETY: the contract.
    let mutex = unsafe { mutex(lock) };
    mutex.around(|| cond.condition.wait(&mutex.lock));
    0
}

/// As [`pthread_cond_wait`], at most until an instant of the condition's clock: `ETIMEDOUT`.
///
/// # Safety
/// C contract: as there, and a readable instant.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_timedwait(
    place: *mut pthread_cond_t,
    lock: *mut pthread_mutex_t,
    instant: *const timespec,
) -> c_int {
    // SAFETY: the contract.
    let number = unsafe { cond(place) }.clock.load(Ordering::Relaxed) as c_int;
    let number = if number == 0 { libc::CLOCK_REALTIME } else { number };
    // SAFETY: the same contract.
    unsafe { pthread_cond_clockwait(place, lock, number, instant) }
}

/// As [`pthread_cond_wait`], at most until an instant of a clock: `ETIMEDOUT`.
///
/// # Safety
/// C contract: as there, and a readable instant.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_clockwait(
    place: *mut pthread_cond_t,
    lock: *mut pthread_mutex_t,
    clock_number: clockid_t,
    instant: *const timespec,
) -> c_int {
    // SAFETY: the contract.
    let Ok(instant) = (unsafe { get(instant) }) else { return EINVAL };
    let (Some(clock), Some(instant)) = (clock(clock_number), nanoseconds(&instant)) else {
        return EINVAL;
    };
    // SAFETY: the contract.
    let cond = unsafe { cond(place) };
    // SAFETY: the contract.
    let mutex = unsafe { mutex(lock) };
    if mutex.around(|| wait_until(cond, mutex, clock, instant)) { 0 } else { ETIMEDOUT }
}

fn wait_until(cond: &Cond, mutex: &super::mutex::Mutex, clock: Clock, instant: u64) -> bool {
    cond.condition.wait_until(&mutex.lock, clock, instant)
}

/// Makes condition attributes.
///
/// # Safety
/// C contract: `place` takes attributes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_condattr_init(place: *mut pthread_condattr_t) -> c_int {
    // SAFETY: the contract.
    unsafe { place.cast::<[u32; 2]>().write([0; 2]) };
    0
}

/// Ends condition attributes, which hold nothing.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_condattr_destroy(_place: *mut pthread_condattr_t) -> c_int {
    0
}

/// Sets the clock of the waits; `EINVAL` for an unknown one.
///
/// # Safety
/// C contract: initialised attributes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_condattr_setclock(
    place: *mut pthread_condattr_t,
    number: clockid_t,
) -> c_int {
    if clock(number).is_none() {
        return EINVAL;
    }
    // SAFETY: the contract; the clock lies first.
    unsafe { place.cast::<u32>().write(number as u32) };
    0
}
