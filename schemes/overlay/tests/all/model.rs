//! Random operations on an overlay and on a plain file system have the same outcome; below nothing
//! changes before what was accepted is committed, and then all of it does.
use crate::setting::{Open, Seen, below, disk, overlay, random, state};
use crate::world::{Disk, LIST, NOW, path, target};
use clavis_abi::params::open_flags;
use clavis_overlay::{What, close};
use clavis_ramfs::Handles;
use clavis_ramfs::content::Data;
use clavis_view::held::Held;
use clavis_view::lower::Attribute;
use clavis_view::{Opened, ROOT};
use std::rc::Rc;
use syscall::Stat;
use syscall::error::{Error, Result};
use syscall::flag::{
    AT_REMOVEDIR, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_STAT, O_SYMLINK,
    O_TRUNC, O_WRONLY,
};

const MKDIR: usize = O_CREAT | O_EXCL | O_DIRECTORY | O_STAT | 0o755;
const MKLINK: usize = O_CREAT | O_EXCL | O_SYMLINK | O_WRONLY | 0o777;

pub(crate) struct Both {
    pub(crate) disk: Rc<Disk>,
    pub(crate) seen: Seen,
    pub(crate) plain: Handles,
    root: usize,
    /// Open on both sides: to look at, and to read and write.
    nodes: Vec<(usize, usize)>,
    files: Vec<(Open, usize)>,
}

fn errno<T>(result: &Result<T>) -> i32 {
    result.as_ref().err().map_or(0, |error: &Error| error.errno)
}

impl Both {
    /// Two file systems with the same in them.
    pub(crate) fn new(random: &mut fastrand::Rng) -> Both {
        let disk = disk();
        let mut plain = Handles::new(1 << 22, NOW);
        let root = plain.root().unwrap();
        {
            let mut handles = disk.handles.borrow_mut();
            let top = handles.open(disk.root, "top", LIST).unwrap().number;
            for _ in 0..random.usize(0..40) {
                let (one, kind) = (path(random), random.u32(..8));
                let two = ["a", "b", "c", "d"][random.usize(..4)];
                let text = target(random);
                for (handles, root) in [(&mut *handles, top), (&mut plain, root)] {
                    populate(handles, root, kind, (&one, two), &text);
                }
            }
            handles.close(top);
        }
        let seen = overlay(&disk, 1 << 22);
        Both { disk, seen, plain, root, nodes: Vec::new(), files: Vec::new() }
    }

    fn from(&self, random: &mut fastrand::Rng) -> (usize, usize) {
        match self.nodes.len() {
            count if count > 0 && random.bool() => self.nodes[random.usize(..count)],
            _ => (ROOT, self.root),
        }
    }

    fn agree(mine: &Result<()>, its: &Result<()>, context: &str) {
        assert_eq!(errno(mine), errno(its), "{context}");
    }

    fn open(&mut self, from: (usize, usize), path: &str, flags: usize, text: &str) {
        let mine = self.seen.open(from.0, path, flags as u64);
        let its = self.plain.open(from.1, path, flags as u64).map(|opened| opened.number);
        let context = format!("{path:?} {flags:#x}");
        match (mine, its) {
            (Ok(Opened::Own(mine)), Ok(its)) => {
                self.compare(mine, its, &context);
                self.nodes.push((mine, its));
            }
            (Ok(Opened::Lower(mine)), Ok(its)) => {
                if flags & O_SYMLINK != 0 && flags & O_CREAT != 0 {
                    Held::write(self.seen.lower(), &mine, Some(0), text.as_bytes()).unwrap();
                    self.plain.write(its, Data::Bytes(text.as_bytes()), 0, 0).unwrap();
                }
                self.files.push((mine, its));
                self.read(self.files.len() - 1, &context);
            }
            (mine, its) => assert_eq!(errno(&mine), errno(&its), "{context}"),
        }
    }

