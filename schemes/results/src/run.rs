//! Runs the command, carries its output, reports how it ended, and switches the machine off.
use clavis::abi::params::{ExitKind, ExitStatus, power};
use clavis::abi::startup::EntryKind;
use clavis::{Number, Process};
use clavis_launch::{Directory, Launch, Powers};
use clavis_results::command::Command;
use clavis_results::{Channel, Lines, frames};
use scheme_uart::Uart;
use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

const NAME: &str = "results";
/// Index of the ports among the handles that the manifest gives.
const PORTS: u64 = 0;
/// Status when the command could not be tried.
const BAD_REQUEST: i32 = 2;
/// Number at which a suite finds the pipe for its events.
const EVENTS: u16 = 3;
/// Bytes read from a pipe at once.
const CHUNK: usize = 16 * 1024;
/// What to wait for a controller that is busy.
const BUSY: Duration = Duration::from_millis(1);
/// Signal that ends what a command left behind.
const SIGKILL: usize = 9;

/// The line that frames leave by.
struct Line(Mutex<Uart<clavis_ports::PortHandle>>);

impl Line {
    fn open() -> Result<Line, String> {
        let kind = EntryKind::Custom as u64 + PORTS;
        let ports = clavis::startup::handle_of(kind).ok_or("its manifest gives it no ports")?;
        let uart = Uart::start(clavis_ports::PortHandle::new(ports));
        let uart = uart.map_err(|error| format!("the second serial line: {error:?}"))?;
        Ok(Line(Mutex::new(uart)))
    }

    /// Sends frames, whole ones together. A line that fails has nobody to be told.
    fn send(&self, channel: Channel, data: &[u8]) {
        let mut bytes = Vec::new();
        frames(channel, data, &mut bytes);
        let mut uart = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            match uart.send(rest) {
                Ok(0) => thread::sleep(BUSY),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(_) => return,
            }
        }
    }

    /// Waits until the last byte has left.
    fn flush(&self) {
        let mut uart = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Ok(false) = uart.idle() {
            thread::sleep(BUSY);
        }
    }

    fn carry(&self, channel: Channel, mut pipe: PipeReader) {
        let mut chunk = vec![0; CHUNK];
        let mut lines = Lines::default();
        while let Ok(count @ 1..) = pipe.read(&mut chunk) {
            let data = chunk.get(..count).unwrap_or_default();
            match channel {
                Channel::Event => lines.take(data, |line| self.send(channel, line)),
                _ => self.send(channel, data),
            }
        }
        lines.finish(|line| self.send(channel, line));
    }
}

/// A pipe whose write end a child gets.
fn pipe() -> io::Result<(PipeReader, File)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader, File::from(OwnedFd::from(writer))))
}

/// What a person should know about an end that was none of the program's own doing.
fn remark(status: &ExitStatus) -> Option<String> {
    let code = status.code;
    match status.kind {
        kind if kind == ExitKind::Exit as u64 || kind == ExitKind::Signal as u64 => None,
        kind if kind == ExitKind::Fault as u64 => Some(format!("a fault at {code:#x} ended it")),
        kind if kind == ExitKind::OutOfMemory as u64 => Some("it ran out of memory".into()),
        _ => Some("it was killed".into()),
    }
}

/// Runs the command to its end; the answer is its status.
fn run(line: &Line, command: &Command) -> io::Result<i32> {
    let null = File::open("/dev/null")?;
    let root = File::open("/")?;
    let (output, output_end) = pipe()?;
    let (error, error_end) = pipe()?;
    let (events, events_end) = pipe()?;
    let own = clavis::account::own().ok_or(io::ErrorKind::PermissionDenied)?;
    let account = clavis::account::create(own, &clavis::account::UNLIMITED)?;
    let ends = [(0, &null), (1, &output_end), (2, &error_end), (EVENTS, &events_end)];
    let descriptors = ends.map(|(number, file)| (number, clavis::number_of(file)));
    let launch = Launch {
        arguments: &command.arguments,
        environment: &[("PATH".into(), clavis_launch::DEFAULT_PATH.into())],
        descriptors: &descriptors,
        namespace: clavis::startup::handle(EntryKind::Namespace),
        directory: Some(Directory {
            handle: clavis::number_of(&root),
            path: "/",
            rights: clavis::Rights::all(),
        }),
        account: Number::from(&account),
        powers: Powers::Handed,
    };
    let started =
        clavis_launch::start(&launch, clavis_launch::DEFAULT_PATH, &clavis_launch::open);
    drop((output_end, error_end, events_end));
    let process: Process = match started {
        Ok(process) => process,
        Err(error) => {
            let program = command.arguments.first().map_or("", String::as_str);
            let text = format!("{NAME}: {program}: {}\n", error.reason());
            line.send(Channel::Error, text.as_bytes());
            return Ok(i32::from(error.status()));
        }
    };
    thread::scope(|scope| {
        for (channel, pipe) in
            [(Channel::Output, output), (Channel::Error, error), (Channel::Event, events)]
        {
            scope.spawn(move || line.carry(channel, pipe));
        }
        let status = process.wait();
        // What it left running holds the pipes open: it ends with it.
        let _ = clavis::account::signal(Number::from(&account), SIGKILL);
        status
    })
    .map(|status| {
        if let Some(remark) = remark(&status) {
            line.send(Channel::Error, format!("{NAME}: {remark}\n").as_bytes());
        }
        clavis::process::shell_code(&status)
    })
    .map_err(io::Error::from)
}

/// The request is the argument that the command line gave.
fn status(line: &Line) -> i32 {
    let request = std::env::args().nth(1).unwrap_or_default();
    let command = match Command::parse(&request) {
        Ok(command) => command,
        Err(problem) => {
            line.send(Channel::Error, format!("{NAME}: {problem}\n").as_bytes());
            return BAD_REQUEST;
        }
    };
    run(line, &command).unwrap_or_else(|error| {
        let reason = clavis_launch::reason(&error);
        line.send(Channel::Error, format!("{NAME}: cannot run it: {reason}\n").as_bytes());
        BAD_REQUEST
    })
}

pub(crate) fn main() -> ExitCode {
    let line = match Line::open() {
        Ok(line) => line,
        Err(problem) => {
            eprintln!("{NAME}: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let status = status(&line);
    line.send(Channel::Status, &status.to_le_bytes());
    line.flush();
    let off = clavis::startup::handle(EntryKind::Power)
        .ok_or(io::Error::from(io::ErrorKind::NotFound))
        .and_then(|handle| Ok(clavis::object::power(handle, power::OFF)?));
    match off {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{NAME}: cannot switch off: {error}");
            ExitCode::FAILURE
        }
    }
}
