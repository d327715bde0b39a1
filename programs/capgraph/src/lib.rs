//! Gathers the picture that `capgraph` and `why` speak of: what is told of each process to who holds
//! the name `proc`.
#![forbid(unsafe_code)]

use clavis::abi::params::{BIRTH_NAME, NO_NUMBER, short_number};
use clavis::process::Row;
use clavis::{Number, process};
use clavis_render::reason;
use holdings::{Held, Process, Snapshot};

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
        handles: rows.into_iter().map(held).collect(),
    })
}

fn held(row: Row) -> Held {
    let origin = row.origin;
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
    }
}

/// Says why something failed, in one piece: standard error has no buffer, and others write there too.
pub fn complain(program: &str, why: &str) {
    let line = format!("{program}: {why}\n");
    eprint!("{line}");
}
