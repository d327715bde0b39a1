//! Names: what they stand for, and what is done with them.
use crate::node::{Body, Entry, Names, Place, Ref, Stamp};
use crate::overlay::Overlay;
use beneath::Kind;
use clavis_abi::limits::{COMPONENT_MAX, PATH_MAX};
use clavis_view::lower::Found;
use clavis_view::store::Store;
use std::borrow::Cow;
use syscall::dirent::DirentKind;
use syscall::error::{
    EEXIST, EINVAL, EIO, EISDIR, ELOOP, EMLINK, ENAMETOOLONG, ENOENT, ENOTDIR, ENOTEMPTY, EPERM,
    Error, Result,
};

/// Bytes charged for a name that is kept, beside its own.
const NAME_COST: u64 = 192;
/// Names that one thing can have.
const LINKS_MAX: u32 = 65_000;
/// Positions in a list begin with this bit for names that are kept here.
const OWN: u64 = 1 << 63;
/// Pieces of a list that are passed over at once: one that never ends is an error.
const PIECES: usize = 1 << 16;

/// Checks a name that is to be made.
fn check(name: &str) -> Result<()> {
    if name.len() > COMPONENT_MAX {
        return Err(Error::new(ENAMETOOLONG));
    }
    if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
        return Err(Error::new(EINVAL));
    }
    Ok(())
}

/// Does something with what a directory has of its own.
pub(crate) fn with<H, T>(directory: &Ref<H>, act: impl FnOnce(&mut Names<H>) -> T) -> Result<T> {
    match &mut *directory.body.borrow_mut() {
        Body::Directory(names) => Ok(act(names)),
        _ => Err(Error::new(ENOTDIR)),
    }
}

impl<S: Store> Overlay<S> {
    /// What a name in a directory stands for.
    pub(crate) fn lookup(
        &self,
        directory: &Ref<S::Handle>,
        name: &str,
    ) -> Result<Option<Ref<S::Handle>>> {
        let kept = with(directory, |names| {
            (names.removed, names.names.get(name).map(|entry| entry.now.clone()))
        })?;
        match kept {
            (true, _) => Err(Error::new(ENOENT)),
            _ if name.len() > COMPONENT_MAX => Err(Error::new(ENAMETOOLONG)),
            (false, Some(now)) => Ok(now),
            (false, None) => self.find(directory, name),
        }
    }

    /// Sees to it that a name can stand for something else than below, before anything is done.
    fn prepare(&self, directory: &Ref<S::Handle>, name: &str) -> Result<()> {
        if with(directory, |names| names.names.contains_key(name))? {
            return Ok(());
        }
        self.keep(directory)?;
        let was = self.look(directory, name)?;
        let charge =
            self.budget.take(NAME_COST.saturating_add(name.len().saturating_mul(2) as u64))?;
        let now = if was.is_some() { self.find(directory, name)? } else { None };
        let was = was.map(|(_, stat)| Stamp::of(&stat));
        let cookie = self.next();
        with(directory, |names| {
            names.order.insert(cookie, name.to_owned());
            names.names.insert(name.to_owned(), Entry { cookie, now, was, _charge: charge });
        })
    }

    /// Makes a name stand for something, or for nothing; it is prepared.
    fn set(
        &self,
        directory: &Ref<S::Handle>,
        name: &str,
        now: Option<Ref<S::Handle>>,
    ) -> Result<()> {
        let cookie = self.next();
        with(directory, |names| {
            let Some(entry) = names.names.get_mut(name) else { return };
            names.order.remove(&entry.cookie);
            let same = match (&now, &entry.was) {
                (Some(now), Some(was)) => now.id == was.id,
                (None, None) => true,
                _ => false,
            };
            if same {
                names.names.remove(name);
            } else {
                (entry.now, entry.cookie) = (now, cookie);
                names.order.insert(cookie, name.to_owned());
            }
        })?;
        let mut attributes = directory.attributes.get();
        attributes.touch(self.now());
        directory.attributes.set(attributes);
        Ok(())
    }

    fn attach(&self, directory: &Ref<S::Handle>, name: &str, node: &Ref<S::Handle>) -> Result<()> {
        self.set(directory, name, Some(node.clone()))?;
        node.put(Place { directory: directory.clone(), name: name.to_owned() });
        let counted = if node.is_directory() { directory } else { node };
        counted.count(1);
        Ok(())
    }

