//! Leases that expire.
use crate::common::{calm, errno, scene};
use clavis_abi::call::Call;
use clavis_abi::error::{EEXPIRED, EINVAL};
use clavis_abi::params::{DenialRule, LeaseParams, LeaseState};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{CallFlags, O_NONBLOCK};

use crate::{RW, SHARED, beneath, pipe, serve, state};

#[test]
fn a_lease_expires_by_time_by_uses_and_by_bytes() {
    calm(|t| {
        let (reader, writer) = pipe(t, O_NONBLOCK as u64);
        t.write(writer, &[b'x'; 300]).unwrap();
        let until = t.now().unwrap() + 50_000_000;
        let by_time = t.lease(&LeaseParams { until, ..LeaseParams::unbounded() }).unwrap();
        let by_uses = t.lease(&LeaseParams { uses: 3, ..LeaseParams::unbounded() }).unwrap();
        let by_bytes = t.lease(&LeaseParams { bytes: 100, ..LeaseParams::unbounded() }).unwrap();
        let [timed, counted, weighed] =
            [by_time, by_uses, by_bytes].map(|lease| t.lend(reader, lease).unwrap());
        // What a lease beneath it lends counts, too.
        let below = beneath(t, by_uses, usize::MAX);
        let below = t.lend(reader, below).unwrap();
        assert_eq!(t.read(counted, 10).unwrap().len(), 10);
        assert_eq!(t.read(below, 10).unwrap().len(), 10);
        assert_eq!(state(t, by_uses).uses, 1);
        assert_eq!(t.read(counted, 10).unwrap().len(), 10);
        assert_eq!(errno(t.read(below, 10)), EEXPIRED);

        assert_eq!(errno(t.read(counted, 10)), EEXPIRED);
        assert_eq!(t.denial().unwrap().rule, DenialRule::Expired as u64);

        assert_eq!(t.read(weighed, 60).unwrap().len(), 60);
        assert_eq!(t.read(weighed, 60).unwrap().len(), 40, "it asks for more than is left");
        assert_eq!(errno(t.read(weighed, 1)), EEXPIRED);

        assert_eq!(t.read(timed, 10).unwrap().len(), 10);
        t.sleep(60_000_000).unwrap();
        assert_eq!(errno(t.read(timed, 10)), EEXPIRED);
        for lease in [by_time, by_uses, by_bytes] {
            assert_eq!(state(t, lease).state, LeaseState::Expired as u64);
        }
        let past = LeaseParams { until: 1, ..LeaseParams::unbounded() };
        assert_eq!(errno(t.lease(&past)), EINVAL);
    });
}

#[test]
fn waiting_for_bytes_takes_them_once() {
    calm(|t| {
        let (reader, writer) = pipe(t, 0);
        let lease = t.lease(&LeaseParams { bytes: 10, ..LeaseParams::unbounded() }).unwrap();
        let lent = t.lend(reader, lease).unwrap();
        t.spawn(1, move |t| {
            t.sleep(1_000_000).unwrap();
            t.write(writer, b"0123456789abcdef").unwrap();
            t.call(Call::ThreadExit, [0; 5]).unwrap();
        })
        .unwrap();
        assert_eq!(t.read(lent, 4096).unwrap(), b"0123456789");
        assert_eq!(errno(t.read(lent, 1)), EEXPIRED);
    });
}

#[test]
fn bytes_and_calls_of_a_lease_above_in_two_ways_count_once() {
    calm(|t| {
        let (reader, writer) = pipe(t, O_NONBLOCK as u64);
        t.write(writer, &[b'x'; 300]).unwrap();
        let top =
            t.lease(&LeaseParams { bytes: 100, uses: 9, ..LeaseParams::unbounded() }).unwrap();
        let [left, right] = [(); 2].map(|()| beneath(t, top, usize::MAX));
        let lent = t.lend(reader, left).unwrap();
        let lent = t.lend(lent, right).unwrap();
        let uses = state(t, top).uses;
        assert_eq!(t.read(lent, 60).unwrap().len(), 60);
        assert_eq!((state(t, top).uses, state(t, top).bytes), (uses - 1, 40));
        assert_eq!(t.read(lent, 60).unwrap().len(), 40);
        assert_eq!(errno(t.read(lent, 1)), EEXPIRED);
    });
}

