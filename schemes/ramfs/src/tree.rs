//! The nodes, and what can be done with them. Every operation names its nodes; paths are the
//! business of [`crate::walk`].
use crate::budget::Budget;
use crate::content::Content;
use crate::names::Names;
use crate::store::{Space, Store};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use slotmap::{DefaultKey, SlotMap};
use std::collections::BTreeSet;
use syscall::error::{
    EEXIST, EINVAL, EISDIR, EMLINK, ENAMETOOLONG, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, Error, Result,
};
use syscall::flag::MODE_PERM;

/// Names a node; one of a node that is gone never names another.
pub type NodeId = DefaultKey;

/// Bytes charged for a node.
const NODE_COST: u64 = 512;
/// Bytes charged for an entry, beyond its name (which is kept twice).
const ENTRY_COST: u64 = 256;
/// Greatest number of hard links to a file.
const LINKS_MAX: usize = 65_535;

/// What a node is.
#[derive(Serialize, Deserialize)]
pub(crate) enum Body {
    File(Content),
    Directory {
        names: Names<NodeId>,
        /// The directory that holds it; itself for the root.
        parent: NodeId,
        /// How many of its entries are directories.
        subdirectories: u32,
    },
    /// Its target; empty until it is written.
    Symlink(Box<str>),
}

/// Kinds of nodes that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, without target yet.
    Symlink,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) body: Body,
    pub(crate) mode: u16,
    pub(crate) owner: u32,
    pub(crate) group: u32,
    pub(crate) accessed: Time,
    pub(crate) modified: Time,
    pub(crate) changed: Time,
    /// Where it is named: directory and cookie.
    pub(crate) links: BTreeSet<(NodeId, u64)>,
    /// How many handles hold it.
    holders: usize,
}

/// The file system.
#[derive(Serialize, Deserialize)]
pub struct Tree {
    pub(crate) nodes: SlotMap<NodeId, Node>,
    root: NodeId,
    pub(crate) space: Space,
}

/// Checks the name of a new entry.
fn check_name(name: &str) -> Result<()> {
    if name.len() > clavis_abi::limits::COMPONENT_MAX {
        return Err(Error::new(ENAMETOOLONG));
    }
    if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
        return Err(Error::new(EINVAL));
    }
    Ok(())
}

fn entry_cost(name: &str) -> u64 {
    ENTRY_COST.saturating_add((name.len() as u64).saturating_mul(2))
}

impl Tree {
    /// An empty file system that keeps at most `limit` bytes.
    #[must_use]
    pub fn new(limit: u64, now: Time) -> Self {
        Self::within(Space::heap(limit), now)
    }

    /// An empty file system.
    pub(crate) fn within(space: Space, now: Time) -> Self {
        let mut nodes = SlotMap::new();
        let root = nodes.insert_with_key(|root| Node {
            body: Body::Directory { names: Names::default(), parent: root, subdirectories: 0 },
            mode: 0o755,
            owner: 0,
            group: 0,
            accessed: now,
            modified: now,
            changed: now,
            links: BTreeSet::new(),
            holders: 1,
        });
        Self { nodes, root, space }
    }

    /// Keeps what files hold in that store, in which it may lie already.
    pub(crate) fn settle_in(&mut self, mut store: Store) {
        store.release_all();
        for node in self.nodes.values() {
            if let Body::File(content) = &node.body {
                content.claim(&mut store);
            }
        }
        self.space.store = store;
    }

