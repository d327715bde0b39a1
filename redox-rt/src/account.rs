//! Accounts: who pays, and who ends together.
use crate::handle::{Handle, Number, Place};
use crate::startup;
use crate::sys;
use clavis_abi::error::Result;
use clavis_abi::params::{AccountLimits, AccountUsage};
use clavis_abi::startup::EntryKind;
use core::sync::atomic::{AtomicBool, Ordering};

static GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// Limits that only the parents bound.
pub const UNLIMITED: AccountLimits = AccountLimits {
    frames: u64::MAX,
    handles: u64::MAX,
    threads: u64::MAX,
    requests: u64::MAX,
    kernel_bytes: u64::MAX,
};

/// The account that this process creates children in, if it was given one.
#[must_use]
pub fn own() -> Option<Number> {
    startup::handle(EntryKind::Account).filter(|_| !GIVEN_UP.load(Ordering::Relaxed))
}

/// Closes it: this process creates no children any more.
pub(crate) fn give_up() {
    if let Some(account) = own() {
        GIVEN_UP.store(true, Ordering::Relaxed);
        // It is open: nobody else closes it.
        let _ = sys::file::close(account);
    }
}

/// Makes an account beneath another.
///
/// # Errors
/// See the call table.
pub fn create(parent: Number, limits: &AccountLimits, place: Place) -> Result<Handle> {
    sys::clavis::create_account(parent, limits, place)
}

/// What it may use and uses.
///
/// # Errors
/// See the call table.
pub fn usage(account: Number) -> Result<AccountUsage> {
    sys::clavis::usage(account)
}

/// Sends a signal to all its processes; 9 ends them.
///
/// # Errors
/// See the call table.
pub fn signal(account: Number, signal: usize) -> Result<()> {
    sys::clavis::signal(account, signal)
}
