//! Where kernel and init lie, and their bytes in place.
use alloc::vec::Vec;

use clavis_abi::boot::INIT_SEGMENTS;
use clavis_elf::{Image, Kind, PAGE, Place, Segment};

use crate::Problem;

/// Where a position-independent init is put in its space.
pub const INIT_BASE: u64 = 0x20_0000;
/// Greatest size of a program in memory, in bytes.
pub const PROGRAM_MAX: u64 = 64 << 20;

/// A program that was checked: what to allocate and where its parts belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// First page of the program in memory.
    pub start: u64,
    /// Bytes from there to the end of its last page.
    pub bytes: u64,
    /// Address of its first instruction.
    pub entry: u64,
    /// Its segments, at their final addresses.
    pub segments: Vec<Segment>,
}

/// Checks the kernel's file.
///
/// # Errors
/// [`Problem::Program`], [`Problem::Placement`].
pub fn plan_kernel(path: &'static str, file: &[u8]) -> Result<Plan, Problem> {
    let image = judge(path, file, Place::KERNEL)?;
    match image.kind {
        Kind::Fixed => plan(path, &image, 0),
        Kind::Pie => Err(Problem::Placement { path, why: "is not linked at the kernel's address" }),
    }
}

/// Checks init's file.
///
/// # Errors
/// [`Problem::Program`], [`Problem::Placement`].
pub fn plan_init(path: &'static str, file: &[u8]) -> Result<Plan, Problem> {
    let image = judge(path, file, Place::USER)?;
    if image.segments().len() > INIT_SEGMENTS {
        return Err(Problem::Placement { path, why: "has more segments than init may have" });
    }
    match image.kind {
        Kind::Fixed => plan(path, &image, 0),
        Kind::Pie => plan(path, &image, INIT_BASE),
    }
}

fn judge(path: &'static str, file: &[u8], place: Place) -> Result<Image, Problem> {
    let wrong = |why| Problem::Program { path, why };
    let head = file.get(..clavis_elf::HEAD).unwrap_or(file);
    let image = Image::parse(head, file.len() as u64, place).map_err(wrong)?;
    if let Some(section) = image.dynamic
        && let Some(bytes) = part(file, section.offset, section.len)
        && clavis_elf::needs_libraries(bytes)
    {
        return Err(wrong(clavis_elf::Error::Dynamic));
    }
    Ok(image)
}

fn plan(path: &'static str, image: &Image, base: u64) -> Result<Plan, Problem> {
    let outside = Problem::Placement { path, why: "does not fit where it is to lie" };
    let (first, end) = image.span();
    let bytes = end.saturating_sub(first);
    if bytes > PROGRAM_MAX {
        return Err(Problem::Placement { path, why: "takes more than 64 MiB of memory" });
    }
    let mut segments = image.segments().to_vec();
    for segment in &mut segments {
        segment.vaddr = segment.vaddr.checked_add(base).ok_or_else(|| outside.clone())?;
    }
    Ok(Plan {
        start: first.checked_add(base).ok_or_else(|| outside.clone())?,
        bytes,
        entry: image.entry.checked_add(base).ok_or(outside)?,
        segments,
    })
}

impl Plan {
    /// Copies the program's bytes into `memory`, which holds [`Plan::bytes`] zeros.
    ///
    /// # Errors
    /// [`Problem::Truncated`] if `file` or `memory` is not what the plan was made for.
    pub fn fill(&self, path: &'static str, file: &[u8], memory: &mut [u8]) -> Result<(), Problem> {
        for segment in &self.segments {
            let truncated = Problem::Truncated { path };
            let from = part(file, segment.file_offset, segment.file_size);
            let to = segment.vaddr.checked_sub(self.start).and_then(|offset| {
                let start = usize::try_from(offset).ok()?;
                let end = start.checked_add(usize::try_from(segment.file_size).ok()?)?;
                memory.get_mut(start..end)
            });
            match (from, to) {
                (Some(from), Some(to)) if from.len() == to.len() => to.copy_from_slice(from),
                _ => return Err(truncated),
            }
        }
        Ok(())
    }

    /// Offset of a segment's first page from the program's first page.
    #[must_use]
    pub fn offset(&self, segment: &Segment) -> u64 {
        segment.page_start().saturating_sub(self.start) & !(PAGE.wrapping_sub(1))
    }
}

fn part(file: &[u8], offset: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    file.get(start..start.checked_add(usize::try_from(len).ok()?)?)
}
