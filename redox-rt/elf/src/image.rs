//! A program that was judged to be loadable.
use goblin::elf64::header::{
    ELFCLASS64, ELFDATA2LSB, ELFMAG, EM_X86_64, ET_DYN, ET_EXEC, EV_CURRENT, Header, SIZEOF_EHDR,
};
use goblin::elf64::program_header::{
    PF_X, PT_DYNAMIC, PT_GNU_RELRO, PT_GNU_STACK, PT_INTERP, PT_LOAD, PT_PHDR, PT_TLS,
    ProgramHeader, SIZEOF_PHDR,
};
use plain::Plain;

use crate::{Error, FileRange, PAGE, Place, SEGMENTS, Segment, TLS_MAX};

/// Whether a program's addresses are fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `ET_EXEC`: segments lie exactly at their addresses.
    Fixed,
    /// `ET_DYN` without libraries: addresses count from a base that the loader chooses; the
    /// program relocates itself.
    Pie,
}

/// The initial content of a thread's local storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsTemplate {
    /// Its address in the image (relative in a position-independent program).
    pub vaddr: u64,
    /// Bytes of the template.
    pub file_size: u64,
    /// Bytes of a thread's block.
    pub mem_size: u64,
    /// Alignment of the block, a power of two.
    pub align: u64,
}

/// Where the program headers lie in the mapped image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgramHeaders {
    /// Address of the first (relative in a position-independent program); 0 if no segment has them.
    pub vaddr: u64,
    /// How many there are.
    pub count: u64,
}

/// A static program: what to map and where to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Whether its addresses are fixed.
    pub kind: Kind,
    /// Address of its first instruction (relative in a position-independent program).
    pub entry: u64,
    /// The thread-local storage it wants.
    pub tls: Option<TlsTemplate>,
    /// Its program headers in memory.
    pub program_headers: ProgramHeaders,
    /// Its dynamic section in the file, for [`crate::needs_libraries`].
    pub dynamic: Option<FileRange>,
    segments: [Segment; SEGMENTS],
    count: usize,
}

impl Image {
    /// Judges a program by a copy of its head. `head` is the first [`crate::HEAD`] bytes of the
    /// file (or all of a shorter one), `file_size` the bytes of the whole file, `place` where it
    /// may lie.
    ///
    /// # Errors
    /// What is wrong with the file; see [`Error`].
    pub fn parse(head: &[u8], file_size: u64, place: Place) -> Result<Image, Error> {
        let header = elf_header(head)?;
        let kind = match header.e_type {
            ET_EXEC => Kind::Fixed,
            ET_DYN => Kind::Pie,
            _ => return Err(Error::Kind),
        };
        let mut parts = Parts::default();
        for table_entry in program_headers(head, &header)? {
            parts.take(&table_entry?, kind, place, file_size)?;
        }
        parts.finish(&header, kind)
    }

    /// Its segments, in ascending order of address, no two of them on one page.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        self.segments.get(..self.count).unwrap_or_default()
    }

    /// First page and the address behind the last page of the image.
    #[must_use]
    pub fn span(&self) -> (u64, u64) {
        match self.segments() {
            [] => (0, 0),
            [only] => (only.page_start(), only.page_end()),
            [first, .., last] => (first.page_start(), last.page_end()),
        }
    }
}

fn elf_header(head: &[u8]) -> Result<Header, Error> {
    if head.get(..4) != Some(ELFMAG.as_slice()) {
        return Err(Error::NotElf);
    }
    let mut header = Header::default();
    header
        .copy_from_bytes(head.get(..SIZEOF_EHDR).ok_or(Error::Truncated)?)
        .map_err(|_| Error::Truncated)?;
    let [_, _, _, _, class, data, version, ..] = header.e_ident;
    if class != ELFCLASS64
        || data != ELFDATA2LSB
        || version != EV_CURRENT
        || header.e_version != u32::from(EV_CURRENT)
        || usize::from(header.e_ehsize) != SIZEOF_EHDR
        || usize::from(header.e_phentsize) != SIZEOF_PHDR
    {
        return Err(Error::Format);
    }
    if header.e_machine != EM_X86_64 {
        return Err(Error::Machine);
    }
    Ok(header)
}

fn program_headers<'a>(
    head: &'a [u8],
    header: &Header,
) -> Result<impl Iterator<Item = Result<ProgramHeader, Error>> + 'a, Error> {
    let bytes = usize::from(header.e_phnum).checked_mul(SIZEOF_PHDR).ok_or(Error::Wraps)?;
    let start = usize::try_from(header.e_phoff).map_err(|_| Error::Truncated)?;
    let end = start.checked_add(bytes).ok_or(Error::Wraps)?;
    let table = head.get(start..end).ok_or(Error::Truncated)?;
    Ok(table.as_chunks::<SIZEOF_PHDR>().0.iter().map(|bytes| {
        let mut entry = ProgramHeader::default();
        entry.copy_from_bytes(bytes).map_err(|_| Error::Truncated)?;
        Ok(entry)
    }))
}

