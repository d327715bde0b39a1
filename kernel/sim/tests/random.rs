//! Random programs against the kernel: whatever they do, every invariant holds, and at the end
//! everything goes back.
//!
//! `CLAVIS_SEED` sets the seed; `CLAVIS_CALLS` how many calls are made.
use clavis_core::machine::Machine;
use clavis_sim::authority::Authority;
use clavis_sim::random::{Shared, populate};
use clavis_sim::world::{CPU, Programs, Progress};
use clavis_sim::{SimMachine, World};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// How a world is mistreated.
#[derive(Clone, Copy, Debug)]
struct Weather {
    frames: usize,
    /// One request for memory in so many fails; 0: none.
    failures: u32,
    /// One process is killed in so many steps.
    kills: u32,
    check_every: u64,
    /// Every entry is looked at for authority that grew.
    suspicious: bool,
}

fn run_world(
    seed: u64,
    calls: u64,
    weather: Weather,
    made: &mut BTreeMap<&'static str, (u64, u64)>,
) -> u64 {
    let shared = Shared::new(seed);
    let programs = Programs::default();
    let entry = populate(&programs, &shared);
    let mut world = World::boot(SimMachine::new(weather.frames, seed), programs, entry);
    world.check_every = weather.check_every;
    world.authority = weather.suspicious.then(Authority::default);
    world.machine().failures.one_in = weather.failures;
    let mut chaos = fastrand::Rng::with_seed(seed ^ 0xC4A0);
    let (mut entries, mut most) = (0, 0);
    let ran = catch_unwind(AssertUnwindSafe(|| {
        while world.calls < calls && world.machine().power.is_none() {
            if world.step() == Progress::Idle {
                if std::env::var("CLAVIS_ONE").is_ok() {
                    println!("idle");
                }
                break;
            }
            entries = world.entries;
            if chaos.u32(..weather.kills) == 0 {
                let all = world.kernel.process_numbers();
                // Not the first one: with it the world ends.
                if let Some(number) = all.get(1 + chaos.usize(..all.len().max(1))) {
                    world.kernel.end_process(*number);
                    world.nudge();
                }
            }
            if chaos.u32(..200) == 0 {
                world.kernel.irq(CPU, chaos.u32(..16));
                world.nudge();
            }
            if chaos.u32(..300) == 0 {
                world.kernel.tick(CPU);
                world.nudge();
            }
        }
        if std::env::var("CLAVIS_ONE").is_ok() {
            let machine = world.machine();
            println!("power {:?} {}", machine.power, String::from_utf8_lossy(&machine.logged));
        }
        world.machine().failures.one_in = 0;
        most = most.max(world.machine().most.pages);
        world.check();
        world.end();
    }));
    if let Err(why) = ran {
        eprintln!("CLAVIS_SEED={seed} failed at entry {entries} in {weather:?}");
        resume_unwind(why);
    }
    if std::env::var("CLAVIS_ONE").is_ok() {
        println!("at most {most} pages in one entry");
    }
    for (name, (n, well)) in &shared.borrow().made {
        let counts = made.entry(name).or_default();
        counts.0 += n;
        counts.1 += well;
    }
    world.calls
}

#[test]
fn random_programs_break_no_invariant() {
    let total = from_environment("CLAVIS_CALLS").unwrap_or(1_050_000);
    let fixed = from_environment("CLAVIS_SEED");
    let first = fixed.unwrap_or_else(|| fastrand::u64(..1 << 40));
    println!("CLAVIS_SEED={first}");
    let (mut calls, mut made, mut worlds) = (0, BTreeMap::new(), 0);
    while calls < total {
        let seed = first.wrapping_add(worlds);
        let mut rng = fastrand::Rng::with_seed(seed);
        let weather = Weather {
            frames: [1500, 2500, 6000][rng.usize(..3)],
            failures: [0, 0, 30, 300, 3000][rng.usize(..5)],
            kills: [300, 2000, 20_000][rng.usize(..3)],
            check_every: from_environment("CLAVIS_CHECK").unwrap_or(64),
            suspicious: worlds.is_multiple_of(8) || from_environment("CLAVIS_CHECK").is_some(),
        };
        calls += run_world(seed, (total - calls).min(30_000), weather, &mut made).max(1);
        worlds += 1;
        if fixed.is_some() && std::env::var("CLAVIS_ONE").is_ok() {
            break;
        }
    }
    println!("{calls} calls in {worlds} worlds");
    for (name, (n, well)) in &made {
        println!("{name:>16} {n:>8} {well:>8}");
    }
    let _ = SimMachine::new(1, 0).frames_free();
}
