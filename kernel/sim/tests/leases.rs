//! Leases: what was lent is taken back, wherever it went and whatever came of it.
mod common;
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::class::CQE_FORWARD;
use clavis_abi::error::{EBADF, EEXPIRED, EFAULT, EINVAL, ELOOP, ENOTCAPABLE, EREVOKED};
use clavis_abi::limits::{LEASES_ABOVE, PAYLOAD_MAX};
use clavis_abi::params::{
    DenialRule, ExitKind, ForwardParams, GRANT_SELF, LeaseInfo, LeaseParams, LeaseState, NO_LEASE,
    ProcessParams,
};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::data::Map;
use clavis_abi::syscall::flag::{CallFlags, EventFlags, MapFlags, O_NONBLOCK, O_RDWR};
use clavis_abi::syscall::schemev2::{CqeOpcode, Opcode};
use clavis_sim::calls::{cqe_bytes, sqe_of};
use clavis_sim::{Give, Thread};
use common::{calm, errno, scene};
use zerocopy::IntoBytes;

const RW: u64 = O_RDWR as u64;
const SHARED: MapFlags =
    MapFlags::PROT_READ.union(MapFlags::PROT_WRITE).union(MapFlags::MAP_SHARED);

fn lease(t: &mut Thread) -> usize {
    t.lease(&LeaseParams::unbounded()).unwrap()
}

fn beneath(t: &mut Thread, first: usize, second: usize) -> usize {
    let parents = [first as u64, second as u64];
    t.lease(&LeaseParams { parents, ..LeaseParams::unbounded() }).unwrap()
}

fn state(t: &mut Thread, lease: usize) -> LeaseInfo {
    let at = t.room(size_of::<LeaseInfo>());
    t.call(Call::Read, [lease, at as usize, size_of::<LeaseInfo>(), 0, 0]).unwrap();
    t.peek_struct(at)
}

/// A pipe's ends.
fn pipe(t: &mut Thread, flags: u64) -> (usize, usize) {
    let factory = t.entry(EntryKind::FactoryPipe);
    let reader = t.open(factory, "", RW | flags).unwrap();
    let writer = t.dup_message(reader, b"write").unwrap();
    (reader, writer)
}

/// Answers every message with its number until nobody is there any more.
fn serve(t: &mut Thread) {
    while let Ok(sqe) = t.receive(3) {
        let _ = t.reply(3, sqe.tag, 7);
    }
}

#[test]
fn what_was_lent_and_what_came_of_it_is_taken_back_at_once() {
    scene(|t| {
        let (file, server) = t.served(serve);
        let lease = lease(t);
        let lent = t.lend(file, lease).unwrap();
        let copy = t.dup(lent).unwrap();
        let narrowed = t.derive(lent, Rights::all(), Rights::all()).unwrap();
        let opened = t.open(lent, "a", RW).unwrap();
        let of_that = t.open(opened, "b", RW).unwrap();
        let (reader, writer) = pipe(t, 0);
        t.send_handles(writer, &[copy], CallFlags::FD_CLONE).unwrap();
        let passed = t.receive_handles(reader, 1).unwrap()[0];
        let account = t.entry(EntryKind::Account);
        let (told, tell) = pipe(t, 0);
        let (go, gone) = pipe(t, 0);
        let gives = [Give::all(lent, 5), Give::all(tell, 6), Give::all(go, 7)];
        let holder = t
            .process(account, &gives, |t| {
                t.write(6, b"!").unwrap();
                t.read(7, 1).unwrap();
                assert_eq!(errno(t.open(5, "a", RW)), EREVOKED);
                t.exit(0);
            })
            .unwrap();
        t.read(told, 1).unwrap();
        let all = [lent, copy, narrowed, opened, of_that, passed];
        assert!(all.iter().all(|fd| t.open(*fd, "c", RW).is_ok()));
        let under = t.query(passed).unwrap().lease;
        assert!(under != 0 && under == t.query(of_that).unwrap().lease);
        t.revoke(lease).unwrap();
        for fd in all {
            assert_eq!(errno(t.open(fd, "c", RW)), EREVOKED);
            let denial = t.denial().unwrap();
            assert_eq!((denial.handle, denial.rule), (fd as u64, DenialRule::Revoked as u64));
            assert_eq!(errno(t.dup(fd)), EREVOKED);
            assert_eq!(errno(t.lend(fd, lease)), EREVOKED);
        }
        t.write(gone, b"!").unwrap();
        t.finished(holder);
        // The original is as it was, and what was lent can be closed.
        t.open(file, "a", RW).unwrap();
        all.iter().for_each(|fd| assert!(t.close(*fd).is_ok()));
        assert_eq!(state(t, lease).state, LeaseState::Revoked as u64);
        t.signal(server, 9).unwrap();
    });
}

