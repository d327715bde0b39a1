//! `libgcc_eh.a`: the `_Unwind_*` symbols that std's panics link against.
//!
//! The unwinder is the published crate `unwinding`; this package tells it where the program's
//! frame table lies and makes an archive of both. The table is found through the image's own ELF
//! header, so programs are linked with `--eh-frame-hdr` (see `link.toml` beside this package).
#![no_std]

use core::ptr;
use unwinding::custom_eh_frame_finder::{
    EhFrameFinder, FrameInfo, FrameInfoKind, set_custom_eh_frame_finder,
};

/// Head of an ELF file of 64 bits (System V gABI, "ELF Header"), as far as it is needed.
#[repr(C)]
struct Header {
    before: [u8; 32],
    program_headers: u64,
    between: [u8; 14],
    program_header_size: u16,
    program_header_count: u16,
}

/// A program header (System V gABI, "Program Header").
#[derive(Clone, Copy)]
#[repr(C)]
struct ProgramHeader {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    physical: u64,
    file_size: u64,
    memory_size: u64,
    align: u64,
}

/// A part of the file that is mapped.
const LOAD: u32 = 1;
/// Where the table of frames lies.
const GNU_EH_FRAME: u32 = 0x6474_E550;

unsafe extern "C" {
    /// The linker defines it at the image's ELF header.
    static __ehdr_start: Header;
}

/// Finds the frame table of this image.
struct Image;

// SAFETY: it answers the address of the table that the linker made, for code of this image alone.
unsafe impl EhFrameFinder for Image {
    fn find(&self, pc: usize) -> Option<FrameInfo> {
        let image = ptr::addr_of!(__ehdr_start);
        // SAFETY: the header is mapped with the image's first segment, read-only, for ever.
        let header = unsafe { &*image };
        if usize::from(header.program_header_size) != size_of::<ProgramHeader>() {
            return None;
        }
        let table = (image as usize).wrapping_add(header.program_headers as usize);
        let count = usize::from(header.program_header_count);
        // SAFETY: the program headers lie in the first segment, where the header says.
        let rows = unsafe { core::slice::from_raw_parts(table as *const ProgramHeader, count) };
        // Addresses count from where the image was linked; the file's start tells how far it is.
        let first = rows.iter().find(|row| row.kind == LOAD && row.offset == 0)?;
        let base = (image as usize).wrapping_sub(first.address as usize);
        let start = |row: &ProgramHeader| base.wrapping_add(row.address as usize);
        let text = rows.iter().find(|row| {
            row.kind == LOAD && pc.wrapping_sub(start(row)) < row.memory_size as usize
        })?;
        let frames = rows.iter().find(|row| row.kind == GNU_EH_FRAME)?;
        Some(FrameInfo {
            text_base: Some(start(text)),
            kind: FrameInfoKind::EhFrameHdr(start(frames)),
        })
    }
}

/// Runs before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static REGISTER: extern "C" fn() = register;

extern "C" fn register() {
    // It fails only when a finder was set before, and nobody else does.
    let _ = set_custom_eh_frame_finder(&Image);
}

/// The unwinder has no recoverable inner errors: a panic in it ends the program where it stands.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn abort() -> !;
    }
    abort()
}
