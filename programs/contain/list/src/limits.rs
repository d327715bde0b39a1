//! What an account may use.
use crate::Misuse;
use alloc::format;
use clavis_abi::PAGE_SIZE;
use clavis_abi::params::AccountLimits;

/// Bytes of kernel objects that a handle may bring along, and what a process needs before.
const KERNEL_BYTES: (u64, u64) = (512, 4 << 20);
/// Requests that may be left with servers.
const REQUESTS: u64 = 64;

/// What a program and all that it starts may use together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: u64,
    /// Handles.
    pub handles: u64,
    /// Threads.
    pub threads: u64,
    /// Bytes of what a dry run keeps, in the memory of who runs it.
    pub changes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { memory: 64 << 20, handles: 1024, threads: 64, changes: 32 << 20 }
    }
}

impl Limits {
    /// Takes over what `memory=64M,handles=100,threads=8` says; what it does not mention stays.
    ///
    /// # Errors
    /// A word that makes no sense.
    pub fn read(&mut self, text: &str) -> Result<(), Misuse> {
        for part in text.split(',') {
            let misuse = || Misuse(format!("{part}: a limit is NAME=NUMBER"));
            let (name, value) = part.split_once('=').ok_or_else(misuse)?;
            match name {
                "memory" => self.memory = bytes(value).ok_or_else(misuse)?,
                "handles" => self.handles = value.parse().map_err(|_| misuse())?,
                "changes" => self.changes = bytes(value).ok_or_else(misuse)?,
                "threads" => self.threads = value.parse().map_err(|_| misuse())?,
                _ => {
                    let known = "memory, handles, threads and changes";
                    return Err(Misuse(format!("{name}: no such limit; there are {known}")));
                }
            }
        }
        Ok(())
    }

    /// As the kernel counts.
    #[must_use]
    pub fn account(&self) -> AccountLimits {
        let (each, base) = KERNEL_BYTES;
        let objects = self.handles.saturating_add(self.threads.saturating_mul(16));
        AccountLimits {
            frames: self.memory / PAGE_SIZE as u64,
            handles: self.handles,
            threads: self.threads,
            requests: REQUESTS,
            kernel_bytes: objects.saturating_mul(each).saturating_add(base),
        }
    }
}

/// A number of bytes: `4096`, `512K`, `64M`, `2G`.
fn bytes(text: &str) -> Option<u64> {
    let (digits, unit) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) => (digits, text.get(digits.len()..)?),
        None => (text, ""),
    };
    let shift = match unit {
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => 0,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_one_by_one() {
        let mut limits = Limits::default();
        limits.read("memory=8M,threads=2").unwrap();
        let expected = Limits { memory: 8 << 20, threads: 2, ..Limits::default() };
        assert_eq!(limits, expected);
        limits.read("handles=9,changes=1M").unwrap();
        assert_eq!(limits, Limits { handles: 9, changes: 1 << 20, ..expected });
        assert_eq!(limits.account().frames, 2048);
        for text in ["memory", "memory=", "memory=1T", "threads=x", "cpus=1", "handles=-1", ""] {
            assert!(limits.clone().read(text).is_err(), "{text}");
        }
        assert!(limits.read(&format!("memory={}G", u64::MAX)).is_err());
    }

    #[test]
    fn a_number_of_bytes_may_have_a_unit() {
        for (text, count) in [("0", 0), ("4096", 4096), ("2K", 2048), ("1M", 1 << 20)] {
            assert_eq!(bytes(text), Some(count));
        }
        assert_eq!(bytes("K"), None);
    }
}
