//! Signals.
use crate::common::{errno, scene};
use crate::{PIPE, TERM, UNLIMITED, USR1, anonymous, apart, ended, exited, pipe};
use clavis_abi::call::Call;
use clavis_abi::error::{EBUSY, EINTR, EINVAL, ESRCH};
use clavis_abi::params::{ExitKind, ProcessParams, SIGNAL_SELF, SignalCode, signal};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::MapFlags;

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
