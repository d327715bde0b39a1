//! What is new, written below under names of its own before anything there is changed.
use crate::content::Content;
use crate::node::{Body, Id, Place, Ref};
use crate::overlay::{LOOK, Overlay};
use beneath::Kind;
use clavis_abi::Rights;
use clavis_view::lower::Attribute;
use clavis_view::store::{Store, write_whole};
use std::collections::BTreeMap;
use syscall::AT_REMOVEDIR;
use syscall::error::{EEXIST, EINVAL, ENOENT, Error, Result};
use syscall::flag::{
    MODE_PERM, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDWR, O_STAT, O_SYMLINK, O_WRONLY,
};

/// What names begin with under which something waits.
const FRONT: &str = ".contain-";
/// Such names that are tried where others have them.
const TRIES: u64 = 1000;

/// A name below that was made, and for which step.
struct Made<H> {
    top: usize,
    place: Place<H>,
    kind: Kind,
}

/// What waits below.
pub(crate) struct Stage<'o, S: Store> {
    overlay: &'o Overlay<S>,
    /// Directories that were made, and with which step they come to their place.
    directories: BTreeMap<Id, (S::Handle, usize)>,
    made: Vec<Made<S::Handle>>,
    /// Where a step's thing waits.
    waiting: BTreeMap<usize, Place<S::Handle>>,
    counter: u64,
}

impl<'o, S: Store> Stage<'o, S> {
    pub(crate) fn new(overlay: &'o Overlay<S>) -> Self {
        let (directories, made, waiting) = Default::default();
        Stage { overlay, directories, made, waiting, counter: 0 }
    }

    /// A directory below, or one that was made there.
    pub(crate) fn directory<'a>(&'a self, node: &'a Ref<S::Handle>) -> Result<&'a S::Handle> {
        let made = || self.directories.get(&node.id).map(|(handle, _)| handle);
        node.below.as_ref().or_else(made).ok_or(Error::new(ENOENT))
    }

    /// Does something with names that nobody has, until one is free.
    pub(crate) fn with_free_name<T>(
        &mut self,
        mut act: impl FnMut(&Self, &str) -> Result<T>,
    ) -> Result<(String, T)> {
        for _ in 0..TRIES {
            self.counter = self.counter.saturating_add(1);
            let name = format!("{FRONT}{}", self.counter);
            match act(self, &name) {
                Err(error) if error.errno == EEXIST => {}
                done => return done.map(|done| (name, done)),
            }
        }
        Err(Error::new(EEXIST))
    }

    /// Makes what is new: in a directory that stands below under a name of its own, in one that is
    /// new itself at its place.
    pub(crate) fn make(
        &mut self,
        index: usize,
        node: &Ref<S::Handle>,
        to: &Place<S::Handle>,
    ) -> Result<()> {
        let top = self.directories.get(&to.directory.id).map(|(_, top)| *top);
        let mode = self.overlay.stat_of(node)?.st_mode & MODE_PERM;
        let create = |stage: &Self, name: &str| {
            let directory = stage.directory(&to.directory)?;
            stage.create(directory, name, node.kind, mode)
        };
        let (name, handle) = match top {
            Some(_) => (to.name.clone(), create(self, &to.name)?),
            None => self.with_free_name(create)?,
        };
        let place = Place { directory: to.directory.clone(), name };
        self.note(index, top, place, node.kind);
        self.fill(node, &handle)?;
        if node.is_directory() {
            self.directories.insert(node.id, (handle, top.unwrap_or(index)));
        }
        Ok(())
    }

    /// Makes a file that is to take the place of one that stands below.
    pub(crate) fn replace(
        &mut self,
        index: usize,
        node: &Ref<S::Handle>,
        place: &Place<S::Handle>,
    ) -> Result<()> {
        let stat = self.overlay.stat_of(node)?;
        let (name, handle) = self.with_free_name(|stage, name| {
            let directory = stage.directory(&place.directory)?;
            stage.create(directory, name, Kind::File, stat.st_mode & MODE_PERM)
        })?;
        let place = Place { directory: place.directory.clone(), name };
        self.note(index, None, place, Kind::File);
        let now = self.overlay.store.stat(&handle)?;
        if (now.st_uid, now.st_gid) != (stat.st_uid, stat.st_gid) {
            let owner = Attribute::Owner(stat.st_uid, stat.st_gid);
            self.overlay.store.set(&handle, &owner)?;
        }
        self.fill(node, &handle)
    }

