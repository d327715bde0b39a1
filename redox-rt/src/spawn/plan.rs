//! What lies where in a new process. Pure.
//!
//! ```text
//! base                       guard page, no access
//! base + 1 page              the first thread's stack
//! … + stack                  the startup block, read-only
//! … + 1 free page            the image, if it can lie anywhere
//! ```
//!
//! All of it lies close together, so that few page tables are needed.
use clavis_abi::startup::Header;
use clavis_elf::{Image, Kind, PAGE, Segment};
use syscall::flag::MapFlags;

/// Lowest address that a base can have.
const BASE_FIRST: u64 = 0x1000_0000_0000;
/// How many pages above it a base can lie.
const BASE_PAGES: u64 = 1 << 33;
/// Greatest size of a stack in bytes.
const STACK_MAX: u64 = 1 << 30;
/// At most: guard, stack, block, and three per segment.
const STEPS: usize = 3 + 3 * clavis_elf::SEGMENTS;

/// Where the content of a mapping comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// From the program's file.
    File,
    /// From the memory object that the builder wrote for this child.
    Scratch,
    /// Zeroes.
    Zero,
}

/// One mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where its content comes from.
    pub content: Content,
    /// Offset there.
    pub offset: u64,
    /// Address in the child.
    pub address: u64,
    /// Bytes, whole pages.
    pub length: u64,
    /// Protection and sharing.
    pub flags: MapFlags,
}

/// The last page of a segment's file content, to be copied so that zeroes follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Where it goes in the scratch memory.
    pub scratch_offset: usize,
    /// Where it comes from in the file.
    pub file_offset: u64,
    /// Bytes of content, less than a page.
    pub length: usize,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Plan {
    steps: alloc::vec::Vec<Step>,
    tails: alloc::vec::Vec<Tail>,
    /// Bytes of the scratch memory: the startup block, then the tails.
    pub scratch_size: usize,
    /// Address of the startup block.
    pub block_address: u64,
    /// First instruction.
    pub entry: u64,
    /// The stack pointer to start with, aligned to 16.
    pub stack_top: u64,
    header: Header,
}

impl Plan {
    /// Places an image with a startup block of `block_size` bytes and a stack. `None`: it does
    /// not fit.
    #[must_use]
    pub fn new(image: &Image, block_size: usize, stack_size: usize, random: u64) -> Option<Plan> {
        let base = BASE_FIRST + (random % BASE_PAGES) * PAGE;
        let stack_size = (stack_size as u64).checked_next_multiple_of(PAGE)?.max(PAGE);
        if stack_size > STACK_MAX {
            return None;
        }
        let stack_base = base + PAGE;
        let stack_top = stack_base + stack_size;
        let block_pages = (block_size as u64).checked_next_multiple_of(PAGE)?;
        let behind = stack_top.checked_add(block_pages)?.checked_add(PAGE)?;
        let (image_start, image_end) = image.span();
        let bias = match image.kind {
            Kind::Pie => behind.checked_sub(image_start)?,
            Kind::Fixed => 0,
        };
        let fits = image_end.checked_add(bias)? <= clavis_elf::Place::USER.end;
        let apart = image_end <= base || image_start.checked_add(bias)? >= behind;
        if !fits || !apart {
            return None;
        }
        let mut plan = Plan {
            steps: alloc::vec::Vec::with_capacity(STEPS),
            tails: alloc::vec::Vec::new(),
            scratch_size: usize::try_from(block_pages).ok()?,
            block_address: stack_top,
            entry: image.entry.checked_add(bias)?,
            stack_top,
            header: header(image, bias, stack_base, stack_size),
        };
        // Code first: whether the file's memory can be executed decides which memory is mapped.
        for segment in image.segments().iter().filter(|segment| segment.exec) {
            plan.segment(segment, bias);
        }
        for segment in image.segments().iter().filter(|segment| !segment.exec) {
            plan.segment(segment, bias);
        }
        plan.push(Content::Zero, 0, base, PAGE, MapFlags::MAP_PRIVATE);
        plan.push(Content::Zero, 0, stack_base, stack_size, writable());
        let shared = MapFlags::PROT_READ | MapFlags::MAP_SHARED;
        plan.push(Content::Scratch, 0, stack_top, block_pages, shared);
        Some(plan)
    }

