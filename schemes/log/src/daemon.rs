//! Requests of the kernel, translated.
use clavis::Number;
use clavis_log::Handles;
use clavis_log::handles::Kernel;
use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult};
use scheme_daemon::{Daemon, Resolution, copy_path};
use std::process::ExitCode;
use syscall::error::{EINVAL, Error, Result};
use syscall::flag::{F_SETFL, MODE_CHR};
use syscall::schemev2::NewFdFlags;
use syscall::{EventFlags, Stat};

const NAME: &str = "log";
/// Where lines go without a handle to the kernel's log: a service's standard error is that log.
const STANDARD_ERROR: usize = 2;

struct KernelLog(usize);

impl Kernel for KernelLog {
    fn append(&mut self, line: &str) {
        // Nobody could be told that it failed.
        let _ = libredox::call::write(self.0, line.as_bytes());
    }

    fn next(&mut self, out: &mut [u8]) -> usize {
        // At its end the kernel's log says EAGAIN.
        libredox::call::read(self.0, out).unwrap_or(0)
    }
}

struct Log(Handles<KernelLog>);

impl Daemon for Log {}

impl SchemeSync for Log {
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(self.0.root())
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
        Ok(OpenResult::ThisScheme { number, flags: NewFdFlags::empty() })
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
        stat.st_mode = MODE_CHR | 0o644;
        stat.st_nlink = 1;
        Ok(())
    }

    fn on_close(&mut self, id: usize) {
        self.0.close(id);
    }
}

fn run() -> Result<()> {
    let kernel = clavis::object::log().map_or(STANDARD_ERROR, Number::raw);
    let socket = scheme_daemon::endpoint(Resolution::Structural)?;
    scheme_daemon::serve(&socket, NAME, &mut Log(Handles::new(KernelLog(kernel))))
}

pub(crate) fn main() -> ExitCode {
    scheme_daemon::exit(NAME, run())
}