#[test]
fn calls_on_their_way_end_with_their_lease() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let slots = t.entry(EntryKind::FactorySlot);
        let slot = t.slot(slots, "empty").unwrap();
        let (reader, writer) = pipe(t, 0);
        let lease = lease(t);
        let [file, slot, reader] = [file, slot, reader].map(|fd| t.lend(fd, lease).unwrap());
        let (done, tell) = pipe(t, 0);
        for (index, fd) in [file, slot, reader, file].into_iter().enumerate() {
            t.spawn(index as u64 + 1, move |t| {
                let ended = match index {
                    0 => t.read(fd, 100).map(drop),
                    1 => t.open(fd, "a", RW).map(drop),
                    2 => t.read(fd, 1).map(drop),
                    _ => t.open(fd, "b", RW).map(drop),
                };
                assert_eq!(ended.map_err(|error| error.errno), Err(EREVOKED));
                t.write(tell, b"!").unwrap();
                t.call(Call::ThreadExit, [0; 5]).unwrap();
            })
            .unwrap();
        }
        t.settle();
        // One of them was taken, one was not.
        let taken = t.receive(socket).unwrap();
        t.revoke(lease).unwrap();
        for _ in 0..4 {
            t.read(done, 1).unwrap();
        }
        let cancel = t.expect(socket, Opcode::Cancel);
        assert_eq!(cancel.tag, taken.tag);
        let result = if taken.opcode == Opcode::OpenAt as u8 { 9 } else { 0 };
        t.reply(socket, taken.tag, result).unwrap();
        if result == 9 {
            assert_eq!(t.expect(socket, Opcode::CloseMsg).args[0], 9);
        }
        t.write(writer, b"x").unwrap();
    });
}

#[test]
fn mappings_under_a_lease_go_with_it() {
    scene(|t| {
        let factory = t.entry(EntryKind::FactoryMemory);
        let memory = t.create(factory, 8 * 4096, 0).unwrap();
        let lease = lease(t);
        let lent = t.lend(memory, lease).unwrap();
        let (told, tell) = pipe(t, 0);
        let (go, gone) = pipe(t, 0);
        let account = t.entry(EntryKind::Account);
        let gives = [Give::all(lent, 5), Give::all(tell, 6), Give::all(go, 7)];
        let holder = t
            .process(account, &gives, |t| {
                let at = t.mmap(5, 0, 8 * 4096, SHARED).unwrap();
                // It comes apart, and is copied.
                t.call(Call::Mprotect, [at + 4096, 4096, 4, 0, 0]).unwrap();
                t.munmap(at + 3 * 4096, 4096).unwrap();
                t.poke(at as u64, b"mine");
                t.write(6, b"!").unwrap();
                t.read(7, 1).unwrap();
                t.peek(at as u64, 4);
                unreachable!("the memory is gone");
            })
            .unwrap();
        let own = t.mmap(memory, 0, 4096, SHARED).unwrap();
        t.read(told, 1).unwrap();
        assert_eq!(t.peek(own as u64, 4), b"mine");
        t.revoke(lease).unwrap();
        assert_eq!(t.peek(own as u64, 4), b"mine");
        t.write(gone, b"!").unwrap();
        assert_eq!(t.wait(holder).unwrap().kind, ExitKind::Fault as u64);
        assert_eq!(errno(t.mmap(lent, 0, 4096, SHARED)), EREVOKED);
    });
}

#[test]
fn what_a_server_lent_for_a_mapping_comes_back_to_it() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let at = t.mmap(usize::MAX, 0, 4096, SHARED).unwrap();
            for _ in 0..2 {
                let sqe = t.expect(3, Opcode::MmapPrep);
                t.reply(3, sqe.tag, at as u64).unwrap();
            }
            t.expect(3, Opcode::Munmap);
            t.expect(3, Opcode::Munmap);
        });
        let lease = lease(t);
        let lent = t.lend(file, lease).unwrap();
        t.mmap(lent, 0, 4096, SHARED).unwrap();
        let memory = t
            .call(Call::MemoryOf, [lent, 0, 4096, MapFlags::PROT_READ.bits(), usize::MAX])
            .unwrap();
        assert!(t.query(memory).unwrap().lease != 0);
        t.revoke(lease).unwrap();
        assert_eq!(errno(t.read(memory, 4)), EREVOKED);
        t.close(memory).unwrap();
        t.finished(server);
    });
}

