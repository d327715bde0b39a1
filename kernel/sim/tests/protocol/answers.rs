//! What a server can answer, and when.
use crate::common::{errno, scene};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::class::CQE_FORWARD;
use clavis_abi::error::{
    EAGAIN, EBADF, EFAULT, EINVAL, EIO, EISDIR, ELOOP, ENOENT, ENOTCAPABLE, ENOTDIR, EWOULDBLOCK,
    MAX_ERRNO,
};
use clavis_abi::params::{ForwardParams, OUT_UPPER, open_flags};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{CallFlags, F_SETFL, O_NONBLOCK, O_RDONLY};
use clavis_abi::syscall::schemev2::{CqeOpcode, Opcode};
use clavis_sim::Thread;
use clavis_sim::calls::cqe_bytes;

const REGULAR: u8 = CqeOpcode::RespondRegular as u8;
const WITH_FD: u8 = CqeOpcode::RespondWithFd as u8;
const SEVERAL: u8 = CqeOpcode::RespondWithMultipleFds as u8;

/// Requirement: R42
#[test]
fn answers_come_in_any_order_at_any_time_from_any_thread() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let mut sqes: Vec<_> = (0..4).map(|_| t.expect(3, Opcode::Call)).collect();
            t.sleep(10_000_000).unwrap();
            let late = sqes.remove(1);
            t.spawn(1, move |t| {
                t.sleep(5_000_000).unwrap();
                t.reply(3, late.tag, late.args[3] * 10).unwrap();
            })
            .unwrap();
            for sqe in sqes.into_iter().rev() {
                t.reply(3, sqe.tag, sqe.args[3] * 10).unwrap();
            }
            t.sleep(50_000_000).unwrap();
        });
        for word in 1..5u64 {
            t.spawn(word, move |t| {
                let answer = t.call_with(file, &mut [], CallFlags::empty(), &[word]).unwrap();
                assert_eq!(answer as u64, word * 10, "each has its own answer");
            })
            .unwrap();
        }
        t.finished(server);
    });
}

/// Requirement: R43
#[test]
fn a_number_is_an_object_for_opens_and_the_result_for_the_rest() {
    scene(|t| {
        let (dir, server) = t.served(|t| {
            for positioned in [0, 1] {
                let sqe = t.expect(3, Opcode::OpenAt);
                t.write(3, &cqe_bytes(REGULAR, sqe.tag, 70 + positioned, positioned as u8))
                    .unwrap();
            }
            let sqe = t.expect(3, Opcode::Dup);
            t.write(3, &cqe_bytes(REGULAR, sqe.tag, 72, 1)).unwrap();
            for number in 70..73 {
                let sqe = t.expect_and_reply(3, Opcode::Read, 0);
                let offset = if number == 70 { u64::MAX } else { 0 };
                assert_eq!((sqe.args[0], sqe.args[3]), (number, offset));
            }
            t.expect_and_reply(3, Opcode::Call, 1 << 40);
        });
        let opened = [
            t.open(dir, "a", O_RDONLY as u64).unwrap(),
            t.open(dir, "b", O_RDONLY as u64).unwrap(),
            t.dup_message(dir, b"c").unwrap(),
        ];
        for file in opened {
            t.read(file, 4).unwrap();
        }
        assert_eq!(t.call_with(dir, &mut [], CallFlags::empty(), &[]).unwrap(), 1 << 40);
        t.finished(server);
    });
}

