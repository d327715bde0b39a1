//! What `/scheme/greet` is, apart from how requests arrive: tested on the host.
#![forbid(unsafe_code)]

use slab::Slab;
use syscall::error::{EBADF, EISDIR, ENOENT, Error, Result};

/// What clients have open: the number that the kernel passes is the place in the slab.
#[derive(Debug, Default)]
pub struct State {
    open: Slab<Open>,
}

/// Something that is open.
#[derive(Debug, PartialEq, Eq)]
pub enum Open {
    /// The directory that the scheme's name stands for.
    Root,
    /// A file, and what it reads as.
    File(String),
}

impl State {
    /// What a number stands for.
    ///
    /// # Errors
    /// `EBADF` when it is not open.
    pub fn get(&self, number: usize) -> Result<&Open> {
        self.open.get(number).ok_or(Error::new(EBADF))
    }

    /// Opens the root.
    pub fn root(&mut self) -> usize {
        self.open.insert(Open::Root)
    }

    /// Opens a name beneath the root.
    ///
    /// # Errors
    /// `EBADF`, or `ENOENT` for what is no name.
    pub fn open(&mut self, directory: usize, name: &str) -> Result<usize> {
        let Open::Root = self.get(directory)? else { return Err(Error::new(ENOENT)) };
        if name.is_empty() || name.contains('/') {
            return Err(Error::new(ENOENT));
        }
        Ok(self.open.insert(Open::File(format!("hello, {name}\n"))))
    }

    /// The text from an offset on.
    ///
    /// # Errors
    /// `EBADF`, `EISDIR`.
    pub fn read(&self, number: usize, offset: u64) -> Result<&str> {
        let Open::File(text) = self.get(number)? else { return Err(Error::new(EISDIR)) };
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(text.get(from..).unwrap_or(""))
    }

    /// The last handle to what was opened is gone.
    pub fn close(&mut self, number: usize) {
        self.open.try_remove(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_as_its_text_from_any_offset() {
        let mut state = State::default();
        let root = state.root();
        let file = state.open(root, "you").unwrap();
        assert_eq!(state.read(file, 0).unwrap(), "hello, you\n");
        assert_eq!(state.read(file, 7).unwrap(), "you\n");
        assert_eq!(state.read(file, u64::MAX).unwrap(), "");
    }

    #[test]
    fn what_is_no_name_or_not_open_is_an_error() {
        let mut state = State::default();
        let root = state.root();
        for name in ["", "a/b", "/a"] {
            assert_eq!(state.open(root, name), Err(Error::new(ENOENT)));
        }
        assert_eq!(state.read(root, 0), Err(Error::new(EISDIR)));
        assert_eq!(state.read(77, 0), Err(Error::new(EBADF)));
    }

    #[test]
    fn a_number_is_used_again_once_it_was_closed() {
        let mut state = State::default();
        let root = state.root();
        let first = state.open(root, "a").unwrap();
        state.close(first);
        assert_eq!(state.read(first, 0), Err(Error::new(EBADF)));
        assert_eq!(state.open(root, "b").unwrap(), first);
    }
}