#[test]
fn who_watches_under_a_lease_hears_of_its_end_and_nothing_after() {
    scene(|t| {
        let factory = t.entry(EntryKind::FactoryEvent);
        let queue = t.open(factory, "", RW | O_NONBLOCK as u64).unwrap();
        let (reader, writer) = pipe(t, 0);
        let lease = lease(t);
        let lent = t.lend(reader, lease).unwrap();
        t.watch(queue, lent, EventFlags::EVENT_READ, 42).unwrap();
        t.watch(queue, reader, EventFlags::EVENT_READ, 43).unwrap();
        t.revoke(lease).unwrap();
        let heard = t.events(queue, 8).unwrap();
        assert!(heard.len() == 1 && heard[0].0 == lent && heard[0].1 & 4 != 0, "{heard:?}");
        t.write(writer, b"x").unwrap();
        let heard = t.events(queue, 8).unwrap();
        assert!(heard.len() == 1 && heard[0].0 == reader, "{heard:?}");
        assert_eq!(errno(t.watch(queue, lent, EventFlags::EVENT_READ, 1)), EREVOKED);
    });
}

#[test]
fn a_lease_ends_with_any_that_it_depends_on_and_not_with_one_that_depends_on_it() {
    scene(|t| {
        let (file, server) = t.served(serve);
        let [one, other] = [(); 2].map(|()| lease(t));
        let beneath_one = beneath(t, one, usize::MAX);
        let joined = beneath(t, beneath_one, other);
        let [of_one, of_other, of_beneath, of_joined] =
            [one, other, beneath_one, joined].map(|lease| t.lend(file, lease).unwrap());
        t.revoke(joined).unwrap();
        assert_eq!(errno(t.open(of_joined, "a", RW)), EREVOKED);
        t.open(of_beneath, "a", RW).unwrap();
        let again = beneath(t, beneath_one, other);
        let of_again = t.lend(file, again).unwrap();
        t.revoke(one).unwrap();
        for fd in [of_one, of_beneath, of_again] {
            assert_eq!(errno(t.open(fd, "a", RW)), EREVOKED);
        }
        for lease in [one, beneath_one, again] {
            assert_eq!(state(t, lease).state, LeaseState::Revoked as u64);
            assert_eq!(errno(t.lend(file, lease)), EREVOKED);
        }
        t.open(of_other, "a", RW).unwrap();
        t.signal(server, 9).unwrap();
    });
}

#[test]
fn a_lease_ends_when_nobody_holds_it_any_more() {
    scene(|t| {
        let (file, server) = t.served(serve);
        let lease = lease(t);
        let second = t.dup(lease).unwrap();
        let lent = t.lend(file, lease).unwrap();
        t.close(lease).unwrap();
        t.open(lent, "a", RW).unwrap();
        t.close(second).unwrap();
        assert_eq!(errno(t.open(lent, "a", RW)), EREVOKED);
        t.signal(server, 9).unwrap();
    });
}

#[test]
fn what_is_obtained_through_two_leases_ends_with_either() {
    scene(|t| {
        let (file, server) = t.served(serve);
        let slots = t.entry(EntryKind::FactorySlot);
        for ends in 0..2 {
            let leases = [(); 2].map(|()| lease(t));
            let slot = t.slot(slots, "name").unwrap();
            let root = t.lend(file, leases[0]).unwrap();
            t.send_handles(slot, &[root], CallFlags::FD_CLONE).unwrap();
            let name = t.lend(slot, leases[1]).unwrap();
            let opened = t.open(name, "a", RW).unwrap();
            let again = t.open(name, "a", RW).unwrap();
            assert_eq!(t.query(opened).unwrap().lease, t.query(again).unwrap().lease);
            let both = t.lend(root, leases[1]).unwrap();
            let (reader, writer) = pipe(t, 0);
            t.send_handles(writer, &[root], CallFlags::FD_CLONE).unwrap();
            let reader = t.lend(reader, leases[1]).unwrap();
            let passed = t.receive_handles(reader, 1).unwrap()[0];
            t.revoke(leases[ends]).unwrap();
            for fd in [opened, both, passed, name] {
                let result = t.open(fd, "b", RW);
                assert_eq!(errno(result), EREVOKED, "lease {ends}");
            }
        }
        t.signal(server, 9).unwrap();
    });
}