/// Requirement: R44, R45
#[test]
fn a_server_hands_over_handles_of_its_own_and_no_others() {
    scene(|t| {
        let (dir, server) = t.served(|t| {
            let null = t.null();
            let upper = t.call(Call::DupInto, [null, 0, 0, OUT_UPPER, 0]).unwrap();
            let stuck = t.derive(null, Rights::all() - Rights::TRANSFER, Rights::all()).unwrap();
            for bad in [4321, upper, stuck] {
                let sqe = t.receive(3).unwrap();
                t.answer(3, WITH_FD, sqe.tag, bad as u64).unwrap();
            }
            // By a plain write: taken until it is closed.
            let sqe = t.expect(3, Opcode::OpenAt);
            let given = t.dup(null).unwrap();
            t.answer(3, WITH_FD, sqe.tag, given as u64).unwrap();
            assert_eq!(errno(t.query(given)), EBADF);
            let next = t.dup(null).unwrap();
            assert_ne!(next, given);
            t.close(given).unwrap();
            assert_eq!(errno(t.close(given)), EBADF);
            // By the combined call: free at once.
            let sqe = t.expect(3, Opcode::Dup);
            let mut buffer = [cqe_bytes(WITH_FD, sqe.tag, next as u64, 0), vec![0; 48]].concat();
            let both = CallFlags::READ | CallFlags::WRITE;
            t.call_with(3, &mut buffer, both, &[0, 1, 0]).unwrap();
            assert_eq!(errno(t.close(next)), EBADF);
            assert_eq!(t.dup(null).unwrap(), given.min(next));
        });
        assert_eq!(errno(t.open(dir, "a", 0)), EBADF);
        assert_eq!(errno(t.open(dir, "a", 0)), EBADF);
        assert_eq!(errno(t.open(dir, "a", 0)), EIO);
        let mask = Rights::READ | Rights::DERIVE | Rights::DUP;
        let narrow = t.derive(dir, Rights::all(), mask).unwrap();
        let null = t.null();
        let kind = t.query(null).unwrap().object;
        for got in [t.open(narrow, "a", O_RDONLY as u64), t.dup_message(narrow, b"a")] {
            let got = got.unwrap();
            assert_eq!(t.query(got).unwrap().object, kind);
            let (rights, inherit) = t.rights(got).unwrap();
            assert!(mask.contains(rights) && mask.contains(inherit), "{rights:?}");
        }
        t.finished(server);
    });
}

/// Requirement: R46
#[test]
fn several_handles_answer_only_who_asked_for_some_and_are_as_many_as_were_moved() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            for (moved, said) in [(2, 3), (2, 1), (0, 1), (1, 1), (0, 0)] {
                let sqe = t.expect(3, Opcode::Recvfd);
                let null = t.null();
                let given: Vec<usize> = (0..moved).map(|_| t.dup(null).unwrap()).collect();
                if moved > 0 {
                    t.hand_in(3, sqe.tag, &given).unwrap();
                }
                t.answer(3, SEVERAL, sqe.tag, said).unwrap();
            }
            let sqe = t.expect(3, Opcode::Call);
            t.answer(3, SEVERAL, sqe.tag, 0).unwrap();
        });
        for _ in 0..3 {
            assert_eq!(errno(t.receive_handles(file, 4)), EIO);
        }
        assert_eq!(t.receive_handles(file, 4).unwrap().len(), 1);
        assert_eq!(t.receive_handles(file, 4).unwrap().len(), 0);
        assert_eq!(errno(t.call_with(file, &mut [], CallFlags::empty(), &[])), EIO);
        t.finished(server);
    });
}

/// Requirement: R47
#[test]
fn an_answer_that_its_request_cannot_have_is_an_error_of_the_server() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let null = t.null();
            for _ in 0..2 {
                let sqe = t.expect(3, Opcode::Call);
                let number = t.dup(null).unwrap();
                t.answer(3, WITH_FD, sqe.tag, number as u64).unwrap();
                t.close(number).unwrap();
            }
            for opcode in [CqeOpcode::ObtainFd as u8, 6] {
                let sqe = t.expect(3, Opcode::OpenAt);
                t.answer(3, opcode, sqe.tag, 5).unwrap();
            }
            let sqe = t.expect(3, Opcode::Recvfd);
            t.reply(3, sqe.tag, 1).unwrap();
        });
        for _ in 0..2 {
            assert_eq!(errno(t.call_with(file, &mut [], CallFlags::empty(), &[])), EIO);
        }
        for _ in 0..2 {
            assert_eq!(errno(t.open(file, "a", 0)), EIO);
        }
        assert_eq!(errno(t.receive_handles(file, 1)), EIO);
        t.finished(server);
    });
}

/// Requirement: R48
#[test]
fn an_error_that_does_not_exist_is_an_io_error() {
    let numbers = [1, 2, EWOULDBLOCK, EAGAIN, MAX_ERRNO, MAX_ERRNO + 1, 2000, 4095];
    scene(move |t| {
        let (file, server) = t.served(move |t| {
            for errno in numbers {
                for _ in 0..2 {
                    let sqe = t.receive(3).unwrap();
                    t.refuse(3, sqe.tag, errno).unwrap();
                }
            }
        });
        for number in numbers {
            let expected = if number <= MAX_ERRNO { number } else { EIO };
            assert_eq!(errno(t.read(file, 4)), expected);
            assert_eq!(errno(t.open(file, "a", 0)), expected);
        }
        t.finished(server);
    });
}

