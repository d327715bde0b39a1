//! A store of values by key, apart from how requests arrive: tested on the host.
#![forbid(unsafe_code)]

use slab::Slab;
use std::collections::BTreeMap;
use syscall::error::{EBADF, EEXIST, EISDIR, ENOENT, ENOSPC, ENOTDIR, Error, Result};
use syscall::flag::{O_CREAT, O_EXCL, O_TRUNC};

/// Most bytes that keys and values take together: what clients make us keep is bounded.
const LIMIT: usize = 1 << 20;

/// The values, and what clients have open.
#[derive(Debug, Default)]
pub struct Store {
    values: BTreeMap<String, Vec<u8>>,
    open: Slab<Open>,
}

/// Something that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Open {
    /// The directory of all keys.
    Root,
    /// The value of a key.
    Value(String),
}

impl Store {
    /// What a number stands for.
    ///
    /// # Errors
    /// `EBADF` when it is not open.
    pub fn get(&self, number: usize) -> Result<&Open> {
        self.open.get(number).ok_or(Error::new(EBADF))
    }

    fn key(&self, number: usize) -> Result<&str> {
        match self.get(number)? {
            Open::Value(key) => Ok(key),
            Open::Root => Err(Error::new(EISDIR)),
        }
    }

    /// Opens the root.
    pub fn root(&mut self) -> usize {
        self.open.insert(Open::Root)
    }

    /// Opens a key, or makes it where the flags say so.
    ///
    /// # Errors
    /// `ENOENT` when there is none, `EEXIST` when there shall be none, `ENOSPC`.
    pub fn open(&mut self, directory: usize, key: &str, flags: usize) -> Result<usize> {
        let Open::Root = self.get(directory)? else { return Err(Error::new(ENOTDIR)) };
        if key.is_empty() || key.contains('/') {
            return Err(Error::new(ENOENT));
        }
        let exists = self.values.contains_key(key);
        if exists && flags & O_CREAT != 0 && flags & O_EXCL != 0 {
            return Err(Error::new(EEXIST));
        }
        if !exists {
            if flags & O_CREAT == 0 {
                return Err(Error::new(ENOENT));
            }
            self.room_for(key.len())?;
        }
        let value = self.values.entry(key.to_owned()).or_default();
        if flags & O_TRUNC != 0 {
            value.clear();
        }
        Ok(self.open.insert(Open::Value(key.to_owned())))
    }

    /// A value from an offset on.
    ///
    /// # Errors
    /// `EBADF`, `EISDIR`, `ENOENT` when the key was removed meanwhile.
    pub fn read(&self, number: usize, offset: u64) -> Result<&[u8]> {
        let value = self.values.get(self.key(number)?).ok_or(Error::new(ENOENT))?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(value.get(from..).unwrap_or_default())
    }

    /// Writes bytes at an offset; a gap before them is zeroes.
    ///
    /// # Errors
    /// As [`Store::read`], and `ENOSPC`.
    pub fn write(&mut self, number: usize, offset: u64, bytes: &[u8]) -> Result<usize> {
        let key = self.key(number)?.to_owned();
        let length = self.values.get(&key).ok_or(Error::new(ENOENT))?.len();
        let from = usize::try_from(offset).map_err(|_| Error::new(ENOSPC))?;
        let end = from.checked_add(bytes.len()).ok_or(Error::new(ENOSPC))?;
        self.room_for(end.saturating_sub(length))?;
        let value = self.values.get_mut(&key).ok_or(Error::new(ENOENT))?;
        value.resize(length.max(end), 0);
        value.get_mut(from..end).ok_or(Error::new(ENOSPC))?.copy_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Removes a key. Who has it open meets `ENOENT`.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EBADF`.
    pub fn remove(&mut self, directory: usize, key: &str) -> Result<()> {
        let Open::Root = self.get(directory)? else { return Err(Error::new(ENOTDIR)) };
        self.values.remove(key).map(drop).ok_or(Error::new(ENOENT))
    }

    /// The keys from the `skip`th on.
    pub fn keys(&self, skip: usize) -> impl Iterator<Item = &str> {
        self.values.keys().skip(skip).map(String::as_str)
    }

    /// The last handle to what was opened is gone.
    pub fn close(&mut self, number: usize) {
        self.open.try_remove(number);
    }

    fn room_for(&self, more: usize) -> Result<()> {
        let used: usize = self.values.iter().map(|(key, value)| key.len() + value.len()).sum();
        if more <= LIMIT.saturating_sub(used) { Ok(()) } else { Err(Error::new(ENOSPC)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_under_a_key_is_read_there() {
        let mut store = Store::default();
        let root = store.root();
        assert_eq!(store.open(root, "k", 0), Err(Error::new(ENOENT)));
        let value = store.open(root, "k", O_CREAT).unwrap();
        assert_eq!(store.write(value, 0, b"hello").unwrap(), 5);
        assert_eq!(store.write(value, 7, b"!").unwrap(), 1);
        let again = store.open(root, "k", 0).unwrap();
        assert_eq!(store.read(again, 0).unwrap(), b"hello\0\0!");
        assert_eq!(store.read(again, 100).unwrap(), b"");
        assert_eq!(store.open(root, "k", O_CREAT | O_EXCL), Err(Error::new(EEXIST)));
        let empty = store.open(root, "k", O_TRUNC).unwrap();
        assert_eq!(store.read(empty, 0).unwrap(), b"");
    }

    #[test]
    fn keys_are_listed_and_a_removed_one_is_gone_for_everybody() {
        let mut store = Store::default();
        let root = store.root();
        let a = store.open(root, "a", O_CREAT).unwrap();
        store.open(root, "b", O_CREAT).unwrap();
        assert_eq!(store.keys(0).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(store.keys(1).collect::<Vec<_>>(), ["b"]);
        store.remove(root, "a").unwrap();
        assert_eq!(store.read(a, 0), Err(Error::new(ENOENT)));
        assert_eq!(store.remove(root, "a"), Err(Error::new(ENOENT)));
        assert_eq!(store.remove(a, "b"), Err(Error::new(ENOTDIR)));
    }

    #[test]
    fn nobody_can_make_it_keep_more_than_its_limit() {
        let mut store = Store::default();
        let root = store.root();
        let value = store.open(root, "k", O_CREAT).unwrap();
        let offset = LIMIT as u64;
        assert_eq!(store.write(value, offset, b"x"), Err(Error::new(ENOSPC)));
        assert_eq!(store.write(value, u64::MAX, b"x"), Err(Error::new(ENOSPC)));
        store.write(value, 0, &vec![1; LIMIT - 1]).unwrap();
        assert_eq!(store.open(root, "l", O_CREAT), Err(Error::new(ENOSPC)));
        store.write(value, 5, b"within").unwrap();
    }
}
