//! The namespace and the current directory of this process: two handles in one place.
//!
//! An absolute path is one openat on the namespace handle. A relative path goes to the handle of
//! the current directory. A process without one of them gets `ENOKEY`.
use crate::handle::{Handle, Number, Place};
use crate::path;
use crate::startup::Startup;
use crate::sync::Mutex;
use crate::sys;
use crate::sys::file::OpenFlags;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use clavis_abi::error::{ECAPMODE, EINVAL, ELOOP, ENODEV, ENOENT, ENOTDIR, EXDEV, Error, Result};
use clavis_abi::limits::{LINKS_MAX, PATH_MAX};
use clavis_abi::params::{BIRTH_NAME, BIRTH_NULL, BIRTH_RANDOM, open_flags};
use clavis_abi::startup::EntryKind;
use syscall::AT_REMOVEDIR;
use syscall::flag::{
    MODE_DIR, MODE_SYMLINK, MODE_TYPE, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_STAT,
    O_SYMLINK,
};

pub mod message;
mod names;

pub use names::{link, rename};

/// The current directory: what is asked, and what is shown.
#[derive(Debug)]
pub struct Cwd {
    handle: Handle,
    path: String,
}

impl Cwd {
    /// The directory.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The path it is shown under.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

#[derive(Debug)]
struct State {
    namespace: Option<Arc<Handle>>,
    cwd: Option<Arc<Cwd>>,
}

static STATE: Mutex<State> =
    Mutex::const_new(crate::sync::RawMutex::new(), State { namespace: None, cwd: None });

/// Takes the namespace and the current directory of the startup block into use.
pub fn adopt(startup: &Startup<'_>) {
    let handle = |kind| startup.handle(kind).map(Handle::from_number);
    let mut state = STATE.lock();
    state.namespace = handle(EntryKind::Namespace).map(Arc::new);
    state.cwd = handle(EntryKind::Cwd).map(|handle| {
        let path = match startup.cwd() {
            "" => "/",
            path => path,
        };
        Arc::new(Cwd { handle, path: path.into() })
    });
    if state.namespace.is_none() && state.cwd.is_none() {
        crate::confinement::begin();
    }
}

/// Closes the namespace and the current directory for ever. A thread that is about to use the
/// namespace finds that it opens nothing.
pub(crate) fn leave() {
    let (names, cwd) = {
        let mut state = STATE.lock();
        (state.namespace.take(), state.cwd.take())
    };
    if let Some(names) = &names {
        // It is a handle of this process: that cannot fail.
        let nothing = clavis_abi::Rights::empty();
        let _ = sys::clavis::limit(names.number(), nothing, nothing, 0);
    }
    drop((names, cwd));
    crate::object::forget_opened();
}

/// The namespace handle. It stays alive while the answer does, whatever [`set_namespace`] does.
///
/// # Errors
/// `ENOKEY`: this process has none.
pub fn namespace() -> Result<Arc<Handle>> {
    STATE.lock().namespace.clone().ok_or(Error::new(ECAPMODE))
}

/// Holds what other threads may not be in the middle of when the process is copied.
#[must_use]
pub fn hold() -> impl Sized {
    (STATE.lock(), crate::object::hold())
}

/// Replaces the namespace of this process. `None`: it has none from now on.
pub fn set_namespace(handle: Option<Handle>) -> Option<Arc<Handle>> {
    let new = handle.map(Arc::new);
    let old = core::mem::replace(&mut STATE.lock().namespace, new);
    crate::object::forget_opened();
    old
}

/// The current directory. It stays alive while the answer does, whatever happens meanwhile.
///
/// # Errors
/// `ENOKEY`: this process has none.
pub fn current_directory() -> Result<Arc<Cwd>> {
    STATE.lock().cwd.clone().ok_or(Error::new(ECAPMODE))
}

/// Opens a path.
///
/// # Errors
/// `ENOKEY` without a namespace or current directory; what the namespace manager and the server
/// answer.
pub fn open(path: &str, flags: OpenFlags, place: Place) -> Result<Handle> {
    resolve(None, path, flags, &|dir, path| open_once(dir, path, flags, place))
}

/// Opens a path from a directory handle; an absolute path goes to the namespace.
///
/// # Errors
/// As [`open`].
pub fn open_from(dir: Number, path: &str, flags: OpenFlags, place: Place) -> Result<Handle> {
    resolve(Some(dir), path, flags, &|dir, path| open_once(dir, path, flags, place))
}

/// One openat. An absolute one is retried once when its server was just replaced, and harmless
/// names come from the birth handles when the namespace does not have them.
fn open_once(dir: Option<Number>, path: &str, flags: OpenFlags, place: Place) -> Result<Handle> {
    if let Some(dir) = dir {
        return sys::file::openat(dir, path, flags, place);
    }
    let answer = namespace().and_then(|namespace| {
        match sys::file::openat(namespace.number(), path, flags, place) {
            Err(Error { errno: ENODEV }) => {
                sys::file::openat(namespace.number(), path, flags, place)
            }
            answer => answer,
        }
    });
    match answer {
        Err(Error { errno: ENOENT | ENODEV | ECAPMODE }) if birth(path).is_some() => {
            let number = birth(path).ok_or(Error::new(ENOENT))?;
            // Everybody reads the name from its beginning.
            let message: &[u8] = if number.raw() == BIRTH_NAME { b"open" } else { &[] };
            sys::file::dup(number, message, place)
        }
        answer => answer,
    }
}

/// The birth handle that stands in for a name.
fn birth(path: &str) -> Option<Number> {
    let raw = match path {
        "/scheme/null" | "/scheme/null/" => BIRTH_NULL,
        "/scheme/rand" | "/scheme/rand/" => BIRTH_RANDOM,
        "/scheme/sys/exe" => BIRTH_NAME,
        _ => return None,
    };
    Some(Number::from_raw(raw))
}

/// What an open says about where its path may lead.
const CONFINED: OpenFlags =
    open_flags::ALL & !(open_flags::EXEC | open_flags::NOT_DIRECTORY | open_flags::WALK);

/// Runs an operation on a path, following symbolic links that leave their server: it answers
/// `EXDEV` for those, as it cannot know where they lead. An open that shall stay where it is, or
/// follow no links, does not: whatever the server says.
fn resolve<T>(
    from: Option<Number>,
    path: &str,
    flags: OpenFlags,
    action: &dyn Fn(Option<Number>, &str) -> Result<T>,
) -> Result<T> {
    match at_place(from, path, action) {
        Err(Error { errno: EXDEV }) if flags & CONFINED == 0 => follow(from, path, flags, action),
        answer => answer,
    }
}

/// Continues where a server answered `EXDEV`.
#[cold]
fn follow<T>(
    from: Option<Number>,
    path: &str,
    flags: OpenFlags,
    action: &dyn Fn(Option<Number>, &str) -> Result<T>,
) -> Result<T> {
    let follow_last = flags as usize & (O_NOFOLLOW | O_SYMLINK) == 0;
    let mut path: String = path.into();
    for _ in 0..LINKS_MAX {
        match next_step(from, &path, follow_last)? {
            Some(next) => path = next,
            None => return Err(Error::new(EXDEV)),
        }
        match at_place(from, &path, action) {
            Err(Error { errno: EXDEV }) => {}
            answer => return answer,
        }
    }
    Err(Error::new(ELOOP))
}

fn at_place<T>(
    from: Option<Number>,
    path: &str,
    action: &dyn Fn(Option<Number>, &str) -> Result<T>,
) -> Result<T> {
    match (path::place(path)?, from) {
        (path::Place::Namespace(mapped), _) => action(None, &mapped),
        (path::Place::Cwd(path), Some(dir)) => action(Some(dir), path),
        (path::Place::Cwd(path), None) => {
            let cwd = current_directory()?;
            action(Some(cwd.handle.number()), path)
        }
    }
}

/// Finds the first component of a path that is a symbolic link leaving its server, and answers
/// the path behind it. `None`: there is no such link, the `EXDEV` means something else.
fn next_step(from: Option<Number>, path: &str, follow_last: bool) -> Result<Option<String>> {
    let ends = path.char_indices().filter(|&(at, byte)| byte == '/' && at > 0).map(|(at, _)| at);
    for end in ends.chain([path.len()]) {
        let (head, rest) = path.split_at(end);
        let last = rest.trim_start_matches('/').is_empty();
        if head.ends_with('/') || last && !follow_last {
            continue;
        }
        let Ok(target) = at_place(from, head, &read_link_once) else { continue };
        if target.starts_with('/') {
            return Ok(Some(path::through_link(head, &target, rest)));
        }
    }
    Ok(None)
}

fn read_link_once(dir: Option<Number>, path: &str) -> Result<String> {
    let flags = (O_RDONLY | O_SYMLINK | O_NOFOLLOW) as OpenFlags;
    let link = open_once(dir, path, flags, Place::Upper)?;
    let stat = sys::file::fstat(link.number())?;
    if stat.st_mode & MODE_TYPE != MODE_SYMLINK {
        return Err(Error::new(EINVAL));
    }
    let mut target = vec![0; PATH_MAX];
    let length = sys::file::read_full(link.number(), &mut target)?;
    target.truncate(length);
    String::from_utf8(target).map_err(|_| Error::new(EINVAL))
}

/// Reads a symbolic link.
///
/// # Errors
/// `EINVAL` when it is none; as [`open`].
pub fn read_link(path: &str) -> Result<String> {
    let flags = O_NOFOLLOW as OpenFlags;
    resolve(None, path, flags, &read_link_once)
}

/// Removes a name: a file, a link, or with `directory` an empty directory.
///
/// # Errors
/// As [`open`].
pub fn unlink(path: &str, kind: Removed) -> Result<()> {
    unlink_from(None, path, kind)
}

/// As [`unlink`], from a directory handle.
///
/// # Errors
/// As [`open`].
pub fn unlink_from(from: Option<Number>, path: &str, kind: Removed) -> Result<()> {
    let flags = match kind {
        Removed::File => 0,
        Removed::Directory => AT_REMOVEDIR,
    };
    resolve(from, path, O_NOFOLLOW as OpenFlags, &|dir, path| match dir {
        Some(dir) => sys::file::unlinkat(dir, path, flags),
        None => sys::file::unlinkat(namespace()?.number(), path, flags),
    })
}

/// What [`unlink`] expects behind the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// Anything but a directory.
    File,
    /// An empty directory.
    Directory,
}

