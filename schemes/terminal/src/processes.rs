//! The processes of a job, behind a handle of their account.
use crate::{Job, Signal};
use clavis::account::Account;
use clavis::{Handle, Number};

/// A job: an account, or the processes of a group in it.
pub struct Processes {
    account: Account,
    group: u32,
}

impl Processes {
    /// By the number of the account's handle, and the group (0: all).
    #[must_use]
    pub fn new(number: usize, group: u32) -> Self {
        let handle = Handle::from_number(Number::from_raw(number));
        Self { account: Account::from_handle(handle), group }
    }
}

impl Job for Processes {
    fn signal(&self, signal: Signal) -> bool {
        let alive = self.account.usage().is_ok_and(|usage| usage.processes != 0);
        alive && self.account.signal_group(self.group as usize, signal as usize).is_ok()
    }

    fn group(&self) -> u32 {
        self.group
    }
}
