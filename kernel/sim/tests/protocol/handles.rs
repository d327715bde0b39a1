//! Handles that travel.
use crate::common::{errno, scene};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EBADF, EBUSY, EEXIST, EINVAL, ENOENT, ENOTCAPABLE, EPERM};
use clavis_abi::params::{AccountLimits, CALL_CHOSEN, UPPER_TAG, handle_flags};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::CallFlags;
use clavis_abi::syscall::schemev2::{CqeOpcode, Opcode};
use clavis_sim::{Give, Thread};

const MOVE: CallFlags = CallFlags::empty();
const SEVERAL: u8 = CqeOpcode::RespondWithMultipleFds as u8;

fn nulls(t: &mut Thread, count: usize) -> Vec<usize> {
    let null = t.null();
    (0..count).map(|_| t.dup(null).unwrap()).collect()
}

/// Receives handles by CALL with flags beside FD and READ; what lies in the buffer.
fn receive(
    t: &mut Thread,
    fd: usize,
    wanted: &[usize],
    flags: CallFlags,
) -> Result<Vec<usize>, i32> {
    let mut bytes: Vec<u8> = wanted.iter().flat_map(|number| number.to_le_bytes()).collect();
    let flags = flags | CallFlags::FD | CallFlags::READ;
    let count = t.call_with(fd, &mut bytes, flags, &[]).map_err(|error| error.errno)?;
    let words = bytes.chunks_exact(8).take(count);
    Ok(words.map(|word| usize::from_le_bytes(word.try_into().unwrap())).collect())
}

/// Requirement: R58
#[test]
fn sent_handles_leave_at_once_and_clones_stay() {
    scene(|t| {
        let (channel, server) = t.served(|t| {
            for _ in 0..2 {
                let sqe = t.expect(3, Opcode::Sendfd);
                t.sleep(5_000_000).unwrap();
                for got in t.obtain(3, sqe.tag, 2).unwrap() {
                    assert_eq!(t.read(got, 1).unwrap(), b"", "it is the null handle");
                }
                t.reply(3, sqe.tag, 17).unwrap();
            }
        });
        let sent = nulls(t, 2);
        let (a, b) = (sent[0], sent[1]);
        t.spawn(1, move |t| {
            assert_eq!(t.send_handles(channel, &[a, b], MOVE).unwrap(), 17);
        })
        .unwrap();
        t.settle();
        for fd in [a, b] {
            assert_eq!(errno(t.query(fd)), EBADF, "it is gone before it was obtained");
        }
        t.sleep(20_000_000).unwrap();
        let kept = nulls(t, 2);
        assert_eq!(t.send_handles(channel, &kept, CallFlags::FD_CLONE).unwrap(), 17);
        for fd in kept {
            t.query(fd).expect("a clone leaves its original");
        }
        t.finished(server);
    });
}

/// Requirement: R59
#[test]
fn sending_needs_what_it_does_with_a_handle() {
    scene(|t| {
        let (channel, server) = t.served(|t| {
            for bits in [1, 3] {
                let sqe = t.expect_and_reply(3, Opcode::Sendfd, 0);
                assert_eq!(sqe.args[1], bits);
            }
        });
        let null = t.null();
        let stays = t.derive(null, Rights::all() - Rights::TRANSFER, Rights::all()).unwrap();
        let single = t.derive(null, Rights::all() - Rights::DUP, Rights::all()).unwrap();
        assert_eq!(errno(t.send_handles(channel, &[stays], MOVE)), ENOTCAPABLE);
        assert_eq!(errno(t.send_handles(channel, &[stays], CallFlags::FD_CLONE)), ENOTCAPABLE);
        assert_eq!(errno(t.send_handles(channel, &[single], CallFlags::FD_CLONE)), ENOTCAPABLE);
        assert_eq!(errno(t.send_handles(channel, &[single], CallFlags::FD_EXCLUSIVE)), EBUSY);
        let factory = t.entry(EntryKind::FactoryEvent);
        for extra in [MOVE, CallFlags::FD_CLONE] {
            let own = t.open(factory, "", 0).unwrap();
            t.send_handles(channel, &[own], CallFlags::FD_EXCLUSIVE | extra).unwrap();
        }
        t.finished(server);
    });
}

