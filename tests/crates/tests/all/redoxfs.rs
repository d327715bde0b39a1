//! Redox's file system on a disk in memory, mounted as a scheme, against a model of what it holds.
use redoxfs::{DiskMemory, FileSystem};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

const DISK_BYTES: u64 = 32 << 20;
const OPERATIONS: u64 = 600;

/// Mounts an empty file system and gives the path of its root.
pub(crate) fn mount(name: &'static str) -> PathBuf {
    let (ready, wait) = mpsc::channel();
    thread::spawn(move || {
        let system = FileSystem::create(DiskMemory::new(DISK_BYTES), None, 1, 0).unwrap();
        let mounted = redoxfs::mount(system, name, |path| ready.send(path.to_owned()).unwrap());
        panic!("it was unmounted: {mounted:?}");
    });
    wait.recv().unwrap()
}

/// Numbers that look random and repeat with their seed (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// What the file system should hold: `None` is a directory.
type Model = BTreeMap<PathBuf, Option<Vec<u8>>>;

fn is_directory(model: &Model, path: &Path) -> bool {
    path.as_os_str().is_empty() || matches!(model.get(path), Some(None))
}

fn is_empty(model: &Model, path: &Path) -> bool {
    !model.keys().any(|other| other != path && other.starts_with(path))
}

/// A path of few names, so that operations meet.
fn path(numbers: &mut Numbers) -> PathBuf {
    let mut path = PathBuf::new();
    for _ in 0..=numbers.below(3) {
        path.push(["a", "b", "c", "d"][numbers.below(4) as usize]);
    }
    path
}

/// One operation on both; they must agree whether it succeeds.
fn step(root: &Path, model: &mut Model, numbers: &mut Numbers) -> (String, bool, bool) {
    let path = path(numbers);
    let real = root.join(&path);
    let parent = path.parent().unwrap_or(Path::new("")).to_owned();
    let (what, done, expected) = match numbers.below(8) {
        0 | 1 => {
            let content = vec![numbers.below(256) as u8; numbers.below(20_000) as usize];
            let expected = is_directory(model, &parent) && !is_directory(model, &path);
            let done = fs::write(&real, &content).is_ok();
            if expected {
                model.insert(path.clone(), Some(content));
            }
            ("write", done, expected)
        }
        2 => {
            let (at, more) = (numbers.below(30_000), vec![0x5A; numbers.below(5000) as usize]);
            let done = write_at(&real, at, &more).is_ok();
            let expected = match model.get_mut(&path) {
                Some(Some(content)) => {
                    let (at, end) = (at as usize, at as usize + more.len());
                    if !more.is_empty() {
                        content.resize(content.len().max(end), 0);
                        content[at..end].copy_from_slice(&more);
                    }
                    true
                }
                _ => false,
            };
            ("write at", done, expected)
        }
        3 => {
            let length = numbers.below(25_000);
            let done = OpenOptions::new().write(true).open(&real).and_then(|f| f.set_len(length));
            let expected = match model.get_mut(&path) {
                Some(Some(content)) => {
                    content.resize(length as usize, 0);
                    true
                }
                _ => false,
            };
            ("cut", done.is_ok(), expected)
        }
        4 => {
            let expected = is_directory(model, &parent) && !model.contains_key(&path);
            let done = fs::create_dir(&real).is_ok();
            if expected {
                model.insert(path.clone(), None);
            }
            ("make directory", done, expected)
        }
        5 => {
            let expected = matches!(model.get(&path), Some(Some(_)));
            let done = fs::remove_file(&real).is_ok();
            if expected {
                model.remove(&path);
            }
            ("remove", done, expected)
        }
        6 => {
            let expected = is_directory(model, &path) && is_empty(model, &path);
            let done = fs::remove_dir(&real).is_ok();
            if expected {
                model.remove(&path);
            }
            ("remove directory", done, expected)
        }
        _ => {
            // Directories stay where they are: a name for a file that is free or a file's.
            let to = self::path(numbers);
            let target = to.parent().unwrap_or(Path::new(""));
            let is_file = |path: &Path| matches!(model.get(path), Some(Some(_)));
            let free = !model.contains_key(&to) || is_file(&to);
            if !is_file(&path) || !is_directory(model, target) || !free {
                return (String::new(), true, true);
            }
            let done = fs::rename(&real, root.join(&to));
            assert!(done.is_ok(), "{path:?} {to:?} {done:?}");
            let done = done.is_ok();
            if let Some(content) = model.remove(&path) {
                model.insert(to, content);
            }
            ("rename", done, true)
        }
    };
    (format!("{what} {}", path.display()), done, expected)
}

/// What lies at a path, in few words: how long it is, and where its bytes change.
fn said(node: Option<&Option<Vec<u8>>>) -> String {
    match node {
        None => "nothing".into(),
        Some(None) => "a directory".into(),
        Some(Some(content)) => {
            let runs = content.chunk_by(|one, two| one == two);
            let runs: Vec<String> =
                runs.take(8).map(|run| format!("{}*{}", run.len(), run[0])).collect();
            format!("{}: {}", content.len(), runs.join(" "))
        }
    }
}

fn write_at(path: &Path, at: u64, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

/// Everything that the file system holds.
fn holds(root: &Path) -> Model {
    let mut found = Model::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1) {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(root).unwrap().to_owned();
        let content = entry.file_type().is_file().then(|| fs::read(entry.path()).unwrap());
        found.insert(path, content);
    }
    found
}

#[test]
fn random_operations_leave_what_a_model_says() {
    random_operations(&mount("crates-redoxfs"), &[1, 0x0123_4567_89AB_CDEF]);
}

/// Does what seeds say beneath a path, and compares with the model.
pub(crate) fn random_operations(root: &Path, seeds: &[u64]) {
    for &seed in seeds {
        let mut numbers = Numbers(seed);
        let mut model = holds(root);
        for number in 0..OPERATIONS {
            let (what, done, expected) = step(root, &mut model, &mut numbers);
            assert_eq!(done, expected, "seed {seed:#x}, operation {number}: {what}");
            if number % 100 == 99 {
                let (found, mut differ) = (holds(root), Vec::new());
                for path in found.keys().chain(model.keys()) {
                    let (one, two) = (found.get(path), model.get(path));
                    if one != two && !differ.contains(&(path, said(one), said(two))) {
                        differ.push((path, said(one), said(two)));
                    }
                }
                let at = format!("seed {seed:#x}, after operation {number}: {what}");
                assert!(differ.is_empty(), "{at}: {differ:?}");
            }
        }
        assert!(model.values().any(Option::is_some), "seed {seed:#x} left no file to compare");
    }
}

#[test]
fn a_large_file_comes_back_equal_and_errors_are_the_usual_ones() {
    let root = mount("crates-redoxfs-large");
    let content: Vec<u8> = (0..5_000_000_u32).map(|n| (n.wrapping_mul(31) >> 7) as u8).collect();
    let path = root.join("large");
    fs::write(&path, &content).unwrap();
    let mut file = fs::File::open(&path).unwrap();
    let mut middle = vec![0; 1 << 20];
    file.seek(SeekFrom::Start(1_234_567)).unwrap();
    file.read_exact(&mut middle).unwrap();
    assert!(middle == content[1_234_567..][..1 << 20]);
    assert!(fs::read(&path).unwrap() == content);
    assert_eq!(fs::read(root.join("none")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::create_dir(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    // It compresses what it keeps.
    let mut numbers = Numbers(7);
    let noise: Vec<u8> = (0..DISK_BYTES).map(|_| numbers.below(256) as u8).collect();
    let full = fs::write(root.join("more"), noise).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
}
