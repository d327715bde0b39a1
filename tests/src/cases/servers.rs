//! Every call ends, whatever its server does.
use super::support::{Peer, ask as call, at, check, refused, within};
use crate::peer::ask;
use crate::run::{Case, Verdict};
use clavis::abi::error::{EBADF, EIO, ENODEV, EOWNERDEAD, ETIMEDOUT};
use clavis::{Handle, Place, Rights};
use std::io::Read;
use syscall::flag::O_RDONLY;

pub(crate) const CASES: &[Case] = &[
    // Requirement: R84
    Case { name: "a_queued_call_ends_when_its_server_dies_and_had_no_effect", run: queued },
    // Requirement: R85
    Case {
        name: "a_delivered_call_ends_when_its_server_dies_and_may_have_had_effect",
        run: delivered,
    },
    // Requirement: R86
    Case { name: "the_answered_half_of_two_calls_is_answered_when_the_server_dies", run: half },
    // Requirement: R87
    Case { name: "a_new_call_to_a_dead_server_says_so", run: dead },
    // Requirement: R90
    Case { name: "a_call_cancelled_before_delivery_never_reaches_the_server", run: cancel_before },
    // Requirement: R91
    Case {
        name: "a_call_cancelled_after_delivery_ends_and_the_server_is_told_once",
        run: cancel_after,
    },
    // Requirement: R52
    Case { name: "a_late_answer_is_swallowed", run: late },
    // Requirement: R52
    Case { name: "a_second_answer_is_swallowed", run: double },
    // Requirement: R52
    Case { name: "forged_answers_reach_nobody", run: forged },
    // Requirement: R27, R44, R48, R50
    Case { name: "a_server_that_lies_about_sizes_errors_and_handles_is_an_io_error", run: liar },
    // Requirement: R42
    Case { name: "calls_of_many_threads_are_answered_each_to_its_own", run: many },
    // Requirement: R74
    Case { name: "a_server_is_told_of_each_close_once", run: closes },
];

fn duplicate(handle: &Handle) -> Result<Handle, String> {
    at("dup", Handle::duplicate(handle, Place::Upper))
}

fn swallowed() -> Result<u64, String> {
    let counters = at("counters", clavis::object::counters())?;
    let row = counters.into_iter().find(|row| row.name == "swallowed");
    row.map(|row| row.created).ok_or_else(|| "there is no such counter".into())
}

fn queued() -> Verdict {
    let peer = Peer::start("deaf")?;
    let root = duplicate(&peer.root)?;
    let caller = std::thread::spawn(move || call(&root, 0));
    while !caller.is_finished() {
        // Dead or not, the call ends; it was never received.
        std::thread::yield_now();
        _ = peer.process.kill();
    }
    match caller.join() {
        Ok(result) => refused("call", result, ENODEV),
        Err(_) => Err("the caller panicked".into()),
    }
}

fn delivered() -> Verdict {
    let peer = Peer::start("die")?;
    refused("call", call(&peer.root, 0), EOWNERDEAD)
}

fn half() -> Verdict {
    let peer = Peer::start("half")?;
    at("the first", call(&peer.root, 0))?;
    refused("the second", call(&peer.root, 0), EOWNERDEAD)
}

fn dead() -> Verdict {
    let peer = Peer::start("normal")?;
    peer.settle()?;
    at("kill", peer.process.kill())?;
    at("wait", peer.process.wait())?;
    loop {
        // Its socket closes right after its end.
        match call(&peer.root, 0) {
            Err(error) if error.errno() == ENODEV => break,
            Err(error) if error.errno() == EOWNERDEAD => {}
            Err(error) => return Err(format!("a call fails with {error}")),
            Ok(_) => return Err("a dead server answered".into()),
        }
    }
    refused("open", Handle::open_at(&peer.root, "x", O_RDONLY as u64), ENODEV)
}

