//! Requests of the kernel, translated.
use clavis::object;
use clavis_sys::{Count, File, System, instant, text};
use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult};
use scheme_daemon::{Daemon, Endpoint, Resolution, copy_path, device};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use syscall::dirent::{DirEntry, DirentBuf, DirentKind};
use syscall::error::{EBADF, EINVAL, EIO, ENOTDIR, Error, Result};
use syscall::flag::{CLOCK_MONOTONIC, F_SETFL, MODE_DIR, MODE_FILE};
use syscall::schemev2::NewFdFlags;
use syscall::{EventFlags, Stat, TimeSpec};

const NAME: &str = "sys";

fn failed(error: clavis::Error) -> Error {
    Error::new(error.errno())
}

struct Machine;

impl System for Machine {
    fn counts(&self) -> Result<Vec<Count>> {
        let rows = object::counters().map_err(failed)?;
        let counts = rows.into_iter().map(|row| Count {
            name: row.name,
            made: row.created,
            destroyed: row.destroyed,
        });
        Ok(counts.collect())
    }

    fn uptime(&self) -> Duration {
        let mut time = TimeSpec::default();
        // The clock exists.
        _ = syscall::clock_gettime(CLOCK_MONOTONIC, &mut time);
        Duration::from_nanos(u64::try_from(time.to_nanos()).unwrap_or(u64::MAX))
    }

    fn clock(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn board(&self) -> Result<Vec<u8>> {
        object::board().map_err(failed)
    }
}

struct Server(Machine);

impl Daemon for Server {}

impl SchemeSync for Server {
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(File::Root.number())
    }

    fn openat(
        &mut self,
        id: usize,
        path: &str,
        flags: usize,
        _status: u32,
        _: &CallerCtx,
    ) -> Result<OpenResult> {
        let number = File::of(id)?.open(path, flags)?.number();
        Ok(OpenResult::ThisScheme { number, flags: NewFdFlags::POSITIONED })
    }

    /// The text as it is now, from that place on: who reads in pieces can meet another one.
    fn read(&mut self, id: usize, buf: &mut [u8], at: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        let text = text(File::of(id)?, &self.0)?;
        let rest = text.as_bytes().get(usize::try_from(at).unwrap_or(usize::MAX)..);
        let rest = rest.unwrap_or_default();
        buf.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        Ok(rest.len().min(buf.len()))
    }

    /// Sets the clock.
    fn write(&mut self, id: usize, buf: &[u8], _: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        if File::of(id)? != File::Clock {
            return Err(Error::new(EBADF));
        }
        object::set_clock(instant(buf)?).map_err(failed)?;
        Ok(buf.len())
    }

    fn ftruncate(&mut self, id: usize, _len: u64, _: &CallerCtx) -> Result<()> {
        if File::of(id)? == File::Clock { Ok(()) } else { Err(Error::new(EINVAL)) }
    }

    fn fsize(&mut self, id: usize, _: &CallerCtx) -> Result<u64> {
        text(File::of(id)?, &self.0).map(|text| text.len() as u64)
    }

    fn fcntl(&mut self, _id: usize, command: usize, _: usize, _: &CallerCtx) -> Result<usize> {
        if command == F_SETFL { Ok(0) } else { Err(Error::new(EINVAL)) }
    }

    fn fevent(&mut self, id: usize, flags: EventFlags, _: &CallerCtx) -> Result<EventFlags> {
        File::of(id)?;
        Ok(flags & (EventFlags::EVENT_READ | EventFlags::EVENT_WRITE))
    }

    fn fpath(&mut self, id: usize, buf: &mut [u8], _: &CallerCtx) -> Result<usize> {
        Ok(copy_path(&format!("/scheme/{NAME}/{}", File::of(id)?.name()), buf))
    }

    fn fstat(&mut self, id: usize, stat: &mut Stat, _: &CallerCtx) -> Result<()> {
        stat.st_dev = device(NAME);
        stat.st_ino = id as u64;
        stat.st_nlink = 1;
        stat.st_mode = match File::of(id)? {
            File::Root => MODE_DIR | 0o555,
            File::Clock => MODE_FILE | 0o644,
            _ => MODE_FILE | 0o444,
        };
        Ok(())
    }

    fn getdents<'buf>(
        &mut self,
        id: usize,
        mut buf: DirentBuf<&'buf mut [u8]>,
        from: u64,
    ) -> Result<DirentBuf<&'buf mut [u8]>> {
        if File::of(id)? != File::Root {
            return Err(Error::new(ENOTDIR));
        }
        let skip = usize::try_from(from).unwrap_or(usize::MAX);
        for file in File::ALL.into_iter().skip(skip) {
            let next_opaque_id = u64::try_from(file.number()).map_err(|_| Error::new(EIO))?;
            let (name, kind) = (file.name(), DirentKind::Regular);
            buf.entry(DirEntry { inode: next_opaque_id, next_opaque_id, name, kind })?;
        }
        Ok(buf)
    }
}

fn run() -> Result<()> {
    Endpoint::of_name(0, Resolution::Structural)?.serve(NAME, &mut Server(Machine))
}

pub(crate) fn main() -> ExitCode {
    scheme_daemon::exit(NAME, run())
}
