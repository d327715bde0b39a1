//! What is taken back, and with what.
use crate::common::{calm, errno, scene, world};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::EREVOKED;
use clavis_abi::params::{DenialRule, ExitKind, LeaseState};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{CallFlags, EventFlags, MapFlags, O_NONBLOCK};
use clavis_abi::syscall::schemev2::Opcode;
use clavis_sim::Give;

use crate::{RW, SHARED, beneath, lease, pipe, serve, state};

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
fn a_hundred_thousand_handles_are_taken_back_as_fast_as_one() {
    const EACH: usize = 50_000;
    let spent = |copies: usize| {
        let (tell, told) = std::sync::mpsc::channel();
        let mut world = world(move |t| {
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