    fn compare(&self, mine: usize, its: usize, context: &str) {
        let mut stat = Stat::default();
        self.plain.stat(its, &mut stat).unwrap();
        let mine = self.seen.stat(mine).unwrap();
        let told = |stat: &Stat| (stat.st_mode, stat.st_size, stat.st_nlink);
        assert_eq!(told(&mine), told(&stat), "{context}");
    }

    fn read(&self, file: usize, context: &str) {
        let (mine, its) = &self.files[file];
        let (mut one, mut two) = ([1; 9000], [2; 9000]);
        let count = Held::read(self.seen.lower(), mine, 1, &mut one).unwrap();
        assert_eq!(self.plain.read(*its, &mut two, 1).unwrap(), count, "{context}");
        assert_eq!(one[..count], two[..count], "{context}");
    }

    fn change(&mut self, random: &mut fastrand::Rng) {
        let Some(at) = self.files.len().checked_sub(1).map(|last| random.usize(..=last)) else {
            return;
        };
        let (mine, its) = &self.files[at];
        let most = if random.bool() { 10 } else { 6000 };
        let offset = random.u64(..most);
        if random.u32(..4) == 0 {
            let one = Held::truncate(self.seen.lower(), mine, offset);
            let two = self.plain.truncate(*its, offset);
            Both::agree(&one, &two, "truncate");
        } else {
            let text = format!("{:x}", random.u64(..));
            let one = Held::write(self.seen.lower(), mine, Some(offset), text.as_bytes());
            let two = self.plain.write(*its, Data::Bytes(text.as_bytes()), offset, 0);
            assert_eq!(errno(&one), errno(&two), "write");
        }
        self.read(at, "changed");
    }

    pub(crate) fn step(&mut self, random: &mut fastrand::Rng) {
        let (from, to) = (self.from(random), self.from(random));
        let (one, two) = (path(random), path(random));
        match random.u32(..20) {
            0..=4 => {
                let kinds = [
                    O_RDWR,
                    O_RDONLY,
                    O_STAT,
                    O_STAT | O_NOFOLLOW,
                    O_RDONLY | O_DIRECTORY,
                    O_RDWR | O_CREAT,
                    O_RDWR | O_CREAT | O_EXCL,
                    O_RDWR | O_CREAT | O_TRUNC,
                    O_RDONLY | O_SYMLINK | O_NOFOLLOW,
                ];
                self.open(from, &one, kinds[random.usize(..kinds.len())] | 0o640, "");
            }
            5 | 6 => self.open(from, &one, MKDIR, ""),
            7 => self.open(from, &one, MKLINK, &target(random)),
            8..=10 => self.change(random),
            11 | 12 => {
                let flags = if random.bool() { AT_REMOVEDIR } else { 0 };
                let mine = self.seen.unlink(from.0, &one, flags);
                let its = self.plain.unlink(from.1, &one, flags as u64);
                Both::agree(&mine, &its, &format!("unlink {one:?} {flags}"));
            }
            13..=15 => {
                let flags = u32::from(random.u32(..4) == 0);
                let mine = self.seen.rename((from.0, &one), (to.0, &two), flags);
                let its = self.plain.rename_at((from.1, &one), (to.1, &two), flags);
                Both::agree(&mine, &its, &format!("rename {one:?} {two:?} {flags}"));
            }
            16 if from.0 != ROOT => {
                // One that has lost the name it was opened under is not found by a view any more.
                if self.seen.path(from.0).is_err() || self.plain.path(from.1).is_err() {
                    return;
                }
                let mine = self.seen.link(from.0, to.0, &two);
                let its = self.plain.link_at(from.1, to.1, &two);
                // Of several reasons a view tells another first.
                assert_eq!(mine.is_ok(), its.is_ok(), "link {two:?}");
            }
            17 if from.0 != ROOT => {
                let mode = random.u16(..0o777);
                let mine = self.seen.set(from.0, &Attribute::Mode(mode));
                Both::agree(&mine, &self.plain.set_mode(from.1, mode), "mode");
                self.compare(from.0, from.1, "mode");
            }
            _ => {
                if !self.nodes.is_empty() && random.bool() {
                    let (mine, its) = self.nodes.swap_remove(random.usize(..self.nodes.len()));
                    self.seen.close(mine);
                    self.plain.close(its);
                } else if !self.files.is_empty() {
                    let (_, its) = self.files.swap_remove(random.usize(..self.files.len()));
                    self.plain.close(its);
                }
            }
        }
    }

