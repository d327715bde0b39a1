//! Open handles on the log.
use crate::kept::{Deed, Handle, Kept, Step};
use crate::ring::{self, Ring};
use clavis_abi::limits::{LOG_BYTES, NAME_MAX};
use syscall::error::{
    EACCES, EBADF, EINVAL, EISDIR, ENAMETOOLONG, ENFILE, ENOTDIR, EROFS, Error, Result,
};
use syscall::flag::{O_ACCMODE, O_DIRECTORY, O_WRONLY};

/// The number of the directory.
pub const ROOT: usize = 0;
/// Handles that clients can have.
pub const HANDLES: usize = 4096;
/// Bytes that one write takes.
pub const WRITE_MAX: usize = 2048;
/// Bytes of memory for what is known of clients: twice their handles, and what is on its way.
const CLIENTS: usize = 6 << 20;
/// Bytes of memory that outlives the process.
pub const MEMORY: usize = CLIENTS + ring::MEMORY;
/// The bits of a tag that name a place in the endpoint's queue; the others count its tenants.
const PLACE: u32 = 0xFFFF;

/// The kernel's log. Positions count from its first byte; it keeps `LOG_BYTES`.
pub trait Kernel {
    /// Appends a line.
    fn append(&mut self, line: &str);

    /// Position behind its last byte.
    fn end(&self) -> u64;

    /// Bytes from a position on; how many, 0 at its end.
    fn read(&mut self, position: u64, out: &mut [u8]) -> usize;
}

/// What came of a request that an earlier instance had begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It opened this number, and needs no more than this answer.
    Opened(usize),
    /// It is to be carried on.
    Unfinished,
}

/// The log and its open handles.
#[derive(Debug)]
pub struct Handles<'m, K> {
    kernel: K,
    ring: Ring<'m>,
    kept: Kept<'m>,
    /// The request that is being carried out.
    serving: Option<u32>,
    /// An earlier instance had begun it.
    again: bool,
}

/// Whether a writer may call itself so.
fn check_name(name: &str) -> Result<()> {
    if name.len() > NAME_MAX {
        return Err(Error::new(ENAMETOOLONG));
    }
    let good = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    if name.chars().all(good) { Ok(()) } else { Err(Error::new(EINVAL)) }
}

impl<'m, K: Kernel> Handles<'m, K> {
    /// The log over the kernel's, with what an earlier instance left in these [`MEMORY`] bytes.
    ///
    /// # Errors
    /// `EINVAL` for less memory; `EIO` for what is nothing of ours.
    pub fn open_in(memory: &'m mut [u8], kernel: K) -> Result<Self> {
        let (clients, lines) = memory.split_at_mut_checked(CLIENTS).ok_or(Error::new(EINVAL))?;
        if lines.len() < ring::MEMORY {
            return Err(Error::new(EINVAL));
        }
        let (ring, kept) = (Ring::new(lines), Kept::open(clients)?);
        Ok(Self { kernel, ring, kept, serving: None, again: false })
    }

    /// A request is about to be carried out.
    pub fn begin(&mut self, tag: u32) {
        (self.serving, self.again) = (Some(tag), false);
        if let Some((Some(last), _)) = self.kept.last()
            && (last ^ tag) & PLACE == 0
        {
            // Its place has another request, so that one was answered. Tags come round: forget it.
            // Without room for this there is none for another step either.
            _ = self.kept.take(None, Step::Answered);
        }
    }

    /// A request is about to be carried on.
    pub fn resume(&mut self, tag: u32) {
        (self.serving, self.again) = (Some(tag), true);
    }

    /// What came of the request with that tag, if it was the last that did anything.
    pub fn begun(&mut self, tag: u32) -> Option<Begun> {
        match self.kept.last() {
            Some((Some(last), deed)) if last == tag => match deed {
                Deed::Opened(number) => Some(Begun::Opened(*number)),
                Deed::Read { .. } | Deed::Said { .. } => Some(Begun::Unfinished),
                Deed::Nothing => None,
            },
            _ => None,
        }
    }

    /// Takes over what the kernel's log got since the last time.
    fn catch_up(&mut self) {
        const PIECE: usize = 512;
        let mut piece = [0; PIECE];
        let gone = |kernel: &K| kernel.end().saturating_sub(LOG_BYTES as u64);
        // The kernel's log is bounded: what is written meanwhile can wait.
        for _ in 0..2 * LOG_BYTES / PIECE {
            self.ring.skip(gone(&self.kernel));
            let count = self.kernel.read(self.ring.end(), &mut piece);
            match piece.get(..count) {
                // It may have gone on over what was read.
                Some(bytes @ [_, ..]) if gone(&self.kernel) <= self.ring.end() => {
                    self.ring.add(bytes);
                }
                Some([_, ..]) => {}
                _ => break,
            }
        }
    }

