//! Metadata and the standard calls of file systems.
use crate::common::{errno, scene};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::class::{Form, STD_FS};
use clavis_abi::error::{EINVAL, ENOTCAPABLE};
use clavis_abi::params::handle_flags;
use clavis_abi::syscall::StdFsCallKind;
use clavis_abi::syscall::data::{Stat, StatVfs};
use clavis_abi::syscall::flag::{
    CallFlags, F_DUPFD, F_GETFD, F_GETFL, F_SETFD, F_SETFL, O_NONBLOCK,
};
use clavis_abi::syscall::schemev2::Opcode;

/// A payload that a kind takes.
fn payload_of(form: Form) -> Vec<u8> {
    match form {
        Form::Exact(size) | Form::LockRange(size) => vec![b'x'; size],
        Form::Path => b"a/b".to_vec(),
        Form::TwoPaths => b"a\0b".to_vec(),
        Form::Free => b"anything".to_vec(),
    }
}

/// Requirement: R30
#[test]
fn metadata_arrives_zeroed_and_returns_whole() {
    scene(|t| {
        const SIZE: usize = size_of::<Stat>();
        let (file, server) = t.served(|t| {
            let sqe = t.expect(3, Opcode::Fstat);
            assert_eq!(t.payload(&sqe), [0; SIZE], "what the client had is not shown");
            t.poke(sqe.args[1], &[5; SIZE]);
            t.reply(3, sqe.tag, 0).unwrap();
        });
        let at = t.room(256) as usize;
        t.poke(at as u64, &[1; 256]);
        for size in [0, 8, SIZE - 1] {
            assert_eq!(errno(t.call(Call::Fstat, [file, at, size, 0, 0])), EINVAL);
        }
        assert_eq!(t.call(Call::Fstat, [file, at, 250, 0, 0]).unwrap(), 0);
        assert_eq!(t.peek(at as u64, 256), [vec![5; SIZE], vec![1; 256 - SIZE]].concat());
        t.finished(server);
    });
}

/// Requirement: R31
#[test]
fn each_standard_call_arrives_with_its_kind_its_words_and_its_payload() {
    use StdFsCallKind as K;
    let sizes = [
        (K::Fchmod, 0),
        (K::Fchown, 0),
        (K::Fsync, 0),
        (K::Ftruncate, 0),
        (K::Lock, 0),
        (K::Unlock, 0),
        (K::GetLock, 16),
        (K::Fstatvfs, size_of::<StatVfs>()),
        (K::Futimens, 32),
        (K::Fstat, size_of::<Stat>()),
    ];
    for (kind, size) in sizes {
        let row = STD_FS.iter().find(|row| row.kind == kind).unwrap();
        assert!(matches!(row.form, Form::Exact(s) | Form::LockRange(s) if s == size), "{kind:?}");
    }
    scene(|t| {
        let (file, server) = t.served(|t| {
            for row in STD_FS {
                let sqe = t.expect(3, Opcode::StdFsCall);
                let third = if row.second.is_some() { 1 } else { 12 };
                assert_eq!(sqe.args[3..], [row.kind as u64, 11, third], "{:?}", row.kind);
                assert_eq!(t.payload(&sqe), payload_of(row.form), "{:?}", row.kind);
                t.poke(sqe.args[1], &vec![b'y'; sqe.args[2] as usize]);
                t.reply(3, sqe.tag, 4).unwrap();
            }
        });
        for row in STD_FS {
            let mut payload = payload_of(row.form);
            let words = [row.kind as u64, 11, 12];
            let flags = CallFlags::STD_FS | CallFlags::READ;
            let called = match row.second {
                None => t.call_with(file, &mut payload, flags, &words),
                Some(_) => t.call_across(file, file, &mut payload, flags, &words),
            };
            assert_eq!(called.unwrap(), 4, "{:?}", row.kind);
            assert!(payload.iter().all(|byte| *byte == b'y'), "{:?} returns it", row.kind);
        }
        t.finished(server);
    });
}

/// Requirement: R32
#[test]
fn a_standard_call_that_is_not_well_formed_is_refused() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            t.expect(3, Opcode::CloseMsg);
        });
        let call = |t: &mut clavis_sim::Thread, payload: usize, words: &[u64]| {
            errno(t.call_with(file, &mut vec![b'a'; payload], CallFlags::STD_FS, words))
        };
        for kind in [0, 9, 17, 200, 255] {
            assert_eq!(call(t, 0, &[kind]), EINVAL, "kind {kind}");
        }
        for row in STD_FS {
            let kind = row.kind as u64;
            assert_eq!(call(t, 0, &[kind | 0x100]), EINVAL, "{:?} with a reserved bit", row.kind);
            if let Form::Exact(size) | Form::LockRange(size) = row.form {
                for wrong in [size + 1, size + 8, 144].into_iter().chain(size.checked_sub(1)) {
                    assert_eq!(call(t, wrong, &[kind]), EINVAL, "{:?}, {wrong} bytes", row.kind);
                }
            }
            if row.second.is_some() {
                assert_eq!(call(t, 3, &[kind]), EINVAL, "{:?} with one handle", row.kind);
            }
        }
        for paths in [&b"a"[..], b"a\0b\0c", b"a\0\xFF"] {
            let words = [StdFsCallKind::Frenameat as u64];
            let flags = CallFlags::STD_FS;
            let renamed = t.call_across(file, file, &mut paths.to_vec(), flags, &words);
            assert_eq!(errno(renamed), EINVAL);
        }
        t.close(file).unwrap();
        t.finished(server);
    });
}

