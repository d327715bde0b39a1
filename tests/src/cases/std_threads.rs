//! Rust's std on threads: many of them, their names, stacks and variables, and what a panic in one
//! means to the others.
use super::support::check;
use crate::run::{Case, Verdict};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{
    Arc, Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, PoisonError, RwLock, mpsc,
};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

pub(crate) const CASES: &[Case] = &[
    Case { name: "std_lets_sixty_four_threads_share_a_mutex_and_a_condition", run: sixty_four },
    Case { name: "std_parks_and_unparks_threads", run: parking },
    Case { name: "std_names_threads_and_gives_them_their_stacks", run: names_and_stacks },
    Case { name: "std_drops_thread_locals_that_use_each_other", run: locals },
    Case { name: "std_initialises_once_whoever_comes_first", run: once },
    Case { name: "std_passes_messages_in_order", run: channels },
    Case { name: "std_readers_share_and_writers_are_alone", run: readers_and_writers },
    Case { name: "std_poisons_what_a_panic_left_behind", run: poison },
    Case { name: "std_unwinds_through_threads_and_scopes", run: unwinding },
    Case { name: "std_leaves_no_thread_behind", run: no_threads_left },
];

const THREADS: usize = 64;

/// A lock's content whatever happened to it.
fn whatever<T>(result: Result<T, PoisonError<T>>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}

fn sixty_four() -> Verdict {
    const ROUNDS: usize = 50;
    // Each takes its turn: the mutex holds whose it is, the condition tells of the change.
    let shared = Arc::new((Mutex::new((0usize, 0usize)), Condvar::new()));
    let threads: Vec<_> = (0..THREADS)
        .map(|own| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for _ in 0..ROUNDS {
                    let mut state = whatever(shared.0.lock());
                    while state.0 != own {
                        state = whatever(shared.1.wait(state));
                    }
                    state.0 = (own + 1) % THREADS;
                    state.1 += 1;
                    drop(state);
                    shared.1.notify_all();
                }
            })
        })
        .collect();
    for thread in threads {
        check(thread.join().is_ok(), "a thread failed")?;
    }
    let state = *whatever(shared.0.lock());
    check(state == (0, THREADS * ROUNDS), &format!("turn and count are {state:?}"))
}

fn parking() -> Verdict {
    let flag = Arc::new(AtomicBool::new(false));
    let parked = {
        let flag = Arc::clone(&flag);
        thread::spawn(move || {
            while !flag.load(Ordering::Acquire) {
                thread::park();
            }
        })
    };
    thread::sleep(Duration::from_millis(5));
    parked.thread().unpark();
    flag.store(true, Ordering::Release);
    parked.thread().unpark();
    check(parked.join().is_ok(), "the parked thread failed")?;
    // A token that was given before counts, once.
    thread::current().unpark();
    thread::park();
    let start = Instant::now();
    thread::park_timeout(Duration::from_millis(20));
    check(start.elapsed() >= Duration::from_millis(19), "it went on although nobody said so")
}

fn names_and_stacks() -> Verdict {
    let named = Builder::new()
        .name("worker-7".into())
        .spawn(|| thread::current().name().map(str::to_owned));
    let name = named.map_err(|error| error.to_string())?.join();
    check(matches!(&name, Ok(Some(name)) if name == "worker-7"), &format!("it is {name:?}"))?;
    /// Uses about so many KiB of the stack.
    fn deep(kib: usize) -> usize {
        let block = std::hint::black_box([kib as u8; 1024]);
        if kib == 0 { 0 } else { deep(kib - 1) + usize::from(block.len() == 1024) }
    }
    for (size, kib) in [(64 << 10, 20), (1 << 20, 400), (8 << 20, 4000)] {
        let thread = Builder::new().stack_size(size).spawn(move || deep(kib));
        let reached = thread.map_err(|error| error.to_string())?.join();
        check(matches!(reached, Ok(depth) if depth == kib), &format!("{size} bytes were too few"))?;
    }
    let refused = Builder::new().stack_size(usize::MAX / 2).spawn(|| ());
    check(refused.is_err(), "a stack larger than memory was given")
}

static LOG: Mutex<Vec<&str>> = Mutex::new(Vec::new());

struct Early;

impl Drop for Early {
    fn drop(&mut self) {
        whatever(LOG.lock()).push("early");
        // A destructor may use another variable for the first time, which is dropped then too.
        LATE.with(|_| {});
    }
}

struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        whatever(LOG.lock()).push("late");
    }
}

thread_local! {
    static EARLY: Early = const { Early };
    static LATE: Late = const { Late };
    static COUNT: Cell<usize> = const { Cell::new(1) };
}

fn locals() -> Verdict {
    COUNT.set(5);
    let other = thread::spawn(|| {
        EARLY.with(|_| {});
        COUNT.get()
    });
    check(matches!(other.join(), Ok(1)), "a thread saw another's variable")?;
    let log = whatever(LOG.lock()).clone();
    check(log == ["early", "late"], &format!("the destructors ran as {log:?}"))?;
    check(COUNT.get() == 5, "a thread changed another's variable")
}

