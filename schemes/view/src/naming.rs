//! Operations on names: remove, rename, link.
//!
//! Each name that changes needs the right for it at its own path. What is reached under its new
//! name may not be more than under the old one, and a directory goes to another place only where
//! the same is said of all in it: else the answer is `EXDEV`, as between two file systems, and who
//! can copies.
use crate::judge::{Below, Judge};
use crate::lower::{Lower, Walks};
use crate::node::{Body, Node};
use crate::table::{ROOT, View};
use beneath::{Boundary, Kind, Place, Rules, Tree, walk};
use clavis_abi::Rights;
use clavis_abi::limits::PATH_MAX;
use syscall::AT_REMOVEDIR;
use syscall::error::{EBUSY, EEXIST, EINVAL, ENOENT, ENOTDIR, ENOTEMPTY, EXDEV, Error, Result};

/// Flag of a rename: fail when the new name exists.
const RENAME_NOREPLACE: u32 = 1;

/// A name, and what it stands for.
struct Name<H> {
    directory: Node<H>,
    name: String,
    node: Option<Node<H>>,
    /// The path demands a directory.
    slash: bool,
}

impl<H> Name<H> {
    /// The same, without keeping open what it stands for: file systems have their own ways with
    /// what is open when its name goes.
    fn closed(self) -> Name<H> {
        Name { node: None, ..self }
    }

    fn path(&self) -> String {
        self.directory.child(&self.name)
    }
}

impl<L: Lower, J: Judge> View<L, J> {
    /// The name that a path ends in, which may be free.
    fn name(&self, number: usize, path: &str, rules: Rules) -> Result<Name<L::Handle>> {
        let start = self.node(number)?;
        match walk(&self.steps(), &start, path, rules)? {
            Place::Node { name: Some((directory, name)), node } => {
                Ok(Name { directory, name, node: Some(node), slash: false })
            }
            Place::Node { name: None, .. } => Err(Error::new(EBUSY)),
            Place::Free { directory, name, slash } => {
                Ok(Name { directory, name, node: None, slash })
            }
        }
    }

    /// The same, whatever slashes follow it: they say that it is a directory's.
    fn name_at(&self, number: usize, path: &str) -> Result<Name<L::Handle>> {
        let name = self.name(number, path.trim_end_matches('/'), Rules::NAME)?;
        Ok(Name { slash: name.slash || path.ends_with('/'), ..name })
    }

    fn kind(&self, node: &Node<L::Handle>) -> Result<Kind> {
        self.steps().kind(node)
    }

    /// Removes a name; with AT_REMOVEDIR a directory's.
    ///
    /// # Errors
    /// As POSIX has them; `EBUSY` for a path without a name; `EACCES` without REMOVE at the path.
    pub fn unlink(&mut self, number: usize, path: &str, flags: usize) -> Result<()> {
        let mut rules = Rules::from_flags(flags as u64, false);
        if rules.boundary == Boundary::Open {
            rules.boundary = Boundary::Direct;
        }
        let directory = flags & AT_REMOVEDIR != 0;
        // `link/` names the link's target, which cannot be removed through the link.
        let trimmed = if directory { path.trim_end_matches('/') } else { path };
        let removed = self.name(number, trimmed, rules).map_err(|error| match error.errno {
            EBUSY if path.ends_with("..") => Error::new(ENOTEMPTY),
            _ => error,
        })?;
        let node = removed.node.as_ref().ok_or(Error::new(ENOENT))?;
        let true_path = removed.path();
        self.writable(&removed.directory, &true_path, Rights::REMOVE)?;
        // A directory that is empty to look at and is not would tell what is in it.
        if directory
            && self.kind(node)? == Kind::Directory
            && removed.directory.asked(&self.judge).below(&true_path) == Below::Hides
        {
            return Err(Error::new(EBUSY));
        }
        let removed = removed.closed();
        self.lower.unlink((removed.directory.lower()?, &removed.name), flags)?;
        self.judge.used(&true_path, Rights::REMOVE);
        self.vanished(&true_path);
        Ok(())
    }

