//! The runner: one process per case.
use crate::cases::CASES;
use clavis::account::{Account, UNLIMITED};
use clavis::namespace::{Name, Namespace};
use clavis::{AccountLimits, Command, EntryKind, Give, Handle, Number, Rights};
use std::io::{Read, Write};
use std::process::ExitCode;

/// What a case answers: nothing, or why it failed.
pub(crate) type Verdict = Result<(), String>;

/// A case: what must be true, as a sentence, and how that is found out.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn() -> Verdict,
}

/// Where this program lies.
pub(crate) const PROGRAM: &str = "/scheme/initfs/bin/suite";
/// Seconds of guest time after which a case that makes no progress is given up.
const PATIENCE: u64 = 120;
/// Where the events go.
const EVENTS: usize = 3;

/// Names the cases.
pub(crate) fn list() -> ExitCode {
    for case in CASES.iter().flat_map(|group| group.iter()) {
        println!("{}", case.name);
    }
    ExitCode::SUCCESS
}

/// Runs one case in this process; why it failed goes to standard output.
pub(crate) fn case(name: &str) -> ExitCode {
    let found = CASES.iter().flat_map(|group| group.iter()).find(|case| case.name == name);
    let verdict = found.map_or_else(|| Err("there is no such case".into()), |case| (case.run)());
    match verdict {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every case whose name contains the filter.
pub(crate) fn all(filter: &str) -> ExitCode {
    let mut failed = 0;
    for case in CASES.iter().flat_map(|group| group.iter()) {
        if !case.name.contains(filter) {
            continue;
        }
        event(&format!("begin {}", case.name));
        match apart(case.name) {
            Ok(()) => event(&format!("pass {}", case.name)),
            Err(why) => {
                failed += 1;
                event(&format!("fail {}: {}", case.name, why.replace('\n', " / ")));
            }
        }
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn event(line: &str) {
    let events = Handle::from_number(Number::from_raw(EVENTS));
    let sent = (&events).write_all(format!("{line}\n").as_bytes());
    if sent.is_err() {
        println!("{line}");
    }
    _ = events.into_number();
}

/// Nanoseconds since boot.
pub(crate) fn now() -> u64 {
    let mut time = syscall::TimeSpec::default();
    match syscall::clock_gettime(syscall::CLOCK_MONOTONIC, &mut time) {
        Ok(_) => time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64,
        Err(_) => 0,
    }
}

/// Runs a case in a process of its own, with a namespace and an account of its own.
fn apart(name: &str) -> Verdict {
    let limits = AccountLimits { frames: 16_384, threads: 96, handles: 16_384, ..UNLIMITED };
    let account = Account::new(&limits).map_err(|error| format!("account: {error}"))?;
    let own = Namespace::current().map_err(|error| format!("namespace: {error}"))?;
    let names = own.names().map_err(|error| format!("names: {error}"))?;
    let names: Vec<Name> = names.into_iter().map(Name::whole).collect();
    let namespace = own.fork_closed(&names).map_err(|error| format!("fork: {error}"))?;
    let (from, to) = clavis::object::pipe(0).map_err(|error| format!("pipe: {error}"))?;
    let command = [
        EntryKind::Counters,
        EntryKind::Audit,
        EntryKind::Report,
        EntryKind::FactorySlot,
        EntryKind::FactoryMemory,
        EntryKind::FactoryTable,
        EntryKind::FactoryProcess,
    ]
    .into_iter()
    .fold(Command::new(PROGRAM), Command::own_startup);
    let child = command
        .arg("--case")
        .arg(name)
        .namespace(Give::This(clavis::AsNumber::number(&namespace)))
        .cwd(Give::Own, "")
        .account(account.handle())
        .child_account(Give::Own)
        .self_rights(Rights::all())
        .stdout(&to)
        .own_streams()
        .spawn()
        .map_err(|error| format!("spawn: {error}"))?;
    drop(to);
    let reader = std::thread::spawn(move || {
        let mut said = String::new();
        _ = (&from).read_to_string(&mut said);
        said
    });
    _ = clavis::process::set_deadline(Some(now() + PATIENCE * 1_000_000_000));
    let ended = child.wait();
    _ = clavis::process::set_deadline(None);
    // What the case started ends with it.
    _ = account.kill();
    let said = reader.join().unwrap_or_default();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(clavis::ExitStatus::Exit(1)) => Err(said.trim().to_owned()),
        Ok(status) => Err(format!("{status} {}", said.trim())),
        Err(error) => Err(format!("it made no progress: {error} {}", said.trim())),
    }
}
