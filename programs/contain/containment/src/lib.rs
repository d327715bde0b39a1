//! What a contained program is given, and how it is run: what the two programs of `contain` share.
//! One needs no std, so that starting it costs little; the other serves views and brokers.
//!
//! The program starts in a closed, sealed namespace that holds the listed names and places, in an
//! account of its own with limits, with the standard streams as plain streams. What it gets is lent
//! under one lease, which ends with the process that contains it at the latest; when the program
//! has ended, all that it started ends with its account.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod lend;
mod view;

pub use view::{build, directory};

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use allow_list::{List, Terminal};
use clavis::abi::syscall::flag::O_RDONLY;
use clavis::account::Account;
use clavis::namespace::Namespace;
use clavis::{AsNumber, Child, ExitStatus, Give, Handle, Number, Rights};
use clavis_launch::{Launch, Powers};
use lend::Lender;

/// The status of `contain` itself when nothing came of it.
pub const FAILED: u8 = 125;

/// Why nothing came of it.
#[derive(Debug)]
pub struct Trouble {
    /// For a person.
    pub why: String,
    /// The status that says so.
    pub status: u8,
}

impl Trouble {
    /// A call about something failed.
    #[must_use]
    pub fn failed(subject: &str, error: &clavis::Error) -> Trouble {
        Trouble::own(subject, &clavis_launch::reason_of(error))
    }

    /// In own words, about nothing else.
    #[must_use]
    pub fn plain(why: String) -> Trouble {
        Trouble { why, status: FAILED }
    }

    /// In own words.
    #[must_use]
    pub fn own(subject: &str, why: &str) -> Trouble {
        Trouble { why: format!("{subject}: {why}"), status: FAILED }
    }
}

/// An account for the program and all that it starts.
///
/// # Errors
/// The account cannot be made.
pub fn account(list: &List) -> Result<Account, Trouble> {
    Account::new(&list.limits.account()).map_err(|error| Trouble::failed("account", &error))
}

/// What the process that contains it was started with.
#[derive(Clone, Copy)]
pub struct Own<'a> {
    /// The value of an environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The path of the current directory.
    pub directory: Option<&'a str>,
    /// Whether a person answers questions at the terminal: what is typed there is for them.
    pub answers: bool,
}

/// Runs the program in a namespace, until it has ended and all that it started with it.
///
/// # Errors
/// It does not start, or what it needs cannot be made.
pub fn contained(
    list: &List,
    own: &Own<'_>,
    view: &Namespace,
    account: &Account,
) -> Result<Ended, Trouble> {
    let lender = Lender::new().map_err(|error| Trouble::failed("lease", &error))?;
    let view =
        lender.lend(view, Rights::all()).map_err(|error| Trouble::failed("namespace", &error))?;
    let current = view::current(&view, own.directory, list);
    let streams = streams(list, own, &lender)?;
    let descriptors: Vec<(u16, Number)> =
        streams.iter().map(|(number, handle)| (*number, handle.number())).collect();
    let environment: Vec<(String, String)> = list
        .environment
        .iter()
        .filter_map(|(name, value)| {
            let value = value.clone().or_else(|| (own.variable)(name))?;
            Some((name.clone(), value))
        })
        .collect();
    let launch = Launch {
        arguments: &list.command,
        environment: &environment,
        descriptors: &descriptors,
        namespace: Give::This(view.number()),
        directory: view::shown(&current),
        account: Some(account.number()),
        powers: Powers::Kept,
    };
    let search = (own.variable)("PATH").unwrap_or_else(|| clavis_launch::DEFAULT_PATH.into());
    let program = list.command.first().map_or("", String::as_str);
    let child = clavis_launch::start(&launch, &search, &clavis_launch::open).map_err(|error| {
        Trouble { why: format!("{program}: {}", error.reason()), status: error.status() }
    })?;
    let status = child.wait().map_err(|error| Trouble::failed(program, &error))?;
    // What it started ends with it; what it passed on is taken back with the lease.
    account.kill().map_err(|error| Trouble::failed("account", &error))?;
    let said = match status {
        ExitStatus::Exit(_) => None,
        other => Some(format!("{program}: {other}")),
    };
    let code = (status.shell_code() & 0xFF) as u8;
    Ok(Ended { code, said, _given: (view, streams, current.0, lender, child) })
}

/// How the program ended.
#[derive(Debug)]
pub struct Ended {
    /// The status that tells it.
    pub code: u8,
    /// A line for a person, where it did not exit.
    pub said: Option<String>,
    /// What it was given, and nobody can use any more.
    _given: (Handle, Vec<(u16, Handle)>, Option<Handle>, Lender, Child),
}

/// What a stream to read from permits, and one to write to.
const TO_READ: Rights = Rights::READ.union(STREAM);
const TO_WRITE: Rights = Rights::WRITE.union(Rights::APPEND).union(Rights::SYNC).union(STREAM);
const STREAM: Rights = Rights::SEEK
    .union(Rights::STAT)
    .union(Rights::EVENT)
    .union(Rights::DUP)
    .union(Rights::TRANSFER);

/// The standard streams, as far as they are open. Where a person answers questions at the terminal,
/// what is typed there is for `contain` alone.
fn streams(list: &List, own: &Own<'_>, lender: &Lender) -> Result<Vec<(u16, Handle)>, Trouble> {
    let empty = if own.answers {
        let null = Handle::open("/dev/null", O_RDONLY as u64);
        Some(null.map_err(|error| Trouble::failed("/dev/null", &error))?)
    } else {
        None
    };
    let streams = [(0, TO_READ), (1, TO_WRITE), (2, TO_WRITE)]
        .into_iter()
        .filter_map(|(number, most)| {
            let most = match list.terminal {
                Terminal::Streams => most,
                Terminal::Controlled => Rights::all(),
            };
            let own = match &empty {
                Some(empty) if number == 0 => empty.number(),
                _ => Number::from_raw(usize::from(number)),
            };
            Some((number, lender.lend(&own, most).ok()?))
        })
        .collect();
    Ok(streams)
}
