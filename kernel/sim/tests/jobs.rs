//! Stopping processes and letting them go on, one scenario each.
mod common;
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::{EAGAIN, EINVAL, ENOTCAPABLE, Result};
use clavis_abi::params::{ExitKind, ExitStatus, ProcessParams, SignalCode, signal, wait_flags};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{EventFlags, O_NONBLOCK, O_RDWR};
use clavis_sim::{Give, Thread};
use common::{errno, scene};

const USR1: u64 = 10;
const TERM: u64 = 15;
const STOP: usize = signal::STOP as usize;
const CONT: usize = signal::CONT as usize;
const TSTP: usize = signal::TSTP as usize;

/// The status of a process as WAIT tells it.
fn told(t: &mut Thread, process: usize, flags: u64) -> Result<(u64, u64), i32> {
    let at = t.room(size_of::<ExitStatus>()) as usize;
    let size = size_of::<ExitStatus>();
    t.call(Call::Wait, [process, at, size, flags as usize, 0]).map_err(|error| error.errno)?;
    let status: ExitStatus = t.peek_struct(at as u64);
    Ok((status.kind, status.code))
}

fn stopped(by: usize) -> Result<(u64, u64), i32> {
    Ok((ExitKind::Stopped as u64, by as u64))
}

fn continued() -> Result<(u64, u64), i32> {
    Ok((ExitKind::Continued as u64, signal::CONT))
}

fn ended_by(number: u64) -> Result<(u64, u64), i32> {
    Ok((ExitKind::Signal as u64, number))
}

/// A process that writes a byte at 5 every millisecond, after that code; and the bytes' reader.
fn ticking(t: &mut Thread, first: impl FnOnce(&mut Thread) + Send + 'static) -> (usize, usize) {
    let factory = t.entry(EntryKind::FactoryPipe);
    let reader = t.open(factory, "", (O_RDWR | O_NONBLOCK) as u64).unwrap();
    let writer = t.dup_message(reader, b"write").unwrap();
    let account = t.entry(EntryKind::Account);
    let child = t
        .process(account, &[Give::all(writer, 5)], move |t| {
            first(t);
            loop {
                t.write(5, b"x").unwrap();
                let _ = t.sleep(1_000_000);
            }
        })
        .unwrap();
    (child, reader)
}

/// Whether bytes came since the last look.
fn ticks(t: &mut Thread, reader: usize) -> bool {
    let _ = t.read(reader, 4096);
    t.sleep(20_000_000).unwrap();
    t.read(reader, 4096).is_ok()
}

#[test]
fn a_stopped_process_does_not_run_until_it_is_let_go_on() {
    scene(|t| {
        let (child, reader) = ticking(t, |_| ());
        assert!(ticks(t, reader));
        t.signal(child, STOP).unwrap();
        assert!(!ticks(t, reader));
        t.signal(child, STOP).unwrap();
        t.signal(child, CONT).unwrap();
        assert!(ticks(t, reader));
        t.signal(child, signal::KILL as usize).unwrap();
    });
}

#[test]
fn a_stopped_process_can_be_killed() {
    scene(|t| {
        let (child, _) = ticking(t, |_| ());
        t.signal(child, STOP).unwrap();
        t.settle();
        t.signal(child, signal::KILL as usize).unwrap();
        assert_eq!(told(t, child, 0), ended_by(signal::KILL));
    });
}

#[test]
fn who_waits_is_told_once_of_each_stop_and_continuation_and_only_if_it_asks() {
    scene(|t| {
        let (child, _) = ticking(t, |_| ());
        let both = wait_flags::STOPPED | wait_flags::CONTINUED;
        let now = wait_flags::NONBLOCK;
        assert_eq!(told(t, child, both | now), Err(EAGAIN));
        t.signal(child, TSTP).unwrap();
        assert_eq!(told(t, child, now), Err(EAGAIN));
        assert_eq!(told(t, child, wait_flags::CONTINUED | now), Err(EAGAIN));
        assert_eq!(told(t, child, wait_flags::STOPPED | wait_flags::KEEP), stopped(TSTP));
        assert_eq!(told(t, child, both), stopped(TSTP));
        assert_eq!(told(t, child, both | now), Err(EAGAIN));
        let other = t.dup(child).unwrap();
        t.spawn(1, move |t| {
            t.signal(other, CONT).unwrap();
            t.call(Call::ThreadExit, [0; 5]).unwrap();
        })
        .unwrap();
        assert_eq!(told(t, child, both), continued());
        t.signal(child, TERM as usize).unwrap();
        assert_eq!(told(t, child, both), ended_by(TERM));
        assert_eq!(told(t, child, 0), ended_by(TERM));
        assert_eq!(told(t, child, 16), Err(EINVAL));
        let blind = t.derive(child, Rights::SIGNAL, Rights::SIGNAL).unwrap();
        assert_eq!(told(t, blind, 0), Err(ENOTCAPABLE));
    });
}