fn cancel_before() -> Verdict {
    let (peer, hold) = Peer::start_held()?;
    refused("call", within(50, || call(&peer.root, 0)), ETIMEDOUT)?;
    drop(hold);
    check(peer.ask(ask::HEARD)? == 0, "the server heard of a call that was cancelled before")?;
    check(peer.ask(ask::CANCELLED)? == 0, "the server was told of a call that it never had")
}

fn cancel_after() -> Verdict {
    let peer = Peer::start("normal")?;
    let ended = within(50, || call(&peer.root, ask::HOLD));
    refused("call", ended, ETIMEDOUT)?;
    peer.settle()?;
    let told = peer.ask(ask::CANCELLED)?;
    check(told == 1, &format!("the server was told {told} times"))
}

fn late() -> Verdict {
    let peer = Peer::start("late")?;
    refused("call", within(50, || call(&peer.root, 0)), ETIMEDOUT)?;
    // The late answer comes before this one, and must not be taken for it.
    check(peer.ask(ask::HEARD)? == 1, "the next call got another's answer")?;
    check(peer.ask(ask::CANCELLED)? == 1, "the server was not told of the cancellation")
}

fn double() -> Verdict {
    let before = swallowed()?;
    let peer = Peer::start("double")?;
    for heard in 0..20 {
        let answer = peer.ask(ask::HEARD)?;
        check(answer == heard, &format!("call {heard} was answered with {answer}"))?;
    }
    peer.settle()?;
    check(swallowed()? >= before + 20, "second answers were not counted")
}

fn forged() -> Verdict {
    let before = swallowed()?;
    let peer = Peer::start("forged")?;
    let root = duplicate(&peer.root)?;
    let other = std::thread::spawn(move || (0..20).map(|_| call(&root, 0)).collect::<Vec<_>>());
    for _ in 0..20 {
        check(peer.ask(0)? == 0, "a forged answer was taken")?;
    }
    let others = other.join().map_err(|_| "the other caller panicked")?;
    check(others.iter().all(|answer| *answer == Ok(0)), "a forged answer reached another caller")?;
    check(swallowed()? > before, "forged answers were not counted")
}

fn liar() -> Verdict {
    let peer = Peer::start("liar")?;
    let mut buffer = [0; 16];
    let read = (&peer.root).read(&mut buffer).map_err(|error| error.raw_os_error());
    check(read == Err(Some(EIO)), &format!("reading too much gave {read:?}"))?;
    refused("an unknown error", call(&peer.root, 0), EIO)?;
    refused("a handle it has not", Handle::open_at(&peer.root, "x", 0).map(drop), EBADF)?;
    // Its bad forward is its own error; the client gets the answer that follows.
    at("a bad forward", Handle::open_at(&peer.root, "x", 0)).map(drop)?;
    peer.settle()
}

fn many() -> Verdict {
    let peer = Peer::start("normal")?;
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let root = duplicate(&peer.root)?;
            Ok(std::thread::spawn(move || {
                (0..50).all(|_| {
                    let file = Handle::open_at(&root, "x", O_RDONLY as u64);
                    file.is_ok_and(|file| call(&file, 0) == Ok(0))
                })
            }))
        })
        .collect::<Result<_, String>>()?;
    for thread in threads {
        check(thread.join().unwrap_or(false), "a thread got a wrong answer")?;
    }
    // 8 × 50 opens and as many calls, and this one.
    check(peer.ask(ask::HEARD)? == 800, "the server heard another number of requests")
}

fn closes() -> Verdict {
    let peer = Peer::start("normal")?;
    for _ in 0..10 {
        let file = at("open", Handle::open_at(&peer.root, "x", O_RDONLY as u64))?;
        let copies = [duplicate(&file)?, duplicate(&file)?];
        let narrow = at("derive", Handle::derive(&file, Rights::STAT, Rights::empty()))?;
        drop(copies);
        drop(file);
        drop(narrow);
    }
    peer.settle()?;
    let told = peer.ask(ask::CLOSED)?;
    check(told == 10, &format!("the server was told of {told} closes instead of 10"))
}
