//! Opening.
use crate::judge::{Judge, Verdict};
use crate::lower::{Lower, Walks};
use crate::node::{Body, Node};
use crate::table::View;
use beneath::{Flags, Kind, Place, Tree, walk};
use clavis_abi::Rights;
use clavis_abi::params::open_flags;
use std::rc::Rc;
use syscall::error::{EACCES, EISDIR, ELOOP, ENOENT, ENOTDIR, ESTALE, Error, Result};
use syscall::flag::{MODE_FILE, MODE_TYPE, O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_SYMLINK, O_WRONLY};

/// What of the rights of a handle of the file system below would reach beyond its own object.
const BEYOND: Rights = Rights::LOOKUP
    .union(Rights::LIST)
    .union(Rights::CREATE)
    .union(Rights::REMOVE)
    .union(Rights::RENAME)
    .union(Rights::LINK)
    .union(Rights::FORWARD)
    .union(Rights::NAME);

/// What was opened.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened<H> {
    /// Something of the view, with this number.
    Own(usize),
    /// A file or link of the file system below, with the rights that it may have.
    Lower(H),
}

/// Where an open is passed on to as it is: nobody opens in the view's name.
#[derive(Debug)]
pub struct PassedOn {
    /// The directory of the file system below.
    pub to: usize,
    /// Open flags that it is asked with beside its own.
    pub flags: u64,
    /// The rights of the result at most.
    pub most: Rights,
}

/// Whether what is opened stays the view's own.
fn is_own(flags: Flags) -> bool {
    !flags.reads_or_writes() || flags.has(O_DIRECTORY)
}

/// Whether a path is names and single slashes and nothing else.
fn is_plain(path: &str) -> bool {
    !path.split('/').any(|name| matches!(name, "" | "." | ".."))
}

impl<L: Lower, J: Judge> View<L, J> {
    /// Where the open of a file is passed on to: its path is allowed, and the file system below opens
    /// it unless there is a link or a directory. Then the open comes back, and is to be walked.
    pub fn passed_on(&self, number: usize, path: &str, flags: u64) -> Option<PassedOn> {
        let flags = Flags(flags);
        let walks = self.judge.watches() || flags.0 & open_flags::WALK != 0;
        if walks || is_own(flags) || flags.has(O_CREAT) || !is_plain(path) {
            return None;
        }
        let start = &self.open.get(number)?.node;
        let Body::Here(from) = &start.0.body else { return None };
        let to = self.lower.takes_opens(from)?;
        let rights = start.asked(&self.judge).decide(&start.child(path)).rights();
        if !rights.contains(Rights::demanded(flags.0) | Rights::TRANSFER) {
            return None;
        }
        // What is written is no directory, and what is opened as a link is one.
        let known = flags.has(O_WRONLY) || flags.has(O_SYMLINK);
        let told = if known { 0 } else { open_flags::NOT_DIRECTORY };
        Some(PassedOn { to, flags: open_flags::OR_WALK | told, most: rights.difference(BEYOND) })
    }

    /// Opens what a path means, from an open directory.
    ///
    /// # Errors
    /// As POSIX has them, and [`beneath::walk`]; `EACCES` for what is denied, also in part.
    pub fn open(&mut self, number: usize, path: &str, flags: u64) -> Result<Opened<L::Handle>> {
        let start = self.node(number)?;
        let walks = flags & open_flags::WALK != 0;
        // Of those who passed it on here, and it is not passed on any more.
        let flags = Flags(flags & !(open_flags::WALK | open_flags::OR_WALK));
        if !walks && let Some(opened) = self.straight(&start, path, flags)? {
            return Ok(opened);
        }
        match walk(&self.steps(), &start, path, flags.rules())? {
            Place::Node { node, name } => self.existing(node, name, flags),
            Place::Free { directory, name, slash } => {
                self.create(&directory, &name, flags.to_make(slash)?, flags)
            }
        }
    }

    /// The whole path at once, where there is no link in it and it may be opened so. `None`: it has
    /// to be walked to know.
    fn straight(
        &mut self,
        start: &Node<L::Handle>,
        path: &str,
        flags: Flags,
    ) -> Result<Option<Opened<L::Handle>>> {
        let tells = self.lower.tells_directories();
        let by_node = self.lower.walks() == Walks::ByNode;
        if !by_node || !is_plain(path) || flags.is_for_files() && !tells {
            return Ok(None);
        }
        let Body::Here(from) = &start.0.body else { return Ok(None) };
        let from = Rc::clone(from);
        let true_path = start.child(path);
        let Verdict::Allow(rights) = start.asked(&self.judge).decide(&true_path).verdict else {
            return Ok(None);
        };
        let demanded = Rights::demanded(flags.0);
        if !rights.contains(demanded) {
            return Ok(None);
        }
        let own = is_own(flags);
        // What is written is no directory, and what is opened as a link is one.
        let known = flags.has(O_WRONLY) || flags.has(O_SYMLINK);
        let told = !known && tells;
        let mut asked = flags.0 | open_flags::BENEATH | open_flags::NO_SYMLINKS;
        if told && !own {
            asked |= open_flags::NOT_DIRECTORY;
        }
        if !own && !rights.contains(Rights::TRANSFER) {
            return Err(Error::new(EACCES));
        }
        let most = if own { Rights::all() } else { rights.difference(BEYOND) };
        let opened = match self.lower.open(&from, path, asked, most) {
            Ok(opened) => opened,
            // A link, a directory, or something that can only be told from a walk.
            Err(error) if matches!(error.errno, ELOOP | ENOTDIR | EISDIR) => return Ok(None),
            Err(error) => return Err(error),
        };
        if own {
            self.judge.used(&true_path, demanded);
            let kind = flags.has(O_DIRECTORY).then_some(Kind::Directory);
            let node = start.found(true_path, Body::Here(Rc::new(opened)), kind);
            return self.insert(node).map(|number| Some(Opened::Own(number)));
        }
        if !known && !told && self.lower.kind(&opened)? == Kind::Directory {
            return Ok(None);
        }
        self.watch(&true_path, demanded, &opened, rights)?;
        Ok(Some(Opened::Lower(self.lower.lend(opened, &true_path)?)))
    }

