//! From a directory's node and a path to a node. Every step is taken by node, so a directory that
//! is renamed meanwhile keeps its handles, and a path never means another place than the one it
//! was asked beneath.
use crate::tree::{Kind, NodeId, Tree};
use clavis_abi::error::ENOTCAPABLE;
use clavis_abi::limits::{LINKS_MAX, PATH_MAX};
use clavis_abi::params::open_flags;
use syscall::error::{ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV, Error, Result};

/// What a path may do at the boundary of the directory that it starts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// `..` goes up to the root of the file system, as POSIX has it.
    Open,
    /// The path's own `..` goes up; a symbolic link that leads out is `EXDEV`: the caller opens
    /// the directory first, under the rules of its own handle.
    Direct,
    /// Nothing leaves: `ENOTCAPABLE`.
    Beneath,
    /// The directory is the root: `..` and absolute links stay inside.
    Root,
}

/// How a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What holds at the boundary.
    pub boundary: Boundary,
    /// Refuse every symbolic link that would have to be followed.
    pub no_links: bool,
    /// Follow a symbolic link in the last component.
    pub follow_last: bool,
}

impl Rules {
    /// For operations on a name in a directory: create, remove, rename, link.
    pub const NAME: Rules =
        Rules { boundary: Boundary::Direct, no_links: false, follow_last: false };

    /// The rules that open flags ask for.
    #[must_use]
    pub fn from_flags(flags: u64, follow_last: bool) -> Rules {
        // Both together, as on a handle that always keeps beneath: nothing leaves either way.
        let boundary = match (flags & open_flags::BENEATH != 0, flags & open_flags::IN_ROOT != 0) {
            (_, true) => Boundary::Root,
            (true, false) => Boundary::Beneath,
            (false, false) => Boundary::Open,
        };
        Rules { boundary, no_links: flags & open_flags::NO_SYMLINKS != 0, follow_last }
    }
}

