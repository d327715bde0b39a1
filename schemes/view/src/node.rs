//! What a view has in its hands: a true path, and the handle that was found there.
use crate::guarded::Guarded;
use crate::judge::{Asked, Judge};
use beneath::Kind;
use std::cell::Cell;
use std::rc::Rc;
use syscall::Stat;
use syscall::error::{EACCES, ENOENT, Error, Result};
use syscall::flag::{MODE_DIR, MODE_SYMLINK, MODE_TYPE};

/// What stands behind a path.
#[derive(Debug)]
pub(crate) enum Body<H> {
    /// This, below.
    Here(Rc<H>),
    /// Something empty in its place.
    Masked,
    /// Nothing any more.
    Gone,
}

/// What is open, or was walked over.
#[derive(Debug)]
pub(crate) struct Entry<H> {
    /// What is said here beside who judges for all: of this, and of what is found through it.
    pub(crate) limit: Option<Rc<Guarded>>,
    /// The path from the view's root: empty for that, else with a slash before each name. No name
    /// in it is a link's.
    pub(crate) path: String,
    pub(crate) body: Body<H>,
    /// What it is, as soon as somebody asked.
    pub(crate) kind: Cell<Option<Kind>>,
    /// Whether the path still leads to it, as far as this view knows.
    pub(crate) named: bool,
}

/// A shared [`Entry`].
#[derive(Debug)]
pub(crate) struct Node<H>(pub(crate) Rc<Entry<H>>);

impl<H> Clone for Node<H> {
    fn clone(&self) -> Self {
        Node(Rc::clone(&self.0))
    }
}

impl<H> PartialEq for Node<H> {
    fn eq(&self, other: &Self) -> bool {
        self.0.path == other.0.path
    }
}

impl<H> Node<H> {
    pub(crate) fn new(path: String, body: Body<H>, kind: Option<Kind>) -> Node<H> {
        Node(Rc::new(Entry { limit: None, path, body, kind: Cell::new(kind), named: true }))
    }

    /// What was found through this one: it is under the same limit.
    pub(crate) fn found(&self, path: String, body: Body<H>, kind: Option<Kind>) -> Node<H> {
        let limit = self.0.limit.clone();
        Node(Rc::new(Entry { limit, path, body, kind: Cell::new(kind), named: true }))
    }

    /// The same under another limit.
    pub(crate) fn limited(&self, limit: Rc<Guarded>) -> Node<H> {
        let (path, kind, named) = (self.0.path.clone(), self.0.kind.clone(), self.0.named);
        Node(Rc::new(Entry { limit: Some(limit), path, body: self.body(), kind, named }))
    }

    /// Who judges for all, and the limit.
    pub(crate) fn asked<'a>(&'a self, base: &'a dyn Judge) -> Asked<'a> {
        Asked { base, limit: self.0.limit.as_deref() }
    }

    /// The path for who judges.
    pub(crate) fn judged(&self) -> &str {
        if self.0.path.is_empty() { "/" } else { &self.0.path }
    }

    /// The path of a name in it.
    pub(crate) fn child(&self, name: &str) -> String {
        [self.0.path.as_str(), "/", name].concat()
    }

    /// The handle below.
    ///
    /// # Errors
    /// `EACCES`: something empty stands there; `ENOENT`: nothing any more.
    pub(crate) fn lower(&self) -> Result<&H> {
        match &self.0.body {
            Body::Here(handle) => Ok(handle),
            Body::Masked => Err(Error::new(EACCES)),
            Body::Gone => Err(Error::new(ENOENT)),
        }
    }

    pub(crate) fn is_masked(&self) -> bool {
        matches!(self.0.body, Body::Masked)
    }

    fn body(&self) -> Body<H> {
        match &self.0.body {
            Body::Here(handle) => Body::Here(Rc::clone(handle)),
            Body::Masked => Body::Masked,
            Body::Gone => Body::Gone,
        }
    }

    /// The same under another path.
    pub(crate) fn moved(&self, path: String) -> Node<H> {
        self.found(path, self.body(), self.0.kind.get())
    }

    /// The same, to which no path leads any more.
    pub(crate) fn unnamed(&self, body: Option<Body<H>>) -> Node<H> {
        let body = body.unwrap_or_else(|| self.body());
        let (limit, kind) = (self.0.limit.clone(), self.0.kind.clone());
        let path = self.0.path.clone();
        Node(Rc::new(Entry { limit, path, body, kind, named: false }))
    }
}

/// What its metadata say a thing is.
pub(crate) fn kind_of(stat: &Stat) -> Kind {
    match stat.st_mode & MODE_TYPE {
        MODE_DIR => Kind::Directory,
        MODE_SYMLINK => Kind::Link,
        _ => Kind::File,
    }
}