/// Makes a directory, with the permission bits of `mode`.
///
/// # Errors
/// `EEXIST`; as [`open`].
pub fn make_directory(from: Option<Number>, path: &str, mode: u16) -> Result<()> {
    let path = match path.trim_end_matches('/') {
        "" => path,
        trimmed => trimmed,
    };
    let flags = O_CREAT | O_EXCL | O_DIRECTORY | O_STAT | usize::from(mode & 0o7777);
    let flags = flags as OpenFlags;
    resolve(from, path, flags, &|dir, path| open_once(dir, path, flags, Place::Upper)).map(drop)
}

/// Makes a symbolic link at `path` that holds `target`.
///
/// # Errors
/// `EEXIST`; as [`open`].
pub fn make_link(target: &str, from: Option<Number>, path: &str) -> Result<()> {
    let flags = (O_CREAT | O_EXCL | O_SYMLINK | syscall::flag::O_WRONLY | 0o777) as OpenFlags;
    let link = resolve(from, path, flags, &|dir, path| open_once(dir, path, flags, Place::Upper))?;
    sys::file::write_all(link.number(), target.as_bytes())
}

/// Opens the directory of a path; answers it with the last component.
fn open_parent(from: Option<Number>, path: &str) -> Result<(Handle, &str)> {
    let (dir, name) = path::split_last(path)?;
    let dir = if dir.is_empty() { "." } else { dir };
    let flags = (O_STAT | O_DIRECTORY) as OpenFlags;
    let handle = resolve(from, dir, flags, &|dir, path| open_once(dir, path, flags, Place::Upper))?;
    Ok((handle, name))
}

