//! The face to a view: handles.
use crate::node::Ref;
use crate::overlay::Overlay;
use crate::tree::Steps;
use beneath::{Flags, Kind, Place, walk};
use clavis_abi::Rights;
use clavis_abi::params::open_flags;
use clavis_view::held::{Given, Held};
use clavis_view::lower::{Attribute, Found, Lower, Place as At, Walks};
use clavis_view::store::Store;
use syscall::error::{EACCES, EINVAL, ENOENT, Error, Result};
use syscall::flag::{
    AT_REMOVEDIR, O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_STAT,
};
use syscall::{Stat, StatVfs};

/// Reads the names of a directory.
pub(crate) const LIST: u64 = (O_RDONLY | O_DIRECTORY) as u64;
/// Flag of a rename: fail when the new name exists.
const RENAME_NOREPLACE: u32 = 1;
/// Any of these changes a file.
const CHANGES: Rights =
    Rights::WRITE.union(Rights::APPEND).union(Rights::TRUNCATE).union(Rights::SET_ATTR);

/// Something open in an overlay.
pub struct Handle<H> {
    pub(crate) node: Ref<H>,
    /// A directory below to list, or a file below that is given away as it is.
    below: Option<H>,
    /// The rights that it may have, and the flags that it was opened with.
    most: Rights,
    flags: u64,
}

impl<H> Handle<H> {
    fn new(node: Ref<H>, below: Option<H>, most: Rights, flags: u64) -> Handle<H> {
        let handle = Handle { node, below, most, flags };
        if handle.changes() {
            let writers = &handle.node.writers;
            writers.set(writers.get().saturating_add(1));
        }
        handle
    }

    /// Whether a file can be changed through it.
    fn changes(&self) -> bool {
        self.node.kind == Kind::File && self.most.intersects(CHANGES) && self.flags & LOOKS == 0
    }

    /// The rights that it may have, and the flags that it was opened with.
    #[must_use]
    pub fn bounds(&self) -> (Rights, u64) {
        (self.most, self.flags)
    }
}

/// What is opened so is looked at only.
const LOOKS: u64 = O_STAT as u64;

impl<H> Drop for Handle<H> {
    fn drop(&mut self) {
        if self.changes() {
            let writers = &self.node.writers;
            writers.set(writers.get().saturating_sub(1));
        }
    }
}

impl<S: Store> Overlay<S> {
    /// The directory that everything lies beneath.
    #[must_use]
    pub fn directory(&self) -> Handle<S::Handle> {
        Handle::new(self.root.clone(), None, Rights::all(), LIST)
    }

    fn check(&self, node: &Ref<S::Handle>, flags: Flags) -> Result<()> {
        flags.may_open(node.kind)?;
        if flags.0 & open_flags::EXEC != 0
            && (node.kind != Kind::File || self.stat_of(node)?.st_mode & 0o111 == 0)
        {
            return Err(Error::new(EACCES));
        }
        Ok(())
    }

    /// What is opened below for a handle.
    fn beside(&self, node: &Ref<S::Handle>, flags: u64, most: Rights) -> Result<Option<S::Handle>> {
        let reads = flags & O_RDONLY as u64 != 0;
        let Some(below) = node.below.as_ref().filter(|_| reads) else { return Ok(None) };
        match node.kind {
            Kind::Directory => self.store.open(below, "", LIST, Rights::all()).map(Some),
            Kind::File => {
                let stays = !node.is_filled() && !node.attributes.get().any();
                let alone = node.writers.get() == 0 && self.store.stat(below)?.st_nlink <= 1;
                if most.intersects(CHANGES) || !stays || !alone {
                    return Ok(None);
                }
                let flags = flags & !((O_CREAT | O_EXCL) as u64) | O_NOFOLLOW as u64;
                self.store.open(below, "", flags, most).map(Some)
            }
            Kind::Link => Ok(None),
        }
    }
}

impl<S: Store> Lower for Overlay<S> {
    type Handle = Handle<S::Handle>;

    fn walks(&self) -> Walks {
        Walks::ByNode
    }

    fn tells_directories(&self) -> bool {
        true
    }

