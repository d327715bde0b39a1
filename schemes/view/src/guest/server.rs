//! Requests of the kernel, translated.
use crate::guest::{Below, Lend};
use crate::held::{Given, Held};
use crate::lower::{Attribute, Lower};
use crate::{Judge, MOST, Opened, PassedOn, ROOT, View};
use clavis::abi::params::MintParams;
use clavis::server::mint;
use clavis::{Handle, Number, Place, Rights, handle_flags};
use clavis_policy::Draft;
use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult};
use scheme_daemon::{Daemon, Forward, copy_path};
use slab::Slab;
use std::sync::Arc;
use syscall::dirent::{DirEntry, DirentBuf, DirentKind};
use syscall::error::{EBADF, EINVAL, ENFILE, EOPNOTSUPP, EPERM, Error, Result};
use syscall::flag::{EventFlags, O_APPEND, StdFsCallKind};
use syscall::schemev2::NewFdFlags;
use syscall::{Stat, StatVfs, StdFsCallMeta, TimeSpec};

/// Serves a view.
pub struct Server<J, L: Lower = Below> {
    view: View<L, J>,
    /// What is open and not handed over.
    files: Slab<L::Handle>,
    name: String,
    /// The endpoint's socket, where files get handles with fewer rights.
    socket: Option<Number>,
    /// Who is told when [`ORDERS`] is asked.
    attend: Option<Attend<L, J>>,
}

type Attend<L, J> = Box<dyn FnMut(&View<L, J>)>;

/// Added to the numbers of files.
const FILES: usize = 1 << 32;
/// The number of a handle for who serves the view: a dup of it, whatever its message, tells them.
pub const ORDERS: usize = 1 << 40;

impl<J: Judge, L: Held> Server<J, L> {
    /// A server of a view, which calls itself by a name of the namespace.
    pub fn of(name: &str, view: View<L, J>) -> Server<J, L> {
        Server { view, files: Slab::new(), name: name.into(), socket: None, attend: None }
    }

    /// The same, at that endpoint: files that are kept can have fewer rights than their opens ask for.
    #[must_use]
    pub fn at(self, socket: Number) -> Server<J, L> {
        Server { socket: Some(socket), ..self }
    }

    /// The same; `attend` is called when somebody asks through [`ORDERS`].
    #[must_use]
    pub fn attended(self, attend: impl FnMut(&View<L, J>) + 'static) -> Server<J, L> {
        Server { attend: Some(Box::new(attend)), ..self }
    }

    /// Keeps a file. Its number.
    fn keep(&mut self, file: L::Handle) -> Result<usize> {
        if self.files.len() >= MOST {
            return Err(Error::new(ENFILE));
        }
        Ok(FILES.saturating_add(self.files.insert(file)))
    }

    /// Keeps a file. A handle to it with at most those rights.
    fn narrowed(&mut self, file: L::Handle, rights: Rights, flags: u64) -> Result<Handle> {
        let socket = self.socket.ok_or(Error::new(EOPNOTSUPP))?;
        let number = self.keep(file)?;
        let params = MintParams {
            number: number as u64,
            flags: flags & u64::from(u32::MAX),
            internal_flags: NewFdFlags::POSITIONED.bits().into(),
            // To be handed over it gets a lower number, as a copy.
            rights: (rights | Rights::DUP).bits(),
            inherit: rights.bits(),
            ..MintParams::default()
        };
        let made = mint(&socket, &params)
            .and_then(|minted| Handle::derive_with(&minted, rights, rights, 0, Place::Lowest));
        made.map_err(|error| {
            self.files.try_remove(number.saturating_sub(FILES));
            Error::new(error.errno())
        })
    }

    /// A file that is kept.
    fn file(&self, number: usize) -> Option<&L::Handle> {
        self.files.get(number.checked_sub(FILES)?)
    }

    fn set(&self, number: usize, attribute: &Attribute) -> Result<()> {
        match self.file(number) {
            Some(file) => self.view.lower().set(file, attribute),
            None => self.view.set(number, attribute),
        }
    }
}

impl<J: Judge> Server<J> {
    /// A server of what lies below a directory, which calls itself by a name of the namespace.
    ///
    /// # Errors
    /// Refused without DUP on the directory.
    pub fn new(name: &str, directory: &Handle, judge: J) -> Result<Server<J>> {
        Server::build(name, directory, judge, None)
    }

