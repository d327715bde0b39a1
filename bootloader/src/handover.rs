//! From files to a running kernel.
use alloc::string::String;
use alloc::vec::Vec;
use core::convert::Infallible;

use clavis_abi::boot::{
    BootInfo, DIRECT_MAP, INIT_SEGMENTS, InitSegment, MAGIC, MEMORY_RANGES, MemoryKind,
    MemoryRange, Region,
};
use clavis_bootloader::memory_map::{self, Claim, Merger};
use clavis_bootloader::page_tables::{Access, MapError, PageTables};
use clavis_bootloader::program::{self, Plan};
use clavis_bootloader::{Problem, command_line};

use uefi::boot;

use crate::firmware::files::Files;
use crate::firmware::frames::Frames;
use crate::firmware::tables::TableFrames;
use crate::firmware::{acpi, clock, console, entropy, jump, memory, processor, qemu, screen};

const KERNEL: &str = "\\clavis\\kernel";
const INIT: &str = "\\clavis\\init";
const IMAGE: &str = "\\clavis\\image";
const COMMAND_LINE: &str = "\\clavis\\cmdline";
const PAGE: u64 = clavis_abi::PAGE_SIZE as u64;
/// Bytes of the stack that the kernel starts on.
const STACK: u64 = 64 << 10;
/// Claims that the final memory map may have more than the one before.
const SPARE_CLAIMS: usize = 64;

/// Everything that was read and placed.
pub(crate) struct Loaded {
    kernel: Program,
    init: Program,
    image: (Frames, usize),
    command_line: String,
}

struct Program {
    plan: Plan,
    memory: Frames,
}

/// Reads and checks the files.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn load() -> Result<Loaded, Problem> {
    let mut files = Files::open()?;
    let kernel = program(&mut files, KERNEL, program::plan_kernel)?;
    let init = program(&mut files, INIT, program::plan_init)?;
    let mut image = files.frames(IMAGE)?;
    boot_image::Image::parse(image.0.bytes()).map_err(|why| Problem::Image { path: IMAGE, why })?;
    let command_line = match qemu::command_line()? {
        Some(text) => text,
        None => files.command_line(COMMAND_LINE)?,
    };
    let command_line = command_line::normalise(&command_line)?;
    console::line(format_args!(
        "kernel {} KiB, init {} KiB, boot image {} KiB",
        kernel.plan.bytes >> 10,
        init.plan.bytes >> 10,
        image.1 >> 10,
    ));
    Ok(Loaded { kernel, init, image, command_line })
}