    /// Opens what a walk led to.
    fn existing(
        &mut self,
        node: Node<L::Handle>,
        name: Option<(Node<L::Handle>, String)>,
        flags: Flags,
    ) -> Result<Opened<L::Handle>> {
        let kind = self.steps().kind(&node)?;
        flags.may_open(kind)?;
        let decision = node.asked(&self.judge).decide(node.judged());
        let rights = decision.rights();
        let mut demanded = Rights::demanded(flags.0);
        if kind == Kind::Directory && decision.leads {
            // The list of a directory that leads somewhere shows what is visible.
            demanded = demanded.difference(Rights::READ);
        }
        if node.is_masked() {
            let nothing = demanded.difference(Rights::READ).is_empty();
            return if nothing { self.own(node) } else { Err(Error::new(EACCES)) };
        }
        if !rights.contains(demanded) {
            return Err(Error::new(EACCES));
        }
        if kind == Kind::Directory || !flags.reads_or_writes() {
            self.judge.used(node.judged(), demanded);
            return self.own(node);
        }
        if !rights.contains(Rights::TRANSFER) {
            return Err(Error::new(EACCES));
        }
        let asked = flags.0 & !(O_CREAT as u64) | O_NOFOLLOW as u64;
        let opened = match &name {
            Some((directory, name)) => {
                self.lower.open(directory.lower()?, name, asked, rights.difference(BEYOND))?
            }
            None => self.lower.open(node.lower()?, "", asked, rights.difference(BEYOND))?,
        };
        // Somebody else may have put something there since.
        if self.lower.kind(&opened)? != kind {
            return Err(Error::new(ESTALE));
        }
        self.watch(node.judged(), demanded, &opened, rights)?;
        Ok(Opened::Lower(self.lower.lend(opened, node.judged())?))
    }

    /// Tells who watches what an open file was opened for. A program that is opened to be read is
    /// taken to be run: that is not seen here.
    fn watch(&self, path: &str, mut used: Rights, file: &L::Handle, rights: Rights) -> Result<()> {
        if self.judge.watches() {
            let mode = self.lower.stat(file)?.st_mode;
            if mode & MODE_TYPE == MODE_FILE && mode & 0o111 != 0 {
                used |= rights & Rights::EXEC;
            }
            self.judge.used(path, used);
        }
        Ok(())
    }

    fn own(&mut self, node: Node<L::Handle>) -> Result<Opened<L::Handle>> {
        self.insert(node).map(Opened::Own)
    }

    /// Makes what is not there.
    fn create(
        &mut self,
        directory: &Node<L::Handle>,
        name: &str,
        kind: Kind,
        flags: Flags,
    ) -> Result<Opened<L::Handle>> {
        let path = directory.child(name);
        let rights = self.writable(directory, &path, Rights::demanded(flags.0))?;
        let own = is_own(flags);
        if !own && !rights.contains(Rights::TRANSFER) {
            return Err(Error::new(EACCES));
        }
        let most = if own { Rights::all() } else { rights.difference(BEYOND) };
        let asked = flags.0 | O_NOFOLLOW as u64;
        let opened = self.lower.open(directory.lower()?, name, asked, most)?;
        self.judge.used(&path, Rights::demanded(flags.0));
        if own {
            return self.own(directory.found(path, Body::Here(Rc::new(opened)), Some(kind)));
        }
        Ok(Opened::Lower(self.lower.lend(opened, &path)?))
    }

    /// The rights at a path whose name is to be changed, found through a node.
    ///
    /// # Errors
    /// `ENOENT`: it is not there, whatever is; `EACCES`.
    pub(crate) fn writable(
        &self,
        from: &Node<L::Handle>,
        path: &str,
        takes: Rights,
    ) -> Result<Rights> {
        match from.asked(&self.judge).decide(path).verdict {
            Verdict::Allow(rights) if rights.contains(takes) => Ok(rights),
            Verdict::Hide => Err(Error::new(ENOENT)),
            _ => Err(Error::new(EACCES)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_and_single_slashes_are_plain() {
        for path in ["a", "a/b", "...", "a b/.c", "\u{e9}/-"] {
            assert!(is_plain(path), "{path}");
        }
        for path in ["", "/a", "a/", "a//b", ".", "a/./b", "..", "a/../b", "/"] {
            assert!(!is_plain(path), "{path}");
        }
    }
}
