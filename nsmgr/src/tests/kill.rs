//! Death in the middle of every write: the successor finds the state before or after the change,
//! and does what its predecessor left undone.
use super::random::{Random, World};
use crate::{Decision, Manager};
use alloc::vec;
use alloc::vec::Vec;
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

/// Copies what was written up to a byte; answers how many bytes there were.
fn replay(to: &mut [u8], journal: &[(usize, Vec<u8>)], most: usize) -> usize {
    let mut count = 0;
    for (at, bytes) in journal {
        for (i, byte) in bytes.iter().enumerate() {
            if count < most {
                to[at + i] = *byte;
            }
            count += 1;
        }
    }
    count
}

/// Two managers with the same clients. One is never killed; the other dies within each request,
/// before it or after it was carried out, and its successor gets the request again, as the kernel
/// delivers what was not answered. Nobody can tell them apart.
#[test]
fn clients_of_a_manager_that_is_killed_all_the_time_notice_nothing() {
    let mut random = Random::seeded();
    let (mut memory, mut mortal) = (vec![0; BYTES], vec![0; BYTES]);
    let mut manager = Manager::open(&mut memory).unwrap();
    let budget = manager.capacity();
    let number = manager.create(permissions::ALL, budget).unwrap();
    replay(&mut mortal, &manager.journal(), usize::MAX);
    let mut world = World::new(number);
    let mut repeated = 0;
    let mut tenants = [0_u32; 3];
    for _ in 0..4000 {
        let message = world.ask(&mut random);
        // Few places whose tenants are counted in two bits: tags come round all the time.
        let place = random.below(tenants.len());
        tenants[place] = (tenants[place] + 1) % 4;
        let tag = place as u32 | tenants[place] << 16;
        let expected = message.perform(&mut manager, tag);
        world.learn(&message, &expected);

        let mut predecessor = mortal.clone();
        let mut dying = Manager::open(&mut predecessor).unwrap();
        assert_eq!(dying.done(tag, || false), None);
        let _ = message.perform(&mut dying, tag);
        let journal = dying.journal();
        let total = journal.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        let written = if random.below(3) == 0 { total } else { random.below(total + 1) };
        replay(&mut mortal, &journal, written);

        let mut successor = Manager::open(&mut mortal).unwrap();
        let found = match successor.done(tag, || true) {
            Some(result) => {
                repeated += 1;
                Decision::Reply(Ok(result))
            }
            None => message.perform(&mut successor, tag),
        };
        assert_eq!(found, expected, "{message:?}");
        successor.state.check();
        successor.state.done = None;
        manager.state.done = None;
        assert!(successor.dump() == manager.dump(), "they differ after {message:?}");
    }
    assert!(repeated > 100, "only {repeated} requests were answered from the record");
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
