//! What the tests share: an overlay of a disk, and what lies in a file system.
use crate::world::{Disk, Files, Handle, LIST, LOOK, tree};
use clavis_overlay::Overlay;
use clavis_ramfs::Handles;
use clavis_view::held::{Given, Held};
use clavis_view::{Everything, Opened, ROOT, View, Walks};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use syscall::error::Result;
use syscall::flag::{O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};
use syscall::{Stat, TimeSpec};

pub(crate) type Seen = View<Overlay<Files>, Everything>;
pub(crate) type Open = clavis_overlay::Handle<Handle>;

impl Held for Files {
    fn give(&self, file: Handle) -> Given<Handle> {
        Given::Over(file.number)
    }
}

/// A disk with a directory `top`, and an overlay of that which keeps so many bytes.
pub(crate) fn overlay(disk: &Rc<Disk>, limit: u64) -> Seen {
    let ticks = Cell::new(100);
    let clock = move || {
        ticks.set(ticks.get() + 1);
        TimeSpec { tv_sec: ticks.get(), tv_nsec: 0 }
    };
    let files = Files(disk.clone());
    let overlay = Overlay::new(files, disk.at("top"), limit, Box::new(clock)).unwrap();
    let root = overlay.directory();
    View::new(overlay, Everything, root)
}

pub(crate) fn disk() -> Rc<Disk> {
    let disk = Disk::new(Walks::ByNode);
    disk.directory("top");
    disk
}

/// Gives a file one more name.
pub(crate) fn name_too(disk: &Disk, path: &str, name: &str) {
    let mut handles = disk.handles.borrow_mut();
    let file = handles.open(disk.root, path, LOOK).unwrap().number;
    handles.link_at(file, disk.root, name).unwrap();
    handles.close(file);
}

/// What is in a file system below a directory: what it is, mode, names, and what it holds.
pub(crate) fn state(handles: &mut Handles, root: usize) -> BTreeMap<String, String> {
    let paths = tree(handles, root);
    let told = paths.into_iter().map(|(path, what)| {
        let number = handles.open(root, &path, LOOK).unwrap().number;
        let mut stat = Stat::default();
        handles.stat(number, &mut stat).unwrap();
        handles.close(number);
        let links = if what == "directory" { 0 } else { stat.st_nlink };
        (path, format!("{:o} {links} {} {what}", stat.st_mode, stat.st_size))
    });
    told.collect()
}

pub(crate) fn below(disk: &Disk) -> BTreeMap<String, String> {
    let mut handles = disk.handles.borrow_mut();
    let top = handles.open(disk.root, "top", LIST).unwrap().number;
    let state = state(&mut handles, top);
    handles.close(top);
    state
}

pub(crate) fn open(seen: &mut Seen, path: &str, flags: usize) -> Result<Open> {
    match seen.open(ROOT, path, (flags | 0o644) as u64)? {
        Opened::Lower(file) => Ok(file),
        Opened::Own(_) => panic!("{path} is no file"),
    }
}

pub(crate) fn write(seen: &mut Seen, path: &str, text: &str) -> Result<usize> {
    let file = open(seen, path, O_WRONLY | O_CREAT | O_TRUNC)?;
    Held::write(seen.lower(), &file, Some(0), text.as_bytes())
}

pub(crate) fn append(seen: &mut Seen, path: &str, text: &str) -> Result<usize> {
    let file = open(seen, path, O_RDWR)?;
    Held::write(seen.lower(), &file, None, text.as_bytes())
}

pub(crate) fn read(seen: &mut Seen, path: &str) -> Result<String> {
    let file = open(seen, path, O_RDONLY)?;
    let mut bytes = vec![0; 1 << 16];
    let length = Held::read(seen.lower(), &file, 0, &mut bytes)?;
    bytes.truncate(length);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Accepts everything.
pub(crate) fn commit(seen: &Seen) -> clavis_overlay::commit::Report {
    let changes = seen.lower().difference().unwrap();
    seen.lower().commit(&vec![true; changes.len()]).unwrap()
}

/// A generator whose seed is printed, and can be given.
pub(crate) fn random() -> fastrand::Rng {
    let seed = std::env::var("CLAVIS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("CLAVIS_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}
