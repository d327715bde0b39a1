//! Reading, writing, seeking.
use crate::common::{errno, scene};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EINVAL, EIO, ENOTCAPABLE, ESPIPE};
use clavis_abi::params::MintParams;
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{F_SETFL, O_APPEND, O_NONBLOCK};
use clavis_abi::syscall::schemev2::Opcode;
use clavis_sim::Thread;

const OWN: usize = usize::MAX;

/// A handle to a POSITIONED object, and its server.
fn positioned(t: &mut Thread, code: impl FnOnce(&mut Thread) + Send + 'static) -> (usize, usize) {
    let scheme = t.entry(EntryKind::FactoryScheme);
    let socket = t.socket(scheme).unwrap();
    let all = Rights::all().bits();
    let params = MintParams {
        number: 1,
        rights: all,
        inherit: all,
        internal_flags: 1,
        ..Default::default()
    };
    let file = t.mint_with(socket, &params).unwrap();
    let server = t.server(socket, code);
    t.close(socket).unwrap();
    (file, server)
}

/// Requirement: R24
#[test]
fn a_server_sees_the_offset_that_was_said_or_none() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            for (opcode, offset) in [
                (Opcode::Read, u64::MAX),
                (Opcode::Write, u64::MAX),
                (Opcode::Read, 77),
                (Opcode::Write, 1 << 40),
            ] {
                assert_eq!(t.expect_and_reply(3, opcode, 1).args[3], offset, "{opcode:?}");
            }
        });
        let at = t.room(16) as usize;
        t.call(Call::Read, [file, at, 8, 0, 0]).unwrap();
        t.call(Call::Write2, [file, at, 8, OWN, OWN]).unwrap();
        t.call(Call::Read2, [file, at, 8, 77, OWN]).unwrap();
        t.call(Call::Write2, [file, at, 8, 1 << 40, OWN]).unwrap();
        let narrow = t.derive(file, Rights::all() - Rights::SEEK, Rights::all()).unwrap();
        for call in [Call::Read2, Call::Write2] {
            assert_eq!(errno(t.call(call, [narrow, at, 8, 5, OWN])), ENOTCAPABLE);
        }
        t.finished(server);
    });
}

/// Requirement: R25
#[test]
fn the_kernel_keeps_the_offset_of_a_positioned_description() {
    scene(|t| {
        let (file, server) = positioned(t, |t| {
            for (opcode, offset, moved) in [
                (Opcode::Read, 0, 5),
                (Opcode::Write, 5, 3),
                (Opcode::Read, 100, 8),
                (Opcode::Read, 8, 0),
                (Opcode::Write, 8, 1),
            ] {
                let sqe = t.expect_and_reply(3, opcode, moved);
                assert_eq!(sqe.args[3], offset, "{opcode:?}");
            }
            let sqe = t.expect(3, Opcode::Read);
            assert_eq!(sqe.args[3], 9);
            t.refuse(3, sqe.tag, EIO).unwrap();
            assert_eq!(t.expect_and_reply(3, Opcode::Read, 1).args[3], 9, "an error moves nothing");
        });
        let at = t.room(16) as usize;
        t.call(Call::Read, [file, at, 8, 0, 0]).unwrap();
        t.call(Call::Write, [file, at, 8, 0, 0]).unwrap();
        t.call(Call::Read2, [file, at, 8, 100, OWN]).unwrap();
        t.call(Call::Read, [file, at, 8, 0, 0]).unwrap();
        t.call(Call::Write, [file, at, 8, 0, 0]).unwrap();
        assert_eq!(errno(t.call(Call::Read, [file, at, 8, 0, 0])), EIO);
        t.call(Call::Read, [file, at, 8, 0, 0]).unwrap();
        t.finished(server);
    });
}

