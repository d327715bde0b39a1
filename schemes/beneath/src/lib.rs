//! From a directory's node and a path to a node: what servers of files resolve paths with.
//!
//! Every step is taken from a node to a node: what was walked lies on a stack, `..` takes the last
//! off it, a symbolic link's target is more components to walk, and how many links there can be is
//! bounded. No path is ever put together from two, so there is none that could mean another place
//! than the one it was asked beneath; a directory that is renamed keeps its handles.
//!
//! A file system implements [`Tree`]; [`walk()`] does the rest, under the [`Rules`] that the flags of
//! an open and of its directory's handle ask for.
#![forbid(unsafe_code)]

mod flags;
mod rules;
mod walk;

pub use flags::Flags;
pub use rules::{Boundary, Rules};
pub use walk::{Place, walk};

use std::borrow::Cow;
use syscall::error::Result;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// Anything else.
    File,
}

/// A tree of nodes.
pub trait Tree {
    /// What names a node.
    type Node: Clone + PartialEq;

    /// The root of the file system.
    fn root(&self) -> Self::Node;

    /// What a node is.
    ///
    /// # Errors
    /// `ENOENT` when it is gone.
    fn kind(&self, node: &Self::Node) -> Result<Kind>;

    /// What a name in a directory stands for.
    ///
    /// # Errors
    /// `ENOTDIR`; `ENOENT` when the directory was removed.
    fn lookup(&self, directory: &Self::Node, name: &str) -> Result<Option<Self::Node>>;

    /// The directory above one: the root is above itself.
    ///
    /// # Errors
    /// As [`Tree::lookup`].
    fn parent(&self, directory: &Self::Node) -> Result<Self::Node>;

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// `EINVAL` for other nodes.
    fn target(&self, link: &Self::Node) -> Result<Cow<'_, str>>;
}
