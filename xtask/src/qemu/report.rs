//! Telling a person how a run went wrong.
use std::path::Path;

use crate::qemu::symbols;
use crate::qemu::{End, Outcome};

/// Lines of the log that are shown.
const SHOWN: usize = 50;

/// Prints on stderr what ended a run before its time: the reason, the last lines of the log, and
/// for a panic the names of the addresses in them.
pub(crate) fn explain(outcome: &Outcome, kernel: &Path, timeout: Option<u64>) {
    let lines = outcome.log.last_lines(SHOWN);
    eprintln!("--- the last {} lines of the guest's log ---", lines.len());
    for line in &lines {
        eprintln!("{line}");
    }
    eprintln!("--- the whole log: {} ---", outcome.log.path().display());
    let trace = symbols::resolve(kernel, &lines);
    if !trace.is_empty() {
        eprintln!("--- kernel addresses in these lines ---");
        for line in trace {
            eprintln!("{line}");
        }
    }
    match outcome.end {
        End::PowerOff => eprintln!("xtask: the guest powered off without sending an exit status"),
        End::Panic => eprintln!("xtask: the kernel panicked"),
        End::Restarted => eprintln!("xtask: the guest restarted without sending an exit status"),
        End::InitEnded => eprintln!("xtask: init ended, so the machine restarted"),
        End::BootFailed => eprintln!("xtask: the bootloader could not start the system"),
        End::TimedOut => eprintln!("xtask: the time was over after {} s", timeout.unwrap_or(0)),
        End::Interrupted => eprintln!("xtask: interrupted"),
        End::Died(status) => eprintln!("xtask: QEMU ended unexpectedly ({status})"),
    }
}
