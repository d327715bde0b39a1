//! Processes: what they get, and that one's misfortune is nobody else's.
use super::support::{Peer, act, at, check};
use crate::run::{Case, Verdict};
use clavis::abi::error::EPIPE;
use clavis::abi::params::ObjectType;
use clavis::account::{Account, UNLIMITED};
use clavis::process::inspect;
use clavis::{AccountLimits, Command, ExitStatus, Give};
use std::io::{Read, Write};

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_child_gets_nothing_that_was_not_listed", run: nothing_unlisted },
    Case { name: "an_exit_code_is_read_from_the_process_handle", run: exit_code },
    Case { name: "a_fault_ends_only_its_process", run: fault },
    Case { name: "an_endless_loop_leaves_the_others_running", run: spin },
    Case { name: "a_process_out_of_memory_ends_alone", run: hog },
    Case { name: "hello_takes_less_than_400_kib_of_image_and_of_memory", run: hello },
    Case { name: "std_works_in_an_empty_namespace", run: empty_namespace },
    Case { name: "ending_an_account_ends_all_its_processes", run: account },
    Case { name: "a_pipe_carries_a_mebibyte_between_processes", run: pipe_between },
    Case { name: "a_pipe_says_when_its_other_end_is_gone", run: pipe_ends },
    Case { name: "small_writes_to_a_pipe_are_never_torn", run: pipe_atomic },
    Case { name: "a_thousand_threads_come_and_go", run: threads },
    Case { name: "a_hundred_children_leave_no_objects_behind", run: no_leaks },
];

fn nothing_unlisted() -> Verdict {
    let peer = Peer::start("normal")?;
    let child = at("spawn", act("sleep").spawn())?;
    let rows = at("inspect", inspect(child.handle()))?;
    let birth = [ObjectType::Null, ObjectType::Random, ObjectType::Name];
    let known = |object: Option<ObjectType>| object.is_some_and(|kind| birth.contains(&kind));
    let strange: Vec<_> = rows.iter().filter(|row| !known(row.info.object)).collect();
    at("kill", child.kill())?;
    drop(peer);
    check(strange.is_empty(), &format!("it has {strange:?}"))?;
    check(rows.len() == 6, &format!("it has {} handles instead of 6", rows.len()))
}

fn exit_code() -> Verdict {
    let child = at("spawn", act("exit-7").spawn())?;
    check(at("wait", child.wait())? == ExitStatus::Exit(7), "it ended with another code")?;
    check(at("wait again", child.wait())? == ExitStatus::Exit(7), "the code was lost")
}

fn fault() -> Verdict {
    let child = at("spawn", act("fault").spawn())?;
    let status = at("wait", child.wait())?;
    check(status == ExitStatus::Fault(0x10), &format!("it ended with {status}"))
}

fn spin() -> Verdict {
    let child = at("spawn", act("spin").spawn())?;
    for _ in 0..20 {
        let other = at("spawn", act("exit-7").spawn())?;
        at("wait", other.wait())?;
    }
    check(at("try_wait", child.try_wait())?.is_none(), "the loop ended")?;
    at("kill", child.kill())?;
    let status = at("wait", child.wait())?;
    check(status == ExitStatus::Signal(9), &format!("it ended with {status}"))
}

fn hog() -> Verdict {
    let limits = AccountLimits { frames: 2048, ..UNLIMITED };
    let account = at("account", Account::new(&limits))?;
    let child = at("spawn", act("hog").account(account.handle()).spawn())?;
    let status = at("wait", child.wait())?;
    check(!status.success(), "it found memory without end")?;
    let mine = vec![7u8; 1 << 20];
    check(std::hint::black_box(&mine).iter().all(|byte| *byte == 7), "memory of others suffered")
}

fn hello() -> Verdict {
    const MOST: u64 = 400 << 10;
    let path = "/scheme/initfs/bin/hello";
    let size = std::fs::metadata(path).map_err(|error| format!("{path}: {error}"))?.len();
    check(size < MOST, &format!("its file has {size} bytes"))?;
    // All of its own: stack, data, heap, tables, and what it was built with.
    let limits = AccountLimits { frames: MOST / 4096, kernel_bytes: 32 << 10, ..UNLIMITED };
    let account = at("account", Account::new(&limits))?;
    let (mut from, to) = std::io::pipe().map_err(|error| format!("pipe: {error}"))?;
    let command = Command::new(path).account(account.handle()).stdout(&to);
    let child = at("spawn", command.spawn())?;
    drop(command);
    drop(to);
    let mut said = String::new();
    from.read_to_string(&mut said).map_err(|error| format!("read: {error}"))?;
    let status = at("wait", child.wait())?;
    let holds = status.success() && said == "Hello, world!\n";
    check(holds, &format!("it ended with {status} and said {said:?}"))
}

fn empty_namespace() -> Verdict {
    let (mut from, to) = std::io::pipe().map_err(|error| format!("pipe: {error}"))?;
    let command = act("std").namespace(Give::None).stdout(&to);
    let child = at("spawn", command.spawn())?;
    drop(command);
    drop(to);
    let mut said = String::new();
    from.read_to_string(&mut said).map_err(|error| format!("read: {error}"))?;
    let status = at("wait", child.wait())?;
    check(
        status.success() && said == "true\n",
        &format!("it ended with {status} and said {said:?}"),
    )
}

