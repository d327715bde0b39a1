//! What a program finds around itself, at the paths that it has on the host: folders, files, links
//! and other programs. It is written down line by line, and the boot image holds the contents under
//! numbers.
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use crate::request::{text, word};

/// Something to be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A folder; those above it are made as well.
    Folder {
        /// Its path.
        path: String,
    },
    /// A file of its own, which can be changed.
    File {
        /// Its path.
        path: String,
        /// Its mode bits.
        mode: u32,
        /// The number of its content.
        content: usize,
    },
    /// A symbolic link.
    Link {
        /// Its path.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// A program: a link to its content, so that it starts from the boot image without a copy.
    Program {
        /// Its path.
        path: String,
        /// The number of its content.
        content: usize,
    },
}

impl Item {
    /// The line that [`Item::parse`] reads.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Item::Folder { path } => format!("folder {}", word(path)),
            Item::File { path, mode, content } => {
                format!("file {} {mode:o} {content}", word(path))
            }
            Item::Link { path, target } => format!("link {} {}", word(path), word(target)),
            Item::Program { path, content } => format!("program {} {content}", word(path)),
        }
    }

    /// Reads a line.
    ///
    /// # Errors
    /// The line, for a person.
    pub fn parse(line: &str) -> Result<Item, String> {
        let words: Vec<&str> = line.split(' ').collect();
        let item = match words.as_slice() {
            ["folder", path] => text(path).ok().map(|path| Item::Folder { path }),
            ["file", path, mode, content] => file(path, mode, content),
            ["link", path, target] => link(path, target),
            ["program", path, content] => program(path, content),
            _ => None,
        };
        item.ok_or_else(|| format!("`{line}` places nothing"))
    }

    /// Puts it below `root`; contents lie below `contents`.
    ///
    /// # Errors
    /// Those of the file system, with the path.
    pub fn place(&self, contents: &Path, root: &Path) -> io::Result<()> {
        let below = |path: &str| root.join(path.trim_start_matches('/'));
        let content = |number: &usize| contents.join(number.to_string());
        let path = below(self.path());
        let placed = match self {
            Item::Folder { .. } => fs::create_dir_all(&path),
            Item::File { mode, content: number, .. } => fs::copy(content(number), &path)
                .and_then(|_| fs::set_permissions(&path, Permissions::from_mode(*mode))),
            Item::Link { target, .. } => symlink(target, &path),
            Item::Program { content: number, .. } => symlink(content(number), &path),
        };
        placed.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.path())))
    }

    fn path(&self) -> &str {
        match self {
            Item::Folder { path }
            | Item::File { path, .. }
            | Item::Link { path, .. }
            | Item::Program { path, .. } => path,
        }
    }
}

fn file(path: &str, mode: &str, content: &str) -> Option<Item> {
    let (path, mode) = (text(path).ok()?, u32::from_str_radix(mode, 8).ok()?);
    Some(Item::File { path, mode, content: content.parse().ok()? })
}

fn link(path: &str, target: &str) -> Option<Item> {
    Some(Item::Link { path: text(path).ok()?, target: text(target).ok()? })
}

fn program(path: &str, content: &str) -> Option<Item> {
    Some(Item::Program { path: text(path).ok()?, content: content.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Item> {
        vec![
            Item::Folder { path: "/home/a b/data".into() },
            Item::File { path: "/home/a b/data/ü".into(), mode: 0o640, content: 0 },
            Item::Link { path: "/home/a b/there".into(), target: "data/ü".into() },
            Item::Program { path: "/home/a b/x".into(), content: 1 },
        ]
    }

    #[test]
    fn what_was_written_is_read_again() {
        for item in all() {
            assert!(!item.line().contains('\n'));
            assert_eq!(Item::parse(&item.line()), Ok(item));
        }
        let bad =
            ["", "folder", "file /a 9 1", "file /a 644 x", "link /a", "program /a %zz", "x /a"];
        for line in bad {
            assert_eq!(Item::parse(line), Err(format!("`{line}` places nothing")));
        }
    }

    #[test]
    fn each_kind_is_placed_as_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (contents, root) = (folder.path().join("contents"), folder.path().join("root"));
        fs::create_dir(&contents).unwrap();
        fs::write(contents.join("0"), "text").unwrap();
        fs::write(contents.join("1"), "program").unwrap();
        for item in all() {
            item.place(&contents, &root).unwrap();
        }
        let at = |path: &str| root.join("home/a b").join(path);
        assert_eq!(fs::read_to_string(at("there")).unwrap(), "text");
        assert_eq!(fs::read_link(at("there")).unwrap(), Path::new("data/ü"));
        assert_eq!(at("data/ü").metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_link(at("x")).unwrap(), contents.join("1"));
        fs::write(at("data/ü"), "changed").unwrap();
        assert_eq!(fs::read_to_string(contents.join("0")).unwrap(), "text");
    }

    #[test]
    fn what_cannot_be_placed_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let item = Item::File { path: "/a/b".into(), mode: 0o644, content: 7 };
        let error = item.place(folder.path(), folder.path()).unwrap_err();
        assert!(error.to_string().starts_with("/a/b: "), "{error}");
    }
}