/// Makes a path the current directory.
///
/// # Errors
/// `ENOTDIR`; as [`open`].
pub fn change_directory(path: &str) -> Result<()> {
    let flags = (O_RDONLY | O_DIRECTORY) as OpenFlags;
    let handle = open(path, flags, Place::Upper)?;
    require_directory(handle.number())?;
    let shown = path::shown(&get_cwd().unwrap_or_default(), path);
    set_cwd(handle, shown);
    Ok(())
}

/// Makes a directory handle (a copy of it) the current directory.
///
/// # Errors
/// `ENOTDIR`, `EBADF`; `ENOKEY` in capability mode.
pub fn change_directory_to(dir: Number) -> Result<()> {
    crate::confinement::outside()?;
    require_directory(dir)?;
    let handle = sys::file::dup(dir, &[], Place::Upper)?;
    let shown = path_of(dir).unwrap_or_else(|_| "/".into());
    set_cwd(handle, shown);
    Ok(())
}

/// Replaces the current directory.
pub fn set_cwd(handle: Handle, path: String) {
    replace_cwd(Some((handle, path)));
}

/// Replaces the current directory, or leaves the process without one.
pub(crate) fn replace_cwd(new: Option<(Handle, String)>) {
    let new = new.map(|(handle, path)| Arc::new(Cwd { handle, path }));
    let old = core::mem::replace(&mut STATE.lock().cwd, new);
    // Closed outside the lock.
    drop(old);
}

fn require_directory(number: Number) -> Result<()> {
    let stat = sys::file::fstat(number)?;
    if stat.st_mode & MODE_TYPE == MODE_DIR { Ok(()) } else { Err(Error::new(ENOTDIR)) }
}

/// The path of the current directory, for people.
///
/// # Errors
/// `ENOKEY` without one.
pub fn get_cwd() -> Result<String> {
    current_directory().map(|cwd| cwd.path.clone())
}

/// The path of an object, as people write it: `/scheme/file` is left out.
///
/// # Errors
/// What its server answers.
pub fn path_of(number: Number) -> Result<String> {
    let mut path = vec![0; PATH_MAX];
    let length = sys::file::fpath(number, &mut path)?;
    path.truncate(length);
    let path = String::from_utf8(path).map_err(|_| Error::new(EINVAL))?;
    let root = alloc::format!("/scheme/{}", path::ROOT_SCHEME);
    Ok(match path.strip_prefix(root.as_str()) {
        Some("") => "/".into(),
        Some(below) if below.starts_with('/') => below.into(),
        _ => path,
    })
}