#[test]
fn what_a_forward_or_another_server_hands_over_ends_with_its_lease_too() {
    scene(|t| {
        let (file, server) = t.served(serve);
        let [of_target, of_given, of_client] = [(); 3].map(|()| lease(t));
        let target = t.lend(file, of_target).unwrap();
        let given = t.lend(file, of_given).unwrap();
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let root = t.mint(socket, 1, 0).unwrap();
        let account = t.entry(EntryKind::Account);
        let gives = [Give::all(socket, 3), Give::all(target, 4), Give::all(given, 5)];
        let front = t
            .process(account, &gives, |t| {
                loop {
                    let sqe = t.receive(3).unwrap();
                    if sqe.opcode != Opcode::OpenAt as u8 {
                        let _ = t.reply(3, sqe.tag, 0);
                        continue;
                    }
                    if t.path(&sqe) == "f" {
                        // A handle that was taken back is the server's affair.
                        if let Err(error) = t.forward(3, sqe.tag, 4, b"x", Rights::all()) {
                            t.refuse(3, sqe.tag, error.errno).unwrap();
                        }
                    } else {
                        let copy = t.dup(5).unwrap();
                        t.answer(3, CqeOpcode::RespondWithFd as u8, sqe.tag, copy as u64).unwrap();
                        t.close(copy).unwrap();
                    }
                }
            })
            .unwrap();
        let client = t.lend(root, of_client).unwrap();
        let forwarded = t.open(client, "f", RW).unwrap();
        let plainly = t.open(root, "f", RW).unwrap();
        let handed = t.open(client, "h", RW).unwrap();
        t.revoke(of_target).unwrap();
        for fd in [forwarded, plainly] {
            assert_eq!(errno(t.open(fd, "a", RW)), EREVOKED);
        }
        assert_eq!(errno(t.open(client, "f", RW)), EREVOKED);
        t.open(handed, "a", RW).unwrap();
        t.revoke(of_client).unwrap();
        assert_eq!(errno(t.open(handed, "a", RW)), EREVOKED);
        [front, server].into_iter().for_each(|process| assert!(t.signal(process, 9).is_ok()));
    });
}

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
fn a_lease_is_made_lent_and_revoked_only_by_who_may() {
    scene(|t| {
        let lease = lease(t);
        let (reader, _) = pipe(t, 0);
        let only_read = t.derive(lease, Rights::READ, Rights::all()).unwrap();
        assert_eq!(errno(t.revoke(only_read)), ENOTCAPABLE);
        assert_eq!(errno(t.lend(reader, only_read)), ENOTCAPABLE);
        let parents = [only_read as u64, NO_LEASE];
        let params = LeaseParams { parents, ..LeaseParams::unbounded() };
        assert_eq!(errno(t.lease(&params)), ENOTCAPABLE);
        assert_eq!(errno(t.lend(reader, reader)), EINVAL);
        assert_eq!(errno(t.revoke(reader)), EINVAL);
        assert_eq!(errno(t.lend(999, lease)), EBADF);
        let no_dup = t.derive(reader, Rights::all() - Rights::DUP, Rights::all()).unwrap();
        assert_eq!(errno(t.lend(no_dup, lease)), ENOTCAPABLE);
        assert_eq!(state(t, only_read).state, LeaseState::Holds as u64);
        // Not for ever deeper.
        let mut deepest = lease;
        for _ in 1..LEASES_ABOVE {
            deepest = beneath(t, deepest, usize::MAX);
        }
        let params = LeaseParams { parents: [deepest as u64, NO_LEASE], ..params };
        assert_eq!(errno(t.lease(&params)), ELOOP);
    });
}

/// Answers in the call that waits for the next request, once something came through the pipe at 5.
fn serve_combined(t: &mut Thread) {
    t.read(5, 1).unwrap();
    let mut sqe = t.receive(3).unwrap();
    loop {
        let answer = cqe_bytes(CqeOpcode::RespondRegular as u8, sqe.tag, 7, 0);
        let mut buffer = [answer, vec![0; 48]].concat();
        let both = CallFlags::READ | CallFlags::WRITE;
        match t.call_with(3, &mut buffer, both, &[0, 1, 1]) {
            Ok(_) => sqe = sqe_of(&buffer),
            Err(error) => t.exit(error.errno as usize),
        }
    }
}

#[test]
fn a_server_waits_under_the_lease_of_its_socket_and_of_nothing_before() {
    calm(|t| {
        for of_socket in [false, true] {
            let scheme = t.entry(EntryKind::FactoryScheme);
            let socket = t.socket(scheme).unwrap();
            let file = t.mint(socket, 1, 0).unwrap();
            let (reader, writer) = pipe(t, 0);
            let lease = lease(t);
            let lent = t.lend(if of_socket { socket } else { reader }, lease).unwrap();
            let gives = match of_socket {
                true => [Give::all(lent, 3), Give::all(reader, 5)],
                false => [Give::all(socket, 3), Give::all(lent, 5)],
            };
            let account = t.entry(EntryKind::Account);
            let server = t.process(account, &gives, serve_combined).unwrap();
            t.settle();
            t.write(writer, b"!").unwrap();
            for _ in 0..3 {
                let answer = t.call_with(file, &mut [], CallFlags::empty(), &[]).unwrap();
                assert_eq!(answer, 7);
            }
            t.revoke(lease).unwrap();
            if of_socket {
                assert_eq!(t.wait(server).unwrap().code, EREVOKED as u64);
            } else {
                assert_eq!(t.call_with(file, &mut [], CallFlags::empty(), &[]).unwrap(), 7);
                t.signal(server, 9).unwrap();
            }
        }
    });
}