#[test]
fn the_parent_is_signalled_and_watchers_are_told_when_a_child_stops_and_goes_on() {
    scene(|t| {
        t.catch(&[signal::CHLD], &[]).unwrap();
        let (child, _) = ticking(t, |_| ());
        let events = t.entry(EntryKind::FactoryEvent);
        let queue = t.open(events, "", O_RDWR as u64).unwrap();
        t.watch(queue, child, EventFlags::EVENT_READ, 7).unwrap();
        for number in [STOP, CONT] {
            t.signal(child, number).unwrap();
            assert_eq!(t.events(queue, 4).unwrap(), [(child, 1, 7)]);
            let told = t.signals();
            assert_eq!(told.len(), 1);
            assert_eq!(told[0].info.code, SignalCode::Child as u64);
        }
        t.signal(child, signal::KILL as usize).unwrap();
    });
}

#[test]
fn the_key_to_stop_is_caught_ignored_or_blocked_and_the_stop_is_not() {
    scene(|t| {
        let now = wait_flags::STOPPED | wait_flags::NONBLOCK;
        for kind in 0..3 {
            let (child, reader) = ticking(t, move |t| {
                match kind {
                    0 => t.catch(&[signal::TSTP], &[]).map(drop),
                    1 => t.catch(&[], &[signal::TSTP]).map(drop),
                    _ => t.mask(u64::MAX).map(drop),
                }
                .unwrap();
            });
            t.settle();
            t.signal(child, TSTP).unwrap();
            assert!(ticks(t, reader));
            assert_eq!(told(t, child, now), Err(EAGAIN));
            t.signal(child, STOP).unwrap();
            assert!(!ticks(t, reader));
            assert_eq!(told(t, child, now), stopped(STOP));
            t.signal(child, signal::KILL as usize).unwrap();
        }
    });
}

#[test]
fn a_blocked_key_to_stop_stops_when_it_is_let_through_unless_the_process_was_continued() {
    scene(|t| {
        for continued in [false, true] {
            let (child, reader) = ticking(t, |t| {
                t.mask(u64::MAX).unwrap();
                t.sleep(5_000_000).unwrap();
                t.mask(0).unwrap();
            });
            t.settle();
            t.signal(child, TSTP).unwrap();
            if continued {
                t.signal(child, CONT).unwrap();
            }
            t.sleep(10_000_000).unwrap();
            assert_eq!(ticks(t, reader), continued);
            t.signal(child, signal::KILL as usize).unwrap();
        }
    });
}

#[test]
fn what_would_end_or_be_told_to_a_stopped_process_waits_until_it_goes_on() {
    scene(|t| {
        let (child, reader) = ticking(t, |t| {
            t.catch(&[USR1], &[]).unwrap();
            assert!(t.sleep(50_000_000).is_err());
            assert_eq!(t.signals().len(), 1);
        });
        t.settle();
        t.signal(child, STOP).unwrap();
        t.signal(child, USR1 as usize).unwrap();
        assert!(!ticks(t, reader));
        t.signal(child, CONT).unwrap();
        assert!(ticks(t, reader));
        t.signal(child, STOP).unwrap();
        t.signal(child, TERM as usize).unwrap();
        assert!(!ticks(t, reader));
        assert_eq!(told(t, child, wait_flags::NONBLOCK), Err(EAGAIN));
        t.signal(child, CONT).unwrap();
        assert_eq!(told(t, child, 0), ended_by(TERM));
        // One whose thread waits for ever ends as well.
        let account = t.entry(EntryKind::Account);
        let child = t
            .process(account, &[], |t| {
                let _ = t.sleep(u64::MAX >> 2);
            })
            .unwrap();
        t.settle();
        for number in [STOP, TERM as usize, CONT] {
            t.signal(child, number).unwrap();
        }
        assert_eq!(told(t, child, 0), ended_by(TERM));
    });
}

