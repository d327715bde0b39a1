//! Locks on futex words: for the runtime itself and for libc's pthread functions.
//!
//! The raw types are one or two `u32` and start as zeroes, so libc can lay them into
//! `pthread_mutex_t` and `pthread_cond_t` as they are.
#![expect(unsafe_code, reason = "lock_api's raw trait and a cell that is written once")]

use crate::sys::thread::{futex_wait, futex_wake};
use crate::sys::time::{Clock, now};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU32, Ordering};
use syscall::data::TimeSpec;

/// A mutual exclusion of data, without poisoning.
pub type Mutex<T> = lock_api::Mutex<RawMutex, T>;
/// The guard of a [`Mutex`].
pub type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawMutex, T>;

const UNLOCKED: u32 = 0;
const LOCKED: u32 = 1;
const CONTENDED: u32 = 2;
/// Looks at a held lock before sleeping: on one CPU the holder cannot let go meanwhile, on more
/// it often does.
const SPINS: u32 = 20;

/// A lock of one word.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct RawMutex {
    word: AtomicU32,
}

impl RawMutex {
    /// An open lock.
    #[must_use]
    pub const fn new() -> RawMutex {
        RawMutex { word: AtomicU32::new(UNLOCKED) }
    }

    /// Takes it if it is free.
    pub fn try_acquire(&self) -> bool {
        self.word.compare_exchange(UNLOCKED, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Takes it.
    pub fn acquire(&self) {
        // Without a deadline it is always taken.
        let _ = self.try_acquire() || self.acquire_slow(None);
    }

    /// Takes it before an instant of a clock, in nanoseconds. Answers whether it was taken.
    pub fn acquire_until(&self, clock: Clock, instant: u64) -> bool {
        self.try_acquire() || self.acquire_slow(Some((clock, instant)))
    }

    #[cold]
    fn acquire_slow(&self, deadline: Option<(Clock, u64)>) -> bool {
        for _ in 0..SPINS {
            if self.word.load(Ordering::Relaxed) == UNLOCKED && self.try_acquire() {
                return true;
            }
            core::hint::spin_loop();
        }
        while self.word.swap(CONTENDED, Ordering::Acquire) != UNLOCKED {
            if !wait_until(&self.word, CONTENDED, deadline) {
                return false;
            }
        }
        true
    }

    /// Lets it go. A caller that does not hold it opens it for others: that is its own fault.
    pub fn release(&self) {
        if self.word.swap(UNLOCKED, Ordering::Release) == CONTENDED {
            futex_wake(&self.word, 1);
        }
    }

    /// Whether somebody holds it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.word.load(Ordering::Relaxed) != UNLOCKED
    }
}

// SAFETY: between `lock` and `unlock` the word is not UNLOCKED, and only a change from UNLOCKED
// takes it, so there is one holder.
unsafe impl lock_api::RawMutex for RawMutex {
    const INIT: RawMutex = RawMutex::new();
    type GuardMarker = lock_api::GuardSend;

    fn lock(&self) {
        self.acquire();
    }

    fn try_lock(&self) -> bool {
        self.try_acquire()
    }

    unsafe fn unlock(&self) {
        self.release();
    }

    fn is_locked(&self) -> bool {
        self.is_held()
    }
}

/// Waits on a word until it changes, a wake-up or the deadline. Answers false after the deadline.
fn wait_until(word: &AtomicU32, value: u32, deadline: Option<(Clock, u64)>) -> bool {
    let Some((clock, instant)) = deadline else {
        // Every answer but a wake-up means: look again.
        let _ = futex_wait(word, value, None);
        return true;
    };
    let left = instant.saturating_sub(now(clock));
    if left == 0 {
        return false;
    }
    let _ = futex_wait(word, value, Some(&TimeSpec::from_nanos(u128::from(left))));
    true
}

/// Waits until the word holds something else than `value`.
pub(crate) fn wait_word(word: &AtomicU32, value: u32) {
    while word.load(Ordering::Acquire) == value {
        wait_until(word, value, None);
    }
}

/// A condition variable of one word: a counter of notifications.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Condvar {
    word: AtomicU32,
}

impl Condvar {
    /// A condition nobody waits for.
    #[must_use]
    pub const fn new() -> Condvar {
        Condvar { word: AtomicU32::new(0) }
    }

    /// Lets the lock go, waits for a notification, takes the lock again. May wake spuriously.
    pub fn wait(&self, lock: &RawMutex) {
        self.wait_inner(lock, None);
    }

    /// As [`Condvar::wait`], at most until an instant of a clock, in nanoseconds. Answers false
    /// when the instant had come.
    pub fn wait_until(&self, lock: &RawMutex, clock: Clock, instant: u64) -> bool {
        self.wait_inner(lock, Some((clock, instant)))
    }

    fn wait_inner(&self, lock: &RawMutex, deadline: Option<(Clock, u64)>) -> bool {
        let value = self.word.load(Ordering::Relaxed);
        lock.release();
        wait_until(&self.word, value, deadline);
        lock.acquire();
        deadline.is_none_or(|(clock, instant)| {
            self.word.load(Ordering::Relaxed) != value || now(clock) < instant
        })
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.word.fetch_add(1, Ordering::Relaxed);
        futex_wake(&self.word, 1);
    }

