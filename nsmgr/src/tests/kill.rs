//! Death in the middle of every write: the successor finds the state before or after the change.
use super::random::{Random, World};
use crate::Manager;
use alloc::vec;
use clavis_abi::namespace::permissions;

const BYTES: usize = 24 * 1024;

#[test]
fn killed_at_any_byte_a_change_is_whole_or_absent() {
    let mut random = Random::seeded();
    let mut memory = vec![0; BYTES];
    let mut shadow = vec![0; BYTES];
    let mut manager = Manager::open(&mut memory).unwrap();
    let budget = manager.capacity();
    let number = manager.create(permissions::ALL, budget).unwrap();
    for (at, bytes) in manager.journal() {
        shadow[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    let mut world = World::new(number);
    let mut compactions = 0;
    for _ in 0..3000 {
        let before = manager.dump();
        world.step(&mut manager, &mut random);
        let after = manager.dump();
        let journal = manager.journal();
        compactions += usize::from(journal.len() > 4);
        for (at, bytes) in journal {
            for (i, byte) in bytes.iter().enumerate() {
                // A compaction writes much: look at its edges and now and then.
                if i < 16 || i + 16 > bytes.len() || i % 61 == 0 {
                    let mut copy = shadow.clone();
                    let found = Manager::open(&mut copy).unwrap().dump();
                    assert!(found == before || found == after, "killed at byte {}", at + i);
                }
                shadow[at + i] = *byte;
            }
        }
        let mut copy = shadow.clone();
        let successor = Manager::open(&mut copy).unwrap();
        assert_eq!(successor.dump(), after);
        successor.state.check();
    }
    assert!(compactions > 0, "the log was never compacted");
}

#[test]
fn a_state_that_is_garbage_is_refused_or_read_without_harm() {
    let mut random = Random::seeded();
    for _ in 0..200 {
        let mut memory = vec![0; BYTES];
        let mut manager = Manager::open(&mut memory).unwrap();
        let number = manager.create(permissions::ALL, 40).unwrap();
        let mut world = World::new(number);
        for _ in 0..30 {
            world.step(&mut manager, &mut random);
        }
        drop(manager);
        for _ in 0..20 {
            let at = random.below(BYTES);
            memory[at] = random.next() as u8;
        }
        if let Ok(mut manager) = Manager::open(&mut memory) {
            for _ in 0..30 {
                world.step(&mut manager, &mut random);
            }
        }
    }
}
