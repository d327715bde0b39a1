//! `unveil`: a namespace of this process' own that has what was unveiled and nothing else.
//!
//! Each path is a place of that namespace, bound to a directory's handle; what is not a directory
//! is bound to its directory's handle and its name, so that it is found whenever it is there. Until
//! the veil is locked the process keeps the namespace that it had, to unveil more.
use super::{OWN, outside};
use crate::handle::{Handle, Number, Place};
use crate::namespace::{self, Cwd, message};
use crate::path;
use crate::sync::{Mutex, RawMutex};
use crate::sys;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::error::{EBADF, ECAPMODE, EINVAL, ENOENT, EPERM, Error, Result};
use clavis_abi::namespace::{ForkItem, entry_flags, permissions};
use clavis_abi::params::{InspectRow, ObjectType, handle_flags};
use core::sync::atomic::{AtomicBool, Ordering};
use syscall::flag::{MODE_DIR, MODE_TYPE, O_DIRECTORY, O_RDONLY, O_STAT};
use unveil::{Permissions, Veil, place_of};

/// What calls are made of: these names stay.
const NAMELESS: [&str; 7] = ["memory", "pipe", "event", "time", "null", "zero", "rand"];
/// What a handle needs so that a name can be bound to it.
const BOUND: Rights = Rights::LOOKUP.union(Rights::FORWARD).union(Rights::TRANSFER);

struct State {
    veil: Veil,
    /// Where paths are unveiled from, once there is a veil and until it is locked.
    before: Option<Before>,
}

/// What the process had.
#[derive(Clone)]
struct Before {
    names: Arc<Handle>,
    cwd: Option<Arc<Cwd>>,
}

static STATE: Mutex<State> =
    Mutex::const_new(RawMutex::new(), State { veil: Veil::new(), before: None });

/// Whether paths are hidden: the state's, without a lock.
static ACTIVE: AtomicBool = AtomicBool::new(false);

/// Whether this process has a veil, so that paths are hidden from it.
#[must_use]
pub fn is_active() -> bool {
    ACTIVE.load(Ordering::Relaxed)
}

pub(super) fn hold() -> impl Sized {
    STATE.lock()
}

/// Makes a path visible, with permissions out of `rwxc`; the first time hides all others.
///
/// # Errors
/// `EPERM`: locked, or more than before. `E2BIG`, `EINVAL`, `ENOENT`; `EOPNOTSUPP`: it lies in an
/// unveiled directory that permits more. `ENOKEY` in capability mode.
pub fn unveil(path: &str, letters: &str) -> Result<()> {
    outside()?;
    let permissions = Permissions::read(letters).ok_or(Error::new(EINVAL))?;
    let mut state = STATE.lock();
    if state.veil.is_locked() {
        return Err(Error::new(EPERM));
    }
    let before = match &state.before {
        Some(before) => before.clone(),
        None => Before { names: namespace::namespace()?, cwd: namespace::current_directory().ok() },
    };
    let target = Target::find(&before, path)?;
    state.veil.check(&target.place, permissions)?;
    if state.before.is_some() {
        target.show(namespace::namespace()?.number(), permissions.rights())?;
    } else {
        let names = hidden(&before.names)?;
        target.show(names.number(), permissions.rights())?;
        drop(namespace::set_namespace(Some(names)));
        // What it was opened through is hidden: it is opened again where that is visible.
        namespace::replace_cwd(None);
        state.before = Some(before.clone());
    }
    state.veil.add(target.place, permissions)?;
    ACTIVE.store(true, Ordering::Relaxed);
    if let (Some(cwd), Err(_)) = (&before.cwd, namespace::current_directory()) {
        let path = cwd.path();
        namespace::replace_cwd(visible(path).ok().map(|handle| (handle, path.into())));
    }
    Ok(())
}

/// Has the veil stay as it is; without one only unveiling ends.
///
/// # Errors
/// What the namespace manager answers.
pub fn lock() -> Result<()> {
    let mut state = STATE.lock();
    if state.veil.is_locked() {
        return Err(Error::new(EPERM));
    }
    state.veil.lock();
    let Some(before) = state.before.take() else { return Ok(()) };
    drop(before);
    let names = namespace::namespace()?;
    message::seal(names.number())?;
    let sealed = message::shrink(names.number(), permissions::LIST, Place::Upper)?;
    drop(namespace::set_namespace(Some(sealed)));
    drop(names);
    stay_beneath()
}

/// Narrows the namespace that paths are unveiled from, if there is one.
pub(super) fn narrow_before(narrow: impl FnOnce(Number) -> Result<Handle>) -> Result<()> {
    let mut state = STATE.lock();
    if let Some(before) = &mut state.before {
        before.names = Arc::new(narrow(before.names.number())?);
    }
    Ok(())
}

/// The names that stay, and no others.
fn hidden(before: &Handle) -> Result<Handle> {
    let all = Rights::all().bits();
    let known = |name: &&&str| message::entry(before.number(), name).is_ok();
    let items: Vec<ForkItem<'_>> = NAMELESS
        .iter()
        .filter(known)
        .map(|name| ForkItem { name, flags: 0, rights: all, inherit: all })
        .collect();
    message::fork(before.number(), 0, permissions::ALL, &items, Place::Upper)
}

