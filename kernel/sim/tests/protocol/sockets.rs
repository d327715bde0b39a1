//! Sockets, objects, and what a request says of its client.
use crate::common::{errno, scene};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EINVAL, ENOTCAPABLE};
use clavis_abi::params::{MintParams, ObjectType, RequestInfo, open_flags};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{O_CREAT, O_NONBLOCK, O_RDONLY, O_RDWR};
use clavis_abi::syscall::schemev2::Opcode;

/// Requirement: R1
#[test]
fn each_create_scheme_makes_an_endpoint_and_its_socket_with_the_rights_of_a_server() {
    scene(|t| {
        let factory = t.entry(EntryKind::FactoryScheme);
        for flags in [0, O_RDONLY, O_RDWR] {
            let creation = t.open(factory, "scheme-creation-cap", flags as u64).unwrap();
            let [a, b] = [(); 2].map(|()| t.dup_message(creation, b"create-scheme").unwrap());
            for socket in [a, b] {
                assert_eq!(t.rights(socket).unwrap().0, Rights::SOCKET);
                assert_eq!(t.query(socket).unwrap().object, ObjectType::Socket as u64);
            }
            // What the one server's death ends is not the other's.
            let (of_a, of_b) = (t.mint(a, 1, 0).unwrap(), t.mint(b, 1, 0).unwrap());
            t.close(a).unwrap();
            assert_eq!(errno(t.read(of_a, 1)), clavis_abi::error::ENODEV);
            t.deadline(1_000_000).unwrap();
            assert_eq!(errno(t.read(of_b, 1)), clavis_abi::error::ETIMEDOUT);
            t.deadline(0).unwrap();
            t.close(b).unwrap();
            assert_eq!(errno(t.dup_message(creation, b"create-schema")), EINVAL);
        }
    });
}

/// Requirement: R2
#[test]
fn a_socket_makes_handles_to_its_objects_from_four_words_and_from_nothing_else() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let mut words: Vec<u8> = Vec::new();
        for word in [40u64, 77, O_NONBLOCK as u64, 1] {
            words.extend_from_slice(&word.to_le_bytes());
        }
        let file = t.dup_message(socket, &words).unwrap();
        let (rights, inherit) = t.rights(file).unwrap();
        assert_eq!((rights, inherit), (Rights::all(), Rights::all()));
        assert_eq!(t.query(file).unwrap().open_flags, O_NONBLOCK as u64);
        assert_eq!(t.call(Call::Lseek, [file, 2, 1, 0, 0]).unwrap(), 42, "it starts at 40");
        let server = t.server(socket, |t| {
            assert_eq!(t.expect_and_reply(3, Opcode::Fsync, 0).args[0], 77);
        });
        t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
        t.finished(server);
        for len in [1, 8, 31, 33, 40] {
            assert_eq!(errno(t.dup_message(socket, &vec![0; len])), EINVAL, "{len} bytes");
        }
    });
}

/// Requirement: R3
#[test]
fn a_minted_handle_has_the_number_badge_rights_and_mask_that_its_server_chose() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let (rights, inherit) = (Rights::STAT | Rights::SYNC, Rights::READ);
        let params = MintParams {
            number: 9,
            badge: 0xBAD6E,
            rights: rights.bits(),
            inherit: inherit.bits(),
            ..MintParams::default()
        };
        let file = t.mint_with(socket, &params).unwrap();
        assert_eq!(t.rights(file).unwrap(), (rights, inherit));
        let server = t.server(socket, |t| {
            let sqe = t.expect_and_reply(3, Opcode::Fsync, 0);
            assert_eq!((sqe.args[0], sqe.args[5]), (9, 0xBAD6E));
        });
        t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
        t.finished(server);
    });
}