/// Requirement: R26
#[test]
fn calls_at_the_own_offset_are_served_one_after_the_other_and_others_at_once() {
    scene(|t| {
        let (file, server) = positioned(t, |t| {
            let first = t.expect(3, Opcode::Read);
            assert_eq!(first.args[3], 0);
            // The second reader of the own offset waits, the one with an offset does not.
            let other = t.expect_and_reply(3, Opcode::Read, 1);
            assert_eq!(other.args[3], 1000);
            t.reply(3, first.tag, 4).unwrap();
            let second = t.expect_and_reply(3, Opcode::Read, 4);
            assert_eq!(second.args[3], 4);
        });
        for thread in [1, 2] {
            t.spawn(thread, move |t| assert_eq!(t.read(file, 4).unwrap().len(), 4)).unwrap();
        }
        t.settle();
        let at = t.room(16) as usize;
        t.call(Call::Read2, [file, at, 8, 1000, OWN]).unwrap();
        t.finished(server);
    });
}

/// Requirement: R27
#[test]
fn a_result_above_the_length_is_an_error_and_only_what_it_says_is_written() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            for opcode in [Opcode::Read, Opcode::Write, Opcode::Fpath] {
                let sqe = t.expect_and_reply(3, opcode, 9);
                assert_eq!(sqe.args[2], 8);
            }
            for opcode in [Opcode::Read, Opcode::Fpath] {
                let sqe = t.expect(3, opcode);
                t.poke(sqe.args[1], b"12345678");
                t.reply(3, sqe.tag, 3).unwrap();
            }
        });
        let at = t.put(b"........") as usize;
        for call in [Call::Read, Call::Write, Call::Fpath] {
            assert_eq!(errno(t.call(call, [file, at, 8, 0, 0])), EIO, "{call:?}");
        }
        assert_eq!(t.peek(at as u64, 8), b"........");
        for call in [Call::Read, Call::Fpath] {
            assert_eq!(t.call(call, [file, at, 8, 0, 0]).unwrap(), 3);
            assert_eq!(t.peek(at as u64, 8), b"123.....");
            t.poke(at as u64, b"........");
        }
        t.finished(server);
    });
}

/// Requirement: R28
#[test]
fn a_server_sees_the_status_flags_with_each_call() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            for flags in [O_APPEND, O_APPEND, 0, O_NONBLOCK, O_APPEND | O_NONBLOCK] {
                assert_eq!(t.expect_and_reply(3, Opcode::Write, 1).args[4] as usize, flags);
            }
        });
        t.call(Call::Fcntl, [file, F_SETFL, O_APPEND, 0, 0]).unwrap();
        let at = t.room(16) as usize;
        t.call(Call::Write, [file, at, 1, 0, 0]).unwrap();
        for flags in [OWN, 0, 1, 3] {
            t.call(Call::Write2, [file, at, 1, OWN, flags]).unwrap();
        }
        t.finished(server);
    });
}

/// Requirement: R29
#[test]
fn only_a_seek_from_the_end_asks_the_server() {
    scene(|t| {
        let (file, server) = positioned(t, |t| {
            t.expect_and_reply(3, Opcode::Fsize, 1000);
            t.expect_and_reply(3, Opcode::Fsize, 1000);
            assert_eq!(t.expect_and_reply(3, Opcode::Read, 0).args[3], 990);
        });
        let seek = |t: &mut Thread, distance: isize, whence: usize| {
            t.call(Call::Lseek, [file, distance as usize, whence, 0, 0])
        };
        assert_eq!(seek(t, 10, 0).unwrap(), 10);
        assert_eq!(seek(t, 10, 1).unwrap(), 20);
        assert_eq!(errno(seek(t, -30, 1)), EINVAL);
        assert_eq!(errno(seek(t, 0, 7)), EINVAL);
        assert_eq!(errno(seek(t, -1001, 2)), EINVAL);
        assert_eq!(seek(t, -10, 2).unwrap(), 990);
        t.read(file, 1).unwrap();
        t.finished(server);
        let (plain, server) = t.served(|t| {
            t.expect(3, Opcode::CloseMsg);
        });
        for whence in 0..3 {
            let sought = t.call(Call::Lseek, [plain, 0, whence, 0, 0]);
            assert_eq!(errno(sought), ESPIPE, "{whence}");
        }
        t.close(plain).unwrap();
        t.finished(server);
    });
}
