//! `caps [PID]`: the handles of a process: number, type, where it was opened, path, lease, how the
//! process came by it, and by name what it permits and what can be obtained through it. Without a number: its own.
#![forbid(unsafe_code)]

use clavis::abi::error;
use clavis::abi::params::ObjectType;
use clavis::process::{Origin, Row};
use clavis::{AsNumber, EntryKind, process};
use clavis_render::table::{Align, Table};
use clavis_render::{handle, origin, reason, rights};
use std::process::ExitCode;

/// How long a server may take to say a path, in nanoseconds.
const PATIENCE: u64 = 500_000_000;

const USAGE: &str = "\
usage: caps [-l] [PROCESS]   the handles of a process (without a number: caps itself)
       caps --legend         what the names of rights and groups mean
  -l   name every right instead of groups";

/// How rights are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Groups, and what is left by name.
    Compact,
    /// Every right by name.
    Full,
}

fn main() -> ExitCode {
    let mut form = Form::Compact;
    let mut number = None;
    for word in std::env::args().skip(1) {
        match word.as_str() {
            "-l" => form = Form::Full,
            "--legend" => {
                print!("{}", rights::legend());
                return ExitCode::SUCCESS;
            }
            "--help" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            _ => match word.parse::<u64>() {
                Ok(parsed) if number.is_none() => number = Some(parsed),
                _ => {
                    complain(&format!("{word}: not a process number\n{USAGE}"));
                    return ExitCode::from(2);
                }
            },
        }
    }
    match show(number, form) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            complain(&why);
            ExitCode::FAILURE
        }
    }
}

/// Says it in one piece: standard error has no buffer, and others write there too.
fn complain(why: &str) {
    let line = format!("caps: {why}\n");
    eprint!("{line}");
}

/// Why a call failed, for a person.
fn said(error: clavis::Error) -> String {
    reason::of_error(&error.into(), clavis::error::last_denial)
}

fn show(number: Option<u64>, form: Form) -> Result<String, String> {
    match number {
        None => {
            let own = clavis::startup::number(EntryKind::SelfProcess);
            table(&own.ok_or("this process was not given a handle to itself")?, form)
        }
        Some(number) => {
            let process = clavis::object::process(number).map_err(|error| {
                let absent = error.errno() == error::ENOENT;
                let why = if absent { "no such process".to_owned() } else { said(error) };
                format!("{number}: {why}")
            })?;
            table(&process, form)
        }
    }
}

fn table(process: &impl AsNumber, form: Form) -> Result<String, String> {
    let rows = process::inspect(process).map_err(said)?;
    if form == Form::Full {
        return Ok(rows.iter().map(|row| full(process, row)).collect());
    }
    use Align::{Left, Right};
    let mut table = Table::with_heading([
        ("HANDLE", Right),
        ("OBJECT", Left),
        ("FROM", Left),
        ("PATH", Left),
        ("LEASE", Right),
        ("CAME", Left),
        ("RIGHTS", Left),
        ("INHERIT", Left),
    ]);
    for row in rows {
        let [number, object, from, path] = cells(process, &row);
        let named = rights::compact(row.info.rights);
        let (lease, inherit) = (lease(row.info.lease), rights::compact(row.info.inherit));
        table.row([number, object, from, path, lease, came(&row), named, inherit]);
    }
    Ok(table.text())
}

/// What a handle ends with: the place of the lease among those that there are now.
fn lease(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| (number & u64::from(u32::MAX)).to_string())
}

/// Where it comes from.
fn came(row: &Row) -> String {
    let Origin { step, maker, from, via } = row.origin;
    origin::brief(step, maker, from, via.map(|number| number.raw()))
}

/// A handle in full: every right by name.
fn full(process: &impl AsNumber, row: &Row) -> String {
    const LINE: usize = 100;
    let mut text = cells(process, row).join("  ");
    if row.info.lease.is_some() {
        text += &format!("  under lease {}", lease(row.info.lease));
    }
    text += &format!("  {}", came(row));
    text.push('\n');
    for (title, set) in [("rights", row.info.rights), ("inherit", row.info.inherit)] {
        let names: Vec<&str> = set.names().collect();
        text.push_str(&clavis_render::table::wrapped(&format!("  {title:<8}"), &names, LINE));
    }
    text
}

/// Number, type, label and path of a handle.
fn cells(process: &impl AsNumber, row: &Row) -> [String; 4] {
    let label = handle::printable(&row.info.label);
    [
        handle::number(row.number.raw()),
        handle::object(row.info.object).to_owned(),
        if label.is_empty() { "-".into() } else { label },
        path(process, row).unwrap_or_else(|| "-".into()),
    ]
}

/// The path behind a handle, where its server says one in time.
fn path(process: &impl AsNumber, row: &Row) -> Option<String> {
    if row.info.object != Some(ObjectType::Scheme) {
        return None;
    }
    let now = libredox::call::clock_gettime(libredox::flag::CLOCK_MONOTONIC).ok()?;
    let seconds = u64::try_from(now.tv_sec).ok()?.checked_mul(1_000_000_000)?;
    let now = seconds.checked_add(u64::try_from(now.tv_nsec).ok()?)?;
    process::set_deadline(now.checked_add(PATIENCE)).ok()?;
    let path =
        process::borrow(process, row.number).and_then(|handle| clavis::handle::path(&handle));
    // Without a deadline again: what follows may take its time.
    process::set_deadline(None).ok()?;
    Some(handle::printable(&path.ok()?))
}
