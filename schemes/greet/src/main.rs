//! `/scheme/greet/NAME` reads as a greeting.
#![forbid(unsafe_code)]

use redox_scheme::scheme::SchemeSync;
use redox_scheme::{CallerCtx, OpenResult};
use scheme_daemon::{Daemon, Resolution, copy_path, endpoint, exit, serve};
use std::process::ExitCode;
use syscall::Stat;
use syscall::error::{EBADF, EISDIR, ENOENT, Error, Result};
use syscall::flag::{MODE_DIR, MODE_FILE};
use syscall::schemev2::NewFdFlags;

/// What clients have open: the number that the kernel passes is the place in the list. `None`
/// is a place to use again.
#[derive(Default)]
struct Greet {
    open: Vec<Option<Open>>,
}

enum Open {
    Root,
    Greeting(String),
}

impl Greet {
    fn insert(&mut self, open: Open) -> usize {
        let free = self.open.iter().position(Option::is_none);
        let number = free.unwrap_or(self.open.len());
        match self.open.get_mut(number) {
            Some(place) => *place = Some(open),
            None => self.open.push(Some(open)),
        }
        number
    }

    fn get(&self, number: usize) -> Result<&Open> {
        self.open.get(number).and_then(Option::as_ref).ok_or(Error::new(EBADF))
    }
}

impl Daemon for Greet {}

impl SchemeSync for Greet {
    /// The handle that the name `greet` stands for: opens are made beneath it.
    fn scheme_root(&mut self) -> Result<usize> {
        Ok(self.insert(Open::Root))
    }

    fn openat(
        &mut self,
        directory: usize,
        path: &str,
        _flags: usize,
        _status: u32,
        _caller: &CallerCtx,
    ) -> Result<OpenResult> {
        let Open::Root = self.get(directory)? else { return Err(Error::new(ENOENT)) };
        if path.is_empty() || path.contains('/') {
            return Err(Error::new(ENOENT));
        }
        let number = self.insert(Open::Greeting(format!("hello, {path}\n")));
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
        let Open::Greeting(text) = self.get(number)? else { return Err(Error::new(EISDIR)) };
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(copy_path(text.get(from..).unwrap_or(""), buffer))
    }

    fn fstat(&mut self, number: usize, stat: &mut Stat, _caller: &CallerCtx) -> Result<()> {
        match self.get(number)? {
            Open::Root => stat.st_mode = MODE_DIR | 0o555,
            Open::Greeting(text) => {
                stat.st_mode = MODE_FILE | 0o444;
                stat.st_size = text.len() as u64;
            }
        }
        Ok(())
    }

    /// The last handle to what was opened is gone.
    fn on_close(&mut self, number: usize) {
        if let Some(place) = self.open.get_mut(number) {
            *place = None;
        }
    }
}

fn main() -> ExitCode {
    let served = endpoint(Resolution::Flat)
        .and_then(|socket| serve(&socket, "greet", &mut Greet::default()));
    exit("greet", served)
}
