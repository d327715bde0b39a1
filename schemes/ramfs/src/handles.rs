//! Open nodes by number, and what clients ask of them.
//!
//! A handle remembers the directory that it was opened through: FRENAME and FLINK on it take
//! their path beneath that directory, so they reach no further than the open did.
use crate::attributes::{Times, inode};
use crate::content::Data;
use crate::locks::{Kind as LockKind, Lock, Locks, Owner, Range};
use crate::page::Bytes;
use crate::store::Space;
use crate::time::Time;
use crate::tree::{Kind, NodeId, Tree};
use crate::walk::{Flags, Place};
use clavis_abi::params::open_flags;
use serde::{Deserialize, Serialize};
use slab::Slab;
use syscall::dirent::{DirEntry, DirentBuf, DirentKind};
use syscall::error::{EACCES, EBADF, EINVAL, ENOENT, EXDEV, Error, Result};
use syscall::flag::O_APPEND;
use syscall::{Stat, StatVfs};

mod naming;

/// The number of a handle.
pub type Number = usize;

/// What an open brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The number of the new handle.
    pub number: Number,
}

#[derive(Serialize, Deserialize)]
struct Handle {
    node: NodeId,
    /// The directory that it was opened through.
    base: NodeId,
    append: bool,
    /// Where its live mappings begin.
    mappings: Vec<u64>,
}

/// The open handles on a file system.
#[derive(Serialize, Deserialize)]
pub struct Handles {
    pub(crate) tree: Tree,
    open: Slab<Handle>,
    locks: Locks,
    /// The mapping that ended last.
    ended: u64,
    /// The time, as far as anybody told.
    #[serde(skip)]
    pub(crate) now: Time,
}

impl Handles {
    /// A file system that keeps at most `limit` bytes, at that time.
    #[must_use]
    pub fn new(limit: u64, now: Time) -> Self {
        Self::on(Tree::new(limit, now), now)
    }

    /// An empty file system in that space, at that time.
    pub(crate) fn within(space: Space, now: Time) -> Self {
        Self::on(Tree::within(space, now), now)
    }

    fn on(tree: Tree, now: Time) -> Self {
        Self { tree, open: Slab::new(), locks: Locks::default(), ended: 0, now }
    }

    /// The same with one more directory in its root, open to everybody.
    ///
    /// # Errors
    /// As [`Tree::create`].
    pub fn with_directory(mut self, name: &str) -> Result<Self> {
        self.tree.create(self.tree.root(), name, Kind::Directory, 0o777, self.now)?;
        Ok(self)
    }

    /// The file system.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// A new handle on the root.
    ///
    /// # Errors
    /// None in practice: the root is never gone.
    pub fn root(&mut self) -> Result<Number> {
        let root = self.tree.root();
        self.insert(root, root, false).map(|opened| opened.number)
    }

    fn insert(&mut self, node: NodeId, base: NodeId, append: bool) -> Result<Opened> {
        self.tree.hold(node)?;
        if let Err(error) = self.tree.hold(base) {
            self.tree.release(node);
            return Err(error);
        }
        let number = self.open.insert(Handle { node, base, append, mappings: Vec::new() });
        Ok(Opened { number })
    }

    fn get(&self, number: Number) -> Result<&Handle> {
        self.open.get(number).ok_or(Error::new(EBADF))
    }

    fn node(&self, number: Number) -> Result<NodeId> {
        Ok(self.get(number)?.node)
    }

    /// Forgets a handle.
    pub fn close(&mut self, number: Number) {
        if let Some(handle) = self.open.try_remove(number) {
            handle.mappings.iter().for_each(|offset| self.tree.unmap(handle.node, *offset));
            self.locks.close(handle.node, number);
            self.tree.release(handle.node);
            self.tree.release(handle.base);
        }
    }

