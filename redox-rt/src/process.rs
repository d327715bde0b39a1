//! Processes, as their handles show them.
use crate::handle::{Handle, Number, Place};
use crate::startup;
use crate::sys;
use alloc::vec::Vec;
use clavis_abi::error::{EIO, Error, Result};
use clavis_abi::params::{ExitKind, ExitStatus, InspectRow, wait_flags};
use clavis_abi::startup::EntryKind;

/// The signal that ends a process at once.
pub const SIGKILL: usize = 9;
/// Rows asked for at once.
const INSPECT_ROWS: usize = 16;

/// A process that this one may wait for.
#[derive(Debug)]
pub struct Process {
    handle: Handle,
}

impl Process {
    /// A process by its handle.
    #[must_use]
    pub fn from_handle(handle: Handle) -> Process {
        Process { handle }
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
    /// `EKEYREJECTED` without WAIT, `EINTR`.
    pub fn wait(&self) -> Result<ExitStatus> {
        wait(self.handle.number())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// `EKEYREJECTED` without SIGNAL, `EINVAL`, `ESRCH` when it has ended.
    pub fn signal(&self, signal: usize) -> Result<()> {
        sys::clavis::signal(self.handle.number(), signal)
    }
}

/// Waits until the process behind a handle has ended.
///
/// # Errors
/// As [`Process::wait`].
pub fn wait(process: Number) -> Result<ExitStatus> {
    sys::clavis::wait(process, 0)
}

/// Answers how the process behind a handle has ended, without waiting.
///
/// # Errors
/// `EAGAIN` while it runs; as [`Process::wait`].
pub fn try_wait(process: Number) -> Result<ExitStatus> {
    sys::clavis::wait(process, wait_flags::NONBLOCK)
}

/// The exit code that a shell shows for a status: the code itself, 128 + the number of a signal,
/// or 128 + the signal that POSIX systems use for such an end.
#[must_use]
pub fn shell_code(status: &ExitStatus) -> i32 {
    const SIGSEGV: i32 = 11;
    const SIGKILL: i32 = 9;
    let code = status.code as i32;
    match status.kind {
        kind if kind == ExitKind::Exit as u64 => code & 0xFF,
        kind if kind == ExitKind::Signal as u64 => 128 + (code & 0x7F),
        kind if kind == ExitKind::Fault as u64 => 128 + SIGSEGV,
        _ => 128 + SIGKILL,
    }
}

/// Lists the handles of a process.
///
/// # Errors
/// `EKEYREJECTED` without INSPECT.
pub fn inspect(process: Number) -> Result<Vec<InspectRow>> {
    let mut all = Vec::new();
    let mut cursor = 0;
    loop {
        let mut rows = [InspectRow::default(); INSPECT_ROWS];
        let count = sys::clavis::inspect(process, cursor, &mut rows)?;
        let Some(filled) = rows.get(..count) else { return Err(Error::new(EIO)) };
        all.extend_from_slice(filled);
        match filled.last() {
            Some(last) if last.next != 0 => cursor = last.next,
            _ => return Ok(all),
        }
    }
}

/// The path of what a number of an inspected process means.
///
/// # Errors
/// `EKEYREJECTED` without INSPECT and NAME; what the server answers.
pub fn path_of(process: Number, number: Number) -> Result<alloc::string::String> {
    let handle = sys::clavis::borrow(process, number, Place::Upper)?;
    crate::namespace::path_of(handle.number())
}

/// The handle to this process, if its builder gave it one.
#[must_use]
pub fn own() -> Option<Number> {
    startup::handle(EntryKind::SelfProcess)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_can_tell_an_exit_from_a_signal() {
        let code = |kind: ExitKind, code| shell_code(&ExitStatus { kind: kind as u64, code });
        assert_eq!(code(ExitKind::Exit, 3), 3);
        assert_eq!(code(ExitKind::Exit, u64::MAX), 255);
        assert_eq!(code(ExitKind::Signal, 2), 130);
        assert_eq!(code(ExitKind::Fault, 0xdead_beef), 139);
        assert_eq!(code(ExitKind::Killed, 0), 137);
    }
}
