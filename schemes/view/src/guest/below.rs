//! A file system reached through handles of this process.
//!
//! No call here follows a link in the namespace of this process, whatever the file system answers:
//! opens carry NO_SYMLINKS, and names are single components.
use crate::held::{Given, Held};
use crate::lower::{Attribute, Found, Lower, Place, Walks};
use crate::store::Store;
use clavis::abi::params::{DenialRule, open_flags};
use clavis::directory::{self, Removed};
use clavis::handle::limit;
use clavis::{AsNumber, Handle, Number, Place as At, Rights};
use libredox::call::{call_rw, call_wo};
use std::cell::RefCell;
use std::io::Read;
use syscall::dirent::{DirentHeader, DirentKind};
use syscall::error::{EINVAL, EIO, EISDIR, ENAMETOOLONG, Error, Result};
use syscall::flag::{O_RDONLY, O_STAT, StdFsCallKind};
use syscall::{AT_REMOVEDIR, CallFlags, Stat, StatVfs};

/// Bytes of a chunk of names.
const CHUNK: usize = 8192;
/// Sets of rights that a handle of the root is kept for.
const KEPT: usize = 16;

/// Who sees each handle before it is given away.
pub trait Lend {
    /// What is given in the place of a handle that was opened at a true path.
    ///
    /// # Errors
    /// It is not given.
    fn lend(&self, opened: Handle, path: &str) -> Result<Handle>;
}

/// A file system below a directory.
pub struct Below {
    lender: Option<Box<dyn Lend>>,
    walks: Walks,
    tells: bool,
    root: Number,
    /// The root again, passing on at most these rights.
    narrowed: RefCell<Vec<(Rights, Handle)>>,
}

fn failed(error: clavis::Error) -> Error {
    Error::new(error.errno())
}

fn refused(error: libredox::error::Error) -> Error {
    Error::new(error.errno())
}

/// A standard call with a payload that goes in only.
fn tell(of: &Handle, payload: &[u8], words: &[u64]) -> Result<()> {
    let number = of.number().raw();
    call_wo(number, payload, CallFlags::STD_FS, words).map(drop).map_err(refused)
}

/// A standard call with a payload that comes back.
fn ask(of: &Handle, payload: &mut [u8], words: &[u64]) -> Result<usize> {
    call_rw(of.number().raw(), payload, CallFlags::STD_FS, words).map_err(refused)
}

/// A standard call across two handles.
fn tell_two(of: [&Handle; 2], payload: &[u8], words: &[u64]) -> Result<()> {
    let numbers = of.map(|handle| handle.number().raw());
    call_wo(numbers.as_slice(), payload, CallFlags::STD_FS, words).map(drop).map_err(refused)
}

impl Below {
    /// What lies below a directory, which lives as long as this.
    #[must_use]
    pub fn new(root: &Handle) -> Below {
        // Refused by the kernel where the server made no promise; else the name is free or not.
        let flags = O_STAT as u64 | open_flags::BENEATH | open_flags::NO_SYMLINKS;
        let by_path = Handle::open_at(root, "view/probe", flags).is_err_and(|error| {
            let rule = error.denial().map(|denial| denial.rule);
            rule == Some(DenialRule::NotStructural as u64)
        });
        let walks = if by_path { Walks::ByPath } else { Walks::ByNode };
        let tells = !by_path && Self::tells(root);
        let narrowed = RefCell::default();
        Below { lender: None, walks, tells, root: root.number(), narrowed }
    }

    /// The same; what is given away goes through somebody's hands.
    #[must_use]
    pub fn lent_by(self, lender: Box<dyn Lend>) -> Below {
        Below { lender: Some(lender), ..self }
    }

    /// Whether the server knows the flag for what is no directory: the root is one.
    fn tells(root: &Handle) -> bool {
        let flags = O_RDONLY as u64 | open_flags::NOT_DIRECTORY;
        Handle::open_at(root, "", flags).is_err_and(|error| error.errno() == EISDIR)
    }

    /// Opens through a handle that passes on at most those rights.
    fn narrowly(&self, from: &Handle, path: &str, flags: u64, most: Rights) -> Result<Handle> {
        let open = |through: &Handle| {
            Handle::open_at_place(through, path, flags, At::Lowest).map_err(failed)
        };
        let derive = || Handle::derive(from, Rights::all(), most).map_err(failed);
        if from.number() != self.root {
            return open(&derive()?);
        }
        let mut narrowed = self.narrowed.borrow_mut();
        if let Some((_, through)) = narrowed.iter().find(|(rights, _)| *rights == most) {
            return open(through);
        }
        let through = derive()?;
        let opened = open(&through);
        if narrowed.len() < KEPT {
            narrowed.push((most, through));
        }
        opened
    }
}

impl Lower for Below {
    type Handle = Handle;

    fn walks(&self) -> Walks {
        self.walks
    }

    fn tells_directories(&self) -> bool {
        self.tells
    }

    fn takes_opens(&self, directory: &Handle) -> Option<usize> {
        // What is lent is seen first.
        (self.tells && self.lender.is_none()).then(|| directory.number().raw())
    }

    fn open(&self, from: &Handle, path: &str, flags: u64, most: Rights) -> Result<Handle> {
        let flags = flags | open_flags::NO_SYMLINKS;
        if most != Rights::all() {
            let needed = most | Rights::demanded(flags) & Rights::CREATE;
            let opened = self.narrowly(from, path, flags, needed)?;
            if needed != most {
                limit(&opened, most, most, 0).map_err(failed)?;
            }
            return Ok(opened);
        }
        Handle::open_at_place(from, path, flags, At::Lowest).map_err(failed)
    }

