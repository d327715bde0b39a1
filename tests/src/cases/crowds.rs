//! Very many at once: endpoints, handles, and clients that take all they can get from a service.
use super::support::{ask, at, check};
use crate::run::{Case, Verdict, now};
use clavis::abi::params::MintParams;
use clavis::abi::unix;
use clavis::handle::{Payload, call, control};
use clavis::{AsNumber, Handle, Number, Place, Rights, process};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use syscall::data::Event;
use syscall::flag::{EventFlags, F_SETFL, O_NONBLOCK, O_RDWR};
use syscall::schemev2::Opcode;

pub(crate) const CASES: &[Case] = &[
    // Requirement: R104
    Case { name: "a_thousand_endpoints_serve_ten_thousand_handles_at_once", run: thousand },
    Case { name: "who_fills_many_sockets_leaves_room_in_those_of_others", run: sockets },
    Case { name: "half_open_connections_fill_their_own_listener_only", run: half_open },
    Case { name: "who_types_without_end_into_many_terminals_breaks_none", run: terminals },
    Case { name: "garbage_for_terminals_and_sockets_is_refused_and_forgotten", run: garbage },
];

const ENDPOINTS: usize = 1000;
/// Handles of each endpoint.
const HANDLES: usize = 10;
/// Threads that call.
const CALLERS: usize = 4;

fn socket() -> Result<Handle, String> {
    let path = "/scheme/namespace/scheme-creation-cap";
    let capability = at(path, Handle::open(path, 0))?;
    let socket = at("create-scheme", Handle::ask(&capability, b"create-scheme", Place::Upper))?;
    at("fcntl", control(&socket, F_SETFL, O_NONBLOCK))?;
    Ok(socket)
}

/// Answers each call with the number of its object, until as many were answered.
fn serve(sockets: &[Handle], calls: usize) -> Result<(), String> {
    let said = |error: std::io::Error| format!("serve: {error}");
    let queue = at("queue", Handle::open("/scheme/event", O_RDWR as u64))?;
    let mut queue = &queue;
    for (data, socket) in sockets.iter().enumerate() {
        let id = socket.number().raw();
        let event = Event { id, flags: EventFlags::EVENT_READ, data };
        queue.write_all(&event).map_err(said)?;
    }
    let mut answered = 0;
    while answered < calls {
        let mut event = Event::default();
        queue.read_exact(&mut event).map_err(said)?;
        let mut socket = sockets.get(event.data).ok_or("an event of no socket")?;
        let mut message = [0_u8; 64];
        while matches!(socket.read(&mut message), Ok(64)) {
            if message[0] != Opcode::Call as u8 {
                continue;
            }
            let mut answer = [0; 16];
            answer[4..8].copy_from_slice(&message[4..8]);
            // The number of the object is the first argument.
            answer[8..].copy_from_slice(&message[8..16]);
            socket.write_all(&answer).map_err(said)?;
            answered += 1;
        }
    }
    Ok(())
}

fn counts(names: &[&str]) -> Result<Vec<u64>, String> {
    let rows = at("counters", clavis::object::counters())?;
    let count = |name: &&str| {
        let row = rows.iter().find(|row| row.name == *name);
        row.map_or(0, |row| row.created - row.destroyed)
    };
    Ok(names.iter().map(count).collect())
}

fn thousand() -> Verdict {
    const KINDS: &[&str] = &["endpoints", "requests", "registrations", "queues"];
    let before = counts(KINDS)?;
    let sockets: Vec<Handle> = (0..ENDPOINTS).map(|_| socket()).collect::<Result<_, _>>()?;
    let mut handles = Vec::new();
    for index in 0..HANDLES {
        for (endpoint, socket) in sockets.iter().enumerate() {
            let number = endpoint * HANDLES + index;
            let params = MintParams {
                number: number as u64,
                rights: Rights::all().bits(),
                inherit: Rights::all().bits(),
                flags: O_RDWR as u64,
                ..MintParams::default()
            };
            handles.push((number, at("mint", clavis::server::mint(socket, &params))?));
        }
    }
    check(counts(KINDS)?[0] >= before[0] + ENDPOINTS as u64, "endpoints are missing")?;
    let calls = handles.len();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| serve(&sockets, calls));
        let callers: Vec<_> = handles
            .chunks(calls / CALLERS)
            .map(|part| {
                scope.spawn(move || {
                    part.iter().try_for_each(|(number, handle)| {
                        let answer = at("call", ask(handle, 0))?;
                        check(answer == *number, &format!("{number} answered {answer}"))
                    })
                })
            })
            .collect();
        for caller in callers {
            caller.join().map_err(|_| "a caller panicked")??;
        }
        server.join().map_err(|_| "the server panicked")?
    })?;
    drop(handles);
    drop(sockets);
    let patience = now() + 20_000_000_000;
    loop {
        let after = counts(KINDS)?;
        if after.iter().zip(&before).all(|(after, before)| after <= before) {
            return Ok(());
        }
        check(now() < patience, &format!("{before:?} before, {after:?} after"))?;
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn said<T>(what: &str, result: std::io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error}"))
}