#[test]
fn a_process_that_is_stopped_while_it_is_built_stands_still_from_its_start() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let debug = ProcessParams { flags: 1, ..ProcessParams::default() };
        for number in [STOP, TSTP] {
            let built = t.process_build(account, &[], &debug).unwrap();
            t.signal(built, number).unwrap();
            let entry = t.program(|t| t.exit(3)) as usize;
            t.call(Call::ProcessStart, [built, entry, 0, 0, 0]).unwrap();
            t.settle();
            assert_eq!(told(t, built, wait_flags::NONBLOCK), Err(EAGAIN));
            t.signal(built, CONT).unwrap();
            assert_eq!(told(t, built, 0), Ok((ExitKind::Exit as u64, 3)));
        }
    });
}

#[test]
fn stopping_an_account_stops_every_thread_of_every_process_in_it_and_beneath() {
    scene(|t| {
        let root = t.entry(EntryKind::Account);
        let job = t.account(
            root,
            &clavis_abi::params::AccountLimits {
                frames: u64::MAX,
                handles: u64::MAX,
                threads: u64::MAX,
                requests: u64::MAX,
                kernel_bytes: u64::MAX,
            },
        );
        let job = job.unwrap();
        let factory = t.entry(EntryKind::FactoryPipe);
        let reader = t.open(factory, "", (O_RDWR | O_NONBLOCK) as u64).unwrap();
        let writer = t.dup_message(reader, b"write").unwrap();
        let tick = |t: &mut Thread| loop {
            t.write(5, b"x").unwrap();
            let _ = t.sleep(1_000_000);
        };
        for _ in 0..2 {
            t.process(job, &[Give::all(writer, 5)], move |t| {
                t.spawn(1, tick).unwrap();
                tick(t);
            })
            .unwrap();
        }
        assert!(ticks(t, reader));
        t.signal(job, TSTP).unwrap();
        assert!(!ticks(t, reader));
        t.signal(job, CONT).unwrap();
        assert!(ticks(t, reader));
        t.signal(job, signal::KILL as usize).unwrap();
    });
}

#[test]
fn a_fork_that_a_stop_meets_at_any_step_ends_and_the_copy_is_not_stopped() {
    scene(|t| {
        let factory = t.entry(EntryKind::FactoryPipe);
        let reader = t.open(factory, "", (O_RDWR | O_NONBLOCK) as u64).unwrap();
        let writer = t.dup_message(reader, b"write").unwrap();
        let account = t.entry(EntryKind::Account);
        let mut met = 0;
        for span in 1..60 {
            // Its starter runs whenever it can.
            let below = ProcessParams { priority: 1, flags: 1, ..ProcessParams::default() };
            let gives = [Give::all(writer, 5), Give::all(account, 100)];
            let child = t.process_build(account, &gives, &below).unwrap();
            let entry = t.program(|t| {
                for _ in 0..300 {
                    t.dup(5).unwrap();
                }
                t.write(5, b"fork").unwrap();
                t.fork(100, |t| {
                    t.write(5, b"copy").unwrap();
                    t.exit(0);
                })
                .unwrap();
                t.write(5, b"self").unwrap();
            });
            t.call(Call::ProcessStart, [child, entry as usize, 0, 0, 0]).unwrap();
            let begun = loop {
                t.sleep(100).unwrap();
                if let Ok(bytes) = t.read(reader, 20) {
                    break bytes.len();
                }
            };
            t.sleep(span * 100).unwrap();
            met += usize::from(t.signal(child, STOP).is_ok());
            t.sleep(50_000_000).unwrap();
            let _ = t.signal(child, CONT);
            assert_eq!(told(t, child, 0), Ok((ExitKind::Exit as u64, 0)));
            t.settle();
            assert_eq!(begun + t.read(reader, 20).map_or(0, |bytes| bytes.len()), 12);
        }
        assert!(met > 0, "no stop met a fork");
    });
}

