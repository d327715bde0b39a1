//! Why an image is refused.
use core::fmt;

/// What is wrong with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// It ends before its head does, or is shorter than its head says.
    Truncated,
    /// It does not start with the magic of this format and version.
    Magic,
    /// The head contradicts itself (counts, sizes).
    Head,
    /// The checksum of the index is wrong.
    Checksum,
    /// A path is empty, too long, not UTF-8, absolute, or has an empty, `.` or `..` component.
    Path,
    /// Paths are not in ascending order, or a file is named as a directory too.
    Order,
    /// A file does not lie on pages of its own inside the image, or the rest of its last page is
    /// not zero.
    Place,
    /// An unknown mode bit is set.
    Mode,
}

impl Error {
    /// What is wrong, as a phrase that follows "the boot image …".
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Error::Truncated => "is truncated",
            Error::Magic => "has the wrong magic number or version",
            Error::Head => "has a contradictory head",
            Error::Checksum => "has a damaged index",
            Error::Path => "has a malformed path",
            Error::Order => "has paths out of order",
            Error::Place => "has a misplaced file",
            Error::Mode => "has a file of unknown mode",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for Error {}
