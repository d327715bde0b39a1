//! Why a file is not loaded.
use core::fmt;

/// What is wrong with an ELF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// The file or the copy of its head ends inside the ELF header or the program headers.
    Truncated,
    /// The file does not start with the ELF magic.
    NotElf,
    /// It is not ELF version 1, 64 bits, little endian, with headers of the usual sizes.
    Format,
    /// It is for another machine than `x86_64`.
    Machine,
    /// It is neither an executable nor a position-independent one.
    Kind,
    /// It names an interpreter or needs shared libraries.
    Dynamic,
    /// It has no segments, or more than fit.
    SegmentCount,
    /// A segment's file range lies (partly) behind the end of the file.
    BeyondFile,
    /// A segment is larger in the file than in memory.
    FileLarger,
    /// A range wraps around the end of the address space.
    Wraps,
    /// A segment lies outside the addresses allowed to it.
    Address,
    /// A segment's alignment is no power of two of at least a page, or its address and its file
    /// offset disagree about it.
    Alignment,
    /// Segments are not in ascending order, or two share a page.
    Overlap,
    /// A segment is writable and executable, or not readable, or the stack is to be executable.
    Protection,
    /// A segment that is not writable has memory that the file does not fill.
    ZeroFill,
    /// The entry point is in no executable segment.
    Entry,
    /// The TLS template is in no segment, too large, or misaligned.
    Tls,
    /// A program header that may occur once occurs twice, or one points outside the segments.
    Header,
}

impl Error {
    /// What is wrong, as a phrase that follows "the file …".
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Error::Truncated => "ends inside its headers",
            Error::NotElf => "is not an ELF file",
            Error::Format => "is not a 64-bit little-endian ELF file of version 1",
            Error::Machine => "is for another processor than x86_64",
            Error::Kind => "is not an executable",
            Error::Dynamic => "needs a dynamic linker",
            Error::SegmentCount => "has no segments or too many",
            Error::BeyondFile => "is shorter than its segments say",
            Error::FileLarger => "has a segment that is larger in the file than in memory",
            Error::Wraps => "has a segment that wraps around",
            Error::Address => "has a segment outside the addresses allowed to it",
            Error::Alignment => "has a misaligned segment",
            Error::Overlap => "has segments that overlap or are out of order",
            Error::Protection => "wants memory that is writable and executable, or unreadable",
            Error::ZeroFill => "has a read-only segment that the file does not fill",
            Error::Entry => "starts outside its code",
            Error::Tls => "has a bad TLS template",
            Error::Header => "has contradictory program headers",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for Error {}
