//! What becomes of a call to a scheme.
mod common;
use clavis_abi::Rights;
use clavis_abi::error::{EDEADLK, EIO, ENODEV, ENOENT, EOWNERDEAD, ETIMEDOUT};
use clavis_abi::params::MintParams;
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{O_RDONLY, O_RDWR};
use clavis_abi::syscall::schemev2::{CqeOpcode, Opcode};
use clavis_sim::{Give, Thread};
use common::{errno, scene};

const NONE: u64 = 0;
const RD: u64 = O_RDONLY as u64;

/// A file server that answers every open with the number 7 and every read with "hello".
fn file_server(t: &mut Thread, socket: usize) {
    loop {
        let Ok(sqe) = t.receive(socket) else { return };
        let done = match sqe.opcode {
            x if x == Opcode::OpenAt as u8 => {
                let path = t.path(&sqe);
                if path == "missing" {
                    t.refuse(socket, sqe.tag, ENOENT)
                } else {
                    t.reply(socket, sqe.tag, 7)
                }
            }
            x if x == Opcode::Read as u8 => {
                assert_eq!(sqe.args[0], 7, "reads come with the number that the open gave");
                t.poke(sqe.args[1], b"hello");
                t.reply(socket, sqe.tag, 5)
            }
            x if x == Opcode::CloseMsg as u8 => Ok(0),
            _ => t.refuse(socket, sqe.tag, EDEADLK),
        };
        done.expect("answers are taken");
    }
}

/// A name server that forwards everything behind `/scheme/file/` to handle 4.
fn name_server(t: &mut Thread, socket: usize) {
    loop {
        let Ok(sqe) = t.receive(socket) else { return };
        if sqe.opcode != Opcode::OpenAt as u8 && sqe.opcode != Opcode::UnlinkAt as u8 {
            continue;
        }
        let path = t.path(&sqe);
        let answered = match path.strip_prefix("/scheme/file/") {
            Some(rest) => t.forward(socket, sqe.tag, 4, rest.as_bytes(), Rights::all()),
            None => t.refuse(socket, sqe.tag, ENOENT),
        };
        answered.expect("answers are taken");
    }
}

/// Starts both servers; a handle to the namespace.
fn with_servers(t: &mut Thread) -> usize {
    let (scheme, account) = (t.entry(EntryKind::FactoryScheme), t.entry(EntryKind::Account));
    let files = t.socket(scheme).unwrap();
    let root = t.mint(files, 1, 0).unwrap();
    let names = t.socket(scheme).unwrap();
    let namespace = t.mint(names, 1, 99).unwrap();
    t.process(account, &[Give::all(files, 3)], |t| file_server(t, 3)).unwrap();
    let gives = [Give::all(names, 3), Give::all(root, 4)];
    t.process(account, &gives, |t| name_server(t, 3)).unwrap();
    for fd in [files, names, root] {
        t.close(fd).unwrap();
    }
    namespace
}

/// Requirement: R49
#[test]
fn an_open_goes_through_the_name_server_to_the_file_server() {
    scene(|t| {
        let namespace = with_servers(t);
        let file = t.open(namespace, "/scheme/file/a", RD).unwrap();
        assert_eq!(t.read(file, 100).unwrap(), b"hello");
        assert_eq!(t.read(file, 5).unwrap(), b"hello");
        t.close(file).unwrap();
        assert_eq!(errno(t.open(namespace, "/scheme/file/missing", RD)), ENOENT);
        assert_eq!(errno(t.open(namespace, "/scheme/nothing", RD)), ENOENT);
    });
}

/// Requirement: R27
#[test]
fn a_result_longer_than_the_buffer_is_an_error_of_the_server() {
    scene(|t| {
        let namespace = with_servers(t);
        let file = t.open(namespace, "/scheme/file/a", RD).unwrap();
        assert_eq!(errno(t.read(file, 4)), EIO);
    });
}

/// An endpoint whose server is another process; returns the client's handle and the process.
fn served(t: &mut Thread, code: impl FnOnce(&mut Thread) + Send + 'static) -> (usize, usize) {
    let (scheme, account) = (t.entry(EntryKind::FactoryScheme), t.entry(EntryKind::Account));
    let socket = t.socket(scheme).unwrap();
    let handle = t.mint(socket, 1, 0).unwrap();
    let process = t.process(account, &[Give::all(socket, 3)], code).unwrap();
    t.close(socket).unwrap();
    (handle, process)
}

/// Requirement: R85, R87
#[test]
fn a_call_that_the_server_took_ends_with_owner_dead_when_it_dies() {
    scene(|t| {
        let (handle, _) = served(t, |t| {
            t.receive(3).unwrap();
            t.exit(1);
        });
        assert_eq!(errno(t.read(handle, 10)), EOWNERDEAD);
        assert_eq!(errno(t.read(handle, 10)), ENODEV);
    });
}

