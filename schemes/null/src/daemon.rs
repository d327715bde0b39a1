//! Requests of the kernel, translated.
use clavis_abi::params::BIRTH_RANDOM;
use clavis_nulld::{Device, Source};
use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult};
use scheme_daemon::{Daemon, Endpoint, Resolution, device};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use syscall::error::{EBADF, EINVAL, EIO, Error, Result};
use syscall::flag::{F_SETFL, MODE_CHR};
use syscall::schemev2::NewFdFlags;
use syscall::{EventFlags, Stat};

/// The number of the root; every open file has [`FILE`], for they are all alike.
const ROOT: usize = 0;
const FILE: usize = 1;

struct Kernel;

impl Source for Kernel {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        let mut rest = out;
        while !rest.is_empty() {
            let count = libredox::call::read(BIRTH_RANDOM, rest)?;
            rest = match rest.get_mut(count..) {
                Some(rest) if count != 0 => rest,
                _ => return Err(Error::new(EIO)),
            };
        }
        Ok(())
    }
}

struct Server {
    device: Device,
    source: Kernel,
}

impl Daemon for Server {}

impl SchemeSync for Server {
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(ROOT)
    }

    fn openat(
        &mut self,
        _fd: usize,
        path: &str,
        flags: usize,
        _status: u32,
        _: &CallerCtx,
    ) -> Result<OpenResult> {
        self.device.open(path, flags)?;
        Ok(OpenResult::ThisScheme { number: FILE, flags: NewFdFlags::empty() })
    }

    fn read(&mut self, id: usize, buf: &mut [u8], _: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        if id != FILE {
            return Err(Error::new(EBADF));
        }
        self.device.read(buf, &mut self.source)
    }

    fn write(&mut self, id: usize, buf: &[u8], _: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        if id != FILE {
            return Err(Error::new(EBADF));
        }
        Ok(self.device.write(buf))
    }

    fn fsize(&mut self, _id: usize, _: &CallerCtx) -> Result<u64> {
        Ok(0)
    }

    fn ftruncate(&mut self, _id: usize, _len: u64, _: &CallerCtx) -> Result<()> {
        Ok(())
    }

    fn fcntl(&mut self, _id: usize, command: usize, _: usize, _: &CallerCtx) -> Result<usize> {
        if command == F_SETFL { Ok(0) } else { Err(Error::new(EINVAL)) }
    }

    fn fevent(&mut self, _id: usize, flags: EventFlags, _: &CallerCtx) -> Result<EventFlags> {
        Ok(flags & (EventFlags::EVENT_READ | EventFlags::EVENT_WRITE))
    }

    fn fpath(&mut self, _id: usize, buf: &mut [u8], _: &CallerCtx) -> Result<usize> {
        Ok(scheme_daemon::copy_path(&format!("/scheme/{}", self.device.name()), buf))
    }

    fn fstat(&mut self, _id: usize, stat: &mut Stat, _: &CallerCtx) -> Result<()> {
        stat.st_dev = device(self.device.name());
        stat.st_mode = MODE_CHR | 0o666;
        stat.st_nlink = 1;
        stat.st_blksize = clavis_abi::PAGE_SIZE as u32;
        Ok(())
    }
}

/// Serves a device: the n-th name of the manifest.
fn run(n: u64, device: Device) -> Result<()> {
    let endpoint = Endpoint::of_name(n, Resolution::Structural)?;
    endpoint.serve(device.name(), &mut Server { device, source: Kernel })
}

/// Serves until one of the three ends: then all end, and the service is started anew as a whole.
pub(crate) fn main() -> ExitCode {
    let (ended, first) = mpsc::channel();
    for (n, device) in (0..).zip(Device::ALL) {
        let ended = ended.clone();
        thread::spawn(move || ended.send((device, run(n, device))));
    }
    // Only the threads hold ends now: one that panics takes its end along.
    drop(ended);
    match first.recv() {
        Ok((device, result)) => scheme_daemon::exit(device.name(), result),
        Err(_) => ExitCode::FAILURE,
    }
}
