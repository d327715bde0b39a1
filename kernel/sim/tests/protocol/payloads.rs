//! What travels with a request.
use crate::common::{errno, scene};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EFAULT, EINVAL, EMSGSIZE, ENAMETOOLONG};
use clavis_abi::limits::{COMPONENT_MAX, PATH_MAX, PAYLOAD_MAX};
use clavis_abi::params::MintParams;
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::StdFsCallKind;
use clavis_abi::syscall::flag::{CallFlags, MapFlags, O_RDWR};
use clavis_abi::syscall::schemev2::Opcode;
use clavis_sim::Thread;

/// Nothing is ever mapped there.
const NOWHERE: usize = 0x7000_0000_0000;

fn memory(t: &mut Thread, bytes: usize) -> usize {
    let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_PRIVATE;
    t.mmap(usize::MAX, 0, bytes, flags).unwrap()
}

/// Requirement: R7
#[test]
fn what_a_server_sees_of_a_payload_stays_as_it_was_sent() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            for len in [64, 20_000] {
                let sqe = t.expect(3, Opcode::Write);
                t.sleep(5_000_000).unwrap();
                assert_eq!(t.payload(&sqe), vec![b'a'; len], "the client wrote over its own");
                t.reply(3, sqe.tag, len as u64).unwrap();
            }
        });
        let at = memory(t, 32_768);
        for len in [64, 20_000] {
            t.poke(at as u64, &vec![b'a'; len]);
            t.spawn(1, move |t| {
                assert_eq!(t.call(Call::Write, [file, at, len, 0, 0]).unwrap(), len);
            })
            .unwrap();
            t.sleep(2_000_000).unwrap();
            t.poke(at as u64, &vec![b'b'; len]);
            t.sleep(20_000_000).unwrap();
        }
        t.finished(server);
    });
}

/// Requirement: R7
#[test]
fn large_payloads_that_wait_together_lie_apart() {
    const PAGES: usize = 40;
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let at = memory(t, PAGES * 4096);
        for client in 1..=4 {
            t.poke(at as u64, &vec![client; PAGES * 4096]);
            t.spawn(u64::from(client), move |t| {
                let _ = t.call(Call::Write, [file, at, PAGES * 4096, 0, 0]);
                t.call(Call::ThreadExit, [0; 5]).unwrap();
            })
            .unwrap();
            t.settle();
        }
        for client in 1..=4 {
            let sqe = t.expect(socket, Opcode::Write);
            assert_eq!(t.payload(&sqe), vec![client; PAGES * 4096]);
            t.reply(socket, sqe.tag, 0).unwrap();
        }
    });
}

/// Requirement: R8
#[test]
fn a_payload_lies_aligned_and_never_at_null() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            for _ in 0..12 {
                let sqe = t.receive(3).unwrap();
                assert!(sqe.args[1] != 0 && sqe.args[1].is_multiple_of(16), "{:#x}", sqe.args[1]);
                t.reply(3, sqe.tag, 0).unwrap();
            }
        });
        let at = memory(t, 16_384);
        for len in [0, 1, 4096, 9000] {
            for call in [Call::Read, Call::Write, Call::Call] {
                t.call(call, [file, at + 1, len, 0, 0]).unwrap();
            }
        }
        t.finished(server);
    });
}

/// Requirement: R10
#[test]
fn more_than_a_mebibyte_is_refused_or_cut() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            for opcode in [Opcode::Read, Opcode::Write, Opcode::Call] {
                let sqe = t.expect_and_reply(3, opcode, 7);
                assert_eq!(sqe.args[2], PAYLOAD_MAX as u64, "{opcode:?}");
            }
        });
        let at = memory(t, PAYLOAD_MAX + 4096);
        let long = PAYLOAD_MAX + 1;
        assert_eq!(t.call(Call::Read, [file, at, long, 0, 0]).unwrap(), 7);
        assert_eq!(t.call(Call::Write, [file, at, long, 0, 0]).unwrap(), 7);
        assert_eq!(errno(t.call(Call::Call, [file, at, long, 0, 0])), EMSGSIZE);
        assert_eq!(t.call(Call::Call, [file, at, PAYLOAD_MAX, 0, 0]).unwrap(), 7);
        t.finished(server);
    });
}

/// Requirement: R11
#[test]
fn a_malformed_path_reaches_no_server() {
    scene(|t| {
        let (dir, server) = t.served(|t| {
            for opcode in [Opcode::OpenAt, Opcode::UnlinkAt, Opcode::StdFsCall, Opcode::Flink] {
                assert_eq!(t.expect_and_reply(3, opcode, 9).args[2], 3, "{opcode:?}");
            }
        });
        let other = t.dup(dir).unwrap();
        let long = vec![b'a'; PATH_MAX + 1];
        let wide = [b"a/".to_vec(), vec![b'b'; COMPONENT_MAX + 1]].concat();
        let paths: [(&[u8], i32); 5] = [
            (b"a\0b", EINVAL),
            (&[b'a', 0xC0, b'b'], EINVAL),
            (&long, ENAMETOOLONG),
            (&wide, ENAMETOOLONG),
            (b"a/b", 0),
        ];
        for (path, expected) in paths {
            let at = t.put(path) as usize;
            let error = |result: Result<usize, clavis_abi::error::Error>| {
                assert_eq!(result.map_or_else(|error| error.errno, |_| 0), expected, "{path:?}");
            };
            error(t.call(Call::OpenAt, [dir, at, path.len(), 0, usize::MAX]));
            error(t.call(Call::UnlinkAt, [dir, at, path.len(), 0, 0]));
            let kind = t.put(&(StdFsCallKind::Unlinkat as u64).to_le_bytes()) as usize;
            let flags = CallFlags::STD_FS.bits() | 1;
            error(t.call(Call::Call, [dir, at, path.len(), flags, kind]));
            error(t.call(Call::Flink, [other, at, path.len(), 0, 0]));
        }
        t.finished(server);
    });
}

