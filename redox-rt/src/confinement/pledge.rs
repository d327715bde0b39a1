//! `pledge`: what a promise takes is taken from the namespace, from directories that are open, and
//! by the kernel from every handle.
use super::veil::{self, each_object};
use super::{OWN, outside};
use crate::handle::{Handle, Number, Place};
use crate::namespace::{self, message};
use crate::sync::{Mutex, RawMutex};
use crate::{account, fs, startup, sys};
use alloc::string::String;
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::error::{EBADF, ECAPMODE, EINVAL, EPERM, Error, Result};
use clavis_abi::namespace::{ForkItem, entry_flags, permissions};
use clavis_abi::startup::EntryKind;
use syscall::dirent::DirentIter;
use syscall::flag::{MODE_DIR, MODE_TYPE, O_DIRECTORY, O_RDONLY};
use unveil::{Name, Promises};

struct State {
    /// What this process still has.
    own: Promises,
    /// What it has once it becomes another program.
    exec: Promises,
}

static STATE: Mutex<State> =
    Mutex::const_new(RawMutex::new(), State { own: Promises::ALL, exec: Promises::ALL });

pub(super) fn hold() -> impl Sized {
    STATE.lock()
}

/// Restricts this process to promises, and with the second set the program that it becomes by
/// exec. `None` leaves a set as it is.
///
/// # Errors
/// `EINVAL`: an unknown promise. `EPERM`: one that was given up before. What the namespace manager
/// answers: then some of it may have been taken already.
pub fn pledge(promises: Option<&str>, exec_promises: Option<&str>) -> Result<()> {
    let read = |text: Option<&str>| match text {
        Some(text) => Promises::read(text).map(Some).ok_or(Error::new(EINVAL)),
        None => Ok(None),
    };
    let (own, exec) = (read(promises)?, read(exec_promises)?);
    let mut state = STATE.lock();
    let more =
        |has: Promises, wanted: Option<Promises>| wanted.is_some_and(|wanted| !has.contain(wanted));
    if more(state.own, own) || more(state.exec, exec) {
        return Err(Error::new(EPERM));
    }
    if let Some(exec) = exec {
        state.exec = exec;
    }
    if let Some(own) = own
        && own != state.own
    {
        take(own)?;
        state.own = own;
    }
    Ok(())
}

/// Takes what was not promised.
fn take(promises: Promises) -> Result<()> {
    if outside().is_ok() {
        if !promises.contain(Promises::UNVEIL) {
            match veil::lock() {
                Err(error) if error.errno != EPERM => return Err(error),
                _ => {}
            }
        }
        veil::narrow_before(|names| narrowed(names, promises))?;
        match namespace::namespace() {
            Ok(names) => {
                let new = narrowed(names.number(), promises)?;
                drop(namespace::set_namespace(Some(new)));
            }
            Err(error) if error.errno == ECAPMODE => {}
            Err(error) => return Err(error),
        }
    }
    let paths = promises.paths();
    each_object(|number, _| {
        let (most, inherit) = match sys::file::fstat(number) {
            Ok(stat) if stat.st_mode & MODE_TYPE == MODE_DIR => {
                (paths | Rights::DUP | Rights::TRANSFER | Rights::STAT, paths)
            }
            Ok(_) => return Ok(()),
            // No path starts at one that cannot be looked at.
            Err(_) => (Rights::all() - Rights::LOOKUP, Rights::all()),
        };
        match sys::clavis::limit(number, most, inherit, 0) {
            Err(error) if error.errno == EBADF => Ok(()),
            limited => limited,
        }
    })?;
    for (kind, kept) in [
        (EntryKind::FactoryProcess, Promises::PROC),
        (EntryKind::Clock, Promises::SETTIME),
        (EntryKind::Counters, Promises::VMINFO),
        (EntryKind::Console, Promises::TTY),
    ] {
        if let (false, Some(number)) = (promises.contain(kept), startup::handle(kind)) {
            // It may have been closed already.
            let _ = sys::file::close(number);
        }
    }
    let most = promises.most();
    sys::clavis::limit(OWN, most, most, 0)?;
    let makes = [Promises::PROC, Promises::EXEC].iter().any(|makes| promises.contain(*makes));
    if !makes {
        account::give_up();
    }
    Ok(())
}

/// A namespace with what the promises leave of another.
fn narrowed(names: Number, promises: Promises) -> Result<Handle> {
    let all = Rights::all().bits();
    let listed = list(names)?;
    let items: Vec<ForkItem<'_>> = listed
        .iter()
        .filter_map(|name| {
            let item = ForkItem { name, flags: entry_flags::REGISTER, rights: all, inherit: all };
            match promises.name(name) {
                Name::Whole => Some(item),
                Name::Narrowed(rights) => {
                    let rights = rights.bits();
                    Some(ForkItem { flags: 0, rights, inherit: rights, ..item })
                }
                Name::Gone => None,
            }
        })
        .collect();
    let kept = permissions::ALL & !permissions::SCHEME_CREATE;
    message::fork(names, 0, kept, &items, Place::Upper)
}

/// The names of a namespace.
fn list(names: Number) -> Result<Vec<String>> {
    let flags = (O_RDONLY | O_DIRECTORY) as u64;
    let listing = sys::file::openat(names, "/scheme", flags, Place::Upper)?;
    let mut buffer = alloc::vec![0; 8192];
    let (mut all, mut cursor) = (Vec::new(), 0);
    loop {
        let length = fs::getdents(listing.number(), &mut buffer, cursor)?;
        let mut any = false;
        for row in DirentIter::new(buffer.get(..length).unwrap_or_default()) {
            let (header, name) = row.map_err(|_| Error::new(clavis_abi::error::EIO))?;
            // Rows are filled up with NULs.
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            let name = core::str::from_utf8(name).map_err(|_| Error::new(EINVAL))?;
            all.push(name.into());
            cursor = header.next_opaque_id;
            any = true;
        }
        if !any {
            return Ok(all);
        }
    }
}

/// The namespace of the program that this process becomes, as far as it is narrower than its own,
/// and whether that program may make processes.
///
/// # Errors
/// What the namespace manager answers.
pub fn for_exec(names: Option<Number>) -> Result<(Option<Handle>, Makes)> {
    let exec = STATE.lock().exec;
    let makes = [Promises::PROC, Promises::EXEC].iter().any(|makes| exec.contain(*makes));
    let makes = if makes { Makes::Processes } else { Makes::Nothing };
    match names {
        Some(names) if exec != Promises::ALL => Ok((Some(narrowed(names, exec)?), makes)),
        _ => Ok((None, makes)),
    }
}

/// What the program that this process becomes may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Makes {
    /// Processes, in this one's account.
    Processes,
    /// None.
    Nothing,
}
