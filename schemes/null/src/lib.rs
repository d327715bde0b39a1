//! Files that have no end, or nothing but an end: what reading and writing them means.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

use syscall::error::{EEXIST, ENOENT, ENOTDIR, EROFS, Error, Result};
use syscall::flag::{O_CREAT, O_DIRECTORY, O_EXCL};

/// One of the files; each is a scheme of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Nothing to read; swallows what is written.
    Null,
    /// Zeros without end.
    Zero,
    /// Random bytes without end.
    Random,
}

/// Where random bytes come from.
pub trait Source {
    /// Fills the whole of `out`.
    ///
    /// # Errors
    /// When the source is gone.
    fn fill(&mut self, out: &mut [u8]) -> Result<()>;
}

impl Device {
    /// All of them.
    pub const ALL: [Device; 3] = [Device::Null, Device::Zero, Device::Random];

    /// The name of its scheme.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Device::Null => "null",
            Device::Zero => "zero",
            Device::Random => "rand",
        }
    }

    /// Checks an open: the scheme is one file, there is nothing beneath.
    ///
    /// # Errors
    /// `ENOENT` and `EROFS` (for new names) beneath the file, `ENOTDIR` when it shall be a
    /// directory, `EEXIST` when it shall be new.
    pub fn open(self, path: &str, flags: usize) -> Result<()> {
        if !path.trim_matches('/').is_empty() {
            return Err(Error::new(if flags & O_CREAT != 0 { EROFS } else { ENOENT }));
        }
        if flags & O_DIRECTORY != 0 || path.ends_with('/') {
            return Err(Error::new(ENOTDIR));
        }
        if flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL {
            return Err(Error::new(EEXIST));
        }
        Ok(())
    }

    /// Reads.
    ///
    /// # Errors
    /// What the source of random bytes answers.
    pub fn read(self, out: &mut [u8], source: &mut impl Source) -> Result<usize> {
        match self {
            Device::Null => return Ok(0),
            Device::Zero => out.fill(0),
            Device::Random => source.fill(out)?,
        }
        Ok(out.len())
    }

    /// Writes: everything is taken and forgotten.
    #[must_use]
    pub fn write(self, data: &[u8]) -> usize {
        data.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sevens;

    impl Source for Sevens {
        fn fill(&mut self, out: &mut [u8]) -> Result<()> {
            out.fill(7);
            Ok(())
        }
    }

    #[test]
    fn null_ends_at_once_and_the_others_never() {
        let mut out = [1; 4];
        assert_eq!(Device::Null.read(&mut out, &mut Sevens), Ok(0));
        assert_eq!(out, [1; 4]);
        assert_eq!(Device::Zero.read(&mut out, &mut Sevens), Ok(4));
        assert_eq!(out, [0; 4]);
        assert_eq!(Device::Random.read(&mut out, &mut Sevens), Ok(4));
        assert_eq!(out, [7; 4]);
        assert!(Device::ALL.iter().all(|device| device.write(&out) == 4));
    }

    #[test]
    fn there_is_nothing_beneath_the_file() {
        for device in Device::ALL {
            assert_eq!(device.open("", 0), Ok(()));
            assert_eq!(device.open("", O_CREAT), Ok(()));
            assert_eq!(device.open("x", 0).unwrap_err().errno, ENOENT);
            assert_eq!(device.open("x", O_CREAT).unwrap_err().errno, EROFS);
            assert_eq!(device.open("", O_DIRECTORY).unwrap_err().errno, ENOTDIR);
        }
    }
}