/// Requirement: R60
#[test]
fn a_batch_that_cannot_go_moves_nothing() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let channel = t.mint(socket, 1, 0).unwrap();
        let factory = t.entry(EntryKind::FactoryTable);
        let table = t.create(factory, 0, 0).unwrap();
        let null = t.dup(t.null()).unwrap();
        let seventeen = nulls(t, 17);
        let own = t.dup(socket).unwrap();
        for (batch, error) in [
            (vec![], EINVAL),
            (seventeen.clone(), EINVAL),
            (vec![null, null], EBADF),
            (vec![null, 999], EBADF),
            (vec![null, table], EPERM),
            (vec![null, own], EINVAL),
        ] {
            assert_eq!(errno(t.send_handles(channel, &batch, MOVE)), error, "{batch:?}");
        }
        for fd in seventeen.into_iter().chain([null, table, own]) {
            t.close(fd).expect("it is still there");
        }
        let odd = t.call_with(channel, &mut [0; 12], CallFlags::FD | CallFlags::WRITE, &[]);
        assert_eq!(errno(odd), EINVAL);
    });
}

/// Requirement: R61, R64
#[test]
fn a_server_learns_of_a_batch_and_obtains_what_is_there() {
    scene(|t| {
        let (channel, server) = t.served(|t| {
            let sqe = t.expect(3, Opcode::Sendfd);
            assert_eq!(sqe.args, [1, 2, 55, 3, 66, 0]);
            for (tag, count, error) in [
                (sqe.tag, 4, EINVAL),
                (sqe.tag, 0, EINVAL),
                (sqe.tag ^ 1, 1, ENOENT),
                (sqe.tag ^ 0x1_0000, 1, ENOENT),
            ] {
                assert_eq!(errno(t.obtain(3, tag, count)), error);
            }
            assert_eq!(t.obtain(3, sqe.tag, 1).unwrap().len(), 1);
            assert_eq!(t.obtain(3, sqe.tag, 2).unwrap().len(), 2);
            assert_eq!(errno(t.obtain(3, sqe.tag, 1)), EINVAL);
            t.reply(3, sqe.tag, 0).unwrap();
            assert_eq!(errno(t.obtain(3, sqe.tag, 1)), ENOENT);
            let sqe = t.expect(3, Opcode::Fsync);
            assert_eq!(errno(t.obtain(3, sqe.tag, 1)), EINVAL);
            t.reply(3, sqe.tag, 0).unwrap();
        });
        let mut batch: Vec<u8> = Vec::new();
        for number in nulls(t, 3) {
            batch.extend_from_slice(&number.to_le_bytes());
        }
        let flags = CallFlags::FD | CallFlags::WRITE | CallFlags::FD_CLONE;
        t.call_with(channel, &mut batch, flags, &[55, 66]).unwrap();
        t.call(Call::Fsync, [channel, 0, 0, 0, 0]).unwrap();
        t.finished(server);
    });
}

