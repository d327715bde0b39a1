//! How a process ended.
use clavis_rt::abi::params::{ExitKind, ExitStatus};
use clavis_rt::process::{self, SIGKILL};
use clavis_rt::{Handle, Number, account};
use core::fmt;
use service_manifest::Ending;

/// Signals by which people end processes.
const KILL: u64 = SIGKILL as u64;
const TERMINATE: u64 = 15;

/// The status of a process that ended.
pub(crate) struct Ended(ExitStatus);

impl Ended {
    /// Of this process; `None`: it has not ended.
    pub(crate) fn of(process: &Handle) -> Option<Ended> {
        process::try_wait(process.number()).ok().map(Ended)
    }

    /// What it says about the service.
    pub(crate) fn ending(&self) -> Ending {
        let code = self.0.code;
        match self.0.kind {
            kind if kind == ExitKind::Exit as u64 && code == 0 => Ending::Success,
            kind if kind == ExitKind::Killed as u64 => Ending::Killed,
            kind if kind == ExitKind::Signal as u64 && (code == KILL || code == TERMINATE) => {
                Ending::Killed
            }
            _ => Ending::Failure,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.0.code;
        match self.0.kind {
            kind if kind == ExitKind::Exit as u64 => write!(f, "exited with {code}"),
            kind if kind == ExitKind::Signal as u64 => write!(f, "was ended by signal {code}"),
            kind if kind == ExitKind::Fault as u64 => write!(f, "faulted at {code:#x}"),
            kind if kind == ExitKind::OutOfMemory as u64 => f.write_str("ran out of memory"),
            _ => f.write_str("was killed"),
        }
    }
}

/// Whether an account has processes.
pub(crate) fn is_alive(account: Number) -> bool {
    account::usage(account).is_ok_and(|usage| usage.processes > 0)
}