    /// The directory that everything lies beneath.
    #[must_use]
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// The budget.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.space.budget
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&self, id: NodeId) -> Result<&Node> {
        self.nodes.get(id).ok_or(Error::new(ENOENT))
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> Result<&mut Node> {
        self.nodes.get_mut(id).ok_or(Error::new(ENOENT))
    }

    /// What kind of node it is.
    ///
    /// # Errors
    /// `ENOENT` when it is gone.
    pub fn kind(&self, id: NodeId) -> Result<Kind> {
        Ok(match self.node(id)?.body {
            Body::File(_) => Kind::File,
            Body::Directory { .. } => Kind::Directory,
            Body::Symlink(_) => Kind::Symlink,
        })
    }

    /// Whether a directory has been removed (it may still be held by handles).
    pub(crate) fn removed(&self, id: NodeId, node: &Node) -> bool {
        id != self.root && node.links.is_empty()
    }

    /// What a name in a directory stands for.
    ///
    /// # Errors
    /// `ENOTDIR`; `ENOENT` when the directory was removed.
    pub fn lookup(&self, directory: NodeId, name: &str) -> Result<Option<NodeId>> {
        let node = self.node(directory)?;
        let Body::Directory { names, .. } = &node.body else {
            return Err(Error::new(ENOTDIR));
        };
        if self.removed(directory, node) {
            return Err(Error::new(ENOENT));
        }
        if name.len() > clavis_abi::limits::COMPONENT_MAX {
            return Err(Error::new(ENAMETOOLONG));
        }
        Ok(names.get(name).map(|entry| entry.node))
    }

    /// The directory above.
    ///
    /// # Errors
    /// `ENOTDIR`; `ENOENT` when the directory was removed.
    pub fn parent(&self, directory: NodeId) -> Result<NodeId> {
        let node = self.node(directory)?;
        match node.body {
            Body::Directory { parent, .. } if !self.removed(directory, node) => Ok(parent),
            Body::Directory { .. } => Err(Error::new(ENOENT)),
            _ => Err(Error::new(ENOTDIR)),
        }
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// `EINVAL` for other nodes.
    pub fn target(&self, link: NodeId) -> Result<&str> {
        match &self.node(link)?.body {
            Body::Symlink(target) => Ok(target),
            _ => Err(Error::new(EINVAL)),
        }
    }

    /// Makes a node and names it.
    ///
    /// # Errors
    /// `EEXIST`, `ENOTDIR`, `ENAMETOOLONG`, `EINVAL`, `ENOSPC`; `ENOENT` in a removed directory.
    pub fn create(
        &mut self,
        directory: NodeId,
        name: &str,
        kind: Kind,
        mode: u16,
        now: Time,
    ) -> Result<NodeId> {
        check_name(name)?;
        if self.lookup(directory, name)?.is_some() {
            return Err(Error::new(EEXIST));
        }
        self.space.budget.take(NODE_COST.saturating_add(entry_cost(name)))?;
        let body = match kind {
            Kind::File => Body::File(Content::default()),
            Kind::Symlink => Body::Symlink("".into()),
            Kind::Directory => {
                Body::Directory { names: Names::default(), parent: directory, subdirectories: 0 }
            }
        };
        let id = self.nodes.insert(Node {
            body,
            mode: mode & MODE_PERM,
            owner: 0,
            group: 0,
            accessed: now,
            modified: now,
            changed: now,
            links: BTreeSet::new(),
            holders: 0,
        });
        self.attach(directory, name, id, now)?;
        Ok(id)
    }

    /// Enters a node under a free name; the entry is already paid for.
    fn attach(&mut self, directory: NodeId, name: &str, id: NodeId, now: Time) -> Result<()> {
        let is_directory = self.kind(id)? == Kind::Directory;
        let holder = self.node_mut(directory)?;
        let Body::Directory { names, subdirectories, .. } = &mut holder.body else {
            return Err(Error::new(ENOTDIR));
        };
        let cookie = names.insert(name, id);
        if is_directory {
            *subdirectories = subdirectories.saturating_add(1);
        }
        holder.modified = now;
        holder.changed = now;
        let node = self.node_mut(id)?;
        node.links.insert((directory, cookie));
        node.changed = now;
        if let Body::Directory { parent, .. } = &mut node.body {
            *parent = directory;
        }
        Ok(())
    }

    /// Takes a name away and gives its cost back; the node stays until [`Tree::settle`].
    fn detach(&mut self, directory: NodeId, name: &str, now: Time) -> Result<NodeId> {
        let id = self.lookup(directory, name)?.ok_or(Error::new(ENOENT))?;
        let is_directory = self.kind(id)? == Kind::Directory;
        let holder = self.node_mut(directory)?;
        let Body::Directory { names, subdirectories, .. } = &mut holder.body else {
            return Err(Error::new(ENOTDIR));
        };
        let entry = names.remove(name).ok_or(Error::new(ENOENT))?;
        if is_directory {
            *subdirectories = subdirectories.saturating_sub(1);
        }
        holder.modified = now;
        holder.changed = now;
        let node = self.node_mut(id)?;
        node.links.remove(&(directory, entry.cookie));
        node.changed = now;
        self.space.budget.give(entry_cost(name));
        Ok(id)
    }

    /// Frees a node that nobody names and nobody holds.
    fn settle(&mut self, id: NodeId) {
        let idle =
            self.nodes.get(id).is_some_and(|node| node.links.is_empty() && node.holders == 0);
        if idle && let Some(mut node) = self.nodes.remove(id) {
            match &mut node.body {
                Body::File(content) => content.clear(&mut self.space),
                Body::Symlink(target) => self.space.budget.give(target.len() as u64),
                Body::Directory { .. } => {}
            }
            self.space.budget.give(NODE_COST);
        }
    }

    /// Keeps a node alive for a handle.
    ///
    /// # Errors
    /// `ENOENT` when it is gone.
    pub fn hold(&mut self, id: NodeId) -> Result<()> {
        let node = self.node_mut(id)?;
        node.holders = node.holders.saturating_add(1);
        Ok(())
    }

    /// Ends what [`Tree::hold`] began.
    pub fn release(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.holders = node.holders.saturating_sub(1);
        }
        self.settle(id);
    }

    /// Removes the name of a file or symbolic link.
    ///
    /// # Errors
    /// `ENOENT`, `EISDIR`.
    pub fn unlink(&mut self, directory: NodeId, name: &str, now: Time) -> Result<()> {
        let id = self.lookup(directory, name)?.ok_or(Error::new(ENOENT))?;
        if self.kind(id)? == Kind::Directory {
            return Err(Error::new(EISDIR));
        }
        self.detach(directory, name, now)?;
        self.settle(id);
        Ok(())
    }

    fn check_empty_directory(&self, id: NodeId) -> Result<()> {
        match &self.node(id)?.body {
            Body::Directory { names, .. } if names.is_empty() => Ok(()),
            Body::Directory { .. } => Err(Error::new(ENOTEMPTY)),
            _ => Err(Error::new(ENOTDIR)),
        }
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `ENOTEMPTY`.
    pub fn remove_directory(&mut self, directory: NodeId, name: &str, now: Time) -> Result<()> {
        let id = self.lookup(directory, name)?.ok_or(Error::new(ENOENT))?;
        self.check_empty_directory(id)?;
        self.detach(directory, name, now)?;
        self.settle(id);
        Ok(())
    }

    /// Gives a file or symbolic link another name.
    ///
    /// # Errors
    /// `EPERM` for directories, `ENOENT` for a node that has no name left, `EMLINK`, `EEXIST`,
    /// `ENOSPC`, and what a bad name brings.
    pub fn link(&mut self, id: NodeId, directory: NodeId, name: &str, now: Time) -> Result<()> {
        check_name(name)?;
        let node = self.node(id)?;
        if matches!(node.body, Body::Directory { .. }) {
            return Err(Error::new(EPERM));
        }
        if node.links.is_empty() {
            return Err(Error::new(ENOENT));
        }
        if node.links.len() >= LINKS_MAX {
            return Err(Error::new(EMLINK));
        }
        if self.lookup(directory, name)?.is_some() {
            return Err(Error::new(EEXIST));
        }
        self.space.budget.take(entry_cost(name))?;
        self.attach(directory, name, id, now)
    }

    /// Whether `above` is `id` or a directory that holds it.
    fn contains(&self, above: NodeId, id: NodeId) -> bool {
        let mut here = id;
        loop {
            if here == above {
                return true;
            }
            match self.parent(here) {
                Ok(parent) if parent != here => here = parent,
                _ => return false,
            }
        }
    }

    /// Moves what `old` names to the name `new`, replacing what that names, in one step.
    ///
    /// # Errors
    /// `ENOENT`; `EEXIST` when `replace` is no; `EINVAL` for a directory into itself or its own
    /// subtree; `EISDIR`, `ENOTDIR` when a directory meets another kind; `ENOTEMPTY`; `ENOSPC`.
    pub fn rename(
        &mut self,
        old: (NodeId, &str),
        new: (NodeId, &str),
        replace: Replace,
        now: Time,
    ) -> Result<()> {
        check_name(new.1)?;
        let id = self.lookup(old.0, old.1)?.ok_or(Error::new(ENOENT))?;
        let is_directory = self.kind(id)? == Kind::Directory;
        let there = self.lookup(new.0, new.1)?;
        if is_directory && self.contains(id, new.0) {
            return Err(Error::new(EINVAL));
        }
        if let Some(there) = there {
            if replace == Replace::No {
                return Err(Error::new(EEXIST));
            }
            if there == id {
                return Ok(());
            }
            match (is_directory, self.kind(there)? == Kind::Directory) {
                (true, true) => self.check_empty_directory(there)?,
                (true, false) => return Err(Error::new(ENOTDIR)),
                (false, true) => return Err(Error::new(EISDIR)),
                (false, false) => {}
            }
        }
        self.space.budget.take(entry_cost(new.1))?;
        if let Some(there) = there {
            self.detach(new.0, new.1, now)?;
            self.settle(there);
        }
        self.detach(old.0, old.1, now)?;
        self.attach(new.0, new.1, id, now)
    }

    /// The entries of a directory behind a cookie: cookie, name, node.
    ///
    /// # Errors
    /// `ENOTDIR`.
    pub fn entries(
        &self,
        directory: NodeId,
        after: u64,
    ) -> Result<impl Iterator<Item = (u64, &str, NodeId)>> {
        match &self.node(directory)?.body {
            Body::Directory { names, .. } => Ok(names.after(after)),
            _ => Err(Error::new(ENOTDIR)),
        }
    }

    /// A path to the node from `from` (which it must lie beneath), without leading slash.
    ///
    /// # Errors
    /// `ENOENT` when no name leads there, `ENAMETOOLONG`.
    pub fn path(&self, id: NodeId, from: NodeId) -> Result<String> {
        let mut parts: Vec<&str> = Vec::new();
        let mut len = 0_usize;
        let mut here = id;
        while here != from {
            let (directory, cookie) = *self.node(here)?.links.first().ok_or(Error::new(ENOENT))?;
            let Body::Directory { names, .. } = &self.node(directory)?.body else {
                return Err(Error::new(ENOENT));
            };
            let name = names.name(cookie).ok_or(Error::new(ENOENT))?;
            len = len.saturating_add(name.len()).saturating_add(1);
            if len > clavis_abi::limits::PATH_MAX {
                return Err(Error::new(ENAMETOOLONG));
            }
            parts.push(name);
            here = directory;
        }
        parts.reverse();
        Ok(parts.join("/"))
    }
}

/// Whether a rename may replace what has the new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It may.
    Yes,
    /// `EEXIST` instead.
    No,
}
