//! What POSIX asks of processes: fork, exec, signals.
#[path = "../common/mod.rs"]
mod common;
mod exec;
mod fork;
mod signals;

use clavis_abi::params::{AccountLimits, ExitKind, ExitStatus};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::{MapFlags, O_RDWR};
use clavis_sim::{Give, Thread};

const USR1: u64 = 10;
const TERM: u64 = 15;
const PIPE: u64 = 13;

fn pipe(t: &mut Thread) -> (usize, usize) {
    let factory = t.entry(EntryKind::FactoryPipe);
    let reader = t.open(factory, "", O_RDWR as u64).unwrap();
    let writer = t.dup_message(reader, b"write").unwrap();
    (reader, writer)
}

fn anonymous(t: &mut Thread, pages: usize, sharing: MapFlags) -> u64 {
    let flags = MapFlags::PROT_READ | MapFlags::PROT_WRITE | sharing;
    t.mmap(usize::MAX, 0, pages * 4096, flags).unwrap() as u64
}

fn ended(kind: ExitKind, code: u64) -> ExitStatus {
    ExitStatus { kind: kind as u64, code }
}

fn exited(code: u64) -> ExitStatus {
    ended(ExitKind::Exit, code)
}

/// Runs code in a process of its own in an account of its own, with that account at 100.
fn apart(
    t: &mut Thread,
    limits: AccountLimits,
    gives: &[Give],
    code: impl FnOnce(&mut Thread) + Send + 'static,
) -> (usize, usize) {
    let root = t.entry(EntryKind::Account);
    let account = t.account(root, &limits).unwrap();
    let mut gives = gives.to_vec();
    gives.push(Give::all(account, 100));
    (t.process(account, &gives, code).unwrap(), account)
}

const UNLIMITED: AccountLimits = AccountLimits {
    frames: u64::MAX,
    handles: u64::MAX,
    threads: u64::MAX,
    requests: u64::MAX,
    kernel_bytes: u64::MAX,
};
