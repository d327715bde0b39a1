//! Requests of the kernel, translated.
use clavis_ramfs::attributes::Times;
use clavis_ramfs::files::{Files, Outcome};
use clavis_ramfs::journal::Change;
use clavis_ramfs::locks::{Kind as LockKind, Owner, Range};
use clavis_ramfs::store::Store;
use clavis_ramfs::time::Time;
use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult};
use scheme_daemon::{Daemon, Done, Endpoint, Resolution, Tag, device};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use syscall::dirent::DirentBuf;
use syscall::error::{EINVAL, EOPNOTSUPP, ESRCH, Error, Result};
use syscall::flag::{F_SETFL, MapFlags, MunmapFlags, StdFsCallKind};
use syscall::schemev2::NewFdFlags;
use syscall::{EventFlags, Stat, StatVfs, StdFsCallMeta, TimeSpec};

/// The name that it serves unless its second argument is another.
const NAME: &str = "file";
/// The directory for files that programs need for a while.
const TEMPORARY: &str = "tmp";
/// The handle that stands for the root.
const ROOT: usize = 0;
/// MiB that the file system may keep unless its argument says otherwise.
const DEFAULT_MIB: u64 = 32;
/// Bytes of the memory that it keeps everything in which the log has; the rest, one and a half times
/// what it may keep, is pages of files.
const LOG: usize = 16 << 20;
/// The uppermost bit of a word.
const TOP: u64 = 1 << 63;

struct Ramfs {
    files: Files<'static>,
    name: String,
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanoseconds: i32::try_from(since.subsec_nanos()).unwrap_or(0),
    }
}

impl Ramfs {
    fn change(&mut self, change: Change<'_>) -> Result<usize> {
        self.files.change(change, None, now())
    }
}

impl Daemon for Ramfs {
    fn lock(
        &mut self,
        id: usize,
        wanted: StdFsCallKind,
        metadata: StdFsCallMeta,
        payload: &mut [u8],
        caller: &CallerCtx,
    ) -> Result<usize> {
        let (owner, kind, range) = lock(id, &metadata, caller)?;
        let number = id;
        match wanted {
            StdFsCallKind::Lock => self.change(Change::Lock { number, owner, kind, range }),
            StdFsCallKind::Unlock => self.change(Change::Unlock { number, owner, range }),
            StdFsCallKind::GetLock => {
                let held = self.files.handles().lock_in_the_way(id, owner, kind, range)?;
                let held = held.ok_or(Error::new(ESRCH))?;
                let exclusive = if held.kind == LockKind::Exclusive { TOP } else { 0 };
                let words = [held.range.start(), held.range.length() | exclusive];
                for (to, word) in payload.chunks_exact_mut(8).zip(words) {
                    to.copy_from_slice(&word.to_ne_bytes());
                }
                Ok(match held.owner {
                    Owner::Process(number) => number,
                    Owner::Handle(_) => 0,
                })
            }
            _ => Err(Error::new(EOPNOTSUPP)),
        }
    }

    fn done(&mut self, tag: Tag) -> Option<Done> {
        Some(match self.files.done(tag.0)? {
            Outcome::Result(result) => Done::Result(result),
            Outcome::Opened(number) => Done::Opened(number, NewFdFlags::POSITIONED),
            Outcome::Mapped(place) => Done::Result(self.files.handles().address(place)?),
        })
    }

    fn begin(&mut self, tag: Tag) {
        self.files.begin(tag.0);
    }
}

