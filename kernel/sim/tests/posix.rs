//! Fork, exec and signals, one scenario each.
mod common;
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EBUSY, EINTR, EINVAL, EMFILE, ENOMEM, ENOTCAPABLE, EOWNERDEAD, ESRCH};
use clavis_abi::params::{
    AccountLimits, BIRTH_NAME, ExitKind, ExitStatus, ProcessParams, SIGNAL_SELF, SignalCode,
    handle_flags, signal, upper_number,
};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{F_SETFD, MapFlags, O_RDWR};
use clavis_sim::{Give, Thread};
use common::{errno, scene};

const USR1: u64 = 10;
const TERM: u64 = 15;
const PIPE: u64 = 13;

fn pipe(t: &mut Thread) -> (usize, usize) {
    let factory = t.entry(EntryKind::FactoryPipe);
    let reader = t.open(factory, "", O_RDWR as u64).unwrap();
    let writer = t.dup_message(reader, b"write").unwrap();
    (reader, writer)
}

fn anonymous(t: &mut Thread, pages: usize, sharing: MapFlags) -> u64 {
    let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | sharing;
    t.mmap(usize::MAX, 0, pages * 4096, flags).unwrap() as u64
}

fn ended(kind: ExitKind, code: u64) -> ExitStatus {
    ExitStatus { kind: kind as u64, code }
}

fn exited(code: u64) -> ExitStatus {
    ended(ExitKind::Exit, code)
}

/// Runs code in a process of its own in an account of its own, with that account at 100.
fn apart(
    t: &mut Thread,
    limits: AccountLimits,
    gives: &[Give],
    code: impl FnOnce(&mut Thread) + Send + 'static,
) -> (usize, usize) {
    let root = t.entry(EntryKind::Account);
    let account = t.account(root, &limits).unwrap();
    let mut gives = gives.to_vec();
    gives.push(Give::all(account, 100));
    (t.process(account, &gives, code).unwrap(), account)
}

const UNLIMITED: AccountLimits = AccountLimits {
    frames: u64::MAX,
    handles: u64::MAX,
    threads: u64::MAX,
    requests: u64::MAX,
    kernel_bytes: u64::MAX,
};

#[test]
fn a_fork_has_what_its_parent_had_and_each_sees_only_its_own_writes() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let at = anonymous(t, 3, MapFlags::MAP_PRIVATE);
        t.poke(at, b"before");
        let child = t
            .fork(account, move |t| {
                assert_eq!(t.peek(at, 6), b"before");
                t.poke(at, b"child!");
                t.poke(at + 4096, b"fresh");
                t.sleep(1_000_000).unwrap();
                assert_eq!(t.peek(at, 6), b"child!");
                t.exit(7);
            })
            .unwrap();
        t.poke(at, b"parent");
        t.settle();
        assert_eq!(t.wait(child).unwrap(), exited(7));
        assert_eq!(t.peek(at, 6), b"parent");
        assert_eq!(t.peek(at + 4096, 5), [0; 5]);
    });
}

#[test]
fn the_last_owner_of_a_page_writes_it_without_a_copy() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let at = anonymous(t, 1, MapFlags::MAP_PRIVATE);
        t.poke(at, b"mine");
        let child = t.fork(account, |t| t.exit(0)).unwrap();
        t.wait(child).unwrap();
        t.close(child).unwrap();
        t.sleep(1_000_000).unwrap();
        let before = t.usage(account).unwrap().used.frames;
        t.poke(at, b"more");
        assert_eq!(t.usage(account).unwrap().used.frames, before);
        assert_eq!(t.peek(at, 4), b"more");
    });
}

#[test]
fn shared_memory_stays_shared_after_a_fork() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let at = anonymous(t, 2, MapFlags::MAP_SHARED);
        t.poke(at, b"one");
        let child = t
            .fork(account, move |t| {
                assert_eq!(t.peek(at, 3), b"one");
                t.poke(at + 4096, b"two");
                t.exit(0);
            })
            .unwrap();
        t.wait(child).unwrap();
        assert_eq!(t.peek(at + 4096, 3), b"two");
    });
}

