//! `audit [-f] [-p PROCESS]`: what was refused, to whom, by which right or rule, since boot or as far
//! back as the ring reaches.
#![forbid(unsafe_code)]

use clavis::abi::error;
use clavis::audit::{Reader, Refusal};
use clavis_render::{reason, refusal};
use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "\
usage: audit [-f] [-p PROCESS]   what was refused, the oldest first
  -f   go on with what is refused from now on
  -p   only what that process was refused";

/// What is asked for.
#[derive(Debug, Default)]
struct Asked {
    follows: bool,
    process: Option<u64>,
}

fn main() -> ExitCode {
    let mut asked = Asked::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "-f" => asked.follows = true,
            "-p" => match words.next().and_then(|word| word.parse().ok()) {
                Some(number) => asked.process = Some(number),
                None => return misused("-p needs the number of a process"),
            },
            "--help" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            word => {
                return misused(&format!("{}: unknown", clavis_render::handle::printable(word)));
            }
        }
    }
    match show(&asked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            complain(&why);
            ExitCode::FAILURE
        }
    }
}

fn misused(why: &str) -> ExitCode {
    complain(&format!("{why}\n{USAGE}"));
    ExitCode::from(2)
}

/// Says it in one piece: standard error has no buffer, and others write there too.
fn complain(why: &str) {
    let line = format!("audit: {why}\n");
    eprint!("{line}");
}

/// Why a call failed, for a person.
fn said(error: clavis::Error) -> String {
    match error.errno() {
        error::ENOENT => "this process was not given the audit ring".to_owned(),
        _ => reason::of_error(&error.into(), clavis::error::last_denial),
    }
}

fn show(asked: &Asked) -> Result<(), String> {
    let mut ring = Reader::new().map_err(said)?;
    // Registered before anything is read: nothing comes in between unseen.
    let watch = if asked.follows { Some(ring.watch().map_err(said)?) } else { None };
    let mut lost = 0;
    loop {
        let rows = ring.more().map_err(said)?;
        if rows.is_empty() {
            match &watch {
                Some(watch) => watch.wait().map_err(said)?,
                None => return Ok(()),
            }
            continue;
        }
        let mut text = String::new();
        if ring.lost() > lost {
            text = format!("({} older ones were overwritten)\n", ring.lost() - lost);
            lost = ring.lost();
        }
        let wanted = rows.iter().filter(|row| asked.process.is_none_or(|one| one == row.process));
        text.extend(wanted.map(line));
        let mut output = std::io::stdout().lock();
        let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
        written.map_err(|error| reason::of_error(&error, clavis::error::last_denial))?;
    }
}

fn line(row: &Refusal) -> String {
    let Refusal { time, process, reporter, denial, name, .. } = row;
    refusal::line(*time, *process, *reporter, denial, name)
}
