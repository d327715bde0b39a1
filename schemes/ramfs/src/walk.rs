//! Paths of the tree: [`beneath`] walks them, node by node.
use crate::tree::{Kind, NodeId, Tree};
use std::borrow::Cow;
use syscall::error::Result;

pub use beneath::{Boundary, Flags, Rules};

/// Where a path led.
pub type Place = beneath::Place<NodeId>;

impl From<Kind> for beneath::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Directory => beneath::Kind::Directory,
            Kind::Symlink => beneath::Kind::Link,
            Kind::File => beneath::Kind::File,
        }
    }
}

impl From<beneath::Kind> for Kind {
    fn from(kind: beneath::Kind) -> Self {
        match kind {
            beneath::Kind::Directory => Kind::Directory,
            beneath::Kind::Link => Kind::Symlink,
            beneath::Kind::File => Kind::File,
        }
    }
}

impl beneath::Tree for Tree {
    type Node = NodeId;

    fn root(&self) -> NodeId {
        Tree::root(self)
    }

    fn kind(&self, node: &NodeId) -> Result<beneath::Kind> {
        Tree::kind(self, *node).map(Kind::into)
    }

    fn lookup(&self, directory: &NodeId, name: &str) -> Result<Option<NodeId>> {
        Tree::lookup(self, *directory, name)
    }

    fn parent(&self, directory: &NodeId) -> Result<NodeId> {
        Tree::parent(self, *directory)
    }

    fn target(&self, link: &NodeId) -> Result<Cow<'_, str>> {
        Tree::target(self, *link).map(Cow::Borrowed)
    }
}

impl Tree {
    /// Follows `path` from `start`.
    ///
    /// # Errors
    /// As [`beneath::walk`].
    pub fn walk(&self, start: NodeId, path: &str, rules: Rules) -> Result<Place> {
        beneath::walk(self, &start, path, rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Data;
    use crate::time::Time;
    use clavis_abi::error::ENOTCAPABLE;
    use syscall::error::{ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV};

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
        Rules { boundary, no_links: false, same_device: false, follow_last: true }
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
