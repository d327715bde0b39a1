//! Pictures of systems that never were, for tests.
use crate::{Held, Process, Snapshot, State};
use clavis_abi::Rights;
use clavis_abi::params::{ObjectType, upper_number};
use fastrand::Rng;

/// A handle with that number, to memory.
pub(crate) fn held(number: u64) -> Held {
    Held {
        number,
        kind: ObjectType::Memory as u64,
        rights: Rights::all(),
        inherit: Rights::all(),
        lease: 0,
        object: 0,
        maker: 0,
        step: 0,
        from: 0,
        via: 0,
        label: String::new(),
        state: State::Holds,
        path: String::new(),
    }
}

/// Names as nobody wants them.
const NAMES: &[&str] = &[
    "",
    "cat",
    "/bin/\"sh\"",
    "a\\",
    "</text><script>x</script>",
    "\x1b[2J\n\u{202e}",
    "a b % ' & é",
    "\";}digraph{",
    "\u{FFFF}\u{0}",
];

/// Runs a test on many pictures; the seed of each is printed, `CLAVIS_SEED` sets the first.
pub(crate) fn each(count: u64, mut test: impl FnMut(&Snapshot, &mut Rng)) {
    let first = std::env::var("CLAVIS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    for seed in first..first + count {
        println!("CLAVIS_SEED={seed}");
        let mut chance = Rng::with_seed(seed);
        let snapshot = snapshot(&mut chance);
        test(&snapshot, &mut chance);
    }
}

/// A picture of a few processes with handles to each other's things.
pub(crate) fn snapshot(chance: &mut Rng) -> Snapshot {
    let count = chance.u64(0..9);
    let processes = (1..=count).map(|number| process(chance, number, count));
    Snapshot::new(processes.collect())
}

fn process(chance: &mut Rng, number: u64, count: u64) -> Process {
    let handles = (0..chance.u64(0..8)).map(|at| {
        let number =
            if chance.bool() { at } else { upper_number(at as u16, chance.u32(..9)) as u64 };
        any_held(chance, number, count)
    });
    let handles = handles.collect();
    let name = NAMES[chance.usize(..NAMES.len())].to_owned();
    Process { number, name, parent: chance.u64(..=count), account: chance.u64(1..4), handles }
}

fn any_held(chance: &mut Rng, number: u64, count: u64) -> Held {
    Held {
        number,
        kind: chance.u64(1..26),
        rights: Rights::from_bits_truncate(chance.u64(..)),
        inherit: Rights::from_bits_truncate(chance.u64(..)),
        lease: chance.u64(..3),
        object: chance.u64(..5),
        maker: chance.u64(..=count),
        step: chance.u64(..9),
        from: chance.u64(..=count + 1),
        via: [chance.u64(..8), 0x8000 + chance.u64(..8), 0xFFFF][chance.usize(..3)],
        label: NAMES[chance.usize(..NAMES.len())].to_owned(),
        state: if chance.u8(..4) == 0 { State::Ended } else { State::Holds },
        path: if chance.bool() {
            NAMES[chance.usize(..NAMES.len())].to_owned()
        } else {
            String::new()
        },
    }
}
