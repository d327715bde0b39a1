//! The boot protocol: what the bootloader hands to the kernel.
//!
//! The bootloader maps the kernel at its linked addresses in the higher half (W^X), all RAM at
//! [`DIRECT_MAP`] (writable, never executable), leaves boot services, and jumps to the kernel's
//! ELF entry with interrupts off, `rdi` = address of a [`BootInfo`] in the direct map, on a stack
//! of at least 16 KiB in the direct map, as if called from address 0 (`rsp` is 8 modulo 16).
//! Physical page 0 is never usable. The lower half of the root page table holds nothing but the
//! identity mapping of the jump's own page, for the kernel to remove. Addresses in the block are physical unless said otherwise.

use crate::platform::Platform;

/// Where physical address 0 appears. The map covers RAM only.
pub const DIRECT_MAP: u64 = 0xFFFF_8000_0000_0000;
/// Where the kernel is linked.
pub const KERNEL_BASE: u64 = 0xFFFF_FFFF_8000_0000;
/// First word of a [`BootInfo`].
pub const MAGIC: u64 = u64::from_le_bytes(*b"CLVBOOT2");
/// Greatest number of segments in init's image.
pub const INIT_SEGMENTS: usize = 8;
/// Greatest number of ranges in the memory map.
pub const MEMORY_RANGES: usize = 256;

/// QEMU's isa-debug-exit port: writing `value` ends the machine with status `value << 1 | 1`.
/// Only to be touched when the command line has the line `qemu-exit`.
pub const EXIT_PORT: u16 = 0xF4;
/// Written to [`EXIT_PORT`] at power-off.
pub const EXIT_DONE: u32 = 0x10;
/// Written to [`EXIT_PORT`] after a kernel panic.
pub const EXIT_PANIC: u32 = 0x11;
/// Written to [`EXIT_PORT`] instead of a restart that was asked for.
pub const EXIT_RESTART: u32 = 0x13;
/// Written to [`EXIT_PORT`] instead of the restart that follows the end of init.
pub const EXIT_INIT_ENDED: u32 = 0x14;
/// Written to [`EXIT_PORT`] by a bootloader that cannot go on.
pub const EXIT_BOOT_FAILED: u32 = 0x12;

/// Everything the kernel learns of the machine from the bootloader.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct BootInfo {
    /// [`MAGIC`].
    pub magic: u64,
    /// The memory map: sorted, without overlaps, in whole pages.
    pub memory: [MemoryRange; MEMORY_RANGES],
    /// How many ranges are valid.
    pub memory_count: u64,
    /// Physical address of the root page table that is loaded.
    pub page_table: u64,
    /// Physical range of the kernel's image.
    pub kernel: Region,
    /// What the firmware's tables say of the machine.
    pub platform: Platform,
    /// The screen, if there is one.
    pub framebuffer: Framebuffer,
    /// The command line (UTF-8).
    pub command_line: Region,
    /// The boot image: the initial file system. Starts on a page; its last page is zero-filled.
    pub image: Region,
    /// Init's segments, ready to be mapped.
    pub init: [InitSegment; INIT_SEGMENTS],
    /// How many segments are valid.
    pub init_count: u64,
    /// Address of init's first instruction in its own space.
    pub init_entry: u64,
    /// Bytes of entropy; the first `entropy_len` are random.
    pub entropy: [u8; 64],
    /// How many bytes of entropy there are; 0 on machines that offer none.
    pub entropy_len: u64,
    /// Wall-clock time, seconds since 1970 (UTC).
    pub wall_clock: i64,
    /// Time-stamp counter when the bootloader started.
    pub start_tsc: u64,
}

/// A range of physical memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct MemoryRange {
    /// First byte.
    pub start: u64,
    /// Byte behind the last.
    pub end: u64,
    /// [`MemoryKind`] as a number.
    pub kind: u64,
}

/// What a range of memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum MemoryKind {
    /// Free RAM.
    Usable = 1,
    /// RAM in use by the kernel's image, page tables, boot image, init, this block, the stack.
    Boot = 2,
    /// RAM that holds ACPI tables.
    Acpi = 3,
    /// RAM or address space that firmware keeps.
    Reserved = 4,
}

/// A physical range in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Region {
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub len: u64,
}

/// A linear framebuffer of 32 bits per pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Framebuffer {
    /// Physical address; 0: there is none.
    pub start: u64,
    /// Bytes.
    pub len: u64,
    /// Visible pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Pixels from one line to the next.
    pub stride: u32,
    /// 0: bytes are red, green, blue, unused; 1: blue, green, red, unused.
    pub format: u32,
}

/// A segment of init.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct InitSegment {
    /// Physical address of its first frame.
    pub start: u64,
    /// Address in init's space.
    pub address: u64,
    /// Pages.
    pub pages: u64,
    /// Bit 0: readable; bit 1: writable; bit 2: executable. Never both of the last.
    pub protection: u64,
}
