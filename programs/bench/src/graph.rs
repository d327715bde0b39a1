//! The picture of the whole system: who holds what.
use crate::measure::{Outcome, Row, said, sampled};
use clavis::object::pipe;
use clavis::{Command, Give, Handle};
use std::io::{Read, Write};
use std::process::ExitCode;
use syscall::flag::{O_RDONLY, O_WRONLY};

pub(crate) const ROWS: &[Row] = &[Row {
    name: "capgraph",
    what: "draw a hundred processes that hold ten thousand handles",
    run,
}];

const PROCESSES: usize = 100;
const HANDLES: usize = 100;

/// `bench --hold`: has many handles, says a byte, and holds them while its input is open.
pub(crate) fn hold() -> ExitCode {
    let Ok(own) = Handle::open("/dev/null", O_RDONLY as u64) else { return ExitCode::FAILURE };
    let copies = (0..HANDLES).map(|_| Handle::duplicate(&own, clavis::Place::Upper));
    let Ok(_all) = copies.collect::<Result<Vec<_>, _>>() else { return ExitCode::FAILURE };
    let mut out = std::io::stdout();
    if out.write_all(b".").and_then(|()| out.flush()).is_err() {
        return ExitCode::FAILURE;
    }
    // The end of the input is the end of the row.
    _ = std::io::stdin().read(&mut [0]);
    ExitCode::SUCCESS
}

fn run() -> Outcome {
    let (wait, go) = pipe(0).map_err(|error| said("pipe", error))?;
    let (from, to) = pipe(0).map_err(|error| said("pipe", error))?;
    let null =
        Handle::open("/dev/null", O_WRONLY as u64).map_err(|error| said("/dev/null", error))?;
    let mut holders = Vec::with_capacity(PROCESSES);
    for _ in 0..PROCESSES {
        let command = Command::new("/scheme/initfs/bin/bench").arg("--hold");
        let command = command.namespace(Give::Own).stdin(&wait).stdout(&to);
        holders.push(command.spawn().map_err(|error| said("holder", error))?);
    }
    drop(to);
    let mut ready = [0; PROCESSES];
    (&from).read_exact(&mut ready).map_err(|error| format!("holders: {error}"))?;
    let drawn = sampled(3, 1, || {
        let command = Command::new("/scheme/initfs/bin/capgraph").arg("--svg").arg("--all");
        let process = command.namespace(Give::Own).stdout(&null).spawn();
        let process = process.map_err(|error| said("capgraph", error))?;
        let status = process.wait().map_err(|error| said("wait", error))?;
        if status.success() { Ok(()) } else { Err(format!("capgraph: {status}")) }
    });
    drop(go);
    for holder in &holders {
        holder.wait().map_err(|error| said("wait", error))?;
    }
    drawn
}