#[test]
fn an_open_that_waits_in_a_slot_whose_root_was_taken_back_fails() {
    scene(|t| {
        let (file, server) = t.served(serve);
        let slots = t.entry(EntryKind::FactorySlot);
        let slot = t.slot(slots, "name").unwrap();
        let lease = lease(t);
        let root = t.lend(file, lease).unwrap();
        let (done, tell) = pipe(t, 0);
        t.spawn(1, move |t| {
            let opened = t.open(slot, "a", RW).map(drop);
            t.write(tell, if opened.is_ok() { b"y" } else { b"n" }).unwrap();
            t.call(Call::ThreadExit, [0; 5]).unwrap();
        })
        .unwrap();
        t.settle();
        t.revoke(lease).unwrap();
        // It cannot leave its process any more, so it is no root either.
        assert_eq!(errno(t.send_handles(slot, &[root], CallFlags::FD_CLONE)), EREVOKED);
        t.send_handles(slot, &[file], CallFlags::FD_CLONE).unwrap();
        assert_eq!(t.read(done, 1).unwrap(), b"y");
        t.signal(server, 9).unwrap();
    });
}

#[test]
fn a_hundred_thousand_handles_are_taken_back_as_fast_as_one() {
    const EACH: usize = 50_000;
    let spent = |copies: usize| {
        let (tell, told) = std::sync::mpsc::channel();
        let mut world = common::world(move |t| {
            let (reader, _) = pipe(t, 0);
            let lease = lease(t);
            let lent = t.lend(reader, lease).unwrap();
            let (done, say) = pipe(t, 0);
            let account = t.entry(EntryKind::Account);
            let holder = t
                .process(account, &[Give::all(lent, 5), Give::all(say, 6)], move |t| {
                    (0..copies).for_each(|_| assert!(t.dup(5).is_ok()));
                    t.write(6, b"!").unwrap();
                    let _ = t.sleep(u64::MAX >> 2);
                })
                .unwrap();
            (0..copies).for_each(|_| assert!(t.dup(lent).is_ok()));
            t.read(done, 1).unwrap();
            let before = t.now().unwrap();
            t.revoke(lease).unwrap();
            tell.send(t.now().unwrap() - before).unwrap();
            assert_eq!(errno(t.read(lent, 1)), EREVOKED);
            t.signal(holder, 9).unwrap();
        });
        world.check_every = 20_000;
        world.run();
        told.recv().unwrap()
    };
    // Each entry into the kernel takes the same time there.
    assert_eq!(spent(EACH), spent(0));
}

#[test]
fn a_lease_with_much_under_it_ends_piece_by_piece_before_anything_else_runs() {
    calm(|t| {
        let (reader, writer) = pipe(t, 0);
        let memory = t.entry(EntryKind::FactoryMemory);
        let memory = t.create(memory, 4096 * 4096, 0).unwrap();
        let top = lease(t);
        let lent = t.lend(reader, top).unwrap();
        let shown = t.lend(memory, top).unwrap();
        t.mmap(shown, 0, 4096 * 4096, SHARED).unwrap();
        for _ in 0..300 {
            t.mmap(shown, 0, 4096, SHARED).unwrap();
        }
        let leaves: Vec<usize> = (0..1500)
            .map(|_| {
                let lease = beneath(t, top, usize::MAX);
                let leaf = t.lend(reader, lease).unwrap();
                t.call(Call::SetDeadline, [0; 5]).unwrap();
                leaf
            })
            .collect();
        for thread in 0..12 {
            t.spawn(thread % 12 + 1, move |t| {
                assert_eq!(errno(t.read(lent, 1)), EREVOKED);
                t.call(Call::ThreadExit, [0; 5]).unwrap();
            })
            .unwrap();
        }
        t.settle();
        t.revoke(top).unwrap();
        t.write(writer, b"x").unwrap();
        for leaf in leaves {
            assert_eq!(errno(t.read(leaf, 1)), EREVOKED);
        }
        assert_eq!(t.read(reader, 1).unwrap(), b"x");
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

#[test]
fn a_call_across_two_handles_ends_with_the_lease_of_either() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let [first, second] = [1, 2].map(|number| t.mint(socket, number, 0).unwrap());
        for ends in 0..2 {
            for len in [16, PAYLOAD_MAX] {
                let leases = [(); 2].map(|()| lease(t));
                let (done, tell) = pipe(t, 0);
                let fds = [t.lend(first, leases[0]).unwrap(), t.lend(second, leases[1]).unwrap()];
                // Large payloads need pages: the second call waits for those of the first.
                for thread in 0..2 {
                    t.spawn(thread + 1, move |t| {
                        let map = anonymous(t, len);
                        let at = t.call(Call::Fmap, [usize::MAX, map, 32, 0, 0]);
                        let numbers = t.put(fds.as_bytes()) as usize;
                        let flags = CallFlags::WRITE | CallFlags::MULTIPLE_FDS2;
                        let flags = flags.bits();
                        let args = [numbers | 2, at.unwrap(), len, flags, 0];
                        assert_eq!(errno(t.call(Call::Call, args)), EREVOKED);
                        t.write(tell, b"!").unwrap();
                        t.call(Call::ThreadExit, [0; 5]).unwrap();
                    })
                    .unwrap();
                    t.settle();
                }
                t.revoke(leases[ends]).unwrap();
                let mut heard = 0;
                while heard < 2 {
                    heard += t.read(done, 2).unwrap().len();
                }
            }
        }
    });
}

