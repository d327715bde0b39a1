//! Runs the command, carries its output, reports how it ended, and switches the machine off.
use clavis::account::{Account, UNLIMITED};
use clavis::{AsNumber, Command, EntryKind, ExitStatus, Give, Number, Rights};
use clavis_results::request::{REQUEST, Request};
use clavis_results::{Channel, Lines, PREAMBLE, frames};
use scheme_uart::{PortHandle, Uart};
use std::fs::{self, File};
use std::io::{self, PipeReader, Read};
use std::path::Path;
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
const EVENTS: usize = 3;
/// Bytes read from a pipe at once.
const CHUNK: usize = 16 * 1024;
/// What to wait for a controller that is busy.
const BUSY: Duration = Duration::from_millis(1);
/// Status when the program could not be started.
const CANNOT_START: i32 = 126;

/// The line that frames leave by.
struct Line(Mutex<Uart<PortHandle>>);

impl Line {
    fn open() -> Result<Line, String> {
        let ports = clavis::startup::custom(PORTS).ok_or("its manifest gives it no ports")?;
        let uart = Uart::start(PortHandle::new(ports));
        let uart = uart.map_err(|error| format!("the second serial line: {error:?}"))?;
        let line = Line(Mutex::new(uart));
        line.write(PREAMBLE);
        Ok(line)
    }

    /// Sends frames.
    fn send(&self, channel: Channel, data: &[u8]) {
        let mut bytes = Vec::new();
        frames(channel, data, &mut bytes);
        self.write(&bytes);
    }

    /// Writes bytes, together. A line that fails has nobody to be told.
    fn write(&self, bytes: &[u8]) {
        let mut uart = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest = bytes;
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

/// What a person should know about an end that was none of the program's own doing.
fn remark(status: ExitStatus) -> Option<String> {
    match status {
        ExitStatus::Exit(_) | ExitStatus::Signal(_) => None,
        status => Some(format!("{NAME}: it ended: {status}\n")),
    }
}

/// Handles that the command gets beside its streams, as a session at the console has them.
const POWERS: [EntryKind; 9] = [
    EntryKind::Power,
    EntryKind::Counters,
    EntryKind::Audit,
    EntryKind::Report,
    EntryKind::Log,
    EntryKind::FactoryProcess,
    EntryKind::FactorySlot,
    EntryKind::FactoryMemory,
    EntryKind::FactoryTable,
];

/// Runs the command to its end; the answer is its status.
fn run(line: &Line, request: &Request) -> io::Result<i32> {
    let null = File::open("/dev/null")?;
    let folder = File::open(&request.folder)?;
    let (output, output_end) = io::pipe()?;
    let (error, error_end) = io::pipe()?;
    let (events, events_end) = io::pipe()?;
    let account = Account::new(&UNLIMITED)?;
    let child = {
        let events_number = Number::from_raw(EVENTS);
        let child = Command::new(request.program.as_str())
            .arg0(&request.name)
            .args(&request.arguments)
            .own_env();
        let child =
            request.environment.iter().fold(child, |child, (name, value)| child.env(name, value));
        let child = child
            .namespace(Give::Own)
            .cwd(Give::This(folder.number()), &request.folder)
            .account(&account)
            .child_account(Give::Own)
            .self_rights(Rights::INSPECT | Rights::NAME | Rights::DUP)
            .stdin(&null)
            .stdout(&output_end)
            .stderr(&error_end);
        let child =
            if request.has_events { child.handle_at(events_number, &events_end) } else { child };
        POWERS.into_iter().fold(child, Command::own_startup).spawn()
    };
    let child = match child {
        Ok(child) => child,
        Err(error) => {
            let text = format!("{NAME}: cannot start {}: {error}\n", request.program);
            line.send(Channel::Error, text.as_bytes());
            return Ok(CANNOT_START);
        }
    };
    // Only the child may hold the write ends: they end when it does.
    drop((output_end, error_end, events_end));
    thread::scope(|scope| {
        for (channel, pipe) in
            [(Channel::Output, output), (Channel::Error, error), (Channel::Event, events)]
        {
            scope.spawn(move || line.carry(channel, pipe));
        }
        let status = child.wait();
        // What it left running holds the pipes open: it ends with it. It may be gone already.
        let _ = account.kill();
        status
    })
    .map(|status| {
        if let Some(remark) = remark(status) {
            line.send(Channel::Error, remark.as_bytes());
        }
        status.shell_code()
    })
    .map_err(io::Error::from)
}

/// The request that the command line gave. `from FOLDER` is one that lies in the boot image, with
/// what its program needs.
fn request() -> Result<Request, String> {
    let given = std::env::args().nth(1).unwrap_or_default();
    let Some(folder) = given.strip_prefix("from ") else { return Request::parse(&given) };
    let folder = Path::new(folder);
    let text = fs::read_to_string(folder.join(REQUEST))
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    let request = Request::parse_file(&text)?;
    for item in &request.around {
        let placed = item.place(folder, Path::new("/"));
        placed.map_err(|error| format!("what is around the program: {error}"))?;
    }
    Ok(request)
}

fn status(line: &Line) -> i32 {
    let request = match request() {
        Ok(request) => request,
        Err(problem) => {
            line.send(Channel::Error, format!("{NAME}: {problem}\n").as_bytes());
            return BAD_REQUEST;
        }
    };
    run(line, &request).unwrap_or_else(|error| {
        line.send(Channel::Error, format!("{NAME}: cannot run it: {error}\n").as_bytes());
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
    match clavis::object::power_off() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{NAME}: cannot switch off: {error}");
            ExitCode::FAILURE
        }
    }
}