    /// The same; what is given away goes through somebody's hands.
    ///
    /// # Errors
    /// As [`Server::new`].
    pub fn lending(
        name: &str,
        directory: &Handle,
        judge: J,
        lender: Box<dyn Lend>,
    ) -> Result<Server<J>> {
        Server::build(name, directory, judge, Some(lender))
    }

    fn build(
        name: &str,
        directory: &Handle,
        judge: J,
        lender: Option<Box<dyn Lend>>,
    ) -> Result<Server<J>> {
        let all = Rights::all();
        let root = Handle::derive_with(directory, all, all, 0, clavis::Place::Lowest)
            .map_err(|error| Error::new(error.errno()))?;
        let below = match lender {
            Some(lender) => Below::new(&root).lent_by(lender),
            None => Below::new(&root),
        };
        Ok(Server::of(name, View::new(below, judge, root)))
    }

    /// Who judges.
    pub fn judge(&self) -> &J {
        self.view.judge()
    }
}

impl<J: Judge, L: Held> Daemon for Server<J, L> {
    fn passed_on<'a>(&self, number: usize, path: &'a str, flags: u64) -> Option<Forward<'a>> {
        let PassedOn { to, flags, most } = self.view.passed_on(number, path, flags)?;
        // Beneath the directory and through no link, as it was judged; so is what is opened.
        let flags = flags | handle_flags::BENEATH | handle_flags::NO_SYMLINKS;
        Some(Forward { to: Number::from_raw(to), path, rights: most, inherit: most, flags })
    }
}

