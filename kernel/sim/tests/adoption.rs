//! A server dies and its successor goes on: nothing is lost, nothing is done twice.
mod common;
use clavis_abi::call::Call;
use clavis_abi::error::{ECANCELED, ENOENT, EOWNERDEAD, ETIMEDOUT, Result};
use clavis_abi::params::{RequestInfo, endpoint_flags};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::O_RDWR;
use clavis_abi::syscall::schemev2::{Opcode, Sqe};
use clavis_sim::{Give, Thread};
use common::{calm, errno, scene};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

const RW: u64 = O_RDWR as u64;
const SOCKET: usize = 3;

/// An endpoint whose servers adopt, held by the caller as init holds it: socket and root.
fn endpoint(t: &mut Thread) -> (usize, usize) {
    let scheme = t.entry(EntryKind::FactoryScheme);
    let socket = t.socket(scheme).unwrap();
    t.declare(socket, endpoint_flags::ADOPT).unwrap();
    let root = t.mint(socket, 0, 0).unwrap();
    (socket, root)
}

fn server(t: &mut Thread, socket: usize, code: impl FnOnce(&mut Thread) + Send + 'static) -> usize {
    let account = t.entry(EntryKind::Account);
    t.process(account, &[Give::all(socket, SOCKET)], code).unwrap()
}

/// What a server may know of a request that it has.
fn info(t: &mut Thread, tag: u32) -> Result<RequestInfo> {
    let size = size_of::<RequestInfo>();
    let at = t.room(size);
    t.call(Call::RequestInfo, [SOCKET, tag as usize, at as usize, size, 0])?;
    Ok(t.peek_struct(at))
}

/// Requirement: R89
#[test]
fn a_second_death_on_a_request_ends_it_and_is_told_to_the_third_server() {
    scene(|t| {
        let (socket, root) = endpoint(t);
        let first = server(t, socket, |t| {
            t.receive(SOCKET).unwrap();
            t.exit(1);
        });
        t.spawn(1, move |t| {
            let opened = t.open(root, "a", 0).unwrap();
            t.close(opened).unwrap();
            assert_eq!(errno(t.open(root, "b", 0)), EOWNERDEAD);
        })
        .unwrap();
        t.wait(first).unwrap();
        let second = server(t, socket, |t| {
            let sqe = t.receive(SOCKET).unwrap();
            assert_eq!((t.path(&sqe).as_str(), info(t, sqe.tag).unwrap().again), ("a", 1));
            t.reply(SOCKET, sqe.tag, 5).unwrap();
            loop {
                let sqe = t.receive(SOCKET).unwrap();
                if sqe.opcode == Opcode::OpenAt as u8 {
                    assert_eq!(info(t, sqe.tag).unwrap().again, 0);
                    t.exit(1);
                }
            }
        });
        t.wait(second).unwrap();
        let third = server(t, socket, |t| {
            t.receive(SOCKET).unwrap();
            t.exit(1);
        });
        t.wait(third).unwrap();
        t.settle();
        let fourth = server(t, socket, |t| {
            let cancel = t.receive(SOCKET).unwrap();
            assert_eq!(cancel.opcode, Opcode::Cancel as u8);
            assert_eq!(info(t, cancel.tag).unwrap().again, 1);
            // Whatever was done for it is undone by the notice.
            t.reply(SOCKET, cancel.tag, 9).unwrap();
            let close = t.receive(SOCKET).unwrap();
            assert_eq!((close.opcode, close.args[0]), (Opcode::CloseMsg as u8, 9));
        });
        t.wait(fourth).unwrap();
    });
}

/// Requirement: R89
#[test]
fn a_call_of_any_class_reaches_the_successor_with_its_tag_and_payload() {
    scene(|t| {
        let (socket, root) = endpoint(t);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mine = Arc::clone(&seen);
        let first = server(t, socket, move |t| {
            let sqe = t.receive(SOCKET).unwrap();
            mine.lock().unwrap().push((sqe.opcode, sqe.tag, t.payload(&sqe)));
            t.exit(1);
        });
        t.spawn(1, move |t| {
            assert_eq!(t.write(root, b"payload").unwrap(), 7);
        })
        .unwrap();
        t.wait(first).unwrap();
        let mine = Arc::clone(&seen);
        server(t, socket, move |t| {
            let sqe = t.receive(SOCKET).unwrap();
            mine.lock().unwrap().push((sqe.opcode, sqe.tag, t.payload(&sqe)));
            t.reply(SOCKET, sqe.tag, 7).unwrap();
            let _ = t.receive(SOCKET);
        });
        t.settle();
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0], seen[1]);
    });
}