    pub(crate) fn expected(&mut self) -> std::collections::BTreeMap<String, String> {
        state(&mut self.plain, self.root)
    }
}

fn populate(handles: &mut Handles, root: usize, kind: u32, paths: (&str, &str), text: &str) {
    let flags = match kind {
        0..=2 => MKDIR,
        3..=5 => O_CREAT | O_EXCL | O_RDWR | 0o644,
        6 => MKLINK,
        _ => {
            let flags = (O_STAT | O_NOFOLLOW) as u64 | open_flags::IN_ROOT;
            if let Ok(opened) = handles.open(root, paths.0, flags) {
                _ = handles.link_at(opened.number, root, paths.1);
                handles.close(opened.number);
            }
            return;
        }
    };
    // Above the directory there is something else.
    if let Ok(opened) = handles.open(root, paths.0, flags as u64 | open_flags::IN_ROOT) {
        _ = handles.write(opened.number, Data::Bytes(text.as_bytes()), 0, 0);
        handles.close(opened.number);
    }
}

fn runs(mut run: impl FnMut(&mut fastrand::Rng)) {
    let mut random = random();
    for _ in 0..300 {
        let seed = random.u64(..);
        println!("run {seed}");
        run(&mut fastrand::Rng::with_seed(seed));
    }
}

#[test]
fn a_program_sees_what_it_would_see_below_and_all_that_is_accepted_comes_there() {
    runs(|random| {
        let mut both = Both::new(random);
        let before = below(&both.disk);
        assert_eq!(before, both.expected());
        for _ in 0..random.usize(..150) {
            both.step(random);
        }
        assert_eq!(below(&both.disk), before, "it was changed below");
        let changes = both.seen.lower().difference().unwrap();
        let expected = both.expected();
        let report = both.seen.lower().commit(&vec![true; changes.len()]).unwrap();
        assert_eq!((&report.conflicts, &report.failed), (&Vec::new(), &None), "{changes:#?}");
        assert_eq!((report.done.len(), report.left), (changes.len(), Vec::new()));
        assert_eq!(below(&both.disk), expected, "{changes:#?}");
    });
}

#[test]
fn what_is_accepted_in_part_is_carried_out_as_far_as_nothing_is_lacking() {
    runs(|random| {
        let mut both = Both::new(random);
        for _ in 0..random.usize(..150) {
            both.step(random);
        }
        let before = below(&both.disk);
        let changes = both.seen.lower().difference().unwrap();
        let expected = both.expected();
        let mut accepted: Vec<bool> = changes.iter().map(|_| random.u32(..4) != 0).collect();
        let report = both.seen.lower().commit(&accepted).unwrap();
        let lacking = close(&changes, &mut accepted);
        assert_eq!(report.conflicts.len(), lacking.len(), "{changes:#?}");
        assert_eq!((report.failed, report.left), (None, Vec::new()), "{changes:#?} {accepted:?}");
        let mut done = report.done.clone();
        done.sort_unstable();
        let wanted: Vec<usize> = (0..changes.len()).filter(|index| accepted[*index]).collect();
        assert_eq!(done, wanted);
        let now = below(&both.disk);
        for (change, accepted) in changes.iter().zip(accepted) {
            let path = change.path.trim_start_matches('/');
            match &change.what {
                What::Made(..) if accepted => {
                    let kind = |text: Option<&String>| text.map(|text| text[..3].to_owned());
                    assert_eq!(kind(now.get(path)), kind(expected.get(path)), "{change:?}");
                }
                What::Renamed(to) | What::Named(to) if accepted => {
                    assert!(now.contains_key(to.trim_start_matches('/')), "{change:?}");
                }
                _ => {}
            }
        }
        if report.done.is_empty() {
            assert_eq!(now, before);
        }
    });
}
