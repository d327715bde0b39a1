//! Random operations on the file system and on a model that keeps nothing but paths: they agree
//! on every answer and on everything that can be seen afterwards.
//!
//! `SEED=n cargo test -p clavis-ramfs --test model` repeats a run.
use clavis_ramfs::Handles;
use clavis_ramfs::content::Data;
use clavis_ramfs::time::Time;
use std::collections::BTreeMap;
use syscall::dirent::{DirentBuf, DirentHeader, DirentIter};
use syscall::error::{EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, Error, Result};
use syscall::flag::{AT_REMOVEDIR, O_CREAT, O_DIRECTORY, O_EXCL, O_RDWR, O_TRUNC, O_WRONLY};

const STEPS: usize = 60_000;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

const NOW: Time = Time { seconds: 7, nanoseconds: 0 };

/// What a path names in the model. Files are numbers into a list of contents, so that hard links
/// share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    Directory,
    File(usize),
}

#[derive(Default)]
struct Model {
    things: BTreeMap<String, Thing>,
    contents: Vec<Vec<u8>>,
}

fn fail<T>(errno: i32) -> Result<T> {
    Err(Error::new(errno))
}

impl Model {
    fn get(&self, path: &str) -> Option<Thing> {
        if path.is_empty() { Some(Thing::Directory) } else { self.things.get(path).copied() }
    }

    /// What names lie on the way decides before the last one does.
    fn check_way(&self, path: &str) -> Result<()> {
        for (at, _) in path.match_indices('/') {
            match self.get(&path[..at]) {
                Some(Thing::Directory) => {}
                Some(Thing::File(_)) => return fail(ENOTDIR),
                None => return fail(ENOENT),
            }
        }
        Ok(())
    }

    fn below(&self, path: &str) -> Vec<String> {
        let prefix = format!("{path}/");
        self.things.keys().filter(|key| key.starts_with(&prefix)).cloned().collect()
    }

    fn make(&mut self, path: &str, directory: bool) -> Result<()> {
        self.check_way(path)?;
        if self.get(path).is_some() {
            return fail(EEXIST);
        }
        let thing = if directory {
            Thing::Directory
        } else {
            self.contents.push(Vec::new());
            Thing::File(self.contents.len() - 1)
        };
        self.things.insert(path.into(), thing);
        Ok(())
    }

    fn remove(&mut self, path: &str, directory: bool) -> Result<()> {
        self.check_way(path)?;
        match (self.get(path), directory) {
            (None, _) => return fail(ENOENT),
            (Some(Thing::Directory), false) => return fail(EISDIR),
            (Some(Thing::File(_)), true) => return fail(ENOTDIR),
            (Some(Thing::Directory), true) if !self.below(path).is_empty() => {
                return fail(ENOTEMPTY);
            }
            _ => {}
        }
        self.things.remove(path);
        Ok(())
    }

    fn link(&mut self, from: &str, to: &str) -> Result<()> {
        self.check_way(from)?;
        let thing = self.get(from).ok_or(Error::new(ENOENT))?;
        self.check_way(to)?;
        match (thing, self.get(to)) {
            (Thing::Directory, _) => return fail(EPERM),
            (_, Some(_)) => return fail(EEXIST),
            _ => {}
        }
        self.things.insert(to.into(), thing);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        self.check_way(from)?;
        let thing = self.get(from).ok_or(Error::new(ENOENT))?;
        self.check_way(to)?;
        let is_directory = thing == Thing::Directory;
        if is_directory && (to == from || to.starts_with(&format!("{from}/"))) {
            // Onto itself is nothing; POSIX lets it succeed.
            return if to == from { Ok(()) } else { fail(EINVAL) };
        }
        match (is_directory, self.get(to)) {
            (false, Some(Thing::File(_))) if self.get(to) == Some(thing) => return Ok(()),
            (true, Some(Thing::File(_))) => return fail(ENOTDIR),
            (false, Some(Thing::Directory)) => return fail(EISDIR),
            (true, Some(Thing::Directory)) if !self.below(to).is_empty() => return fail(ENOTEMPTY),
            _ => {}
        }
        let moved = self.below(from);
        for key in moved {
            let thing = self.things.remove(&key).unwrap();
            self.things.insert(format!("{to}{}", &key[from.len()..]), thing);
        }
        self.things.remove(from);
        self.things.insert(to.into(), thing);
        Ok(())
    }

    fn write(&mut self, path: &str, offset: usize, data: &[u8], cut: bool) -> Result<()> {
        self.check_way(path)?;
        match self.get(path) {
            None => fail(ENOENT),
            Some(Thing::Directory) => fail(EISDIR),
            Some(Thing::File(number)) => {
                let content = &mut self.contents[number];
                if cut {
                    content.clear();
                }
                let end = offset + data.len();
                if content.len() < end && !data.is_empty() {
                    content.resize(end, 0);
                }
                if !data.is_empty() {
                    content[offset..end].copy_from_slice(data);
                }
                Ok(())
            }
        }
    }

    fn set_len(&mut self, path: &str, len: usize) -> Result<()> {
        self.write(path, 0, b"", false)?;
        if let Some(Thing::File(number)) = self.get(path) {
            self.contents[number].resize(len, 0);
        }
        Ok(())
    }
}

struct Real {
    handles: Handles,
    root: usize,
}

impl Real {
    fn with<T>(
        &mut self,
        path: &str,
        flags: usize,
        action: impl FnOnce(&mut Handles, usize) -> Result<T>,
    ) -> Result<T> {
        let number = self.handles.open(self.root, path, flags as u64)?.number;
        let result = action(&mut self.handles, number);
        self.handles.close(number);
        result
    }

