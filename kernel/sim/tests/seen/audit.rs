//! The audit ring: refusals that anybody met, for who was given it.

use crate::common::{calm, errno, scene};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EAGAIN, EINVAL, ENOTCAPABLE};
use clavis_abi::limits::AUDIT_RECORDS;
use clavis_abi::params::{AuditRecord, Denial, DenialRule, OFFSET_OWN};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{EventFlags, O_RDWR};
use clavis_sim::{Give, Thread};
use zerocopy::IntoBytes;

/// A handle that cannot be read, and is asked for that.
fn be_refused(t: &mut Thread) {
    let null = t.null();
    let mute = t.derive(null, Rights::DUP, Rights::empty()).unwrap();
    assert_eq!(errno(t.read(mute, 1)), ENOTCAPABLE);
    t.close(mute).unwrap();
}

fn ring(t: &mut Thread) -> usize {
    t.entry(EntryKind::Audit)
}

#[test]
fn a_refusal_of_one_process_is_read_by_another() {
    scene(|t| {
        let (account, ring) = (t.entry(EntryKind::Account), ring(t));
        let slots = t.entry(EntryKind::FactorySlot);
        let slot = t.slot(slots, "pantry").unwrap();
        assert_eq!(errno(t.refusals(ring, 4)), EAGAIN, "nobody was refused anything");
        let give = Give(slot, 5, Rights::STAT, Rights::empty());
        let child = t.process(account, &[give], |t| {
            assert_eq!(errno(t.open(5, "jam", O_RDWR as u64)), ENOTCAPABLE);
            t.exit(0);
        });
        let child = child.unwrap();
        t.finished(child);
        let rows = t.refusals(ring, 4).unwrap();
        let [said] = rows.as_slice() else { panic!("one refusal: {rows:?}") };
        assert_eq!((said.number, said.reporter), (0, 0));
        let own = t.entry(EntryKind::SelfProcess);
        let rows = t.inspect(own).unwrap();
        let number = rows.iter().find(|row| row.number == child as u64).unwrap().object;
        assert_eq!(said.process, number);
        assert!(said.time <= t.now().unwrap() && said.time > 0);
        assert_eq!((said.denial.call, said.denial.handle), (Call::OpenAt as u64, 5));
        assert_eq!(said.denial.rule, DenialRule::Rights as u64);
        assert!(Rights::from_bits_retain(said.denial.missing).contains(Rights::LOOKUP));
        assert!(said.name.starts_with(b"pantry\0"));
        assert_eq!(errno(t.refusals(ring, 4)), EAGAIN, "each is read once");
    });
}

#[test]
fn the_oldest_refusals_are_overwritten_and_missed_by_number() {
    calm(|t| {
        let ring = ring(t);
        for _ in 0..AUDIT_RECORDS + 3 {
            be_refused(t);
        }
        let mut numbers = Vec::new();
        while let Ok(rows) = t.refusals(ring, 50) {
            numbers.extend(rows.iter().map(|row| row.number));
        }
        let all: Vec<u64> = (3..AUDIT_RECORDS as u64 + 3).collect();
        assert_eq!(numbers, all);
    });
}

#[test]
fn a_server_tells_of_refusals_of_its_own_under_its_own_number() {
    scene(|t| {
        let ring = ring(t);
        let denial = Denial { rule: DenialRule::Name as u64, ..Denial::default() };
        let mut said = AuditRecord { process: 77, denial, ..AuditRecord::default() };
        (said.number, said.time, said.reporter) = (99, 99, 99);
        assert_eq!(t.write(ring, said.as_bytes()).unwrap(), size_of::<AuditRecord>());
        assert_eq!(errno(t.write(ring, b"short")), EINVAL);
        let rows = t.refusals(ring, 1).unwrap();
        let me = t.call(Call::Identity, [0; 5]).unwrap() as u64;
        assert_eq!((rows[0].number, rows[0].process, rows[0].reporter), (0, 77, me));
        assert_eq!(rows[0].denial, denial);
        assert_ne!(rows[0].time, 99);
    });
}

#[test]
fn reading_and_writing_the_ring_take_their_rights_and_leave_a_trace() {
    scene(|t| {
        let ring = ring(t);
        let reader = t.derive(ring, Rights::READ, Rights::empty()).unwrap();
        let writer = t.derive(ring, Rights::WRITE, Rights::empty()).unwrap();
        assert_eq!(errno(t.refusals(writer, 1)), ENOTCAPABLE);
        assert_eq!(errno(t.write(reader, AuditRecord::default().as_bytes())), ENOTCAPABLE);
        assert_eq!(t.refusals(reader, 5).unwrap().len(), 2);
        assert_eq!(errno(t.refusals(ring, 1)), EAGAIN, "copies share where they are");
        // Who has SEEK reads from any record on, without moving the others.
        let at = t.room(2 * size_of::<AuditRecord>()) as usize;
        let bytes = 2 * size_of::<AuditRecord>();
        let read = t.call(Call::Read2, [ring, at, bytes, 1, 0]).unwrap();
        assert_eq!(read, size_of::<AuditRecord>());
        assert_eq!(t.peek_struct::<AuditRecord>(at as u64).number, 1);
        assert_eq!(errno(t.call(Call::Read2, [ring, at, bytes, OFFSET_OWN as usize, 0])), EAGAIN);
    });
}

#[test]
fn who_watches_the_ring_is_told_of_a_refusal() {
    scene(|t| {
        let (ring, factory) = (ring(t), t.entry(EntryKind::FactoryEvent));
        let queue = t.open(factory, "", O_RDWR as u64).unwrap();
        t.watch(queue, ring, EventFlags::EVENT_READ, 5).unwrap();
        let told = t.events(queue, 1).unwrap();
        assert_eq!(told[0].2, 5, "it is told how things are at first");
        t.spawn(1, |t| {
            t.settle();
            be_refused(t);
        })
        .unwrap();
        assert_eq!(t.events(queue, 1).unwrap()[0].2, 5);
        assert_eq!(t.refusals(ring, 1).unwrap().len(), 1);
    });
}