/// Requirement: R62
#[test]
fn received_handles_get_the_numbers_that_were_asked_for() {
    scene(|t| {
        let (channel, server) = t.served(|t| {
            for bits in [0, 2, 0, 0, 0] {
                let sqe = t.expect(3, Opcode::Recvfd);
                assert_eq!(sqe.args[1], bits);
                let given = nulls(t, 2);
                t.hand_in(3, sqe.tag, &given).unwrap();
                t.answer(3, SEVERAL, sqe.tag, 2).unwrap();
            }
            let sqe = t.expect(3, Opcode::Sendfd);
            let chosen: Vec<u8> = [900usize, 800].iter().flat_map(|n| n.to_le_bytes()).collect();
            let flags = CallFlags::FD | CallFlags::READ | CallFlags::from_bits_retain(CALL_CHOSEN);
            let tag = u64::from(sqe.tag);
            t.call_with(3, &mut chosen.clone(), flags, &[0, tag]).unwrap();
            for fd in [900, 800] {
                t.query(fd).expect("it has the number that its server chose");
            }
            t.reply(3, sqe.tag, 0).unwrap();
        });
        let chosen = CallFlags::from_bits_retain(CALL_CHOSEN);
        let cloexec = |t: &mut Thread, fd| t.query(fd).unwrap().flags & handle_flags::CLOEXEC != 0;
        let free = nulls(t, 2);
        for fd in &free {
            t.close(*fd).unwrap();
        }
        let got = receive(t, channel, &[7, 7], MOVE).unwrap();
        assert_eq!(got, free, "the lowest free ones");
        assert!(!cloexec(t, got[0]));
        let got = receive(t, channel, &[0, 0], CallFlags::FD_UPPER).unwrap();
        assert!(got.iter().all(|number| number & UPPER_TAG != 0));
        let got = receive(t, channel, &[700, 600], chosen | CallFlags::FD_CLOEXEC).unwrap();
        assert_eq!(got, [700, 600]);
        assert!(cloexec(t, 700) && cloexec(t, 600));
        assert_eq!(receive(t, channel, &[601, 600], chosen), Err(EEXIST));
        assert_eq!(errno(t.query(601)), EBADF);
        let got = receive(t, channel, &[usize::MAX, 601], chosen).unwrap();
        assert_eq!(got[1], 601);
        // Far behind what the table has room for: that is made piece by piece.
        let got = receive(t, channel, &[50_000, 60_000], chosen).unwrap();
        assert_eq!(got, [50_000, 60_000]);
        let sent = nulls(t, 2);
        t.send_handles(channel, &sent, MOVE).unwrap();
        t.finished(server);
    });
}

/// Requirement: R63
#[test]
fn nothing_comes_through_a_channel_with_more_than_its_mask() {
    scene(|t| {
        let mask = Rights::READ | Rights::STAT;
        let (channel, server) = t.served(move |t| {
            let sqe = t.expect(3, Opcode::Recvfd);
            let given = nulls(t, 1);
            t.hand_in(3, sqe.tag, &given).unwrap();
            t.answer(3, SEVERAL, sqe.tag, 1).unwrap();
            let sqe = t.expect(3, Opcode::Sendfd);
            t.limit(3, Rights::all(), mask, 0).unwrap();
            let got = t.obtain(3, sqe.tag, 1).unwrap();
            let (rights, inherit) = t.rights(got[0]).unwrap();
            assert!(mask.contains(rights) && mask.contains(inherit));
            t.reply(3, sqe.tag, 0).unwrap();
        });
        let narrow = t.derive(channel, Rights::all(), mask).unwrap();
        let got = t.receive_handles(narrow, 1).unwrap();
        let (rights, inherit) = t.rights(got[0]).unwrap();
        assert!(mask.contains(rights) && mask.contains(inherit) && !rights.is_empty());
        let sent = nulls(t, 1);
        t.send_handles(channel, &sent, MOVE).unwrap();
        t.finished(server);
    });
}

