//! Every request for memory fails once: nothing panics, nothing leaks.
use clavis_sim::random::{Shared, populate};
use clavis_sim::world::{Programs, Progress};
use clavis_sim::{SimMachine, World};

/// Calls in one run.
const CALLS: u64 = 700;

/// Runs a fixed random world for a while; how many requests for memory it made.
fn run(seed: u64, calls: u64, nth: Option<u64>) -> u64 {
    let shared = Shared::new(seed);
    let programs = Programs::default();
    let entry = populate(&programs, &shared);
    let mut machine = SimMachine::new(1200, seed);
    machine.failures.nth = nth;
    let Some(mut world) = World::try_boot(machine, programs, entry) else { return 0 };
    world.check_every = 32;
    while world.calls < calls && world.machine().power.is_none() {
        if world.step() == Progress::Idle {
            break;
        }
    }
    let asked = world.machine().failures.asked;
    world.machine().failures.nth = None;
    world.end();
    asked
}

#[test]
fn whichever_request_for_memory_fails_nothing_breaks() {
    let seeds = [11, 12, 14, 15];
    for seed in seeds {
        let asked = run(seed, CALLS, None);
        assert!(asked > 100, "the programs ask for memory: {asked} times");
        for nth in 0..asked {
            println!("CLAVIS_SEED={seed}, request {nth} of {asked} fails");
            run(seed, CALLS, Some(nth));
        }
    }
}