/// What maps anonymous memory.
fn anonymous(t: &mut Thread, size: usize) -> usize {
    let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_PRIVATE;
    let map = Map { offset: 0, size, flags, address: 0 };
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&map);
    t.put(&bytes) as usize
}

#[test]
fn a_server_does_not_wait_under_the_lease_of_what_it_forwarded_to() {
    calm(|t| {
        let (file, server) = t.served(serve);
        let lease = lease(t);
        let target = t.lend(file, lease).unwrap();
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let root = t.mint(socket, 1, 0).unwrap();
        let account = t.entry(EntryKind::Account);
        let gives = [Give::all(socket, 3), Give::all(target, 4)];
        let front = t
            .process(account, &gives, |t| {
                let mut sqe = t.receive(3).unwrap();
                loop {
                    let path = t.put(b"x");
                    let all = Rights::all().bits();
                    let params = ForwardParams {
                        fd: 4,
                        path,
                        path_len: 1,
                        rights: all,
                        inherit: all,
                        ..ForwardParams::default()
                    };
                    let at = t.put(params.as_bytes());
                    let mut answer = cqe_bytes(CQE_FORWARD, sqe.tag, at, 0);
                    if sqe.opcode != Opcode::OpenAt as u8 {
                        answer = cqe_bytes(CqeOpcode::RespondRegular as u8, sqe.tag, 7, 0);
                    }
                    let mut buffer = [answer, vec![0; 48]].concat();
                    let both = CallFlags::READ | CallFlags::WRITE;
                    match t.call_with(3, &mut buffer, both, &[0, 1, 1]) {
                        Ok(_) => sqe = sqe_of(&buffer),
                        Err(error) => t.exit(error.errno as usize),
                    }
                }
            })
            .unwrap();
        t.open(root, "f", RW).unwrap();
        t.settle();
        t.revoke(lease).unwrap();
        assert_eq!(t.call_with(root, &mut [], CallFlags::empty(), &[]).unwrap(), 7);
        [front, server].into_iter().for_each(|process| assert!(t.signal(process, 9).is_ok()));
    });
}

#[test]
fn a_receiver_that_was_woken_takes_nothing_once_its_socket_was_taken_back() {
    calm(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let lease = lease(t);
        let lent = t.lend(socket, lease).unwrap();
        let account = t.entry(EntryKind::Account);
        let params = ProcessParams { priority: 1, ..ProcessParams::default() };
        let server = t.process_build(account, &[Give::all(lent, 3)], &params).unwrap();
        let entry = t.program(|t| {
            let errno = t.receive(3).map_or_else(|error| error.errno, |_| 0);
            t.exit(errno as usize);
        });
        t.call(Call::ProcessStart, [server, entry as usize, 0, 0, 0]).unwrap();
        t.settle();
        t.close(file).unwrap();
        t.call(Call::Yield, [0; 5]).unwrap();
        t.revoke(lease).unwrap();
        assert_eq!(t.wait(server).unwrap().code, EREVOKED as u64);
    });
}

