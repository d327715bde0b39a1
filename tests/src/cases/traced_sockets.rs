//! `trace` between a program and its sockets: handles that are sent and received, and events.
#![expect(unsafe_code, reason = "poll, which std does not wrap")]
use super::contain::{Outcome, place, run};
use super::place::{Place, io};
use super::support::{at, check};
use super::traces::{TRACE, has, log};
use super::unix_sockets::{receive_files, send_files};
use crate::run::{Case, PROGRAM, Verdict};
use clavis::handle::query;
use clavis::{Command, Give, Number};
use std::fs::File;
use std::io::{Error, Read, Result, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixListener, UnixStream};

pub(crate) const CASES: &[Case] = &[
    Case { name: "handles_that_a_traced_program_sends_itself_are_as_untraced", run: to_itself },
    Case {
        name: "handles_that_traced_programs_send_and_receive_are_the_real_ones",
        run: to_others,
    },
    Case { name: "a_traced_program_hears_of_every_event_once_it_is_there", run: heard },
];

/// What a program of this suite says without a trace; with one it has to say the same. Also the
/// lines of the trace.
fn same(place: &Place, act: &str) -> std::result::Result<(String, Vec<String>), String> {
    let plain = run(Command::new(PROGRAM).args(place.words(&format!("--act {act}"))))?;
    check(plain.status.success(), &plain.said)?;
    let words = format!("-o {{}}/log {PROGRAM} --act {act}");
    let traced: Outcome = run(Command::new(TRACE).args(place.words(&words)))?;
    traced.says(&plain.said)?;
    Ok((plain.said, log(place)?))
}

fn to_itself() -> Verdict {
    let place = place("traced-handles")?;
    let (said, lines) = same(&place, "send-around {}/in/file")?;
    check(said.ends_with("inside through\n"), &said)?;
    check(lines.iter().any(|line| is_call(line, "sendfd")), &format!("{lines:#?}"))?;
    // The file comes as a stand-in, the pipe as what it is.
    let line = lines
        .iter()
        .find(|line| is_call(line, "recvfd"))
        .ok_or(format!("nothing was received: {lines:#?}"))?;
    check(line.ends_with("a real handle (of the kernel: pipe-write)"), line)?;
    let number = line.split_once(" = ").map_or("", |(_, shown)| shown);
    let number = number.split([',', ' ']).next().unwrap_or_default();
    has(&lines, &format!("read({number}"), "\"inside\"")
}

/// Whether it tells that two handles were sent or received through a socket.
fn is_call(line: &str, name: &str) -> bool {
    line.starts_with(&format!("{name}(#"))
        && line.contains("\"/scheme/unix/stream\", 2 handles) = ")
}

fn to_others() -> Verdict {
    let place = place("traced-others")?;
    let path = place.at("socket");
    let listener = io("bind", UnixListener::bind(&path))?;
    let words = format!("-o {{}}/log {PROGRAM} --act trade {{}}/socket {{}}/in/file");
    let command = Command::new(TRACE).args(place.words(&words)).own_streams();
    let child = command.namespace(Give::Own).cwd(Give::Own, "").child_account(Give::Own).spawn();
    let child = at("start", child)?;
    let (socket, _) = io("accept", listener.accept())?;
    let own = io("open", File::open(place.at("beside")))?;
    io("send", send_files(&socket, &[own.as_raw_fd()]))?;
    let (files, _) = io("receive", receive_files(&socket, 2))?;
    let status = at("wait", child.wait())?;
    check(status.success(), &format!("it ended with {status}"))?;
    // The trace has ended, and with it all its stand-ins.
    check(files.len() == 1, &format!("{} files came", files.len()))?;
    let text = files.into_iter().map(|file| text(&File::from(file)));
    check(io("read", text.collect::<Result<String>>())? == "inside", "it is another file")?;
    has(&log(&place)?, "read(#", "\"outside\"")
}

fn heard() -> Verdict {
    let place = place("traced-events")?;
    let (said, lines) = same(&place, "watch")?;
    check(said == format!("0 1 0 1 {ROUNDS}\n"), &said)?;
    has(&lines, "fevent(#", "")
}

/// All of a file, from its start.
fn text(file: &File) -> Result<String> {
    let mut room = [0; 64];
    let count = file.read_at(&mut room, 0)?;
    Ok(String::from_utf8_lossy(room.get(..count).unwrap_or_default()).into_owned())
}

fn word(number: usize) -> String {
    std::env::args().nth(number).unwrap_or_default()
}

/// What may be done with a descriptor.
fn rights(file: &OwnedFd) -> Result<String> {
    let number = Number::from_raw(file.as_raw_fd() as usize);
    let info = query(&number).map_err(|error| Error::from_raw_os_error(error.errno()))?;
    Ok(format!("{:?} {:?} {:x}", info.rights, info.inherit, info.flags))
}

/// Sends a file and the end of a pipe to itself, and uses what arrives.
pub(crate) fn send_around() -> Result<()> {
    let (one, other) = UnixStream::pair()?;
    let file = File::open(word(3))?;
    let (mut reader, writer) = std::io::pipe()?;
    send_files(&one, &[file.as_raw_fd(), writer.as_raw_fd()])?;
    drop((file, writer));
    let (mut files, _) = receive_files(&other, 2)?;
    let (Some(pipe), Some(file)) = (files.pop(), files.pop()) else {
        return Err(Error::other("they did not arrive"));
    };
    println!("{}\n{}", rights(&file)?, rights(&pipe)?);
    File::from(pipe).write_all(b"through")?;
    let mut through = String::new();
    reader.read_to_string(&mut through)?;
    println!("{} {through}", text(&File::from(file))?);
    Ok(())
}

/// Sends a file to who listens at a path, and reads the one that it gets for it.
pub(crate) fn trade() -> Result<()> {
    let socket = UnixStream::connect(word(3))?;
    let (files, _) = receive_files(&socket, 2)?;
    for file in files {
        text(&File::from(file))?;
    }
    send_files(&socket, &[File::open(word(4))?.as_raw_fd()])
}

/// What a socket is ready for.
fn ready(socket: &UnixStream, wait: i32) -> i16 {
    let mut entry = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one descriptor to ask about.
    unsafe { libc::poll(&raw mut entry, 1, wait) };
    entry.revents
}

/// How often two threads wake each other.
const ROUNDS: usize = 300;

/// Waits for what is there, for what comes and for the end; and many times in turn with another
/// thread, none of which could go on if one event were lost.
pub(crate) fn watch() -> Result<()> {
    let (mut one, mut other) = UnixStream::pair()?;
    let nothing = ready(&other, 0);
    one.write_all(b"x")?;
    let something = ready(&other, -1);
    other.read_exact(&mut [0])?;
    let nothing_again = ready(&other, 0);
    let (mut near, mut far) = UnixStream::pair()?;
    let thread = std::thread::spawn(move || {
        (0..ROUNDS).try_for_each(|_| {
            ready(&far, -1);
            far.read_exact(&mut [0])?;
            far.write_all(b"y")
        })
    });
    let mut rounds = 0;
    for _ in 0..ROUNDS {
        near.write_all(b"x")?;
        rounds += usize::from(ready(&near, -1) & libc::POLLIN != 0);
        near.read_exact(&mut [0])?;
    }
    thread.join().map_err(|_| Error::other("it panicked"))??;
    drop(one);
    println!("{nothing} {something} {nothing_again} {} {rounds}", ready(&other, -1));
    Ok(())
}