/// What the program headers said so far.
#[derive(Default)]
struct Parts {
    segments: [Segment; SEGMENTS],
    count: usize,
    tls: Option<ProgramHeader>,
    table: Option<ProgramHeader>,
    dynamic: Option<ProgramHeader>,
    relro: Option<ProgramHeader>,
}

impl Parts {
    fn take(
        &mut self,
        header: &ProgramHeader,
        kind: Kind,
        place: Place,
        file_size: u64,
    ) -> Result<(), Error> {
        match header.p_type {
            PT_LOAD => self.load(header, kind, place, file_size),
            PT_TLS => once(&mut self.tls, header),
            PT_PHDR => once(&mut self.table, header),
            PT_DYNAMIC => once(&mut self.dynamic, header),
            PT_GNU_RELRO => once(&mut self.relro, header),
            PT_INTERP => Err(Error::Dynamic),
            PT_GNU_STACK if header.p_flags & PF_X != 0 => Err(Error::Protection),
            _ => Ok(()),
        }
    }

    fn load(
        &mut self,
        header: &ProgramHeader,
        kind: Kind,
        place: Place,
        file_size: u64,
    ) -> Result<(), Error> {
        let segment = Segment::check(header, kind, place, file_size)?;
        if segment.mem_size == 0 {
            return Ok(());
        }
        let below = self.loaded().last().map_or(0, Segment::page_end);
        if segment.page_start() < below {
            return Err(Error::Overlap);
        }
        *self.segments.get_mut(self.count).ok_or(Error::SegmentCount)? = segment;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    fn loaded(&self) -> &[Segment] {
        self.segments.get(..self.count).unwrap_or_default()
    }

    fn finish(self, header: &Header, kind: Kind) -> Result<Image, Error> {
        let loaded = self.loaded();
        if loaded.is_empty() {
            return Err(Error::SegmentCount);
        }
        if !loaded.iter().any(|s| s.exec && s.file_holds(header.e_entry, 1)) {
            return Err(Error::Entry);
        }
        if let Some(relro) = &self.relro
            && !loaded.iter().any(|s| {
                s.write
                    && s.vaddr <= relro.p_vaddr
                    && relro
                        .p_vaddr
                        .checked_add(relro.p_memsz)
                        .is_some_and(|end| end <= s.page_end())
            })
        {
            return Err(Error::Header);
        }
        Ok(Image {
            kind,
            entry: header.e_entry,
            tls: self.tls.map(|tls| template(&tls, loaded)).transpose()?,
            program_headers: self.table_in_memory(header)?,
            dynamic: self.dynamic.map(|d| dynamic(&d, loaded)).transpose()?,
            segments: self.segments,
            count: self.count,
        })
    }

    /// The address of the program headers: where a segment maps them, which `PT_PHDR` must confirm.
    fn table_in_memory(&self, header: &Header) -> Result<ProgramHeaders, Error> {
        let bytes = u64::from(header.e_phnum).saturating_mul(SIZEOF_PHDR as u64);
        let mapped = self.loaded().iter().find_map(|s| {
            let inside = header.e_phoff.checked_sub(s.file_offset)?;
            let vaddr = s.vaddr.checked_add(inside)?;
            s.file_holds(vaddr, bytes).then_some(vaddr)
        });
        if let Some(table) = &self.table
            && (mapped != Some(table.p_vaddr) || table.p_memsz != bytes)
        {
            return Err(Error::Header);
        }
        Ok(ProgramHeaders { vaddr: mapped.unwrap_or(0), count: u64::from(header.e_phnum) })
    }
}

fn once(place: &mut Option<ProgramHeader>, header: &ProgramHeader) -> Result<(), Error> {
    if place.replace(*header).is_some() { Err(Error::Header) } else { Ok(()) }
}

fn template(tls: &ProgramHeader, loaded: &[Segment]) -> Result<TlsTemplate, Error> {
    let align = tls.p_align.max(1);
    let mapped =
        tls.p_filesz == 0 || loaded.iter().any(|s| s.file_holds(tls.p_vaddr, tls.p_filesz));
    if !mapped
        || !align.is_power_of_two()
        || align > PAGE
        || tls.p_vaddr & align.wrapping_sub(1) != 0
        || tls.p_filesz > tls.p_memsz
        || tls.p_memsz > TLS_MAX
    {
        return Err(Error::Tls);
    }
    Ok(TlsTemplate { vaddr: tls.p_vaddr, file_size: tls.p_filesz, mem_size: tls.p_memsz, align })
}

fn dynamic(dynamic: &ProgramHeader, loaded: &[Segment]) -> Result<FileRange, Error> {
    let inside = loaded.iter().any(|s| {
        s.file_holds(dynamic.p_vaddr, dynamic.p_filesz)
            && dynamic.p_vaddr.checked_sub(s.vaddr) == dynamic.p_offset.checked_sub(s.file_offset)
            && dynamic.p_offset >= s.file_offset
    });
    if !inside {
        return Err(Error::Header);
    }
    Ok(FileRange { offset: dynamic.p_offset, len: dynamic.p_filesz })
}