#[test]
fn a_private_mapping_of_memory_is_copied_with_what_was_written_to_it() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let factory = t.entry(EntryKind::FactoryMemory);
        let memory = t.create(factory, 3 * 4096, 0).unwrap();
        t.write(memory, b"original").unwrap();
        let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_PRIVATE;
        let at = t.mmap(memory, 0, 3 * 4096, flags).unwrap() as u64;
        t.poke(at + 4096, b"written");
        let child = t
            .fork(account, move |t| {
                assert_eq!(t.peek(at, 8), b"original");
                assert_eq!(t.peek(at + 4096, 7), b"written");
                t.poke(at, b"the fork");
                t.exit(0);
            })
            .unwrap();
        t.wait(child).unwrap();
        assert_eq!(t.peek(at, 8), b"original");
        assert_eq!(t.peek(at + 4096, 7), b"written");
    });
}

#[test]
fn a_large_space_is_copied_in_quanta_while_other_threads_of_the_process_stand_still() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let pages = 1300;
        let at = anonymous(t, pages, MapFlags::MAP_PRIVATE);
        for page in 0..pages as u64 {
            t.poke(at + page * 4096, &page.to_le_bytes());
        }
        let last = at + (pages as u64 - 1) * 4096;
        t.spawn(1, move |t| {
            // Writes the first page, then the last: a copy never has the second without the first.
            for round in 0..40u64 {
                t.poke(at + 8, &round.to_le_bytes());
                t.poke(last + 8, &round.to_le_bytes());
                t.pass(20_000_000);
                t.call(Call::Yield, [0; 5]).unwrap();
            }
        })
        .unwrap();
        for _ in 0..5 {
            let child = t
                .fork(account, move |t| {
                    for page in 0..pages as u64 {
                        assert_eq!(t.peek(at + page * 4096, 8), page.to_le_bytes());
                    }
                    let first: u64 = t.peek_struct(at + 8);
                    let last: u64 = t.peek_struct(last + 8);
                    assert!(first == last || first == last + 1, "{first} then {last}");
                    t.exit(0);
                })
                .unwrap();
            assert_eq!(t.wait(child).unwrap(), exited(0));
            t.close(child).unwrap();
            t.call(Call::Yield, [0; 5]).unwrap();
        }
    });
}

#[test]
fn a_fork_has_the_handles_at_their_numbers_and_a_handle_to_itself_where_its_parent_had_one() {
    scene(|t| {
        let own = upper_number(20, 0);
        let (reader, writer) = pipe(t);
        let gives = [Give::all(writer, 5), Give(usize::MAX, own, Rights::all(), Rights::all())];
        let (child, _) = apart(t, UNLIMITED, &gives, move |t| {
            let parent = t.call(Call::Identity, [0; 5]).unwrap();
            // Some numbers have had other owners.
            let gone = t.call(Call::DupInto, [5, 0, 0, usize::MAX - 3, 0]).unwrap();
            t.close(gone).unwrap();
            let upper = t.call(Call::DupInto, [5, 0, 0, usize::MAX - 3, 0]).unwrap();
            assert_ne!(gone, upper);
            let child = t
                .fork(100, move |t| {
                    t.write(5, b"lower ").unwrap();
                    t.write(upper, b"upper").unwrap();
                    assert!(t.write(gone, b"stale").is_err());
                    let me = t.call(Call::Identity, [0; 5]).unwrap();
                    assert_ne!(me, parent);
                    let at = t.room(64);
                    let n = t.call(Call::Fpath, [own, at as usize, 64, 0, 0]).unwrap();
                    let name = String::from_utf8(t.peek(at, n)).unwrap();
                    assert_eq!(name, me.to_string(), "the handle to itself is its own");
                    t.signal(own, TERM as usize).unwrap();
                })
                .unwrap();
            assert_eq!(t.wait(child).unwrap(), ended(ExitKind::Signal, TERM));
            t.exit(3);
        });
        assert_eq!(t.wait(child).unwrap(), exited(3));
        assert_eq!(t.read(reader, 64).unwrap(), b"lower upper");
    });
}