#[test]
fn a_request_to_a_stopped_server_waits_for_it_and_its_own_calls_go_on_in_the_kernel() {
    scene(|t| {
        let scheme = t.entry(EntryKind::FactoryScheme);
        let socket = t.socket(scheme).unwrap();
        let file = t.mint(socket, 1, 0).unwrap();
        let account = t.entry(EntryKind::Account);
        let server = t
            .process(account, &[Give::all(socket, 5)], |t| {
                let request = t.receive(5).unwrap();
                t.reply(5, request.tag, 0).unwrap();
            })
            .unwrap();
        t.close(socket).unwrap();
        t.settle();
        t.signal(server, STOP).unwrap();
        t.deadline(10_000_000).unwrap();
        assert_eq!(errno(t.call(Call::Fsync, [file, 0, 0, 0, 0])), clavis_abi::error::ETIMEDOUT);
        t.call(Call::SetDeadline, [0; 5]).unwrap();
        t.signal(server, CONT).unwrap();
        assert_eq!(told(t, server, 0), Ok((ExitKind::Exit as u64, 0)));
    });
}

#[test]
fn a_signal_to_a_group_reaches_the_processes_of_the_account_that_are_in_it() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let me = t.call(Call::Identity, [0; 5]).unwrap();
        let group_of = |t: &mut Thread, process, group| {
            t.call(Call::Group, [process, group, 0, 0, 0]).map(|both| both & 0xFFFF_FFFF)
        };
        assert_eq!(group_of(t, usize::MAX, 0).unwrap(), me);
        let forever = |t: &mut Thread| {
            let _ = t.sleep(u64::MAX >> 2);
        };
        let copy = t.fork(account, forever).unwrap();
        assert_eq!(group_of(t, copy, 0).unwrap(), me);
        let made: Vec<_> = (0..3).map(|_| t.process(account, &[], forever).unwrap()).collect();
        let group = group_of(t, made[0], 0).unwrap();
        assert_ne!(group, me);
        assert_eq!(group_of(t, made[1], group).unwrap(), group);
        t.call(Call::Signal, [account, TERM as usize, 0, group, 0]).unwrap();
        for (child, ends) in [(made[0], true), (made[1], true), (made[2], false), (copy, false)] {
            let status = told(t, child, wait_flags::NONBLOCK);
            assert_eq!(status, if ends { ended_by(TERM) } else { Err(EAGAIN) });
        }
        let blind = t.derive(made[2], Rights::WAIT, Rights::empty()).unwrap();
        assert_eq!(errno(t.call(Call::Group, [blind, group, 0, 0, 0])), ENOTCAPABLE);
        assert_eq!(errno(t.call(Call::Group, [account, 0, 0, 0, 0])), EINVAL);
        assert_eq!(errno(t.call(Call::Signal, [made[2], 0, 0, group, 0])), EINVAL);
        for child in [made[2], copy] {
            t.signal(child, signal::KILL as usize).unwrap();
        }
    });
}

#[test]
fn a_session_is_passed_on_and_begun_by_who_may_signal_the_process() {
    scene(|t| {
        let account = t.entry(EntryKind::Account);
        let me = t.call(Call::Identity, [0; 5]).unwrap();
        let ask = |t: &mut Thread, process, group, session| -> Result<_> {
            let both = t.call(Call::Group, [process, group, session, 0, 0])?;
            Ok((both & 0xFFFF_FFFF, both >> 32))
        };
        let forever = |t: &mut Thread| {
            let _ = t.sleep(u64::MAX >> 2);
        };
        assert_eq!(ask(t, usize::MAX, 0, 0).unwrap().0, me);
        assert_eq!(ask(t, usize::MAX, 0, 77).unwrap(), (me, 77));
        let copy = t.fork(account, forever).unwrap();
        assert_eq!(ask(t, copy, 0, 0).unwrap(), (me, 77));
        let made = t.process(account, &[], forever).unwrap();
        let (group, session) = ask(t, made, 0, 0).unwrap();
        assert_ne!(group, me);
        assert_eq!(session, 77);
        assert_eq!(ask(t, made, 5, 6).unwrap(), (5, 6));
        assert_eq!(ask(t, usize::MAX, 0, 0).unwrap(), (me, 77), "each has its own");
        let blind = t.derive(made, Rights::WAIT, Rights::empty()).unwrap();
        assert_eq!(errno(ask(t, blind, 0, 7)), ENOTCAPABLE);
        assert_eq!(ask(t, blind, 0, 0).unwrap(), (5, 6), "asking needs no right");
        assert_eq!(errno(ask(t, made, 0, 1 << 32)), EINVAL);
        assert_eq!(errno(ask(t, made, 1 << 32, 0)), EINVAL);
        assert_eq!(ask(t, made, 0, 0).unwrap(), (5, 6), "a refused call changes nothing");
        for child in [made, copy] {
            t.signal(child, signal::KILL as usize).unwrap();
        }
    });
}
