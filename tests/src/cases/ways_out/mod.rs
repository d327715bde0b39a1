//! Ways out of a directory that other systems have known, as tables. [`ways`] has the paths: each
//! is tried through a directory handle that is BENEATH ([`native`]), the same of a view ([`views`]),
//! and by who has given something up ([`confined`]). [`acts`] has what is no path: descriptors,
//! links, names, sockets, programs, mappings. [`races`] has what others do meanwhile.
pub(crate) mod acts;
pub(crate) mod calls;
pub(crate) mod confined;
pub(crate) mod native;
pub(crate) mod races;
pub(crate) mod scripts;
pub(crate) mod swaps;
pub(crate) mod views;
mod ways;

use super::contain::place;
use super::place::{Place, io};
use super::support::at;
use crate::run::Verdict;
use clavis::handle::limit;
use clavis::{Error, Handle, Rights, handle_flags};
use std::os::unix::fs::symlink;
use syscall::flag::{O_DIRECTORY, O_RDONLY};
use ways::Comes::{self, In, To};

/// A directory `in` with the links that the table names.
fn fixture(name: &str) -> Result<Place, String> {
    let place = place(name)?;
    let beside = place.at("beside").display().to_string();
    for (name, target) in [
        ("absolute", beside.as_str()),
        ("parent", ".."),
        ("far", "../../../.."),
        ("chain", "chain2"),
        ("chain2", "deep/chain3"),
        ("deep/chain3", "../parent/beside"),
        ("self", "self"),
        ("todeep", "deep"),
        ("dangling", "../made"),
        ("service", "/scheme/initfs/etc/motd"),
        ("hop1", "file"),
    ] {
        io(name, symlink(target, place.at("in").join(name)))?;
    }
    for hop in 2..=41 {
        let link = place.at("in").join(format!("hop{hop}"));
        io("link", symlink(format!("hop{}", hop - 1), link))?;
    }
    Ok(place)
}

/// The directory of a fixture as a handle that is BENEATH.
fn cage(place: &Place) -> Result<Handle, String> {
    cage_at(&place.at("in").display().to_string())
}

/// A directory as a handle that is BENEATH.
fn cage_at(path: &str) -> Result<Handle, String> {
    let cage = at("open", Handle::open(path, (O_RDONLY | O_DIRECTORY) as u64))?;
    at("limit", limit(&cage, Rights::all(), Rights::all(), handle_flags::BENEATH))?;
    Ok(cage)
}

fn judge(what: &str, opened: Result<Handle, Error>, comes: Comes, why: &str) -> Verdict {
    match (opened, comes) {
        (Ok(_), In) => Ok(()),
        (Err(error), To(expected)) if error.errno() == expected => Ok(()),
        (Ok(_), To(_)) => Err(format!("{what:?} was opened, but {why}")),
        (Err(error), _) => Err(format!("{what:?}: error {} ({why})", error.errno())),
    }
}

/// Nothing came into being outside.
fn untouched(place: &Place) -> Verdict {
    let made = place.at("made").exists() || place.at("new").exists();
    super::support::check(!made, "something was made outside")
}
