//! The program's bytes, and memory that can be mapped from it.
use crate::handle::{Handle, Number, Place};
use crate::namespace;
use crate::object;
use crate::sys;
use alloc::boxed::Box;
use alloc::vec;
use clavis_abi::error::{
    EACCES, EBUSY, EIO, EKEYREJECTED, ENODEV, ENOEXEC, ENOSYS, ENOTCAPABLE, EOPNOTSUPP, EPERM,
    Error, Result,
};
use clavis_abi::params::open_flags;
use clavis_abi::{PAGE_SIZE, Rights};
use syscall::flag::{MODE_FILE, MODE_TYPE, MapFlags, O_RDONLY};

/// Bytes moved at once when a file is copied.
const COPY_BYTES: usize = 64 << 10;

/// Where a program lies.
#[derive(Clone, Copy, Debug)]
pub enum Image<'a> {
    /// In a file (rights READ and STAT, and MAP_EXEC or EXEC).
    File(Number),
    /// In a memory object that can be mapped executable (the boot image).
    Memory {
        /// The object.
        memory: Number,
        /// Where the file starts in it, a multiple of a page.
        offset: u64,
        /// The file's bytes, mapped in this process.
        bytes: &'a [u8],
    },
}

/// Opens a program for [`super::spawn()`].
///
/// # Errors
/// As [`namespace::open`].
pub fn open_program(path: &str) -> Result<Handle> {
    namespace::open(path, O_RDONLY as u64 | open_flags::EXEC, Place::Upper)
}

/// A judged program.
pub(super) struct Program<'a> {
    source: Image<'a>,
    size: u64,
    memory: Option<Handle>,
    /// What its head says: too much for a stack that has just begun.
    pub(super) image: Box<clavis_elf::Image>,
}

impl<'a> Program<'a> {
    /// Copies the head, judges it.
    pub(super) fn open(source: Image<'a>) -> Result<Program<'a>> {
        let judge = |head: &[u8], size| {
            clavis_elf::Image::parse(head, size, clavis_elf::Place::USER)
                .map(Box::new)
                .map_err(|_| Error::new(ENOEXEC))
        };
        let mut memory = None;
        let (image, size) = match source {
            Image::Memory { bytes, .. } => {
                let head = bytes.get(..clavis_elf::HEAD).unwrap_or(bytes);
                (judge(head, bytes.len() as u64)?, bytes.len() as u64)
            }
            Image::File(file) => {
                let stat = sys::file::fstat(file)?;
                if stat.st_mode & MODE_TYPE != MODE_FILE {
                    return Err(Error::new(EACCES));
                }
                // Its memory is needed anyway, and is read without asking the server once more.
                memory = memory_of(file, stat.st_size).ok();
                let mut head = vec![0; clavis_elf::HEAD];
                let length = match &memory {
                    Some(memory) => sys::file::read(memory.number(), &mut head)?,
                    None => sys::file::read_at(file, &mut head, 0)?,
                };
                let size = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
                let head = head.get(..length.min(size)).ok_or(Error::new(EIO))?;
                (judge(head, stat.st_size)?, stat.st_size)
            }
        };
        Ok(Program { source, size, memory, image })
    }

    /// Reads exactly these bytes of the file; a file that became shorter is `ENOEXEC`.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        match self.source {
            Image::Memory { bytes, .. } => {
                let start = usize::try_from(offset).map_err(|_| Error::new(ENOEXEC))?;
                let part = bytes.get(start..).and_then(|rest| rest.get(..buffer.len()));
                buffer.copy_from_slice(part.ok_or(Error::new(ENOEXEC))?);
            }
            Image::File(file) => match &self.memory {
                Some(memory) if offset.is_multiple_of(PAGE_SIZE as u64) => {
                    read_part(memory.number(), buffer, offset)?;
                }
                _ => read_exact_at(file, buffer, offset)?,
            },
        }
        Ok(())
    }

    /// The memory object, and where the file starts in it.
    pub(super) fn memory(&mut self) -> Result<(Number, u64)> {
        if let Some(memory) = &self.memory {
            return Ok((memory.number(), 0));
        }
        match self.source {
            Image::Memory { memory, offset, .. } => Ok((memory, offset)),
            Image::File(file) => {
                let memory = match memory_of(file, self.size) {
                    Err(error) if self.may_copy(error) => return self.sealed_copy(),
                    answer => self.memory.insert(answer?),
                };
                Ok((memory.number(), 0))
            }
        }
    }

    /// Whether after this refusal a sealed copy of the file may take the place of its memory.
    pub(super) fn may_copy(&self, error: Error) -> bool {
        matches!(self.source, Image::File(_))
            && matches!(
                error.errno,
                EACCES | EPERM | EBUSY | ENODEV | ENOSYS | EOPNOTSUPP | EKEYREJECTED
            )
    }

    /// Reads the file into fresh memory, seals that, and uses it from now on.
    pub(super) fn sealed_copy(&mut self) -> Result<(Number, u64)> {
        let Image::File(file) = self.source else { return Err(Error::new(EACCES)) };
        let rights = Rights::from_bits_truncate(sys::clavis::query(file)?.rights);
        if !rights.contains(Rights::EXEC) {
            return Err(Error::new(ENOTCAPABLE));
        }
        let memory = object::memory(self.size, Place::Upper)?;
        let mut buffer = vec![0; COPY_BYTES];
        let mut offset = 0;
        while offset < self.size {
            let left = usize::try_from(self.size - offset).unwrap_or(usize::MAX);
            let bytes = buffer.get_mut(..left.min(COPY_BYTES)).ok_or(Error::new(EIO))?;
            read_exact_at(file, bytes, offset)?;
            super::write_exact_at(memory.number(), bytes, offset)?;
            offset += bytes.len() as u64;
        }
        sys::memory::seal(memory.number())?;
        Ok((self.memory.insert(memory).number(), 0))
    }
}

fn memory_of(file: Number, size: u64) -> Result<Handle> {
    let protection = MapFlags::PROT_READ | MapFlags::PROT_EXEC;
    sys::memory::memory_of(file, 0, size, protection, Place::Upper)
}

/// Reads a part of a memory object; through a view of its own if the object's handle has not the
/// right to seek, since that of the file had not.
fn read_part(memory: Number, buffer: &mut [u8], offset: u64) -> Result<()> {
    match sys::file::read_at(memory, buffer, offset) {
        Ok(count) if count == buffer.len() => return Ok(()),
        Ok(_) => return Err(Error::new(ENOEXEC)),
        Err(error) if error.errno == ENOTCAPABLE => {}
        Err(error) => return Err(error),
    }
    let (length, protection) = (buffer.len() as u64, MapFlags::PROT_READ);
    let view = sys::memory::memory_of(memory, offset, length, protection, Place::Upper)?;
    match sys::file::read_full(view.number(), buffer)? {
        count if count == buffer.len() => Ok(()),
        _ => Err(Error::new(ENOEXEC)),
    }
}

fn read_exact_at(file: Number, buffer: &mut [u8], offset: u64) -> Result<()> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match sys::file::read_at(file, rest, offset + done as u64)? {
            0 => return Err(Error::new(ENOEXEC)),
            count => done += count,
        }
    }
    Ok(())
}
