//! A view that allows everything, against the file system itself: random operations have the same
//! outcome on both, whether the file system below walks by node or by path.
use crate::world::{Disk, Files, NOW, kind, path, random, target, tree};
use clavis_abi::params::open_flags;
use clavis_ramfs::Handles;
use clavis_ramfs::content::Data;
use clavis_view::{Everything, Opened, ROOT, View, Walks};
use syscall::Stat;
use syscall::error::{ENOENT, Error, Result};
use syscall::flag::{
    AT_REMOVEDIR, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_STAT, O_SYMLINK,
    O_TRUNC, O_WRONLY,
};

/// What is open on both sides: a number of the view, one of the file system.
type Pair = (usize, usize);

struct Both {
    disk: std::rc::Rc<Disk>,
    view: View<Files, Everything>,
    plain: Handles,
    open: Vec<Pair>,
    walks: Walks,
}

impl Both {
    fn new(walks: Walks) -> Both {
        let disk = Disk::new(walks);
        disk.directory("top");
        disk.file("secret", "secret");
        let view = View::new(Files(disk.clone()), Everything, disk.at("top"));
        let mut plain = Handles::new(1 << 22, NOW);
        let root = plain.root().unwrap();
        Both { disk, view, plain, open: vec![(ROOT, root)], walks }
    }

    /// Where a directory was removed that a file system by path cannot find any more, only the
    /// view says so.
    fn is_comparable(&self, (_, plain): Pair) -> bool {
        self.walks == Walks::ByNode || self.plain.path(plain).is_ok()
    }

    fn open(&mut self, from: Pair, path: &str, flags: u64) {
        let mine = crate::world::open(&mut self.view, from.0, path, flags);
        let its = self.plain.open(from.1, path, flags).map(|opened| opened.number);
        let context = format!("{path:?} {flags:#x}");
        match (mine, its) {
            (Ok(Opened::Own(number)), Ok(its)) => {
                self.compare(number, its, &context);
                if self.open.len() < 24 {
                    self.open.push((number, its));
                } else {
                    self.view.close(number);
                    self.plain.close(its);
                }
            }
            (Ok(Opened::Lower(handle)), Ok(its)) => {
                let writes = flags & O_WRONLY as u64 != 0;
                assert_ne!(flags & O_RDWR as u64, 0, "{context}");
                if writes {
                    let text = Data::Bytes(path.as_bytes());
                    let mut disk = self.disk.handles.borrow_mut();
                    disk.write(handle.number, text, 0, 0).unwrap();
                    let text = Data::Bytes(path.as_bytes());
                    self.plain.write(its, text, 0, 0).unwrap();
                }
                let mut bytes = [0; 64];
                let length = self.plain.read(its, &mut bytes, 0).unwrap();
                let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                assert_eq!(self.disk.text(handle.number).unwrap(), text, "{context}");
                self.plain.close(its);
            }
            (mine, its) => {
                let mine = mine.map(|_| 0).map_err(|error| error.errno);
                let its = its.map(|_| 1).map_err(|error| error.errno);
                assert_eq!(mine, its, "{context}");
            }
        }
    }

    fn compare(&self, number: usize, its: usize, context: &str) {
        let mut stat = Stat::default();
        self.plain.stat(its, &mut stat).unwrap();
        let mine = self.view.stat(number).unwrap();
        assert_eq!(kind(&mine), kind(&stat), "{context}");
        assert_eq!((mine.st_mode, mine.st_size), (stat.st_mode, stat.st_size), "{context}");
        let path = self.plain.path(its).unwrap_or_default();
        if !path.is_empty() {
            let mine = self.view.path(number).unwrap();
            assert_eq!(mine.trim_start_matches('/'), path.trim_start_matches('/'), "{context}");
        }
    }

    fn agree(&self, mine: Result<()>, its: Result<()>, context: &str) {
        let errno = |error: Error| error.errno;
        assert_eq!(mine.map_err(errno), its.map_err(errno), "{context}");
    }

