//! A file system below with names encrypted, for a view to walk in.
use crate::Chance;
use crate::contents::Contents;
use crate::keys::Keys;
use crate::names::{decrypted, encrypted};
use beneath::Kind;
use clavis_abi::Rights;
use clavis_abi::limits::PATH_MAX;
use clavis_view::Store;
use clavis_view::lower::{Attribute, Found, Lower, Place, Walks};
use syscall::error::{EEXIST, EINVAL, EIO, ELOOP, ENOENT, EOPNOTSUPP, Error, Result};
use syscall::flag::{
    O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_SYMLINK, O_TRUNC, O_WRONLY,
};
use syscall::{Stat, StatVfs};

/// Pieces of a list with foreign names alone that are passed over: one that never ends is an error.
const PIECES: usize = 1 << 16;

/// What is open below.
pub struct Sealed<H> {
    below: H,
    /// It was opened to be read.
    reads: bool,
}

/// An encrypted directory, shown in plain.
pub struct Vault<S, C> {
    store: S,
    chance: C,
    keys: Keys,
    contents: Contents,
}

impl<S: Store, C: Chance> Vault<S, C> {
    /// What lies in a file system, under those keys.
    #[must_use]
    pub fn new(store: S, keys: Keys, chance: C) -> Vault<S, C> {
        Vault { contents: Contents::new(&keys), store, chance, keys }
    }

    /// A directory below that is the root of a vault.
    #[must_use]
    pub fn root(directory: S::Handle) -> Sealed<S::Handle> {
        Sealed { below: directory, reads: false }
    }

    /// Reads an open file.
    ///
    /// # Errors
    /// As [`Contents::read`].
    pub fn read(&self, of: &Sealed<S::Handle>, offset: u64, into: &mut [u8]) -> Result<usize> {
        self.contents.read(&self.store, &of.below, offset, into)
    }

    /// Writes to an open file; at its end if there is no offset.
    ///
    /// # Errors
    /// As [`Contents::write`].
    pub fn write(&self, of: &Sealed<S::Handle>, offset: Option<u64>, from: &[u8]) -> Result<u64> {
        self.contents.write(&self.store, &of.below, offset, from, &self.chance)
    }

    /// Makes an open file that long.
    ///
    /// # Errors
    /// As [`Contents::truncate`].
    pub fn truncate(&self, of: &Sealed<S::Handle>, length: u64) -> Result<()> {
        self.contents.truncate(&self.store, &of.below, length, &self.chance)
    }

    /// How long an open file is.
    ///
    /// # Errors
    /// As [`Contents::length`].
    pub fn length(&self, of: &Sealed<S::Handle>) -> Result<u64> {
        self.contents.length(&self.store, &of.below)
    }

    /// A path of names as it stands below. The empty path is a thing's own.
    fn path(&self, path: &str) -> Result<String> {
        if path.is_empty() {
            return Ok(String::new());
        }
        let names: Result<Vec<String>> =
            path.split('/').map(|name| encrypted(&self.keys, name)).collect();
        let path = names?.join("/");
        // Encrypted it does not fit: name by name it does.
        if path.len() > PATH_MAX { Err(Error::new(ELOOP)) } else { Ok(path) }
    }

    fn below(&self, from: &S::Handle, path: &str, flags: u64) -> Result<Sealed<S::Handle>> {
        let below = self.store.open(from, path, flags, Rights::all())?;
        Ok(Sealed { below, reads: flags & O_RDONLY as u64 != 0 })
    }

