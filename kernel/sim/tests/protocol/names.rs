//! Calls that take names, and what they yield.
use crate::common::{errno, scene};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EEXIST, EINVAL, ENOTCAPABLE};
use clavis_abi::params::{OUT_UPPER, UPPER_TAG, endpoint_flags, handle_flags, open_flags};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::StdFsCallKind;
use clavis_abi::syscall::flag::{
    CallFlags, F_SETFL, O_APPEND, O_CREAT, O_NOFOLLOW, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY,
};
use clavis_abi::syscall::schemev2::Opcode;
use clavis_sim::Thread;

/// Answers every open and dup with a number, until the last handle is closed.
fn opens(t: &mut Thread) {
    loop {
        let sqe = t.receive(3).unwrap();
        if sqe.opcode == Opcode::CloseMsg as u8 && sqe.args[0] == 1 {
            return;
        }
        if sqe.opcode != Opcode::CloseMsg as u8 {
            t.reply(3, sqe.tag, 50).unwrap();
        }
    }
}

/// Requirement: R14
#[test]
fn what_an_open_yields_is_what_its_flags_imply_within_the_mask() {
    scene(|t| {
        let (dir, server) = t.served(opens);
        let masks =
            [Rights::all(), Rights::all() - Rights::MAP_EXEC - Rights::DUP, Rights::READING];
        for mask in masks {
            let narrow = t.derive(dir, Rights::all(), mask).unwrap();
            for flags in [0, O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_APPEND] {
                if !mask.contains(Rights::demanded(flags as u64)) {
                    continue;
                }
                let file = t.open(narrow, "a", flags as u64).unwrap();
                let expected = Rights::implied(flags as u64) & mask;
                assert_eq!(t.rights(file).unwrap(), (expected, mask), "{flags:#x}");
                t.close(file).unwrap();
            }
            t.close(narrow).unwrap();
        }
        t.close(dir).unwrap();
        t.finished(server);
    });
}

/// Requirement: R15
#[test]
fn an_open_that_demands_more_than_the_mask_is_refused() {
    scene(|t| {
        let (dir, server) = t.served(opens);
        for (flags, right) in [
            (O_RDONLY as u64, Rights::READ),
            (O_WRONLY as u64, Rights::WRITE),
            ((O_WRONLY | O_APPEND) as u64, Rights::APPEND),
            (O_TRUNC as u64, Rights::TRUNCATE),
            (O_CREAT as u64, Rights::CREATE),
            (open_flags::EXEC, Rights::EXEC),
        ] {
            let narrow = t.derive(dir, Rights::all(), Rights::all() - right).unwrap();
            assert_eq!(errno(t.open(narrow, "a", flags)), ENOTCAPABLE, "{flags:#x}");
            assert_eq!(t.denial().unwrap().missing, right.bits());
            let opened = t.open(dir, "a", flags).unwrap();
            t.close(opened).unwrap();
            t.close(narrow).unwrap();
        }
        t.close(dir).unwrap();
        t.finished(server);
    });
}

/// Requirement: R16
#[test]
fn a_new_handle_gets_the_number_that_was_asked_for() {
    scene(|t| {
        let (dir, server) = t.served(opens);
        let path = t.put(b"a") as usize;
        let open = |t: &mut Thread, out: usize| t.call(Call::OpenAt, [dir, path, 1, 0, out]);
        let dup = |t: &mut Thread, out: usize| t.call(Call::DupInto, [dir, path, 1, out, 0]);
        let low = open(t, usize::MAX).unwrap();
        let next = dup(t, usize::MAX).unwrap();
        assert!(low < next && next < 100, "the lowest free ones: {low}, {next}");
        t.close(low).unwrap();
        assert_eq!(open(t, usize::MAX).unwrap(), low);
        assert_eq!(open(t, 500).unwrap(), 500);
        assert_eq!(dup(t, 501).unwrap(), 501);
        for out in [500, 501] {
            assert_eq!(errno(open(t, out)), EEXIST);
            assert_eq!(errno(dup(t, out)), EEXIST);
        }
        assert_eq!(open(t, OUT_UPPER).unwrap() & UPPER_TAG, UPPER_TAG);
        assert_eq!(errno(open(t, 1 << 20)), EINVAL);
        t.close(dir).unwrap();
        t.finished(server);
    });
}