    /// Renames across two directories.
    ///
    /// # Errors
    /// As POSIX has them; `EACCES` without RENAME at both paths, and REMOVE at the new one if it
    /// exists; `EXDEV` where the new name would give more than the old one.
    pub fn rename(&mut self, old: (usize, &str), new: (usize, &str), flags: u32) -> Result<()> {
        if flags & !RENAME_NOREPLACE != 0 {
            return Err(Error::new(EINVAL));
        }
        let from = self.name_at(old.0, old.1)?;
        let node = from.node.as_ref().ok_or(Error::new(ENOENT))?;
        let directory = self.kind(node)? == Kind::Directory;
        if from.slash && !directory {
            return Err(Error::new(ENOTDIR));
        }
        let to = self.name_at(new.0, new.1)?;
        if to.slash && !directory {
            return Err(Error::new(ENOTDIR));
        }
        let (old_path, new_path) = (from.path(), to.path());
        let had = self.writable(&from.directory, &old_path, Rights::RENAME)?;
        let replaces = to.node.is_some() && flags & RENAME_NOREPLACE == 0;
        let takes = if replaces { Rights::RENAME | Rights::REMOVE } else { Rights::RENAME };
        let gets = self.writable(&to.directory, &new_path, takes)?;
        let uniform = |name: &Name<L::Handle>, path: &str| {
            name.directory.asked(&self.judge).below(path) == Below::Same
        };
        let alike = || uniform(&from, &old_path) && uniform(&to, &new_path);
        let grows = !had.contains(gets) || self.grows(&old_path, &new_path);
        if grows || directory && !alike() {
            return Err(Error::new(EXDEV));
        }
        let (from, to) = (from.closed(), to.closed());
        let places = ((from.directory.lower()?, &*from.name), (to.directory.lower()?, &*to.name));
        self.lower.rename(places.0, places.1, flags)?;
        self.judge.used(&old_path, Rights::RENAME);
        self.judge.used(&new_path, takes);
        if old_path != new_path {
            self.vanished(&new_path);
            self.moved(&old_path, &new_path);
        }
        Ok(())
    }

    /// Makes a further name for what is open.
    ///
    /// # Errors
    /// As POSIX has them; `EACCES` without LINK at both paths; `EXDEV` where the new name would
    /// give more than the old one.
    pub fn link(&mut self, target: usize, directory: usize, path: &str) -> Result<()> {
        let object = self.node(target)?;
        let stat = self.lower.stat(object.lower()?)?;
        let to = self.name_at(directory, path)?;
        if to.node.is_some() {
            return Err(Error::new(EEXIST));
        }
        if to.slash {
            return Err(Error::new(ENOENT));
        }
        let new_path = to.path();
        let had = self.writable(&object, object.judged(), Rights::LINK)?;
        let gets = self.writable(&to.directory, &new_path, Rights::LINK)?;
        if !had.contains(gets) || self.grows(object.judged(), &new_path) {
            return Err(Error::new(EXDEV));
        }
        // By its name, which has to be the same thing still.
        let (above, name) = object.0.path.rsplit_once('/').ok_or(Error::new(EBUSY))?;
        let above = self.steps().reach(above, None)?;
        let now = self.steps().find(&above, name)?.ok_or(Error::new(ENOENT))?;
        let now = self.lower.stat(now.lower()?)?;
        if (now.st_dev, now.st_ino) != (stat.st_dev, stat.st_ino) {
            return Err(Error::new(ENOENT));
        }
        self.lower.link((above.lower()?, name), (to.directory.lower()?, &to.name))?;
        self.judge.used(object.judged(), Rights::LINK);
        self.judge.used(&new_path, Rights::LINK);
        Ok(())
    }

    /// Whether who is under no limit could do more under a new name than under the old one.
    fn grows(&self, old: &str, new: &str) -> bool {
        let [old, new] = [old, new].map(|path| self.judge.decide(path).rights());
        !old.contains(new)
    }

    /// A name is gone. A file system that walks by path would take what comes in its place for
    /// what was there.
    fn vanished(&mut self, path: &str) {
        let gone = self.lower.walks() == Walks::ByPath;
        for (number, open) in &mut self.open {
            if number != ROOT && rest_of(&open.node.0.path, path).is_some() {
                open.node = open.node.unnamed(gone.then_some(Body::Gone));
            }
        }
    }

    /// What was open under a path is under another now.
    fn moved(&mut self, old: &str, new: &str) {
        let moved: Vec<(usize, String)> = self
            .open
            .iter()
            .filter(|(_, open)| open.node.0.named)
            .filter_map(|(number, open)| {
                let rest = rest_of(&open.node.0.path, old)?;
                Some((number, [new, rest].concat()))
            })
            .collect();
        for (number, path) in moved {
            let Some(open) = self.open.get(number) else { continue };
            let node = match self.lower.walks() {
                // Too long to be kept: what is below directories can be moved ever deeper.
                _ if path.len() > PATH_MAX.saturating_mul(2) => open.node.unnamed(Some(Body::Gone)),
                Walks::ByNode => open.node.moved(path),
                _ if matches!(open.node.0.body, Body::Gone) => continue,
                Walks::ByPath => {
                    let found = self.steps().reach(&path, open.node.0.limit.as_ref());
                    found.unwrap_or_else(|_| open.node.unnamed(Some(Body::Gone)))
                }
            };
            if let Some(open) = self.open.get_mut(number) {
                open.node = node;
            }
        }
    }
}

/// What of a path lies behind another, which it has to begin with as a whole.
fn rest_of<'p>(path: &'p str, above: &str) -> Option<&'p str> {
    path.strip_prefix(above).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}