/// Requirement: R49
#[test]
fn a_forward_asks_another_server_in_the_clients_name_and_nobody_waits() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let (files, names) = (t.socket(scheme).unwrap(), t.socket(scheme).unwrap());
        let root = t.mint(files, 30, 0).unwrap();
        let namespace = t.mint(names, 1, 0).unwrap();
        let all = Rights::all();
        let account = t.entry(EntryKind::Account);
        let gives = [clavis_sim::Give::all(names, 3), clavis_sim::Give::all(root, 4)];
        let forwarder = t
            .process(account, &gives, |t| {
                let mask = Rights::all() - Rights::STAT;
                let sqe = t.expect(3, Opcode::OpenAt);
                t.forward(3, sqe.tag, 4, b"rest", mask).unwrap();
                // It is free for the next before the first is answered.
                let sqe = t.expect(3, Opcode::UnlinkAt);
                t.forward(3, sqe.tag, 4, b"other", mask).unwrap();
                t.exit(0)
            })
            .unwrap();
        let server = t.server(files, |t| {
            let opened = t.expect(3, Opcode::OpenAt);
            assert_eq!((t.path(&opened), opened.args[0]), ("rest".into(), 30));
            let unlinked = t.expect(3, Opcode::UnlinkAt);
            assert_eq!((t.path(&unlinked), unlinked.caller), ("other".into(), opened.caller));
            t.reply(3, unlinked.tag, 0).unwrap();
            t.reply(3, opened.tag, 31).unwrap();
            assert_eq!(t.expect_and_reply(3, Opcode::Fsync, 0).args[0], 31);
        });
        for fd in [files, names] {
            t.close(fd).unwrap();
        }
        t.spawn(1, move |t| {
            let file = t.open(namespace, "name/rest", 0).unwrap();
            let (rights, inherit) = t.rights(file).unwrap();
            assert_eq!(inherit, all - Rights::STAT);
            assert_eq!(rights, Rights::BASE - Rights::STAT);
            t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
        })
        .unwrap();
        t.settle();
        t.unlink(namespace, "name/other").unwrap();
        t.finished(forwarder);
        t.finished(server);
    });
}

/// Requirement: R50
#[test]
fn a_bad_forward_is_its_servers_error_and_leaves_it_the_request() {
    scene(|t| {
        let (dir, server) = t.served(|t| {
            let sqe = t.expect(3, Opcode::OpenAt);
            let target = t.mint(3, 2, 0).unwrap();
            assert_eq!(errno(t.answer(3, CQE_FORWARD, sqe.tag, 0x40)), EFAULT);
            let path =
                ForwardParams { fd: target as u64, path: 0x40, path_len: 3, ..Default::default() };
            assert_eq!(errno(t.forward_with(3, sqe.tag, &path)), EFAULT);
            assert_eq!(errno(t.forward(3, sqe.tag, 4321, b"a", Rights::all())), EBADF);
            for right in [Rights::LOOKUP, Rights::FORWARD] {
                let narrow = t.derive(target, Rights::all() - right, Rights::all()).unwrap();
                let refused = t.forward(3, sqe.tag, narrow, b"a", Rights::all());
                assert_eq!(errno(refused), ENOTCAPABLE);
            }
            assert_eq!(errno(t.forward(3, sqe.tag, target, b"a\0b", Rights::all())), EINVAL);
            t.reply(3, sqe.tag, 6).unwrap();
            let sqe = t.expect(3, Opcode::Fsync);
            assert_eq!(errno(t.forward(3, sqe.tag, target, b"a", Rights::all())), EINVAL);
            t.reply(3, sqe.tag, 0).unwrap();
        });
        let file = t.open(dir, "a", 0).unwrap();
        t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap();
        t.finished(server);
    });
}