    fn open(
        &self,
        from: &Self::Handle,
        path: &str,
        flags: u64,
        most: Rights,
    ) -> Result<Self::Handle> {
        let asked = Flags(flags);
        let node = match walk(&Steps(self), &from.node, path, asked.rules())? {
            Place::Node { node, .. } => {
                self.check(&node, asked)?;
                if asked.empties() && node.kind == Kind::File {
                    self.truncate_to(&node, 0)?;
                }
                node
            }
            Place::Free { directory, name, slash } => {
                self.create(&directory, &name, asked.to_make(slash)?, flags as u16)?
            }
        };
        let below = self.beside(&node, flags, most)?;
        Ok(Handle::new(node, below, most, flags))
    }

    fn stat(&self, of: &Self::Handle) -> Result<Stat> {
        self.stat_of(&of.node)
    }

    fn kind(&self, of: &Self::Handle) -> Result<Kind> {
        Ok(of.node.kind)
    }

    fn target(&self, link: &Self::Handle) -> Result<String> {
        self.target_of(&link.node)
    }

    fn list(
        &self,
        directory: &Self::Handle,
        after: u64,
        each: &mut dyn FnMut(Found<'_>) -> bool,
    ) -> Result<()> {
        Overlay::list(self, &directory.node, directory.below.as_ref(), after, each)
    }

    fn unlink(&self, from: At<'_, Self::Handle>, flags: usize) -> Result<()> {
        self.remove(&from.0.node, from.1, flags & AT_REMOVEDIR != 0)
    }

    fn rename(
        &self,
        old: At<'_, Self::Handle>,
        new: At<'_, Self::Handle>,
        flags: u32,
    ) -> Result<()> {
        if flags & !RENAME_NOREPLACE != 0 {
            return Err(Error::new(EINVAL));
        }
        self.renamed((&old.0.node, old.1), (&new.0.node, new.1), flags == 0)
    }

    fn link(&self, old: At<'_, Self::Handle>, new: At<'_, Self::Handle>) -> Result<()> {
        let node = self.lookup(&old.0.node, old.1)?.ok_or(Error::new(ENOENT))?;
        self.name_too(&node, &new.0.node, new.1)
    }

    fn set(&self, of: &Self::Handle, attribute: &Attribute) -> Result<()> {
        self.set_of(&of.node, attribute)
    }

    /// As below, with what is left to be kept here.
    fn statistics(&self, of: &Self::Handle) -> Result<StatVfs> {
        let mut of = of.node.clone();
        while of.below.is_none() {
            let above = of.place.borrow().as_ref().map(|place| place.directory.clone());
            of = above.unwrap_or_else(|| self.root.clone());
        }
        let below = of.below.as_ref().ok_or(Error::new(ENOENT))?;
        let mut statistics = self.store.statistics(below)?;
        let left = self.budget.left().checked_div(statistics.f_bsize.into()).unwrap_or(0);
        statistics.f_bfree = statistics.f_bfree.min(left);
        statistics.f_bavail = statistics.f_bavail.min(left);
        Ok(statistics)
    }

    fn sync(&self, _: &Self::Handle) -> Result<()> {
        Ok(())
    }
}

impl<S: Held + Store> Held for Overlay<S> {
    fn give(&self, mut file: Self::Handle) -> Given<Self::Handle> {
        match file.below.take().map(|below| self.store.give(below)) {
            Some(Given::Over(number)) => Given::Over(number),
            _ => {
                let (rights, flags) = file.bounds();
                Given::Narrowed(file, rights, flags)
            }
        }
    }

    fn read(&self, file: &Self::Handle, offset: u64, into: &mut [u8]) -> Result<usize> {
        self.read_of(&file.node, offset, into)
    }

    fn write(&self, file: &Self::Handle, offset: Option<u64>, from: &[u8]) -> Result<usize> {
        // What was opened to be appended to only stays that.
        let appends = file.flags & O_APPEND as u64 != 0 && !file.most.contains(Rights::WRITE);
        self.write_to(&file.node, offset.filter(|_| !appends), from)
    }

    fn truncate(&self, file: &Self::Handle, length: u64) -> Result<()> {
        self.truncate_to(&file.node, length)
    }
}