/// A message goes through a new pair of sockets.
fn passes(bytes: usize) -> Verdict {
    let (mut one, mut other) = said("pair", UnixStream::pair())?;
    let sent = vec![7; bytes];
    said("write", one.write_all(&sent))?;
    let mut got = vec![0; bytes];
    said("read", other.read_exact(&mut got))?;
    check(got == sent, "bytes changed")
}

/// KiB that the processes of a service pay for.
fn weight(service: &str) -> Result<u64, String> {
    let found = super::supervision::find(service)?.ok_or("it does not run")?;
    Ok(at("usage", process::usage(&found.1))?.used.frames * 4)
}

fn sockets() -> Verdict {
    const FLOOD: usize = 600;
    let mut flood = Vec::new();
    for _ in 0..FLOOD {
        let (mut one, other) = said("pair", UnixStream::pair())?;
        said("nonblocking", one.set_nonblocking(true))?;
        while one.write(&[1; 16 << 10]).is_ok_and(|count| count > 0) {}
        flood.push((one, other));
    }
    passes(4000)?;
    let kib = weight("/bin/unix")?;
    check(kib < 64 << 10, &format!("the service has {kib} KiB"))?;
    drop(flood);
    passes(60_000)
}

fn half_open() -> Verdict {
    let path = "/half-open";
    _ = std::fs::remove_file(path);
    let listener = said("bind", std::os::unix::net::UnixListener::bind(path))?;
    // Connections that were given up before anybody took them.
    let mut made = 0;
    for _ in 0..100 {
        drop(said("connect", UnixStream::connect(path))?);
        made += 1;
    }
    passes(1000)?;
    for _ in 0..made {
        let (mut gone, _) = said("accept", listener.accept())?;
        check(said("read", gone.read(&mut [0; 8]))? == 0, "somebody is there")?;
    }
    let mut late = said("connect", UnixStream::connect(path))?;
    let (mut served, _) = said("accept", listener.accept())?;
    said("write", late.write_all(b"late"))?;
    let mut got = [0; 4];
    said("read", served.read_exact(&mut got))?;
    _ = std::fs::remove_file(path);
    check(&got == b"late", "bytes changed")
}

/// A terminal: the end that types, and the one that is used.
fn terminal() -> Result<(Handle, Handle), String> {
    let control_end = at("new", Handle::open("/scheme/pty/new", O_RDWR as u64))?;
    let used = at("other", Handle::ask(&control_end, b"other", Place::Upper))?;
    Ok((control_end, used))
}

fn lives((typing, used): &(Handle, Handle)) -> Verdict {
    let (mut typing, mut used, mut bytes) = (typing, used, [0; 5]);
    said("type", typing.write_all(b"line\n"))?;
    said("read", used.read_exact(&mut bytes))?;
    check(&bytes == b"line\n", "another line")
}

fn terminals() -> Verdict {
    const TERMINALS: usize = 64;
    let other = terminal()?;
    let mut flood = Vec::new();
    for _ in 0..TERMINALS {
        let ends = terminal()?;
        // Empty lines, which nobody reads, and jobs, which nobody is.
        for _ in 0..4 {
            said("type", (&ends.0).write_all(&[b'\n'; 16 << 10]))?;
        }
        let mut jobs = Vec::new();
        while let Ok(job) = Handle::ask(&ends.1, b"job", Place::Upper) {
            jobs.push(job);
            check(jobs.len() < 1000, "a terminal has jobs without end")?;
            if flood.len() > 4 && jobs.len() > 8 {
                break;
            }
        }
        flood.push((ends, jobs));
    }
    lives(&other)?;
    let kib = weight("/bin/pty")?;
    check(kib < 48 << 10, &format!("the service has {kib} KiB"))?;
    drop(flood);
    lives(&other)?;
    lives(&terminal()?)
}

fn garbage() -> Verdict {
    let mut random = fastrand::Rng::with_seed(11);
    let (typing, used) = terminal()?;
    let (one, _other) = said("pair", UnixStream::pair())?;
    let dgram = at("dgram", Handle::open("/scheme/unix/dgram", O_RDWR as u64))?;
    let stream = Number::from_raw(one.as_raw_fd() as usize);
    let numbers = [typing.number(), used.number(), stream, dgram.number()];
    for _ in 0..3000 {
        let number = numbers[random.usize(..numbers.len())];
        let mut payload = vec![0; random.usize(..300)];
        random.fill(&mut payload);
        let way = if random.bool() { Payload::In } else { Payload::Both };
        let word = |random: &mut fastrand::Rng| match random.u8(..3) {
            0 => random.u64(..400),
            1 => random.u64(..),
            _ => u64::MAX,
        };
        // What terminals and sockets know, and what they do not.
        let first = match random.u8(..3) {
            0 => random.u64(..9),
            1 => unix::BIND - 1 + random.u64(..14),
            _ => word(&mut random),
        };
        let words = [first, word(&mut random), word(&mut random)];
        _ = call(&number, &mut payload, way, &words);
        _ = Handle::ask(&number, &payload[..payload.len().min(9)], Place::Upper);
        // A handle that means nothing there.
        let queue = at("queue", Handle::open("/scheme/event", O_RDWR as u64))?;
        let words = [random.u64(..4) | random.u64(..) << 32];
        _ = clavis::handle::send(&number, &[queue.number()], &words);
    }
    passes(1000)?;
    lives(&terminal()?)
}