#[test]
fn an_account_without_room_refuses_a_fork_and_loses_nothing() {
    scene(|t| {
        let limits = AccountLimits { frames: 340, ..UNLIMITED };
        let (child, account) = apart(t, limits, &[], |t| {
            let at = anonymous(t, 200, MapFlags::MAP_PRIVATE);
            for page in 0..200u64 {
                t.poke(at + page * 4096, &page.to_le_bytes());
            }
            let before = t.usage(100).unwrap().used;
            assert_eq!(errno(t.fork(100, |_| ())), ENOMEM);
            t.sleep(10_000_000).unwrap();
            assert_eq!(t.usage(100).unwrap().used, before);
            for page in 0..200u64 {
                t.poke(at + page * 4096 + 8, b"still mine");
                assert_eq!(t.peek(at + page * 4096, 8), page.to_le_bytes());
            }
            t.exit(1);
        });
        assert_eq!(t.wait(child).unwrap(), exited(1));
        t.close(account).unwrap();
    });
}

#[test]
fn forks_that_fork_end_at_their_accounts_limits() {
    scene(|t| {
        let limits = AccountLimits { threads: 6, ..UNLIMITED };
        let (child, account) = apart(t, limits, &[], |t| {
            fn bomb(t: &mut Thread) {
                while t.fork(100, bomb).is_ok() {}
                t.sleep(1_000_000_000).unwrap();
            }
            bomb(t);
        });
        t.sleep(100_000_000).unwrap();
        assert_eq!(t.usage(account).unwrap().used.threads, 6);
        t.signal(account, signal::KILL as usize).unwrap();
        assert_eq!(t.wait(child).unwrap(), ended(ExitKind::Signal, signal::KILL));
        assert_eq!(t.usage(account).unwrap().processes, 0);
    });
}

#[test]
fn forking_takes_an_account_that_may_be_managed() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let weak = t.derive(account, Rights::all() - Rights::MANAGE, Rights::all()).unwrap();
        assert_eq!(errno(t.fork(weak, |_| ())), ENOTCAPABLE);
        assert_eq!(errno(t.fork(t.null(), |_| ())), EINVAL);
    });
}

#[test]
fn a_full_table_refuses_the_handle_and_with_it_the_fork() {
    scene(|t| {
        let limits = AccountLimits { handles: 14, ..UNLIMITED };
        let (child, _) = apart(t, limits, &[], |t| {
            assert_eq!(errno(t.fork(100, |_| ())), EMFILE);
            t.exit(0);
        });
        assert_eq!(t.wait(child).unwrap(), exited(0));
    });
}

#[test]
fn memory_that_a_fork_shares_can_be_lent_and_moved() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let at = anonymous(t, 4, MapFlags::MAP_PRIVATE);
        for page in 0..4u64 {
            t.poke(at + page * 4096, &page.to_le_bytes());
        }
        let child = t
            .fork(account, move |t| {
                t.sleep(50_000_000).unwrap();
                for page in 0..4u64 {
                    assert_eq!(t.peek(at + page * 4096, 8), page.to_le_bytes());
                }
                t.exit(0);
            })
            .unwrap();
        // Shown twice, and the same at both places (4: keep the old one).
        let keep = clavis_abi::syscall::flag::MremapFlags::KEEP_OLD.bits();
        let other =
            t.call(Call::Mremap, [at as usize, 4 * 4096, 0, 4 * 4096, keep]).unwrap() as u64;
        t.poke(at, b"seen from");
        assert_eq!(t.peek(other, 9), b"seen from");
        t.poke(other + 4096, b"both sides");
        assert_eq!(t.peek(at + 4096, 10), b"both sides");
        assert_eq!(t.wait(child).unwrap(), exited(0));
    });
}

