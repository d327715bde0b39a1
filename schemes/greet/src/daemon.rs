//! Requests of the kernel, translated.
use clavis_greet::{Open, State};
use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult};
use scheme_daemon::{Daemon, Resolution, copy_path, endpoint, exit, serve};
use std::process::ExitCode;
use syscall::Stat;
use syscall::error::Result;
use syscall::flag::{MODE_DIR, MODE_FILE};
use syscall::schemev2::NewFdFlags;

struct Server(State);

impl Daemon for Server {}

impl SchemeSync for Server {
    /// The handle that the scheme's name stands for: opens are made beneath it.
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(self.0.root())
    }

    fn openat(
        &mut self,
        directory: usize,
        path: &str,
        _flags: usize,
        _status: u32,
        _caller: &CallerCtx,
    ) -> Result<OpenResult> {
        let number = self.0.open(directory, path)?;
        // POSITIONED: the kernel keeps the offset and passes it with each read.
        Ok(OpenResult::ThisScheme { number, flags: NewFdFlags::POSITIONED })
    }

    fn read(
        &mut self,
        number: usize,
        buffer: &mut [u8],
        offset: u64,
        _status: u32,
        _caller: &CallerCtx,
    ) -> Result<usize> {
        Ok(copy_path(self.0.read(number, offset)?, buffer))
    }

    fn fstat(&mut self, number: usize, stat: &mut Stat, _caller: &CallerCtx) -> Result<()> {
        match self.0.get(number)? {
            Open::Root => stat.st_mode = MODE_DIR | 0o555,
            Open::File(text) => {
                stat.st_mode = MODE_FILE | 0o444;
                stat.st_size = text.len() as u64;
            }
        }
        Ok(())
    }

    /// The last handle to what was opened is gone.
    fn on_close(&mut self, number: usize) {
        self.0.close(number);
    }
}

/// Serves until its endpoint ends.
pub(crate) fn main() -> ExitCode {
    let mut server = Server(State::default());
    let served = endpoint(Resolution::Flat).and_then(|socket| serve(&socket, "greet", &mut server));
    exit("greet", served)
}