/// Requirement: R33
#[test]
fn each_standard_call_needs_the_right_of_its_kind() {
    use StdFsCallKind as K;
    let rights = [
        (K::Fchmod, Rights::SET_ATTR),
        (K::Fchown, Rights::SET_ATTR),
        (K::Futimens, Rights::SET_ATTR),
        (K::Getdents, Rights::LIST),
        (K::Fstat, Rights::STAT),
        (K::Fstatvfs, Rights::STAT),
        (K::Fsync, Rights::SYNC),
        (K::Ftruncate, Rights::TRUNCATE),
        (K::Unlinkat, Rights::REMOVE),
        (K::Relpathat, Rights::NAME),
        (K::Lock, Rights::LOCK),
        (K::Unlock, Rights::LOCK),
        (K::GetLock, Rights::LOCK),
        (K::Frenameat, Rights::RENAME),
        (K::Flinkat, Rights::LINK),
    ];
    assert_eq!(rights.len(), STD_FS.len());
    scene(move |t| {
        let (file, server) = t.served(|t| {
            t.expect(3, Opcode::CloseMsg);
        });
        for (kind, right) in rights {
            let row = STD_FS.iter().find(|row| row.kind == kind).unwrap();
            let narrow = t.derive(file, Rights::all() - right, Rights::all()).unwrap();
            let mut payload = payload_of(row.form);
            let words = [kind as u64, 0, 0];
            let flags = CallFlags::STD_FS;
            if row.second.is_none() {
                let called = t.call_with(narrow, &mut payload, flags, &words);
                assert_eq!(errno(called), ENOTCAPABLE, "{kind:?}");
            } else {
                for (first, second) in [(narrow, file), (file, narrow)] {
                    let called = t.call_across(first, second, &mut payload, flags, &words);
                    assert_eq!(errno(called), ENOTCAPABLE, "{kind:?}");
                }
            }
            assert_eq!(t.denial().unwrap().missing, right.bits(), "{kind:?}");
            t.close(narrow).unwrap();
        }
        t.close(file).unwrap();
        t.finished(server);
    });
}

/// Requirement: R34
#[test]
fn owners_and_flushes_have_opcodes_of_their_own() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let sqe = t.expect_and_reply(3, Opcode::Fchown, 0);
            assert_eq!(sqe.args[..3], [1, 0xFFFF_FFFF, 7]);
            t.expect_and_reply(3, Opcode::Fsync, 0);
        });
        t.call(Call::Fchown, [file, usize::MAX, 7 | 1 << 40, 0, 0]).unwrap();
        t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
        t.finished(server);
    });
}

/// Requirement: R35
#[test]
fn links_and_renames_arrive_with_their_path_unless_the_handle_is_confined() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            for opcode in [Opcode::Flink, Opcode::Frename] {
                let sqe = t.expect(3, opcode);
                assert_eq!((t.path(&sqe), sqe.args[0]), ("/new/name".into(), 1));
                t.reply(3, sqe.tag, 0).unwrap();
            }
        });
        let path = t.put(b"/new/name") as usize;
        for call in [Call::Flink, Call::Frename] {
            t.call(call, [file, path, 9, 0, 0]).unwrap();
        }
        t.limit(file, Rights::all(), Rights::all(), handle_flags::BENEATH).unwrap();
        for call in [Call::Flink, Call::Frename] {
            assert_eq!(errno(t.call(call, [file, path, 9, 0, 0])), ENOTCAPABLE);
        }
        t.finished(server);
    });
}

/// Requirement: R36
#[test]
fn flags_of_handles_and_descriptions_are_the_kernels_and_the_rest_the_servers() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let sqe = t.expect_and_reply(3, Opcode::Fcntl, 99);
            assert_eq!(sqe.args[..3], [1, 1031, 5]);
        });
        let fcntl = |t: &mut clavis_sim::Thread, command, argument| {
            t.call(Call::Fcntl, [file, command, argument, 0, 0]).unwrap()
        };
        fcntl(t, F_SETFL, O_NONBLOCK);
        assert_eq!(fcntl(t, F_GETFL, 0) & O_NONBLOCK, O_NONBLOCK);
        fcntl(t, F_SETFD, 0x0100_0000);
        assert_eq!(fcntl(t, F_GETFD, 0), 0x0100_0000);
        let copy = fcntl(t, F_DUPFD, 300);
        assert_eq!(copy, 300);
        assert_eq!(t.call(Call::Fcntl, [copy, F_GETFD, 0, 0, 0]).unwrap(), 0);
        assert_eq!(fcntl(t, 1031, 5), 99);
        t.finished(server);
    });
}

/// Requirement: R37
#[test]
fn a_lock_range_beyond_all_files_reaches_no_server() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let sqe = t.expect_and_reply(3, Opcode::StdFsCall, 0);
            assert_eq!(sqe.args[4..], [1 << 63 | 5, 1 << 63 | 10]);
        });
        let lock = |t: &mut clavis_sim::Thread, kind: StdFsCallKind, start: u64, length: u64| {
            t.call_with(file, &mut [], CallFlags::STD_FS, &[kind as u64, start, length])
        };
        for kind in [StdFsCallKind::Lock, StdFsCallKind::Unlock] {
            assert_eq!(errno(lock(t, kind, 1 << 62, 1 << 62)), EINVAL);
            assert_eq!(errno(lock(t, kind, (1 << 63) - 1, 1)), EINVAL);
        }
        assert_eq!(errno(lock(t, StdFsCallKind::Unlock, 5, 1 << 63)), EINVAL);
        lock(t, StdFsCallKind::Lock, 1 << 63 | 5, 1 << 63 | 10).unwrap();
        t.finished(server);
    });
}