    fn note(&mut self, index: usize, top: Option<usize>, place: Place<S::Handle>, kind: Kind) {
        if top.is_none() {
            self.waiting.insert(index, place.clone());
        }
        self.made.push(Made { top: top.unwrap_or(index), place, kind });
    }

    fn create(&self, at: &S::Handle, name: &str, kind: Kind, mode: u16) -> Result<S::Handle> {
        let kind = match kind {
            Kind::Directory => O_DIRECTORY | O_STAT,
            Kind::Link => O_SYMLINK | O_WRONLY,
            Kind::File => O_RDWR,
        };
        let flags = (kind | O_CREAT | O_EXCL | O_NOFOLLOW) as u64 | u64::from(mode);
        self.overlay.store.open(at, name, flags, Rights::all())
    }

    /// Gives something that was made what it holds, and what is known of it.
    fn fill(&self, node: &Ref<S::Handle>, handle: &S::Handle) -> Result<()> {
        let store = &self.overlay.store;
        match &*node.body.borrow() {
            Body::File { content: Some(content), .. } => pour(store, handle, content)?,
            Body::Link(Some(target)) => return write_whole(store, handle, 0, target.as_bytes()),
            _ => {}
        }
        let attributes = node.attributes.get();
        let all = attributes.all(!node.is_directory());
        all.iter().try_for_each(|attribute| store.set(handle, attribute))
    }

    /// Where a step's thing waits.
    pub(crate) fn waits(&self, index: usize) -> Result<Place<S::Handle>> {
        self.waiting.get(&index).cloned().ok_or(Error::new(EINVAL))
    }

    /// Whether a step's thing waits by itself.
    pub(crate) fn is_waiting(&self, index: usize) -> bool {
        self.waiting.contains_key(&index)
    }

    /// A step's thing came to its place, with all in it; or it is to stay where it waits.
    pub(crate) fn settled(&mut self, index: usize) {
        self.waiting.remove(&index);
        self.made.retain(|made| made.top != index);
    }

    /// Removes what a step left waiting.
    pub(crate) fn forget(&mut self, index: usize) {
        let left = self.clear(|made| made.top == index);
        self.made.extend(left);
        self.waiting.remove(&index);
    }

    /// Removes all that waits still. Answers what stayed.
    pub(crate) fn end(mut self) -> Vec<Place<S::Handle>> {
        self.clear(|_| true).into_iter().map(|made| made.place).collect()
    }

    fn clear(&mut self, which: impl Fn(&Made<S::Handle>) -> bool) -> Vec<Made<S::Handle>> {
        let (gone, kept) = std::mem::take(&mut self.made).into_iter().partition(which);
        self.made = kept;
        let gone: Vec<Made<S::Handle>> = gone;
        let removed = |made: &Made<S::Handle>| {
            let flags = if made.kind == Kind::Directory { AT_REMOVEDIR } else { 0 };
            let directory = self.directory(&made.place.directory)?;
            self.overlay.store.unlink((directory, &made.place.name), flags)
        };
        // What lies in a directory before it.
        gone.into_iter().rev().filter(|made| removed(made).is_err()).collect()
    }

    /// What a name stands for below.
    pub(crate) fn look(&self, place: &Place<S::Handle>) -> Result<Option<Id>> {
        let directory = self.directory(&place.directory)?;
        match self.overlay.store.open(directory, &place.name, LOOK, Rights::all()) {
            Ok(handle) => {
                let stat = self.overlay.store.stat(&handle)?;
                Ok(Some((stat.st_dev, stat.st_ino)))
            }
            Err(error) if error.errno == ENOENT => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Writes all that a file is to hold into an empty one.
pub(crate) fn pour<S: Store>(store: &S, file: &S::Handle, content: &Content) -> Result<()> {
    let mut end = 0;
    for (at, part) in content.parts() {
        write_whole(store, file, at, part)?;
        end = at.saturating_add(part.len() as u64);
    }
    if end < content.len() { store.cut(file, content.len()) } else { Ok(()) }
}
