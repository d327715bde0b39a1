//! One segment to map.
use goblin::elf64::program_header::{PF_R, PF_W, PF_X, ProgramHeader};

use crate::{Error, Kind, PAGE, Place};

/// A part of the file that lies in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Where it starts in the file, in bytes.
    pub file_offset: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// Its address (relative to the image's base in a position-independent program).
    pub vaddr: u64,
    /// Bytes in memory: what the file does not fill is zero.
    pub mem_size: u64,
    /// It is read.
    pub read: bool,
    /// It is written.
    pub write: bool,
    /// It is executed.
    pub exec: bool,
}

/// Bytes of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileRange {
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
}

impl Segment {
    /// Checks one `PT_LOAD` header by itself.
    pub(crate) fn check(
        header: &ProgramHeader,
        kind: Kind,
        place: Place,
        file_size: u64,
    ) -> Result<Segment, Error> {
        let segment = Segment {
            file_offset: header.p_offset,
            file_size: header.p_filesz,
            vaddr: header.p_vaddr,
            mem_size: header.p_memsz,
            read: header.p_flags & PF_R != 0,
            write: header.p_flags & PF_W != 0,
            exec: header.p_flags & PF_X != 0,
        };
        let file_end = header.p_offset.checked_add(header.p_filesz).ok_or(Error::Wraps)?;
        if file_end > file_size {
            return Err(Error::BeyondFile);
        }
        if header.p_filesz > header.p_memsz {
            return Err(Error::FileLarger);
        }
        let end = header.p_vaddr.checked_add(header.p_memsz).ok_or(Error::Wraps)?;
        let page_end = end.checked_next_multiple_of(PAGE).ok_or(Error::Wraps)?;
        let inside = match kind {
            Kind::Fixed => place.holds(segment.page_start(), page_end),
            Kind::Pie => page_end <= place.size(),
        };
        if !inside {
            return Err(Error::Address);
        }
        if header.p_align < PAGE
            || !header.p_align.is_power_of_two()
            || (header.p_vaddr ^ header.p_offset) & header.p_align.wrapping_sub(1) != 0
        {
            return Err(Error::Alignment);
        }
        if !segment.read || (segment.write && segment.exec) {
            return Err(Error::Protection);
        }
        if !segment.write && segment.file_size != segment.mem_size {
            return Err(Error::ZeroFill);
        }
        Ok(segment)
    }

    /// Address of its first page.
    #[must_use]
    pub const fn page_start(&self) -> u64 {
        self.vaddr & !(PAGE.wrapping_sub(1))
    }

    /// Address behind its last page. (Checked not to wrap when the file was judged.)
    #[must_use]
    pub const fn page_end(&self) -> u64 {
        self.vaddr.saturating_add(self.mem_size).saturating_add(PAGE.wrapping_sub(1))
            & !(PAGE.wrapping_sub(1))
    }

    /// Bytes from [`Segment::page_start`] to [`Segment::page_end`].
    #[must_use]
    pub const fn page_bytes(&self) -> u64 {
        self.page_end().saturating_sub(self.page_start())
    }

    /// File offset of its first page: what lies at [`Segment::page_start`]. A multiple of a page.
    #[must_use]
    pub const fn page_offset(&self) -> u64 {
        self.file_offset & !(PAGE.wrapping_sub(1))
    }

    /// Bytes of whole pages that the file backs (from [`Segment::page_offset`]); the rest of
    /// [`Segment::page_bytes`] is zero pages. 0 if the file gives nothing. In the last of these
    /// pages everything behind [`Segment::file_end`] is to be zeroed if the segment is writable.
    #[must_use]
    pub const fn backed_bytes(&self) -> u64 {
        if self.file_size == 0 {
            return 0;
        }
        (self.file_end().saturating_add(PAGE.wrapping_sub(1)) & !(PAGE.wrapping_sub(1)))
            .saturating_sub(self.page_start())
    }

    /// Address behind the last byte that comes from the file.
    #[must_use]
    pub const fn file_end(&self) -> u64 {
        self.vaddr.saturating_add(self.file_size)
    }

    /// Whether `vaddr .. vaddr + len` lies in what the file gives.
    #[must_use]
    pub const fn file_holds(&self, vaddr: u64, len: u64) -> bool {
        match vaddr.checked_add(len) {
            Some(end) => self.vaddr <= vaddr && end <= self.file_end(),
            None => false,
        }
    }

    /// Whether `vaddr .. vaddr + len` lies in the segment's memory.
    #[must_use]
    pub const fn holds(&self, vaddr: u64, len: u64) -> bool {
        match vaddr.checked_add(len) {
            Some(end) => self.vaddr <= vaddr && end <= self.vaddr.saturating_add(self.mem_size),
            None => false,
        }
    }
}