#[test]
fn exec_takes_over_what_was_built_and_keeps_number_lower_handles_and_waiters() {
    scene(|t| {
        let (reader, writer) = pipe(t);
        let own = upper_number(20, 0);
        let old = upper_number(30, 0);
        let gives = [Give::all(writer, 5), Give::all(writer, 6), Give::all(writer, old)];
        let (child, _) = apart(t, UNLIMITED, &gives, move |t| {
            let me = t.call(Call::Identity, [0; 5]).unwrap();
            t.spawn(2, |t| {
                let _ = t.sleep(1_000_000_000);
                unreachable!("threads end with exec");
            })
            .unwrap();
            t.settle();
            t.call(Call::Fcntl, [6, F_SETFD, 0x0100_0000, 0, 0]).unwrap();
            for _ in 0..100 {
                t.dup(5).unwrap();
            }
            let itself = Give(usize::MAX, own, Rights::all(), Rights::all());
            let gives = [Give::all(5, upper_number(31, 0)), itself];
            let built = t.process_build(100, &gives, &ProcessParams::default()).unwrap();
            t.call(Call::Limit, [built, usize::MAX, usize::MAX, 1, 0]).unwrap();
            assert_eq!(t.query(built).unwrap().flags & handle_flags::CLOEXEC, 1);
            let data = t.put(b"old program");
            let result = t.exec(built, move |t| {
                assert_eq!(t.call(Call::Identity, [0; 5]).unwrap(), me);
                assert_eq!(t.peek(data, 11), [0; 11], "the space is a new one");
                assert_eq!(errno(t.write(6, b"x")), clavis_abi::error::EBADF);
                assert!(t.query(built).is_err(), "what it was built in is closed too");
                assert!(t.query(old).is_err(), "the old runtime's numbers are gone");
                assert_eq!(t.read(BIRTH_NAME, 20).unwrap(), b"child");
                t.write(5, b"new ").unwrap();
                t.write(upper_number(31, 0), b"program").unwrap();
                let at = t.room(64);
                let n = t.call(Call::Fpath, [own, at as usize, 64, 0, 0]).unwrap();
                assert_eq!(String::from_utf8(t.peek(at, n)).unwrap(), me.to_string());
                t.signal(own, TERM as usize).unwrap();
            });
            unreachable!("EXEC returned {result:?}");
        });
        assert_eq!(t.wait(child).unwrap(), ended(ExitKind::Signal, TERM));
        assert_eq!(t.read(reader, 20).unwrap(), b"new program");
    });
}

#[test]
fn exec_of_what_is_not_there_to_be_taken_leaves_the_caller_as_it_was() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let running = t.process(account, &[], |t| t.exit(0)).unwrap();
        assert_eq!(errno(t.exec(running, |_| ())), ENOTCAPABLE);
        assert_eq!(errno(t.exec(t.null(), |_| ())), EINVAL);
        let other = t.account(account, &UNLIMITED).unwrap();
        let foreign = t.process_build(other, &[], &ProcessParams::default()).unwrap();
        assert_eq!(errno(t.exec(foreign, |_| ())), EINVAL);
        let debug = ProcessParams { flags: 1, ..ProcessParams::default() };
        let built = t.process_build(account, &[], &debug).unwrap();
        assert_eq!(errno(t.call(Call::Exec, [built, 1 << 47, 0, 0, 0])), EINVAL);
        let entry = t.program(|t| t.exit(0)) as usize;
        t.call(Call::ProcessStart, [built, entry, 0, 0, 0]).unwrap();
        assert_eq!(errno(t.exec(built, |_| ())), EBUSY);
    });
}

