//! What the tests share: file systems to put a view over, and one who judges by a few rules.
use beneath::Kind;
use clavis_abi::Rights;
use clavis_abi::params::open_flags;
use clavis_ramfs::Handles;
use clavis_ramfs::attributes::Times;
use clavis_ramfs::content::Data;
use clavis_ramfs::time::Time;
use clavis_view::lower::{Attribute, Found, Lower, Place};
use clavis_view::{Below, Decision, Judge, Opened, Store, Verdict, View, Walks};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use syscall::dirent::{DirentBuf, DirentHeader, DirentIter};
use syscall::error::{EIO, EISDIR, ELOOP, ENOTDIR, Error, Result};
use syscall::flag::{
    MODE_DIR, MODE_SYMLINK, MODE_TYPE, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR,
    O_STAT, O_SYMLINK, O_TRUNC, O_WRONLY,
};
use syscall::{Stat, StatVfs};

pub(crate) const NOW: Time = Time { seconds: 7, nanoseconds: 0 };
pub(crate) const LOOK: u64 = (O_STAT | O_NOFOLLOW) as u64;
pub(crate) const LIST: u64 = (O_RDONLY | O_DIRECTORY) as u64;

/// Ways to open something.
pub(crate) const OPENS: &[usize] = &[
    O_RDONLY,
    O_RDWR,
    O_STAT,
    O_STAT | O_NOFOLLOW,
    O_RDONLY | O_DIRECTORY,
    O_RDONLY | O_SYMLINK | O_NOFOLLOW,
    O_RDWR | O_CREAT,
    O_WRONLY | O_CREAT | O_EXCL,
    O_WRONLY | O_TRUNC,
    O_CREAT | O_EXCL | O_DIRECTORY | O_STAT,
];

/// What somebody else does before each call of the view.
type Meddler = Box<dyn FnMut(&mut Handles) -> Result<()>>;

/// A real file system in memory; `ByPath` forgets where a directory is and looks again.
pub(crate) struct Disk {
    pub(crate) handles: RefCell<Handles>,
    pub(crate) root: usize,
    walks: Walks,
    /// Whether it knows NOT_DIRECTORY.
    pub(crate) tells: Cell<bool>,
    /// Whether opens are passed on to it.
    pub(crate) takes: Cell<bool>,
    pub(crate) meddler: RefCell<Option<Meddler>>,
    pub(crate) open: Cell<usize>,
}

/// A handle of it.
pub(crate) struct Handle {
    disk: Rc<Disk>,
    pub(crate) number: usize,
    /// The path from the root of the file system.
    path: String,
    pub(crate) rights: Rights,
    inherit: Rights,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.disk.handles.borrow_mut().close(self.number);
        self.disk.open.set(self.disk.open.get() - 1);
    }
}

impl Disk {
    pub(crate) fn new(walks: Walks) -> Rc<Disk> {
        let mut handles = Handles::new(1 << 22, NOW);
        let root = handles.root().unwrap();
        let handles = RefCell::new(handles);
        let (meddler, open) = Default::default();
        let (tells, takes) = (Cell::new(walks == Walks::ByNode), Cell::new(walks == Walks::ByNode));
        Rc::new(Disk { handles, root, walks, tells, takes, meddler, open })
    }

    pub(crate) fn make(&self, path: &str, flags: usize) -> usize {
        let flags = (flags | O_CREAT | 0o755) as u64;
        self.handles.borrow_mut().open(self.root, path, flags).unwrap().number
    }

    pub(crate) fn directory(&self, path: &str) {
        let number = self.make(path, O_DIRECTORY | O_STAT);
        self.handles.borrow_mut().close(number);
    }

    pub(crate) fn file(&self, path: &str, text: &str) {
        let number = self.make(path, O_WRONLY);
        let mut handles = self.handles.borrow_mut();
        handles.write(number, Data::Bytes(text.as_bytes()), 0, 0).unwrap();
        handles.close(number);
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        let number = self.make(path, O_SYMLINK | O_WRONLY);
        let mut handles = self.handles.borrow_mut();
        handles.write(number, Data::Bytes(target.as_bytes()), 0, 0).unwrap();
        handles.close(number);
    }

