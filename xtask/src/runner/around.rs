//! What a program finds around itself in the guest: the files of its package and the programs that
//! were built with it, at the paths that they have here.
use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clavis_elf::Place;
use clavis_results::place::Item;

use crate::image::{Extra, Kind};

/// Most bytes of files: they are copied into the guest's file system, which keeps 32 MiB.
const ROOM: u64 = 24 << 20;
/// A folder with this file can be made again: Cargo's target folders are such.
const CACHE: &str = "CACHEDIR.TAG";
/// What version control keeps for itself.
const HISTORY: &str = ".git";

/// Collects it.
#[derive(Debug, Default)]
pub(super) struct Around {
    /// In the order in which it is placed.
    pub(super) items: Vec<Item>,
    /// What the image holds for it; the index is the number of the content.
    contents: Vec<(PathBuf, Kind)>,
    /// Folders that are left out.
    without: Vec<PathBuf>,
    /// Every path that is there already.
    known: BTreeSet<PathBuf>,
    bytes: u64,
}

impl Around {
    /// Nothing yet, and never what lies at or below these paths.
    pub(super) fn without(without: Vec<PathBuf>) -> Around {
        Around { without, ..Around::default() }
    }

    /// The folder of that path, empty.
    pub(super) fn add_folder(&mut self, path: &Path) -> anyhow::Result<()> {
        if self.known.insert(path.to_owned()) {
            self.items.push(Item::Folder { path: text(path)? });
        }
        Ok(())
    }

    /// A link, in its folder.
    pub(super) fn add_link(&mut self, path: &str, target: &str) -> anyhow::Result<()> {
        let own = Path::new(path);
        self.add_folder(own.parent().unwrap_or(own))?;
        if self.known.insert(own.to_owned()) {
            self.items.push(Item::Link { path: path.to_owned(), target: target.to_owned() });
        }
        Ok(())
    }

    /// A program, in its folder.
    pub(super) fn add_program(&mut self, path: &Path) -> anyhow::Result<()> {
        self.add_folder(path.parent().unwrap_or(path))?;
        if self.known.insert(path.to_owned()) {
            let content = self.content(path, Kind::Program);
            self.items.push(Item::Program { path: text(path)?, content });
        }
        Ok(())
    }

    /// The programs that were built into the same folder. Tests and examples lie one below it.
    pub(super) fn add_programs_beside(&mut self, program: &Path) -> anyhow::Result<()> {
        let mut folder = program.parent().unwrap_or(program);
        if folder.ends_with("deps") || folder.ends_with("examples") {
            folder = folder.parent().unwrap_or(folder);
        }
        for entry in entries(folder)? {
            if is_program(&entry.path()) {
                self.add_program(&entry.path())?;
            }
        }
        // Where Cargo has tests put their files.
        let caches = folder.ancestors().filter(|folder| folder.join(CACHE).exists());
        for temporary in caches.map(|folder| folder.join("tmp")).filter(|folder| folder.is_dir()) {
            self.add_folder(&temporary)?;
        }
        Ok(())
    }

    /// A file, or a folder with everything below it but what can be made again.
    pub(super) fn add(&mut self, path: &Path) -> anyhow::Result<()> {
        let what = || format!("cannot read {}", path.display());
        let metadata = fs::symlink_metadata(path).with_context(what)?;
        if self.without.iter().any(|left_out| path == left_out) {
            return Ok(());
        }
        if metadata.is_dir() {
            if path.join(CACHE).exists() {
                return Ok(());
            }
            self.add_folder(path)?;
            for entry in entries(path)? {
                if entry.file_name() != HISTORY {
                    self.add(&entry.path())?;
                }
            }
        } else if !self.known.insert(path.to_owned()) {
            // It was added before.
        } else if metadata.is_symlink() {
            let target = text(&fs::read_link(path).with_context(what)?)?;
            self.items.push(Item::Link { path: text(path)?, target });
        } else if metadata.is_file() {
            self.bytes = self.bytes.saturating_add(metadata.len());
            let mode = metadata.permissions().mode() & 0o777;
            let content = self.content(path, Kind::Plain);
            self.items.push(Item::File { path: text(path)?, mode, content });
        }
        Ok(())
    }

    /// What the boot image needs, below a folder of it.
    pub(super) fn extras(&self, folder: &str) -> anyhow::Result<Vec<Extra>> {
        if self.bytes > ROOM {
            bail!(
                "the project has {} MiB in files, and the guest has room for {}: leave folders out \
                 with `runner --without FOLDER` in the configuration",
                self.bytes >> 20,
                ROOM >> 20
            );
        }
        let extra = |(number, (file, kind)): (usize, &(PathBuf, Kind))| Extra {
            path: format!("{folder}/{number}"),
            file: file.clone(),
            kind: *kind,
        };
        Ok(self.contents.iter().enumerate().map(extra).collect())
    }

    /// The programs.
    pub(super) fn programs(&self) -> impl Iterator<Item = &Path> {
        let programs = self.contents.iter().filter(|(_, kind)| *kind == Kind::Program);
        programs.map(|(path, _)| path.as_path())
    }