#[test]
fn exec_ends_the_calls_of_other_threads_and_the_requests_that_the_old_program_had_taken() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let (client, server) = (t.dup(file).unwrap(), t.dup(socket).unwrap());
        t.close(socket).unwrap();
        let gives = [Give::all(server, 5)];
        let (child, _) = apart(t, UNLIMITED, &gives, |t| {
            let taken = t.receive(5).unwrap();
            let built = t.process_build(100, &[], &ProcessParams::default()).unwrap();
            let result = t.exec(built, move |t| {
                // Its tag is not this program's; the next request is.
                t.reply(5, taken.tag, 0).unwrap();
                let next = t.receive(5).unwrap();
                t.reply(5, next.tag, 0).unwrap();
                t.exit(0);
            });
            unreachable!("EXEC returned {result:?}");
        });
        t.close(server).unwrap();
        assert_eq!(errno(t.call(Call::Fsync, [client, 0, 0, 0, 0])), EOWNERDEAD);
        t.call(Call::Fsync, [client, 0, 0, 0, 0]).unwrap();
        assert_eq!(t.wait(child).unwrap(), exited(0));
    });
}

#[test]
fn a_caught_signal_comes_once_when_its_thread_returns_to_user_mode() {
    scene(|t| {
        t.catch(&[USR1], &[]).unwrap();
        t.signal(SIGNAL_SELF, USR1 as usize).unwrap();
        let told = t.signals();
        assert_eq!(told.len(), 1);
        let me = t.call(Call::Identity, [0; 5]).unwrap() as u64;
        let info = told[0].info;
        assert_eq!((info.signal, info.code, info.value), (USR1, SignalCode::Sent as u64, me));
        assert_eq!((told[0].rax, told[0].mask), (0, 0), "the call's own result is kept");
        assert!(t.signals().is_empty());
    });
}

#[test]
fn a_blocked_signal_waits_and_comes_when_it_is_let_through() {
    scene(|t| {
        t.catch(&[USR1, TERM], &[]).unwrap();
        t.mask(signal::bit(USR1)).unwrap();
        t.signal(SIGNAL_SELF, USR1 as usize).unwrap();
        t.signal(SIGNAL_SELF, USR1 as usize).unwrap();
        t.signal(SIGNAL_SELF, TERM as usize).unwrap();
        let told = t.signals();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].info.signal, told[0].mask), (TERM, signal::bit(USR1)));
        let waiting = t.wait_signal(0, 0).unwrap();
        assert_eq!((waiting.signal, waiting.pending), (0, signal::bit(USR1)));
        t.mask(0).unwrap();
        assert_eq!(t.signals().len(), 1, "signals are not counted");
    });
}

#[test]
fn the_mask_call_hands_out_signals_one_by_one_before_it_changes_the_mask() {
    scene(|t| {
        t.catch(&[USR1, TERM], &[]).unwrap();
        t.mask(u64::MAX).unwrap();
        t.signal(SIGNAL_SELF, TERM as usize).unwrap();
        t.signal(SIGNAL_SELF, USR1 as usize).unwrap();
        let info = t.room(32) as usize;
        let mut next = || t.call(Call::SignalMask, [0, info, 0, 0, 0]).unwrap() as u64;
        assert_eq!([next(), next(), next()], [USR1, TERM, 0]);
        assert!(t.signals().is_empty());
    });
}

