//! What becomes of a request whose caller gives up.
use crate::common::{errno, scene, world};
use clavis_abi::call::Call;
use clavis_abi::error::{EDQUOT, EINTR, ETIMEDOUT};
use clavis_abi::params::{AccountLimits, ProcessParams};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{CallFlags, MapFlags};
use clavis_abi::syscall::schemev2::{CqeOpcode, Opcode};
use clavis_sim::{Give, Thread};

const KILL: usize = 9;
/// A signal that can be caught.
const CAUGHT: u64 = 10;

/// How a caller comes to give up.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Deadline,
    Signal,
    Kill,
}

/// Lets a process call once and give it up some milliseconds later.
fn given_up(t: &mut Thread, how: How, file: usize, call: fn(&mut Thread) -> i32) {
    let account = t.entry(EntryKind::Account);
    let client = t
        .process(account, &[Give::all(file, 5)], move |t| {
            match how {
                How::Deadline => t.deadline(5_000_000).unwrap(),
                How::Signal => {
                    t.catch(&[CAUGHT], &[]).unwrap();
                }
                How::Kill => {}
            }
            let expected = if how == How::Deadline { ETIMEDOUT } else { EINTR };
            assert_eq!(call(t), expected, "{how:?}");
            t.exit(0)
        })
        .unwrap();
    t.sleep(5_000_000).unwrap();
    match how {
        How::Deadline => {}
        How::Signal => {
            t.signal(client, CAUGHT as usize).unwrap();
        }
        How::Kill => {
            t.signal(client, KILL).unwrap();
        }
    }
    let status = t.wait(client).unwrap();
    if how != How::Kill {
        assert_eq!((status.kind, status.code), (0, 0), "{how:?}");
    }
}

fn call(t: &mut Thread) -> i32 {
    errno(t.call_with(5, &mut b"payload".to_vec(), CallFlags::empty(), &[]))
}

fn open(t: &mut Thread) -> i32 {
    errno(t.open(5, "name", 0))
}

fn send(t: &mut Thread) -> i32 {
    let null = t.null();
    let sent = t.dup(null).unwrap();
    errno(t.send_handles(5, &[sent], CallFlags::empty()))
}

/// Requirement: R90
#[test]
fn what_is_given_up_before_it_was_delivered_reaches_no_server() {
    scene(|t| {
        for how in [How::Deadline, How::Signal, How::Kill] {
            for give_up in [call, open, send] {
                let (file, server) = t.served(|t| {
                    t.sleep(15_000_000).unwrap();
                    t.expect_and_reply(3, Opcode::Fsync, 0);
                });
                given_up(t, how, file, give_up);
                t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
                t.finished(server);
            }
        }
    });
}

/// Requirement: R91
#[test]
fn what_is_given_up_later_frees_its_caller_and_is_told_once() {
    scene(|t| {
        for how in [How::Deadline, How::Signal, How::Kill] {
            for give_up in [call, open, send] {
                let (file, server) = t.served(|t| {
                    let sqe = t.receive(3).unwrap();
                    let cancel = t.expect(3, Opcode::Cancel);
                    assert_eq!(cancel.tag, sqe.tag);
                    t.expect_and_reply(3, Opcode::Fsync, 0);
                    t.reply(3, sqe.tag, 0).unwrap();
                });
                given_up(t, how, file, give_up);
                t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
                t.finished(server);
            }
        }
    });
}

/// Requirement: R92
#[test]
fn what_an_abandoned_open_would_have_got_is_closed() {
    scene(|t| {
        let queues = t.counter("queues");
        let factory = t.entry(EntryKind::FactoryEvent);
        let account = t.entry(EntryKind::Account);
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let gives = [Give::all(socket, 3), Give::all(factory, 4)];
        let server = t
            .process(account, &gives, |t| {
                let sqe = t.expect(3, Opcode::OpenAt);
                t.expect(3, Opcode::Cancel);
                t.reply(3, sqe.tag, 33).unwrap();
                assert_eq!(t.expect(3, Opcode::CloseMsg).args[0], 33);
                let sqe = t.expect(3, Opcode::OpenAt);
                t.expect(3, Opcode::Cancel);
                let queue = t.open(4, "", 0).unwrap();
                t.answer(3, CqeOpcode::RespondWithFd as u8, sqe.tag, queue as u64).unwrap();
                t.close(queue).unwrap();
                t.exit(0)
            })
            .unwrap();
        t.close(socket).unwrap();
        given_up(t, How::Deadline, file, open);
        given_up(t, How::Kill, file, open);
        t.finished(server);
        let now = t.counter("queues");
        assert_eq!((now.0 - queues.0, now.1 - queues.1), (1, 1), "what was handed over is gone");
    });
}