#[test]
fn an_inbox_that_was_mapped_through_a_socket_goes_with_it() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let lease = lease(t);
        let lent = t.lend(socket, lease).unwrap();
        let (told, tell) = pipe(t, 0);
        let (go, gone) = pipe(t, 0);
        let account = t.entry(EntryKind::Account);
        let gives = [Give::all(lent, 3), Give::all(tell, 6), Give::all(go, 7)];
        let server = t
            .process(account, &gives, |t| {
                let sqe = t.receive(3).unwrap();
                assert_eq!(t.payload(&sqe), b"ours");
                t.reply(3, sqe.tag, 0).unwrap();
                t.write(6, b"!").unwrap();
                t.read(7, 1).unwrap();
                t.peek(sqe.args[1], 4);
                unreachable!("the memory is gone");
            })
            .unwrap();
        t.call_with(file, &mut b"ours".to_vec(), CallFlags::WRITE, &[]).unwrap();
        t.read(told, 1).unwrap();
        t.revoke(lease).unwrap();
        t.write(gone, b"!").unwrap();
        assert_eq!(t.wait(server).unwrap().kind, ExitKind::Fault as u64);
    });
}

#[test]
fn who_gets_a_socket_again_receives_again() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let lease = lease(t);
        let lent = t.lend(socket, lease).unwrap();
        for (round, socket) in [lent, socket, socket].into_iter().enumerate() {
            t.spawn(round as u64 + 1, move |t| {
                t.call_with(file, &mut b"hear".to_vec(), CallFlags::WRITE, &[]).unwrap();
                t.call(Call::ThreadExit, [0; 5]).unwrap();
            })
            .unwrap();
            let sqe = t.receive(socket).unwrap();
            assert_eq!(t.payload(&sqe), b"hear");
            t.reply(socket, sqe.tag, 0).unwrap();
            t.revoke(lease).unwrap();
        }
    });
}

#[test]
fn memory_that_a_server_was_lent_and_lends_on_ends_with_its_lease() {
    scene(|t| {
        let factory = t.entry(EntryKind::FactoryMemory);
        let memory = t.create(factory, 4096, 0).unwrap();
        let lease = lease(t);
        let lent = t.lend(memory, lease).unwrap();
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let account = t.entry(EntryKind::Account);
        let gives = [Give::all(socket, 3), Give::all(lent, 5)];
        let server = t
            .process(account, &gives, |t| {
                let at = t.mmap(5, 0, 4096, SHARED).unwrap();
                while let Ok(sqe) = t.receive(3) {
                    let result = if sqe.opcode == Opcode::MmapPrep as u8 { at } else { 0 };
                    let _ = t.reply(3, sqe.tag, result as u64);
                }
            })
            .unwrap();
        let (told, tell) = pipe(t, 0);
        let (go, gone) = pipe(t, 0);
        let gives = [Give::all(file, 5), Give::all(tell, 6), Give::all(go, 7)];
        let client = t
            .process(account, &gives, |t| {
                let at = t.mmap(5, 0, 4096, SHARED).unwrap();
                t.poke(at as u64, b"mine");
                t.write(6, b"!").unwrap();
                t.read(7, 1).unwrap();
                t.peek(at as u64, 4);
                unreachable!("the memory is gone");
            })
            .unwrap();
        t.read(told, 1).unwrap();
        let flags = MapFlags::PROT_READ.bits();
        let again = t.call(Call::MemoryOf, [file, 0, 4096, flags, usize::MAX]).unwrap();
        t.revoke(lease).unwrap();
        assert_eq!(errno(t.read(again, 4)), EREVOKED);
        t.write(gone, b"!").unwrap();
        assert_eq!(t.wait(client).unwrap().kind, ExitKind::Fault as u64);
        t.signal(server, 9).unwrap();
    });
}

#[test]
fn what_is_lent_under_a_lease_beneath_one_that_was_lent_ends_with_that_too() {
    scene(|t| {
        let (file, server) = t.served(serve);
        let [outer, inner] = [(); 2].map(|()| lease(t));
        let lent = t.lend(inner, outer).unwrap();
        let below = beneath(t, lent, usize::MAX);
        let of_below = t.lend(file, below).unwrap();
        t.open(of_below, "a", RW).unwrap();
        t.revoke(outer).unwrap();
        assert_eq!(errno(t.open(of_below, "a", RW)), EREVOKED);
        assert_eq!(errno(t.lend(file, below)), EREVOKED);
        let of_inner = t.lend(file, inner).unwrap();
        t.open(of_inner, "a", RW).unwrap();
        t.signal(server, 9).unwrap();
    });
}