    fn detach(&self, directory: &Ref<S::Handle>, name: &str, node: &Ref<S::Handle>) -> Result<()> {
        self.set(directory, name, None)?;
        let counted = if node.is_directory() { directory } else { node };
        counted.count(-1);
        Ok(())
    }

    /// Makes something under a free name.
    pub(crate) fn create(
        &self,
        directory: &Ref<S::Handle>,
        name: &str,
        kind: Kind,
        mode: u16,
    ) -> Result<Ref<S::Handle>> {
        check(name)?;
        if self.lookup(directory, name)?.is_some() {
            return Err(Error::new(EEXIST));
        }
        let node = self.make(kind)?;
        node.attributes.set(crate::attributes::Attributes::new(mode, self.now()));
        match &mut *node.body.borrow_mut() {
            Body::File { content, .. } => {
                *content = Some(crate::content::Content::new(&self.budget));
            }
            Body::Link(target) => *target = Some(String::new()),
            Body::Directory(_) => {}
        }
        self.prepare(directory, name)?;
        self.attach(directory, name, &node)?;
        Ok(node)
    }

    /// Whether nothing is in a directory.
    fn is_empty(&self, directory: &Ref<S::Handle>) -> Result<bool> {
        let mut empty = true;
        self.list(directory, None, 0, &mut |_| {
            empty = false;
            false
        })?;
        Ok(empty)
    }

    fn check_empty(&self, node: &Ref<S::Handle>) -> Result<()> {
        match node.is_directory() {
            false => Err(Error::new(ENOTDIR)),
            true if self.is_empty(node)? => Ok(()),
            true => Err(Error::new(ENOTEMPTY)),
        }
    }

    /// What lost a name: a directory is gone, of anything else what is known of its names is kept.
    fn lost(&self, node: &Ref<S::Handle>) -> Result<()> {
        if node.is_directory() {
            return with(node, |names| names.removed = true);
        }
        Ok(())
    }

    /// Sees to it that something can lose a name.
    fn losing(&self, node: &Ref<S::Handle>) -> Result<()> {
        let several = match &node.below {
            Some(below) => self.store.stat(below)?.st_nlink > 1,
            None => false,
        };
        // One that has no other name is never found again.
        if !node.is_directory() && several { self.keep(node) } else { Ok(()) }
    }

    /// Removes a name.
    pub(crate) fn remove(
        &self,
        directory: &Ref<S::Handle>,
        name: &str,
        as_directory: bool,
    ) -> Result<()> {
        let node = self.lookup(directory, name)?.ok_or(Error::new(ENOENT))?;
        match as_directory {
            true => self.check_empty(&node)?,
            false if node.is_directory() => return Err(Error::new(EISDIR)),
            false => {}
        }
        self.losing(&node)?;
        self.prepare(directory, name)?;
        self.detach(directory, name, &node)?;
        self.lost(&node)
    }

    /// Gives a file or link a further name.
    pub(crate) fn name_too(
        &self,
        node: &Ref<S::Handle>,
        directory: &Ref<S::Handle>,
        name: &str,
    ) -> Result<()> {
        check(name)?;
        if node.is_directory() {
            return Err(Error::new(EPERM));
        }
        let links = self.stat_of(node)?.st_nlink;
        if links == 0 {
            return Err(Error::new(ENOENT));
        }
        if links >= LINKS_MAX {
            return Err(Error::new(EMLINK));
        }
        if self.lookup(directory, name)?.is_some() {
            return Err(Error::new(EEXIST));
        }
        self.keep(node)?;
        self.prepare(directory, name)?;
        self.attach(directory, name, node)
    }

    /// Whether a directory is another, or lies in it.
    fn within(&self, inner: &Ref<S::Handle>, outer: &Ref<S::Handle>) -> Result<bool> {
        let mut here = inner.clone();
        // Somebody else may have moved what stands below into itself.
        for _ in 0..PATH_MAX {
            if here == *outer {
                return Ok(true);
            }
            let above = here.place.borrow().as_ref().map(|place| place.directory.clone());
            match above {
                Some(above) => here = above,
                None => return Ok(false),
            }
        }
        Err(Error::new(ELOOP))
    }