    fn list(&self, number: usize) -> Vec<String> {
        let mut names = Vec::new();
        let mut after = 0;
        loop {
            let mut buffer = [0; 64];
            let out = DirentBuf::new(&mut buffer[..], size_of::<DirentHeader>() as u16).unwrap();
            let written = self.handles.list(number, out, after).unwrap().finalize();
            if written == 0 {
                return names;
            }
            for entry in DirentIter::new(&buffer[..written]) {
                let (header, name) = entry.map_err(|_| ()).unwrap();
                after = header.next_opaque_id;
                let name = str::from_utf8(name).unwrap().trim_end_matches('\0');
                names.push(name.to_owned());
            }
        }
    }

    /// Everything that can be seen, found by listing from the root.
    fn see(&mut self) -> BTreeMap<String, Option<Vec<u8>>> {
        let mut seen = BTreeMap::new();
        let mut directories = vec![String::new()];
        while let Some(directory) = directories.pop() {
            let number =
                self.handles.open(self.root, &directory, O_DIRECTORY as u64).unwrap().number;
            for name in self.list(number) {
                let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
                let opened = self.handles.open(self.root, &path, O_DIRECTORY as u64);
                if let Ok(opened) = opened {
                    assert_eq!(self.handles.path(opened.number).unwrap(), path);
                    self.handles.close(opened.number);
                    seen.insert(path.clone(), None);
                    directories.push(path);
                } else {
                    let content = self
                        .with(&path, 0, |handles, number| {
                            let size = handles.size(number)? as usize;
                            let mut content = vec![0; size];
                            assert_eq!(handles.read(number, &mut content, 0)?, size);
                            Ok(content)
                        })
                        .unwrap();
                    seen.insert(path, Some(content));
                }
            }
            self.handles.close(number);
        }
        seen
    }
}

fn random_path(random: &mut fastrand::Rng) -> String {
    let depth = random.usize(1..=3);
    let names: Vec<&str> = (0..depth).map(|_| NAMES[random.usize(..NAMES.len())]).collect();
    names.join("/")
}

fn errno<T>(result: Result<T>) -> i32 {
    result.map_or_else(|error| error.errno, |_| 0)
}

#[test]
fn the_file_system_and_a_model_of_paths_agree() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut handles = Handles::new(64 << 20, NOW);
    let root = handles.root().unwrap();
    let empty = (handles.tree().budget().used(), handles.tree().nodes());
    let mut real = Real { handles, root };
    let mut model = Model::default();
    for step in 0..STEPS {
        let path = random_path(&mut random);
        let other = random_path(&mut random);
        let (got, wanted, what) = match random.u8(..9) {
            0 => {
                let flags = O_CREAT | O_EXCL | O_WRONLY;
                (errno(real.with(&path, flags, |_, _| Ok(()))), model.make(&path, false), "create")
            }
            1 | 2 => {
                let flags = O_CREAT | O_EXCL | O_DIRECTORY;
                (errno(real.with(&path, flags, |_, _| Ok(()))), model.make(&path, true), "mkdir")
            }
            3 => (errno(real.handles.unlink(root, &path, 0)), model.remove(&path, false), "unlink"),
            4 => (
                errno(real.handles.unlink(root, &path, AT_REMOVEDIR as u64)),
                model.remove(&path, true),
                "rmdir",
            ),
            5 => (
                errno(real.handles.rename_at((root, &path), (root, &other), 0)),
                model.rename(&path, &other),
                "rename",
            ),
            6 => (
                errno(real.with(&path, 0, |handles, number| handles.link_at(number, root, &other))),
                model.link(&path, &other),
                "link",
            ),
            7 => {
                let offset = random.usize(..20_000);
                let data: Vec<u8> = (0..random.usize(..9000)).map(|_| random.u8(..)).collect();
                let cut = random.bool();
                let flags = if cut { O_RDWR | O_TRUNC } else { O_RDWR };
                let written = real.with(&path, flags, |handles, number| {
                    assert_eq!(
                        handles.write(number, Data::Bytes(&data), offset as u64, 0)?,
                        data.len()
                    );
                    Ok(())
                });
                (errno(written), model.write(&path, offset, &data, cut), "write")
            }
            _ => {
                let len = random.usize(..30_000);
                let result = real
                    .with(&path, O_RDWR, |handles, number| handles.truncate(number, len as u64));
                (errno(result), model.set_len(&path, len), "truncate")
            }
        };
        assert_eq!(got, errno(wanted), "step {step}: {what} {path} {other}");
        if step % 500 == 0 {
            let wanted: BTreeMap<String, Option<Vec<u8>>> = model
                .things
                .iter()
                .map(|(path, thing)| match thing {
                    Thing::Directory => (path.clone(), None),
                    Thing::File(number) => (path.clone(), Some(model.contents[*number].clone())),
                })
                .collect();
            let seen = real.see();
            let differ = |path: &&String| seen.get(*path) != wanted.get(*path);
            let path = seen.keys().chain(wanted.keys()).find(differ);
            assert_eq!(path, None, "step {step}");
        }
    }
    // Everything that was charged is given back.
    while let Some((path, thing)) = model.things.pop_last() {
        let flags = if thing == Thing::Directory { AT_REMOVEDIR as u64 } else { 0 };
        real.handles.unlink(root, &path, flags).unwrap();
    }
    assert_eq!((real.handles.tree().budget().used(), real.handles.tree().nodes()), empty);
}