/// Requirement: R89
#[test]
fn a_call_that_is_given_up_before_or_after_its_servers_death_reaches_the_successor_as_cancelled() {
    for before in [true, false] {
        scene(move |t| {
            let (socket, root) = endpoint(t);
            let tag = Arc::new(Mutex::new(0));
            let mine = Arc::clone(&tag);
            let first = server(t, socket, move |t| {
                let sqe = t.receive(SOCKET).unwrap();
                *mine.lock().unwrap() = sqe.tag;
                t.sleep(if before { 50_000_000 } else { 1_000_000 }).unwrap();
                if before {
                    // The cancellation is taken, and not answered.
                    assert_eq!(t.receive(SOCKET).unwrap().opcode, Opcode::Cancel as u8);
                }
                t.exit(1);
            });
            t.deadline(10_000_000).unwrap();
            assert_eq!(errno(t.open(root, "slow", 0)), ETIMEDOUT);
            t.deadline(0).unwrap();
            t.wait(first).unwrap();
            let second = server(t, socket, move |t| {
                let cancel = t.receive(SOCKET).unwrap();
                assert_eq!(cancel.opcode, Opcode::Cancel as u8);
                assert_eq!(cancel.tag, *tag.lock().unwrap());
                t.reply(SOCKET, cancel.tag, 12).unwrap();
                let close = t.receive(SOCKET).unwrap();
                assert_eq!((close.opcode, close.args[0]), (Opcode::CloseMsg as u8, 12));
            });
            t.wait(second).unwrap();
        });
    }
}

#[test]
fn a_notice_is_told_again_unless_its_server_came_back_for_more() {
    scene(|t| {
        let (socket, _root) = endpoint(t);
        let (one, two) = (t.mint(socket, 1, 0).unwrap(), t.mint(socket, 2, 0).unwrap());
        let first = server(t, socket, |t| {
            for number in [1, 2] {
                let close = t.receive(SOCKET).unwrap();
                assert_eq!((close.opcode, close.args[0]), (Opcode::CloseMsg as u8, number));
            }
            t.exit(1);
        });
        t.close(one).unwrap();
        t.close(two).unwrap();
        t.wait(first).unwrap();
        server(t, socket, |t| {
            let close = t.receive(SOCKET).unwrap();
            assert_eq!((close.opcode, close.args[0]), (Opcode::CloseMsg as u8, 2));
            let next = t.receive(SOCKET).map(|sqe| sqe.args[0]);
            assert_ne!(next, Ok(2), "the notice came a third time");
        });
        t.settle();
    });
}

/// What the servers of a small scheme leave to each other: numbers in use, and what was done last.
#[derive(Default)]
struct State {
    next: u64,
    open: BTreeSet<u64>,
    written: u64,
    last: Option<(u32, u64)>,
    /// Steps until the next death.
    steps: usize,
}

type Shared = Arc<Mutex<State>>;

