//! What surrounds a view means it no good: somebody changes the file system between its steps, or it
//! answers errors.
use crate::world::{Disk, Files, LOOK, OPENS, path, random};
use clavis_abi::error::{EIO, ENOENT, EOWNERDEAD};
use clavis_abi::params::open_flags;
use clavis_ramfs::content::Data;
use clavis_view::{Everything, Opened, ROOT, View, Walks};
use std::rc::Rc;
use syscall::Stat;
use syscall::error::Error;
use syscall::flag::{O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_STAT, O_SYMLINK, O_WRONLY};

/// Somebody who renames and links within `top`, between any two steps of the view.
fn meddle(disk: &Rc<Disk>, mut random: fastrand::Rng, fails: bool) {
    let top = disk.at("top");
    let number = top.number;
    // It holds its directory for as long as the disk lives.
    std::mem::forget(top);
    *disk.meddler.borrow_mut() = Some(Box::new(move |handles| {
        let (one, two) = (path(&mut random), path(&mut random));
        match random.u32(..8) {
            0..=2 if !one.contains("..") && !two.contains("..") => {
                _ = handles.rename_at((number, &one), (number, &two), 0);
            }
            3 => {
                let flags = (O_CREAT | O_EXCL | O_SYMLINK | O_WRONLY | 0o777) as u64;
                if let Ok(link) = handles.open(number, &one, flags | open_flags::BENEATH) {
                    let outside = ["..", "../secret", "/secret", "../out", "../out/x", "a", "b/c"];
                    let text = Data::Bytes(outside[random.usize(..outside.len())].as_bytes());
                    _ = handles.write(link.number, text, 0, 0);
                    handles.close(link.number);
                }
            }
            4 => {
                let flags = (O_CREAT | O_EXCL | O_DIRECTORY | O_STAT | 0o755) as u64;
                if let Ok(made) = handles.open(number, &one, flags | open_flags::BENEATH) {
                    handles.close(made.number);
                }
            }
            5 => _ = handles.unlink(number, &one, open_flags::BENEATH),
            6 if fails => {
                let errors = [EIO, ENOENT, EOWNERDEAD];
                return Err(Error::new(errors[random.usize(..errors.len())]));
            }
            _ => {}
        }
        Ok(())
    }));
}

fn inode(disk: &Disk, path: &str) -> u64 {
    let mut handles = disk.handles.borrow_mut();
    let number = handles.open(disk.root, path, LOOK).unwrap().number;
    let mut stat = Stat::default();
    handles.stat(number, &mut stat).unwrap();
    handles.close(number);
    stat.st_ino
}

fn meddled(random: &mut fastrand::Rng, fails: bool) {
    let disk = Disk::new(Walks::ByNode);
    for path in ["top", "top/a", "top/b", "top/b/c", "out"] {
        disk.directory(path);
    }
    for path in ["secret", "out/x", "top/c", "top/b/a", "top/b/c/d"] {
        disk.file(path, path);
    }
    disk.link("top/l", "b/c");
    disk.link("top/m", "../out/x");
    let outside: Vec<u64> =
        ["", "secret", "out", "out/x"].iter().map(|path| inode(&disk, path)).collect();
    let mut view = View::new(Files(Rc::clone(&disk)), Everything, disk.at("top"));
    let held = disk.open.get() + 1;
    meddle(&disk, random.fork(), fails);
    let mut open = vec![ROOT];
    for _ in 0..400 {
        let from = open[random.usize(..open.len())];
        let bounds = [0, 0, open_flags::BENEATH, open_flags::IN_ROOT];
        let flags = (OPENS[random.usize(..OPENS.len())] | 0o644) as u64;
        let flags = flags | bounds[random.usize(..bounds.len())];
        let (one, two) = (path(random), path(random));
        match random.u32(..8) {
            0 => _ = view.rename((from, &one), (from, &two), 0),
            1 => _ = view.unlink(from, &one, 0),
            _ => match crate::world::open(&mut view, from, &one, flags) {
                Ok(Opened::Own(number)) => {
                    if let Ok(stat) = view.stat(number) {
                        assert!(!outside.contains(&stat.st_ino), "{one:?} led outside");
                    }
                    _ = view.list(number, 0, &mut |_| true);
                    if open.len() < 8 { open.push(number) } else { view.close(number) }
                }
                Ok(Opened::Lower(handle)) => {
                    let mut stat = Stat::default();
                    disk.handles.borrow().stat(handle.number, &mut stat).unwrap();
                    assert!(!outside.contains(&stat.st_ino), "{one:?} led outside");
                }
                Err(_) => {}
            },
        }
    }
    for name in ["secret", "out/x"] {
        let mut handles = disk.handles.borrow_mut();
        let number = handles.open(disk.root, name, O_RDONLY as u64).unwrap().number;
        drop(handles);
        assert_eq!(disk.text(number).unwrap(), name, "something outside was changed");
    }
    open.drain(1..).for_each(|number| view.close(number));
    assert!(disk.open.get() <= held + 1, "handles were left");
    *disk.meddler.borrow_mut() = None;
}

#[test]
fn nothing_that_happens_between_two_steps_leads_outside() {
    let mut random = random();
    (0..60).for_each(|_| meddled(&mut random, false));
}

#[test]
fn a_file_system_that_answers_errors_leads_nowhere_and_leaves_nothing() {
    let mut random = random();
    (0..60).for_each(|_| meddled(&mut random, true));
}
