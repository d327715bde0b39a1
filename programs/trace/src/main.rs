//! `trace`: shows what a program does at its boundary, by standing between it and what it uses.
//!
//! The program starts with a stand-in for each handle that it would have had: its namespace, its
//! current directory, its streams. What it asks of one, and of what it opens through them, is asked
//! of the real handle and told. What the lines look like is the crate `trace-lines`.
#![forbid(unsafe_code)]

#[cfg(target_os = "redox")]
mod boundary;
#[cfg(target_os = "redox")]
mod events;
#[cfg(target_os = "redox")]
mod passing;
#[cfg(target_os = "redox")]
mod requests;
#[cfg(target_os = "redox")]
mod start;
#[cfg(target_os = "redox")]
mod told;
#[cfg(target_os = "redox")]
mod workers;

use std::process::ExitCode;

/// The status of `trace` itself when nothing came of it.
const FAILED: u8 = 125;

const USAGE: &str = "\
usage: trace [OPTION...] PROGRAM [ARGUMENT...]
show what a program does with what it was given

  -o, --output FILE        write the lines there, not to standard error
  -e, --only NAME,...      only these operations (openat, read, write, stat, ...)
  -p, --paths              only operations on names
  -c, --count              a table of calls and errors instead of lines

The status is the program's own; 125: nothing came of it, 126: it does not start, 127: not found.";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match trace_lines::read(&words) {
        Ok(options) => options,
        Err(misuse) => {
            complain(&format!("{misuse} (trace --help)"));
            return ExitCode::from(FAILED);
        }
    };
    match run(&options) {
        Ok(status) => ExitCode::from(status),
        Err((why, status)) => {
            complain(&why);
            ExitCode::from(status)
        }
    }
}

/// Says it in one piece: standard error has no buffer, and others write there too.
fn complain(why: &str) {
    let line = format!("trace: {why}\n");
    eprint!("{line}");
}

#[cfg(target_os = "redox")]
use start::run;

#[cfg(not(target_os = "redox"))]
fn run(_: &trace_lines::Options) -> Result<u8, (String, u8)> {
    Err(("it stands between a program and Clavis, so it runs there only".into(), FAILED))
}
