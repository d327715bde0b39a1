//! From a directory of the image and a path to a path in the image.
use beneath::{Kind, Place, Rules, Tree};
use boot_image::{Image, Node};
use std::borrow::Cow;
use syscall::error::{EINVAL, ENOENT, ENOTDIR, Error, Result};

/// The image as a tree: a node is the path of an entry, and the empty one the root.
struct Entries<'i, 'a>(&'i Image<'a>);

impl Entries<'_, '_> {
    fn require_directory(&self, node: &String) -> Result<()> {
        if self.kind(node)? == Kind::Directory { Ok(()) } else { Err(Error::new(ENOTDIR)) }
    }
}

impl Tree for Entries<'_, '_> {
    type Node = String;

    fn root(&self) -> String {
        String::new()
    }

    fn kind(&self, node: &String) -> Result<Kind> {
        match self.0.find(node).ok_or(Error::new(ENOENT))? {
            Node::Directory => Ok(Kind::Directory),
            Node::File(_) => Ok(Kind::File),
        }
    }

    fn lookup(&self, directory: &String, name: &str) -> Result<Option<String>> {
        self.require_directory(directory)?;
        let path = match directory.as_str() {
            "" => name.to_owned(),
            directory => format!("{directory}/{name}"),
        };
        Ok(self.0.find(&path).map(|_| path))
    }

    fn parent(&self, directory: &String) -> Result<String> {
        self.require_directory(directory)?;
        Ok(directory.rsplit_once('/').map_or_else(String::new, |(above, _)| above.to_owned()))
    }

    fn target(&self, _link: &String) -> Result<Cow<'_, str>> {
        // The image has no links.
        Err(Error::new(EINVAL))
    }
}

/// Follows `path` from the directory `start` step by step, under the rules that the flags ask for.
/// Gives the path that it ends at and what lies there.
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `ENAMETOOLONG`; `ENOTCAPABLE` where a step leaves the boundary.
pub fn resolve<'a>(
    image: &Image<'a>,
    start: &str,
    path: &str,
    flags: u64,
) -> Result<(String, Node<'a>)> {
    let tree = Entries(image);
    match beneath::walk(&tree, &start.to_owned(), path, Rules::from_flags(flags, true))? {
        Place::Node { node, .. } => {
            let found = image.find(&node).ok_or(Error::new(ENOENT))?;
            Ok((node, found))
        }
        Place::Free { .. } => Err(Error::new(ENOENT)),
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
                let (found, _) = resolve(image, start, path, 0).unwrap();
                assert_eq!(found, end, "{start} {path}");
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
                let error_of = resolve(image, start, path, 0).err().unwrap().errno;
                assert_eq!(error_of, error, "{start} {path}");
            }
            let long = resolve(image, "", &"x".repeat(256), 0);
            assert_eq!(long.err().unwrap().errno, ENAMETOOLONG);
        });
    }

    #[test]
    fn nothing_leaves_a_directory_that_was_opened_beneath() {
        with_image(|image| {
            for path in ["..", "conf/../..", "/", "/motd", "conf/../../etc/motd"] {
                let result = resolve(image, "etc", path, open_flags::BENEATH);
                assert_eq!(result.err().unwrap().errno, ENOTCAPABLE, "{path}");
            }
            let inside = resolve(image, "etc", "conf/../motd", open_flags::BENEATH);
            assert_eq!(inside.unwrap().0, "etc/motd");
            let rooted = resolve(image, "etc", "/../../motd", open_flags::IN_ROOT);
            assert_eq!(rooted.unwrap().0, "etc/motd");
        });
    }
}
