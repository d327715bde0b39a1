//! Gathers the picture that `capgraph` and `why` speak of: what is told of each process to who holds
//! the name `proc`.
#![forbid(unsafe_code)]

use clavis::abi::error::{EEXPIRED, EREVOKED};
use clavis::abi::params::{BIRTH_NAME, NO_NUMBER, short_number};
use clavis::handle::query;
use clavis::process::Row;
use clavis::{Handle, Number, process};
use clavis_render::reason;
use holdings::{Held, Process, Snapshot, State};

/// Where processes are listed.
const PROCESSES: &str = "/scheme/proc";

/// The picture as it is now. Processes that end meanwhile are left out; so are those that cannot be
/// inspected.
///
/// # Errors
/// Why there is no list of processes, for a person.
pub fn snapshot() -> Result<Snapshot, String> {
    let list = std::fs::read_dir(PROCESSES).map_err(|error| {
        format!("{PROCESSES}: {}", reason::of_error(&error, clavis::error::last_denial))
    })?;
    let names = list.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(Snapshot::new(names.filter_map(process).collect()))
}

fn process(number: u64) -> Option<Process> {
    let handle = clavis::object::process(number).ok()?;
    let usage = process::usage(&handle).ok()?;
    let rows = process::inspect(&handle).ok()?;
    let name = process::borrow(&handle, Number::from_raw(BIRTH_NAME))
        .and_then(|name| clavis::handle::path(&name));
    Some(Process {
        number,
        name: name.unwrap_or_default(),
        parent: usage.maker,
        account: usage.number,
        handles: rows.into_iter().map(|row| held(&handle, row)).collect(),
    })
}

/// Asks where things lie that these processes have open. A server that does not answer is waited
/// for.
pub fn ask_paths(snapshot: &mut Snapshot, numbers: &[u64]) {
    let asked = |one: &&mut Process| numbers.contains(&one.number);
    for process in snapshot.processes.iter_mut().filter(asked) {
        let Ok(handle) = clavis::object::process(process.number) else { continue };
        for held in &mut process.handles {
            let Ok(number) = usize::try_from(held.number) else { continue };
            let path = process::borrow(&handle, Number::from_raw(number))
                .and_then(|borrowed| clavis::handle::path(&borrowed));
            held.path = path.unwrap_or_default();
        }
    }
}

fn held(process: &Handle, row: Row) -> Held {
    let origin = row.origin;
    // A copy would be under the same lease.
    let ended = row.info.lease.is_some()
        && process::borrow(process, row.number)
            .and_then(|copy| query(&copy))
            .is_err_and(|error| [EREVOKED, EEXPIRED].contains(&error.errno()));
    Held {
        number: row.number.raw() as u64,
        // A type that this program does not know is no type.
        kind: row.info.object.map_or(0, |kind| kind as u64),
        rights: row.info.rights,
        inherit: row.info.inherit,
        lease: row.info.lease.unwrap_or(0),
        object: row.object,
        maker: origin.maker.unwrap_or(0),
        step: origin.step.map_or(u64::MAX, |step| step as u64),
        from: origin.from.unwrap_or(0),
        via: origin.via.map_or(NO_NUMBER, |number| short_number(number.raw())).into(),
        label: row.info.label,
        state: if ended { State::Ended } else { State::Holds },
        path: String::new(),
    }
}

/// Says why something failed, in one piece: standard error has no buffer, and others write there too.
pub fn complain(program: &str, why: &str) {
    let line = format!("{program}: {why}\n");
    eprint!("{line}");
}