type Planner = fn(&'static str, &[u8]) -> Result<Plan, Problem>;

fn program(files: &mut Files, path: &'static str, plan: Planner) -> Result<Program, Problem> {
    let (mut frames, len) = files.frames(path)?;
    let file = frames.bytes().get(..len).unwrap_or_default();
    let plan = plan(path, file)?;
    let mut memory = Frames::zeroed(path, plan.bytes)?;
    plan.fill(path, file, memory.bytes())?;
    frames.free();
    Ok(Program { plan, memory })
}

/// Builds the kernel's world and starts it.
///
/// # Errors
/// What is missing; after boot services are gone there is no error left to make.
pub(crate) fn start(loaded: Loaded, start_tsc: u64) -> Result<Infallible, Problem> {
    let (entropy, entropy_len) = entropy::gather();
    let mut info_frames = Frames::zeroed("the boot information", size_of::<BootInfo>() as u64)?;
    let mut text = Frames::zeroed("the command line", loaded.command_line.len().max(1) as u64)?;
    let stack = Frames::zeroed("the kernel's stack", STACK)?;
    if let Some(place) = text.bytes().get_mut(..loaded.command_line.len()) {
        place.copy_from_slice(loaded.command_line.as_bytes());
    }
    let mut table_frames = TableFrames::default();
    let root = address_space(&loaded.kernel, &mut table_frames)?;
    let mut info = BootInfo {
        magic: MAGIC,
        memory: [MemoryRange::default(); MEMORY_RANGES],
        memory_count: 0,
        page_table: root,
        kernel: region(&loaded.kernel.memory, loaded.kernel.plan.bytes),
        platform: acpi::platform()?,
        framebuffer: screen::framebuffer(),
        command_line: region(&text, loaded.command_line.len() as u64),
        image: region(&loaded.image.0, loaded.image.1 as u64),
        init: [InitSegment::default(); INIT_SEGMENTS],
        init_count: loaded.init.plan.segments.len() as u64,
        init_entry: loaded.init.plan.entry,
        entropy,
        entropy_len: entropy_len as u64,
        wall_clock: clock::wall_clock(),
        start_tsc,
    };
    for (to, segment) in info.init.iter_mut().zip(&loaded.init.plan.segments) {
        *to = InitSegment {
            start: loaded.init.memory.start() + loaded.init.plan.offset(segment),
            address: segment.page_start(),
            pages: segment.page_bytes() / PAGE,
            protection: u64::from(segment.read)
                | u64::from(segment.write) << 1
                | u64::from(segment.exec) << 2,
        };
    }
    let mut kept: Vec<Claim> =
        [&loaded.kernel.memory, &loaded.init.memory, &loaded.image.0, &info_frames, &text, &stack]
            .map(|frames| kept_claim(frames.start(), frames.end()))
            .into();
    kept.extend(table_frames.ranges().map(|(start, end)| kept_claim(start, end)));
    let claims = memory::claims()?;
    let mut merger = Merger::with_capacity(claims.len() + kept.len() + SPARE_CLAIMS);
    set_memory(&mut info, merger.merge(claims.into_iter().chain(kept.iter().copied()))?);
    console::line(format_args!(
        "starting the kernel after {} ms",
        clock::milliseconds_since(start_tsc)
    ));
    let entry = loaded.kernel.plan.entry;
    // What lies in the allocator's memory stays there: soon there is no allocator to free it.
    core::mem::forget((loaded, table_frames));
    leave(info, kept, merger, &mut info_frames, stack.end(), entry)
}

fn kept_claim(start: u64, end: u64) -> Claim {
    Claim { start, end, kind: MemoryKind::Boot }
}

fn region(frames: &Frames, len: u64) -> Region {
    Region { start: frames.start(), len }
}

/// The address space that the kernel starts in.
fn address_space(kernel: &Program, table_frames: &mut TableFrames) -> Result<u64, Problem> {
    let claims = memory::claims()?;
    let mut merger = Merger::with_capacity(claims.len());
    let ram = memory_map::ram(merger.merge(claims.into_iter())?);
    build(kernel, &ram, table_frames).map_err(|error| match error {
        MapError::NoMemory => Problem::Memory { what: "page tables", bytes: PAGE },
        MapError::Occupied | MapError::Misaligned => {
            Problem::Machine("the firmware's memory map does not fit the kernel's address space")
        }
    })
}

fn build(
    kernel: &Program,
    ram: &[(u64, u64)],
    table_frames: &mut TableFrames,
) -> Result<u64, MapError> {
    let mut tables = PageTables::new(table_frames, processor::largest_page())?;
    let (image_start, image_end) = (kernel.memory.start(), kernel.memory.end());
    for &(start, end) in ram {
        // The kernel's image appears read-only among the RAM.
        let pieces = [
            (start, end.min(image_start), Access::Write),
            (start.max(image_start), end.min(image_end), Access::Read),
            (start.max(image_end), end, Access::Write),
        ];
        for (start, end, access) in pieces {
            if start < end {
                tables.map(DIRECT_MAP + start, start, end - start, access)?;
            }
        }
    }
    for segment in &kernel.plan.segments {
        let access = match (segment.write, segment.exec) {
            (true, _) => Access::Write,
            (false, true) => Access::Execute,
            (false, false) => Access::Read,
        };
        let frames = image_start + kernel.plan.offset(segment);
        tables.map(segment.page_start(), frames, segment.page_bytes(), access)?;
    }
    let jump = jump::address() & !(PAGE - 1);
    let jump_end = (jump::address() + jump::JUMP_BYTES).next_multiple_of(PAGE);
    tables.map(jump, jump, jump_end - jump, Access::Execute)?;
    Ok(tables.root())
}

fn set_memory(info: &mut BootInfo, ranges: &[MemoryRange]) {
    for (to, range) in info.memory.iter_mut().zip(ranges) {
        *to = *range;
    }
    info.memory_count = ranges.len() as u64;
}

/// Leaves boot services and calls the kernel.
fn leave(
    mut info: BootInfo,
    kept: Vec<Claim>,
    mut merger: Merger,
    place: &mut Frames,
    stack_top: u64,
    entry: u64,
) -> ! {
    // SAFETY: no protocol, event or allocation of boot services is used from here on: files,
    // console and framebuffer were closed, and what the allocator gave is only read, never freed.
    let map = unsafe { boot::exit_boot_services(None) };
    // The final map replaces the one from before; should it have grown beyond the room prepared
    // for it, that one still names every frame correctly.
    if let Ok(ranges) = merger.merge(memory::convert(&map).chain(kept.iter().copied())) {
        set_memory(&mut info, ranges);
    }
    core::mem::forget((map, kept, merger));
    let address = place.start();
    // SAFETY: the frames are owned, page-aligned and at least as large as a `BootInfo`.
    unsafe { place.bytes().as_mut_ptr().cast::<BootInfo>().write(info) };
    processor::prepare_paging();
    // SAFETY: boot services are gone; `build` mapped the jump's code, all RAM (stack and boot
    // information are in it) and the kernel's segments, which hold the entry.
    unsafe { jump::jump(info.page_table, DIRECT_MAP + stack_top, DIRECT_MAP + address, entry) }
}
