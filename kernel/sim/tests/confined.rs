//! What a process asks of its own handle table, and of processes that it holds.
mod common;
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EAGAIN, EBADF, EINVAL, ENOTCAPABLE};
use clavis_abi::params::{
    DenialRule, ExitKind, ExitStatus, InspectRow, ProcessParams, endpoint_flags, handle_flags,
    process_flags, upper_number, wait_flags,
};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::O_RDWR;
use clavis_abi::syscall::schemev2::Opcode;
use clavis_sim::{Give, Thread};
use common::{errno, scene};

/// In place of a handle: the process itself.
const OWN: usize = usize::MAX;
const CLOEXEC: u64 = handle_flags::CLOEXEC;
const BENEATH: u64 = handle_flags::BENEATH;

fn pipe(t: &mut Thread) -> (usize, usize) {
    let factory = t.entry(EntryKind::FactoryPipe);
    let reader = t.open(factory, "", O_RDWR as u64).unwrap();
    let writer = t.dup_message(reader, b"write").unwrap();
    (reader, writer)
}

/// Narrows all that the process has and gets: nothing is written any more.
fn mute(t: &mut Thread) {
    let most = Rights::all() - Rights::WRITE;
    t.limit(OWN, most, Rights::all(), BENEATH).unwrap();
}

fn is_mute(t: &mut Thread, fd: usize) {
    let info = t.query(fd).unwrap();
    assert_eq!(info.rights & Rights::WRITE.bits(), 0);
    assert_eq!(info.flags & BENEATH, BENEATH);
    assert_eq!(errno(t.write(fd, b"x")), ENOTCAPABLE);
}

#[test]
fn what_a_process_limits_for_itself_holds_for_what_it_has_and_gets() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let (reader, writer) = pipe(t);
        let child = t.process(account, &[Give::all(writer, 5), Give::all(writer, 6)], |t| {
            // More than one entry into the kernel looks at.
            let many: Vec<usize> = (0..200).map(|_| t.dup(5).unwrap()).collect();
            let upper = t.call(Call::Derive, [5, OWN, OWN, 0, OWN - 3]).unwrap();
            assert_eq!(errno(t.limit(OWN, Rights::all(), Rights::all(), CLOEXEC)), EBADF);
            assert_eq!(errno(t.limit(OWN, Rights::all(), Rights::all(), 1 << 30)), EINVAL);
            t.write(6, b"before").unwrap();
            mute(t);
            for fd in many.into_iter().chain([5, 6, upper]) {
                is_mute(t, fd);
            }
            let copy = t.dup(5).unwrap();
            is_mute(t, copy);
            // Nothing gives it back.
            t.limit(OWN, Rights::all(), Rights::all(), 0).unwrap();
            let copy = t.dup(6).unwrap();
            is_mute(t, copy);
            t.exit(0);
        });
        assert!(t.wait(child.unwrap()).unwrap().code == 0);
        t.write(writer, b" after").unwrap();
        assert_eq!(t.read(reader, 20).unwrap(), b"before after");
    });
}

#[test]
fn what_a_process_limits_for_itself_holds_for_what_it_makes_and_becomes() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let (_, writer) = pipe(t);
        let (from, to) = pipe(t);
        let gives = [Give::all(writer, 5), Give::all(account, 6), Give::all(from, 7)];
        let child = t.process(account, &gives, move |t| {
            // Built before, while it could still write.
            let built = t
                .process_build(6, &[Give::all(5, upper_number(31, 0))], &ProcessParams::default())
                .unwrap();
            mute(t);
            let forked = t.fork(6, |t| {
                is_mute(t, 5);
                let copy = t.dup(5).unwrap();
                is_mute(t, copy);
                t.exit(0);
            });
            assert_eq!(t.wait(forked.unwrap()).unwrap().code, 0);
            let made = t.process(6, &[Give::all(5, 9)], |t| {
                is_mute(t, 9);
                let copy = t.dup(9).unwrap();
                is_mute(t, copy);
                t.exit(0);
            });
            assert_eq!(t.wait(made.unwrap()).unwrap().code, 0);
            let result = t.exec(built, |t| {
                is_mute(t, upper_number(31, 0));
                is_mute(t, 5);
                t.exit(3);
            });
            unreachable!("EXEC returned {result:?}");
        });
        let _ = to;
        let ended = t.wait(child.unwrap()).unwrap();
        assert_eq!((ended.kind, ended.code), (ExitKind::Exit as u64, 3));
    });
}

