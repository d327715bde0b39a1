//! `ns`: the namespace of this process, and commands in a narrower one.
#![forbid(unsafe_code)]

mod edit;
mod narrow;

use clavis::namespace::{Namespace, entry_flags};
use clavis::{Handle, Rights};
use clavis_render::handle::printable;
use clavis_render::rights;
use clavis_render::table::{Align, Table};
use edit::Edit;
use std::process::ExitCode;

const USAGE: &str = "\
usage: ns [ls]                    the names that this process can open, and what they permit
       ns bind PLACE=[RIGHTS:]PATH
                                  lead a name, or a place within one (file/home/me), to a path
       ns unbind PLACE            remove a name, or a place
       ns mask NAME               make a name an empty directory
       ns rename NAME=NEW         call a name otherwise
       ns seal                    let nothing change any more
       ns run [OPTION...] [--] COMMAND...
                                  run a command in a namespace of its own: the names of now, or
    --only NAME[:RIGHTS],...      these names alone
    --hide NAME,...               all but these
    --bind PLACE=[RIGHTS:]PATH, --unbind PLACE, --mask NAME, --rename NAME=NEW
                                  then changed so, in this order
                                  a shell needs `memory` to start programs, `pipe` to join them
  RIGHTS: letters (r read, w write, x run, c create and remove, a append), or names of rights
  joined by + (caps --legend lists them)
What is changed without `run` is changed for all that share the namespace, as a shell and what it
starts do.";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.first().map(String::as_str) {
        None | Some("ls") if words.len() < 2 => list().map(|text| {
            print!("{text}");
            ExitCode::SUCCESS
        }),
        Some("run") => narrow::run(words.get(1..).unwrap_or(&[])).map(ExitCode::from),
        Some(command) if words.len() < 3 && command != "--help" => {
            change(command, words.get(1).map(String::as_str)).map(|()| ExitCode::SUCCESS)
        }
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

/// Changes the namespace of this process.
fn change(command: &str, word: Option<&str>) -> Result<(), Trouble> {
    let edit = match (command, word) {
        ("bind", Some(word)) => Edit::bind(word)?,
        ("unbind", Some(word)) => Edit::Unbind(word.into()),
        ("mask", Some(word)) => Edit::Mask(word.into()),
        ("rename", Some(word)) => Edit::rename(word)?,
        ("seal", None) => Edit::Seal,
        _ => return Err(Trouble::Misuse("unknown command".into())),
    };
    edit.apply(&own()?)
}

fn list() -> Result<String, Trouble> {
    let namespace = own()?;
    let mut names = namespace.names().map_err(|error| failure("namespace", error))?;
    names.sort();
    use Align::Left;
    let heading = [("NAME", Left), ("RIGHTS", Left), ("INHERIT", Left), ("FLAGS", Left)];
    let mut table = Table::with_heading(heading);
    for name in names {
        rows(&mut table, &namespace, namespace.handle(), &name, &name);
    }
    Ok(table.text())
}

/// The row of a name, and those of the places within it.
fn rows(table: &mut Table<4>, namespace: &Namespace, names: &Handle, name: &str, place: &str) {
    let Ok(entry) = clavis::namespace::entry_of(names, name) else {
        table.row([printable(place), "?".into(), "?".into(), String::new()]);
        return;
    };
    let within = entry.flags & entry_flags::WITHIN != 0;
    let list = || {
        let listing = namespace.within(place).ok()?;
        let mut names = clavis::object::list(&listing).ok()?;
        names.sort();
        Some((listing, names))
    };
    let below = if within { list() } else { None };
    if entry.flags & entry_flags::UNBOUND == 0 {
        table.row([
            printable(place),
            rights::compact(Rights::from_bits_truncate(entry.rights)),
            rights::compact(Rights::from_bits_truncate(entry.inherit)),
            flags(entry.flags, entry.sealed),
        ]);
    } else if below.as_ref().is_none_or(|(_, names)| names.is_empty()) {
        let none = String::new;
        table.row([printable(place), none(), none(), format!("empty {}", flags(0, entry.sealed))]);
    }
    for (listing, name) in
        below.iter().flat_map(|(listing, names)| names.iter().map(move |name| (listing, name)))
    {
        rows(table, namespace, listing, name, &format!("{place}/{name}"));
    }
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