    /// The mappings, in the order in which they are to be made.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The pages to copy.
    #[must_use]
    pub fn tails(&self) -> &[Tail] {
        &self.tails
    }

    /// The header of the startup block: counts and promises of `counted`, everything else from here.
    #[must_use]
    pub fn header(&self, counted: Header) -> Header {
        let Header { argc, envc, given_up, .. } = counted;
        Header { argc, envc, given_up, ..self.header }
    }

    fn segment(&mut self, segment: &Segment, bias: u64) {
        let start = segment.page_start() + bias;
        let backed = segment.backed_bytes();
        let offset = segment.page_offset();
        if !segment.write {
            let mut flags = MapFlags::PROT_READ | MapFlags::MAP_SHARED;
            flags.set(MapFlags::PROT_EXEC, segment.exec);
            self.push(Content::File, offset, start, backed, flags);
            return;
        }
        let tail = if segment.file_size < segment.mem_size && segment.file_size > 0 {
            segment.file_end() % PAGE
        } else {
            0
        };
        let whole = if tail == 0 { backed } else { backed - PAGE };
        self.push(Content::File, offset, start, whole, writable());
        if tail != 0 {
            let scratch_offset = self.scratch_size;
            self.scratch_size += PAGE as usize;
            self.tails.push(Tail {
                scratch_offset,
                file_offset: offset + whole,
                length: tail as usize,
            });
            let at = scratch_offset as u64;
            self.push(Content::Scratch, at, start + whole, PAGE, writable());
        }
        self.push(Content::Zero, 0, start + backed, segment.page_bytes() - backed, writable());
    }

    fn push(&mut self, content: Content, offset: u64, address: u64, length: u64, flags: MapFlags) {
        if length > 0 {
            self.steps.push(Step { content, offset, address, length, flags });
        }
    }
}

fn writable() -> MapFlags {
    MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_PRIVATE
}

