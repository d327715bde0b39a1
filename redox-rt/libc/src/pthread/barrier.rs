//! `pthread_barrier_*`.
use clavis_rt::sync::{Condvar, RawMutex};
use core::ffi::{c_int, c_uint};
use core::sync::atomic::{AtomicU32, Ordering};
use libc::{EBUSY, EINVAL, pthread_barrier_t, pthread_barrierattr_t};

/// What one of the released threads is told.
const SERIAL_THREAD: c_int = -1;

/// What lies in a `pthread_barrier_t`.
#[repr(C)]
struct Barrier {
    lock: RawMutex,
    condition: Condvar,
    /// How many threads a round needs.
    needed: AtomicU32,
    /// How many of this round wait.
    waiting: AtomicU32,
    /// The number of the round.
    round: AtomicU32,
    rest: u32,
}

const _: () = assert!(size_of::<Barrier>() == size_of::<pthread_barrier_t>());

/// Makes a barrier for a number of threads; `EINVAL` for none. There are no attributes.
///
/// # Safety
/// C contract: `place` takes a barrier.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_barrier_init(
    place: *mut pthread_barrier_t,
    _attributes: *const pthread_barrierattr_t,
    needed: c_uint,
) -> c_int {
    if needed == 0 {
        return EINVAL;
    }
    let fresh = Barrier {
        lock: RawMutex::new(),
        condition: Condvar::new(),
        needed: AtomicU32::new(needed),
        waiting: AtomicU32::new(0),
        round: AtomicU32::new(0),
        rest: 0,
    };
    // SAFETY: the contract.
    unsafe { place.cast::<Barrier>().write(fresh) };
    0
}

/// Ends a barrier; `EBUSY` while threads wait.
///
/// # Safety
/// C contract: an initialised barrier.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_barrier_destroy(place: *mut pthread_barrier_t) -> c_int {
    // SAFETY: the contract; same size, atomics inside.
    let barrier = unsafe { &*place.cast::<Barrier>() };
    if barrier.waiting.load(Ordering::Relaxed) == 0 { 0 } else { EBUSY }
}

/// Waits until as many threads wait as the barrier needs; one of them gets -1, the others 0.
///
/// # Safety
/// C contract: an initialised barrier.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_barrier_wait(place: *mut pthread_barrier_t) -> c_int {
    // SAFETY: the contract; same size, atomics inside.
    let barrier = unsafe { &*place.cast::<Barrier>() };
    barrier.lock.acquire();
    let waiting = barrier.waiting.load(Ordering::Relaxed) + 1;
    let round = barrier.round.load(Ordering::Relaxed);
    let last = waiting >= barrier.needed.load(Ordering::Relaxed);
    if last {
        barrier.waiting.store(0, Ordering::Relaxed);
        barrier.round.store(round.wrapping_add(1), Ordering::Relaxed);
        barrier.condition.notify_all();
    } else {
        barrier.waiting.store(waiting, Ordering::Relaxed);
        while barrier.round.load(Ordering::Relaxed) == round {
            barrier.condition.wait(&barrier.lock);
        }
    }
    barrier.lock.release();
    if last { SERIAL_THREAD } else { 0 }
}
