//! Advisory locks of files: `flock`, `lockf` and the record locks of `fcntl`. Whether there are
//! any is for the file's server to say.
//!
//! Servers answer a lock that is in the way at once; who wants to wait asks again after a while.
use crate::errno::{error, status};
use crate::pointer::{get, handle, put};
use crate::promises::{Operation, promised};
use clavis_abi::error::{Error, Result};
use clavis_rt::Number;
use clavis_rt::fs;
use clavis_rt::sys::file;
use clavis_rt::sys::time;
use core::ffi::{c_int, c_short, c_void};
use libc::{
    EAGAIN, EINVAL, EOVERFLOW, ESRCH, EWOULDBLOCK, F_GETLK, F_LOCK, F_SETLK, F_SETLKW, F_TEST,
    F_TLOCK, F_ULOCK, LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, O_EXLOCK, O_NONBLOCK, O_SHLOCK, SEEK_CUR,
    SEEK_END, SEEK_SET, off_t, pid_t,
};
use syscall::data::TimeSpec;

/// Bit 63: of the start it says that the lock belongs to the open file, not to the process; of the
/// length, that it is exclusive.
const TOP: u64 = 1 << 63;
/// Kinds in a record lock, which the `libc` crate does not name for this target.
const READ_LOCK: c_short = 0;
const WRITE_LOCK: c_short = 1;
const NO_LOCK: c_short = 2;
/// Nanoseconds between two attempts: at first, and at most.
const PAUSES: (u128, u128) = (500_000, 20_000_000);

/// What a caller does when a lock is in the way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    GiveUp,
    Wait,
}

/// A range and whose lock it is to be, as servers take it.
#[derive(Clone, Copy)]
struct Words {
    start: u64,
    length: u64,
}

/// Takes a lock. `EWOULDBLOCK` when one is in the way; `EINTR` when a signal ended the waiting.
fn take(number: Number, words: Words, exclusive: bool, patience: Patience) -> Result<()> {
    let length = words.length | if exclusive { TOP } else { 0 };
    let mut pause = PAUSES.0;
    loop {
        match fs::lock(number, words.start, length) {
            Err(Error { errno: EWOULDBLOCK | EAGAIN }) if patience == Patience::Wait => {
                time::nanosleep(&TimeSpec::from_nanos(pause), None)?;
                pause = (pause * 2).min(PAUSES.1);
            }
            Err(Error { errno: EAGAIN }) => return Err(error(EWOULDBLOCK)),
            result => return result,
        }
    }
}

/// The whole of a file, for who opened it.
const WHOLE: Words = Words { start: TOP, length: 0 };

/// Locks what was just opened, as `O_SHLOCK` or `O_EXLOCK` ask; with `O_NONBLOCK` without waiting.
pub(crate) fn opened(number: Number, flags: c_int) -> Result<()> {
    let patience = if flags & O_NONBLOCK != 0 { Patience::GiveUp } else { Patience::Wait };
    match flags & (O_SHLOCK | O_EXLOCK) {
        0 => Ok(()),
        O_SHLOCK => take(number, WHOLE, false, patience),
        O_EXLOCK => take(number, WHOLE, true, patience),
        _ => Err(error(EINVAL)),
    }
}

/// The file behind a descriptor, of who promised to take locks.
fn locked(descriptor: c_int) -> Result<Number> {
    promised(Operation::Lock).and_then(|()| handle(descriptor))
}

/// Locks the whole file for this open file, shared or alone, or lets it go; with `LOCK_NB` a lock
/// in the way is `EWOULDBLOCK`. `EOPNOTSUPP` where the server has no locks.
#[unsafe(no_mangle)]
pub extern "C" fn flock(descriptor: c_int, operation: c_int) -> c_int {
    let patience = if operation & LOCK_NB != 0 { Patience::GiveUp } else { Patience::Wait };
    status(locked(descriptor).and_then(|number| match operation & !LOCK_NB {
        LOCK_SH => take(number, WHOLE, false, patience),
        LOCK_EX => take(number, WHOLE, true, patience),
        LOCK_UN => fs::unlock(number, WHOLE.start, WHOLE.length),
        _ => Err(error(EINVAL)),
    }))
}

