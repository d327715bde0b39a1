//! Processes: starting one, and the call that does nothing.
use crate::measure::{Outcome, Row, median, median_of_long, said};
use clavis::abi::error::ENOSYS;
use clavis::account::{Account, UNLIMITED};
use clavis::handle::AsNumber;
use clavis::{Command, Give, Handle};
use clavis_launch::{DEFAULT_PATH, Directory, Launch, Powers};
use std::io::{PipeWriter, Read};
use syscall::flag::O_RDONLY;

pub(crate) const NULL: &[Row] = &[Row {
    name: "null-call",
    what: "a system call that does not exist, in and out",
    run: null_call,
}];

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "spawn",
        what: "open, start and wait for the smallest static program",
        run: || spawn("minimal"),
    },
    Row {
        name: "spawn-std",
        what: "the same with an empty program on std",
        run: || spawn("minimal-std"),
    },
    Row {
        name: "hello",
        what: "the same with a program on std that says hello to a pipe",
        run: hello,
    },
    Row { name: "true", what: "a tool, started as a shell does it", run: || tool(&["true"]) },
    Row {
        name: "contain",
        what: "the same tool contained: its own namespace, account and limits",
        run: || tool(&["contain", "true"]),
    },
];

/// A process in an account of its own, ended with this value.
pub(crate) struct Server(Account);

impl Server {
    /// Starts a program with this one's descriptors and namespace.
    pub(crate) fn start(words: &[String]) -> Result<Self, String> {
        let account = Account::new(&UNLIMITED).map_err(|error| said("account", error))?;
        let launch = Launch {
            arguments: words,
            environment: &[],
            descriptors: &clavis_launch::standard_descriptors(),
            namespace: Give::Own,
            directory: NOWHERE,
            account: Some(account.number()),
            powers: Powers::Kept,
        };
        clavis_launch::start(&launch, DEFAULT_PATH, &clavis_launch::open)
            .map_err(|error| format!("{}: {}", words.join(" "), error.reason()))?;
        Ok(Server(account))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.0.kill();
    }
}

/// No current directory.
const NOWHERE: Directory<'_> = Directory { handle: Give::None, path: "" };

fn null_call() -> Outcome {
    const ANSWER: isize = -(ENOSYS as isize);
    median(|| match clavis::measure::null_call() {
        ANSWER => Ok(()),
        other => Err(format!("the call that does not exist answered {other}")),
    })
}

fn spawn(program: &str) -> Outcome {
    median_of_long(|| start(program, None))
}

fn hello() -> Outcome {
    let (mut from, to) = std::io::pipe().map_err(|error| format!("pipe: {error}"))?;
    let mut said = [0; 64];
    median_of_long(|| {
        start("hello", Some(&to))?;
        let count = from.read(&mut said).map_err(|error| format!("read: {error}"))?;
        let text = said.get(..count).unwrap_or_default();
        if text == b"Hello, world!\n" { Ok(()) } else { Err(format!("it said {text:?}")) }
    })
}

/// Starts a program as a shell does, waits for its end.
fn tool(words: &[&str]) -> Outcome {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    let launch = Launch {
        arguments: &words,
        environment: &[],
        descriptors: &clavis_launch::standard_descriptors(),
        namespace: Give::Own,
        directory: NOWHERE,
        account: None,
        powers: Powers::Kept,
    };
    median_of_long(|| {
        let process = clavis_launch::start(&launch, DEFAULT_PATH, &clavis_launch::open)
            .map_err(|error| format!("{}: {}", words.join(" "), error.reason()))?;
        let status = process.wait().map_err(|error| said("wait", error))?;
        if status.success() { Ok(()) } else { Err(format!("{}: {status}", words.join(" "))) }
    })
}

/// Opens a program, starts it, waits for its end.
fn start(program: &str, output: Option<&PipeWriter>) -> Result<(), String> {
    let path = format!("{DEFAULT_PATH}/{program}");
    let file = Handle::open(&path, O_RDONLY as u64).map_err(|error| said(&path, error))?;
    let command = Command::from_file(&file, program);
    let command = match output {
        Some(output) => command.stdout(output),
        None => command,
    };
    let process = command.spawn().map_err(|error| said(program, error))?;
    let status = process.wait().map_err(|error| said("wait", error))?;
    if status.success() { Ok(()) } else { Err(format!("{program}: {status}")) }
}