/// Requirement: R106
#[test]
fn an_open_that_was_forwarded_and_met_a_link_is_made_anew_once_to_be_walked() {
    for errno_met in [ELOOP, ENOTDIR, EISDIR] {
        scene(move |t| {
            let scheme = t.entry(EntryKind::FactoryScheme);
            let (files, views) = (t.socket(scheme).unwrap(), t.socket(scheme).unwrap());
            let root = t.mint(files, 30, 0).unwrap();
            let dir = t.mint(views, 1, 0).unwrap();
            let account = t.entry(EntryKind::Account);
            let gives = [clavis_sim::Give::all(views, 3), clavis_sim::Give::all(root, 4)];
            let straight = open_flags::NOT_DIRECTORY | open_flags::OR_WALK;
            let view = t
                .process(account, &gives, move |t| {
                    let few = (Rights::BASE | Rights::READING) - Rights::STAT;
                    let expect = |t: &mut Thread, path, walk| {
                        let sqe = t.expect(3, Opcode::OpenAt);
                        assert_eq!((t.path(&sqe).as_str(), sqe.args[3] >> 32), (path, walk));
                        sqe
                    };
                    let walk = open_flags::WALK >> 32;
                    let forward = |t: &mut Thread, tag, flags| {
                        let path = t.put(b"to");
                        let masks = few.bits();
                        let (fd, path_len) = (4, 2);
                        let params = ForwardParams {
                            fd,
                            path,
                            path_len,
                            rights: masks,
                            inherit: masks,
                            flags,
                        };
                        t.forward_with(3, tag, &params).unwrap();
                    };
                    // It led to something, so it is asked once more; nothing of the first is left.
                    let sqe = expect(t, "link", 0);
                    forward(t, sqe.tag, straight);
                    let sqe = expect(t, "link", walk);
                    t.reply(3, sqe.tag, 5).unwrap();
                    // Who passes it on all the same is answered: no open goes round for ever.
                    let sqe = expect(t, "round", 0);
                    forward(t, sqe.tag, straight);
                    let sqe = expect(t, "round", walk);
                    forward(t, sqe.tag, straight);
                    // Who asked for a walk has it at once, and who was not passed on so is told.
                    let sqe = expect(t, "walk", walk);
                    forward(t, sqe.tag, straight);
                    let sqe = expect(t, "told", 0);
                    forward(t, sqe.tag, 0);
                    // What it met is no link and no directory.
                    let sqe = expect(t, "else", 0);
                    forward(t, sqe.tag, straight);
                    t.exit(0)
                })
                .unwrap();
            let server = t.server(files, move |t| {
                let walk = open_flags::WALK;
                let met = [straight, straight, straight | walk, straight | walk, 0, straight];
                for (at, flags) in met.into_iter().enumerate() {
                    let sqe = t.expect(3, Opcode::OpenAt);
                    assert_eq!((t.path(&sqe).as_str(), sqe.args[3] >> 32), ("to", flags >> 32));
                    t.refuse(3, sqe.tag, if at < 5 { errno_met } else { ENOENT }).unwrap();
                }
            });
            for fd in [files, views] {
                t.close(fd).unwrap();
            }
            let file = t.open(dir, "link", O_RDONLY as u64).unwrap();
            let (rights, _) = t.rights(file).unwrap();
            assert!(rights.contains(Rights::STAT), "the masks of the forward are forgotten");
            assert_eq!(errno(t.open(dir, "round", 0)), errno_met);
            assert_eq!(errno(t.open(dir, "walk", open_flags::WALK)), errno_met);
            assert_eq!(errno(t.open(dir, "told", 0)), errno_met);
            assert_eq!(errno(t.open(dir, "else", 0)), ENOENT);
            assert_eq!(
                errno(t.open(dir, "link", open_flags::OR_WALK)),
                EINVAL,
                "for forwards alone"
            );
            t.finished(view);
            t.finished(server);
        });
    }
}

/// Requirement: R51
#[test]
fn a_request_that_is_forwarded_in_a_circle_ends() {
    scene(|t| {
        let (dir, server) = t.served(|t| {
            let own = t.mint(3, 1, 0).unwrap();
            for _ in 0..9 {
                let sqe = t.expect(3, Opcode::OpenAt);
                t.forward(3, sqe.tag, own, b"again", Rights::all()).unwrap();
            }
            t.expect_and_reply(3, Opcode::Fsync, 0);
        });
        assert_eq!(errno(t.open(dir, "a", 0)), ELOOP);
        t.call(Call::Fsync, [dir, 0, 0, 0, 0]).unwrap();
        t.finished(server);
    });
}

