//! Threads, copies of the process, signals.
use crate::measure::{Outcome, Row, median, median_of_long};
use clavis::measure::{fork_exit_wait, futex_wait, futex_wake, signal_prepare, signal_self};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const ROWS: &[Row] = &[
    Row { name: "fork", what: "fork, exit in the copy, wait", run: fork },
    Row { name: "fork-large", what: "the same with 8 MiB that were written", run: fork_large },
    Row { name: "thread", what: "std's spawn and join of an empty thread", run: thread },
    Row { name: "futex", what: "wake another thread and wait for its answer", run: futex },
    Row { name: "signal", what: "a signal to the own thread, its handler, and back", run: signal },
];

fn holds(done: bool, what: &str) -> Result<(), String> {
    if done { Ok(()) } else { Err(what.into()) }
}

fn fork() -> Outcome {
    median_of_long(|| holds(fork_exit_wait(), "the copy was not waited for"))
}

fn fork_large() -> Outcome {
    let written = vec![1u8; 8 << 20];
    let outcome = fork();
    drop(std::hint::black_box(written));
    outcome
}

fn thread() -> Outcome {
    median_of_long(|| holds(std::thread::spawn(|| ()).join().is_ok(), "the thread panicked"))
}

/// Whose turn it is, or that it is over.
const MINE: u32 = 0;
const YOURS: u32 = 1;
const OVER: u32 = 2;

fn turn(word: &AtomicU32, from: u32) -> u32 {
    loop {
        match word.load(Ordering::Acquire) {
            other if other != from => return other,
            _ => futex_wait(word, from),
        }
    }
}

fn futex() -> Outcome {
    let word = Arc::new(AtomicU32::new(MINE));
    let other = word.clone();
    let partner = std::thread::spawn(move || {
        while turn(&other, MINE) == YOURS {
            other.store(MINE, Ordering::Release);
            futex_wake(&other);
        }
    });
    let outcome = median(|| {
        word.store(YOURS, Ordering::Release);
        futex_wake(&word);
        turn(&word, YOURS);
        Ok(())
    });
    word.store(OVER, Ordering::Release);
    futex_wake(&word);
    holds(partner.join().is_ok(), "the partner panicked")?;
    outcome
}

fn signal() -> Outcome {
    signal_prepare();
    median(|| holds(signal_self(), "the handler did not run"))
}
