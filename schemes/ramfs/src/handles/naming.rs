//! Operations on names: remove, rename, link.
use super::{Handles, Number};
use crate::tree::{Kind, NodeId, Replace};
use crate::walk::{Boundary, Place, Rules};
use syscall::error::{EBUSY, EINVAL, ENOENT, ENOTDIR, ENOTEMPTY, EXDEV, Error, Result};
use syscall::flag::AT_REMOVEDIR;

/// Flag of a rename: fail when the new name exists.
pub(super) const RENAME_NOREPLACE: u32 = 1;

impl Handles {
    /// Removes the name that `path` leads to; with AT_REMOVEDIR a directory's.
    ///
    /// # Errors
    /// See [`crate::Tree::unlink`] and [`crate::Tree::remove_directory`]; `EBUSY` for a path without a name.
    pub fn unlink(&mut self, number: Number, path: &str, flags: u64) -> Result<()> {
        let base = self.node(number)?;
        let directory = flags & AT_REMOVEDIR as u64 != 0;
        // `link/` names the link's target, which cannot be removed through the link.
        let trimmed = if directory { path.trim_end_matches('/') } else { path };
        let mut rules = Rules::from_flags(flags, false);
        if rules.boundary == Boundary::Open {
            rules.boundary = Boundary::Direct;
        }
        match self.tree.walk(base, trimmed, rules)? {
            Place::Node { name: Some((holder, name)), .. } if directory => {
                self.tree.remove_directory(holder, &name, self.now)
            }
            Place::Node { name: Some((holder, name)), .. } => {
                self.tree.unlink(holder, &name, self.now)
            }
            Place::Node { name: None, .. } if path.ends_with("..") => Err(Error::new(ENOTEMPTY)),
            Place::Node { name: None, .. } => Err(Error::new(EBUSY)),
            Place::Free { .. } => Err(Error::new(ENOENT)),
        }
    }

    /// Renames across two directories.
    ///
    /// # Errors
    /// See [`crate::Tree::rename`]; `EBUSY` for a path without a name; `EINVAL` for unknown flags.
    pub fn rename_at(
        &mut self,
        old: (Number, &str),
        new: (Number, &str),
        flags: u32,
    ) -> Result<()> {
        let from = self.node(old.0)?;
        let to = self.node(new.0)?;
        let (holder, name) = self.named(from, old.1)?;
        let replace = match flags {
            0 => Replace::Yes,
            RENAME_NOREPLACE => Replace::No,
            _ => return Err(Error::new(EINVAL)),
        };
        self.rename((holder, &name), to, new.1, replace)
    }

    /// The directory and name that a path leads to, which must exist.
    fn named(&self, base: NodeId, path: &str) -> Result<(NodeId, String)> {
        match self.tree.walk(base, path.trim_end_matches('/'), Rules::NAME)? {
            Place::Node { name: Some((holder, name)), node } => {
                if path.ends_with('/') && self.tree.kind(node)? != Kind::Directory {
                    return Err(Error::new(ENOTDIR));
                }
                Ok((holder, name))
            }
            Place::Node { name: None, .. } => Err(Error::new(EBUSY)),
            Place::Free { .. } => Err(Error::new(ENOENT)),
        }
    }

    /// The directory and name for something new, which may exist.
    fn wanted(&self, base: NodeId, path: &str) -> Result<(NodeId, String, bool)> {
        match self.tree.walk(base, path.trim_end_matches('/'), Rules::NAME)? {
            Place::Node { name: Some((holder, name)), .. } => {
                Ok((holder, name, path.ends_with('/')))
            }
            Place::Node { name: None, .. } => Err(Error::new(EBUSY)),
            Place::Free { directory, name, slash } => {
                Ok((directory, name, slash || path.ends_with('/')))
            }
        }
    }

    fn rename(
        &mut self,
        old: (NodeId, &str),
        base: NodeId,
        path: &str,
        replace: Replace,
    ) -> Result<()> {
        let (holder, name, slash) = self.wanted(base, path)?;
        if slash {
            let node = self.tree.lookup(old.0, old.1)?.ok_or(Error::new(ENOENT))?;
            if self.tree.kind(node)? != Kind::Directory {
                return Err(Error::new(ENOTDIR));
            }
        }
        self.tree.rename(old, (holder, &name), replace, self.now)
    }

    /// Gives the open node itself a new path beneath the directory that it was opened through.
    ///
    /// # Errors
    /// See [`crate::Tree::rename`]; `EXDEV` for a node that no longer lies beneath that directory.
    pub fn rename_self(&mut self, number: Number, path: &str) -> Result<()> {
        let handle = self.get(number)?;
        let (node, base) = (handle.node, handle.base);
        let here = self.tree.path(node, base).map_err(|error| match error.errno {
            ENOENT => Error::new(EXDEV),
            _ => error,
        })?;
        let (holder, name) = self.named(base, &here)?;
        self.rename((holder, &name), base, path, Replace::Yes)
    }

    /// Makes a hard link to an open node beneath a directory.
    ///
    /// # Errors
    /// See [`crate::Tree::link`]; `ENOENT` for a name with a slash behind it.
    pub fn link_at(&mut self, target: Number, directory: Number, path: &str) -> Result<()> {
        let node = self.node(target)?;
        let base = self.node(directory)?;
        self.link(node, base, path)
    }

    /// Makes a hard link to the open node beneath the directory that it was opened through.
    ///
    /// # Errors
    /// As [`Handles::link_at`].
    pub fn link_self(&mut self, number: Number, path: &str) -> Result<()> {
        let handle = self.get(number)?;
        let (node, base) = (handle.node, handle.base);
        self.link(node, base, path)
    }

    fn link(&mut self, node: NodeId, base: NodeId, path: &str) -> Result<()> {
        let (holder, name, slash) = self.wanted(base, path)?;
        if slash {
            return Err(Error::new(ENOENT));
        }
        self.tree.link(node, holder, &name, self.now)
    }
}
