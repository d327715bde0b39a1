//! Processes, as their handles show them.
#![expect(unsafe_code, reason = "calls into libc.a")]

use crate::c;
use crate::error::{Result, check};
use crate::handle::{AsNumber, Handle, HandleInfo, Number, owned};
use alloc::vec::Vec;
use clavis_abi::error::EAGAIN;
use clavis_abi::params::{self, AccountUsage, ExitKind, InspectRow, OUT_UPPER, Step, wait_flags};
use core::fmt;
use core::time::Duration;

#[cfg(feature = "std")]
pub use crate::standard::ignore;

/// Signal numbers that this crate names.
pub mod signal {
    /// Interrupt from the keyboard.
    pub const INTERRUPT: usize = 2;
    /// Quit from the keyboard.
    pub const QUIT: usize = 3;
    /// End at once.
    pub const KILL: usize = 9;
    /// Please end.
    pub const TERMINATE: usize = 15;
    /// Go on after a stop.
    pub const CONTINUE: usize = 18;
    /// Stand still at once.
    pub const STOP: usize = 19;
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// By itself, with this code.
    Exit(i32),
    /// By a signal.
    Signal(u32),
    /// By a fault at this address.
    Fault(u64),
    /// With its account.
    Killed,
    /// Memory that it had reserved could not be supplied.
    OutOfMemory,
}

/// What became of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It ended.
    Ended(ExitStatus),
    /// It was stopped, by a signal with this number.
    Stopped(u32),
    /// It was stopped and goes on.
    Continued,
}

impl ExitStatus {
    fn from_raw(status: &params::ExitStatus) -> ExitStatus {
        let is = |kind: ExitKind| status.kind == kind as u64;
        if is(ExitKind::Exit) {
            ExitStatus::Exit(status.code as i32)
        } else if is(ExitKind::Signal) {
            ExitStatus::Signal(status.code as u32)
        } else if is(ExitKind::Fault) {
            ExitStatus::Fault(status.code)
        } else if is(ExitKind::OutOfMemory) {
            ExitStatus::OutOfMemory
        } else {
            ExitStatus::Killed
        }
    }

    /// Whether it ended by itself with code 0.
    #[must_use]
    pub fn success(self) -> bool {
        self == ExitStatus::Exit(0)
    }

    /// The code that a shell shows: the exit code, or 128 + the signal that POSIX systems would
    /// have sent.
    #[must_use]
    pub fn shell_code(self) -> i32 {
        match self {
            ExitStatus::Exit(code) => code & 0xFF,
            ExitStatus::Signal(signal) => 128 + (signal & 0x7F) as i32,
            ExitStatus::Fault(_) => 128 + 11,
            ExitStatus::Killed | ExitStatus::OutOfMemory => 128 + 9,
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitStatus::Exit(code) => write!(f, "exit code {code}"),
            ExitStatus::Signal(signal) => write!(f, "ended by signal {signal}"),
            ExitStatus::Fault(address) => write!(f, "fault at {address:#x}"),
            ExitStatus::Killed => f.write_str("ended with its account"),
            ExitStatus::OutOfMemory => f.write_str("out of memory"),
        }
    }
}

/// A process that was started or opened.
#[derive(Debug)]
pub struct Child {
    handle: Handle,
}

impl Child {
    /// A process by its handle.
    #[must_use]
    pub fn from_handle(handle: Handle) -> Child {
        Child { handle }
    }