/// Where a path led.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// To a node.
    Node {
        /// The node.
        node: NodeId,
        /// Its directory and name; none when the path was empty or ended in `..`.
        name: Option<(NodeId, String)>,
    },
    /// To a name that is free.
    Free {
        /// The directory.
        directory: NodeId,
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

impl Tree {
    /// Follows `path` from `start`.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`; `ENOTCAPABLE` where the boundary forbids a
    /// step; `EXDEV` for a symbolic link with an absolute target, which the caller continues in
    /// its own namespace.
    pub fn walk(&self, start: NodeId, path: &str, rules: Rules) -> Result<Place> {
        if path.len() > PATH_MAX {
            return Err(Error::new(ENAMETOOLONG));
        }
        let absolute_inside = rules.boundary == Boundary::Root
            || (rules.boundary != Boundary::Beneath && start == self.root());
        if path.starts_with('/') && !absolute_inside {
            return Err(Error::new(ENOTCAPABLE));
        }
        let mut directory = demands_directory(path);
        let mut pending = Vec::new();
        push(&mut pending, path, false)?;
        let mut here = start;
        let mut name = None;
        let mut links = 0_usize;
        // Whether the path's own `..` went above the start.
        let mut left_start = false;
        while let Some(component) = pending.pop() {
            if component.name == ".." {
                let from = here;
                here = self.up(start, from, component.from_link, left_start, rules)?;
                left_start |= from == start;
                name = None;
                continue;
            }
            let last = pending.is_empty();
            let Some(node) = self.lookup(here, &component.name)? else {
                if last {
                    return Ok(Place::Free {
                        directory: here,
                        name: component.name,
                        slash: directory,
                    });
                }
                return Err(Error::new(ENOENT));
            };
            let follow = !last || rules.follow_last || directory;
            if self.kind(node)? == Kind::Symlink && follow {
                links = links.saturating_add(1);
                if rules.no_links || links > LINKS_MAX {
                    return Err(Error::new(ELOOP));
                }
                let target = self.target(node)?;
                if target.is_empty() {
                    return Err(Error::new(ENOENT));
                }
                if target.starts_with('/') {
                    match rules.boundary {
                        Boundary::Root => here = start,
                        Boundary::Beneath => return Err(Error::new(ENOTCAPABLE)),
                        Boundary::Open | Boundary::Direct => return Err(Error::new(EXDEV)),
                    }
                }
                directory |= last && demands_directory(target);
                push(&mut pending, target, true)?;
                name = None;
                continue;
            }
            name = Some((here, component.name));
            here = node;
        }
        if directory && self.kind(here)? != Kind::Directory {
            return Err(Error::new(ENOTDIR));
        }
        Ok(Place::Node { node: here, name })
    }

    /// One step up, where the rules allow it.
    fn up(
        &self,
        start: NodeId,
        here: NodeId,
        from_link: bool,
        left_start: bool,
        rules: Rules,
    ) -> Result<NodeId> {
        // A file has nothing above it either: `file/..` is no path.
        let parent = self.parent(here)?;
        match rules.boundary {
            Boundary::Beneath if here == start => Err(Error::new(ENOTCAPABLE)),
            Boundary::Root if here == start => Ok(here),
            Boundary::Direct if from_link && (here == start || left_start) => {
                Err(Error::new(EXDEV))
            }
            _ => Ok(parent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Data;
    use crate::time::Time;

    const NOW: Time = Time { seconds: 1, nanoseconds: 0 };

    /// `/top/{in/deep,file}`, and links in `/top`: up → .., out → ../other, abs → /top/file,
    /// in_again → in/../file, loop → loop, dangling → gone, through → in/back, in/back → ../file.
    struct Fixture {
        tree: Tree,
        top: NodeId,
    }

    fn link(tree: &mut Tree, directory: NodeId, name: &str, target: &str) {
        let node = tree.create(directory, name, Kind::Symlink, 0o777, NOW).unwrap();
        tree.write(node, 0, Data::Bytes(target.as_bytes()), NOW).unwrap();
    }

    fn fixture() -> Fixture {
        let mut tree = Tree::new(1 << 20, NOW);
        let root = tree.root();
        let top = tree.create(root, "top", Kind::Directory, 0o755, NOW).unwrap();
        tree.create(root, "other", Kind::File, 0o644, NOW).unwrap();
        let inner = tree.create(top, "in", Kind::Directory, 0o755, NOW).unwrap();
        tree.create(inner, "deep", Kind::Directory, 0o755, NOW).unwrap();
        tree.create(top, "file", Kind::File, 0o644, NOW).unwrap();
        for (name, target) in [
            ("up", ".."),
            ("out", "../other"),
            ("abs", "/top/file"),
            ("in_again", "in/../file"),
            ("loop", "loop"),
            ("dangling", "gone"),
            ("through", "in/back"),
            ("slash", "file/"),
        ] {
            link(&mut tree, top, name, target);
        }
        link(&mut tree, inner, "back", "../file");
        Fixture { tree, top }
    }

    fn rules(boundary: Boundary) -> Rules {
        Rules { boundary, no_links: false, follow_last: true }
    }

    impl Fixture {
        fn errno(&self, path: &str, rules: Rules) -> i32 {
            self.tree
                .walk(self.top, path, rules)
                .map(|place| panic!("{path}: {place:?}"))
                .unwrap_err()
                .errno
        }
        fn node(&self, path: &str, rules: Rules) -> NodeId {
            match self.tree.walk(self.top, path, rules) {
                Ok(Place::Node { node, .. }) => node,
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    #[test]
    fn nothing_leaves_a_directory_that_was_opened_beneath() {
        let fixture = fixture();
        let beneath = rules(Boundary::Beneath);
        for path in [
            "..",
            "../other",
            "in/../..",
            "in/../../top/file",
            "./../other",
            "/",
            "/top/file",
            "//x",
            "up",
            "out",
            "up/other",
            "abs",
            "in/deep/../../..",
            "in/../../../../../..",
        ] {
            assert_eq!(fixture.errno(path, beneath), ENOTCAPABLE, "{path}");
        }
        let file = fixture.node("file", beneath);
        for path in ["in/../file", "in_again", "through", "in/back", "./in/./deep/../../file"] {
            assert_eq!(fixture.node(path, beneath), file, "{path}");
        }
        assert_eq!(fixture.node("in/..", beneath), fixture.top);
    }

    #[test]
    fn a_directory_taken_as_root_is_its_own_parent_and_the_start_of_absolute_paths() {
        let mut fixture = fixture();
        let top = fixture.top;
        link(&mut fixture.tree, top, "root", "/file");
        let rules = rules(Boundary::Root);
        let file = fixture.node("file", rules);
        for path in ["/file", "../../file", "root", "in/../../../file"] {
            assert_eq!(fixture.node(path, rules), file, "{path}");
        }
        let inside = fixture.tree.walk(top, "out", rules).unwrap();
        assert!(matches!(inside, Place::Free { directory, .. } if directory == top));
        assert_eq!(fixture.errno("abs", rules), ENOENT);
    }

    #[test]
    fn an_open_boundary_goes_up_to_the_root_and_no_further() {
        let fixture = fixture();
        let open = rules(Boundary::Open);
        let root = fixture.tree.root();
        assert_eq!(fixture.node("..", open), root);
        assert_eq!(fixture.node("../../..", open), root);
        assert_eq!(fixture.node("out", open), fixture.node("../other", open));
        assert_eq!(fixture.errno("abs", open), EXDEV);
        assert_eq!(fixture.errno("/top/file", open), ENOTCAPABLE);
        assert!(matches!(fixture.tree.walk(root, "/top/file", open), Ok(Place::Node { .. })));
    }

    #[test]
    fn an_operation_on_a_name_goes_up_by_its_own_path_but_not_by_a_link() {
        let fixture = fixture();
        assert_eq!(
            fixture.node("../other", Rules::NAME),
            fixture.node("../other", rules(Boundary::Open))
        );
        assert_eq!(fixture.errno("up/other", Rules::NAME), EXDEV);
        assert_eq!(fixture.errno("in/../up/other", Rules::NAME), EXDEV);
        assert_eq!(fixture.node("in/../file", Rules::NAME), fixture.node("file", Rules::NAME));
    }

    #[test]
    fn links_that_never_end_and_links_that_are_forbidden_are_loops() {
        let mut fixture = fixture();
        let open = rules(Boundary::Open);
        assert_eq!(fixture.errno("loop", open), ELOOP);
        let none = Rules { no_links: true, ..open };
        assert_eq!(fixture.errno("through", none), ELOOP);
        let top = fixture.top;
        link(&mut fixture.tree, top, "chain0", "file");
        for index in 1..=40 {
            link(&mut fixture.tree, top, &format!("chain{index}"), &format!("chain{}", index - 1));
        }
        assert_eq!(fixture.node("chain39", open), fixture.node("file", open));
        assert_eq!(fixture.errno("chain40", open), ELOOP);
    }

    #[test]
    fn a_slash_at_the_end_demands_a_directory() {
        let fixture = fixture();
        let open = rules(Boundary::Open);
        for path in ["file/", "file/.", "file/..", "slash", "in_again/", "file/x"] {
            assert_eq!(fixture.errno(path, open), ENOTDIR, "{path}");
        }
        assert_eq!(fixture.node("in/", open), fixture.node("in", open));
        let unfollowed = Rules { follow_last: false, ..open };
        assert_eq!(fixture.tree.kind(fixture.node("up", unfollowed)).unwrap(), Kind::Symlink);
        assert_eq!(fixture.node("up/", unfollowed), fixture.tree.root());
    }

    #[test]
    fn a_missing_last_name_is_a_place_and_a_missing_other_one_an_error() {
        let fixture = fixture();
        let open = rules(Boundary::Open);
        let free = fixture.tree.walk(fixture.top, "in/new", open).unwrap();
        assert!(matches!(&free, Place::Free { name, slash: false, .. } if name == "new"));
        let free = fixture.tree.walk(fixture.top, "dangling", open).unwrap();
        assert!(matches!(&free, Place::Free { name, .. } if name == "gone"));
        assert_eq!(fixture.errno("gone/new", open), ENOENT);
        assert_eq!(fixture.errno(&"x".repeat(256), open), ENAMETOOLONG);
        assert_eq!(fixture.errno(&"x/".repeat(2049), open), ENAMETOOLONG);
    }

    #[test]
    fn a_removed_directory_leads_nowhere() {
        let mut fixture = fixture();
        let inner = fixture.node("in", rules(Boundary::Open));
        fixture.tree.hold(inner).unwrap();
        fixture.tree.unlink(inner, "back", NOW).unwrap();
        fixture.tree.remove_directory(inner, "deep", NOW).unwrap();
        fixture.tree.remove_directory(fixture.top, "in", NOW).unwrap();
        for path in ["..", "x", "../file"] {
            let error = fixture.tree.walk(inner, path, rules(Boundary::Open)).unwrap_err();
            assert_eq!(error.errno, ENOENT, "{path}");
        }
        assert!(fixture.tree.walk(inner, "", rules(Boundary::Open)).is_ok());
        assert_eq!(fixture.tree.create(inner, "x", Kind::File, 0, NOW).unwrap_err().errno, ENOENT);
        fixture.tree.release(inner);
    }
}
