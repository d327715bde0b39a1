//! Leases that depend on others, and what comes through several.
use crate::common::{errno, scene};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EBADF, EFAULT, EINVAL, ELOOP, ENOTCAPABLE, EREVOKED};
use clavis_abi::limits::LEASES_ABOVE;
use clavis_abi::params::{GRANT_SELF, LeaseParams, LeaseState, NO_LEASE};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::CallFlags;
use clavis_abi::syscall::schemev2::{CqeOpcode, Opcode};
use clavis_sim::Give;

use crate::{RW, beneath, lease, pipe, serve, state};

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
