//! Crates that run things beside each other.
use crossbeam::channel;
use parking_lot::{Condvar, Mutex, RwLock};
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn rayon_sums_and_sorts_on_several_threads() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    pool.install(|| {
        assert_eq!((0..1_000_000_u64).into_par_iter().sum::<u64>(), 499_999_500_000);
        let mut numbers: Vec<u32> =
            (0..200_000).map(|n: u32| n.wrapping_mul(2_654_435_761)).collect();
        let mut want = numbers.clone();
        numbers.par_sort_unstable();
        want.sort_unstable();
        assert!(numbers == want);
        let (left, right) = rayon::join(|| fibonacci(18), || fibonacci(19));
        assert_eq!(left + right, fibonacci(20));
    });
    assert_eq!(pool.broadcast(|context| context.index()).len(), 4);
}

fn fibonacci(n: u32) -> u64 {
    if n < 2 {
        return u64::from(n);
    }
    let (a, b) = rayon::join(|| fibonacci(n - 1), || fibonacci(n - 2));
    a + b
}

#[test]
fn crossbeam_delivers_every_message_once() {
    let (to, from) = channel::bounded::<u64>(8);
    let sum = AtomicU64::new(0);
    crossbeam::scope(|scope| {
        for _ in 0..3 {
            let (from, sum) = (from.clone(), &sum);
            scope.spawn(move |_| from.iter().for_each(|n| _ = sum.fetch_add(n, Ordering::Relaxed)));
        }
        for start in 0..4 {
            let to = to.clone();
            scope.spawn(move |_| {
                (start * 1000..(start + 1) * 1000).for_each(|n| to.send(n).unwrap())
            });
        }
        drop(to);
    })
    .unwrap();
    assert_eq!(sum.load(Ordering::Relaxed), 3999 * 4000 / 2);
}

#[test]
fn crossbeam_selects_what_is_ready_and_times_out() {
    let (to, from) = channel::unbounded::<u8>();
    let ticks = channel::after(Duration::from_millis(20));
    to.send(1).unwrap();
    crossbeam::select! {
        recv(from) -> got => assert_eq!(got, Ok(1)),
        recv(ticks) -> _ => panic!("the message was there"),
    }
    crossbeam::select! {
        recv(from) -> _ => panic!("nothing was sent"),
        recv(ticks) -> _ => {}
    }
}

#[test]
fn parking_lot_parks_and_wakes() {
    let state = Arc::new((Mutex::new(0_u32), Condvar::new()));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                for _ in 0..500 {
                    *state.0.lock() += 1;
                }
                state.1.notify_all();
            })
        })
        .collect();
    let mut count = state.0.lock();
    state.1.wait_while(&mut count, |count| *count < 4000);
    assert_eq!(*count, 4000);
    let start = Instant::now();
    let waited = state.1.wait_for(&mut count, Duration::from_millis(20));
    assert!(waited.timed_out() && start.elapsed() >= Duration::from_millis(19));
    drop(count);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn parking_lot_lets_readers_in_together_and_writers_alone() {
    let list = Arc::new(RwLock::new(Vec::new()));
    let (one, two) = (list.read(), list.read());
    assert!(list.try_write().is_none());
    drop((one, two));
    thread::scope(|scope| {
        for number in 0..4 {
            let list = &list;
            scope.spawn(move || (0..200).for_each(|_| list.write().push(number)));
        }
    });
    assert_eq!(list.read().len(), 800);
}