    /// Wakes all waiters.
    pub fn notify_all(&self) {
        self.word.fetch_add(1, Ordering::Relaxed);
        futex_wake(&self.word, i32::MAX as u32);
    }
}

const ONCE_NEW: u32 = 0;
const ONCE_RUNNING: u32 = 1;
const ONCE_DONE: u32 = 2;
const ONCE_AWAITED: u32 = 3;

/// Something that happens once, of one word.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Once {
    word: AtomicU32,
}

impl Once {
    /// It has not happened yet.
    #[must_use]
    pub const fn new() -> Once {
        Once { word: AtomicU32::new(ONCE_NEW) }
    }

    /// Runs `action` unless it has run; waits while another thread runs it.
    pub fn call(&self, action: impl FnOnce()) {
        loop {
            match self.word.compare_exchange(
                ONCE_NEW,
                ONCE_RUNNING,
                Ordering::Acquire,
                Ordering::Acquire,
            ) {
                Ok(_) => {
                    action();
                    if self.word.swap(ONCE_DONE, Ordering::Release) == ONCE_AWAITED {
                        futex_wake(&self.word, i32::MAX as u32);
                    }
                    return;
                }
                Err(ONCE_DONE) => return,
                Err(seen) => {
                    let told = seen == ONCE_AWAITED
                        || self
                            .word
                            .compare_exchange(
                                ONCE_RUNNING,
                                ONCE_AWAITED,
                                Ordering::Relaxed,
                                Ordering::Relaxed,
                            )
                            .is_ok();
                    if told {
                        wait_until(&self.word, ONCE_AWAITED, None);
                    }
                }
            }
        }
    }

    /// Whether it has happened.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.word.load(Ordering::Acquire) == ONCE_DONE
    }
}

/// A cell that is set at most once, and read by everybody.
#[derive(Debug)]
pub struct OnceCell<T> {
    once: Once,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value is written by one thread inside `once`, and only read, shared, after it.
unsafe impl<T: Send + Sync> Sync for OnceCell<T> {}

impl<T: Copy> OnceCell<T> {
    /// An empty cell.
    #[must_use]
    pub const fn new() -> OnceCell<T> {
        OnceCell { once: Once::new(), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Sets the value, unless there is one.
    pub fn set(&self, value: T) {
        self.once.call(|| {
            // SAFETY: `once` runs this closure alone, before anybody can read.
            unsafe { self.value.get().write(MaybeUninit::new(value)) };
        });
    }

    /// The value, if it was set.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        if !self.once.is_done() {
            return None;
        }
        // SAFETY: after `once` nobody writes any more.
        let value = unsafe { &*self.value.get() };
        // SAFETY: it was written before `once` was done.
        Some(unsafe { value.assume_init_ref() })
    }
}

impl<T: Copy> Default for OnceCell<T> {
    fn default() -> Self {
        OnceCell::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;
    use std::vec::Vec;

    // The host's futex calls answer at once, so waiting becomes looking again; everything that
    // decides who may go on is as on the machine.

    #[test]
    fn a_lock_has_one_holder() {
        const ROUNDS: u32 = 200;
        let count = Arc::new(Mutex::const_new(RawMutex::new(), 0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let count = count.clone();
                thread::spawn(move || {
                    for _ in 0..ROUNDS {
                        let mut guard = count.lock();
                        let seen = *guard;
                        thread::yield_now();
                        *guard = seen + 1;
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*count.lock(), 4 * ROUNDS);
    }

    #[test]
    fn a_held_lock_is_not_taken_again() {
        let lock = RawMutex::new();
        lock.acquire();
        assert!(!lock.try_acquire());
        lock.release();
        assert!(lock.try_acquire());
    }

    #[test]
    fn a_waiter_goes_on_when_it_is_told() {
        let shared = Arc::new((RawMutex::new(), Condvar::new(), AtomicU32::new(0)));
        let waiter = {
            let shared = shared.clone();
            thread::spawn(move || {
                let (lock, condition, ready) = &*shared;
                lock.acquire();
                while ready.load(Ordering::Relaxed) == 0 {
                    condition.wait(lock);
                }
                let held = lock.is_held();
                lock.release();
                held
            })
        };
        let (lock, condition, ready) = &*shared;
        lock.acquire();
        ready.store(1, Ordering::Relaxed);
        lock.release();
        condition.notify_all();
        assert!(waiter.join().unwrap(), "a waiter holds the lock when it goes on");
    }

    #[test]
    fn what_happens_once_has_happened_for_everybody() {
        let once = Arc::new((Once::new(), AtomicU32::new(0)));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let once = once.clone();
                thread::spawn(move || {
                    once.0.call(|| {
                        thread::yield_now();
                        once.1.fetch_add(1, Ordering::Relaxed);
                    });
                    once.1.load(Ordering::Relaxed)
                })
            })
            .collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 1));
        assert!(once.0.is_done());
    }

    #[test]
    fn a_cell_keeps_its_first_value() {
        let cell = OnceCell::new();
        assert_eq!(cell.get(), None);
        cell.set(1);
        cell.set(2);
        assert_eq!(cell.get(), Some(&1));
    }
}
