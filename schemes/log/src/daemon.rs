//! Requests of the kernel, translated.
use clavis::{AsNumber, Handle};
use clavis_log::Handles;
use clavis_log::handles::{Begun, Kernel, MEMORY, ROOT};
use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult};
use scheme_daemon::{Daemon, Done, Endpoint, Resolution, Tag, copy_path, device};
use std::process::ExitCode;
use syscall::error::{EINVAL, ENODEV, Error, Result};
use syscall::flag::{F_SETFL, MODE_CHR};
use syscall::schemev2::NewFdFlags;
use syscall::{EventFlags, Stat};

const NAME: &str = "log";
/// What is opened keeps its place here.
const FLAGS: NewFdFlags = NewFdFlags::empty();

struct KernelLog(Handle);

impl Kernel for KernelLog {
    fn append(&mut self, line: &str) {
        // Nobody could be told that it failed.
        let _ = libredox::call::write(self.0.number().raw(), line.as_bytes());
    }

    fn end(&self) -> u64 {
        let stat = libredox::call::fstat(self.0.number().raw());
        stat.map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0))
    }

    fn read(&mut self, position: u64, out: &mut [u8]) -> usize {
        // At its end the kernel's log says EAGAIN.
        self.0.read_at(out, position).unwrap_or(0)
    }
}

struct Log(Handles<'static, KernelLog>);

impl Daemon for Log {
    fn done(&mut self, tag: Tag) -> Option<Done> {
        Some(match self.0.begun(tag.0)? {
            Begun::Opened(number) => Done::Opened(number, FLAGS),
            Begun::Unfinished => Done::Begun,
        })
    }

    fn begin(&mut self, tag: Tag) {
        self.0.begin(tag.0);
    }

    fn resume(&mut self, tag: Tag) {
        self.0.resume(tag.0);
    }
}

impl SchemeSync for Log {
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(ROOT)
    }

    fn openat(
        &mut self,
        fd: usize,
        path: &str,
        flags: usize,
        _status: u32,
        _: &CallerCtx,
    ) -> Result<OpenResult> {
        let number = self.0.open(fd, path, flags)?;
        Ok(OpenResult::ThisScheme { number, flags: FLAGS })
    }

    fn read(&mut self, id: usize, buf: &mut [u8], _: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        self.0.read(id, buf)
    }

    fn write(&mut self, id: usize, buf: &[u8], _: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        self.0.write(id, buf)
    }

    fn fcntl(&mut self, _id: usize, command: usize, _: usize, _: &CallerCtx) -> Result<usize> {
        if command == F_SETFL { Ok(0) } else { Err(Error::new(EINVAL)) }
    }

    fn fevent(&mut self, _id: usize, flags: EventFlags, _: &CallerCtx) -> Result<EventFlags> {
        Ok(flags & (EventFlags::EVENT_READ | EventFlags::EVENT_WRITE))
    }

    fn fpath(&mut self, _id: usize, buf: &mut [u8], _: &CallerCtx) -> Result<usize> {
        Ok(copy_path(&format!("/scheme/{NAME}"), buf))
    }

    fn fstat(&mut self, _id: usize, stat: &mut Stat, _: &CallerCtx) -> Result<()> {
        stat.st_dev = device(NAME);
        stat.st_mode = MODE_CHR | 0o644;
        stat.st_nlink = 1;
        Ok(())
    }

    fn on_close(&mut self, id: usize) {
        self.0.close(id);
    }
}

fn run() -> Result<()> {
    let kernel = clavis::object::log().ok_or_else(|| {
        eprintln!("{NAME}: its manifest gives it no kernel log");
        Error::new(ENODEV)
    })?;
    let endpoint = Endpoint::of_name(0, Resolution::Structural)?;
    let failed = |error: clavis::Error| Error::new(error.errno());
    let (memory, _) = clavis::memory::state(MEMORY, MEMORY).map_err(failed)?;
    let kernel = KernelLog(Handle::from_number(kernel));
    endpoint.serve(NAME, &mut Log(Handles::open_in(memory, kernel)?))
}

pub(crate) fn main() -> ExitCode {
    scheme_daemon::exit(NAME, run())
}