    fn step(&mut self, random: &mut fastrand::Rng) {
        let from = self.open[random.usize(..self.open.len())];
        let to = self.open[random.usize(..self.open.len())];
        let (one, two) = (path(random), path(random));
        if !self.is_comparable(from) || !self.is_comparable(to) {
            let errno = self.view.stat(from.0).err().map(|error| error.errno);
            assert!(errno.is_none_or(|errno| errno == ENOENT));
            return;
        }
        match random.u32(..12) {
            0..=4 => {
                let kinds = [
                    O_RDONLY,
                    O_RDWR,
                    O_STAT,
                    O_STAT | O_NOFOLLOW,
                    O_RDONLY | O_DIRECTORY,
                    O_STAT | O_DIRECTORY,
                    O_RDONLY | O_SYMLINK | O_NOFOLLOW,
                    O_RDWR | O_CREAT,
                    O_WRONLY | O_CREAT | O_EXCL,
                    O_WRONLY | O_CREAT | O_TRUNC,
                    O_RDONLY | O_NOFOLLOW,
                ];
                let bounds = [
                    0,
                    0,
                    open_flags::BENEATH,
                    open_flags::IN_ROOT,
                    open_flags::NO_SYMLINKS,
                    open_flags::NO_XDEV,
                    open_flags::BENEATH | open_flags::NO_SYMLINKS,
                    open_flags::NOT_DIRECTORY,
                ];
                let flags = kinds[random.usize(..kinds.len())] | 0o644;
                self.open(from, &one, flags as u64 | bounds[random.usize(..bounds.len())]);
            }
            5 | 6 => {
                let flags = O_CREAT | O_EXCL | O_DIRECTORY | O_STAT | 0o755;
                self.open(from, &one, flags as u64);
            }
            7 => {
                let flags = (O_CREAT | O_EXCL | O_SYMLINK | O_WRONLY | 0o777) as u64;
                let text = target(random);
                let mine = crate::world::open(&mut self.view, from.0, &one, flags);
                let its = self.plain.open(from.1, &one, flags);
                if let (Ok(Opened::Lower(mine)), Ok(its)) = (&mine, &its) {
                    let bytes = Data::Bytes(text.as_bytes());
                    self.disk.handles.borrow_mut().write(mine.number, bytes, 0, 0).unwrap();
                    self.plain.write(its.number, Data::Bytes(text.as_bytes()), 0, 0).unwrap();
                    self.plain.close(its.number);
                }
                self.agree(mine.map(drop), its.map(drop), &format!("link {one:?}"));
            }
            8 => {
                let flags = if random.bool() { AT_REMOVEDIR } else { 0 };
                let mine = self.view.unlink(from.0, &one, flags);
                let its = self.plain.unlink(from.1, &one, flags as u64);
                self.agree(mine, its, &format!("unlink {one:?} {flags}"));
            }
            9 | 10 => {
                let flags = u32::from(random.u32(..4) == 0);
                let mine = self.view.rename((from.0, &one), (to.0, &two), flags);
                let its = self.plain.rename_at((from.1, &one), (to.1, &two), flags);
                self.agree(mine, its, &format!("rename {one:?} {two:?} {flags}"));
            }
            _ => {
                let at = random.usize(..self.open.len());
                if at > 0 {
                    let (mine, its) = self.open.swap_remove(at);
                    self.view.close(mine);
                    self.plain.close(its);
                }
            }
        }
    }
}

fn run(walks: Walks, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut both = Both::new(walks);
    both.disk.tells.set(walks == Walks::ByNode && random.bool());
    both.disk.takes.set(random.bool());
    for _ in 0..300 {
        both.step(&mut random);
    }
    for (mine, its) in both.open.drain(1..) {
        both.view.close(mine);
        both.plain.close(its);
    }
    let mut handles = both.disk.handles.borrow_mut();
    let top = handles.open(both.disk.root, "top", crate::world::LIST).unwrap().number;
    let root = both.open[0].1;
    assert_eq!(tree(&mut handles, top), tree(&mut both.plain, root));
    // The root, and the root again for lists.
    assert!(both.disk.open.get() <= 2 && both.view.count() == 1, "handles were left");
}

#[test]
fn random_operations_on_a_file_system_by_node_have_their_own_outcome() {
    let mut random = random();
    for _ in 0..80 {
        let seed = random.u64(..);
        println!("run {seed}");
        run(Walks::ByNode, seed);
    }
}

#[test]
fn random_operations_on_a_file_system_by_path_have_the_outcome_of_one_by_node() {
    let mut random = random();
    for _ in 0..80 {
        let seed = random.u64(..);
        println!("run {seed}");
        run(Walks::ByPath, seed);
    }
}