    /// Gives what a name stands for another name.
    pub(crate) fn renamed(
        &self,
        old: (&Ref<S::Handle>, &str),
        new: (&Ref<S::Handle>, &str),
        replaces: bool,
    ) -> Result<()> {
        check(new.1)?;
        let node = self.lookup(old.0, old.1)?.ok_or(Error::new(ENOENT))?;
        let there = self.lookup(new.0, new.1)?;
        if node.is_directory() && self.within(new.0, &node)? {
            return Err(Error::new(EINVAL));
        }
        if let Some(there) = &there {
            if !replaces {
                return Err(Error::new(EEXIST));
            }
            if *there == node {
                return Ok(());
            }
            match (node.is_directory(), there.is_directory()) {
                (true, true) => self.check_empty(there)?,
                (true, false) => return Err(Error::new(ENOTDIR)),
                (false, true) => return Err(Error::new(EISDIR)),
                (false, false) => {}
            }
            self.losing(there)?;
        }
        self.keep(&node)?;
        self.prepare(old.0, old.1)?;
        self.prepare(new.0, new.1)?;
        if let Some(there) = &there {
            let counted = if there.is_directory() { new.0 } else { there };
            counted.count(-1);
            self.lost(there)?;
        }
        self.detach(old.0, old.1, &node)?;
        self.attach(new.0, new.1, &node)
    }

    /// The names of a directory behind a position; `listing`: what names below are read from.
    pub(crate) fn list(
        &self,
        directory: &Ref<S::Handle>,
        listing: Option<&S::Handle>,
        after: u64,
        each: &mut dyn FnMut(Found<'_>) -> bool,
    ) -> Result<()> {
        let opened;
        let listing = match (&directory.below, listing) {
            (Some(below), None) if after & OWN == 0 => {
                opened =
                    self.store.open(below, "", crate::lower::LIST, clavis_abi::Rights::all())?;
                Some(&opened)
            }
            (_, listing) => listing,
        };
        if let Some(listing) = listing.filter(|_| after & OWN == 0)
            && self.list_below(directory, listing, after, each)?
        {
            return Ok(());
        }
        let behind = if after & OWN == 0 { 0 } else { after & !OWN };
        let own: Vec<(u64, String, Ref<S::Handle>)> = with(directory, |names| {
            let order = names.order.range(behind.saturating_add(1)..);
            order
                .filter_map(|(cookie, name)| {
                    let now = names.names.get(name)?.now.clone()?;
                    Some((*cookie, name.clone(), now))
                })
                .collect()
        })?;
        for (cookie, name, node) in own {
            let kind = match node.kind {
                Kind::Directory => DirentKind::Directory,
                Kind::Link => DirentKind::Symlink,
                Kind::File => DirentKind::Regular,
            };
            let found =
                Found { name: &name, next: OWN | cookie, inode: node.id.1, kind: kind as u8 };
            if !each(found) {
                break;
            }
        }
        Ok(())
    }

    /// Names below of which nothing became; whether that is enough.
    fn list_below(
        &self,
        directory: &Ref<S::Handle>,
        listing: &S::Handle,
        mut after: u64,
        each: &mut dyn FnMut(Found<'_>) -> bool,
    ) -> Result<bool> {
        for _ in 0..PIECES {
            let (mut any, mut shown, mut going, mut bad) = (false, false, true, false);
            self.store.list(listing, after, &mut |found| {
                any = true;
                after = found.next;
                bad |= found.next & OWN != 0;
                let kept = with(directory, |names| names.names.contains_key(found.name));
                if !kept.unwrap_or(true) && !matches!(found.name, "." | "..") {
                    shown = true;
                    going = each(found);
                }
                going && !bad
            })?;
            if bad {
                return Err(Error::new(EIO));
            }
            if shown || !going {
                return Ok(true);
            }
            if !any {
                return Ok(false);
            }
        }
        Err(Error::new(EIO))
    }
}

/// What walks need of an overlay.
pub(crate) struct Steps<'o, S: Store>(pub(crate) &'o Overlay<S>);

impl<S: Store> beneath::Tree for Steps<'_, S> {
    type Node = Ref<S::Handle>;

    fn root(&self) -> Self::Node {
        self.0.root.clone()
    }

    fn kind(&self, node: &Self::Node) -> Result<Kind> {
        Ok(node.kind)
    }

    fn lookup(&self, directory: &Self::Node, name: &str) -> Result<Option<Self::Node>> {
        self.0.lookup(directory, name)
    }

    fn parent(&self, directory: &Self::Node) -> Result<Self::Node> {
        if directory.is_removed() {
            return Err(Error::new(ENOENT));
        }
        let place = directory.place.borrow();
        Ok(place.as_ref().map_or_else(|| self.root(), |place| place.directory.clone()))
    }

    fn target(&self, link: &Self::Node) -> Result<Cow<'_, str>> {
        self.0.target_of(link).map(Cow::Owned)
    }
}
