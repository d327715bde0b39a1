//! Becoming another program with what this one has.
use super::{Given, Image, Spawn, exec};
use crate::confinement::pledge::{Makes, Promised, for_exec};
use crate::handle::Number;
use crate::{account, confinement, namespace, process, startup, sys};
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::error::{EPERM, Error};
use clavis_abi::startup::EntryKind;

/// The handles that the new program gets at upper numbers. What cannot be passed on stays behind.
fn handed_on(makes: Makes) -> Vec<Given> {
    let startup = startup::current();
    let entries = startup.into_iter().flat_map(|startup| startup.entries());
    let mut given = Vec::new();
    for entry in entries {
        let number = Number::from_raw(entry.number as usize);
        let own = [EntryKind::SelfProcess, EntryKind::Namespace, EntryKind::Cwd];
        let passes = |info: clavis_abi::params::HandleInfo| {
            Rights::from_bits_truncate(info.rights).contains(Rights::DUP | Rights::TRANSFER)
        };
        if makes == Makes::Nothing && entry.kind == EntryKind::Account as u64 {
            continue;
        }
        if own.iter().all(|kind| *kind as u64 != entry.kind)
            && sys::clavis::query(number).is_ok_and(passes)
        {
            given.push(Given::entry(number, entry.kind));
        }
    }
    given
}

/// Becomes the program in an open file, with what this process was given: its namespace, current
/// directory and account as they are now, and whatever else its startup block names. Returns only
/// when that failed, and nothing has changed then.
#[must_use]
pub fn replace(file: Number, name: &str, args: &[&[u8]], envs: &[&[u8]]) -> Error {
    let Some(account) = account::own() else { return Error::new(EPERM) };
    let names = namespace::namespace().ok();
    let Promised { names: narrowed, makes, given_up } =
        match for_exec(names.as_ref().map(|names| names.number())) {
            Ok(pledged) => pledged,
            Err(problem) => return problem,
        };
    let mut handles = handed_on(makes);
    let kept: Vec<_> = confinement::handed_on().collect();
    handles.extend(kept.iter().map(|(kind, kept)| Given::entry(kept.number(), *kind as u64)));
    let entry = |number, kind: EntryKind| Given::entry(number, kind as u64);
    let given = narrowed.as_ref().or(names.as_deref());
    handles.extend(given.map(|names| entry(names.number(), EntryKind::Namespace)));
    let cwd = namespace::current_directory().ok();
    handles.extend(cwd.as_ref().map(|cwd| entry(cwd.handle().number(), EntryKind::Cwd)));
    let rights = process::own().and_then(|own| sys::clavis::query(own).ok());
    exec(&Spawn {
        args,
        envs,
        cwd_path: cwd.as_ref().map_or("", |cwd| cwd.path()),
        handles: &handles,
        self_rights: rights.map(|info| Rights::from_bits_truncate(info.rights)),
        given_up,
        ..Spawn::new(Image::File(file), name, account)
    })
}
