//! `pledge`: what a promise takes is taken from the namespace, from directories that are open, and
//! by the kernel from every handle. What was given up is kept in a word beside it, for the C library:
//! it answers what OpenBSD's kernel would.
use super::veil::{self, each_object};
use super::{OWN, outside};
use crate::handle::{Handle, Number, Place};
use crate::namespace::{self, message};
use crate::sync::{Mutex, RawMutex};
use crate::{account, fs, startup, sys};
use alloc::string::String;
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::error::{EBADF, ECAPMODE, EINVAL, ENAMETOOLONG, EPERM, Error, Result};
use clavis_abi::limits::PATH_MAX;
use clavis_abi::namespace::{ForkItem, entry_flags, permissions};
use clavis_abi::startup::EntryKind;
use core::sync::atomic::{AtomicU64, Ordering};
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

/// What this process gave up ([`Promises::given_up`]): the same as the state's, without a lock.
static GIVEN_UP: AtomicU64 = AtomicU64::new(0);

/// What this process promised; `None`: nothing was given up.
#[inline]
#[must_use]
pub fn promises() -> Option<Promises> {
    match GIVEN_UP.load(Ordering::Relaxed) {
        0 => None,
        given_up => Some(Promises::left(given_up)),
    }
}

/// The program begins with what was promised for it. Its namespace and account have been narrowed by
/// who became it; here its handles are.
///
/// # Errors
/// What the kernel answers.
#[cold]
#[inline(never)]
pub(crate) fn begin(given_up: u64) -> Result<()> {
    let promises = Promises::left(given_up);
    *STATE.lock() = State { own: promises, exec: promises };
    narrow(promises)?;
    GIVEN_UP.store(promises.given_up(), Ordering::Relaxed);
    Ok(())
}

pub(super) fn hold() -> impl Sized {
    STATE.lock()
}

/// Restricts this process to promises, and with the second set the program that it becomes by
/// exec. `None` leaves a set as it is. Who promised `error` and asks for more than it has gets what
/// it has.
///
/// # Errors
/// `EINVAL`: an unknown promise. `ENAMETOOLONG`. `EPERM`: one that was given up before. What the
/// namespace manager answers: then some of it may have been taken already.
pub fn pledge(promises: Option<&str>, exec_promises: Option<&str>) -> Result<()> {
    let (own, exec) = (read(promises)?, read(exec_promises)?);
    let mut state = STATE.lock();
    let own = within(state.own, own)?;
    let exec = within(state.exec, exec)?;
    if let Some(exec) = exec {
        state.exec = exec;
    }
    if let Some(own) = own
        && own != state.own
    {
        take(own)?;
        state.own = own;
        GIVEN_UP.store(own.given_up(), Ordering::Relaxed);
    }
    Ok(())
}

fn read(text: Option<&str>) -> Result<Option<Promises>> {
    match text {
        Some(text) if text.len() >= PATH_MAX => Err(Error::new(ENAMETOOLONG)),
        Some(text) => Promises::read(text).map(Some).ok_or(Error::new(EINVAL)),
        None => Ok(None),
    }
}

/// What becomes of a set that is to replace another.
fn within(has: Promises, wanted: Option<Promises>) -> Result<Option<Promises>> {
    match wanted {
        Some(wanted) if has.contain(Promises::ERROR) => Ok(Some(wanted.and(has))),
        Some(wanted) if !has.contain(wanted) => Err(Error::new(EPERM)),
        wanted => Ok(wanted),
    }
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
    narrow(promises)
}

/// Takes what was not promised from the handles of this process.
fn narrow(promises: Promises) -> Result<()> {
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

/// What was promised for the program that this process becomes.
#[derive(Debug)]
pub struct Promised {
    /// Its namespace, as far as it is narrower than this process' own.
    pub names: Option<Handle>,
    /// What it may make.
    pub makes: Makes,
    /// What was given up for it, for its startup block.
    pub given_up: u64,
}

/// What was promised for the program that this process becomes.
///
/// # Errors
/// What the namespace manager answers.
pub fn for_exec(names: Option<Number>) -> Result<Promised> {
    let exec = STATE.lock().exec;
    let names = names.filter(|_| exec != Promises::ALL).map(|names| narrowed(names, exec));
    let makes = exec.meet(Promises::PROC.or(Promises::EXEC));
    Ok(Promised {
        names: names.transpose()?,
        makes: if makes { Makes::Processes } else { Makes::Nothing },
        given_up: exec.given_up(),
    })
}

/// What the program that this process becomes may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Makes {
    /// Processes, in this one's account.
    Processes,
    /// None.
    Nothing,
}