/// Requirement: R4
#[test]
fn what_a_handle_lacks_the_right_for_is_refused_and_said_by_name() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            t.expect(3, Opcode::CloseMsg);
        });
        let at = t.room(256) as usize;
        let calls = [
            (Rights::LOOKUP, Call::OpenAt, [0, at, 1, 0, usize::MAX]),
            (Rights::CREATE, Call::OpenAt, [0, at, 1, O_CREAT, usize::MAX]),
            (Rights::REMOVE, Call::UnlinkAt, [0, at, 1, 0, 0]),
            (Rights::DERIVE, Call::DupInto, [0, at, 1, usize::MAX, 0]),
            (Rights::READ, Call::Read, [0, at, 1, 0, 0]),
            (Rights::WRITE, Call::Write, [0, at, 1, 0, 0]),
            (Rights::SEEK, Call::Read2, [0, at, 1, 0, 0]),
            (Rights::SEEK, Call::Lseek, [0, 0, 0, 0, 0]),
            (Rights::SET_ATTR, Call::Fchown, [0, 0, 0, 0, 0]),
            (Rights::CONTROL, Call::Fcntl, [0, 1000, 0, 0, 0]),
            (Rights::EVENT, Call::Fevent, [0, 1, 0, 0, 0]),
            (Rights::NAME, Call::Fpath, [0, at, 16, 0, 0]),
            (Rights::LINK, Call::Flink, [0, at, 1, 0, 0]),
            (Rights::RENAME, Call::Frename, [0, at, 1, 0, 0]),
            (Rights::STAT, Call::Fstat, [0, at, 256, 0, 0]),
            (Rights::SYNC, Call::Fsync, [0, 0, 0, 0, 0]),
            (Rights::CALL, Call::Call, [0, at, 1, 0, 0]),
            (Rights::SEND_HANDLE, Call::Call, [0, at, 8, 1 << 11 | 1 << 9, 0]),
            (Rights::RECV_HANDLE, Call::Call, [0, at, 8, 1 << 11 | 1 << 10, 0]),
            (Rights::MAP_READ, Call::MemoryOf, [0, 0, 4096, 1 << 18, usize::MAX]),
        ];
        for (right, call, mut args) in calls {
            let narrow = t.derive(file, Rights::all() - right, Rights::all()).unwrap();
            args[0] = narrow;
            assert_eq!(errno(t.call(call, args)), ENOTCAPABLE, "{call:?} without {right:?}");
            let denial = t.denial().unwrap();
            assert_eq!(denial.handle, narrow as u64, "{call:?}");
            assert_eq!(denial.missing, right.bits(), "{call:?}");
            t.close(narrow).unwrap();
        }
        t.close(file).unwrap();
        t.finished(server);
    });
}

/// Requirement: R5, R6
#[test]
fn a_server_learns_who_calls_with_which_rights_and_what_an_open_asked_for() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let all = Rights::all().bits();
        let badge =
            MintParams { number: 1, badge: 5, rights: all, inherit: all, ..Default::default() };
        let full = t.mint_with(socket, &badge).unwrap();
        let narrow = t.derive(full, Rights::LOOKUP, Rights::all()).unwrap();
        let server = t.server(socket, |t| {
            let sqe = t.expect(3, Opcode::OpenAt);
            assert_ne!(sqe.caller, 0, "a process has a number");
            let size = size_of::<RequestInfo>();
            let at = t.room(size);
            let args = [3, sqe.tag as usize, at as usize, size, 0];
            t.call(Call::RequestInfo, args).unwrap();
            let info: RequestInfo = t.peek_struct(at);
            assert_eq!((info.badge, info.process), (5, sqe.caller));
            assert_eq!(info.rights, Rights::LOOKUP.bits());
            assert_eq!(info.flags, O_RDONLY as u64 | open_flags::NO_XDEV);
            assert_eq!(errno(t.call(Call::RequestInfo, [3, 77, at as usize, size, 0])), 2);
            t.reply(3, sqe.tag, 2).unwrap();
            let again = t.expect_and_reply(3, Opcode::OpenAt, 2);
            assert_eq!(again.caller, sqe.caller, "it is the same process");
        });
        t.open(narrow, "a", O_RDONLY as u64 | open_flags::NO_XDEV).unwrap();
        t.open(narrow, "a", 0).unwrap();
        t.finished(server);
    });
}