#[test]
fn a_process_lists_its_own_handles_without_a_handle_to_itself() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let (_, writer) = pipe(t);
        let child = t.process(account, &[Give::all(writer, 77)], |t| {
            let size = size_of::<InspectRow>();
            let rows = t.room(size * 16) as usize;
            let count = t.call(Call::Inspect, [OWN, 0, rows, size * 16, 0]).unwrap();
            let numbers: Vec<u64> = (0..count)
                .map(|row| t.peek_struct::<InspectRow>((rows + row * size) as u64).number)
                .collect();
            assert!(numbers.contains(&77) && numbers.contains(&0));
            t.exit(0);
        });
        assert_eq!(t.wait(child.unwrap()).unwrap().code, 0);
    });
}

#[test]
fn scattered_numbers_are_not_the_lowest_and_do_not_run_out() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let (_, writer) = pipe(t);
        let params = ProcessParams { flags: process_flags::SCATTERED, ..ProcessParams::default() };
        let gives = [Give::all(writer, 5), Give::all(account, 6)];
        let scattered = |t: &mut Thread| {
            let lower: Vec<usize> = (0..24).map(|_| t.dup(5).unwrap()).collect();
            assert!(!lower.is_sorted() && lower.iter().all(|number| *number < 1024));
            let mut uppers = (0..24).map(|_| {
                t.call(Call::Derive, [5, OWN, OWN, 0, OWN - 3]).map(|number| number & 0xFFFF)
            });
            let uppers: Vec<usize> = uppers.by_ref().map(|index| index.unwrap()).collect();
            assert!(!uppers.is_sorted());
            // A chosen number stays a chosen number.
            assert_eq!(t.call(Call::DupInto, [5, 0, 0, 2000, 0]), Ok(2000));
            t.close(2000).unwrap();
            for number in lower {
                t.close(number).unwrap();
            }
        };
        let built = t.process_build(account, &gives, &params).unwrap();
        let entry = t.program(move |t| {
            scattered(t);
            let forked = t.fork(6, move |t| {
                scattered(t);
                t.exit(0);
            });
            assert_eq!(t.wait(forked.unwrap()).unwrap().code, 0);
            // More than the least room: it grows with them.
            for _ in 0..1500 {
                t.dup(5).unwrap();
            }
            t.exit(0);
        });
        t.call(Call::ProcessStart, [built, entry as usize, 0, 0, 0]).unwrap();
        let ended = t.wait(built).unwrap();
        assert_eq!((ended.kind, ended.code), (ExitKind::Exit as u64, 0));
    });
}

#[test]
fn a_tied_process_ends_with_the_last_handle_that_others_have() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let (reader, writer) = pipe(t);
        let gives = [Give::all(writer, 5), Give::all(account, 6)];
        let child = t
            .process(account, &gives, |t| {
                // Its own children are not tied.
                let child = t.fork(6, |t| {
                    t.close(5).unwrap();
                    let _ = t.sleep(1_000_000);
                    t.exit(0);
                });
                t.close(child.unwrap()).unwrap();
                t.write(5, b"up").unwrap();
                let _ = t.sleep(u64::MAX >> 2);
            })
            .unwrap();
        assert_eq!(t.read(reader, 4).unwrap(), b"up");
        t.close(writer).unwrap();
        let tied = process_flags::TIED as usize;
        let blind = t.derive(child, Rights::WAIT, Rights::WAIT).unwrap();
        assert_eq!(errno(t.call(Call::Declare, [blind, tied, 0, 0, 0])), ENOTCAPABLE);
        // A process is no socket.
        assert_eq!(errno(t.call(Call::Declare, [child, 1, 0, 0, 0])), ENOTCAPABLE);
        t.close(blind).unwrap();
        t.call(Call::Declare, [child, tied, 0, 0, 0]).unwrap();
        let copy = t.dup(child).unwrap();
        t.close(child).unwrap();
        t.settle();
        let at = t.room(size_of::<ExitStatus>()) as usize;
        let look = [copy, at, size_of::<ExitStatus>(), wait_flags::NONBLOCK as usize, 0];
        assert_eq!(errno(t.call(Call::Wait, look)), EAGAIN);
        t.close(copy).unwrap();
        // The pipe's last writer is gone with it.
        assert_eq!(t.read(reader, 4).unwrap(), b"");
    });
}