/// Requirement: R65
#[test]
fn handles_that_nobody_obtained_are_closed_however_the_request_ends() {
    scene(|t| {
        let factory = t.entry(EntryKind::FactoryEvent);
        let before = t.counter("queues");
        let answers = |t: &mut Thread| {
            t.expect_and_reply(3, Opcode::Sendfd, 0);
        };
        let refuses = |t: &mut Thread| {
            let sqe = t.expect(3, Opcode::Sendfd);
            t.refuse(3, sqe.tag, EPERM).unwrap();
        };
        let dies = |t: &mut Thread| {
            t.expect(3, Opcode::Sendfd);
        };
        let deaf = |t: &mut Thread| {
            let _ = t.sleep(5_000_000);
        };
        let slow = |t: &mut Thread| {
            let sqe = t.expect(3, Opcode::Sendfd);
            t.expect(3, Opcode::Cancel);
            assert_eq!(errno(t.obtain(3, sqe.tag, 1)), EINVAL, "they are closed already");
        };
        let codes: [fn(&mut Thread); 5] = [answers, refuses, dies, deaf, slow];
        for (index, code) in codes.into_iter().enumerate() {
            let (channel, server) = t.served(code);
            let sent = [t.open(factory, "", 0).unwrap(), t.open(factory, "", 0).unwrap()];
            t.deadline(if index == 4 { 2_000_000 } else { 0 }).unwrap();
            let _ = t.send_handles(channel, &sent, MOVE);
            t.deadline(0).unwrap();
            t.finished(server);
            let now = t.counter("queues");
            assert_eq!(now.0 - before.0, now.1 - before.1, "case {index}: {now:?}");
        }
    });
}

/// Requirement: R66
#[test]
fn a_server_learns_what_is_asked_for_and_puts_in_no_more() {
    scene(|t| {
        let (channel, server) = t.served(|t| {
            let sqe = t.expect(3, Opcode::Recvfd);
            assert_eq!(sqe.args, [1, 0, 2, 55, 66, 0]);
            let given = nulls(t, 3);
            assert_eq!(errno(t.hand_in(3, sqe.tag, &given)), EINVAL);
            assert_eq!(errno(t.hand_in(3, sqe.tag ^ 1, &given[..1])), ENOENT);
            t.hand_in(3, sqe.tag, &given[..1]).unwrap();
            assert_eq!(errno(t.hand_in(3, sqe.tag, &given[1..])), EINVAL);
            t.hand_in(3, sqe.tag, &given[1..2]).unwrap();
            t.query(given[2]).expect("what did not fit stays");
            t.answer(3, SEVERAL, sqe.tag, 2).unwrap();
        });
        let mut bytes = [0; 16];
        let flags = CallFlags::FD | CallFlags::READ;
        assert_eq!(t.call_with(channel, &mut bytes, flags, &[55, 66]).unwrap(), 2);
        for count in [0, 17] {
            let asked = t.call_with(channel, &mut vec![0; count * 8], flags, &[]);
            assert_eq!(errno(asked), EINVAL);
        }
        t.finished(server);
    });
}

/// Requirement: R67
#[test]
fn handles_on_their_way_are_their_senders() {
    scene(|t| {
        let max = u64::MAX;
        let root = t.entry(EntryKind::Account);
        let limits = AccountLimits {
            frames: max,
            handles: 40,
            threads: max,
            requests: max,
            kernel_bytes: max,
        };
        let account = t.account(root, &limits).unwrap();
        let (channel, server) = t.served(|t| {
            let sqe = t.expect(3, Opcode::Sendfd);
            t.sleep(20_000_000).unwrap();
            t.obtain(3, sqe.tag, 16).unwrap();
            t.sleep(20_000_000).unwrap();
            t.reply(3, sqe.tag, 0).unwrap();
        });
        let client = t
            .process(account, &[Give::all(channel, 3)], |t| {
                let sent = nulls(t, 16);
                t.send_handles(3, &sent, MOVE).unwrap();
                t.exit(0)
            })
            .unwrap();
        let used = |t: &mut Thread| t.usage(account).unwrap().used.handles;
        t.sleep(10_000_000).unwrap();
        let on_their_way = used(t);
        t.sleep(20_000_000).unwrap();
        assert_eq!(on_their_way - used(t), 16, "now they are the server's");
        t.finished(client);
        t.finished(server);
    });
}