#[test]
fn a_caught_signal_ends_a_wait_and_one_that_is_ignored_does_not() {
    scene(|t| {
        let (reader, writer) = pipe(t);
        t.catch(&[USR1], &[TERM]).unwrap();
        t.spawn(1, move |t| {
            t.sleep(1_000_000).unwrap();
            t.mask(u64::MAX).unwrap();
            t.signal(SIGNAL_SELF, TERM as usize).unwrap();
            t.signal(SIGNAL_SELF, signal::CHLD as usize).unwrap();
            t.sleep(1_000_000).unwrap();
            t.signal(SIGNAL_SELF, USR1 as usize).unwrap();
            t.sleep(1_000_000).unwrap();
            t.write(writer, b"x").unwrap();
        })
        .unwrap();
        assert_eq!(errno(t.read(reader, 1)), EINTR);
        assert_eq!(t.signals().len(), 1);
        assert_eq!(t.read(reader, 1).unwrap(), b"x");
        assert!(t.signals().is_empty());
    });
}

#[test]
fn a_write_that_had_moved_bytes_when_a_signal_came_returns_their_number() {
    scene(|t| {
        let (reader, writer) = pipe(t);
        t.catch(&[USR1], &[]).unwrap();
        let at = anonymous(t, 40, MapFlags::MAP_PRIVATE) as usize;
        t.spawn(1, move |t| {
            t.mask(u64::MAX).unwrap();
            t.sleep(1_000_000).unwrap();
            t.signal(SIGNAL_SELF, USR1 as usize).unwrap();
        })
        .unwrap();
        let moved = t.call(Call::Write, [writer, at, 40 * 4096, 0, 0]).unwrap();
        assert_eq!(moved, 65_536);
        assert_eq!(t.signals().len(), 1);
        assert_eq!(t.read(reader, 100).unwrap().len(), 100);
    });
}

#[test]
fn a_signal_takes_back_a_call_to_a_server_and_the_server_is_told_once() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        t.catch(&[USR1], &[]).unwrap();
        t.spawn(1, move |t| {
            t.mask(u64::MAX).unwrap();
            let request = t.receive(socket).unwrap();
            t.signal(SIGNAL_SELF, USR1 as usize).unwrap();
            let cancel = t.receive(socket).unwrap();
            assert_eq!(cancel.tag, request.tag);
            assert_eq!(cancel.opcode, clavis_abi::syscall::schemev2::Opcode::Cancel as u8);
            t.reply(socket, request.tag, 0).unwrap();
            let next = t.receive(socket).unwrap();
            assert_eq!(next.opcode, clavis_abi::syscall::schemev2::Opcode::Fsync as u8);
            t.reply(socket, next.tag, 5).unwrap();
        })
        .unwrap();
        assert_eq!(errno(t.call(Call::Fsync, [file, 0, 0, 0, 0])), EINTR);
        assert_eq!(t.signals().len(), 1);
        assert_eq!(t.call(Call::Fsync, [file, 0, 0, 0, 0]).unwrap(), 5);
    });
}

#[test]
fn a_signal_that_nobody_catches_ends_its_process_and_the_parent_is_told() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        t.catch(&[signal::CHLD], &[]).unwrap();
        let child = t.fork(account, |t| {
            t.catch(&[], &[]).unwrap();
            t.sleep(1_000_000_000).unwrap();
        });
        let child = child.unwrap();
        t.signal(child, TERM as usize).unwrap();
        assert_eq!(t.wait(child).unwrap(), ended(ExitKind::Signal, TERM));
        let told = t.signals();
        assert_eq!(told.len(), 1);
        let info = told[0].info;
        assert_eq!((info.signal, info.code), (signal::CHLD, SignalCode::Child as u64));
        assert_eq!(errno(t.signal(child, 0)), ESRCH);
    });
}

#[test]
fn a_signal_to_an_account_reaches_those_who_catch_it_and_ends_the_others() {
    scene(|t| {
        let (first, account) = apart(t, UNLIMITED, &[], |t| {
            t.catch(&[PIPE], &[]).unwrap();
            for _ in 0..2 {
                t.fork(100, |t| {
                    t.catch(&[], &[]).unwrap();
                    let _ = t.sleep(1_000_000_000);
                })
                .unwrap();
            }
            assert_eq!(errno(t.sleep(1_000_000_000)), EINTR);
            assert_eq!(t.signals().len(), 1);
            assert_eq!(t.usage(100).unwrap().processes, 1);
            t.exit(4);
        });
        t.sleep(10_000_000).unwrap();
        t.signal(account, PIPE as usize).unwrap();
        assert_eq!(t.wait(first).unwrap(), exited(4));
    });
}