    pub(crate) fn text(&self, number: usize) -> Result<String> {
        let mut bytes = vec![0; 4096];
        let length = self.handles.borrow().read(number, &mut bytes, 0)?;
        bytes.truncate(length);
        Ok(String::from_utf8(bytes).unwrap())
    }

    /// A handle to a directory, as a view gets it.
    pub(crate) fn at(self: &Rc<Disk>, path: &str) -> Handle {
        let opened = self.handles.borrow_mut().open(self.root, path, LIST).unwrap();
        self.handle(opened.number, path.trim_matches('/').into(), Rights::all(), Rights::all())
    }

    fn handle(
        self: &Rc<Disk>,
        number: usize,
        path: String,
        rights: Rights,
        inherit: Rights,
    ) -> Handle {
        self.open.set(self.open.get() + 1);
        Handle { disk: Rc::clone(self), number, path, rights, inherit }
    }

    fn interrupted(&self) -> Result<()> {
        match self.meddler.borrow_mut().as_mut() {
            Some(meddler) => meddler(&mut self.handles.borrow_mut()),
            None => Ok(()),
        }
    }
}

/// The disk as a view sees it.
pub(crate) struct Files(pub(crate) Rc<Disk>);

impl Files {
    fn name(&self, place: Place<'_, Handle>) -> (usize, String) {
        let (directory, name) = place;
        assert!(!name.contains('/') && !matches!(name, "" | "." | ".."), "{name:?} is no name");
        match self.0.walks {
            Walks::ByNode => (directory.number, name.into()),
            Walks::ByPath => (self.0.root, join(&directory.path, name)),
        }
    }
}

/// Opens as a program does: where the view passes that on, the kernel asks the file system below
/// instead, and the view once more if that meets a link or a directory.
pub(crate) fn open<J: Judge>(
    view: &mut View<Files, J>,
    number: usize,
    path: &str,
    flags: u64,
) -> Result<Opened<Handle>> {
    let Some(passed) = view.passed_on(number, path, flags) else {
        return view.open(number, path, flags);
    };
    let disk = Rc::clone(&view.lower().0);
    disk.interrupted()?;
    assert!(passed.most.contains(Rights::demanded(flags)), "it would be refused by the kernel");
    assert_ne!(passed.flags & open_flags::OR_WALK, 0, "nobody would walk");
    let asked = flags | passed.flags | open_flags::BENEATH | open_flags::NO_SYMLINKS;
    let opened = disk.handles.borrow_mut().open(passed.to, path, asked);
    match opened {
        Ok(opened) => {
            let rights = Rights::implied(flags) & passed.most;
            Ok(Opened::Lower(disk.handle(opened.number, String::new(), rights, passed.most)))
        }
        Err(Error { errno: ELOOP | ENOTDIR | EISDIR }) => {
            assert!(view.passed_on(number, path, flags | open_flags::WALK).is_none());
            view.open(number, path, flags | open_flags::WALK)
        }
        Err(error) => Err(error),
    }
}

fn join(path: &str, name: &str) -> String {
    [path, name].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/")
}

impl Lower for Files {
    type Handle = Handle;

    fn walks(&self) -> Walks {
        self.0.walks
    }

    fn tells_directories(&self) -> bool {
        self.0.tells.get()
    }

    fn takes_opens(&self, directory: &Handle) -> Option<usize> {
        (self.0.takes.get() && self.0.tells.get()).then_some(directory.number)
    }

    fn open(&self, from: &Handle, path: &str, flags: u64, most: Rights) -> Result<Handle> {
        self.0.interrupted()?;
        assert_eq!(flags & (open_flags::WALK | open_flags::OR_WALK), 0, "these are for the view");
        let inherit = from.inherit & (most | Rights::demanded(flags) & Rights::CREATE);
        assert!(inherit.contains(Rights::demanded(flags)), "it would be refused by the kernel");
        let full = join(&from.path, path);
        let opened = match self.0.walks {
            Walks::ByNode => {
                let held = flags & open_flags::BENEATH != 0 && flags & open_flags::NO_SYMLINKS != 0;
                assert!(held || !path.contains('/') && path != "..", "{path:?} is walked below");
                let mut flags = flags | open_flags::NO_SYMLINKS;
                if !self.0.tells.get() {
                    flags &= !open_flags::NOT_DIRECTORY;
                }
                self.0.handles.borrow_mut().open(from.number, path, flags)?
            }
            // It knows no such flags, and follows what it finds on its way.
            Walks::ByPath => {
                assert!(!path.contains('/') && path != "..", "{path:?} is walked below");
                self.0.handles.borrow_mut().open(self.0.root, &full, flags & 0xFFFF_FFFF)?
            }
        };
        let inherit = inherit & most;
        Ok(self.0.handle(opened.number, full, Rights::implied(flags) & inherit, inherit))
    }