impl<J: Judge, L: Held> SchemeSync for Server<J, L> {
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(ROOT)
    }

    fn openat(
        &mut self,
        number: usize,
        path: &str,
        flags: usize,
        _status: u32,
        _caller: &CallerCtx,
    ) -> Result<OpenResult> {
        let number = match self.view.open(number, path, flags as u64)? {
            Opened::Own(number) => number,
            Opened::Lower(file) => match self.view.lower().give(file) {
                Given::Over(fd) => return Ok(OpenResult::OtherScheme { fd }),
                Given::Kept(file) => self.keep(file)?,
                Given::Narrowed(file, rights, flags) => {
                    let fd = self.narrowed(file, rights, flags)?.into_number().raw();
                    return Ok(OpenResult::OtherScheme { fd });
                }
            },
        };
        Ok(OpenResult::ThisScheme { number, flags: NewFdFlags::POSITIONED })
    }

    /// A handle under a further policy: `policy`, a line break, and its text.
    fn dup(&mut self, id: usize, message: &[u8], _: &CallerCtx) -> Result<OpenResult> {
        if id == ORDERS {
            if let Some(attend) = &mut self.attend {
                attend(&self.view);
            }
            return Ok(OpenResult::ThisScheme { number: ORDERS, flags: NewFdFlags::POSITIONED });
        }
        let text = message.strip_prefix(b"policy\n").ok_or(Error::new(EINVAL))?;
        let text = core::str::from_utf8(text).map_err(|_| Error::new(EINVAL))?;
        let mut include = |_: &str| Err("a policy on its way includes no files".to_owned());
        let policy = Draft::new().read("policy", text, &mut include).and_then(Draft::seal);
        let policy = policy.map_err(|_| Error::new(EINVAL))?;
        let number = self.view.narrow(id, Arc::new(policy), &self.name)?;
        Ok(OpenResult::ThisScheme { number, flags: NewFdFlags::POSITIONED })
    }

    fn unlinkat(&mut self, number: usize, path: &str, flags: usize, _: &CallerCtx) -> Result<()> {
        self.view.unlink(number, path, flags)
    }

    fn read(&mut self, id: usize, to: &mut [u8], at: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        match self.file(id) {
            Some(file) => self.view.lower().read(file, at, to),
            None => self.view.read(id),
        }
    }

    fn write(
        &mut self,
        id: usize,
        from: &[u8],
        at: u64,
        flags: u32,
        _: &CallerCtx,
    ) -> Result<usize> {
        let file = self.file(id).ok_or(Error::new(EBADF))?;
        let at = (flags as usize & O_APPEND == 0).then_some(at);
        self.view.lower().write(file, at, from)
    }

    fn ftruncate(&mut self, id: usize, length: u64, _: &CallerCtx) -> Result<()> {
        let file = self.file(id).ok_or(Error::new(EBADF))?;
        self.view.lower().truncate(file, length)
    }

    fn fsize(&mut self, id: usize, caller: &CallerCtx) -> Result<u64> {
        let mut stat = Stat::default();
        self.fstat(id, &mut stat, caller).map(|()| stat.st_size)
    }

    fn fchmod(&mut self, id: usize, mode: u16, _: &CallerCtx) -> Result<()> {
        self.set(id, &Attribute::Mode(mode))
    }

    fn fchown(&mut self, id: usize, owner: u32, group: u32, _: &CallerCtx) -> Result<()> {
        self.set(id, &Attribute::Owner(owner, group))
    }

    fn futimens(&mut self, id: usize, times: &[TimeSpec], _: &CallerCtx) -> Result<()> {
        let times = times.try_into().map_err(|_| Error::new(EINVAL))?;
        self.set(id, &Attribute::Times(times))
    }

    fn std_fs_call(
        &mut self,
        id: usize,
        kind: StdFsCallKind,
        _payload: &mut [u8],
        metadata: StdFsCallMeta,
        _: &CallerCtx,
    ) -> Result<usize> {
        match kind {
            // The owner in the lower half of the word, the group in the upper one.
            StdFsCallKind::Fchown => {
                let word = metadata.arg1;
                let owner = Attribute::Owner(word as u32, (word >> 32) as u32);
                self.set(id, &owner).map(|()| 0)
            }
            _ => Err(Error::new(EOPNOTSUPP)),
        }
    }

    fn fcntl(&mut self, _id: usize, _: usize, _: usize, _: &CallerCtx) -> Result<usize> {
        Err(Error::new(EINVAL))
    }

    fn fevent(&mut self, _id: usize, _: EventFlags, _: &CallerCtx) -> Result<EventFlags> {
        // There is nothing to wait for.
        Err(Error::new(EPERM))
    }

    fn fpath(&mut self, id: usize, buf: &mut [u8], _: &CallerCtx) -> Result<usize> {
        let path = self.view.path(id)?;
        Ok(copy_path(&format!("/scheme/{}{path}", self.name), buf))
    }

    fn relpathat(
        &mut self,
        id: usize,
        directory: usize,
        buf: &mut [u8],
        _: &CallerCtx,
    ) -> Result<usize> {
        Ok(copy_path(&self.view.path_from(id, directory)?, buf))
    }

    fn flinkat(
        &mut self,
        id: usize,
        directory: usize,
        path: &str,
        flags: u32,
        _: &CallerCtx,
    ) -> Result<usize> {
        if flags != 0 {
            return Err(Error::new(EINVAL));
        }
        self.view.link(id, directory, path).map(|()| 0)
    }

    fn frenameat(
        &mut self,
        old_dir: usize,
        old_path: &str,
        new_dir: usize,
        new_path: &str,
        flags: u32,
        _: &CallerCtx,
    ) -> Result<usize> {
        self.view.rename((old_dir, old_path), (new_dir, new_path), flags).map(|()| 0)
    }

    fn fsync(&mut self, id: usize, _: &CallerCtx) -> Result<()> {
        match self.file(id) {
            Some(file) => self.view.lower().sync(file),
            None => self.view.sync(id),
        }
    }

    fn fstat(&mut self, id: usize, stat: &mut Stat, _: &CallerCtx) -> Result<()> {
        *stat = match self.file(id) {
            Some(file) => self.view.lower().stat(file)?,
            None => self.view.stat(id)?,
        };
        Ok(())
    }

    fn fstatvfs(&mut self, id: usize, stat: &mut StatVfs, _: &CallerCtx) -> Result<()> {
        *stat = match self.file(id) {
            Some(file) => self.view.lower().statistics(file)?,
            None => self.view.statistics(id)?,
        };
        Ok(())
    }

    fn getdents<'buf>(
        &mut self,
        id: usize,
        mut buf: DirentBuf<&'buf mut [u8]>,
        after: u64,
    ) -> Result<DirentBuf<&'buf mut [u8]>> {
        let (mut first, mut full) = (true, None);
        self.view.list(id, after, &mut |found| {
            let kind = DirentKind::try_from_raw(found.kind).unwrap_or_default();
            let (inode, next_opaque_id, name) = (found.inode, found.next, found.name);
            match buf.entry(DirEntry { inode, next_opaque_id, name, kind }) {
                Ok(()) => {
                    first = false;
                    true
                }
                Err(error) => {
                    full = Some(error);
                    false
                }
            }
        })?;
        match full {
            // Not even one fits.
            Some(error) if first => Err(error),
            _ => Ok(buf),
        }
    }

    fn on_close(&mut self, id: usize) {
        match id.checked_sub(FILES) {
            Some(file) => drop(self.files.try_remove(file)),
            None => self.view.close(id),
        }
    }
}
