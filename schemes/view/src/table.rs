//! What a view has open, and what can be asked of it.
use crate::guarded::Guarded;
use crate::judge::{Below, Decision, Judge, Verdict};
use crate::lower::{Attribute, Found, Lower};
use crate::node::{Body, Node};
use crate::steps::Steps;
use beneath::{Kind, Tree};
use clavis_abi::Rights;
use clavis_abi::limits::PATH_MAX;
use clavis_policy::{Guard, Lock, Policy};
use slab::Slab;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use syscall::dirent::DirentKind;
use syscall::error::{
    E2BIG, EACCES, EBADF, EIO, EISDIR, ENAMETOOLONG, ENFILE, ENOENT, ENOTDIR, EXDEV, Error, Result,
};
use syscall::flag::{MODE_DIR, MODE_FILE, O_DIRECTORY, O_RDONLY};
use syscall::{Stat, StatVfs};

/// The number of the view's root; it is always open.
pub const ROOT: usize = 0;
/// Most that can be open: each keeps a handle of the file system below.
pub const MOST: usize = 4096;

/// Policies that open handles can be under beside the view's own.
const MOST_LIMITS: usize = 64;

/// Pieces of a list that are passed over at once: one that never ends is an error.
const CHUNKS: usize = 1 << 16;

/// Reads the names of a directory.
const LIST: u64 = (O_RDONLY | O_DIRECTORY) as u64;

pub(crate) struct Open<H> {
    pub(crate) node: Node<H>,
    /// What its names are read from.
    listing: Option<H>,
}

/// A view of a directory.
pub struct View<L: Lower, J> {
    pub(crate) lower: L,
    pub(crate) judge: J,
    pub(crate) root: Node<L::Handle>,
    pub(crate) open: Slab<Open<L::Handle>>,
    limits: Vec<Weak<Guarded>>,
}

impl<L: Lower, J: Judge> View<L, J> {
    /// A view of that directory.
    #[must_use]
    pub fn new(lower: L, judge: J, directory: L::Handle) -> View<L, J> {
        let body = Body::Here(Rc::new(directory));
        let root = Node::new(String::new(), body, Some(Kind::Directory));
        let mut open = Slab::new();
        open.insert(Open { node: root.clone(), listing: None });
        View { lower, judge, root, open, limits: Vec::new() }
    }

    /// The file system below.
    #[must_use]
    pub fn lower(&self) -> &L {
        &self.lower
    }

    /// Who judges.
    #[must_use]
    pub fn judge(&self) -> &J {
        &self.judge
    }

