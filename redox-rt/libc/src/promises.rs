//! OpenBSD's answers: what its kernel says to who does what it gave up by `pledge`, and of a path that
//! `unveil` does not permit for that.
//!
//! Nothing is enforced here: what was given up is gone, and a program that goes past this library
//! meets an error. Here it is told what it did, as it would be there.
use crate::errno::error;
use crate::message::Text;
use crate::names::Follow;
use crate::signal::actions::end_by;
use clavis_abi::error::{ENOTCAPABLE, Error, Result};
use clavis_rt::confinement::{self, pledge, veil};
use clavis_rt::entry::LastWords;
use clavis_rt::sys::file::OpenFlags;
use clavis_rt::sys::time::{Clock, now, set_deadline};
use clavis_rt::{Number, startup, sys};
use core::fmt::Write;
use libc::{EACCES, ENOENT, ENOSYS, O_CREAT, O_PATH, O_RDWR, O_WRONLY, SIGABRT};
use syscall::flag::{MODE_DIR, MODE_TYPE};
pub(crate) use unveil::Operation;
use unveil::{Missing, Promises};

/// How long the last words may take, in nanoseconds: who reads them may not.
const LAST_WORDS: u64 = 100_000_000;

/// Whether what the program does was promised, if anything was given up. With `error` it is `ENOSYS`
/// if not; without, the process ends by `SIGABRT`.
#[inline]
pub(crate) fn promised(operation: Operation) -> Result<()> {
    match pledge::promises() {
        None => Ok(()),
        Some(promises) => judged(promises, operation),
    }
}

#[cold]
#[inline(never)]
fn judged(promises: Promises, operation: Operation) -> Result<()> {
    promises.allow(operation).map_err(|missing| broken(promises, missing))
}

/// As [`promised`], for opening a path.
#[inline]
pub(crate) fn promised_open(path: &str, flags: OpenFlags) -> Result<()> {
    match pledge::promises() {
        None => Ok(()),
        Some(promises) => judged_open(promises, path, flags),
    }
}

#[cold]
#[inline(never)]
fn judged_open(promises: Promises, path: &str, flags: OpenFlags) -> Result<()> {
    let has = |flag: i32| flags & OpenFlags::from(flag as u32) == OpenFlags::from(flag as u32);
    if has(O_PATH) {
        return judged(promises, Operation::Look);
    }
    let access = match () {
        () if has(O_RDWR) => Promises::RPATH.or(Promises::WPATH),
        () if has(O_WRONLY) => Promises::WPATH,
        () => Promises::RPATH,
    };
    let access = if has(O_CREAT) { access.or(Promises::CPATH) } else { access };
    promises.allow_open(path, access).map_err(|missing| broken(promises, missing))
}

/// As [`promised`], for handles that are passed: who pledged passes no directories.
pub(crate) fn promised_passing(
    operation: Operation,
    mut handles: impl Iterator<Item = Number>,
) -> Result<()> {
    promised(operation)?;
    let Some(promises) = pledge::promises() else { return Ok(()) };
    let is_directory =
        |number| sys::file::fstat(number).is_ok_and(|stat| stat.st_mode & MODE_TYPE == MODE_DIR);
    match handles.any(is_directory) {
        true => Err(broken(promises, Missing(operation.needs().all.first().unwrap_or("")))),
        false => Ok(()),
    }
}

/// What a promise that was broken comes to.
fn broken(promises: Promises, Missing(word): Missing) -> Error {
    if promises.contain(Promises::ERROR) {
        return error(ENOSYS);
    }
    let name = startup::current().and_then(|startup| startup.args().next()).unwrap_or_default();
    let (name, number) = (name.to_str().unwrap_or("?"), sys::thread::process_number());
    // On the stack: a handler may have interrupted who makes memory.
    let mut said = Text::new();
    let _ = writeln!(said, "{name:.100}[{number}]: pledge \"{word}\"");
    // Nobody may be there to be told.
    let _ = set_deadline(Some(now(Clock::Monotonic).saturating_add(LAST_WORDS)));
    let _ = LastWords::new().write_str(said.text());
    end_by(SIGABRT)
}

/// What is said of a refusal of a path where `unveil` was called: `EACCES` for one that is visible, and
/// for a new name in a directory that is; `ENOENT` for one that is not.
pub(crate) fn unveiled<T>(from: Option<Number>, path: &str, answer: Result<T>) -> Result<T> {
    match answer {
        Err(Error { errno: ENOTCAPABLE }) if veil::is_active() && !confinement::is_entered() => {
            let above = clavis_rt::path::split_last(path).map_or("", |(above, _)| above);
            let above = if above.is_empty() { "." } else { above };
            let seen = |path| crate::names::look(from, path, Follow::NotLast).is_ok();
            Err(error(if seen(path) || seen(above) { EACCES } else { ENOENT }))
        }
        answer => answer,
    }
}