#[test]
fn a_call_counts_once_for_each_lease_that_it_comes_under() {
    scene(|t| {
        let (file, server) = t.served(serve);
        let slots = t.entry(EntryKind::FactorySlot);
        let slot = t.slot(slots, "name").unwrap();
        let [of_slot, of_root, of_cargo, of_channel] = [(); 4]
            .map(|()| t.lease(&LeaseParams { uses: 50, ..LeaseParams::unbounded() }).unwrap());
        let root = t.lend(file, of_root).unwrap();
        t.send_handles(slot, &[root], CallFlags::FD_CLONE).unwrap();
        let name = t.lend(slot, of_slot).unwrap();
        let before = [of_slot, of_root].map(|lease| state(t, lease).uses);
        t.open(name, "a", RW).unwrap();
        let after = [of_slot, of_root].map(|lease| state(t, lease).uses);
        assert_eq!(before.map(|uses| uses - 1), after);
        let (_reader, writer) = pipe(t, 0);
        let writer = t.lend(writer, of_channel).unwrap();
        let cargo = [(); 2].map(|()| t.lend(file, of_cargo).unwrap());
        let before = [of_channel, of_cargo].map(|lease| state(t, lease).uses);
        t.send_handles(writer, &cargo, CallFlags::empty()).unwrap();
        let after = [of_channel, of_cargo].map(|lease| state(t, lease).uses);
        assert_eq!(before.map(|uses| uses - 1), after);
        t.signal(server, 9).unwrap();
    });
}

#[test]
fn a_call_that_is_done_again_through_another_handle_counts_for_that() {
    calm(|t| {
        let (file, source) = pipe(t, O_NONBLOCK as u64);
        t.write(source, &[b'x'; 100]).unwrap();
        let params = LeaseParams { uses: 3, bytes: 10, ..LeaseParams::unbounded() };
        let counted = t.lease(&params).unwrap();
        let mine = t.lease(&LeaseParams { bytes: 1 << 30, ..LeaseParams::unbounded() }).unwrap();
        let lent = t.lend(file, counted).unwrap();
        let (done, tell) = pipe(t, 0);
        for round in 0..2 {
            let (reader, writer) = pipe(t, 0);
            let at = t.lend(reader, mine).unwrap();
            t.spawn(round + 1, move |t| {
                let got = t.read(at, 50).map_or(0, |bytes| bytes.len());
                t.write(tell, &[got as u8]).unwrap();
                t.call(Call::ThreadExit, [0; 5]).unwrap();
            })
            .unwrap();
            t.settle();
            t.call(Call::Dup2, [lent, at, 0, 0, 0]).unwrap();
            t.write(writer, b"!").unwrap();
            let got = t.read(done, 1).unwrap()[0];
            assert_eq!(got, if round == 0 { 10 } else { 0 }, "round {round}");
        }
    });
}

#[test]
fn a_mapping_takes_the_bytes_of_its_pages() {
    calm(|t| {
        let factory = t.entry(EntryKind::FactoryMemory);
        let memory = t.create(factory, 2 * 4096, 0).unwrap();
        let lease = t.lease(&LeaseParams { bytes: 4097, ..LeaseParams::unbounded() }).unwrap();
        let lent = t.lend(memory, lease).unwrap();
        t.mmap(lent, 0, 1, SHARED).unwrap();
        assert_eq!(state(t, lease).bytes, 1);
        assert_eq!(errno(t.mmap(lent, 4096, 1, SHARED)), EEXPIRED);
    });
}
