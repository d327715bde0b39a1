//! What scenario tests share.
use clavis_abi::error::{EINVAL, Result};
use clavis_sim::world::{Programs, Progress};
use clavis_sim::{SimMachine, Thread, World};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A world whose init runs that code.
pub(crate) fn world(init: impl FnOnce(&mut Thread) + Send + 'static) -> World {
    let programs = Programs::default();
    let entry = programs.add_thread(move |t| {
        init(t);
        // Init stays, so that what it started is seen as it left it.
        let _ = t.sleep(u64::MAX >> 2);
    });
    World::boot(SimMachine::new(4096, 1), programs, entry)
}

/// Boots, runs that code as init to its end, checks all the time, and looks that everything goes
/// back at the end: once undisturbed, then with turns that end at any step, and then with memory
/// that fails and processes that are killed at any step too.
///
/// What the code expects must come whoever runs when. Where memory fails and processes are killed
/// it need not: a process whose expectation fails ends there, and what counts is that the kernel
/// breaks no invariant and leaves nothing behind. `CLAVIS_SEED` sets the first seed.
pub(crate) fn scene(init: impl Fn(&mut Thread) + Clone + Send + 'static) {
    let first = std::env::var("CLAVIS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    calm(init.clone());
    for seed in first..first + 3 {
        restless(seed, init.clone());
    }
    for seed in first..first + 4 {
        harsh(seed, init.clone());
    }
}

/// As [`scene`], undisturbed only.
pub(crate) fn calm(init: impl FnOnce(&mut Thread) + Send + 'static) {
    let done = Arc::new(AtomicBool::new(false));
    let reached = Arc::clone(&done);
    let mut world = world(move |t| {
        init(t);
        reached.store(true, Ordering::Relaxed);
        t.exit(0);
    });
    world.run();
    assert!(done.load(Ordering::Relaxed), "the scene waits for ever");
    world.end();
}

/// As [`scene`], with turns that end at any step.
fn restless(seed: u64, init: impl FnOnce(&mut Thread) + Send + 'static) {
    println!("CLAVIS_SEED={seed}, turns end at any step");
    let mut chance = fastrand::Rng::with_seed(seed);
    let done = Arc::new(AtomicBool::new(false));
    let reached = Arc::clone(&done);
    let mut world = world(move |t| {
        init(t);
        reached.store(true, Ordering::Relaxed);
        t.exit(0);
    });
    for _ in 0..2_000_000 {
        if world.step() == Progress::Idle {
            world.check();
            assert!(done.load(Ordering::Relaxed), "the scene waits for ever");
            return world.end();
        }
        if chance.u32(..4) == 0 {
            world.kernel.end_turn();
            world.nudge();
        }
    }
    panic!("the scene does not come to rest");
}

/// Most steps of a scene in which nothing need come out as expected.
const HARSH_STEPS: usize = 4_000;

/// As [`scene`], with memory that fails and processes that are killed.
fn harsh(seed: u64, init: impl FnOnce(&mut Thread) + Send + 'static) {
    println!("CLAVIS_SEED={seed}, memory fails and processes are killed");
    let mut chance = fastrand::Rng::with_seed(seed ^ 0x5EED);
    let (one_in, kills) = [(0, 60), (25, 0), (60, 150), (400, 400)][(seed % 4) as usize];
    let mut world = world(move |t| {
        init(t);
        t.exit(0);
    });
    world.programs.forgive();
    world.machine().failures.one_in = one_in;
    for _ in 0..HARSH_STEPS {
        if world.step() == Progress::Idle {
            break;
        }
        if chance.u32(..6) == 0 {
            world.kernel.end_turn();
            world.nudge();
        }
        if kills > 0 && chance.u32(..kills) == 0 {
            let all = world.kernel.process_numbers();
            // Not the first one: with it the world ends.
            if let Some(number) = all.get(1 + chance.usize(..all.len().max(1))) {
                world.kernel.end_process(*number);
                world.nudge();
            }
        }
    }
    world.machine().failures.one_in = 0;
    world.check();
    world.end();
}

/// The error number of a result.
///
/// # Panics
/// When it is none.
pub(crate) fn errno<T: std::fmt::Debug>(result: Result<T>) -> i32 {
    match result {
        Err(error) => error.errno,
        Ok(value) => panic!("{value:?} where an error is expected (and not {EINVAL})"),
    }
}