fn with<T>(state: &Shared, body: impl FnOnce(&mut State) -> T) -> T {
    body(&mut state.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Ends the process if its time has come.
fn step(t: &mut Thread, state: &Shared) {
    let dies = with(state, |state| {
        state.steps = state.steps.wrapping_sub(1);
        state.steps == 0
    });
    if dies {
        t.exit(1);
    }
}

/// Does what was asked, once: the effect and its record change together.
fn carry_out(state: &Shared, sqe: &Sqe, again: bool) -> Result<u64, i32> {
    with(state, |state| {
        if let (Some((tag, result)), true) = (state.last, again)
            && tag == sqe.tag
        {
            return Ok(result);
        }
        let result = match sqe.opcode {
            x if x == Opcode::OpenAt as u8 => {
                state.next += 1;
                state.open.insert(state.next);
                state.next
            }
            x if x == Opcode::Write as u8 => {
                state.written += sqe.args[2];
                sqe.args[2]
            }
            x if x == Opcode::CloseMsg as u8 => {
                state.open.remove(&sqe.args[0]);
                return Ok(0);
            }
            x if x == Opcode::Cancel as u8 => return Err(ECANCELED),
            _ => return Err(ENOENT),
        };
        state.last = Some((sqe.tag, result));
        Ok(result)
    })
}

fn serve(t: &mut Thread, state: &Shared) {
    step(t, state);
    loop {
        let Ok(sqe) = t.receive(SOCKET) else { return };
        step(t, state);
        let again = sqe.tag != u32::MAX && info(t, sqe.tag).is_ok_and(|info| info.again != 0);
        step(t, state);
        let result = carry_out(state, &sqe, again);
        step(t, state);
        let answered = match result {
            _ if sqe.opcode == Opcode::CloseMsg as u8 => Ok(0),
            Ok(result) => t.reply(SOCKET, sqe.tag, result),
            Err(errno) => t.refuse(SOCKET, sqe.tag, errno),
        };
        answered.expect("answers are taken");
        step(t, state);
    }
}

/// Clients of a server that dies at one step. Answers whether it came to that step.
fn death_at(steps: usize) -> bool {
    let state = Shared::default();
    with(&state, |state| state.steps = steps);
    let end = Arc::clone(&state);
    calm(move |t| {
        let (socket, root) = endpoint(t);
        let mine = Arc::clone(&state);
        let first = server(t, socket, move |t| serve(t, &mine));
        t.spawn(1, move |t| {
            for _ in 0..2 {
                let file = t.open(root, "a", RW).expect("opens are not lost");
                assert_eq!(t.write(file, b"12345").expect("writes are not lost"), 5);
                t.close(file).unwrap();
            }
            t.deadline(3_000_000).unwrap();
            if let Ok(file) = t.open(root, "b", RW) {
                t.close(file).unwrap();
            }
            t.deadline(0).unwrap();
        })
        .unwrap();
        t.settle();
        if with(&state, |state| state.steps == 0) {
            t.wait(first).unwrap();
            t.sleep(10_000_000).unwrap();
            let mine = Arc::clone(&state);
            server(t, socket, move |t| serve(t, &mine));
        }
        t.settle();
    });
    with(&end, |state| {
        assert_eq!(state.written, 10, "died at step {steps}");
        assert!(state.open.is_empty(), "died at step {steps}: {:?} stay open", state.open);
        state.steps == 0 || state.steps > usize::MAX / 2
    })
}

#[test]
fn wherever_a_server_dies_its_clients_lose_nothing_and_its_successor_keeps_nothing() {
    let count = (1..).take_while(|&steps| death_at(steps)).count();
    assert!(count > 30, "the servers took {count} steps");
}

#[test]
fn a_notice_that_one_thread_has_is_not_lost_when_another_is_given_the_next() {
    calm(|t| {
        let (socket, root) = endpoint(t);
        let server = server(t, socket, |t| {
            let serve = |t: &mut Thread| {
                while let Ok(sqe) = t.receive(SOCKET) {
                    if sqe.opcode == Opcode::CloseMsg as u8 {
                        // It is long about that.
                        t.sleep(1_000_000_000).unwrap();
                    } else {
                        t.reply(SOCKET, sqe.tag, 5).unwrap();
                    }
                }
            };
            for _ in 0..3 {
                t.spawn(1, serve).unwrap();
            }
            serve(t);
        });
        t.settle();
        let [first, second] = [(); 2].map(|()| t.open(root, "a", 0).unwrap());
        // One thread is woken for it, and has it still when the next comes with a request.
        t.close(first).unwrap();
        t.sleep(1_000_000).unwrap();
        t.close(second).unwrap();
        let more = t.open(root, "a", 0).unwrap();
        t.close(more).unwrap();
        t.sleep(5_000_000_000).unwrap();
        t.signal(server, 9).unwrap();
        t.settle();
    });
}
