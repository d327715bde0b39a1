//! What somebody else changed below meanwhile is not overwritten, and what needs it is not done.
use crate::model::Both;
use crate::setting::{Seen, append, below, commit, disk, overlay, random, write};
use crate::world::{Disk, LIST};
use clavis_overlay::commit::Conflict;
use clavis_ramfs::Handles;
use clavis_ramfs::content::Data;
use clavis_view::ROOT;
use std::rc::Rc;
use syscall::flag::{AT_REMOVEDIR, O_CREAT, O_DIRECTORY, O_EXCL, O_STAT, O_WRONLY};

fn setting() -> (Rc<Disk>, Seen) {
    let disk = disk();
    for path in ["top/d", "top/e"] {
        disk.directory(path);
    }
    for path in ["top/a", "top/b", "top/d/c"] {
        disk.file(path, "text");
    }
    let seen = overlay(&disk, 1 << 20);
    (disk, seen)
}

fn outside(disk: &Disk, act: impl FnOnce(&mut Handles, usize)) {
    let mut handles = disk.handles.borrow_mut();
    let top = handles.open(disk.root, "top", LIST).unwrap().number;
    act(&mut handles, top);
    handles.close(top);
}

fn put(handles: &mut Handles, top: usize, path: &str, text: &str) {
    let flags = (O_WRONLY | O_CREAT | 0o600) as u64;
    if let Ok(file) = handles.open(top, path, flags) {
        handles.write(file.number, Data::Bytes(text.as_bytes()), 0, 0).unwrap();
        handles.close(file.number);
    }
}

#[test]
fn what_was_changed_below_meanwhile_stays_as_it_is_there() {
    let (disk, mut seen) = setting();
    append(&mut seen, "a", "more").unwrap();
    seen.unlink(ROOT, "b", 0).unwrap();
    write(&mut seen, "new", "mine").unwrap();
    seen.rename((ROOT, "d/c"), (ROOT, "e/c"), 0).unwrap();
    outside(&disk, |handles, top| {
        put(handles, top, "a", "other text");
        put(handles, top, "b", "other text");
        put(handles, top, "new", "theirs");
        handles.unlink(top, "d/c", 0).unwrap();
    });
    let before = below(&disk);
    let report = commit(&seen);
    let conflicts =
        [(0, Conflict::Changed), (1, Conflict::Changed), (2, Conflict::Gone), (3, Conflict::There)];
    assert_eq!((report.conflicts, report.done), (conflicts.to_vec(), vec![]));
    assert_eq!(below(&disk), before);
}

#[test]
fn what_stands_in_the_way_or_is_another_thing_is_not_replaced() {
    let (disk, mut seen) = setting();
    write(&mut seen, "a.new", "mine").unwrap();
    seen.rename((ROOT, "a.new"), (ROOT, "a"), 0).unwrap();
    append(&mut seen, "b", "more").unwrap();
    seen.unlink(ROOT, "e", AT_REMOVEDIR).unwrap();
    write(&mut seen, "d/new", "mine").unwrap();
    outside(&disk, |handles, top| {
        put(handles, top, "a", "theirs");
        // The same length, but another file.
        handles.unlink(top, "b", 0).unwrap();
        put(handles, top, "b", "text");
        put(handles, top, "e/new", "theirs");
        handles.unlink(top, "d/c", 0).unwrap();
        handles.unlink(top, "d", AT_REMOVEDIR as u64).unwrap();
    });
    let before = below(&disk);
    let report = commit(&seen);
    let mut conflicts = report.conflicts.clone();
    conflicts.sort_by_key(|conflict| conflict.0);
    let expected = [
        (0, Conflict::Changed),
        (1, Conflict::Gone),
        (2, Conflict::Gone),
        // Something is in it now.
        (3, Conflict::Changed),
    ];
    assert_eq!((conflicts, report.failed), (expected.to_vec(), None));
    assert_eq!(below(&disk), before);
}

#[test]
fn what_needs_something_that_is_in_conflict_is_not_done_either() {
    let (disk, mut seen) = setting();
    let make = (O_CREAT | O_EXCL | O_DIRECTORY | O_STAT | 0o755) as u64;
    seen.open(ROOT, "made", make).unwrap();
    write(&mut seen, "made/file", "mine").unwrap();
    append(&mut seen, "a", "more").unwrap();
    outside(&disk, |handles, top| put(handles, top, "made", "theirs"));
    let report = commit(&seen);
    assert_eq!(report.conflicts, [(1, Conflict::There), (2, Conflict::Needs(1))]);
    assert_eq!((report.done, report.left), (vec![0], vec![]));
    let now = below(&disk);
    assert!(now["a"].ends_with("textmore") && now["made"].ends_with("theirs"), "{now:?}");
}

#[test]
fn what_others_do_below_meanwhile_is_never_undone() {
    let mut random = random();
    for _ in 0..200 {
        let mut both = Both::new(&mut random);
        let mut outsiders = 0;
        for _ in 0..100 {
            both.step(&mut random);
        }
        outside(&both.disk, |handles, top| {
            for _ in 0..random.usize(1..8) {
                let path = crate::world::path(&mut random);
                let text = format!("outside {outsiders} {path:?}");
                outsiders += 1;
                match random.u32(..4) {
                    0 => _ = handles.unlink(top, &path, AT_REMOVEDIR as u64),
                    1 => _ = handles.unlink(top, &path, 0),
                    2 => {
                        let to = crate::world::path(&mut random);
                        _ = handles.rename_at((top, &path), (top, &to), 0);
                    }
                    _ => put(handles, top, &path, &text),
                }
            }
        });
        let written = |disk: &Disk| {
            let there = below(disk);
            let mut there: Vec<String> =
                there.into_values().filter(|what| what.contains("outside")).collect();
            there.sort();
            there
        };
        let before = written(&both.disk);
        let Ok(changes) = both.seen.lower().difference() else { continue };
        let report = both.seen.lower().commit(&vec![true; changes.len()]).unwrap();
        let told = format!("{changes:#?} {report:?}");
        let texts = |all: &[String]| -> Vec<String> {
            all.iter().map(|what| what.split_once("outside").unwrap().1.to_owned()).collect()
        };
        assert!(
            texts(&before).iter().all(|text| texts(&written(&both.disk)).contains(text)),
            "{told}"
        );
    }
}