/// Requirement: R12
#[test]
fn a_bad_buffer_ends_its_call_alone() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            loop {
                let sqe = t.receive(3).unwrap();
                match sqe.opcode {
                    x if x == Opcode::Fsync as u8 => {
                        t.reply(3, sqe.tag, 0).unwrap();
                        break;
                    }
                    x if x == Opcode::CloseMsg as u8 => 0,
                    x if x == Opcode::Read as u8 => t.reply(3, sqe.tag, sqe.args[2]).unwrap(),
                    _ => t.reply(3, sqe.tag, 0).unwrap(),
                };
            }
        });
        let half = memory(t, 8192) + 4096 - 8;
        t.munmap(half + 8, 4096).unwrap();
        let shut = MapFlags::PROT_READ | MapFlags::MAP_PRIVATE;
        let gap = t.mmap(usize::MAX, 0, 100 * 4096, shut).unwrap();
        for at in [NOWHERE, half, 0, gap] {
            for len in [16, 70_000] {
                let read = t.call(Call::Read, [file, at, len, 0, 0]);
                assert_eq!(errno(read), EFAULT, "reading {len} to {at:#x}");
                if at != gap {
                    let wrote = t.call(Call::Write, [file, at, len, 0, 0]);
                    assert_eq!(errno(wrote), EFAULT, "writing {len} from {at:#x}");
                }
            }
            if at != gap {
                let opened = t.call(Call::OpenAt, [file, at, 16, O_RDWR, usize::MAX]);
                assert_eq!(errno(opened), EFAULT);
                assert_eq!(errno(t.call(Call::DupInto, [file, at, 16, usize::MAX, 0])), EFAULT);
            }
            assert_eq!(errno(t.call(Call::Fstat, [file, at, 144, 0, 0])), EFAULT);
        }
        t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
        t.finished(server);
    });
}

/// Requirement: R13
#[test]
fn whatever_is_called_a_server_meets_only_what_the_protocol_names() {
    use Opcode::*;
    const KNOWN: [Opcode; 19] = [
        OpenAt, UnlinkAt, Dup, Read, Write, Fsize, Fchown, Fcntl, Fevent, Fpath, Flink, Frename,
        Fstat, Fsync, MmapPrep, Call, StdFsCall, Sendfd, Recvfd,
    ];
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let all = Rights::all().bits();
        let positioned =
            MintParams { rights: all, inherit: all, internal_flags: 1, ..Default::default() };
        let file = t.mint_with(socket, &positioned).unwrap();
        let server = t.server(socket, |t| {
            let mut seen = 0u64;
            loop {
                let sqe = t.receive(3).unwrap();
                seen |= 1 << sqe.opcode;
                if sqe.opcode == CloseMsg as u8 {
                    break;
                }
                assert!(KNOWN.iter().any(|known| *known as u8 == sqe.opcode), "{sqe:?}");
                t.refuse(3, sqe.tag, EINVAL).unwrap();
            }
            for known in KNOWN {
                assert!(seen & 1 << known as u8 != 0, "{known:?} was not seen");
            }
        });
        t.close(socket).unwrap();
        let at = t.room(256) as usize;
        t.poke(at as u64, &[0; 256]);
        use clavis_abi::call::Call as C;
        for call in clavis_abi::call::TABLE.iter().map(|row| row.call) {
            // What is about the caller itself would end the scene.
            let own = [C::Exit, C::ThreadExit, C::Fork, C::Exec, C::SignalWait, C::SignalActions];
            let others = [C::Close, C::Limit, C::SignalMask, C::Signal, C::SetDeadline];
            if !own.contains(&call) && !others.contains(&call) {
                let _ = t.call(call, [file, at, 1, 0, 0]);
            }
        }
        t.poke(at as u64, b"ab");
        let _ = t.call(C::OpenAt, [file, at, 2, 0, usize::MAX]);
        let _ = t.call(C::UnlinkAt, [file, at, 2, 0, 0]);
        let _ = t.call(C::Flink, [file, at, 2, 0, 0]);
        let _ = t.call(C::Frename, [file, at, 2, 0, 0]);
        let _ = t.call(C::DupInto, [file, at, 2, usize::MAX, 0]);
        let _ = t.call(C::Fcntl, [file, 4242, 0, 0, 0]);
        let _ = t.call(C::Fstat, [file, at, 200, 0, 0]);
        let _ = t.mmap(file, 0, 4096, MapFlags::PROT_READ | MapFlags::MAP_SHARED);
        for flags in [CallFlags::empty(), CallFlags::READ] {
            let _ = t.call_with(file, &mut [0; 8], flags, &[]);
        }
        for kind in 0..20 {
            for len in [0, 2, 16, 32, 104, 144] {
                let _ = t.call_with(file, &mut vec![b'a'; len], CallFlags::STD_FS, &[kind]);
            }
        }
        let null = t.dup(t.null()).unwrap();
        let _ = t.send_handles(file, &[null], CallFlags::empty());
        let _ = t.receive_handles(file, 1);
        let _ = t.call(C::Lseek, [file, 0, 2, 0, 0]);
        t.close(file).unwrap();
        t.finished(server);
    });
}
