//! The file system below, as far as it holds bytes.
use crate::lower::Lower;
use syscall::error::{EIO, Error, Result};

/// A file system whose files can be read and written.
pub trait Store: Lower {
    /// Reads; fewer bytes than asked for at the end alone.
    ///
    /// # Errors
    /// What the file system answers.
    fn read(&self, of: &Self::Handle, offset: u64, into: &mut [u8]) -> Result<usize>;

    /// Writes; the answer is how much.
    ///
    /// # Errors
    /// What the file system answers.
    fn write(&self, of: &Self::Handle, offset: u64, from: &[u8]) -> Result<usize>;

    /// Cuts.
    ///
    /// # Errors
    /// What the file system answers.
    fn cut(&self, of: &Self::Handle, length: u64) -> Result<()>;
}

/// Reads all of it.
///
/// # Errors
/// `EIO`: there is less; what the file system answers.
pub fn read_whole<S: Store>(
    store: &S,
    of: &S::Handle,
    mut offset: u64,
    mut into: &mut [u8],
) -> Result<()> {
    while !into.is_empty() {
        let read = store.read(of, offset, into)?;
        into = into.get_mut(read..).filter(|_| read > 0).ok_or(Error::new(EIO))?;
        offset = offset.saturating_add(read as u64);
    }
    Ok(())
}

/// Writes all of it.
///
/// # Errors
/// What the file system answers.
pub fn write_whole<S: Store>(
    store: &S,
    of: &S::Handle,
    mut offset: u64,
    mut from: &[u8],
) -> Result<()> {
    while !from.is_empty() {
        let written = store.write(of, offset, from)?;
        from = from.get(written..).filter(|_| written > 0).ok_or(Error::new(EIO))?;
        offset = offset.saturating_add(written as u64);
    }
    Ok(())
}