fn once() -> Verdict {
    static ONCE: Once = Once::new();
    static CELL: OnceLock<usize> = OnceLock::new();
    static LAZY: LazyLock<usize> = LazyLock::new(|| CALLS.fetch_add(1, Ordering::SeqCst) + 41);
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let barrier = Barrier::new(16);
    let leaders = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..16 {
            let (barrier, leaders) = (&barrier, &leaders);
            scope.spawn(move || {
                if barrier.wait().is_leader() {
                    leaders.fetch_add(1, Ordering::SeqCst);
                }
                ONCE.call_once(|| _ = CALLS.fetch_add(100, Ordering::SeqCst));
                CELL.get_or_init(|| number);
                assert!(*LAZY >= 41 && ONCE.is_completed());
            });
        }
    });
    let calls = CALLS.load(Ordering::SeqCst);
    check(calls == 101, &format!("they were called {calls} times"))?;
    check(leaders.load(Ordering::SeqCst) == 1, "a barrier has other than one leader")?;
    check(CELL.get().is_some_and(|number| *number < 16), "the cell was set by nobody")
}

fn channels() -> Verdict {
    let (to, from) = mpsc::channel();
    let threads: Vec<_> = (0..8usize)
        .map(|own| {
            let to = to.clone();
            thread::spawn(move || (0..500usize).all(|number| to.send((own, number)).is_ok()))
        })
        .collect();
    drop(to);
    let mut next = [0; 8];
    for (own, number) in from {
        let slot = next.get_mut(own).ok_or("a message of nobody")?;
        check(*slot == number, "messages of one sender changed their order")?;
        *slot += 1;
    }
    check(next == [500; 8], "messages were lost")?;
    check(threads.into_iter().all(|thread| thread.join().unwrap_or(false)), "sending failed")?;
    // A channel without room: a sender waits until it is received.
    let (to, from) = mpsc::sync_channel(0);
    let (done, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let sender = {
        let (done, seen) = (Arc::clone(&done), Arc::clone(&seen));
        thread::spawn(move || {
            let sent = to.send(1).is_ok();
            done.store(seen.load(Ordering::SeqCst), Ordering::SeqCst);
            sent
        })
    };
    thread::sleep(Duration::from_millis(5));
    seen.store(true, Ordering::SeqCst);
    check(from.recv() == Ok(1), "nothing was received")?;
    check(
        sender.join().unwrap_or(false) && done.load(Ordering::SeqCst),
        "the sender went on early",
    )?;
    check(from.recv().is_err(), "a channel without senders gave something")
}

fn readers_and_writers() -> Verdict {
    let lock = RwLock::new((0u64, 0u64));
    let (reading, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let torn = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..300 {
                    let pair = whatever(lock.read());
                    most.fetch_max(reading.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    torn.fetch_or(pair.0 != pair.1, Ordering::SeqCst);
                    thread::yield_now();
                    reading.fetch_sub(1, Ordering::SeqCst);
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..300 {
                    let mut pair = whatever(lock.write());
                    torn.fetch_or(reading.load(Ordering::SeqCst) > 0, Ordering::SeqCst);
                    pair.0 += 1;
                    thread::yield_now();
                    pair.1 += 1;
                }
            });
        }
    });
    check(!torn.load(Ordering::SeqCst), "a reader saw half of a write")?;
    check(most.load(Ordering::SeqCst) > 1, "readers never shared the lock")?;
    check(lock.into_inner().is_ok_and(|pair| pair == (600, 600)), "writes were lost")
}

fn poison() -> Verdict {
    std::panic::set_hook(Box::new(|_| {}));
    let shared = Arc::new((Mutex::new(1), RwLock::new(1)));
    let other = Arc::clone(&shared);
    let failed = thread::spawn(move || {
        let _held = (other.0.lock(), other.1.write());
        panic!("while it held them");
    });
    check(failed.join().is_err(), "the panic went unseen")?;
    check(shared.0.is_poisoned() && shared.1.is_poisoned(), "the locks look untouched")?;
    check(*whatever(shared.0.lock()) == 1, "what it held is gone")?;
    shared.0.clear_poison();
    check(shared.0.lock().is_ok(), "the lock cannot be used again")
}

fn unwinding() -> Verdict {
    std::panic::set_hook(Box::new(|_| {}));
    static UNWOUND: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl Drop for Counted {
        fn drop(&mut self) {
            UNWOUND.fetch_add(1, Ordering::SeqCst);
        }
    }
    fn fall(depth: usize) {
        let _counted = Counted;
        if depth == 0 {
            std::panic::panic_any(17u32);
        }
        fall(depth - 1);
    }
    let threads: Vec<_> = (0..8).map(|_| thread::spawn(|| fall(50))).collect();
    for thread in threads {
        let what = thread.join().err().and_then(|what| what.downcast_ref::<u32>().copied());
        check(what == Some(17), &format!("join said {what:?}"))?;
    }
    check(UNWOUND.load(Ordering::SeqCst) == 8 * 51, "frames were left behind")?;
    let scoped = std::panic::catch_unwind(|| {
        thread::scope(|scope| {
            scope.spawn(|| fall(3));
        });
    });
    check(scoped.is_err(), "a scope did not tell of its thread")?;
    let inside = std::panic::catch_unwind(|| {
        let inner = std::panic::catch_unwind(|| fall(1));
        assert!(inner.is_err());
        thread::panicking()
    });
    check(matches!(inside, Ok(false)), "a caught panic goes on")
}

fn no_threads_left() -> Verdict {
    // The account has room for far fewer threads at once than are started one after another,
    // joined and not.
    for round in 0..300 {
        let thread = thread::spawn(move || round);
        if round % 2 == 0 {
            check(thread.join().is_ok(), "a thread failed")?;
        } else {
            drop(thread);
            thread::yield_now();
        }
    }
    Ok(())
}
