//! What the flags of an open ask for.
use crate::{Kind, Rules};
use clavis_abi::params::open_flags;
use syscall::error::{EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOTDIR, Error, Result};
use syscall::flag::{
    O_ACCMODE, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_STAT, O_SYMLINK, O_TRUNC, O_WRONLY,
};

/// The 64 bits of flags of an open.
#[derive(Clone, Copy, Debug)]
pub struct Flags(pub u64);

impl Flags {
    /// Whether all bits of `flag` are set.
    #[must_use]
    pub fn has(self, flag: usize) -> bool {
        self.0 & flag as u64 == flag as u64
    }

    /// Whether it is opened to be read or written, not only looked at.
    #[must_use]
    pub fn reads_or_writes(self) -> bool {
        self.0 & O_ACCMODE as u64 != 0
    }

    /// Whether the open means a link itself.
    #[must_use]
    pub fn as_link(self) -> bool {
        self.has(O_SYMLINK) || self.has(O_STAT | O_NOFOLLOW)
    }

    /// Whether a directory is refused.
    #[must_use]
    pub fn is_for_files(self) -> bool {
        self.0 & open_flags::NOT_DIRECTORY != 0
    }

    /// Whether it has to be made by this open.
    #[must_use]
    pub fn exclusive(self) -> bool {
        self.has(O_CREAT | O_EXCL)
    }

    /// Whether what is there loses its contents.
    #[must_use]
    pub fn empties(self) -> bool {
        self.has(O_TRUNC | O_WRONLY)
    }

    /// How the path is walked.
    #[must_use]
    pub fn rules(self) -> Rules {
        let follow = !self.as_link() && !self.has(O_NOFOLLOW) && !self.exclusive();
        Rules::from_flags(self.0, follow)
    }

    /// Whether what is there may be opened so.
    ///
    /// # Errors
    /// As POSIX has them: `EEXIST` for what has to be made, `ELOOP` for a link that is not to be
    /// followed, `EISDIR` for a directory that would be made or written or is refused, `ENOTDIR`,
    /// and `EINVAL` for `O_SYMLINK` on what is none.
    pub fn may_open(self, kind: Kind) -> Result<()> {
        let creates = self.has(O_CREAT) && !self.has(O_DIRECTORY);
        let writes = self.has(O_WRONLY) || self.has(O_TRUNC);
        match kind {
            _ if self.exclusive() => Err(Error::new(EEXIST)),
            Kind::Link if !self.as_link() => Err(Error::new(ELOOP)),
            Kind::Directory if creates || writes || self.is_for_files() => Err(Error::new(EISDIR)),
            Kind::File | Kind::Link if self.has(O_DIRECTORY) => Err(Error::new(ENOTDIR)),
            Kind::File | Kind::Directory if self.has(O_SYMLINK) => Err(Error::new(EINVAL)),
            _ => Ok(()),
        }
    }

    /// What is made where there is nothing; `slash`: the path demands a directory.
    ///
    /// # Errors
    /// `ENOENT` if nothing is to be made, `EISDIR` for a name with a slash behind it that is to be
    /// no directory, `EINVAL` for a directory that is a link.
    pub fn to_make(self, slash: bool) -> Result<Kind> {
        match (self.has(O_DIRECTORY), self.has(O_SYMLINK)) {
            _ if !self.has(O_CREAT) => Err(Error::new(ENOENT)),
            (false, _) if slash => Err(Error::new(EISDIR)),
            (true, true) => Err(Error::new(EINVAL)),
            (true, false) => Ok(Kind::Directory),
            (false, true) => Ok(Kind::Link),
            (false, false) => Ok(Kind::File),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syscall::flag::O_RDONLY;

    #[test]
    fn flags_of_several_bits_are_all_needed() {
        let stat = Flags(O_STAT as u64);
        assert!(!stat.as_link() && !stat.reads_or_writes());
        assert!(Flags((O_STAT | O_NOFOLLOW) as u64).as_link());
        assert!(!Flags(O_CREAT as u64).exclusive());
        assert!(Flags((O_CREAT | O_EXCL) as u64).exclusive());
        assert!(Flags(O_RDONLY as u64).reads_or_writes());
        assert!(!Flags(O_TRUNC as u64).empties());
    }

    #[test]
    fn what_is_there_opens_as_posix_has_it() {
        use Kind::{Directory, File, Link};
        for (kind, flags, errno) in [
            (File, O_CREAT | O_EXCL, Some(EEXIST)),
            (File, O_CREAT, None),
            (File, O_RDONLY | O_DIRECTORY, Some(ENOTDIR)),
            (File, O_SYMLINK, Some(EINVAL)),
            (Link, O_RDONLY, Some(ELOOP)),
            (Link, O_STAT | O_NOFOLLOW, None),
            (Link, O_SYMLINK | O_DIRECTORY, Some(ENOTDIR)),
            (Directory, O_CREAT, Some(EISDIR)),
            (Directory, O_CREAT | O_DIRECTORY, None),
            (Directory, O_WRONLY, Some(EISDIR)),
            (Directory, O_RDONLY | O_TRUNC, Some(EISDIR)),
            (Directory, O_SYMLINK, Some(EINVAL)),
            (Directory, O_RDONLY, None),
        ] {
            let found = Flags(flags as u64).may_open(kind).err().map(|error| error.errno);
            assert_eq!(found, errno, "{kind:?} {flags:#x}");
        }
        let refused = Flags(open_flags::NOT_DIRECTORY).may_open(Directory);
        assert_eq!(refused.unwrap_err().errno, EISDIR);
        assert!(Flags(open_flags::NOT_DIRECTORY).may_open(File).is_ok());
    }

    #[test]
    fn what_is_not_there_is_made_as_it_is_asked_for() {
        for (slash, flags, made) in [
            (false, O_RDONLY, Err(ENOENT)),
            (false, O_CREAT, Ok(Kind::File)),
            (false, O_CREAT | O_SYMLINK, Ok(Kind::Link)),
            (false, O_CREAT | O_DIRECTORY, Ok(Kind::Directory)),
            (false, O_CREAT | O_DIRECTORY | O_SYMLINK, Err(EINVAL)),
            (true, O_CREAT, Err(EISDIR)),
            (true, O_CREAT | O_SYMLINK, Err(EISDIR)),
            (true, O_CREAT | O_DIRECTORY, Ok(Kind::Directory)),
            (true, O_RDONLY | O_DIRECTORY, Err(ENOENT)),
        ] {
            let found = Flags(flags as u64).to_make(slash).map_err(|error| error.errno);
            assert_eq!(found, made, "{slash} {flags:#x}");
        }
    }
}
