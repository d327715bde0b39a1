//! Accounts: who pays, and who ends together.
#![expect(unsafe_code, reason = "calls into libc.a")]

use crate::c;
use crate::error::{Result, check};
use crate::handle::{AsNumber, Handle, owned};
use crate::process;
use clavis_abi::params::{AccountLimits, AccountUsage, OUT_UPPER};
use clavis_abi::runtime::OWN;

/// Limits that only the parents bound.
pub const UNLIMITED: AccountLimits = AccountLimits {
    frames: u64::MAX,
    handles: u64::MAX,
    threads: u64::MAX,
    requests: u64::MAX,
    kernel_bytes: u64::MAX,
};

/// An account that this process made or was given.
#[derive(Debug)]
pub struct Account {
    handle: Handle,
}

impl AsNumber for Account {
    fn number(&self) -> crate::Number {
        self.handle.number()
    }
}

impl Account {
    /// Makes an account beneath this process' own.
    ///
    /// # Errors
    /// `ENOENT` when this process has none; `EINVAL` beyond the depth.
    pub fn new(limits: &AccountLimits) -> Result<Account> {
        make(OWN, limits)
    }

    /// Makes an account beneath another.
    ///
    /// # Errors
    /// Refused without MANAGE; `EINVAL` beyond the depth.
    pub fn beneath(parent: &impl AsNumber, limits: &AccountLimits) -> Result<Account> {
        make(parent.number().raw() as u64, limits)
    }

    /// An account by its handle.
    #[must_use]
    pub fn from_handle(handle: Handle) -> Account {
        Account { handle }
    }

    /// Its handle.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What it may use and uses.
    ///
    /// # Errors
    /// Refused without INSPECT.
    pub fn usage(&self) -> Result<AccountUsage> {
        usage_of(self.number().raw() as u64)
    }

    /// Sends a signal to all its processes.
    ///
    /// # Errors
    /// Refused without SIGNAL.
    pub fn signal(&self, signal: usize) -> Result<()> {
        process::send_signal(&self.handle, signal)
    }

    /// Sends a signal to those of its processes that are in a group (0: to all).
    ///
    /// # Errors
    /// Refused without SIGNAL.
    pub fn signal_group(&self, group: usize, signal: usize) -> Result<()> {
        // SAFETY: no memory is involved.
        check(unsafe { c::clavis_signal_group(self.number().raw(), group, signal) }).map(drop)
    }

    /// Ends all its processes.
    ///
    /// # Errors
    /// Refused without SIGNAL.
    pub fn kill(&self) -> Result<()> {
        self.signal(process::signal::KILL)
    }
}

/// What this process' own account may use and uses.
///
/// # Errors
/// `ENOENT` when it has none.
pub fn own_usage() -> Result<AccountUsage> {
    usage_of(OWN)
}

fn make(parent: u64, limits: &AccountLimits) -> Result<Account> {
    // SAFETY: it reads the limits.
    let handle = owned(unsafe { c::clavis_account(parent, &raw const *limits, OUT_UPPER) })?;
    Ok(Account { handle })
}

pub(crate) fn usage_of(account: u64) -> Result<AccountUsage> {
    let mut usage = AccountUsage::default();
    // SAFETY: it writes one AccountUsage.
    check(unsafe { c::clavis_usage(account, &raw mut usage) })?;
    Ok(usage)
}