/// Requirement: R53
#[test]
fn only_the_process_that_received_a_request_answers_it() {
    scene(|t| {
        // Two processes with one socket: what the one took the other cannot answer.
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let taker = t.server(socket, |t| {
            let sqe = t.expect(3, Opcode::Call);
            t.sleep(20_000_000).unwrap();
            t.reply(3, sqe.tag, 1).unwrap();
        });
        t.spawn(1, move |t| {
            assert_eq!(t.call_with(file, &mut [], CallFlags::empty(), &[]).unwrap(), 1);
        })
        .unwrap();
        t.settle();
        let before = t.counter("swallowed").0;
        for generation in 0..4 {
            t.reply(socket, generation << 16, 2).unwrap();
        }
        assert_eq!(t.counter("swallowed").0, before + 4);
        t.finished(taker);
        t.settle();
    });
}

/// Requirement: R54, R57
#[test]
fn several_answers_in_one_write_are_taken_in_order_until_one_fails() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            assert_eq!(t.write(3, &[]).unwrap(), 0);
            let sqes: Vec<_> = (0..3).map(|_| t.expect(3, Opcode::Call)).collect();
            let good = |at: usize| cqe_bytes(REGULAR, sqes[at].tag, sqes[at].args[3], 0);
            let bad = cqe_bytes(CQE_FORWARD, sqes[1].tag, 0, 0);
            let three = [good(0), bad, good(2)].concat();
            assert_eq!(t.write(3, &three).unwrap(), 16, "the first was taken");
            assert_eq!(errno(t.write(3, &three[16..])), EFAULT);
            assert_eq!(t.write(3, &[good(2), good(1)].concat()).unwrap(), 32);
            let many = vec![0; 16 * 65];
            assert_eq!(t.write(3, &many).unwrap(), 16 * 64);
        });
        for word in 1..4u64 {
            t.spawn(word, move |t| {
                let answer = t.call_with(file, &mut [], CallFlags::empty(), &[word]).unwrap();
                assert_eq!(answer as u64, word);
            })
            .unwrap();
        }
        t.finished(server);
    });
}

fn nonblocking(t: &mut Thread, fd: usize) {
    t.call(Call::Fcntl, [fd, F_SETFL, O_NONBLOCK, 0, 0]).unwrap();
}

/// Requirement: R55
#[test]
fn a_receive_takes_what_fits_and_what_there_is() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        nonblocking(t, socket);
        assert_eq!(errno(t.receive(socket)), EAGAIN);
        assert_eq!(errno(t.read(socket, 63)), EINVAL);
        for number in 0..70 {
            let file = t.mint(socket, number, 0).unwrap();
            t.close(file).unwrap();
        }
        assert_eq!(t.read(socket, 127).unwrap().len(), 64);
        assert_eq!(t.receive_many(socket, 3).unwrap().len(), 3);
        assert_eq!(t.receive_many(socket, 80).unwrap().len(), 64, "the bound of one read");
        assert_eq!(t.receive_many(socket, 80).unwrap().len(), 2);
        assert_eq!(errno(t.receive(socket)), EAGAIN);
    });
}

/// Requirement: R56
#[test]
fn the_combined_call_answers_before_it_waits() {
    scene(|t| {
        let (file, server) = t.served(|t| {
            let sqe = t.expect(3, Opcode::Call);
            nonblocking(t, 3);
            let mut buffer = [cqe_bytes(REGULAR, sqe.tag, 5, 0), vec![0; 48]].concat();
            let both = CallFlags::READ | CallFlags::WRITE;
            assert_eq!(errno(t.call_with(3, &mut buffer, both, &[0, 1, 1])), EAGAIN);
            t.call(Call::Fcntl, [3, F_SETFL, 0, 0, 0]).unwrap();
            t.expect_and_reply(3, Opcode::Call, 6);
        });
        for expected in [5, 6] {
            let answer = t.call_with(file, &mut [], CallFlags::empty(), &[]).unwrap();
            assert_eq!(answer, expected);
        }
        t.finished(server);
    });
}
