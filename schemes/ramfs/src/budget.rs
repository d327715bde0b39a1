//! What the file system may keep.
use serde::{Deserialize, Serialize};
use syscall::error::{ENOSPC, Error, Result};

/// A bound on bytes, and how much of it is in use.
#[derive(Debug, Serialize, Deserialize)]
pub struct Budget {
    limit: u64,
    used: u64,
}

impl Budget {
    /// A budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self { limit, used: 0 }
    }

    /// Takes `bytes`.
    ///
    /// # Errors
    /// `ENOSPC` when less is left.
    pub fn take(&mut self, bytes: u64) -> Result<()> {
        match self.used.checked_add(bytes) {
            Some(used) if used <= self.limit => {
                self.used = used;
                Ok(())
            }
            _ => Err(Error::new(ENOSPC)),
        }
    }

    /// Gives `bytes` back.
    pub fn give(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// Bytes in all.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes in use.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Bytes left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}