    fn stat(&self, of: &Handle) -> Result<Stat> {
        self.0.interrupted()?;
        let mut stat = Stat::default();
        self.0.handles.borrow().stat(of.number, &mut stat)?;
        Ok(stat)
    }

    fn target(&self, link: &Handle) -> Result<String> {
        self.0.interrupted()?;
        self.0.text(link.number)
    }

    fn list(
        &self,
        directory: &Handle,
        after: u64,
        each: &mut dyn FnMut(Found<'_>) -> bool,
    ) -> Result<()> {
        self.0.interrupted()?;
        let mut bytes = [0; 128];
        let header = u16::try_from(size_of::<DirentHeader>()).unwrap();
        let buffer = DirentBuf::new(&mut bytes[..], header).unwrap();
        let number = directory.number;
        let length = self.0.handles.borrow().list(number, buffer, after)?.finalize();
        for entry in DirentIter::new(&bytes[..length]) {
            let (header, name) = entry.map_err(|_| Error::new(EIO))?;
            let name = text(name);
            let (next, inode, kind) = (header.next_opaque_id, header.inode, header.kind);
            if !each(Found { name, next, inode, kind }) {
                break;
            }
        }
        Ok(())
    }

    fn unlink(&self, from: Place<'_, Handle>, flags: usize) -> Result<()> {
        self.0.interrupted()?;
        let (number, name) = self.name(from);
        self.0.handles.borrow_mut().unlink(number, &name, flags as u64)
    }

    fn rename(&self, old: Place<'_, Handle>, new: Place<'_, Handle>, flags: u32) -> Result<()> {
        self.0.interrupted()?;
        let (old, new) = (self.name(old), self.name(new));
        self.0.handles.borrow_mut().rename_at((old.0, &old.1), (new.0, &new.1), flags)
    }

    fn link(&self, old: Place<'_, Handle>, new: Place<'_, Handle>) -> Result<()> {
        self.0.interrupted()?;
        let (old, new) = (self.name(old), self.name(new));
        let mut handles = self.0.handles.borrow_mut();
        let object = handles.open(old.0, &old.1, LOOK)?.number;
        let linked = handles.link_at(object, new.0, &new.1);
        handles.close(object);
        linked
    }

    fn set(&self, of: &Handle, attribute: &Attribute) -> Result<()> {
        self.0.interrupted()?;
        let mut handles = self.0.handles.borrow_mut();
        match attribute {
            Attribute::Mode(mode) => handles.set_mode(of.number, *mode),
            Attribute::Owner(owner, group) => handles.set_owner(of.number, *owner, *group),
            Attribute::Times(times) => handles.set_times(of.number, Times::new(times, NOW)?),
        }
    }

    fn statistics(&self, _: &Handle) -> Result<StatVfs> {
        self.0.interrupted()?;
        Ok(StatVfs::default())
    }

    fn sync(&self, _: &Handle) -> Result<()> {
        self.0.interrupted()
    }
}

impl Store for Files {
    fn read(&self, of: &Handle, offset: u64, into: &mut [u8]) -> Result<usize> {
        self.0.interrupted()?;
        self.0.handles.borrow().read(of.number, into, offset)
    }

    fn write(&self, of: &Handle, offset: u64, from: &[u8]) -> Result<usize> {
        self.0.interrupted()?;
        self.0.handles.borrow_mut().write(of.number, Data::Bytes(from), offset, 0)
    }

