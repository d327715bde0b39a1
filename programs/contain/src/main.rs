//! `contain`: runs a program that gets what is listed and nothing else.
//!
//! The program starts in a closed, sealed namespace that holds the listed names and places, in an
//! account of its own with limits, with the standard streams as plain streams. What it gets is
//! lent by [`lend::Lender`] under one lease, which ends with this process at the latest; when the
//! program has ended, all that it started ends with its account.
#![forbid(unsafe_code)]

mod broker;
mod control;
mod dry;
mod guarded;
mod learn;
mod lend;
mod live;
mod orders;
mod overlaid;
mod policy;
mod view;

use allow_list::{List, Terminal};
use clavis::account::Account;
use clavis::namespace::{Namespace, permissions};
use clavis::{AsNumber, ExitStatus, Give, Handle, Number, Place, Rights};
use clavis_broker::Person;
use clavis_launch::{Launch, Powers};
use clavis_policy::{Guard, Lock, Running};
use control::{Control, Known};
use lend::Lender;
use live::Live;
use std::process::ExitCode;
use std::sync::Arc;
use syscall::flag::O_RDONLY;

/// The status of `contain` itself when nothing came of it.
const FAILED: u8 = 125;

const USAGE: &str = "\
usage: contain [OPTION...] PROGRAM [ARGUMENT...]
run a program that gets what is listed here and nothing else

  -a, --allow RIGHTS:PATH          a directory with all below it, or a file, at its own path
  -s, --scheme NAME[:RIGHTS]       a name of the namespace
  -l, --limit NAME=NUMBER,...      memory=64M, handles=1024, threads=64 unless said otherwise;
                                   changes=32M is what a dry run keeps
  -e, --env NAME[=VALUE]           an environment variable
  -t, --terminal                   let it control the terminal: raw mode, jobs
  -p, --policy FILE                what paths give, instead of --allow and --scheme
  -b, --broker FILE                a broker, which gives what that policy allows when it is asked
      --ask FILE                   what you are asked about, at this terminal, when it asks
  -n, --name NAME                  let who runs it look at it and take away from it meanwhile
      --dry-run                    keep what it changes in files from them; when it has ended, say what
                                   that is, and change what you accept, at this terminal
      --dry-run=show               the same, and ask nobody: nothing is changed
      --explain PATH               say which line of the policy decides, and run nothing
      --learn FILE                 run it with every file, write the least policy for what it used,
                                   and run it again under that

to a program that runs under a name:
      contain --status NAME            say what it has
      contain --shrink NAME LINE...    take away what lines of a policy say (deny, hide, mask)
      contain --seal NAME              let nothing be taken away any more
      contain --revoke NAME            take back what its broker granted

RIGHTS are letters: r read, w write, x run, c create and remove, a append; or names of rights
joined by + (caps --legend lists them). Rights of a directory hold for all below it; a directory
within may be given more. A program that starts others needs the name `memory`.
The status is the program's own; 125: nothing came of it, 126: it does not start, 127: not found;
124: it ended well in a dry run, and not all that it changed was committed.";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let list = match allow_list::read(&words) {
        Ok(list) => list,
        Err(misuse) => {
            complain(&format!("{misuse} (contain --help)"));
            return ExitCode::from(FAILED);
        }
    };
    let outcome = match (&list.order, &list.policy) {
        (Some((name, order)), _) => orders::carry_out(name, order),
        (None, Some(path)) if !list.explained.is_empty() => policy::explain(path, &list.explained),
        _ => run(&list),
    };
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(trouble) => {
            complain(&trouble.why);
            ExitCode::from(trouble.status)
        }
    }
}

/// Says it in one piece: standard error has no buffer, and others write there too.
fn complain(why: &str) {
    let line = format!("contain: {why}\n");
    eprint!("{line}");
}

/// Why nothing came of it.
#[derive(Debug)]
struct Trouble {
    why: String,
    status: u8,
}

impl Trouble {
    /// A call about something failed.
    fn failed(subject: &str, error: &clavis::Error) -> Trouble {
        Trouble::own(subject, &clavis_launch::reason_of(error))
    }