    /// Opens, and creates if asked to, what `path` names beneath the handle. `flags` are the open
    /// flags of 64 bits; their lowest 12 are the mode of what is created.
    ///
    /// # Errors
    /// See [`Tree::walk`] and [`Tree::create`]; `EEXIST`, `EISDIR`, `ENOTDIR`, `ELOOP` as POSIX
    /// has them; `EINVAL` for O_SYMLINK on what is none; `EACCES` for execution of what is not
    /// executable.
    pub fn open(&mut self, number: Number, path: &str, flags: u64) -> Result<Opened> {
        let base = self.node(number)?;
        let flags = Flags(flags);
        let node = match self.tree.walk(base, path, flags.rules())? {
            Place::Node { node, .. } => {
                self.check_existing(node, flags)?;
                if flags.empties() && self.tree.kind(node)? == Kind::File {
                    self.tree.truncate(node, 0, self.now)?;
                }
                node
            }
            Place::Free { directory, name, slash } => {
                let kind = flags.to_make(slash)?.into();
                self.tree.create(directory, &name, kind, flags.0 as u16, self.now)?
            }
        };
        self.insert(node, base, flags.has(O_APPEND))
    }

    fn check_existing(&self, node: NodeId, flags: Flags) -> Result<()> {
        let kind = self.tree.kind(node)?;
        flags.may_open(kind.into())?;
        if flags.0 & open_flags::EXEC != 0
            && (kind != Kind::File || self.tree.mode(node)? & 0o111 == 0)
        {
            return Err(Error::new(EACCES));
        }
        Ok(())
    }

    /// Reads.
    ///
    /// # Errors
    /// `EISDIR`, `EBADF`.
    pub fn read(&self, number: Number, out: &mut [u8], offset: u64) -> Result<usize> {
        self.tree.read(self.node(number)?, offset, out)
    }

    /// Writes; at the end when the handle or `flags` say O_APPEND.
    ///
    /// # Errors
    /// `EISDIR`, `EFBIG`, `ENOSPC`, `EBADF`.
    pub fn write(
        &mut self,
        number: Number,
        data: Data<'_>,
        offset: u64,
        flags: u32,
    ) -> Result<usize> {
        let handle = self.get(number)?;
        let node = handle.node;
        let append = handle.append || flags as usize & O_APPEND != 0;
        let offset = if append { self.tree.size(node)? } else { offset };
        self.tree.write(node, offset, data, self.now)
    }