/// The bytes that an offset, counted from somewhere, and a length mean: a negative length lies
/// before the offset, 0 reaches to the end.
fn range(number: Number, whence: c_int, offset: off_t, length: off_t) -> Result<Words> {
    let from = match whence {
        SEEK_SET => 0,
        SEEK_CUR => file::lseek(number, 0, SEEK_CUR as usize)? as off_t,
        SEEK_END => file::fstat(number)?.st_size as off_t,
        _ => return Err(error(EINVAL)),
    };
    let start = from.checked_add(offset).ok_or(error(EOVERFLOW))?;
    let first = if length < 0 { start.checked_add(length) } else { Some(start) };
    let first = first.ok_or(error(EINVAL))?;
    let start = u64::try_from(first).map_err(|_| error(EINVAL))?;
    let length = length.unsigned_abs();
    if start.checked_add(length).is_none_or(|end| end >= TOP) {
        return Err(error(EOVERFLOW));
    }
    Ok(Words { start, length })
}

/// Locks bytes from the present offset on for the process, lets them go, or asks whether they are
/// free. `EAGAIN` when a lock is in the way.
#[unsafe(no_mangle)]
pub extern "C" fn lockf(descriptor: c_int, command: c_int, length: off_t) -> c_int {
    status(locked(descriptor).and_then(|number| {
        let words = range(number, SEEK_CUR, 0, length)?;
        match command {
            F_ULOCK => fs::unlock(number, words.start, words.length),
            F_LOCK => take(number, words, true, Patience::Wait),
            F_TLOCK => take(number, words, true, Patience::GiveUp).map_err(again),
            F_TEST => match in_the_way(number, words, true)? {
                Some(_) => Err(error(EAGAIN)),
                None => Ok(()),
            },
            _ => Err(error(EINVAL)),
        }
    }))
}

/// What POSIX calls a lock that is in the way of a record lock.
fn again(refused: Error) -> Error {
    if refused.errno == EWOULDBLOCK { error(EAGAIN) } else { refused }
}

/// A lock of somebody else: start, length, whether it is exclusive, and the process (0: none).
type Held = (u64, u64, bool, usize);

fn in_the_way(number: Number, words: Words, exclusive: bool) -> Result<Option<Held>> {
    let length = words.length | if exclusive { TOP } else { 0 };
    match fs::get_lock(number, words.start, length) {
        Ok((process, start, length)) => {
            Ok(Some((start & !TOP, length & !TOP, length & TOP != 0, process)))
        }
        Err(Error { errno: ESRCH }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// C's record lock on this target.
#[derive(Clone, Copy)]
#[repr(C)]
struct Record {
    kind: c_short,
    whence: c_short,
    start: off_t,
    length: off_t,
    process: pid_t,
}

/// The record locks of `fcntl`.
///
/// # Safety
/// The argument is what the command takes: a record lock.
pub(crate) unsafe fn record(number: Number, command: c_int, place: *mut c_void) -> Result<c_int> {
    promised(Operation::Lock)?;
    let place = place.cast::<Record>();
    // SAFETY: the caller's promise.
    let wanted = unsafe { get(place.cast_const()) }?;
    let words = range(number, c_int::from(wanted.whence), wanted.start, wanted.length)?;
    match (command, wanted.kind) {
        (F_GETLK, READ_LOCK | WRITE_LOCK) => {
            let held = in_the_way(number, words, wanted.kind == WRITE_LOCK)?;
            let answer = match held {
                None => Record { kind: NO_LOCK, ..wanted },
                Some((start, length, exclusive, process)) => Record {
                    kind: if exclusive { WRITE_LOCK } else { READ_LOCK },
                    whence: SEEK_SET as c_short,
                    start: start as off_t,
                    length: length as off_t,
                    process: if process == 0 { -1 } else { process as pid_t },
                },
            };
            // SAFETY: the caller's promise.
            unsafe { put(place, answer) }?;
        }
        (F_SETLK | F_SETLKW, NO_LOCK) => fs::unlock(number, words.start, words.length)?,
        (F_SETLK | F_SETLKW, READ_LOCK | WRITE_LOCK) => {
            let patience = if command == F_SETLKW { Patience::Wait } else { Patience::GiveUp };
            take(number, words, wanted.kind == WRITE_LOCK, patience).map_err(again)?;
        }
        _ => return Err(error(EINVAL)),
    }
    Ok(0)
}