    /// In own words, about nothing else.
    fn plain(why: String) -> Trouble {
        Trouble { why, status: FAILED }
    }

    /// In own words.
    fn own(subject: &str, why: &str) -> Trouble {
        Trouble { why: format!("{subject}: {why}"), status: FAILED }
    }
}

fn run(list: &List) -> Result<u8, Trouble> {
    let own = Namespace::current().map_err(|error| Trouble::failed("namespace", &error))?;
    if let Some(dry) = list.dry {
        return dry::run(list, &own, dry);
    }
    // What it granted ends with it.
    let broker = broker::serve(&own, list)?.map(Arc::new);
    let account = account(list)?;
    let mut live = None;
    let view = match (&list.policy, &list.learned, &list.name) {
        (Some(path), _, Some(_)) => {
            let guard = Guard::new(Arc::new(policy::read(path)?), Lock::ShrinkOnly);
            let built = Live::build(&own, &Arc::new(Running::new(guard)), broker.as_deref())?;
            let view = built.namespace.shrink(permissions::LIST);
            live = Some(built);
            view.map_err(|error| Trouble::failed("namespace", &error))?
        }
        (Some(path), _, None) => {
            guarded::build(&own, &Arc::new(policy::guard(path)?), broker.as_deref())?
        }
        (None, Some(file), _) => return learn::learn(list, &own, file),
        (None, None, _) => view::build(&own, list, broker.as_deref())?,
    };
    let _control = match &list.name {
        None => None,
        Some(name) => {
            let copy = Handle::duplicate(&account, Place::Upper);
            let copy = copy.map_err(|error| Trouble::failed("account", &error))?;
            let command = list.command.join(" ").escape_debug().to_string();
            let account = Account::from_handle(copy);
            let known = Known { command, live, broker: broker.clone(), account };
            Some(Control::serve(own, name, known)?)
        }
    };
    contained(list, &view, &account)
}

/// An account for the program and all that it starts.
fn account(list: &List) -> Result<Account, Trouble> {
    Account::new(&list.limits.account()).map_err(|error| Trouble::failed("account", &error))
}

/// Runs the program in a namespace.
fn contained(list: &List, view: &Namespace, account: &Account) -> Result<u8, Trouble> {
    let lender = Lender::new().map_err(|error| Trouble::failed("lease", &error))?;
    let view =
        lender.lend(view, Rights::all()).map_err(|error| Trouble::failed("namespace", &error))?;
    let current = view::current(&view);
    let streams = streams(list, &lender)?;
    let descriptors: Vec<(u16, Number)> =
        streams.iter().map(|(number, handle)| (*number, handle.number())).collect();
    let environment: Vec<(String, String)> = list
        .environment
        .iter()
        .filter_map(|(name, value)| {
            let value = value.clone().or_else(|| std::env::var(name).ok())?;
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
    let search = std::env::var("PATH").unwrap_or_else(|_| clavis_launch::DEFAULT_PATH.into());
    let program = list.command.first().map_or("", String::as_str);
    let child = clavis_launch::start(&launch, &search, &clavis_launch::open).map_err(|error| {
        Trouble { why: format!("{program}: {}", error.reason()), status: error.status() }
    })?;
    let status = child.wait().map_err(|error| Trouble::failed(program, &error))?;
    // What it started ends with it, and what it passed on is taken back.
    lender.revoke().map_err(|error| Trouble::failed("lease", &error))?;
    account.kill().map_err(|error| Trouble::failed("account", &error))?;
    if !matches!(status, ExitStatus::Exit(_)) {
        complain(&format!("{program}: {status}"));
    }
    Ok((status.shell_code() & 0xFF) as u8)
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
fn streams(list: &List, lender: &Lender) -> Result<Vec<(u16, Handle)>, Trouble> {
    let empty = match broker::person(list) {
        Person::Present => {
            let null = Handle::open("/dev/null", O_RDONLY as u64);
            Some(null.map_err(|error| Trouble::failed("/dev/null", &error))?)
        }
        Person::Absent => None,
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