#[test]
fn handles_that_were_not_received_stay_as_they_were() {
    scene(|t| {
        let (file, server) = t.served(serve);
        let (reader, writer) = pipe(t, 0);
        t.send_handles(writer, &[file, file], CallFlags::FD_CLONE).unwrap();
        let lease = lease(t);
        let lent = t.lend(reader, lease).unwrap();
        // It has no memory for their numbers.
        let flags = (CallFlags::FD | CallFlags::READ).bits();
        assert_eq!(errno(t.call(Call::Call, [lent, 0x10_0000, 16, flags, 0])), EFAULT);
        let first = t.receive_handles(lent, 1).unwrap()[0];
        let second = t.receive_handles(reader, 1).unwrap()[0];
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let object = t.mint(socket, 1, 0).unwrap();
        let of_socket = t.lend(socket, lease).unwrap();
        t.spawn(1, move |t| {
            t.send_handles(object, &[file, file], CallFlags::FD_CLONE).unwrap();
            t.call(Call::ThreadExit, [0; 5]).unwrap();
        })
        .unwrap();
        let sqe = t.receive(socket).unwrap();
        let third = t.obtain(of_socket, sqe.tag, 1).unwrap()[0];
        let fourth = t.obtain(socket, sqe.tag, 1).unwrap()[0];
        t.reply(socket, sqe.tag, 2).unwrap();
        t.revoke(lease).unwrap();
        for fd in [first, third] {
            assert_eq!(errno(t.open(fd, "a", RW)), EREVOKED);
        }
        for fd in [second, fourth] {
            t.open(fd, "a", RW).unwrap();
        }
        t.signal(server, 9).unwrap();
    });
}

#[test]
fn what_a_process_has_of_itself_ends_with_what_it_was_made_through() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let lease = lease(t);
        let account = t.lend(account, lease).unwrap();
        let (told, tell) = pipe(t, 0);
        let gives = [Give::all(GRANT_SELF as usize, 5), Give::all(tell, 6)];
        let process = t
            .process(account, &gives, |t| {
                let under = t.query(5).unwrap().lease;
                t.write(6, if under == 0 { b"n" } else { b"y" }).unwrap();
            })
            .unwrap();
        assert!(t.query(process).unwrap().lease != 0);
        assert_eq!(t.read(told, 1).unwrap(), b"y");
    });
}

#[test]
fn a_fork_ends_with_the_lease_of_its_account() {
    calm(|t| {
        let account = t.entry(EntryKind::Account);
        let mut within = 0;
        for delay in 1..40 {
            let lease = lease(t);
            let lent = t.lend(account, lease).unwrap();
            let (told, tell) = pipe(t, O_NONBLOCK as u64);
            let params = ProcessParams { priority: 1, ..ProcessParams::default() };
            let gives = [Give::all(lent, 5), Give::all(tell, 6)];
            let process = t.process_build(account, &gives, &params).unwrap();
            let entry = t.program(|t| {
                let map = anonymous(t, 4096 * 4096);
                let at = t.call(Call::Fmap, [usize::MAX, map, 32, 0, 0]).unwrap();
                (0..1000).for_each(|page| t.poke((at + page * 4096) as u64, b"x"));
                t.write(6, b"s").unwrap();
                let forked = t.fork(5, |t| t.exit(0));
                t.write(6, if forked.is_ok() { b"y" } else { b"n" }).unwrap();
            });
            t.call(Call::ProcessStart, [process, entry as usize, 0, 0, 0]).unwrap();
            let mut heard = Vec::new();
            while heard.is_empty() {
                t.sleep(delay * 100).unwrap();
                heard = t.read(told, 2).unwrap_or_default();
            }
            t.revoke(lease).unwrap();
            t.wait(process).unwrap();
            // It may have been done, and not yet have said so.
            if heard == b"s" && t.read(told, 2).unwrap() == b"n" {
                within += 1;
            }
            [lease, lent, told, tell, process].into_iter().for_each(|fd| {
                t.close(fd).unwrap();
            });
        }
        assert!(within > 0, "no fork was under way");
    });
}

#[test]
fn many_mappings_end_a_quantum_of_pages_at_a_time() {
    calm(|t| {
        let factory = t.entry(EntryKind::FactoryMemory);
        let memory = t.create(factory, 500 * 4096, 0).unwrap();
        let own = t.mmap(memory, 0, 500 * 4096, SHARED).unwrap();
        (0..500).for_each(|page| t.poke((own + page * 4096) as u64, b"x"));
        let lease = lease(t);
        let lent = t.lend(memory, lease).unwrap();
        for _ in 0..60 {
            t.mmap(lent, 0, 500 * 4096, SHARED).unwrap();
        }
        t.revoke(lease).unwrap();
        assert_eq!(t.peek(own as u64, 1), b"x");
    });
}