    fn cut(&self, of: &Handle, length: u64) -> Result<()> {
        self.0.interrupted()?;
        self.0.handles.borrow_mut().truncate(of.number, length)
    }
}

/// What is said of a path, and of all below it unless a later rule says otherwise; and whether it is to be
/// told what is used, so that nothing is passed on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(pub(crate) Vec<(String, Verdict)>, pub(crate) bool);

fn covers(rule: &str, path: &str) -> bool {
    path.strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Rules {
    fn verdict(&self, path: &str) -> Verdict {
        let path = if path == "/" { "" } else { path };
        let found = self.0.iter().rev().find(|(rule, _)| covers(rule, path));
        found.map_or(Verdict::Hide, |(_, verdict)| *verdict)
    }
}

impl Judge for Rules {
    fn decide(&self, path: &str) -> Decision {
        let below = if path == "/" { "" } else { path };
        let verdict = self.verdict(path);
        let leads = self.0.iter().any(|(rule, _)| {
            rule != below && covers(below, rule) && self.verdict(rule) != Verdict::Hide
        });
        // Below what is allowed, all is, as far as rules go.
        let leads = leads || matches!(verdict, Verdict::Allow(_));
        Decision { verdict, leads }
    }

    fn below(&self, path: &str) -> Below {
        let path = if path == "/" { "" } else { path };
        let mut others = self.0.iter().filter(|(rule, _)| rule != path && covers(path, rule));
        let hides = |verdict: &Verdict| *verdict == Verdict::Hide;
        match others.clone().any(|(_, verdict)| hides(verdict)) || hides(&self.verdict(path)) {
            true => Below::Hides,
            false if others.next().is_some() => Below::Varies,
            false => Below::Same,
        }
    }

    fn watches(&self) -> bool {
        self.1
    }

    fn used(&self, path: &str, rights: Rights) {
        assert!(self.decide(path).rights().contains(rights), "{path} was used beyond its rights");
    }
}

/// A name in a list: zeroes may follow it.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap().trim_end_matches('\0')
}

/// What a directory holds, all the way down: paths, and what is there.
pub(crate) fn tree(handles: &mut Handles, root: usize) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    let mut pending = vec![String::new()];
    while let Some(path) = pending.pop() {
        let number = handles.open(root, &path, LIST).unwrap().number;
        let mut bytes = vec![0; 1 << 16];
        let header = u16::try_from(size_of::<DirentHeader>()).unwrap();
        let buffer = DirentBuf::new(&mut bytes[..], header).unwrap();
        let length = handles.list(number, buffer, 0).unwrap().finalize();
        handles.close(number);
        for entry in DirentIter::new(&bytes[..length]) {
            let name = text(entry.unwrap().1);
            let path = join(&path, name);
            let node = handles.open(root, &path, LOOK).unwrap().number;
            let mut stat = Stat::default();
            handles.stat(node, &mut stat).unwrap();
            let mut text = [0; 64];
            let what = match stat.st_mode & MODE_TYPE {
                MODE_DIR => {
                    pending.push(path.clone());
                    "directory".to_owned()
                }
                kind => {
                    let length = handles.read(node, &mut text, 0).unwrap();
                    let text = String::from_utf8_lossy(&text[..length]);
                    let link = if kind == MODE_SYMLINK { "-> " } else { "" };
                    format!("{link}{text}")
                }
            };
            handles.close(node);
            all.insert((path, what));
        }
    }
    all
}

/// What kind of thing metadata tell of.
pub(crate) fn kind(stat: &Stat) -> Kind {
    match stat.st_mode & MODE_TYPE {
        MODE_DIR => Kind::Directory,
        MODE_SYMLINK => Kind::Link,
        _ => Kind::File,
    }
}

/// A generator whose seed is printed, and can be given.
pub(crate) fn random() -> fastrand::Rng {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// A path of few names and odd ones.
pub(crate) fn path(random: &mut fastrand::Rng) -> String {
    const PARTS: &[&str] = &["a", "b", "c", "d", "..", ".", "", "l", "m", "~\n*"];
    let mut path = String::new();
    for index in 0..random.usize(1..5) {
        if index > 0 {
            path.push('/');
        }
        path.push_str(PARTS[random.usize(..PARTS.len()).min(random.usize(..PARTS.len()))]);
    }
    path
}

/// Where a link leads.
pub(crate) fn target(random: &mut fastrand::Rng) -> String {
    match random.u32(..6) {
        0 => "/top/a".into(),
        1 => "..".into(),
        _ => Some(path(random)).filter(|path| !path.is_empty()).unwrap_or_else(|| "a".into()),
    }
}
