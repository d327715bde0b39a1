//! The files there are, and the numbers that stand for them.
use syscall::error::{EACCES, EBADF, EEXIST, EISDIR, ENOENT, ENOTDIR, EROFS, Error, Result};
use syscall::flag::{O_CREAT, O_DIRECTORY, O_EXCL, O_TRUNC, O_WRONLY};

/// A file, or the directory of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum File {
    /// The directory.
    Root = 0,
    /// What system this is.
    Uname = 1,
    /// Memory of the machine.
    Memory = 2,
    /// Objects of the kernel, and events in it.
    Counters = 3,
    /// Time since boot.
    Uptime = 4,
    /// Time of day, which can be set.
    Clock = 5,
    /// What init supervises.
    Services = 6,
}

impl File {
    /// All but the directory, in the order of their numbers.
    pub const ALL: [File; 6] =
        [File::Uname, File::Memory, File::Counters, File::Uptime, File::Clock, File::Services];

    /// The name in the directory; that of the directory is empty.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            File::Root => "",
            File::Uname => "uname",
            File::Memory => "memory",
            File::Counters => "counters",
            File::Uptime => "uptime",
            File::Clock => "clock",
            File::Services => "services",
        }
    }

    /// What clients' handles are numbered by.
    #[must_use]
    pub fn number(self) -> usize {
        self as usize
    }

    /// The file of a number.
    ///
    /// # Errors
    /// `EBADF` for no number of ours.
    pub fn of(number: usize) -> Result<File> {
        let found = [File::Root].into_iter().chain(File::ALL).find(|file| file.number() == number);
        found.ok_or(Error::new(EBADF))
    }

    /// Opens a name beneath this file.
    ///
    /// # Errors
    /// `ENOTDIR` beneath what is no directory, and for a file that shall be one; `ENOENT`, `EROFS`
    /// for a name to be made; `EEXIST`; `EISDIR` and `EACCES` for what cannot be written.
    pub fn open(self, path: &str, flags: usize) -> Result<File> {
        if self != File::Root {
            return Err(Error::new(ENOTDIR));
        }
        let path = path.trim_start_matches('/');
        let writes = flags & (O_WRONLY | O_TRUNC) != 0;
        if path.is_empty() || path == "." {
            return if writes { Err(Error::new(EISDIR)) } else { Ok(File::Root) };
        }
        let Some(file) = File::ALL.into_iter().find(|file| file.name() == path) else {
            return Err(Error::new(if flags & O_CREAT != 0 { EROFS } else { ENOENT }));
        };
        if flags & O_DIRECTORY != 0 {
            return Err(Error::new(ENOTDIR));
        }
        if flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL {
            return Err(Error::new(EEXIST));
        }
        if writes && file != File::Clock {
            return Err(Error::new(EACCES));
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syscall::flag::{O_RDONLY, O_RDWR};

    #[test]
    fn a_number_stands_for_the_same_file_whoever_serves() {
        for (number, file) in (1..).zip(File::ALL) {
            assert_eq!((file.number(), File::of(number)), (number, Ok(file)));
            assert_eq!(File::Root.open(file.name(), O_RDONLY), Ok(file));
        }
        assert_eq!(File::of(0), Ok(File::Root));
        assert_eq!(File::of(7), Err(Error::new(EBADF)));
    }

    #[test]
    fn only_the_clock_is_written_and_nothing_is_made() {
        let open = |path, flags| File::Root.open(path, flags).map_err(|error| error.errno);
        assert_eq!(open("clock", O_WRONLY | O_CREAT | O_TRUNC), Ok(File::Clock));
        for flags in [O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC] {
            assert_eq!(open("memory", flags), Err(EACCES));
            assert_eq!(open("", flags), Err(EISDIR));
        }
        assert_eq!(open("clock", O_CREAT | O_EXCL | O_WRONLY), Err(EEXIST));
        assert_eq!(open("exe", O_RDONLY), Err(ENOENT));
        assert_eq!(open("new", O_CREAT | O_WRONLY), Err(EROFS));
        assert_eq!(open("uname", O_RDONLY | O_DIRECTORY), Err(ENOTDIR));
        assert_eq!(File::Uname.open("x", O_RDONLY), Err(Error::new(ENOTDIR)));
    }
}