/// Requirement: R84
#[test]
fn a_call_that_no_server_took_ends_with_no_device_when_it_dies() {
    scene(|t| {
        let (handle, _) = served(t, |t| {
            t.sleep(50_000_000).unwrap();
            t.exit(1);
        });
        assert_eq!(errno(t.read(handle, 10)), ENODEV);
    });
}

/// Requirement: R84, R85, R86
#[test]
fn a_server_that_dies_ends_calls_queued_delivered_and_half_answered() {
    scene(|t| {
        let (handle, server) = served(t, |t| {
            // Answers the first of three in the same breath as it is killed.
            t.sleep(20_000_000).unwrap();
            let all = t.receive_many(3, 2).unwrap();
            assert_eq!(all.len(), 2);
            t.reply(3, all[0].tag, 0).unwrap();
            t.sleep(u64::MAX >> 2).unwrap();
        });
        for (argument, expected) in [(1, 0), (2, EOWNERDEAD), (3, ENODEV)] {
            t.spawn(argument, move |t| {
                let result = t.read(handle, 10).map(|_| ());
                assert_eq!(result.map_or_else(|error| error.errno, |()| 0), expected);
            })
            .unwrap();
            t.settle();
        }
        t.sleep(20_000_000).unwrap();
        t.signal(server, 9).unwrap();
        t.settle();
    });
}

/// Requirement: R90
#[test]
fn a_deadline_before_delivery_removes_the_request() {
    scene(|t| {
        let (handle, _) = served(t, |t| {
            t.sleep(100_000_000).unwrap();
            let sqe = t.receive(3).unwrap();
            assert_eq!(sqe.opcode, Opcode::Fsync as u8, "the first call vanished");
            t.reply(3, sqe.tag, 0).unwrap();
            let _ = t.receive(3);
        });
        t.deadline(10_000_000).unwrap();
        assert_eq!(errno(t.read(handle, 10)), ETIMEDOUT);
        t.deadline(0).unwrap();
        t.call(clavis_abi::call::Call::Fsync, [handle, 0, 0, 0, 0]).unwrap();
    });
}

/// Requirement: R91, R92, R52
#[test]
fn a_deadline_after_delivery_tells_the_server_once_and_swallows_its_answer() {
    scene(|t| {
        let (handle, _) = served(t, |t| {
            let sqe = t.receive(3).unwrap();
            let cancel = t.receive(3).unwrap();
            assert_eq!((cancel.opcode, cancel.tag), (Opcode::Cancel as u8, sqe.tag));
            t.reply(3, sqe.tag, 0).unwrap();
            t.reply(3, sqe.tag, 0).unwrap();
            let next = t.receive(3).unwrap();
            assert_eq!(next.opcode, Opcode::CloseMsg as u8, "the open was minted and closed");
            t.receive(3).unwrap();
        });
        let swallowed = t.counter("swallowed").0;
        t.deadline(10_000_000).unwrap();
        assert_eq!(errno(t.open(handle, "slow", NONE)), ETIMEDOUT);
        t.deadline(0).unwrap();
        t.settle();
        assert_eq!(t.counter("swallowed").0, swallowed + 1, "only the double answer is late");
    });
}

/// Requirement: R52
#[test]
fn late_double_and_forged_answers_are_swallowed_and_counted() {
    scene(|t| {
        let (handle, _) = served(t, |t| {
            let sqe = t.receive(3).unwrap();
            for tag in [sqe.tag ^ 0x1_0000, sqe.tag + 1, 0x7F, 0xFFFE_FFFF] {
                t.reply(3, tag, 1).unwrap();
            }
            t.reply(3, sqe.tag, 0).unwrap();
            t.reply(3, sqe.tag, 0).unwrap();
            t.receive(3).unwrap();
        });
        let before = t.counter("swallowed").0;
        assert_eq!(t.read(handle, 10).unwrap(), b"");
        t.settle();
        assert_eq!(t.counter("swallowed").0, before + 5);
    });
}

/// Requirement: R52
#[test]
fn an_answer_with_a_foreign_tag_does_not_touch_its_number() {
    scene(|t| {
        let (handle, _) = served(t, |t| {
            let sqe = t.receive(3).unwrap();
            let number = t.dup(3).unwrap();
            t.answer(3, CqeOpcode::RespondWithFd as u8, 0x55, number as u64).unwrap();
            t.query(number).expect("the number of a swallowed answer stays");
            t.close(number).unwrap();
            t.reply(3, sqe.tag, 0).unwrap();
            t.receive(3).unwrap();
        });
        t.read(handle, 10).unwrap();
    });
}

