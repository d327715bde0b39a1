//! Requests of the kernel, translated.
use boot_image::Image;
use clavis::EntryKind;
use clavis_initfs::Files;
use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult};
use scheme_daemon::{Daemon, Endpoint, Resolution, copy_path, device};
use std::process::ExitCode;
use syscall::dirent::DirentBuf;
use syscall::error::{EINVAL, ENODEV, EROFS, Error, Result};
use syscall::flag::{F_SETFL, MapFlags, MunmapFlags};
use syscall::schemev2::NewFdFlags;
use syscall::{EventFlags, Stat};

const NAME: &str = "initfs";

struct Initfs(Files<'static>);

impl Daemon for Initfs {}

impl SchemeSync for Initfs {
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(Files::ROOT)
    }

    fn openat(
        &mut self,
        fd: usize,
        path: &str,
        flags: usize,
        _status: u32,
        _: &CallerCtx,
    ) -> Result<OpenResult> {
        let number = self.0.open(fd, path, flags as u64)?;
        Ok(OpenResult::ThisScheme { number, flags: NewFdFlags::POSITIONED })
    }

    fn unlinkat(&mut self, _fd: usize, _path: &str, _: usize, _: &CallerCtx) -> Result<()> {
        Err(Error::new(EROFS))
    }

    fn read(&mut self, id: usize, buf: &mut [u8], at: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        self.0.read(id, buf, at)
    }

    fn write(&mut self, _: usize, _: &[u8], _: u64, _: u32, _: &CallerCtx) -> Result<usize> {
        Err(Error::new(EROFS))
    }

    fn fsize(&mut self, id: usize, _: &CallerCtx) -> Result<u64> {
        self.0.size(id)
    }

    fn ftruncate(&mut self, _id: usize, _len: u64, _: &CallerCtx) -> Result<()> {
        Err(Error::new(EROFS))
    }

    fn fchmod(&mut self, _id: usize, _mode: u16, _: &CallerCtx) -> Result<()> {
        Err(Error::new(EROFS))
    }

    fn fchown(&mut self, _: usize, _: u32, _: u32, _: &CallerCtx) -> Result<()> {
        Err(Error::new(EROFS))
    }

    fn fcntl(&mut self, _id: usize, command: usize, _: usize, _: &CallerCtx) -> Result<usize> {
        if command == F_SETFL { Ok(0) } else { Err(Error::new(EINVAL)) }
    }

    fn fevent(&mut self, id: usize, flags: EventFlags, _: &CallerCtx) -> Result<EventFlags> {
        self.0.inode(id)?;
        Ok(flags & EventFlags::EVENT_READ)
    }

    fn fpath(&mut self, id: usize, buf: &mut [u8], _: &CallerCtx) -> Result<usize> {
        Ok(copy_path(&format!("/scheme/{NAME}/{}", self.0.path(id)?), buf))
    }

    fn fstat(&mut self, id: usize, stat: &mut Stat, _: &CallerCtx) -> Result<()> {
        stat.st_dev = device(NAME);
        self.0.stat(id, stat)
    }

    fn getdents<'buf>(
        &mut self,
        id: usize,
        buf: DirentBuf<&'buf mut [u8]>,
        after: u64,
    ) -> Result<DirentBuf<&'buf mut [u8]>> {
        self.0.list(id, buf, after)
    }

    fn mmap_prep(
        &mut self,
        id: usize,
        offset: u64,
        size: usize,
        flags: MapFlags,
        _: &CallerCtx,
    ) -> Result<usize> {
        if flags.contains(MapFlags::MAP_SHARED | MapFlags::PROT_WRITE) {
            return Err(Error::new(EROFS));
        }
        self.0.map(id, offset, size)
    }

    fn munmap(
        &mut self,
        _id: usize,
        _offset: u64,
        _size: usize,
        _flags: MunmapFlags,
        _: &CallerCtx,
    ) -> Result<()> {
        // The image stays where it is; nothing was set up for the mapping.
        Ok(())
    }
}

fn run() -> Result<()> {
    let given = clavis::startup::number(EntryKind::BootImage).ok_or_else(|| {
        eprintln!("{NAME}: its manifest gives it no boot image");
        Error::new(ENODEV)
    })?;
    let length = libredox::call::fstat(given.raw())?.st_size;
    let length = usize::try_from(length).map_err(|_| Error::new(ENODEV))?;
    let bytes = clavis::memory::boot_image(length).map_err(|error| Error::new(error.errno()))?;
    let image = Image::parse(bytes).map_err(|problem| {
        eprintln!("{NAME}: the boot image is damaged: {problem:?}");
        Error::new(ENODEV)
    })?;
    let endpoint = Endpoint::of_name(0, Resolution::Structural)?;
    let address = bytes.as_ptr().expose_provenance();
    endpoint.serve(NAME, &mut Initfs(Files::new(image, address)))
}

pub(crate) fn main() -> ExitCode {
    scheme_daemon::exit(NAME, run())
}