fn header(image: &Image, bias: u64, stack_base: u64, stack_size: u64) -> Header {
    let tls = image.tls.unwrap_or_default();
    let program_headers = match image.program_headers.vaddr {
        0 => 0,
        vaddr => vaddr + bias,
    };
    Header {
        image_base: image.span().0 + bias,
        program_headers,
        program_header_count: image.program_headers.count,
        tls_template: if image.tls.is_some() { tls.vaddr + bias } else { 0 },
        tls_file_size: tls.file_size,
        tls_memory_size: tls.mem_size,
        tls_align: tls.align,
        stack_base,
        stack_size,
        ..Header::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// A segment as a test states it: file offset, bytes in the file, address, bytes in memory,
    /// flags (1 execute, 2 write, 4 read).
    type Part = (u64, u64, u64, u64, u32);

    fn elf(kind: u16, entry: u64, parts: &[Part]) -> Vec<u8> {
        let mut file = std::vec![0; 64];
        file[..7].copy_from_slice(&[0x7F, b'E', b'L', b'F', 2, 1, 1]);
        file[16..18].copy_from_slice(&kind.to_le_bytes());
        file[18..20].copy_from_slice(&62u16.to_le_bytes());
        file[20] = 1;
        file[24..32].copy_from_slice(&entry.to_le_bytes());
        file[32] = 64;
        file[52] = 64;
        file[54] = 56;
        file[56] = parts.len() as u8;
        for &(offset, file_size, address, size, flags) in parts {
            file.extend(1u32.to_le_bytes());
            file.extend(flags.to_le_bytes());
            for word in [offset, address, address, file_size, size, PAGE] {
                file.extend(word.to_le_bytes());
            }
        }
        file
    }

    fn image(kind: u16, parts: &[Part]) -> Image {
        let code = parts.iter().find(|part| part.4 & 1 != 0).unwrap();
        let file = elf(kind, code.2, parts);
        Image::parse(&file, 1 << 20, clavis_elf::Place::USER).unwrap()
    }

    const PIE: u16 = 3;
    const FIXED: u16 = 2;
    const TEXT: Part = (0, 0x3000, 0, 0x3000, 5);
    const DATA: Part = (0x3100, 0x1200, 0x4100, 0x3000, 6);

    #[test]
    fn data_is_mapped_from_the_file_but_for_the_page_where_zeroes_begin() {
        let plan = Plan::new(&image(PIE, &[TEXT, DATA]), 5000, 1 << 20, 7).unwrap();
        let image_base = plan.header(Header::default()).image_base;
        let data: Vec<_> =
            plan.steps().iter().filter(|step| step.address >= image_base + 0x4000).collect();
        let as_planned = |step: &Step| (step.content, step.offset, step.address - image_base);
        assert_eq!(as_planned(data[0]), (Content::File, 0x3000, 0x4000));
        assert_eq!(as_planned(data[1]), (Content::Scratch, 2 * PAGE, 0x5000));
        assert_eq!(as_planned(data[2]), (Content::Zero, 0, 0x6000));
        assert_eq!(data.iter().map(|step| step.length).sum::<u64>(), 0x4000);
        let tail = Tail { scratch_offset: 2 * PAGE as usize, file_offset: 0x4000, length: 0x300 };
        assert_eq!(plan.tails(), [tail]);
        assert_eq!(plan.scratch_size, 3 * PAGE as usize);
    }

    #[test]
    fn code_comes_first_because_it_decides_which_memory_is_mapped() {
        let parts = [(0, 0x1000, 0, 0x1000, 4), (0x1000, 16, 0x1000, 16, 5)];
        let plan = Plan::new(&image(PIE, &parts), 1, 1, 0).unwrap();
        assert!(plan.steps()[0].flags.contains(MapFlags::PROT_EXEC));
    }

    #[test]
    fn a_program_with_fixed_addresses_lies_there() {
        let text = (0, 0x1000, 0x40_0000, 0x1000, 5);
        let plan = Plan::new(&image(FIXED, &[text]), 100, 8192, 1).unwrap();
        assert_eq!(plan.steps()[0].address, 0x40_0000);
        assert_eq!(plan.entry, 0x40_0000);
        let below = BASE_FIRST + PAGE;
        let text = (0, 0x1000, below, 0x1000, 5);
        assert!(Plan::new(&image(FIXED, &[text]), 100, 8192, 0).is_none(), "they overlap");
    }

    #[test]
    fn absurd_stacks_are_refused() {
        for size in [usize::MAX, 2 << 30] {
            assert!(Plan::new(&image(PIE, &[TEXT]), 1, size, 0).is_none());
        }
    }

    proptest! {
        #[test]
        fn mappings_never_overlap_nor_leave_user_memory(
            random in any::<u64>(),
            block in 1usize..100_000,
            stack in 1usize..(8 << 20),
            data_file in 0u64..0x5000,
            data_zero in 0u64..0x9000,
            start in 0u64..0x1000,
        ) {
            prop_assume!(data_file + data_zero > 0);
            let data = (0x3000 + start, data_file, 0x8000 + start, data_file + data_zero, 6);
            let plan = Plan::new(&image(PIE, &[TEXT, data]), block, stack, random).unwrap();
            let mut ranges: Vec<_> =
                plan.steps().iter().map(|step| (step.address, step.address + step.length)).collect();
            ranges.sort_unstable();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            prop_assert!(ranges[0].0 >= BASE_FIRST);
            prop_assert!(ranges[ranges.len() - 1].1 <= clavis_elf::Place::USER.end);
            for step in plan.steps() {
                prop_assert_eq!((step.address | step.length | step.offset) % PAGE, 0);
            }
            let both = MapFlags::PROT_WRITE | MapFlags::PROT_EXEC;
            prop_assert!(plan.steps().iter().all(|step| !step.flags.contains(both)));
            prop_assert_eq!(plan.stack_top % 16, 0);
        }
    }
}
