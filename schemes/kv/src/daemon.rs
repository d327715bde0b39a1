//! Requests of the kernel, translated.
use clavis_kv::{Open, Store};
use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult};
use scheme_daemon::{Daemon, Resolution, endpoint, exit, serve};
use std::process::ExitCode;
use syscall::Stat;
use syscall::dirent::{DirEntry, DirentBuf, DirentKind};
use syscall::error::{ENOTDIR, Error, Result};
use syscall::flag::{MODE_DIR, MODE_FILE};
use syscall::schemev2::NewFdFlags;

struct Server(Store);

impl Daemon for Server {}

impl SchemeSync for Server {
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(self.0.root())
    }

    fn openat(
        &mut self,
        directory: usize,
        path: &str,
        flags: usize,
        _status: u32,
        _caller: &CallerCtx,
    ) -> Result<OpenResult> {
        // The empty path and "." are the directory itself.
        let number = match path {
            "" | "." if *self.0.get(directory)? == Open::Root => self.0.root(),
            key => self.0.open(directory, key, flags)?,
        };
        Ok(OpenResult::ThisScheme { number, flags: NewFdFlags::POSITIONED })
    }

    fn unlinkat(&mut self, directory: usize, key: &str, _: usize, _: &CallerCtx) -> Result<()> {
        self.0.remove(directory, key)
    }

    fn read(
        &mut self,
        number: usize,
        buffer: &mut [u8],
        offset: u64,
        _status: u32,
        _caller: &CallerCtx,
    ) -> Result<usize> {
        let value = self.0.read(number, offset)?;
        buffer.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
        Ok(value.len().min(buffer.len()))
    }

    fn write(
        &mut self,
        number: usize,
        bytes: &[u8],
        offset: u64,
        _status: u32,
        _caller: &CallerCtx,
    ) -> Result<usize> {
        self.0.write(number, offset, bytes)
    }

    fn fsize(&mut self, number: usize, _caller: &CallerCtx) -> Result<u64> {
        Ok(self.0.read(number, 0)?.len() as u64)
    }

    fn fstat(&mut self, number: usize, stat: &mut Stat, _caller: &CallerCtx) -> Result<()> {
        if *self.0.get(number)? == Open::Root {
            stat.st_mode = MODE_DIR | 0o700;
        } else {
            stat.st_mode = MODE_FILE | 0o600;
            stat.st_size = self.0.read(number, 0)?.len() as u64;
        }
        Ok(())
    }

    /// The names in a directory: as many as fit, from where the last call ended.
    fn getdents<'buf>(
        &mut self,
        number: usize,
        mut buffer: DirentBuf<&'buf mut [u8]>,
        from: u64,
    ) -> Result<DirentBuf<&'buf mut [u8]>> {
        if *self.0.get(number)? != Open::Root {
            return Err(Error::new(ENOTDIR));
        }
        let skip = usize::try_from(from).unwrap_or(usize::MAX);
        for (next, name) in (from.saturating_add(1)..).zip(self.0.keys(skip)) {
            let kind = DirentKind::Regular;
            buffer.entry(DirEntry { inode: 0, next_opaque_id: next, name, kind })?;
        }
        Ok(buffer)
    }

    fn on_close(&mut self, number: usize) {
        self.0.close(number);
    }
}

/// Serves until its endpoint ends.
pub(crate) fn main() -> ExitCode {
    let mut server = Server(Store::default());
    let served = endpoint(Resolution::Flat).and_then(|socket| serve(&socket, "kv", &mut server));
    exit("kv", served)
}
