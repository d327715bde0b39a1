//! Leases: what was lent is taken back, wherever it went and whatever came of it.
mod common;
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EBADF, EEXPIRED, EINVAL, ELOOP, ENOTCAPABLE, EREVOKED};
use clavis_abi::limits::LEASES_ABOVE;
use clavis_abi::params::{DenialRule, ExitKind, LeaseInfo, LeaseParams, LeaseState, NO_LEASE};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{CallFlags, EventFlags, MapFlags, O_NONBLOCK, O_RDWR};
use clavis_abi::syscall::schemev2::{CqeOpcode, Opcode};
use clavis_sim::calls::{cqe_bytes, sqe_of};
use clavis_sim::{Give, Thread};
use common::{calm, errno, scene};

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
