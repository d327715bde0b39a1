//! `ns`: the namespace of this process, and commands in a narrower one.
#![forbid(unsafe_code)]

mod narrow;

use clavis::Rights;
use clavis::namespace::{Namespace, entry_flags};
use clavis_render::handle::printable;
use clavis_render::rights;
use clavis_render::table::{Align, Table};
use std::process::ExitCode;

const USAGE: &str = "\
usage: ns [ls]                    the names that this process can open, and what they permit
       ns run [OPTION...] [--] COMMAND...
                                  run a command in a narrower namespace: the names of now, or
    --only NAME[:RIGHTS],...      these names alone
    --hide NAME,...               all but these
                                  a shell needs `memory` to start programs, `pipe` to join them
  RIGHTS: read-only, or names of rights joined by + (caps --legend lists them)";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.first().map(String::as_str) {
        None | Some("ls") if words.len() < 2 => list().map(|text| {
            print!("{text}");
            ExitCode::SUCCESS
        }),
        Some("run") => narrow::run(words.get(1..).unwrap_or(&[])).map(ExitCode::from),
        Some("--help") => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(Trouble::Misuse("unknown command".into())),
    };
    match outcome {
        Ok(code) => code,
        Err(Trouble::Misuse(why)) => {
            complain(&format!("{why}\n{USAGE}"));
            ExitCode::from(2)
        }
        Err(Trouble::Failed(why, status)) => {
            complain(&why);
            ExitCode::from(status)
        }
    }
}

/// Says it in one piece: standard error has no buffer, and others write there too.
fn complain(why: &str) {
    let line = format!("ns: {why}\n");
    eprint!("{line}");
}

/// Why nothing came of it.
enum Trouble {
    /// The words make no sense.
    Misuse(String),
    /// What failed, and the status that says so.
    Failed(String, u8),
}

impl From<lexopt::Error> for Trouble {
    fn from(error: lexopt::Error) -> Self {
        Trouble::Misuse(error.to_string())
    }
}

/// A failure of a call about something.
fn failure(subject: &str, error: clavis::Error) -> Trouble {
    Trouble::Failed(format!("{subject}: {}", clavis_launch::reason_of(&error)), 1)
}

/// The namespace of this process.
fn own() -> Result<Namespace, Trouble> {
    Namespace::current().map_err(|error| failure("namespace", error))
}

fn list() -> Result<String, Trouble> {
    let namespace = own()?;
    let mut names = namespace.names().map_err(|error| failure("namespace", error))?;
    names.sort();
    use Align::Left;
    let heading = [("NAME", Left), ("RIGHTS", Left), ("INHERIT", Left), ("FLAGS", Left)];
    let mut table = Table::with_heading(heading);
    for name in names {
        let cells = match namespace.entry(&name) {
            Ok(entry) => [
                rights::compact(Rights::from_bits_truncate(entry.rights)),
                rights::compact(Rights::from_bits_truncate(entry.inherit)),
                flags(entry.flags, entry.sealed),
            ],
            Err(_) => ["?".into(), "?".into(), String::new()],
        };
        let [rights, inherit, flags] = cells;
        table.row([printable(&name), rights, inherit, flags]);
    }
    Ok(table.text())
}

fn flags(flags: u64, sealed: u64) -> String {
    let known = [
        (flags & entry_flags::REGISTER, "register"),
        (flags & entry_flags::BENEATH, "beneath"),
        (flags & entry_flags::NO_SYMLINKS, "no-symlinks"),
        (sealed, "sealed"),
    ];
    let words: Vec<&str> = known.iter().filter(|row| row.0 != 0).map(|row| row.1).collect();
    words.join(" ")
}
