//! What an overlay knows of a file, directory or link.
use crate::attributes::Attributes;
use crate::budget::Charge;
use crate::content::Content;
use beneath::Kind;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use syscall::Stat;
use syscall::flag::{MODE_DIR, MODE_FILE, MODE_SYMLINK};

/// What tells one thing from another, for ever: device and number.
pub(crate) type Id = (u64, u64);

/// What stands below, as it was seen there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) id: Id,
    pub(crate) kind: Kind,
    pub(crate) length: u64,
    pub(crate) links: u32,
    modified: (u64, u32),
    changed: (u64, u32),
}

impl Stamp {
    pub(crate) fn of(stat: &Stat) -> Stamp {
        Stamp {
            id: (stat.st_dev, stat.st_ino),
            kind: kind_of(stat),
            length: stat.st_size,
            links: stat.st_nlink,
            modified: (stat.st_mtime, stat.st_mtime_nsec),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        }
    }

    /// Whether it is the same thing, and holds what it held.
    pub(crate) fn holds(&self, now: &Stamp) -> bool {
        match self.kind {
            // What becomes of the names in it is checked name by name.
            Kind::Directory => self.id == now.id,
            _ => self == now,
        }
    }
}

pub(crate) fn kind_of(stat: &Stat) -> Kind {
    match stat.st_mode & syscall::flag::MODE_TYPE {
        MODE_DIR => Kind::Directory,
        MODE_SYMLINK => Kind::Link,
        _ => Kind::File,
    }
}

/// The type bits of a kind.
pub(crate) fn mode_of(kind: Kind) -> u16 {
    match kind {
        Kind::Directory => MODE_DIR,
        Kind::Link => MODE_SYMLINK,
        Kind::File => MODE_FILE,
    }
}

/// What became of a name.
#[derive(Debug)]
pub(crate) struct Entry<H> {
    /// Where it stands in lists.
    pub(crate) cookie: u64,
    /// What it stands for; none: it was removed.
    pub(crate) now: Option<Ref<H>>,
    /// What it stands for below.
    pub(crate) was: Option<Stamp>,
    pub(crate) _charge: Charge,
}

/// What a directory has beside what stands below, or in its place.
#[derive(Debug)]
pub(crate) struct Names<H> {
    pub(crate) names: BTreeMap<String, Entry<H>>,
    /// The names by their cookies.
    pub(crate) order: BTreeMap<u64, String>,
    /// It was removed.
    pub(crate) removed: bool,
}

/// What a node holds.
#[derive(Debug)]
pub(crate) enum Body<H> {
    Directory(Names<H>),
    File {
        /// None: what stands below.
        content: Option<Content>,
        /// What stands below, opened to be read.
        reader: Option<Rc<H>>,
    },
    /// Its target; none: that below.
    Link(Option<String>),
}

/// A file, directory or link.
#[derive(Debug)]
pub(crate) struct Node<H> {
    pub(crate) id: Id,
    pub(crate) kind: Kind,
    /// What stands below.
    pub(crate) below: Option<H>,
    /// What stood below when it was first changed.
    pub(crate) stamp: Cell<Option<Stamp>>,
    /// Where it was found first, or made.
    pub(crate) origin: RefCell<Option<Place<H>>>,
    /// Where it was found or put last.
    pub(crate) place: RefCell<Option<Place<H>>>,
    pub(crate) body: RefCell<Body<H>>,
    pub(crate) attributes: Cell<Attributes>,
    /// Names that it has more, or fewer, than below; of a directory, directories in it.
    pub(crate) links: Cell<i64>,
    /// Who has it open and can change it.
    pub(crate) writers: Cell<usize>,
    /// What it is charged, if it is not charged as changed.
    pub(crate) _charge: Option<Charge>,
}

/// A directory, and a name in it.
#[derive(Debug)]
pub(crate) struct Place<H> {
    pub(crate) directory: Ref<H>,
    pub(crate) name: String,
}

impl<H> Place<H> {
    /// What tells it from others.
    pub(crate) fn key(&self) -> (Id, String) {
        (self.directory.id, self.name.clone())
    }
}

impl<H> Clone for Place<H> {
    fn clone(&self) -> Self {
        Place { directory: self.directory.clone(), name: self.name.clone() }
    }
}

impl<H> PartialEq for Place<H> {
    fn eq(&self, other: &Self) -> bool {
        self.directory == other.directory && self.name == other.name
    }
}

/// A shared [`Node`].
#[derive(Debug)]
pub(crate) struct Ref<H>(pub(crate) Rc<Node<H>>);

impl<H> Clone for Ref<H> {
    fn clone(&self) -> Self {
        Ref(Rc::clone(&self.0))
    }
}

impl<H> PartialEq for Ref<H> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<H> std::ops::Deref for Ref<H> {
    type Target = Node<H>;

    fn deref(&self) -> &Node<H> {
        &self.0
    }
}

impl<H> Node<H> {
    pub(crate) fn new(id: Id, kind: Kind, below: Option<H>, charge: Option<Charge>) -> Node<H> {
        let body = match kind {
            Kind::Directory => Body::Directory(Names {
                names: BTreeMap::new(),
                order: BTreeMap::new(),
                removed: false,
            }),
            Kind::File => Body::File { content: None, reader: None },
            Kind::Link => Body::Link(None),
        };
        Node {
            id,
            kind,
            below,
            stamp: Cell::new(None),
            origin: RefCell::new(None),
            place: RefCell::new(None),
            body: RefCell::new(body),
            attributes: Cell::default(),
            links: Cell::new(0),
            writers: Cell::new(0),
            _charge: charge,
        }
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }

    /// Whether what it holds is not what stands below.
    pub(crate) fn is_filled(&self) -> bool {
        match &*self.body.borrow() {
            Body::Directory(_) => false,
            Body::File { content, .. } => content.is_some(),
            Body::Link(target) => target.is_some(),
        }
    }

    pub(crate) fn is_removed(&self) -> bool {
        matches!(&*self.body.borrow(), Body::Directory(names) if names.removed)
    }

    /// It has a name more, or one less; or a directory in it.
    pub(crate) fn count(&self, more: i64) {
        self.links.set(self.links.get().saturating_add(more));
    }

    pub(crate) fn put(&self, place: Place<H>) {
        let mut origin = self.origin.borrow_mut();
        if origin.is_none() {
            *origin = Some(place.clone());
        }
        *self.place.borrow_mut() = Some(place);
    }
}
