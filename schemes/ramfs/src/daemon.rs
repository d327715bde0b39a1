//! Requests of the kernel, translated.
use clavis_ramfs::Handles;
use clavis_ramfs::locks::{Kind as LockKind, Owner, Range};
use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult};
use scheme_daemon::{Daemon, Resolution};
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
/// MiB that the file system may keep unless its argument says otherwise.
const DEFAULT_MIB: u64 = 32;
/// The uppermost bit of a word.
const TOP: u64 = 1 << 63;

struct Ramfs {
    files: Handles,
    name: String,
}

fn now() -> TimeSpec {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeSpec {
        tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i32::try_from(since.subsec_nanos()).unwrap_or(0),
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
        match wanted {
            StdFsCallKind::Lock => self.files.lock(id, owner, kind, range).map(|()| 0),
            StdFsCallKind::Unlock => self.files.unlock(id, owner, range).map(|()| 0),
            StdFsCallKind::GetLock => {
                let held = self.files.lock_in_the_way(id, owner, kind, range)?;
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
}

impl SchemeSync for Ramfs {
    fn scheme_root(&mut self) -> Result<usize> {
        self.files.root()
    }

    fn openat(
        &mut self,
        fd: usize,
        path: &str,
        flags: usize,
        _status: u32,
        _caller: &CallerCtx,
    ) -> Result<OpenResult> {
        let opened = self.files.open(fd, path, flags as u64)?;
        Ok(OpenResult::ThisScheme { number: opened.number, flags: NewFdFlags::POSITIONED })
    }

    fn unlinkat(&mut self, fd: usize, path: &str, flags: usize, _: &CallerCtx) -> Result<()> {
        self.files.unlink(fd, path, flags as u64)
    }

    fn read(&mut self, id: usize, buf: &mut [u8], at: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        self.files.read(id, buf, at)
    }

    fn write(
        &mut self,
        id: usize,
        buf: &[u8],
        at: u64,
        flags: u32,
        _: &CallerCtx,
    ) -> Result<usize> {
        self.files.write(id, buf, at, flags)
    }

    fn fsize(&mut self, id: usize, _: &CallerCtx) -> Result<u64> {
        self.files.size(id)
    }

    fn ftruncate(&mut self, id: usize, len: u64, _: &CallerCtx) -> Result<()> {
        self.files.truncate(id, len)
    }

    fn fchmod(&mut self, id: usize, mode: u16, _: &CallerCtx) -> Result<()> {
        self.files.set_mode(id, mode)
    }

    fn fchown(&mut self, id: usize, owner: u32, group: u32, _: &CallerCtx) -> Result<()> {
        self.files.set_owner(id, owner, group)
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
                self.files.set_owner(id, word as u32, (word >> 32) as u32).map(|()| 0)
            }
            _ => Err(Error::new(EOPNOTSUPP)),
        }
    }

    fn futimens(&mut self, id: usize, times: &[TimeSpec], _: &CallerCtx) -> Result<()> {
        self.files.set_times(id, times)
    }

    fn fcntl(&mut self, id: usize, command: usize, flags: usize, _: &CallerCtx) -> Result<usize> {
        match command {
            F_SETFL => self.files.set_flags(id, flags).map(|()| 0),
            _ => Err(Error::new(EINVAL)),
        }
    }

    fn fevent(&mut self, id: usize, flags: EventFlags, _: &CallerCtx) -> Result<EventFlags> {
        self.files.inode(id)?;
        Ok(flags & (EventFlags::EVENT_READ | EventFlags::EVENT_WRITE))
    }

    fn fpath(&mut self, id: usize, buf: &mut [u8], _: &CallerCtx) -> Result<usize> {
        let path = self.files.path(id)?;
        Ok(scheme_daemon::copy_path(&format!("/scheme/{}/{path}", self.name), buf))
    }

    fn relpathat(
        &mut self,
        id: usize,
        directory: usize,
        buf: &mut [u8],
        _: &CallerCtx,
    ) -> Result<usize> {
        Ok(scheme_daemon::copy_path(&self.files.path_from(id, directory)?, buf))
    }

    fn flink(&mut self, id: usize, path: &str, _: &CallerCtx) -> Result<usize> {
        self.files.link_self(id, path).map(|()| 0)
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
        self.files.link_at(id, directory, path).map(|()| 0)
    }

    fn frename(&mut self, id: usize, path: &str, _: &CallerCtx) -> Result<usize> {
        self.files.rename_self(id, path).map(|()| 0)
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
        self.files.rename_at((old_dir, old_path), (new_dir, new_path), flags).map(|()| 0)
    }

    fn fstat(&mut self, id: usize, stat: &mut Stat, _: &CallerCtx) -> Result<()> {
        self.files.stat(id, stat)
    }

    fn fstatvfs(&mut self, id: usize, stat: &mut StatVfs, _: &CallerCtx) -> Result<()> {
        self.files.stat_vfs(id, stat)
    }

    fn getdents<'buf>(
        &mut self,
        id: usize,
        buf: DirentBuf<&'buf mut [u8]>,
        after: u64,
    ) -> Result<DirentBuf<&'buf mut [u8]>> {
        self.files.list(id, buf, after)
    }

    fn mmap_prep(
        &mut self,
        id: usize,
        offset: u64,
        size: usize,
        _flags: MapFlags,
        _: &CallerCtx,
    ) -> Result<usize> {
        self.files.map(id, offset, size)
    }

    fn munmap(
        &mut self,
        id: usize,
        offset: u64,
        _size: usize,
        _flags: MunmapFlags,
        _: &CallerCtx,
    ) -> Result<()> {
        self.files.unmap(id, offset)
    }

    fn on_close(&mut self, id: usize) {
        self.files.close(id);
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
    let socket = scheme_daemon::endpoint(Resolution::Structural)?;
    let files = Handles::new(mib.saturating_mul(1 << 20), now);
    let (files, name) = match arguments.next() {
        Some(name) => (files, name),
        None => (files.with_directory(TEMPORARY)?, NAME.to_owned()),
    };
    let mut ramfs = Ramfs { files, name };
    let name = ramfs.name.clone();
    scheme_daemon::serve(&socket, &name, &mut ramfs)
}

pub(crate) fn main() -> ExitCode {
    scheme_daemon::exit("ramfs", run())
}