/// Requirement: R17
#[test]
fn open_flags_that_nobody_defined_are_refused() {
    scene(|t| {
        let known = open_flags::NOT_DIRECTORY | open_flags::WALK;
        let wanted = open_flags::NO_XDEV | open_flags::EXEC | known;
        let (dir, server) = t.served(move |t| {
            let sqe = t.expect_and_reply(3, Opcode::OpenAt, 2);
            assert_eq!(sqe.args[3] >> 32, wanted >> 32);
        });
        for bit in 39..64 {
            assert_eq!(errno(t.open(dir, "a", 1 << bit)), EINVAL, "bit {bit}");
        }
        let path = t.put(b"a") as usize;
        for bit in 32..64 {
            let unlinked = t.call(Call::UnlinkAt, [dir, path, 1, 1 << bit, 0]);
            assert_eq!(errno(unlinked), EINVAL, "bit {bit}");
        }
        t.open(dir, "a", wanted).unwrap();
        t.finished(server);
    });
}

/// Requirement: R18
#[test]
fn a_directory_taken_as_root_gets_any_path_if_its_server_walks_by_node() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let (dir, cage) = (t.mint(socket, 1, 0).unwrap(), t.mint(socket, 1, 0).unwrap());
        t.limit(cage, Rights::all(), Rights::all(), handle_flags::BENEATH).unwrap();
        for path in ["/a", "..", "a/b"] {
            assert_eq!(errno(t.open(dir, path, open_flags::IN_ROOT)), ENOTCAPABLE, "{path}");
        }
        t.declare(socket, endpoint_flags::STRUCTURAL).unwrap();
        const PATHS: [&str; 3] = ["/a", "../b", "a/../../c"];
        let server = t.server(socket, |t| {
            for path in PATHS {
                let sqe = t.expect(3, Opcode::OpenAt);
                assert_eq!(t.path(&sqe), path);
                assert!(sqe.args[3] & open_flags::IN_ROOT != 0, "{path}");
                t.reply(3, sqe.tag, 2).unwrap();
            }
        });
        for path in PATHS {
            t.open(dir, path, open_flags::IN_ROOT).unwrap();
            let caged = t.open(cage, path, open_flags::IN_ROOT);
            assert_eq!(errno(caged), ENOTCAPABLE, "{path} where nothing leaves");
        }
        t.finished(server);
    });
}

/// Requirement: R18, R19
#[test]
fn confinement_passes_to_all_that_is_obtained_and_the_server_is_told() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let dir = t.mint(socket, 1, 0).unwrap();
        let flags = handle_flags::BENEATH | handle_flags::NO_SYMLINKS | handle_flags::NO_XDEV;
        t.limit(dir, Rights::all(), Rights::all(), flags).unwrap();
        let server = t.server(socket, |t| {
            let told = open_flags::BENEATH | open_flags::NO_SYMLINKS | open_flags::NO_XDEV;
            let sqe = t.expect(3, Opcode::OpenAt);
            assert_eq!(t.path(&sqe), "a");
            assert_eq!(sqe.args[3] & (told | O_NOFOLLOW as u64), told | O_NOFOLLOW as u64);
            t.declare(3, endpoint_flags::STRUCTURAL).unwrap();
            t.reply(3, sqe.tag, 2).unwrap();
            t.expect_and_reply(3, Opcode::Dup, 3);
            let sqe = t.expect(3, Opcode::OpenAt);
            assert_eq!((t.path(&sqe), sqe.args[0]), ("a/../b".to_string(), 3));
            t.reply(3, sqe.tag, 4).unwrap();
            assert_eq!(sqe.args[3] & (told | O_NOFOLLOW as u64), told);
        });
        for path in ["..", "a/b", "/a"] {
            assert_eq!(errno(t.open(dir, path, 0)), ENOTCAPABLE, "{path}");
            assert_eq!(errno(t.unlink(dir, path)), ENOTCAPABLE, "{path}");
        }
        let inner = t.open(dir, "a", 0).unwrap();
        assert_eq!(t.query(inner).unwrap().flags & flags, flags);
        let other = t.dup_message(inner, b"x").unwrap();
        let copy = t.dup(other).unwrap();
        for fd in [other, copy] {
            assert_eq!(t.query(fd).unwrap().flags & flags, flags);
        }
        for path in ["..", "a/../..", "/a"] {
            assert_eq!(errno(t.open(other, path, 0)), ENOTCAPABLE, "{path}");
        }
        t.open(other, "a/../b", 0).unwrap();
        t.finished(server);
    });
}

