//! The walk itself.
use crate::{Boundary, Kind, Rules, Tree};
use clavis_abi::error::ENOTCAPABLE;
use clavis_abi::limits::{COMPONENT_MAX, LINKS_MAX, PATH_MAX};
use syscall::error::{ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV, Error, Result};

/// Where a path led.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place<N> {
    /// To a node.
    Node {
        /// The node.
        node: N,
        /// Its directory and name; none when the path was empty or ended in `..`.
        name: Option<(N, String)>,
    },
    /// To a name that is free.
    Free {
        /// The directory.
        directory: N,
        /// The name.
        name: String,
        /// The path demands a directory.
        slash: bool,
    },
}

struct Component {
    name: String,
    /// It stands in a symbolic link, not in the path that was asked for.
    from_link: bool,
}

/// Puts the components of `path` on top of those still to walk.
fn push(pending: &mut Vec<Component>, path: &str, from_link: bool) -> Result<()> {
    let names = path.split('/').filter(|name| !matches!(*name, "" | "."));
    pending.extend(names.rev().map(|name| Component { name: name.to_owned(), from_link }));
    if pending.len() > PATH_MAX { Err(Error::new(ENAMETOOLONG)) } else { Ok(()) }
}

/// Whether the path's form demands a directory.
fn demands_directory(path: &str) -> bool {
    path.ends_with('/') || path.rsplit('/').next().is_some_and(|last| matches!(last, "." | ".."))
}

/// Where a walk is.
struct Walker<'t, T: Tree> {
    tree: &'t T,
    rules: Rules,
    start: T::Node,
    here: T::Node,
    /// The directories between the start and here, the start first. Empty at the start, and above.
    walked: Vec<T::Node>,
    /// Whether a `..` went above the start.
    left: bool,
}

/// Follows `path` from `start`.
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`; `ENOTCAPABLE` where the rules forbid a step;
/// `EXDEV` for a symbolic link with an absolute target, which the caller continues in its own
/// namespace.
pub fn walk<T: Tree>(
    tree: &T,
    start: &T::Node,
    path: &str,
    rules: Rules,
) -> Result<Place<T::Node>> {
    if path.len() > PATH_MAX {
        return Err(Error::new(ENAMETOOLONG));
    }
    let absolute_inside = rules.boundary == Boundary::Root
        || (rules.boundary != Boundary::Beneath && *start == tree.root());
    if path.starts_with('/') && !absolute_inside {
        return Err(Error::new(ENOTCAPABLE));
    }
    let (start, here) = (start.clone(), start.clone());
    Walker { tree, rules, start, here, walked: Vec::new(), left: false }.run(path)
}

impl<T: Tree> Walker<'_, T> {
    fn run(mut self, path: &str) -> Result<Place<T::Node>> {
        let mut directory = demands_directory(path);
        let mut pending = Vec::new();
        push(&mut pending, path, false)?;
        let mut name = None;
        let mut links = 0_usize;
        while let Some(component) = pending.pop() {
            if component.name == ".." {
                self.up(component.from_link)?;
                name = None;
                continue;
            }
            if component.name.len() > COMPONENT_MAX {
                return Err(Error::new(ENAMETOOLONG));
            }
            let last = pending.is_empty();
            let Some(node) = self.tree.lookup(&self.here, &component.name)? else {
                if !last {
                    return Err(Error::new(ENOENT));
                }
                let (name, slash) = (component.name, directory);
                return Ok(Place::Free { directory: self.here, name, slash });
            };
            let follow = !last || self.rules.follow_last || directory;
            if follow && self.tree.kind(&node)? == Kind::Link {
                links = links.saturating_add(1);
                if self.rules.no_links || links > LINKS_MAX {
                    return Err(Error::new(ELOOP));
                }
                let target = self.tree.target(&node)?;
                if target.is_empty() {
                    return Err(Error::new(ENOENT));
                }
                if target.starts_with('/') {
                    self.absolute()?;
                }
                directory |= last && demands_directory(&target);
                push(&mut pending, &target, true)?;
                name = None;
                continue;
            }
            name = Some((self.here.clone(), component.name));
            self.down(node);
        }
        if directory && self.tree.kind(&self.here)? != Kind::Directory {
            return Err(Error::new(ENOTDIR));
        }
        Ok(Place::Node { node: self.here, name })
    }

    fn down(&mut self, node: T::Node) {
        let from = core::mem::replace(&mut self.here, node);
        // Above the start nothing is counted: every step there asks the tree.
        if !self.left {
            self.walked.push(from);
        }
    }

    /// One step up, where the rules allow it.
    fn up(&mut self, from_link: bool) -> Result<()> {
        // A file has nothing above it either: `file/..` is no path.
        if self.tree.kind(&self.here)? != Kind::Directory {
            return Err(Error::new(ENOTDIR));
        }
        if let Some(above) = self.walked.pop() {
            self.here = above;
            return Ok(());
        }
        match self.rules.boundary {
            Boundary::Beneath => Err(Error::new(ENOTCAPABLE)),
            Boundary::Root => Ok(()),
            Boundary::Direct if from_link => Err(Error::new(EXDEV)),
            Boundary::Direct | Boundary::Open => {
                self.here = self.tree.parent(&self.here)?;
                self.left = true;
                Ok(())
            }
        }
    }

    /// A symbolic link leads to an absolute path.
    fn absolute(&mut self) -> Result<()> {
        match self.rules.boundary {
            Boundary::Root => {
                self.here = self.start.clone();
                self.walked.clear();
                Ok(())
            }
            Boundary::Beneath => Err(Error::new(ENOTCAPABLE)),
            _ if self.rules.same_device => Err(Error::new(ENOTCAPABLE)),
            Boundary::Open | Boundary::Direct => Err(Error::new(EXDEV)),
        }
    }
}
