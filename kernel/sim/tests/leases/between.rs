//! Leases that end while a call that comes under them goes on in the kernel.
use crate::common::{errno, scene};
use crate::{RW, anonymous, lease, pipe};
use clavis_abi::call::Call;
use clavis_abi::error::EREVOKED;
use clavis_abi::limits::PAYLOAD_MAX;
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::CallFlags;
use clavis_abi::syscall::schemev2::Opcode;
use clavis_sim::Thread;

/// Memory as large as a payload.
fn room(t: &mut Thread) -> usize {
    let map = anonymous(t, PAYLOAD_MAX);
    t.call(Call::Fmap, [usize::MAX, map, 32, 0, 0]).unwrap()
}

#[test]
fn a_payload_that_is_being_copied_goes_nowhere_once_its_lease_is_gone() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let room = room(t);
        for _ in 0..8 {
            let lease = lease(t);
            let leased = t.lend(file, lease).unwrap();
            let [(wait, go), (done, tell)] = [(); 2].map(|()| pipe(t, 0));
            t.spawn(1, move |t| {
                t.read(wait, 1).unwrap();
                t.revoke(lease).unwrap();
                t.write(tell, b"!").unwrap();
                t.call(Call::ThreadExit, [0; 5]).unwrap();
            })
            .unwrap();
            t.settle();
            t.write(go, b"!").unwrap();
            // Nobody answers: if the lease were not heeded this would wait for ever.
            let written = t.call(Call::Write, [leased, room, PAYLOAD_MAX, usize::MAX, 0]);
            assert_eq!(errno(written), EREVOKED);
            t.read(done, 1).unwrap();
            for end in [wait, go, done, tell, lease, leased] {
                t.close(end).unwrap();
            }
        }
    });
}

#[test]
fn an_answer_that_is_being_copied_ends_with_its_lease() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let (lease, room) = (lease(t), room(t));
        let leased = t.lend(file, lease).unwrap();
        let (done, tell) = pipe(t, 0);
        t.spawn(1, move |t| {
            let read = t.call(Call::Read, [leased, room, PAYLOAD_MAX, usize::MAX, 0]);
            let told = if read.is_ok() { b"y" } else { b"n" };
            t.write(tell, told).unwrap();
            t.call(Call::ThreadExit, [0; 5]).unwrap();
        })
        .unwrap();
        let sqe = t.expect(socket, Opcode::Read);
        t.poke(sqe.args[1] + PAYLOAD_MAX as u64 - 1, &[1]);
        t.reply(socket, sqe.tag, PAYLOAD_MAX as u64).unwrap();
        t.revoke(lease).unwrap();
        let whole = t.peek((room + PAYLOAD_MAX - 1) as u64, 1) == [1];
        let read = t.read(done, 1).unwrap();
        assert!(whole || read == b"n", "it went on being copied");
    });
}

#[test]
fn a_call_that_was_let_into_a_slot_and_did_not_run_yet_ends_with_its_lease() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let root = t.mint(socket, 1, 0).unwrap();
        let slots = t.entry(EntryKind::FactorySlot);
        let slot = t.slot(slots, "name").unwrap();
        let lease = lease(t);
        let leased = t.lend(slot, lease).unwrap();
        let (done, tell) = pipe(t, 0);
        t.spawn(1, move |t| {
            assert_eq!(errno(t.open(leased, "a", RW)), EREVOKED);
            t.write(tell, b"!").unwrap();
            t.call(Call::ThreadExit, [0; 5]).unwrap();
        })
        .unwrap();
        t.settle();
        t.send_handles(slot, &[root], CallFlags::FD_CLONE).unwrap();
        t.revoke(lease).unwrap();
        // Nobody answers here either.
        t.read(done, 1).unwrap();
    });
}