/// What a path names.
struct Target {
    place: String,
    /// The directory itself, or the one that it lies in.
    directory: Handle,
    /// Empty, or its name there.
    name: String,
}

impl Target {
    /// Makes it visible in a namespace with rights, or not without any.
    fn show(&self, names: Number, rights: Rights) -> Result<()> {
        if rights.is_empty() {
            return match message::unbind(names, &self.place) {
                Err(error) if error.errno != ENOENT => Err(error),
                _ => Ok(()),
            };
        }
        let (handle, beneath) = (self.directory.number(), handle_flags::BENEATH);
        let bound = sys::clavis::derive(handle, rights | BOUND, rights, beneath, Place::Upper)?;
        let binding = message::Binding {
            flags: entry_flags::BENEATH | entry_flags::REPLACE,
            rights,
            inherit: rights,
            prefix: &self.name,
        };
        message::bind(names, &self.place, bound.number(), &binding)
    }

    fn find(before: &Before, path: &str) -> Result<Target> {
        let path = absolute(before, path)?;
        let before = &before.names;
        let place = place_of(&path).ok_or(Error::new(EINVAL))?;
        let found = open(before, &place, O_STAT);
        match &found {
            Ok(found) if is_directory(found)? => {}
            Err(error) if error.errno != ENOENT => return Err(*error),
            // A service's root that is no directory has no directory above it either.
            Ok(_) if !place.contains('/') => {}
            _ => {
                let (above, name) = place.rsplit_once('/').ok_or(Error::new(ENOENT))?;
                let directory = open(before, above, O_STAT | O_DIRECTORY)?;
                let name = name.into();
                return Ok(Target { directory, name, place });
            }
        }
        found.map(|directory| Target { place, directory, name: String::new() })
    }
}

/// A path from the root, without `..`.
fn absolute(before: &Before, path: &str) -> Result<String> {
    if path.is_empty() {
        return Err(Error::new(ENOENT));
    }
    if path.starts_with('/') && !path.split('/').any(|part| part == "..") {
        return Ok(path.into());
    }
    // What `..` means only its server knows.
    let trimmed = path.trim_end_matches('/');
    let (above, name) = match trimmed.rsplit_once('/') {
        Some((above, name)) if !matches!(name, "." | "..") => (above, name),
        None if !matches!(trimmed, "." | "..") => (".", trimmed),
        _ => (path, ""),
    };
    let above = if above.is_empty() { "/" } else { above };
    let flags = (O_STAT | O_DIRECTORY) as u64;
    let directory = match (path::place(above)?, &before.cwd) {
        (path::Place::Namespace(above), _) => {
            sys::file::openat(before.names.number(), &above, flags, Place::Upper)
        }
        (path::Place::Cwd(above), Some(cwd)) => {
            sys::file::openat(cwd.handle().number(), above, flags, Place::Upper)
        }
        (path::Place::Cwd(_), None) => Err(Error::new(ECAPMODE)),
    }?;
    let mut whole = namespace::path_of(directory.number())?;
    if !name.is_empty() {
        whole.push('/');
        whole.push_str(name);
    }
    Ok(whole)
}

fn open(before: &Handle, place: &str, flags: usize) -> Result<Handle> {
    let path = alloc::format!("/scheme/{place}");
    sys::file::openat(before.number(), &path, flags as u64, Place::Upper)
}

fn is_directory(handle: &Handle) -> Result<bool> {
    Ok(sys::file::fstat(handle.number())?.st_mode & MODE_TYPE == MODE_DIR)
}

/// Calls `action` with every handle to an object of a service that this process has, but its
/// namespace.
pub(super) fn each_object(mut action: impl FnMut(Number, &InspectRow) -> Result<()>) -> Result<()> {
    const ROWS: usize = 16;
    let own = namespace::namespace().map(|names| names.number());
    let mut cursor = 0;
    loop {
        let mut rows = [InspectRow::default(); ROWS];
        let count = sys::clavis::inspect(OWN, cursor, &mut rows)?;
        let filled = rows.get(..count).unwrap_or_default();
        for row in filled {
            let number = Number::from_raw(row.number as usize);
            if row.info.object == ObjectType::Scheme as u64 && own != Ok(number) {
                action(number, row)?;
            }
        }
        match filled.last() {
            Some(last) if last.next != 0 => cursor = last.next,
            _ => return Ok(()),
        }
    }
}

/// Directories that are open lead nowhere but beneath themselves.
fn stay_beneath() -> Result<()> {
    each_object(|number, _| {
        match sys::clavis::limit(number, Rights::all(), Rights::all(), handle_flags::BENEATH) {
            // Another thread has closed it.
            Err(error) if error.errno == EBADF => Ok(()),
            limited => limited,
        }
    })
}

/// A directory as the veil shows it.
fn visible(path: &str) -> Result<Handle> {
    let place = place_of(path).ok_or(Error::new(ENOENT))?;
    open(&*namespace::namespace()?, &place, O_RDONLY | O_DIRECTORY)
}