/// Requirement: R88
#[test]
fn a_new_server_instance_never_meets_the_numbers_of_the_old_one() {
    scene(|t| {
        let (scheme, account) = (t.entry(EntryKind::FactoryScheme), t.entry(EntryKind::Account));
        let socket = t.socket(scheme).unwrap();
        let first = t
            .process(account, &[Give::all(socket, 3)], |t| {
                t.call(clavis_abi::call::Call::Read, [3, 0x40_0000, 0, 0, 0]).unwrap_err();
                let _ = t.receive(3);
            })
            .unwrap();
        let (old, kept) = (t.mint(socket, 1, 0).unwrap(), t.mint(socket, 2, 0).unwrap());
        t.settle();
        t.signal(first, 9).unwrap();
        // A close notice and a request wait when the next instance comes.
        t.close(old).unwrap();
        t.spawn(1, move |t| {
            let result = errno(t.read(kept, 10));
            assert!(result == ENODEV || result == EOWNERDEAD, "{result}");
        })
        .unwrap();
        t.settle();
        t.process(account, &[Give::all(socket, 3)], |t| {
            let sqe = t.receive(3).unwrap();
            assert_eq!(sqe.args[0], 77, "the new instance hears only of its own");
            t.reply(3, sqe.tag, 0).unwrap();
            let _ = t.receive(3);
        })
        .unwrap();
        t.settle();
        assert_eq!(errno(t.read(kept, 10)), EOWNERDEAD);
        let new = t.mint(socket, 77, 0).unwrap();
        t.read(new, 10).unwrap();
    });
}

/// Requirement: R44, R45
#[test]
fn a_hand_over_is_bounded_by_the_masks_of_the_directory() {
    scene(|t| {
        let (handle, _) = served(t, |t| {
            loop {
                let Ok(sqe) = t.receive(3) else { return };
                if sqe.opcode != Opcode::OpenAt as u8 {
                    continue;
                }
                let given = t.mint(3, 9, 0).unwrap() as u64;
                t.answer(3, CqeOpcode::RespondWithFd as u8, sqe.tag, given).unwrap();
                // The number stays taken until the library closes it.
                assert_eq!(errno(t.query(given as usize)), clavis_abi::error::EBADF);
                t.close(given as usize).unwrap();
            }
        });
        let mask = Rights::all() - Rights::WRITE - Rights::MAP_WRITE;
        let narrow = t.derive(handle, Rights::all(), mask).unwrap();
        let opened = t.open(narrow, "x", RD).unwrap();
        let (rights, inherit) = t.rights(opened).unwrap();
        assert!(mask.contains(rights) && mask.contains(inherit));
        assert_eq!(errno(t.open(narrow, "x", O_RDWR as u64)), clavis_abi::error::ENOTCAPABLE);
    });
}

/// Requirement: R3
#[test]
fn a_badge_arrives_with_requests() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let all = Rights::all().bits();
        let params = MintParams {
            number: 4,
            badge: 0xBAD6E,
            rights: all,
            inherit: all,
            ..MintParams::default()
        };
        let handle = t.mint_with(socket, &params).unwrap();
        t.spawn(1, move |t| {
            assert_eq!(t.read(handle, 3).unwrap(), b"abc");
        })
        .unwrap();
        let sqe = t.receive(socket).unwrap();
        assert_eq!((sqe.args[0], sqe.args[5]), (4, 0xBAD6E));
        t.poke(sqe.args[1], b"abc");
        t.reply(socket, sqe.tag, 3).unwrap();
        t.settle();
    });
}

/// Requirement: R9
#[test]
fn payloads_of_every_size_arrive_whole() {
    scene(|t| {
        let (handle, _) = served(t, |t| {
            loop {
                let Ok(sqe) = t.receive(3) else { return };
                if sqe.opcode == Opcode::Write as u8 {
                    let bytes = t.payload(&sqe);
                    let right =
                        bytes.iter().enumerate().all(|(at, byte)| *byte == (at % 251) as u8);
                    assert!(right, "{} bytes arrive as they were sent", bytes.len());
                    t.reply(3, sqe.tag, bytes.len() as u64).unwrap();
                } else if sqe.opcode == Opcode::Read as u8 {
                    let len = sqe.args[2] as usize;
                    let bytes: Vec<u8> = (0..len).map(|at| (at % 241) as u8).collect();
                    t.poke(sqe.args[1], &bytes);
                    t.reply(3, sqe.tag, len as u64).unwrap();
                }
            }
        });
        use clavis_abi::syscall::flag::MapFlags;
        let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_PRIVATE;
        let at = t.mmap(usize::MAX, 0, 1 << 20, flags).unwrap();
        for len in [0, 1, 4095, 4096, 4097, 65_536, 65_537, 300_000, (1 << 20) - 3] {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            t.poke(at as u64 + 3, &bytes);
            let call = clavis_abi::call::Call::Write;
            assert_eq!(t.call(call, [handle, at + 3, len, 0, 0]).unwrap(), len);
            let call = clavis_abi::call::Call::Read;
            assert_eq!(t.call(call, [handle, at + 3, len, 0, 0]).unwrap(), len);
            let bytes = t.peek(at as u64 + 3, len);
            assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == (at % 241) as u8));
        }
    });
}