    /// Takes over the status flags that the kernel keeps.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn set_flags(&mut self, number: Number, flags: usize) -> Result<()> {
        self.open.get_mut(number).ok_or(Error::new(EBADF))?.append = flags & O_APPEND != 0;
        Ok(())
    }

    /// Bytes in the file.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn size(&self, number: Number) -> Result<u64> {
        self.tree.size(self.node(number)?)
    }

    /// Sets the length.
    ///
    /// # Errors
    /// `EISDIR`, `EFBIG`, `EBADF`.
    pub fn truncate(&mut self, number: Number, len: u64) -> Result<()> {
        let node = self.node(number)?;
        self.tree.truncate(node, len, self.now)
    }

    /// What is known of the node.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn stat(&self, number: Number, stat: &mut Stat) -> Result<()> {
        self.tree.stat(self.node(number)?, stat)
    }

    /// How full the file system is.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn stat_vfs(&self, number: Number, stat: &mut StatVfs) -> Result<()> {
        self.get(number)?;
        self.tree.stat_vfs(stat);
        Ok(())
    }

    /// Sets the permission bits.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn set_mode(&mut self, number: Number, mode: u16) -> Result<()> {
        let node = self.node(number)?;
        self.tree.set_mode(node, mode, self.now)
    }

    /// Sets owner and group.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn set_owner(&mut self, number: Number, owner: u32, group: u32) -> Result<()> {
        let node = self.node(number)?;
        self.tree.set_owner(node, owner, group, self.now)
    }

    /// Sets access and modification time.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn set_times(&mut self, number: Number, times: Times) -> Result<()> {
        let node = self.node(number)?;
        self.tree.set_times(node, times, self.now)
    }

    /// Takes an advisory lock.
    ///
    /// # Errors
    /// `EBADF`; as [`Locks::lock`].
    pub fn lock(
        &mut self,
        number: Number,
        owner: Owner,
        kind: LockKind,
        range: Range,
    ) -> Result<()> {
        let node = self.node(number)?;
        self.locks.lock(node, number, owner, kind, range)
    }

    /// Lets advisory locks go.
    ///
    /// # Errors
    /// `EBADF`; as [`Locks::unlock`].
    pub fn unlock(&mut self, number: Number, owner: Owner, range: Range) -> Result<()> {
        let node = self.node(number)?;
        self.locks.unlock(node, owner, range)
    }

    /// The advisory lock that one would have to wait for.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn lock_in_the_way(
        &self,
        number: Number,
        owner: Owner,
        kind: LockKind,
        range: Range,
    ) -> Result<Option<&Lock>> {
        Ok(self.locks.conflict(self.node(number)?, owner, kind, range))
    }

    /// The path from the root, without leading slash.
    ///
    /// # Errors
    /// `ENOENT` for a node that was removed.
    pub fn path(&self, number: Number) -> Result<String> {
        self.tree.path(self.node(number)?, self.tree.root())
    }

    /// The path from one open directory to another open node.
    ///
    /// # Errors
    /// `EXDEV` when it does not lie beneath.
    pub fn path_from(&self, number: Number, directory: Number) -> Result<String> {
        let from = self.node(directory)?;
        self.tree.path(self.node(number)?, from).map_err(|error| match error.errno {
            ENOENT => Error::new(EXDEV),
            _ => error,
        })
    }

    /// Lists a directory behind the entry that `after` stands for.
    ///
    /// # Errors
    /// `ENOTDIR`, `EBADF`; `EINVAL` when not one entry fits.
    pub fn list<'buf>(
        &self,
        number: Number,
        mut out: DirentBuf<&'buf mut [u8]>,
        after: u64,
    ) -> Result<DirentBuf<&'buf mut [u8]>> {
        let mut first = true;
        for (cookie, name, node) in self.tree.entries(self.node(number)?, after)? {
            let kind = match self.tree.kind(node)? {
                Kind::File => DirentKind::Regular,
                Kind::Directory => DirentKind::Directory,
                Kind::Symlink => DirentKind::Symlink,
            };
            let entry = DirEntry { inode: inode(node), next_opaque_id: cookie, name, kind };
            match out.entry(entry) {
                Ok(()) => first = false,
                Err(error) if first => return Err(error),
                Err(_) => break,
            }
        }
        Ok(out)
    }

    /// Makes memory for a mapping, which stays where it is until [`Handles::unmap`]. Answers its
    /// place in the store.
    ///
    /// # Errors
    /// See [`crate::content::Content::map`].
    pub fn map(&mut self, number: Number, offset: u64, size: usize) -> Result<usize> {
        let node = self.node(number)?;
        let place = self.tree.map(node, offset, size)?;
        let handle = self.open.get_mut(number).ok_or(Error::new(EBADF))?;
        handle.mappings.push(offset);
        usize::try_from(place).map_err(|_| Error::new(EINVAL))
    }

    /// Whether what is in the pages of files is left alone.
    pub(crate) fn freeze(&mut self, frozen: bool) {
        self.tree.space.store.frozen = frozen;
    }

    /// Where a page of the store lies in this process.
    #[must_use]
    pub fn address(&self, place: usize) -> Option<usize> {
        self.tree.space.store.page(place as u64).map(|page| page.address())
    }

    /// Whether the handle's node is a symbolic link.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn is_link(&self, number: Number) -> Result<bool> {
        Ok(self.tree.kind(self.node(number)?)? == Kind::Symlink)
    }

    /// Ends a mapping that began at `offset`; `mapping` is the kernel's number for it. Who goes on
    /// after a death may be told again what was done: that does nothing.
    ///
    /// # Errors
    /// `EINVAL` when there is none.
    pub fn unmap(&mut self, number: Number, offset: u64, mapping: u64) -> Result<()> {
        if self.ended == mapping {
            return Ok(());
        }
        let handle = self.open.get_mut(number).ok_or(Error::new(EBADF))?;
        let found = handle.mappings.iter().position(|mapping| *mapping == offset);
        handle.mappings.swap_remove(found.ok_or(Error::new(EINVAL))?);
        let node = handle.node;
        self.tree.unmap(node, offset);
        self.ended = mapping;
        Ok(())
    }

    /// The inode number.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn inode(&self, number: Number) -> Result<u64> {
        Ok(inode(self.node(number)?))
    }
}

#[cfg(test)]
mod tests;