#[test]
fn nobody_waits_for_blocks_or_catches_the_signal_that_kills() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let child = t
            .fork(account, |t| {
                t.mask(u64::MAX).unwrap();
                t.spawn(1, |t| {
                    let _ = t.wait_signal(u64::MAX, 0);
                    unreachable!("it was killed");
                })
                .unwrap();
                let _ = t.sleep(1_000_000_000);
            })
            .unwrap();
        t.sleep(10_000_000).unwrap();
        t.signal(child, signal::KILL as usize).unwrap();
        assert_eq!(t.wait(child).unwrap(), ended(ExitKind::Signal, signal::KILL));
    });
}

#[test]
fn a_signal_to_one_thread_is_told_to_that_one() {
    scene(|t| {
        t.catch(&[USR1], &[]).unwrap();
        let other = t
            .spawn(1, |t| {
                assert_eq!(errno(t.sleep(1_000_000_000)), EINTR);
                assert_eq!(t.signals().len(), 1);
            })
            .unwrap();
        t.sleep(1_000_000).unwrap();
        t.call(Call::Signal, [SIGNAL_SELF, USR1 as usize, other, 0, 0]).unwrap();
        t.sleep(1_000_000).unwrap();
        assert!(t.signals().is_empty());
        let gone = t.call(Call::Signal, [SIGNAL_SELF, 0, 99, 0, 0]);
        assert_eq!(errno(gone), ESRCH);
    });
}

#[test]
fn a_thread_takes_a_signal_that_it_waits_for_before_others_are_told() {
    scene(|t| {
        t.catch(&[USR1], &[]).unwrap();
        t.spawn(1, |t| {
            t.mask(signal::bit(USR1)).unwrap();
            let info = t.wait_signal(signal::bit(USR1), 0).unwrap();
            assert_eq!(info.signal, USR1);
            assert!(t.signals().is_empty());
            let until = t.now().unwrap() as usize + 1_000_000;
            assert_eq!(t.wait_signal(signal::bit(TERM), until).unwrap().signal, 0);
        })
        .unwrap();
        t.sleep(1_000_000).unwrap();
        t.signal(SIGNAL_SELF, USR1 as usize).unwrap();
        assert!(t.signals().is_empty());
        t.sleep(10_000_000).unwrap();
    });
}

#[test]
fn a_fault_is_told_with_its_address_unless_it_is_blocked() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let child = t
            .fork(account, |t| {
                t.catch(&[signal::SEGV], &[]).unwrap();
                let hole = 0x6000_0000_0000;
                t.spawn(1, move |t| {
                    t.sleep(1_000_000).unwrap();
                    let flags = MapFlags::PROT_READ
                        | MapFlags::PROT_WRITE
                        | MapFlags::MAP_PRIVATE
                        | MapFlags::MAP_FIXED;
                    let map = clavis_abi::syscall::data::Map {
                        offset: 0,
                        size: 4096,
                        flags,
                        address: hole as usize,
                    };
                    let at = t.put(&map) as usize;
                    t.call(Call::Fmap, [usize::MAX, at, 32, 0, 0]).unwrap();
                })
                .unwrap();
                // It faults, is told, tries again, until the page is there.
                t.poke(hole + 5, b"x");
                let told = t.signals();
                assert!(!told.is_empty());
                for frame in told {
                    let info = frame.info;
                    assert_eq!(
                        (info.signal, info.code, info.value),
                        (signal::SEGV, SignalCode::Fault as u64, hole + 5)
                    );
                }
                t.mask(signal::bit(signal::SEGV)).unwrap();
                t.poke(hole + 5000, b"x");
            })
            .unwrap();
        let end = ended(ExitKind::Fault, 0x6000_0000_0000 + 5000);
        assert_eq!(t.wait(child).unwrap(), end);
    });
}