/// Requirement: R20
#[test]
fn where_only_appending_is_permitted_nothing_else_can_be_had() {
    scene(|t| {
        let (dir, server) = t.served(|t| {
            let sqe = t.expect_and_reply(3, Opcode::OpenAt, 2);
            let forced = (O_APPEND | O_WRONLY | O_TRUNC) as u64;
            assert_eq!(sqe.args[3] & forced, (O_APPEND | O_WRONLY) as u64);
            let sqe = t.expect_and_reply(3, Opcode::Write, 1);
            assert_eq!(sqe.args[4] as usize & O_APPEND, O_APPEND);
        });
        let mask = Rights::all() - Rights::WRITE;
        let narrow = t.derive(dir, Rights::all(), mask).unwrap();
        let flags = O_WRONLY | O_APPEND | O_TRUNC;
        let log = t.open(narrow, "log", flags as u64).unwrap();
        t.call(Call::Fcntl, [log, F_SETFL, 0, 0, 0]).unwrap();
        t.write(log, b"x").unwrap();
        let at = t.put(b"x") as usize;
        assert_eq!(errno(t.call(Call::Write2, [log, at, 1, 0, 0])), ENOTCAPABLE);
        let kind = [StdFsCallKind::Ftruncate as u64, 0, 0];
        assert_eq!(errno(t.call_with(log, &mut [], CallFlags::STD_FS, &kind)), ENOTCAPABLE);
        t.finished(server);
    });
}

/// Requirement: R21
#[test]
fn an_unlink_arrives_with_its_path_and_flags() {
    scene(|t| {
        let (dir, server) = t.served(|t| {
            let sqe = t.expect(3, Opcode::UnlinkAt);
            assert_eq!((t.path(&sqe), sqe.args[0], sqe.args[3]), ("a/b".into(), 1, 0x200));
            t.reply(3, sqe.tag, 0).unwrap();
        });
        let path = t.put(b"a/b") as usize;
        assert_eq!(t.call(Call::UnlinkAt, [dir, path, 3, 0x200, 0]).unwrap(), 0);
        t.finished(server);
    });
}

/// Requirement: R22
#[test]
fn a_dup_with_a_message_yields_what_the_server_answers_within_the_mask() {
    scene(|t| {
        let (dir, server) = t.served(|t| {
            let sqe = t.expect(3, Opcode::Dup);
            assert_eq!((t.payload(&sqe), sqe.args[0]), (b"message".to_vec(), 1));
            t.reply(3, sqe.tag, 8).unwrap();
            assert_eq!(t.expect_and_reply(3, Opcode::Fsync, 0).args[0], 8);
        });
        for right in [Rights::DUP, Rights::DERIVE] {
            let narrow = t.dup(dir).unwrap();
            t.limit(narrow, Rights::all() - right, Rights::all(), 0).unwrap();
            assert_eq!(errno(t.dup_message(narrow, b"message")), ENOTCAPABLE);
        }
        let mask = Rights::SYNC | Rights::READ;
        let narrow = t.derive(dir, Rights::all(), mask).unwrap();
        let got = t.dup_message(narrow, b"message").unwrap();
        assert_eq!(t.rights(got).unwrap(), (mask, mask));
        t.call(Call::Fsync, [got, 0, 0, 0, 0]).unwrap();
        t.finished(server);
    });
}

/// Requirement: R23
#[test]
fn a_plain_dup_shares_the_description_and_reaches_no_server() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let params = clavis_abi::params::MintParams {
            number: 1,
            rights: Rights::all().bits(),
            inherit: Rights::all().bits(),
            internal_flags: 1,
            ..Default::default()
        };
        let file = t.mint_with(socket, &params).unwrap();
        let server = t.server(socket, |t| {
            assert_eq!(t.expect_and_reply(3, Opcode::Read, 0).args[3], 5, "the offset is shared");
        });
        let copy = t.dup(file).unwrap();
        assert_eq!(t.rights(copy).unwrap(), t.rights(file).unwrap());
        t.call(Call::Lseek, [copy, 5, 0, 0, 0]).unwrap();
        t.read(file, 3).unwrap();
        t.finished(server);
    });
}