impl SchemeSync for Ramfs {
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
        let number = self.change(Change::Open { number, path, flags: flags as u64 })?;
        Ok(OpenResult::ThisScheme { number, flags: NewFdFlags::POSITIONED })
    }

    fn unlinkat(&mut self, number: usize, path: &str, flags: usize, _: &CallerCtx) -> Result<()> {
        self.change(Change::Unlink { number, path, flags: flags as u64 }).map(drop)
    }

    fn read(&mut self, id: usize, buf: &mut [u8], at: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        self.files.handles().read(id, buf, at)
    }

    fn write(
        &mut self,
        id: usize,
        buf: &[u8],
        at: u64,
        flags: u32,
        _: &CallerCtx,
    ) -> Result<usize> {
        let number = id;
        if self.files.handles().is_link(number)? {
            return self.change(Change::Target { number, target: buf });
        }
        let write = Change::Write { number, length: buf.len(), offset: at, flags };
        self.files.change(write, Some(buf), now())
    }

    fn fsize(&mut self, id: usize, _: &CallerCtx) -> Result<u64> {
        self.files.handles().size(id)
    }

    fn ftruncate(&mut self, id: usize, len: u64, _: &CallerCtx) -> Result<()> {
        self.change(Change::Truncate { number: id, length: len }).map(drop)
    }

    fn fchmod(&mut self, id: usize, mode: u16, _: &CallerCtx) -> Result<()> {
        self.change(Change::SetMode { number: id, mode }).map(drop)
    }

    fn fchown(&mut self, id: usize, owner: u32, group: u32, _: &CallerCtx) -> Result<()> {
        self.change(Change::SetOwner { number: id, owner, group }).map(drop)
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
                let (owner, group) = (word as u32, (word >> 32) as u32);
                self.change(Change::SetOwner { number: id, owner, group })
            }
            _ => Err(Error::new(EOPNOTSUPP)),
        }
    }

    fn futimens(&mut self, id: usize, times: &[TimeSpec], _: &CallerCtx) -> Result<()> {
        let now = now();
        let times = Times::new(times, now)?;
        self.files.change(Change::SetTimes { number: id, times }, None, now).map(drop)
    }

    fn fcntl(&mut self, id: usize, command: usize, flags: usize, _: &CallerCtx) -> Result<usize> {
        match command {
            F_SETFL => self.change(Change::SetFlags { number: id, flags }),
            _ => Err(Error::new(EINVAL)),
        }
    }

    fn fevent(&mut self, id: usize, flags: EventFlags, _: &CallerCtx) -> Result<EventFlags> {
        self.files.handles().inode(id)?;
        Ok(flags & (EventFlags::EVENT_READ | EventFlags::EVENT_WRITE))
    }

    fn fpath(&mut self, id: usize, buf: &mut [u8], _: &CallerCtx) -> Result<usize> {
        let path = self.files.handles().path(id)?;
        Ok(scheme_daemon::copy_path(&format!("/scheme/{}/{path}", self.name), buf))
    }

    fn relpathat(
        &mut self,
        id: usize,
        directory: usize,
        buf: &mut [u8],
        _: &CallerCtx,
    ) -> Result<usize> {
        Ok(scheme_daemon::copy_path(&self.files.handles().path_from(id, directory)?, buf))
    }

    fn flink(&mut self, id: usize, path: &str, _: &CallerCtx) -> Result<usize> {
        self.change(Change::LinkSelf { number: id, path })
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
        self.change(Change::LinkAt { target: id, directory, path })
    }

    fn frename(&mut self, id: usize, path: &str, _: &CallerCtx) -> Result<usize> {
        self.change(Change::RenameSelf { number: id, path })
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
        let (old, new) = ((old_dir, old_path), (new_dir, new_path));
        self.change(Change::RenameAt { old, new, flags })
    }

    fn fstat(&mut self, id: usize, stat: &mut Stat, _: &CallerCtx) -> Result<()> {
        stat.st_dev = device(&self.name);
        self.files.handles().stat(id, stat)
    }

    fn fstatvfs(&mut self, id: usize, stat: &mut StatVfs, _: &CallerCtx) -> Result<()> {
        self.files.handles().stat_vfs(id, stat)
    }

    fn getdents<'buf>(
        &mut self,
        id: usize,
        buf: DirentBuf<&'buf mut [u8]>,
        after: u64,
    ) -> Result<DirentBuf<&'buf mut [u8]>> {
        self.files.handles().list(id, buf, after)
    }

    fn mmap_prep(
        &mut self,
        id: usize,
        offset: u64,
        size: usize,
        _flags: MapFlags,
        _: &CallerCtx,
    ) -> Result<usize> {
        let place = self.change(Change::Map { number: id, offset, size })?;
        self.files.handles().address(place).ok_or(Error::new(EINVAL))
    }

    fn munmap(
        &mut self,
        id: usize,
        offset: u64,
        _size: usize,
        _flags: MunmapFlags,
        notice: &CallerCtx,
    ) -> Result<()> {
        // The caller of this notice is the mapping.
        let mapping = notice.pid as u64;
        self.files.note(Change::Unmap { number: id, offset, mapping }, now())
    }

    fn on_close(&mut self, id: usize) {
        // Without room in the log the handle stays, and what it keeps.
        let _ = self.files.note(Change::Close { number: id }, now());
    }
}

/// What a request about a lock says: bit 63 of the start, whose it is; of the length, which kind.
fn lock(
    id: usize,
    metadata: &StdFsCallMeta,
    caller: &CallerCtx,
) -> Result<(Owner, LockKind, Range)> {
    let (start, length) = (metadata.arg1, metadata.arg2);
    let owner = if start & TOP == 0 { Owner::Process(caller.pid) } else { Owner::Handle(id) };
    let kind = if length & TOP == 0 { LockKind::Shared } else { LockKind::Exclusive };
    Ok((owner, kind, Range::new(start & !TOP, length & !TOP)?))
}

fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mib = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_MIB);
    let limit = mib.checked_mul(1 << 20).ok_or(Error::new(EINVAL))?;
    let (name, directory) = match arguments.next() {
        Some(name) => (name, None),
        None => (NAME.to_owned(), Some(TEMPORARY)),
    };
    let endpoint = Endpoint::of_name(0, Resolution::Structural)?;
    // Half as many pages again as may be used, for files that need theirs in a row.
    let pages = limit.checked_add(limit / 2).and_then(|bytes| usize::try_from(bytes).ok());
    let memory = pages.and_then(|bytes| bytes.checked_add(LOG)).ok_or(Error::new(EINVAL))?;
    let failed = |error: clavis::Error| Error::new(error.errno());
    let (log, rest) = clavis::memory::state(memory, LOG).map_err(failed)?;
    // The first page of the rest holds the count of pages that were ever taken.
    let (first, pages) = rest.split_first().ok_or(Error::new(EINVAL))?;
    let [ever, ..] = first;
    let files = Files::open(log, Store::lasting(pages, ever), limit, directory, now())?;
    endpoint.serve(&name.clone(), &mut Ramfs { files, name })
}

pub(crate) fn main() -> ExitCode {
    scheme_daemon::exit("ramfs", run())
}