    /// Opens a file, or makes it.
    fn file(&self, from: &S::Handle, path: &str, flags: u64) -> Result<Sealed<S::Handle>> {
        let has = |flag: usize| flags & flag as u64 != 0;
        // Everything is written at an offset, and for a part of a block the rest is read.
        let mut own = flags & !((O_CREAT | O_EXCL | O_TRUNC | O_APPEND) as u64);
        if has(O_WRONLY) || has(O_TRUNC) {
            own |= (O_RDONLY | O_WRONLY) as u64;
        }
        match self.below(from, path, own) {
            Ok(_) if has(O_CREAT) && has(O_EXCL) => Err(Error::new(EEXIST)),
            Ok(opened) => {
                if has(O_TRUNC) {
                    self.truncate(&opened, 0)?;
                }
                Ok(opened)
            }
            Err(error) if error.errno == ENOENT && has(O_CREAT) => {
                let new = own | (O_CREAT | O_EXCL | O_RDONLY | O_WRONLY) as u64;
                let opened = self.below(from, path, new)?;
                self.contents.make(&self.store, &opened.below, &self.chance)?;
                Ok(opened)
            }
            Err(error) => Err(error),
        }
    }
}

impl<S: Store, C: Chance> Lower for Vault<S, C> {
    type Handle = Sealed<S::Handle>;

    fn walks(&self) -> Walks {
        self.store.walks()
    }

    fn tells_directories(&self) -> bool {
        self.store.tells_directories()
    }

    fn open(&self, from: &Self::Handle, path: &str, flags: u64, _: Rights) -> Result<Self::Handle> {
        let has = |flag: usize| flags & flag as u64 == flag as u64;
        if has(O_CREAT) && has(O_SYMLINK) {
            return Err(Error::new(EOPNOTSUPP));
        }
        let path = self.path(path)?;
        if has(O_DIRECTORY) {
            self.below(&from.below, &path, flags)
        } else {
            self.file(&from.below, &path, flags)
        }
    }

    fn kind(&self, of: &Self::Handle) -> Result<Kind> {
        self.store.kind(&of.below)
    }

    fn stat(&self, of: &Self::Handle) -> Result<Stat> {
        let stat = self.store.stat(&of.below)?;
        if self.kind(of)? != Kind::File {
            return Ok(stat);
        }
        let st_size = if of.reads {
            self.length(of)?
        } else {
            self.length(&self.below(&of.below, "", O_RDONLY as u64)?)?
        };
        Ok(Stat { st_size, ..stat })
    }

    fn target(&self, _: &Self::Handle) -> Result<String> {
        Err(Error::new(EINVAL))
    }

    fn list(
        &self,
        directory: &Self::Handle,
        after: u64,
        each: &mut dyn FnMut(Found<'_>) -> bool,
    ) -> Result<()> {
        let mut after = after;
        for _ in 0..PIECES {
            let (mut any, mut shown, mut going) = (false, false, true);
            self.store.list(&directory.below, after, &mut |found| {
                any = true;
                after = found.next;
                if let Some(name) = decrypted(&self.keys, found.name) {
                    shown = true;
                    going = each(Found { name: &name, ..found });
                }
                going
            })?;
            // A view takes a piece without names for the end: a piece of foreign ones is none.
            if !any || shown || !going {
                return Ok(());
            }
        }
        Err(Error::new(EIO))
    }

    fn unlink(&self, from: Place<'_, Self::Handle>, flags: usize) -> Result<()> {
        self.store.unlink((&from.0.below, &self.path(from.1)?), flags)
    }

    fn rename(
        &self,
        old: Place<'_, Self::Handle>,
        new: Place<'_, Self::Handle>,
        flags: u32,
    ) -> Result<()> {
        let names = (self.path(old.1)?, self.path(new.1)?);
        self.store.rename((&old.0.below, &names.0), (&new.0.below, &names.1), flags)
    }

    fn link(&self, old: Place<'_, Self::Handle>, new: Place<'_, Self::Handle>) -> Result<()> {
        let names = (self.path(old.1)?, self.path(new.1)?);
        self.store.link((&old.0.below, &names.0), (&new.0.below, &names.1))
    }

    fn set(&self, of: &Self::Handle, attribute: &Attribute) -> Result<()> {
        self.store.set(&of.below, attribute)
    }

    fn statistics(&self, of: &Self::Handle) -> Result<StatVfs> {
        self.store.statistics(&of.below)
    }

    fn sync(&self, of: &Self::Handle) -> Result<()> {
        self.store.sync(&of.below)
    }
}