    /// Lets the lines of the last step appear; those that did already are not repeated.
    fn say(&mut self) {
        self.catch_up();
        let again = self.again;
        let Some((_, Deed::Said { at, lines, .. })) = self.kept.last() else { return };
        let (mut from, lines) = (*at, std::mem::take(lines));
        let mut missing = lines.iter().peekable();
        while again
            && let Some(line) = missing.peek()
            && let Some(end) = self.ring.find(from, line)
        {
            from = end;
            missing.next();
        }
        missing.for_each(|line| self.kernel.append(line));
        self.catch_up();
    }

    /// Opens the log (`""`, for reading) or a writer (its name, for writing).
    ///
    /// # Errors
    /// `EBADF`; `ENOTDIR` beneath anything but the root; `EISDIR` for writing without a name,
    /// `EACCES` for reading a writer, `EINVAL` and `ENAMETOOLONG` for a bad name; `ENFILE`.
    pub fn open(&mut self, number: usize, path: &str, flags: usize) -> Result<usize> {
        let handle = self.kept.get(number).ok_or(Error::new(EBADF))?;
        let name = path.trim_start_matches('/');
        if !matches!(handle, Handle::Root) || flags & O_DIRECTORY != 0 {
            return Err(Error::new(ENOTDIR));
        }
        let mode = flags & O_ACCMODE;
        if name.is_empty() && mode & O_WRONLY != 0 {
            return Err(Error::new(EISDIR));
        }
        if !name.is_empty() {
            check_name(name)?;
            if mode != O_WRONLY {
                return Err(Error::new(EACCES));
            }
        }
        if self.kept.count() > HANDLES {
            return Err(Error::new(ENFILE));
        }
        self.catch_up();
        let position = self.ring.start();
        let step = if name.is_empty() { Step::Reader { position } } else { Step::Writer { name } };
        self.kept.take(self.serving, step)?;
        match self.kept.last() {
            Some((_, Deed::Opened(number))) => Ok(*number),
            _ => Err(Error::new(EBADF)),
        }
    }

    /// Reads on where this handle stopped; 0 when there is nothing new.
    ///
    /// # Errors
    /// `EBADF` for handles that do not read; `ENOSPC`.
    pub fn read(&mut self, number: usize, out: &mut [u8]) -> Result<usize> {
        self.catch_up();
        let Some(Handle::Reader { position }) = self.kept.get(number) else {
            return Err(Error::new(EBADF));
        };
        let (here, again) = (*position, self.again);
        let from = match self.kept.last() {
            // It was read, and nobody got it.
            Some((_, Deed::Read { number: read, from })) if again && *read == number => *from,
            _ => here,
        };
        let (count, to) = self.ring.read(from, out);
        if to != here {
            self.kept.take(self.serving, Step::Read { number, to })?;
        }
        Ok(count)
    }

    /// Writes, at most [`WRITE_MAX`] bytes: every line that is complete goes to the kernel's log.
    ///
    /// # Errors
    /// `EROFS` for handles that do not write; `ENOSPC`.
    pub fn write(&mut self, number: usize, data: &[u8]) -> Result<usize> {
        let Some(Handle::Writer(_)) = self.kept.get(number) else {
            return Err(Error::new(EROFS));
        };
        let data = data.get(..WRITE_MAX).unwrap_or(data);
        if !self.again {
            let at = self.kernel.end();
            self.kept.take(self.serving, Step::Write { number, data, at })?;
        }
        self.say();
        Ok(data.len())
    }

    /// Forgets a handle; a line without end ends here.
    pub fn close(&mut self, number: usize) {
        self.again = self.kept.get(number).is_none();
        if self.again {
            // An earlier instance forgot it, and may have died of that.
            let own = |(request, deed): (Option<u32>, &mut Deed)| {
                request.is_none() && matches!(deed, Deed::Said { number: n, .. } if *n == number)
            };
            if self.kept.last().is_some_and(own) {
                self.say();
            }
        } else if number != ROOT {
            let at = self.kernel.end();
            // Without room in the log the handle stays.
            if self.kept.take(None, Step::Close { number, at }).is_ok() {
                self.say();
            }
        }
    }
}

#[cfg(test)]
mod tests;