/// Requirement: R93
#[test]
fn who_abandons_requests_pays_for_them_until_they_are_answered() {
    scene(|t| {
        let max = u64::MAX;
        let limits = AccountLimits {
            frames: max,
            handles: max,
            threads: max,
            requests: 3,
            kernel_bytes: max,
        };
        let root = t.entry(EntryKind::Account);
        let account = t.account(root, &limits).unwrap();
        let (file, server) = t.served(|t| {
            let mut tags = Vec::new();
            while tags.len() < 3 {
                let sqe = t.receive(3).unwrap();
                if sqe.opcode == Opcode::Call as u8 {
                    tags.push(sqe.tag);
                }
            }
            t.sleep(50_000_000).unwrap();
            for tag in tags {
                t.reply(3, tag, 0).unwrap();
            }
            while t.receive(3).unwrap().opcode == Opcode::Cancel as u8 {}
        });
        let client = t
            .process(account, &[Give::all(file, 5)], |t| {
                for _ in 0..3 {
                    t.deadline(2_000_000).unwrap();
                    assert_eq!(call(t), ETIMEDOUT);
                }
                t.deadline(0).unwrap();
                assert_eq!(call(t), EDQUOT);
                t.sleep(100_000_000).unwrap();
                t.deadline(1_000_000).unwrap();
                assert_ne!(call(t), EDQUOT);
                t.exit(0)
            })
            .unwrap();
        t.sleep(30_000_000).unwrap();
        assert_eq!(t.usage(account).unwrap().used.requests, 3);
        t.sleep(40_000_000).unwrap();
        assert_eq!(t.usage(account).unwrap().used.requests, 0);
        t.finished(client);
        t.finished(server);
    });
}

/// Requirement: R94
#[test]
fn a_caller_that_is_killed_while_bytes_are_copied_leaves_nothing() {
    let mut world = world(|t| {
        let account = t.entry(EntryKind::Account);
        // At any step of a call with 4 quanta of payload, each way.
        for microseconds in (0..60).step_by(5) {
            let (file, server) = t.served(|t| {
                loop {
                    let sqe = t.receive(3).unwrap();
                    match sqe.opcode {
                        x if x == Opcode::Fsync as u8 => {
                            {
                                t.reply(3, sqe.tag, 0).unwrap();
                                break;
                            };
                        }
                        x if x == Opcode::Call as u8 => t.reply(3, sqe.tag, 0).unwrap(),
                        _ => 0,
                    };
                }
            });
            let params = ProcessParams { priority: 4, ..ProcessParams::default() };
            let client = t.process_build(account, &[Give::all(file, 5)], &params).unwrap();
            let entry = t.program(|t| {
                let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_PRIVATE;
                let at = t.mmap(usize::MAX, 0, 1 << 18, flags).unwrap();
                loop {
                    let both = (CallFlags::READ | CallFlags::WRITE).bits();
                    t.call(Call::Call, [5, at, 1 << 18, both, 0]).unwrap();
                }
            });
            t.call(Call::ProcessStart, [client, entry as usize, 0, 0, 0]).unwrap();
            t.sleep(200_000 + microseconds * 1000).unwrap();
            t.signal(client, KILL).unwrap();
            t.wait(client).unwrap();
            t.close(client).unwrap();
            t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
            t.finished(server);
            t.close(server).unwrap();
            t.close(file).unwrap();
        }
        t.exit(0);
    });
    world.check_every = 50;
    world.run();
    world.end();
}