fn account() -> Verdict {
    let account = at("account", Account::new(&UNLIMITED))?;
    let children = (0..5)
        .map(|_| at("spawn", act("sleep").account(account.handle()).spawn()))
        .collect::<Result<Vec<_>, _>>()?;
    check(at("usage", account.usage())?.processes == 5, "it counts other processes")?;
    at("kill", account.kill())?;
    for child in children {
        let status = at("wait", child.wait())?;
        check(status == ExitStatus::Signal(9), &format!("a process ended with {status}"))?;
    }
    check(at("usage", account.usage())?.processes == 0, "it counts processes that ended")
}

fn pipe_between() -> Verdict {
    let (child_in, mut to) = std::io::pipe().map_err(|error| format!("pipe: {error}"))?;
    let (mut from, child_out) = std::io::pipe().map_err(|error| format!("pipe: {error}"))?;
    let command = act("echo").stdin(&child_in).stdout(&child_out);
    let child = at("spawn", command.spawn())?;
    drop(command);
    drop((child_in, child_out));
    let text: String = (0..1 << 20).map(|n| char::from(b'a' + (n % 23) as u8)).collect();
    let sent = text.clone();
    let writer = std::thread::spawn(move || to.write_all(sent.as_bytes()).is_ok());
    let mut back = String::new();
    from.read_to_string(&mut back).map_err(|error| format!("read: {error}"))?;
    check(writer.join().unwrap_or(false), "the writer failed")?;
    check(back == text, &format!("{} bytes came back changed", back.len()))?;
    check(at("wait", child.wait())?.success(), "the child failed")
}

fn pipe_ends() -> Verdict {
    let (mut from, to) = std::io::pipe().map_err(|error| format!("pipe: {error}"))?;
    drop(to);
    let read = from.read(&mut [0; 4]).map_err(|error| error.raw_os_error());
    check(read == Ok(0), &format!("reading without a writer gave {read:?}"))?;
    let (from, mut to) = std::io::pipe().map_err(|error| format!("pipe: {error}"))?;
    drop(from);
    let written = to.write(b"x").map_err(|error| error.raw_os_error());
    check(written == Err(Some(EPIPE)), &format!("writing without a reader gave {written:?}"))
}

fn pipe_atomic() -> Verdict {
    let (mut from, to) = std::io::pipe().map_err(|error| format!("pipe: {error}"))?;
    let writers: Vec<_> = [b'a', b'b', b'c']
        .into_iter()
        .map(|letter| {
            let mut to = to.try_clone().map_err(|error| format!("clone: {error}"))?;
            Ok(std::thread::spawn(move || {
                (0..64).all(|_| to.write(&[letter; 4096]).is_ok_and(|n| n == 4096))
            }))
        })
        .collect::<Result<_, String>>()?;
    drop(to);
    let mut all = Vec::new();
    from.read_to_end(&mut all).map_err(|error| format!("read: {error}"))?;
    for writer in writers {
        check(writer.join().unwrap_or(false), "a writer failed")?;
    }
    check(all.len() == 3 * 64 * 4096, "bytes were lost")?;
    let torn = all.chunks(4096).any(|chunk| chunk.iter().any(|byte| Some(byte) != chunk.first()));
    check(!torn, "a write was torn")
}

fn threads() -> Verdict {
    for round in 0..50u64 {
        let some: Vec<_> = (0..20).map(|n| std::thread::spawn(move || round * n)).collect();
        let sum: u64 = some.into_iter().filter_map(|thread| thread.join().ok()).sum();
        check(sum == round * 190, "a thread's result was lost")?;
    }
    Ok(())
}

fn alive() -> Result<Vec<(String, u64)>, String> {
    let counters = at("counters", clavis::object::counters())?;
    let kinds = ["processes", "threads", "pipes", "endpoints", "requests", "grants"];
    let rows = counters.into_iter().filter(|row| kinds.contains(&row.name.as_str()));
    Ok(rows.map(|row| (row.name, row.created - row.destroyed)).collect())
}

/// The counters once nothing is taken apart any more of what ended earlier.
pub(super) fn settled() -> Result<Vec<(String, u64)>, String> {
    let mut last = alive()?;
    for _ in 0..100 {
        std::thread::sleep(std::time::Duration::from_millis(10));
        let now = alive()?;
        if now == last {
            break;
        }
        last = now;
    }
    Ok(last)
}

fn no_leaks() -> Verdict {
    let child = at("spawn", act("exit-7").spawn())?;
    at("wait", child.wait())?;
    drop(child);
    let before = settled()?;
    for _ in 0..100 {
        let child = at("spawn", act("exit-7").spawn())?;
        at("wait", child.wait())?;
    }
    nothing_left(&before)
}

/// There is as much alive as before, soon: what an ended process held is taken apart when there is
/// nothing better to do.
pub(super) fn nothing_left(before: &[(String, u64)]) -> Verdict {
    for _ in 0..1000 {
        let after = alive()?;
        if after.iter().zip(before).all(|(after, before)| after.1 <= before.1) {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let after = alive()?;
    Err(format!("before: {before:?}, after: {after:?}"))
}
