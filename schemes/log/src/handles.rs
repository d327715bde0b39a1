//! Open handles on the log.
use crate::line::Writer;
use crate::ring::Ring;
use clavis_abi::limits::{LOG_BYTES, NAME_MAX};
use slab::Slab;
use syscall::error::{EACCES, EBADF, EINVAL, EISDIR, ENAMETOOLONG, ENOTDIR, EROFS, Error, Result};
use syscall::flag::{O_ACCMODE, O_DIRECTORY, O_WRONLY};

enum Handle {
    Root,
    Reader { position: u64 },
    Writer(Writer),
}

/// The kernel's log.
pub trait Kernel {
    /// Appends a line.
    fn append(&mut self, line: &str);

    /// The next bytes that were not given yet; how many, 0 when there are none.
    fn next(&mut self, out: &mut [u8]) -> usize;
}

/// The log and its open handles.
pub struct Handles<K> {
    kernel: K,
    ring: Ring,
    open: Slab<Handle>,
}

/// Whether a writer may call itself so.
fn check_name(name: &str) -> Result<()> {
    if name.len() > NAME_MAX {
        return Err(Error::new(ENAMETOOLONG));
    }
    let good = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    if name.chars().all(good) { Ok(()) } else { Err(Error::new(EINVAL)) }
}

impl<K: Kernel> Handles<K> {
    /// A log over the kernel's.
    pub fn new(kernel: K) -> Self {
        Self { kernel, ring: Ring::default(), open: Slab::new() }
    }

    /// Takes over what the kernel's log got since the last time.
    fn catch_up(&mut self) {
        const PIECE: usize = 512;
        let mut piece = [0; PIECE];
        // The kernel's log is bounded: what is written meanwhile can wait.
        for _ in 0..LOG_BYTES / PIECE {
            let count = self.kernel.next(&mut piece);
            match piece.get(..count) {
                Some(bytes @ [_, ..]) => self.ring.add(bytes),
                _ => break,
            }
        }
    }

    /// A new handle on the root.
    pub fn root(&mut self) -> usize {
        self.open.insert(Handle::Root)
    }

    /// Opens the log (`""`, for reading) or a writer (its name, for writing).
    ///
    /// # Errors
    /// `EBADF`; `ENOTDIR` beneath anything but the root; `EISDIR` for writing without a name,
    /// `EACCES` for reading a writer, `EINVAL` and `ENAMETOOLONG` for a bad name.
    pub fn open(&mut self, number: usize, path: &str, flags: usize) -> Result<usize> {
        let handle = self.open.get(number).ok_or(Error::new(EBADF))?;
        let path = path.trim_start_matches('/');
        if !matches!(handle, Handle::Root) || flags & O_DIRECTORY != 0 {
            return Err(Error::new(ENOTDIR));
        }
        let mode = flags & O_ACCMODE;
        let handle = if path.is_empty() {
            if mode & O_WRONLY != 0 {
                return Err(Error::new(EISDIR));
            }
            Handle::Reader { position: self.ring.start() }
        } else {
            check_name(path)?;
            if mode != O_WRONLY {
                return Err(Error::new(EACCES));
            }
            Handle::Writer(Writer::new(path))
        };
        Ok(self.open.insert(handle))
    }

    /// Reads on where this handle stopped; 0 when there is nothing new.
    ///
    /// # Errors
    /// `EBADF` for handles that do not read.
    pub fn read(&mut self, number: usize, out: &mut [u8]) -> Result<usize> {
        self.catch_up();
        match self.open.get_mut(number) {
            Some(Handle::Reader { position }) => {
                let (count, next) = self.ring.read(*position, out);
                *position = next;
                Ok(count)
            }
            _ => Err(Error::new(EBADF)),
        }
    }

    /// Writes: every line that is complete goes to the kernel's log.
    ///
    /// # Errors
    /// `EROFS` for handles that do not write.
    pub fn write(&mut self, number: usize, data: &[u8]) -> Result<usize> {
        let Some(Handle::Writer(writer)) = self.open.get_mut(number) else {
            return Err(Error::new(EROFS));
        };
        let kernel = &mut self.kernel;
        writer.write(data, |line| kernel.append(line));
        self.catch_up();
        Ok(data.len())
    }

    /// Forgets a handle; a line without end ends here.
    pub fn close(&mut self, number: usize) {
        if let Some(Handle::Writer(mut writer)) = self.open.try_remove(number) {
            let kernel = &mut self.kernel;
            writer.finish(|line| kernel.append(line));
            self.catch_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use syscall::flag::O_RDONLY;

    #[derive(Default)]
    struct Model(VecDeque<u8>);

    impl Kernel for Model {
        fn append(&mut self, line: &str) {
            self.0.extend(line.bytes());
        }
        fn next(&mut self, out: &mut [u8]) -> usize {
            let count = out.len().min(self.0.len());
            out.iter_mut().zip(self.0.drain(..count)).for_each(|(to, byte)| *to = byte);
            count
        }
    }

    fn log() -> (Handles<Model>, usize) {
        let mut log = Handles::new(Model::default());
        let root = log.root();
        (log, root)
    }

    #[test]
    fn a_reader_gets_the_lines_of_everybody_in_order() {
        let (mut log, root) = log();
        log.kernel.append("[0.1] kernel: ready\n");
        let writer = log.open(root, "disk", O_WRONLY).unwrap();
        log.write(writer, b"ready\nlast").unwrap();
        log.kernel.append("[0.2] init: up\n");
        log.close(writer);
        let reader = log.open(root, "", O_RDONLY).unwrap();
        let mut out = [0; 128];
        let count = log.read(reader, &mut out).unwrap();
        let text = str::from_utf8(&out[..count]).unwrap();
        assert_eq!(text, "[0.1] kernel: ready\ndisk: ready\n[0.2] init: up\ndisk: last\n");
        assert_eq!(log.read(reader, &mut out), Ok(0));
        log.kernel.append("more\n");
        assert_eq!(log.read(reader, &mut out), Ok(5));
    }

    #[test]
    fn a_handle_does_only_what_it_was_opened_for() {
        let (mut log, root) = log();
        let writer = log.open(root, "disk", O_WRONLY).unwrap();
        let reader = log.open(root, "", O_RDONLY).unwrap();
        assert_eq!(log.read(writer, &mut [0]).unwrap_err().errno, EBADF);
        assert_eq!(log.write(reader, b"x").unwrap_err().errno, EROFS);
        assert_eq!(log.open(writer, "x", O_WRONLY).unwrap_err().errno, ENOTDIR);
        assert_eq!(log.open(root, "", O_WRONLY).unwrap_err().errno, EISDIR);
        assert_eq!(log.open(root, "disk", O_RDONLY).unwrap_err().errno, EACCES);
        for name in ["a b", "a/b", "a\u{1b}"] {
            assert_eq!(log.open(root, name, O_WRONLY).unwrap_err().errno, EINVAL);
        }
        assert_eq!(log.open(root, &"x".repeat(65), O_WRONLY).unwrap_err().errno, ENAMETOOLONG);
        assert_eq!(log.open(99, "", 0).unwrap_err().errno, EBADF);
    }
}
