//! `why PROCESS HANDLE`: how a process came to hold a handle, what would take it away, and what was
//! last refused there.
#![forbid(unsafe_code)]

use clavis::abi::params::upper_number;
use clavis::audit::{Reader, Refusal};
use clavis_render::{handle, refusal};
use std::process::ExitCode;

const USAGE: &str = "\
usage: why PROCESS HANDLE   how the process came to hold that handle, what would take it away,
                            and what was last refused there
  HANDLE   its number as caps shows it: 3, u9";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let (process, number) = match words.as_slice() {
        [process, number] => (process.parse().ok(), number_of(number)),
        _ => (None, None),
    };
    let (Some(process), Some(number)) = (process, number) else {
        capgraph::complain("why", &format!("a process and a handle are needed\n{USAGE}"));
        return ExitCode::from(2);
    };
    match told(process, number) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            capgraph::complain("why", &why);
            ExitCode::FAILURE
        }
    }
}

/// The number of a handle as people write it.
fn number_of(word: &str) -> Option<u64> {
    match word.strip_prefix('u') {
        Some(index) => Some(upper_number(index.parse().ok()?, 0) as u64),
        None => word.parse().ok(),
    }
}

fn told(process: u64, number: u64) -> Result<String, String> {
    let snapshot = capgraph::snapshot()?;
    let holder = snapshot.process(process).ok_or(format!("{process}: no such process"))?;
    let shown = handle::number(usize::try_from(number).unwrap_or(usize::MAX));
    let held = holder.handle(number).ok_or(format!("{process}: it has no handle {shown}"))?;
    let told = holdings::chain::told(&snapshot, process, held.number);
    let mut text = told.ok_or(format!("{process}: it has no handle {shown}"))?;
    if let Some(row) = last_refusal(process, held.number) {
        let Refusal { time, process, reporter, denial, name, .. } = &row;
        text +=
            &format!("  last refused: {}", refusal::line(*time, *process, *reporter, denial, name));
    }
    Ok(text)
}

/// The newest refusal about a handle, if this program was given the ring and that still has it.
fn last_refusal(process: u64, handle: u64) -> Option<Refusal> {
    let mut ring = Reader::new().ok()?;
    let mut last = None;
    loop {
        let rows = ring.more().ok()?;
        if rows.is_empty() {
            return last;
        }
        let about = |row: &Refusal| row.process == process && row.denial.handle == handle;
        last = rows.into_iter().rfind(about).or(last);
    }
}
