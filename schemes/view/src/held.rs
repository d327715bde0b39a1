//! Files that a view serves itself, where those of the file system below do not do as they are.
use crate::lower::Lower;
use clavis_abi::Rights;
use syscall::error::{EBADF, Error, Result};

/// What becomes of a file that was opened.
#[derive(Debug)]
pub enum Given<H> {
    /// It is handed over: this number of the process.
    Over(usize),
    /// The view keeps it, and serves it.
    Kept(H),
    /// The same, with at most these rights, and the flags that it was opened with.
    Narrowed(H, Rights, u64),
}

/// A file system whose files are handed over, or served by who serves the view.
pub trait Held: Lower {
    /// What becomes of an open file.
    fn give(&self, file: Self::Handle) -> Given<Self::Handle>;

    /// Reads a file that is kept.
    ///
    /// # Errors
    /// `EBADF`, as none is; what the file system answers.
    fn read(&self, _file: &Self::Handle, _offset: u64, _into: &mut [u8]) -> Result<usize> {
        Err(Error::new(EBADF))
    }

    /// Writes to a file that is kept, at its end without an offset.
    ///
    /// # Errors
    /// As [`Held::read`].
    fn write(&self, _file: &Self::Handle, _offset: Option<u64>, _from: &[u8]) -> Result<usize> {
        Err(Error::new(EBADF))
    }

    /// Makes a file that is kept that long.
    ///
    /// # Errors
    /// As [`Held::read`].
    fn truncate(&self, _file: &Self::Handle, _length: u64) -> Result<()> {
        Err(Error::new(EBADF))
    }
}