#[test]
fn a_tied_process_ends_with_the_process_that_held_it() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let (reader, writer) = pipe(t);
        let gives = [Give::all(writer, 5), Give::all(account, 6)];
        let holder = t
            .process(account, &gives, |t| {
                let held = t.fork(6, |t| {
                    t.write(5, b"up").unwrap();
                    let _ = t.sleep(u64::MAX >> 2);
                });
                let tied = process_flags::TIED as usize;
                t.call(Call::Declare, [held.unwrap(), tied, 0, 0, 0]).unwrap();
                t.close(5).unwrap();
                let _ = t.sleep(10_000_000);
                t.exit(0);
            })
            .unwrap();
        t.close(writer).unwrap();
        assert_eq!(t.read(reader, 4).unwrap(), b"up");
        assert_eq!(t.wait(holder).unwrap().code, 0);
        assert_eq!(t.read(reader, 4).unwrap(), b"");
    });
}

#[test]
fn a_process_that_closes_the_last_handle_to_itself_lives_on() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let processes = t.entry(EntryKind::FactoryProcess);
        let child = t.process(account, &[Give::all(processes, 6)], |t| {
            let number = t.call(Call::Identity, [0; 5]).unwrap();
            let itself = t.open(6, &number.to_string(), O_RDWR as u64).unwrap();
            t.call(Call::Declare, [itself, process_flags::TIED as usize, 0, 0, 0]).unwrap();
            t.close(itself).unwrap();
            t.exit(5);
        });
        assert_eq!(t.wait(child.unwrap()).unwrap().code, 5);
    });
}

#[test]
fn a_path_that_is_refused_behind_a_forward_leaves_a_denial() {
    scene(|t| {
        let (dir, server) = t.served(|t| {
            let target = t.mint(3, 2, 0).unwrap();
            t.limit(target, Rights::all(), Rights::all(), BENEATH).unwrap();
            for _ in 0..2 {
                let sqe = t.expect(3, Opcode::OpenAt);
                t.forward(3, sqe.tag, target, b"a/b", Rights::all()).unwrap();
            }
            // It keeps paths beneath by itself now: those that climb are refused all the same.
            t.declare(3, endpoint_flags::STRUCTURAL).unwrap();
            let sqe = t.expect(3, Opcode::OpenAt);
            t.forward(3, sqe.tag, target, b"a/../..", Rights::all()).unwrap();
            t.expect_and_reply(3, Opcode::Fsync, 0);
        });
        assert!(t.denial().is_none());
        for _ in 0..2 {
            assert_eq!(errno(t.open(dir, "x", 0)), ENOTCAPABLE);
            let denial = t.denial().unwrap();
            let rule = DenialRule::NotStructural as u64;
            assert_eq!((denial.handle, denial.rule, denial.missing), (dir as u64, rule, 0));
        }
        assert_eq!(errno(t.open(dir, "y", 0)), ENOTCAPABLE);
        assert_eq!(t.denial().unwrap().rule, DenialRule::Beneath as u64);
        t.call(Call::Fsync, [dir, 0, 0, 0, 0]).unwrap();
        t.finished(server);
    });
}

#[test]
fn a_factory_that_was_opened_as_itself_makes_what_it_made() {
    scene(|t| {
        let factory = t.entry(EntryKind::FactoryPipe);
        let again = t.open(factory, ".", O_RDWR as u64).unwrap();
        let reader = t.open(again, "", O_RDWR as u64).unwrap();
        let writer = t.dup_message(reader, b"write").unwrap();
        t.write(writer, b"x").unwrap();
        assert_eq!(t.read(reader, 4).unwrap(), b"x");
        // It makes as much as it may.
        let all = Rights::all();
        let narrow = t.derive(again, all, all - Rights::READ).unwrap();
        let reader = t.open(narrow, "", 0).unwrap();
        assert_eq!(errno(t.read(reader, 4)), ENOTCAPABLE);
    });
}