    /// Its handle.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Gives the handle away.
    #[must_use]
    pub fn into_handle(self) -> Handle {
        self.handle
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// Refused without WAIT.
    pub fn wait(&self) -> Result<ExitStatus> {
        wait(&self.handle)
    }

    /// How it ended, or `None` while it runs.
    ///
    /// # Errors
    /// Refused without WAIT.
    pub fn try_wait(&self) -> Result<Option<ExitStatus>> {
        match status(self.handle.number(), wait_flags::NONBLOCK) {
            Ok(status) => Ok(Some(ExitStatus::from_raw(&status))),
            Err(error) if error.errno() == EAGAIN => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits until it ends, is stopped, or goes on after a stop; each stop and continuation is told
    /// to one who waits.
    ///
    /// # Errors
    /// Refused without WAIT.
    pub fn wait_change(&self) -> Result<Change> {
        let status = status(self.handle.number(), wait_flags::STOPPED | wait_flags::CONTINUED)?;
        Ok(match status.kind {
            kind if kind == ExitKind::Stopped as u64 => Change::Stopped(status.code as u32),
            kind if kind == ExitKind::Continued as u64 => Change::Continued,
            _ => Change::Ended(ExitStatus::from_raw(&status)),
        })
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// Refused without SIGNAL; `ESRCH` when it has ended.
    pub fn signal(&self, signal: usize) -> Result<()> {
        send_signal(&self.handle, signal)
    }

    /// Ends it at once.
    ///
    /// # Errors
    /// As [`Child::signal`].
    pub fn kill(&self) -> Result<()> {
        self.signal(signal::KILL)
    }
}

/// Waits until the process behind a handle has ended.
///
/// # Errors
/// Refused without WAIT.
pub fn wait(process: &impl AsNumber) -> Result<ExitStatus> {
    Ok(ExitStatus::from_raw(&status(process.number(), 0)?))
}

fn status(process: Number, flags: u64) -> Result<params::ExitStatus> {
    let mut status = params::ExitStatus::default();
    // SAFETY: it writes one ExitStatus.
    check(unsafe { c::clavis_wait(process.raw(), flags, &raw mut status) })?;
    Ok(status)
}

/// What a process does at the moment; `None`: it runs, or is being built.
///
/// # Errors
/// Refused without WAIT.
pub fn state(process: &impl AsNumber) -> Result<Option<Change>> {
    let flags = wait_flags::NONBLOCK | wait_flags::STOPPED | wait_flags::KEEP;
    match status(process.number(), flags) {
        Ok(status) if status.kind == ExitKind::Stopped as u64 => {
            Ok(Some(Change::Stopped(status.code as u32)))
        }
        Ok(status) => Ok(Some(Change::Ended(ExitStatus::from_raw(&status)))),
        Err(error) if error.errno() == EAGAIN => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the account of a process may use and uses, with the numbers of the account and of the process
/// that made this one.
///
/// # Errors
/// Refused without INSPECT.
pub fn usage(process: &impl AsNumber) -> Result<AccountUsage> {
    crate::account::usage_of(process.number().raw() as u64)
}

/// Time that the threads of a process have spent on a CPU, in user mode and in the kernel.
///
/// # Errors
/// Refused without INSPECT.
pub fn cpu_time(process: &impl AsNumber) -> Result<Duration> {
    let process = process.number().raw() as u64;
    // SAFETY: no memory is involved.
    let spent = check(unsafe { c::clavis_cpu_time(process, params::cpu_time::PROCESS) })?;
    Ok(Duration::from_nanos(spent as u64))
}

/// Sends a signal to a process or to all processes of an account.
///
/// # Errors
/// Refused without SIGNAL; `ESRCH` when it has ended.
pub fn send_signal(target: &impl AsNumber, signal: usize) -> Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { c::clavis_signal(target.number().raw(), signal) }).map(drop)
}

/// A handle of an inspected process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number there.
    pub number: Number,
    /// What it is.
    pub info: HandleInfo,
    /// Number of the object, the same for all handles to it among objects of its type; 0: none is
    /// told. See [`InspectRow::object`].
    pub object: u64,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a handle comes from, as far as the kernel remembers: information, never authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// How it came to its number; `None`: in a way that this program does not know.
    pub step: Option<Step>,
    /// The process that opened or made what it points to; `None`: the kernel.
    pub maker: Option<u64>,
    /// The process that it came from.
    pub from: Option<u64>,
    /// Its number there; of what was opened, the one here that it was opened through. Upper ones
    /// have generation 0.
    pub via: Option<Number>,
}

impl Row {
    fn from_raw(row: &InspectRow) -> Row {
        let process = |number| (number != 0).then_some(number);
        Row {
            number: Number::from_raw(row.number as usize),
            info: HandleInfo::from_raw(&row.info),
            object: row.object,
            origin: Origin {
                step: Step::ALL.into_iter().find(|&step| step as u64 == row.step),
                maker: process(row.maker),
                from: process(row.from),
                via: params::long_number(row.via).map(Number::from_raw),
            },
        }
    }
}

/// Lists the handles of a process.
///
/// # Errors
/// Refused without INSPECT.
pub fn inspect(process: &impl AsNumber) -> Result<Vec<Row>> {
    const ROWS: usize = 32;
    let mut all = Vec::new();
    let mut cursor = 0;
    loop {
        let mut rows = [InspectRow::default(); ROWS];
        let number = process.number().raw();
        // SAFETY: it writes at most that many rows.
        let answer = unsafe { c::clavis_inspect(number, cursor, rows.as_mut_ptr(), ROWS) };
        let rows = rows.get(..check(answer)?).unwrap_or_default();
        all.extend(rows.iter().map(Row::from_raw));
        match rows.last() {
            Some(last) if last.next != 0 => cursor = last.next,
            _ => return Ok(all),
        }
    }
}

/// A handle with NAME only to what a number of an inspected process means: ask
/// [`crate::handle::path`] for its path.
///
/// # Errors
/// Refused without INSPECT and NAME.
pub fn borrow(process: &impl AsNumber, number: Number) -> Result<Handle> {
    // SAFETY: no memory is involved.
    owned(unsafe { c::clavis_borrow(process.number().raw(), number.raw(), OUT_UPPER) })
}

/// The number of this process: information, never authority.
#[must_use]
pub fn number() -> usize {
    // SAFETY: no memory is involved. The call cannot fail.
    unsafe { c::clavis_identity(0) }
}

/// Sets when this thread's blocking calls end with `ETIMEDOUT`, as nanoseconds of the monotonic
/// clock since boot; `None` removes the deadline.
///
/// # Errors
/// None known; the kernel's answer is passed on.
pub fn set_deadline(instant: Option<u64>) -> Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { c::clavis_set_deadline(instant.unwrap_or(0)) }).map(drop)
}
