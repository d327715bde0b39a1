//! Calls on their way.
use crate::common::{calm, errno, scene};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::class::CQE_FORWARD;
use clavis_abi::error::EREVOKED;
use clavis_abi::limits::PAYLOAD_MAX;
use clavis_abi::params::{ExitKind, ForwardParams, ProcessParams};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{CallFlags, O_NONBLOCK};
use clavis_abi::syscall::schemev2::{CqeOpcode, Opcode};
use clavis_sim::calls::{cqe_bytes, sqe_of};
use clavis_sim::{Give, Thread};
use zerocopy::IntoBytes;

use crate::{RW, anonymous, lease, pipe, serve};

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

/// A server that forwards opens to a handle, and takes the next in the same call. Its root.
fn forwards_to(t: &mut Thread, target: usize) -> (usize, usize) {
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
    t.close(socket).unwrap();
    t.settle();
    (root, front)
}

#[test]
fn what_is_opened_by_a_forward_to_what_was_lent_ends_with_that_and_so_does_the_wait_for_it() {
    calm(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let server = t.server(socket, |t| {
            t.expect_and_reply(3, Opcode::OpenAt, 4);
            t.expect_and_reply(3, Opcode::OpenAt, 5);
            // The next waits until what it goes through is taken back.
            let taken = t.expect(3, Opcode::OpenAt);
            assert_eq!(t.expect(3, Opcode::Cancel).tag, taken.tag);
            t.reply(3, taken.tag, 9).unwrap();
            assert_eq!(t.expect(3, Opcode::CloseMsg).args[0], 9);
        });
        t.close(socket).unwrap();
        let lease = lease(t);
        let target = t.lend(file, lease).unwrap();
        let (root, front) = forwards_to(t, target);
        // Who was asked once waits with its inbox mapped: from then on it goes the direct way.
        t.open(file, "f", RW).unwrap();
        assert_eq!(t.call_with(root, &mut [], CallFlags::empty(), &[]).unwrap(), 7);
        // In a thread that never came through anything lent itself.
        let (done, tell) = pipe(t, 0);
        t.spawn(1, move |t| {
            let opened = t.open(root, "f", RW).unwrap();
            assert_eq!(errno(t.open(root, "g", RW)), EREVOKED);
            assert_eq!(errno(t.read(opened, 1)), EREVOKED);
            t.write(tell, b"!").unwrap();
            t.call(Call::ThreadExit, [0; 5]).unwrap();
        })
        .unwrap();
        t.settle();
        t.revoke(lease).unwrap();
        t.read(done, 1).unwrap();
        t.finished(server);
        t.signal(front, 9).unwrap();
    });
}

#[test]
fn a_server_does_not_wait_under_the_lease_of_what_it_forwarded_to() {
    calm(|t| {
        let (file, server) = t.served(serve);
        let lease = lease(t);
        let target = t.lend(file, lease).unwrap();
        let (root, front) = forwards_to(t, target);
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