    pub(crate) fn steps(&self) -> Steps<'_, L, J> {
        Steps { lower: &self.lower, judge: &self.judge, root: &self.root }
    }

    /// What a number stands for.
    pub(crate) fn node(&self, number: usize) -> Result<Node<L::Handle>> {
        self.open.get(number).map(|open| open.node.clone()).ok_or(Error::new(EBADF))
    }

    pub(crate) fn insert(&mut self, node: Node<L::Handle>) -> Result<usize> {
        if self.open.len() >= MOST {
            return Err(Error::new(ENFILE));
        }
        if node.0.path.len() > PATH_MAX {
            return Err(Error::new(ENAMETOOLONG));
        }
        Ok(self.open.insert(Open { node, listing: None }))
    }

    /// What is open, once more: it and what is opened through it under a further policy.
    ///
    /// # Errors
    /// `EBADF`, `ENFILE`; `E2BIG`: it is under too many.
    pub fn narrow(&mut self, number: usize, policy: Arc<Policy>, name: &str) -> Result<usize> {
        let node = self.node(number)?;
        self.limits.retain(|limit| limit.strong_count() > 0);
        if self.limits.len() >= MOST_LIMITS {
            return Err(Error::new(ENFILE));
        }
        let guard = match &node.0.limit {
            Some(limit) => limit.narrowed(policy).map_err(|_| Error::new(E2BIG))?,
            None => Guard::new(policy, Lock::ShrinkOnly),
        };
        let limit = Rc::new(Guarded::new(&Arc::new(guard), name));
        self.limits.push(Rc::downgrade(&limit));
        self.insert(node.limited(limit))
    }

    /// The last handle to a number is gone.
    pub fn close(&mut self, number: usize) {
        if number != ROOT {
            self.open.try_remove(number);
        }
    }

    /// Numbers that are open, the root among them.
    #[must_use]
    pub fn count(&self) -> usize {
        self.open.len()
    }

    /// What is said of a node now; the path may be another than the one that it was opened under.
    fn decide(&self, node: &Node<L::Handle>) -> Result<Decision> {
        let decision = node.asked(&self.judge).decide(node.judged());
        match decision.verdict {
            Verdict::Hide if !decision.leads => Err(Error::new(ENOENT)),
            Verdict::Deny if !decision.leads => Err(Error::new(EACCES)),
            _ => Ok(decision),
        }
    }

    /// A node for a use that takes rights.
    fn used(&self, number: usize, rights: Rights) -> Result<Node<L::Handle>> {
        let node = self.node(number)?;
        if !self.decide(&node)?.rights().contains(rights) {
            return Err(Error::new(EACCES));
        }
        self.judge.used(node.judged(), rights);
        Ok(node)
    }

    /// What is known of a number. Of a directory in which something may be hidden, how much is in
    /// it is not told.
    ///
    /// # Errors
    /// `EBADF`; `ENOENT`, `EACCES` as who judges says; what the file system below answers.
    pub fn stat(&self, number: usize) -> Result<Stat> {
        let node = self.node(number)?;
        let decision = self.decide(&node)?;
        if !decision.leads && !node.is_masked() && !decision.rights().contains(Rights::STAT) {
            return Err(Error::new(EACCES));
        }
        self.judge.used(node.judged(), decision.rights() & Rights::STAT);
        if node.is_masked() {
            let directory = node.0.kind.get() == Some(Kind::Directory);
            let st_mode = if directory { MODE_DIR | 0o555 } else { MODE_FILE | 0o444 };
            return Ok(Stat { st_mode, st_nlink: 1, st_blksize: 4096, ..Stat::default() });
        }
        let stat = self.lower.stat(node.lower()?)?;
        let directory = crate::node::kind_of(&stat) == Kind::Directory;
        if directory && node.asked(&self.judge).below(node.judged()) == Below::Hides {
            return Ok(Stat { st_size: 0, st_blocks: 0, st_nlink: 1, ..stat });
        }
        Ok(stat)
    }

    /// Sets an attribute.
    ///
    /// # Errors
    /// As [`View::stat`].
    pub fn set(&self, number: usize, attribute: &Attribute) -> Result<()> {
        let node = self.used(number, Rights::SET_ATTR)?;
        self.lower.set(node.lower()?, attribute)
    }

    /// How full the file system below is.
    ///
    /// # Errors
    /// As [`View::stat`].
    pub fn statistics(&self, number: usize) -> Result<StatVfs> {
        let node = self.node(number)?;
        self.decide(&node)?;
        self.lower.statistics(node.lower()?)
    }

    /// Writes to the medium what is not there yet.
    ///
    /// # Errors
    /// As [`View::stat`].
    pub fn sync(&self, number: usize) -> Result<()> {
        let node = self.node(number)?;
        self.decide(&node)?;
        self.lower.sync(node.lower()?)
    }

    /// The path from the view's root, with a slash before each name.
    ///
    /// # Errors
    /// `EBADF`; `ENOENT` for what was removed.
    pub fn path(&self, number: usize) -> Result<String> {
        let node = self.node(number)?;
        if node.0.named { Ok(node.0.path.clone()) } else { Err(Error::new(ENOENT)) }
    }

    /// The path from an open directory.
    ///
    /// # Errors
    /// `EXDEV` for what does not lie beneath it; as [`View::path`].
    pub fn path_from(&self, number: usize, directory: usize) -> Result<String> {
        let (path, from) = (self.path(number)?, self.path(directory)?);
        match path.strip_prefix(&from) {
            Some("") => Ok(".".into()),
            Some(rest) if rest.starts_with('/') => Ok(rest.trim_start_matches('/').into()),
            _ => Err(Error::new(EXDEV)),
        }
    }

    /// What of an empty file in the place of another is read: nothing.
    ///
    /// # Errors
    /// `EISDIR`; `EBADF`.
    pub fn read(&self, number: usize) -> Result<usize> {
        match self.steps().kind(&self.node(number)?)? {
            Kind::Directory => Err(Error::new(EISDIR)),
            _ if self.node(number)?.is_masked() => Ok(0),
            _ => Err(Error::new(EBADF)),
        }
    }

    /// The visible names of a directory, behind a position, until `each` has enough (`false`).
    ///
    /// # Errors
    /// `ENOTDIR`; as [`View::stat`].
    pub fn list(
        &mut self,
        number: usize,
        after: u64,
        each: &mut dyn FnMut(Found<'_>) -> bool,
    ) -> Result<()> {
        let node = self.node(number)?;
        if self.steps().kind(&node)? != Kind::Directory {
            return Err(Error::new(ENOTDIR));
        }
        if node.is_masked() {
            return Ok(());
        }
        let decision = self.decide(&node)?;
        let whole = decision.rights().contains(Rights::LIST);
        if !whole && !decision.leads {
            return Err(Error::new(EACCES));
        }
        if whole {
            self.judge.used(node.judged(), Rights::LIST);
        }
        let kept = self.open.get_mut(number).and_then(|open| open.listing.take());
        let listing = match kept.filter(|_| after != 0) {
            Some(listing) => listing,
            None => self.lower.open(node.lower()?, "", LIST, Rights::all())?,
        };
        let shown = self.show(&node, &listing, whole, after, each);
        if let Some(open) = self.open.get_mut(number) {
            open.listing = Some(listing);
        }
        shown
    }

    fn show(
        &self,
        node: &Node<L::Handle>,
        listing: &L::Handle,
        whole: bool,
        mut after: u64,
        each: &mut dyn FnMut(Found<'_>) -> bool,
    ) -> Result<()> {
        let mut going = true;
        for _ in 0..CHUNKS {
            if !going {
                return Ok(());
            }
            let mut any = false;
            let mut failed = None;
            self.lower.list(listing, after, &mut |found| {
                any = true;
                let shown = match self.shown(node, &found, whole) {
                    Ok(shown) => shown,
                    Err(error) => {
                        failed = Some(error);
                        return false;
                    }
                };
                if let Some(kind) = shown {
                    going = each(Found { kind, ..found });
                }
                if going {
                    after = found.next;
                }
                going
            })?;
            if let Some(error) = failed {
                return Err(error);
            }
            going &= any;
        }
        if going { Err(Error::new(EIO)) } else { Ok(()) }
    }

    /// What a name is shown as; `None`: it is not.
    fn shown(&self, node: &Node<L::Handle>, found: &Found<'_>, whole: bool) -> Result<Option<u8>> {
        if matches!(found.name, "." | "..") {
            return Ok(None);
        }
        let decision = node.asked(&self.judge).decide(&node.child(found.name));
        let otherwise = match decision.verdict {
            Verdict::Allow(_) => return Ok(Some(found.kind)),
            Verdict::Hide => None,
            Verdict::Deny => whole.then_some(found.kind),
            Verdict::Mask if found.kind == DirentKind::Directory as u8 => Some(found.kind),
            Verdict::Mask => Some(DirentKind::Regular as u8),
        };
        if !decision.leads {
            return Ok(otherwise);
        }
        let directory = if found.kind == DirentKind::Unspecified as u8 {
            let looked = self.steps().find(node, found.name)?;
            looked.is_some_and(|node| node.0.kind.get() == Some(Kind::Directory))
        } else {
            found.kind == DirentKind::Directory as u8
        };
        Ok(if directory { Some(found.kind) } else { otherwise })
    }
}
