//! From a directory of the image and a path to a path in the image.
use beneath::{Kind, Rules, Tree, walk};
use boot_image::Image;
use std::borrow::Cow;
use syscall::error::{EINVAL, ENOENT, ENOTDIR, Error, Result};

/// A file, or a directory: the place of its first file in the image, and how many bytes of that
/// file's path name it. The root has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// The place.
    pub place: usize,
    /// The bytes.
    pub end: usize,
}

impl Node {
    /// The root of the image.
    pub const ROOT: Node = Node { place: 0, end: 0 };

    /// Its path, and whether it is a file.
    #[must_use]
    pub fn path<'a>(&self, image: &Image<'a>) -> Option<(&'a str, bool)> {
        if *self == Node::ROOT {
            return Some(("", false));
        }
        let path = image.nth(self.place)?.path;
        Some((path.get(..self.end)?, self.end == path.len()))
    }
}

/// The image as a tree.
struct Entries<'i, 'a>(&'i Image<'a>);

impl<'a> Entries<'_, 'a> {
    fn directory(&self, node: &Node) -> Result<&'a str> {
        match node.path(self.0).ok_or(Error::new(ENOENT))? {
            (path, false) => Ok(path),
            (_, true) => Err(Error::new(ENOTDIR)),
        }
    }
}

impl Tree for Entries<'_, '_> {
    type Node = Node;

    fn root(&self) -> Node {
        Node::ROOT
    }

    fn kind(&self, node: &Node) -> Result<Kind> {
        let (_, is_file) = node.path(self.0).ok_or(Error::new(ENOENT))?;
        Ok(if is_file { Kind::File } else { Kind::Directory })
    }

    fn lookup(&self, directory: &Node, name: &str) -> Result<Option<Node>> {
        self.directory(directory)?;
        let found = self.0.child(directory.place, directory.end, name);
        Ok(found.map(|(place, end)| Node { place, end }))
    }

    fn parent(&self, directory: &Node) -> Result<Node> {
        let path = self.directory(directory)?;
        let Some((above, _)) = path.rsplit_once('/') else { return Ok(Node::ROOT) };
        Ok(Node { place: self.0.place(above), end: above.len() })
    }

    fn target(&self, _link: &Node) -> Result<Cow<'_, str>> {
        // The image has no links.
        Err(Error::new(EINVAL))
    }
}

/// Follows `path` from the directory `start` step by step, under the rules that the flags ask for.
/// Gives what it ends at.
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `ENAMETOOLONG`; `ENOTCAPABLE` where a step leaves the boundary.
pub fn resolve(image: &Image<'_>, start: &Node, path: &str, flags: u64) -> Result<Node> {
    match walk(&Entries(image), start, path, Rules::from_flags(flags, true))? {
        beneath::Place::Node { node, .. } => Ok(node),
        beneath::Place::Free { .. } => Err(Error::new(ENOENT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clavis_abi::error::ENOTCAPABLE;
    use clavis_abi::params::open_flags;
    use syscall::error::ENAMETOOLONG;

    fn with_image(test: impl FnOnce(&Image<'_>)) {
        let mut builder = boot_image::Builder::new();
        for path in ["bin/sh", "etc/motd", "etc/conf/a"] {
            builder.add(path, false, b"x".to_vec()).unwrap();
        }
        let bytes = builder.build().unwrap();
        test(&Image::parse(&bytes).unwrap());
    }

    fn node(image: &Image<'_>, path: &str) -> Node {
        Node { place: image.place(path), end: path.len() }
    }

    #[test]
    fn a_path_is_followed_step_by_step() {
        with_image(|image| {
            for (start, path, end) in [
                ("", "etc/motd", "etc/motd"),
                ("", "/etc//motd", "etc/motd"),
                ("etc", "conf/../motd", "etc/motd"),
                ("etc/conf", "../../bin/sh", "bin/sh"),
                ("", "../../bin", "bin"),
                ("etc", ".", "etc"),
                ("etc", "", "etc"),
                ("bin/sh", "", "bin/sh"),
                ("", "etc/", "etc"),
            ] {
                let found = resolve(image, &node(image, start), path, 0).unwrap();
                assert_eq!(found.path(image).unwrap().0, end, "{start} {path}");
                assert_eq!(found, node(image, end), "{start} {path}");
            }
            for (start, path, error) in [
                ("", "nope", ENOENT),
                ("", "nope/../etc", ENOENT),
                ("", "bin/sh/", ENOTDIR),
                ("", "bin/sh/..", ENOTDIR),
                ("bin/sh", "x", ENOTDIR),
                ("bin/sh", "..", ENOTDIR),
                ("etc", "/etc/motd", ENOTCAPABLE),
            ] {
                let error_of = resolve(image, &node(image, start), path, 0).err().unwrap().errno;
                assert_eq!(error_of, error, "{start} {path}");
            }
            let long = resolve(image, &Node::ROOT, &"x".repeat(256), 0);
            assert_eq!(long.err().unwrap().errno, ENAMETOOLONG);
        });
    }

    #[test]
    fn nothing_leaves_a_directory_that_was_opened_beneath() {
        with_image(|image| {
            let etc = node(image, "etc");
            for path in ["..", "conf/../..", "/", "/motd", "conf/../../etc/motd"] {
                let result = resolve(image, &etc, path, open_flags::BENEATH);
                assert_eq!(result.err().unwrap().errno, ENOTCAPABLE, "{path}");
            }
            let inside = resolve(image, &etc, "conf/../motd", open_flags::BENEATH);
            assert_eq!(inside, Ok(node(image, "etc/motd")));
            let rooted = resolve(image, &etc, "/../../motd", open_flags::IN_ROOT);
            assert_eq!(rooted, Ok(node(image, "etc/motd")));
        });
    }
}
