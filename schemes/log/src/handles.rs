//! Open handles on the log.
use crate::line::Writer;
use crate::ring::Ring;
use clavis_abi::limits::NAME_MAX;
use slab::Slab;
use syscall::error::{EACCES, EBADF, EINVAL, EISDIR, ENAMETOOLONG, ENOTDIR, EROFS, Error, Result};
use syscall::flag::{O_ACCMODE, O_DIRECTORY, O_WRONLY};

enum Handle {
    Root,
    Reader { position: u64 },
    Writer(Writer),
}

/// The log and its open handles.
pub struct Handles {
    ring: Ring,
    open: Slab<Handle>,
}

impl Default for Handles {
    fn default() -> Self {
        Self { ring: Ring::default(), open: Slab::new() }
    }
}

/// Whether a writer may call itself so.
fn check_name(name: &str) -> Result<()> {
    if name.len() > NAME_MAX {
        return Err(Error::new(ENAMETOOLONG));
    }
    let good = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    if name.chars().all(good) { Ok(()) } else { Err(Error::new(EINVAL)) }
}

impl Handles {
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

    /// Reads what is left of the ring for this handle; 0 at its end, for now.
    ///
    /// # Errors
    /// `EBADF` for handles that do not read.
    pub fn read(&mut self, number: usize, out: &mut [u8]) -> Result<usize> {
        match self.open.get_mut(number) {
            Some(Handle::Reader { position }) => {
                let (count, next) = self.ring.read(*position, out);
                *position = next;
                Ok(count)
            }
            _ => Err(Error::new(EBADF)),
        }
    }

    /// Writes; every line that is complete also goes to `sink`.
    ///
    /// # Errors
    /// `EROFS` for handles that do not write.
    pub fn write(
        &mut self,
        number: usize,
        data: &[u8],
        mut sink: impl FnMut(&str),
    ) -> Result<usize> {
        let Some(Handle::Writer(writer)) = self.open.get_mut(number) else {
            return Err(Error::new(EROFS));
        };
        let ring = &mut self.ring;
        writer.write(data, |line| {
            ring.add(line.as_bytes());
            sink(line);
        });
        Ok(data.len())
    }

    /// Forgets a handle; a line without end ends here.
    pub fn close(&mut self, number: usize, mut sink: impl FnMut(&str)) {
        if let Some(Handle::Writer(mut writer)) = self.open.try_remove(number) {
            let ring = &mut self.ring;
            writer.finish(|line| {
                ring.add(line.as_bytes());
                sink(line);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syscall::flag::O_RDONLY;

    #[test]
    fn what_writers_write_is_what_readers_read_and_the_kernel_hears() {
        let mut log = Handles::default();
        let root = log.root();
        let writer = log.open(root, "disk", O_WRONLY).unwrap();
        let mut heard = String::new();
        log.write(writer, b"ready\nlast", |line| heard.push_str(line)).unwrap();
        log.close(writer, |line| heard.push_str(line));
        assert_eq!(heard, "disk: ready\ndisk: last\n");
        let reader = log.open(root, "", O_RDONLY).unwrap();
        let mut out = [0; 64];
        let count = log.read(reader, &mut out).unwrap();
        assert_eq!(&out[..count], heard.as_bytes());
        assert_eq!(log.read(reader, &mut out), Ok(0));
    }

    #[test]
    fn a_handle_does_only_what_it_was_opened_for() {
        let mut log = Handles::default();
        let root = log.root();
        let writer = log.open(root, "disk", O_WRONLY).unwrap();
        let reader = log.open(root, "", O_RDONLY).unwrap();
        assert_eq!(log.read(writer, &mut [0]).unwrap_err().errno, EBADF);
        assert_eq!(log.write(reader, b"x", |_| ()).unwrap_err().errno, EROFS);
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