#[test]
fn a_thread_without_a_place_for_the_frame_ends_only_its_process() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        for place in [0usize, 8, 1 << 47, usize::MAX - 7, 0x6000_0000_0000] {
            let child = t
                .fork(account, move |t| {
                    let caught = signal::bit(USR1) as usize;
                    t.call(Call::SignalActions, [0x1000, place, caught, 0, 0]).unwrap();
                    t.signal(SIGNAL_SELF, USR1 as usize).unwrap();
                    unreachable!("it has no place");
                })
                .unwrap();
            assert_eq!(t.wait(child).unwrap(), ended(ExitKind::Signal, USR1));
        }
        let wrong = t.call(Call::SignalActions, [1 << 47, 0, 0, 0, 0]);
        assert_eq!(errno(wrong), EINVAL);
        let kill = signal::bit(signal::KILL) as usize;
        assert_eq!(errno(t.call(Call::SignalActions, [0x1000, 0, kill, 0, 0])), EINVAL);
        assert_eq!(errno(t.signal(SIGNAL_SELF, 65)), EINVAL);
    });
}

#[test]
fn signals_that_a_thread_was_to_take_go_to_others_when_it_ends() {
    scene(|t| {
        t.catch(&[USR1], &[]).unwrap();
        t.mask(signal::bit(USR1)).unwrap();
        t.spawn(1, |t| {
            t.mask(0).unwrap();
            assert_eq!(errno(t.sleep(1_000_000_000)), EINTR);
            assert_eq!(t.signals().len(), 1);
        })
        .unwrap();
        t.spawn(2, |t| {
            t.mask(0).unwrap();
            t.sleep(1_000_000).unwrap();
            // The first who could be told is this one's elder; both may be.
            t.signal(SIGNAL_SELF, USR1 as usize).unwrap();
        })
        .unwrap();
        t.sleep(10_000_000).unwrap();
        assert!(t.signals().is_empty());
    });
}

#[test]
fn a_process_that_is_being_built_ends_with_a_signal_and_is_not_started_any_more() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let debug = ProcessParams { flags: 1, ..ProcessParams::default() };
        let built = t.process_build(account, &[], &debug).unwrap();
        t.signal(built, signal::CHLD as usize).unwrap();
        t.signal(built, TERM as usize).unwrap();
        assert_eq!(t.wait(built).unwrap(), ended(ExitKind::Signal, TERM));
        assert_eq!(errno(t.call(Call::ProcessStart, [built, 0x1000, 0, 0, 0])), EBUSY);
        assert_eq!(errno(t.exec(built, |_| ())), EBUSY);
    });
}

#[test]
fn exec_forgets_handlers_and_keeps_what_is_ignored_and_blocked() {
    scene(|t| {
        let (child, account) = apart(t, UNLIMITED, &[], |t| {
            t.catch(&[USR1], &[TERM]).unwrap();
            t.mask(signal::bit(PIPE)).unwrap();
            t.signal(SIGNAL_SELF, PIPE as usize).unwrap();
            let built = t.process_build(100, &[], &ProcessParams::default()).unwrap();
            let result = t.exec(built, |t| {
                t.signal(SIGNAL_SELF, TERM as usize).unwrap();
                let waiting = t.wait_signal(0, 0).unwrap();
                assert_eq!(waiting.pending, signal::bit(PIPE));
                t.signal(SIGNAL_SELF, USR1 as usize).unwrap();
                unreachable!("nobody catches it any more");
            });
            unreachable!("EXEC returned {result:?}");
        });
        assert_eq!(t.wait(child).unwrap(), ended(ExitKind::Signal, USR1));
        t.close(account).unwrap();
    });
}