    fn content(&mut self, file: &Path, kind: Kind) -> usize {
        self.contents.push((file.to_owned(), kind));
        self.contents.len() - 1
    }
}

/// A folder's entries, sorted: the same project gives the same image.
fn entries(folder: &Path) -> anyhow::Result<Vec<DirEntry>> {
    let what = || format!("cannot read the folder {}", folder.display());
    let entries = fs::read_dir(folder).with_context(what)?;
    let mut entries: Vec<DirEntry> = entries.collect::<Result<_, _>>().with_context(what)?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

/// Whether the guest's loader would take it.
fn is_program(path: &Path) -> bool {
    let head = || -> std::io::Result<(Vec<u8>, u64)> {
        use std::io::Read as _;
        let file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        let mut head = Vec::new();
        file.take(clavis_elf::HEAD as u64).read_to_end(&mut head)?;
        Ok((head, length))
    };
    let is_executable = |path: &Path| {
        path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    is_executable(path)
        && head().is_ok_and(|(head, length)| {
            clavis_elf::Image::parse(&head, length, Place::USER).is_ok()
        })
}

fn text(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.with_context(|| format!("{} is not UTF-8: leave it out with --without", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn lines(around: &Around, root: &Path) -> Vec<String> {
        let root = format!("{}/", root.display());
        around.items.iter().map(|item| item.line().replace(&root, "")).collect()
    }

    #[test]
    fn a_package_comes_without_what_can_be_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("p");
        put(&package.join("Cargo.toml"), "");
        put(&package.join("tests/data/a"), "a");
        put(&package.join("big/b"), "");
        put(&package.join(".git/config"), "");
        put(&package.join("target/CACHEDIR.TAG"), "");
        put(&package.join("target/debug/x"), "");
        fs::create_dir(package.join("empty")).unwrap();
        fs::set_permissions(package.join("big"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(package.join("Cargo.toml"), fs::Permissions::from_mode(0o640)).unwrap();
        fs::set_permissions(package.join("tests/data/a"), fs::Permissions::from_mode(0o755))
            .unwrap();
        std::os::unix::fs::symlink("data/a", package.join("tests/link")).unwrap();
        let mut around = Around::without(vec![package.join("big")]);
        around.add(&package).unwrap();
        // A second time: nothing is there twice.
        around.add(&package.join("tests")).unwrap();
        let want = [
            "folder p",
            "file p/Cargo.toml 640 0",
            "folder p/empty",
            "folder p/tests",
            "folder p/tests/data",
            "file p/tests/data/a 755 1",
            "link p/tests/link data/a",
        ];
        assert_eq!(lines(&around, folder.path()), want);
        let extras = around.extras("run").unwrap();
        let names: Vec<&str> = extras.iter().map(|extra| extra.path.as_str()).collect();
        assert_eq!(names, ["run/0", "run/1"]);
        assert_eq!(extras[1].file, package.join("tests/data/a"));
    }

    #[test]
    fn more_than_the_guest_holds_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("big");
        fs::File::create(&file).unwrap().set_len(ROOM + 1).unwrap();
        let mut around = Around::default();
        around.add(&file).unwrap();
        let error = around.extras("run").unwrap_err().to_string();
        assert!(error.contains("--without"), "{error}");
        assert!(Around::default().add(&folder.path().join("none")).is_err());
    }

    /// The smallest program: a header and one segment.
    fn program() -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        for half in [2_u16, 62] {
            file.extend(half.to_le_bytes());
        }
        file.extend(1_u32.to_le_bytes());
        for word in [0x20_0000_u64, 64, 0] {
            file.extend(word.to_le_bytes());
        }
        file.extend(0_u32.to_le_bytes());
        for half in [64_u16, 56, 1, 0, 0, 0] {
            file.extend(half.to_le_bytes());
        }
        let (load, read_execute) = (1_u32, 5_u32);
        file.extend(load.to_le_bytes());
        file.extend(read_execute.to_le_bytes());
        for word in [0_u64, 0x20_0000, 0x20_0000, 120, 120, 4096] {
            file.extend(word.to_le_bytes());
        }
        file
    }

    #[test]
    fn tests_find_the_programs_of_their_build() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        let test = target.join("debug/deps/t-1");
        put(&target.join(CACHE), "");
        put(&test, "");
        put(&target.join("debug/script"), "#!/bin/sh");
        fs::write(target.join("debug/x"), program()).unwrap();
        fs::write(target.join("debug/data"), program()).unwrap();
        fs::create_dir(target.join("tmp")).unwrap();
        for name in ["script", "x"] {
            let path = target.join("debug").join(name);
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut around = Around::default();
        around.add_programs_beside(&test).unwrap();
        let want = ["folder target/debug", "program target/debug/x 0", "folder target/tmp"];
        assert_eq!(lines(&around, folder.path()), want);
        assert_eq!(around.programs().collect::<Vec<_>>(), [target.join("debug/x")]);
    }
}