    fn lend(&self, opened: Handle, path: &str) -> Result<Handle> {
        match &self.lender {
            Some(lender) => lender.lend(opened, path),
            None => Ok(opened),
        }
    }

    fn stat(&self, of: &Handle) -> Result<Stat> {
        let mut stat = Stat::default();
        ask(of, &mut stat, &[StdFsCallKind::Fstat as u64])?;
        Ok(stat)
    }

    fn target(&self, link: &Handle) -> Result<String> {
        let mut target = vec![0; clavis::abi::limits::PATH_MAX.saturating_add(1)];
        let mut length = 0;
        while let Some(rest) = target.get_mut(length..).filter(|rest| !rest.is_empty()) {
            let mut link = link;
            let read =
                link.read(rest).map_err(|error| Error::new(error.raw_os_error().unwrap_or(EIO)))?;
            if read == 0 {
                target.truncate(length);
                return String::from_utf8(target).map_err(|_| Error::new(EINVAL));
            }
            length = length.saturating_add(read);
        }
        Err(Error::new(ENAMETOOLONG))
    }

    fn list(
        &self,
        directory: &Handle,
        after: u64,
        each: &mut dyn FnMut(Found<'_>) -> bool,
    ) -> Result<()> {
        const HEADER: usize = size_of::<DirentHeader>();
        let mut chunk = vec![0; CHUNK];
        let words = [StdFsCallKind::Getdents as u64, after, HEADER as u64];
        let length = ask(directory, &mut chunk, &words)?;
        let mut rest = chunk.get(..length).ok_or(Error::new(EIO))?;
        while !rest.is_empty() {
            let (found, length) = read_entry(rest).ok_or(Error::new(EIO))?;
            if !each(found) {
                break;
            }
            rest = rest.get(length..).ok_or(Error::new(EIO))?;
        }
        Ok(())
    }

    fn unlink(&self, from: Place<'_, Handle>, flags: usize) -> Result<()> {
        let removed = if flags & AT_REMOVEDIR == 0 { Removed::File } else { Removed::Directory };
        directory::unlink(from.0, from.1, removed).map_err(failed)
    }

    fn rename(&self, old: Place<'_, Handle>, new: Place<'_, Handle>, flags: u32) -> Result<()> {
        if self.walks == Walks::ByPath {
            if flags != 0 {
                return Err(Error::new(EINVAL));
            }
            return directory::rename(old, new).map_err(failed);
        }
        let names = [old.1, "\0", new.1].concat();
        let words = [StdFsCallKind::Frenameat as u64, u64::from(flags)];
        tell_two([old.0, new.0], names.as_bytes(), &words)
    }

    fn link(&self, old: Place<'_, Handle>, new: Place<'_, Handle>) -> Result<()> {
        if self.walks == Walks::ByPath {
            return directory::link(old, new).map_err(failed);
        }
        let look = (O_STAT | syscall::O_NOFOLLOW) as u64;
        let object = self.open(old.0, old.1, look, Rights::all())?;
        tell_two([&object, new.0], new.1.as_bytes(), &[StdFsCallKind::Flinkat as u64])
    }

    fn set(&self, of: &Handle, attribute: &Attribute) -> Result<()> {
        match attribute {
            Attribute::Mode(mode) => {
                tell(of, &[], &[StdFsCallKind::Fchmod as u64, u64::from(*mode)])
            }
            Attribute::Owner(owner, group) => {
                let word = u64::from(*group) << 32 | u64::from(*owner);
                tell(of, &[], &[StdFsCallKind::Fchown as u64, word])
            }
            Attribute::Times(times) => {
                let bytes: Vec<u8> = times.iter().flat_map(|time| time.to_vec()).collect();
                tell(of, &bytes, &[StdFsCallKind::Futimens as u64])
            }
        }
    }

    fn statistics(&self, of: &Handle) -> Result<StatVfs> {
        let mut statistics = StatVfs::default();
        ask(of, &mut statistics, &[StdFsCallKind::Fstatvfs as u64])?;
        Ok(statistics)
    }

    fn sync(&self, of: &Handle) -> Result<()> {
        tell(of, &[], &[StdFsCallKind::Fsync as u64])
    }
}

impl Store for Below {
    fn read(&self, of: &Handle, offset: u64, into: &mut [u8]) -> Result<usize> {
        of.read_at(into, offset).map_err(failed)
    }

    fn write(&self, of: &Handle, offset: u64, from: &[u8]) -> Result<usize> {
        of.write_at(from, offset).map_err(failed)
    }

    fn cut(&self, of: &Handle, length: u64) -> Result<()> {
        tell(of, &[], &[StdFsCallKind::Ftruncate as u64, length])
    }
}

impl Held for Below {
    fn give(&self, file: Handle) -> Given<Handle> {
        Given::Over(file.into_number().raw())
    }
}

/// The first of the entries as they lie in memory (`DirentHeader`, name, NUL), and its length.
fn read_entry(bytes: &[u8]) -> Option<(Found<'_>, usize)> {
    const HEADER: usize = size_of::<DirentHeader>();
    let word = |at: usize| {
        let bytes = bytes.get(at..at.checked_add(8)?)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    };
    let length = usize::from(u16::from_ne_bytes(bytes.get(16..18)?.try_into().ok()?));
    let name = bytes.get(HEADER..length)?;
    let end = name.iter().position(|&byte| byte == 0)?;
    let name = core::str::from_utf8(name.get(..end)?).ok()?;
    let kind = DirentKind::try_from_raw(*bytes.get(18)?).unwrap_or_default() as u8;
    Some((Found { name, next: word(8)?, inode: word(0)?, kind }, length))
}
