//! One step of a walk: a name in a directory, as who judges lets it be seen.
use crate::guarded::Guarded;
use crate::judge::{Below, Judge, Verdict};
use crate::lower::Lower;
use crate::node::{Body, Node};
use beneath::{Kind, Tree};
use clavis_abi::Rights;
use std::borrow::Cow;
use std::rc::Rc;
use syscall::error::{EACCES, EINVAL, ENOENT, ENOTDIR, Error, Result};
use syscall::flag::{O_NOFOLLOW, O_RDONLY, O_STAT, O_SYMLINK};

/// Looks at what a name stands for, and at nothing behind it.
const LOOK: u64 = (O_STAT | O_NOFOLLOW) as u64;
/// Reads a link.
const READ_LINK: u64 = (O_RDONLY | O_SYMLINK | O_NOFOLLOW) as u64;

/// What walks need of a view.
#[derive(Debug)]
pub(crate) struct Steps<'v, L: Lower, J> {
    pub(crate) lower: &'v L,
    pub(crate) judge: &'v J,
    pub(crate) root: &'v Node<L::Handle>,
}

impl<L: Lower, J: Judge> Steps<'_, L, J> {
    /// What a name stands for, whatever is said of it.
    pub(crate) fn find(
        &self,
        directory: &Node<L::Handle>,
        name: &str,
    ) -> Result<Option<Node<L::Handle>>> {
        let handle = match self.lower.open(directory.lower()?, name, LOOK, Rights::all()) {
            Ok(handle) => handle,
            Err(error) if error.errno == ENOENT => return Ok(None),
            Err(error) => return Err(error),
        };
        let kind = self.lower.kind(&handle)?;
        Ok(Some(directory.found(directory.child(name), Body::Here(Rc::new(handle)), Some(kind))))
    }

    /// What lies at a true path, whatever is said of it, under a limit.
    pub(crate) fn reach(&self, path: &str, limit: Option<&Rc<Guarded>>) -> Result<Node<L::Handle>> {
        let mut here = match limit {
            Some(limit) => self.root.limited(Rc::clone(limit)),
            None => self.root.clone(),
        };
        for name in path.split('/').filter(|name| !name.is_empty()) {
            // A link has no place in a true path: somebody put it there since.
            if here.0.kind.get() != Some(Kind::Directory) {
                return Err(Error::new(ENOENT));
            }
            here = self.find(&here, name)?.ok_or(Error::new(ENOENT))?;
        }
        Ok(here)
    }
}

impl<L: Lower, J: Judge> Tree for Steps<'_, L, J> {
    type Node = Node<L::Handle>;

    fn root(&self) -> Self::Node {
        self.root.clone()
    }

    fn kind(&self, node: &Self::Node) -> Result<Kind> {
        if let Some(kind) = node.0.kind.get() {
            return Ok(kind);
        }
        let kind = self.lower.kind(node.lower()?)?;
        node.0.kind.set(Some(kind));
        Ok(kind)
    }

    fn lookup(&self, directory: &Self::Node, name: &str) -> Result<Option<Self::Node>> {
        if self.kind(directory)? != Kind::Directory {
            return Err(Error::new(ENOTDIR));
        }
        if directory.is_masked() {
            return Ok(None);
        }
        if !directory.0.named {
            return Err(Error::new(ENOENT));
        }
        let path = directory.child(name);
        let decision = directory.asked(self.judge).decide(&path);
        match decision.verdict {
            Verdict::Hide if !decision.leads => return Ok(None),
            Verdict::Deny if !decision.leads => return Err(Error::new(EACCES)),
            _ => {}
        }
        let Some(node) = self.find(directory, name)? else { return Ok(None) };
        let kind = node.0.kind.get();
        // Only a directory can lead to anything.
        let mut through = decision.leads && kind == Some(Kind::Directory);
        if through && decision.verdict == Verdict::Mask {
            // With all that is in it.
            through = directory.asked(self.judge).below(&path) != Below::Same;
        }
        match decision.verdict {
            Verdict::Hide if !through => Ok(None),
            Verdict::Deny if !through => Err(Error::new(EACCES)),
            Verdict::Mask if !through => {
                let kind = if kind == Some(Kind::Directory) { kind } else { Some(Kind::File) };
                Ok(Some(directory.found(path, Body::Masked, kind)))
            }
            _ => Ok(Some(node)),
        }
    }

    fn parent(&self, directory: &Self::Node) -> Result<Self::Node> {
        if !directory.0.named {
            return Err(Error::new(ENOENT));
        }
        let above = directory.0.path.rsplit_once('/').map_or("", |(above, _)| above);
        self.reach(above, directory.0.limit.as_ref())
    }

    fn target(&self, link: &Self::Node) -> Result<Cow<'_, str>> {
        if self.kind(link)? != Kind::Link {
            return Err(Error::new(EINVAL));
        }
        let open = self.lower.open(link.lower()?, "", READ_LINK, Rights::all())?;
        let target = self.lower.target(&open)?;
        self.judge.used(link.judged(), Rights::empty());
        Ok(Cow::Owned(target))
    }
}
