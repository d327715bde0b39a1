//! The file system below, as a view needs it.
use crate::node::kind_of;
use beneath::Kind;
use clavis_abi::Rights;
use syscall::error::Result;
use syscall::{Stat, StatVfs, TimeSpec};

/// How the file system below finds what a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walks {
    /// From the directory's own node: a handle follows its directory, and an open that asks for
    /// it stays beneath and follows no links.
    ByNode,
    /// From its root, by the path that the directory was opened under: what holds nobody. The
    /// view has to be the only one that uses it.
    ByPath,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The name.
    pub name: &'a str,
    /// Where to go on behind it.
    pub next: u64,
    /// Number of what it names.
    pub inode: u64,
    /// `DirentKind` of what it names.
    pub kind: u8,
}

/// What becomes of a name in a directory: what stands behind it.
pub type Place<'a, H> = (&'a H, &'a str);

/// Attributes to set.
#[derive(Clone, Debug)]
pub enum Attribute {
    /// Permission bits.
    Mode(u16),
    /// Owner and group.
    Owner(u32, u32),
    /// Times of access and modification.
    Times([TimeSpec; 2]),
}

/// A file system, reached through handles. Names are single components, neither `.` nor `..`, and
/// stand for what is there, never for what a link leads to.
pub trait Lower {
    /// A handle; dropping it closes it.
    type Handle;

    /// How it finds what a path means.
    fn walks(&self) -> Walks;

    /// Whether an open with NOT_DIRECTORY is refused for a directory.
    fn tells_directories(&self) -> bool;

    /// The number under which opens are passed on to a directory as they are, if they can be: who
    /// serves the view answers them so, and the file system walks by node and tells directories.
    fn takes_opens(&self, _directory: &Self::Handle) -> Option<usize> {
        None
    }

    /// Opens what a path beneath a directory means; the empty path means the handle's own object.
    /// What is opened has at most those rights; CREATE may be needed to open it all the same.
    ///
    /// # Errors
    /// What the file system answers.
    fn open(
        &self,
        from: &Self::Handle,
        path: &str,
        flags: u64,
        most: Rights,
    ) -> Result<Self::Handle>;

    /// What becomes of a handle that was opened at a true path and is about to be given away.
    ///
    /// # Errors
    /// It is not given.
    fn lend(&self, opened: Self::Handle, _path: &str) -> Result<Self::Handle> {
        Ok(opened)
    }

    /// What is known of an object.
    ///
    /// # Errors
    /// What the file system answers.
    fn stat(&self, of: &Self::Handle) -> Result<Stat>;

    /// What an object is.
    ///
    /// # Errors
    /// What the file system answers.
    fn kind(&self, of: &Self::Handle) -> Result<Kind> {
        self.stat(of).map(|stat| kind_of(&stat))
    }

    /// The first bytes of what an open link holds.
    ///
    /// # Errors
    /// What the file system answers; `EINVAL` for what is no text.
    fn target(&self, link: &Self::Handle) -> Result<String>;

    /// Names in a directory, behind a position, until `each` has enough (`false`). None: there are
    /// no more.
    ///
    /// # Errors
    /// What the file system answers.
    fn list(
        &self,
        directory: &Self::Handle,
        after: u64,
        each: &mut dyn FnMut(Found<'_>) -> bool,
    ) -> Result<()>;

    /// Removes a name; `flags` as unlinkat has them.
    ///
    /// # Errors
    /// What the file system answers.
    fn unlink(&self, from: Place<'_, Self::Handle>, flags: usize) -> Result<()>;

    /// Gives what a name stands for another name. `flags` as renameat has them.
    ///
    /// # Errors
    /// What the file system answers.
    fn rename(
        &self,
        old: Place<'_, Self::Handle>,
        new: Place<'_, Self::Handle>,
        flags: u32,
    ) -> Result<()>;

    /// Gives what a name stands for a further name.
    ///
    /// # Errors
    /// What the file system answers.
    fn link(&self, old: Place<'_, Self::Handle>, new: Place<'_, Self::Handle>) -> Result<()>;

    /// Sets an attribute.
    ///
    /// # Errors
    /// What the file system answers.
    fn set(&self, of: &Self::Handle, attribute: &Attribute) -> Result<()>;

    /// How full the file system is.
    ///
    /// # Errors
    /// What the file system answers.
    fn statistics(&self, of: &Self::Handle) -> Result<StatVfs>;

    /// Writes to the medium what is not there yet.
    ///
    /// # Errors
    /// What the file system answers.
    fn sync(&self, of: &Self::Handle) -> Result<()>;
}
