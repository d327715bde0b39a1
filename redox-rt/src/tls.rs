//! Thread-local storage of x86_64 (variant II): the program's block lies below the thread block,
//! whose first word points to itself, and `fs` points there.
//!
//! ```text
//! fs - tls_memory_size rounded up to its alignment     the program's TLS block
//! fs                                                    ThreadBlock, aligned as the block
//! ```
#![expect(unsafe_code, reason = "builds and reads thread blocks through fs")]

use crate::startup::Startup;
use crate::sys;
use clavis_abi::PAGE_SIZE;
use clavis_abi::error::{ENOMEM, Error, Result};
use clavis_abi::params::SignalFrame;
use core::cell::Cell;
use core::ptr;
use syscall::flag::MapFlags;

/// Words of a thread block that belong to libc.
pub const LIBC_WORDS: usize = 8;

/// What the runtime keeps per thread.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct ThreadBlock {
    /// Points here: compilers read `fs:0` to learn the address of the block.
    self_pointer: *const ThreadBlock,
    /// `errno` of libc.
    pub errno: Cell<i32>,
    /// The stack protector's word at `fs:0x28` would lie within these; nothing of ours uses it.
    reserved: [usize; 4],
    /// Number of the thread, as the kernel counts them.
    pub number: Cell<usize>,
    /// Lowest address of the stack, above its guard page.
    pub stack_base: Cell<usize>,
    /// Bytes of the stack.
    pub stack_size: Cell<usize>,
    /// The record of [`crate::thread`]; null for the first thread.
    pub(crate) record: Cell<*mut crate::thread::Record>,
    /// libc's own words, zero at first.
    pub libc: [Cell<usize>; LIBC_WORDS],
    /// Calls that a signal interrupted are to be made again: what the handlers that ran last ask.
    pub restarts: Cell<bool>,
    /// Where the kernel says what the thread was doing when a signal came.
    pub signal: SignalPlace,
}

/// What the entry for signals works with, before it has a stack.
#[derive(Debug, Default)]
#[repr(C)]
pub struct SignalPlace {
    /// Written by the kernel.
    pub frame: Cell<SignalFrame>,
    /// Registers that the entry needs first.
    pub scratch: [Cell<usize>; 2],
    /// Lowest address of the alternate stack.
    pub stack_base: Cell<usize>,
    /// Behind its highest address; 0: there is none.
    pub stack_top: Cell<usize>,
}

/// The TLS template of the program, as spans of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// Address of the initial bytes.
    pub address: usize,
    /// How many there are.
    pub file_size: usize,
    /// Bytes of the block.
    pub memory_size: usize,
    /// Alignment of the block, a power of two.
    pub align: usize,
}

impl Template {
    /// The template that the startup block tells of; an empty one if there is none.
    #[must_use]
    pub fn of(startup: &Startup<'_>) -> Template {
        let header = startup.header();
        Template {
            address: header.tls_template as usize,
            file_size: header.tls_file_size as usize,
            memory_size: header.tls_memory_size as usize,
            align: header.tls_align as usize,
        }
    }

    /// Bytes from the start of the TLS block to the thread block.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.memory_size.next_multiple_of(self.alignment())
    }

    /// Alignment of the thread block's address.
    #[must_use]
    pub fn alignment(&self) -> usize {
        self.align.max(align_of::<ThreadBlock>())
    }

    /// Bytes that a TLS block and its thread block need, from an address aligned to
    /// [`Template::alignment`].
    #[must_use]
    pub fn size(&self) -> usize {
        self.offset() + size_of::<ThreadBlock>()
    }
}

/// Writes a TLS block and a thread block. Answers the thread block's address, for `fs`.
///
/// # Safety
/// `at` is aligned to [`Template::alignment`] and [`Template::size`] zeroed bytes there belong to
/// the caller; the template's bytes are readable.
pub unsafe fn install(template: &Template, at: *mut u8) -> *mut ThreadBlock {
    // SAFETY: the block has `memory_size >= file_size` bytes, and the template is readable.
    unsafe {
        ptr::copy_nonoverlapping(
            template.address as *const u8,
            block_start(template, at),
            template.file_size,
        )
    };
    // SAFETY: the thread block lies inside the caller's bytes.
    let block = unsafe { at.add(template.offset()) }.cast::<ThreadBlock>();
    let value = ThreadBlock {
        self_pointer: block,
        errno: Cell::new(0),
        reserved: [0; 4],
        number: Cell::new(0),
        stack_base: Cell::new(0),
        stack_size: Cell::new(0),
        record: Cell::new(ptr::null_mut()),
        libc: [const { Cell::new(0) }; LIBC_WORDS],
        restarts: Cell::new(false),
        signal: SignalPlace::default(),
    };
    // SAFETY: aligned, inside the caller's bytes.
    unsafe { block.write(value) };
    block
}

/// Where the program's block starts: linkers place it right below the thread block.
fn block_start(template: &Template, at: *mut u8) -> *mut u8 {
    at.wrapping_add(template.offset() - rounded(template))
}

fn rounded(template: &Template) -> usize {
    template.memory_size.next_multiple_of(template.align.max(1))
}

/// Bytes at the top of the first thread's stack that the entry code keeps free for its storage.
pub const FIRST_ROOM: usize = 2048;
/// Alignment of that room.
pub const FIRST_ALIGN: usize = 64;

/// Gives the first thread its storage: in the room at the top of its stack if it fits there, else
/// in memory of its own. To be called once, before anything uses thread-locals.
///
/// # Errors
/// `ENOMEM`.
///
/// # Safety
/// `startup` is the block of this process, this is its only thread, and [`FIRST_ROOM`] zeroed
/// bytes at `room`, aligned to [`FIRST_ALIGN`], are nobody else's, for ever.
pub unsafe fn install_first(startup: &Startup<'_>, room: *mut u8) -> Result<()> {
    let template = Template::of(startup);
    if template.alignment() > PAGE_SIZE || template.file_size > template.memory_size {
        return Err(Error::new(ENOMEM));
    }
    let fits = template.alignment() <= FIRST_ALIGN && template.size() <= FIRST_ROOM;
    let at = if fits {
        room
    } else {
        let size = template.size().next_multiple_of(PAGE_SIZE);
        let protection = MapFlags::PROT_READ | MapFlags::PROT_WRITE;
        sys::memory::map_anonymous(size, protection)? as *mut u8
    };
    // SAFETY: zeroed bytes with room and alignment for the template, which is the builder's word
    // on a segment of this image.
    let block = unsafe { install(&template, at) };
    // SAFETY: `block` was just written.
    let fields = unsafe { &*block };
    fields.number.set(sys::thread::thread_number());
    fields.stack_base.set(startup.header().stack_base as usize);
    fields.stack_size.set(startup.header().stack_size as usize);
    // SAFETY: a valid thread block that is never freed.
    unsafe { sys::thread::set_tls(block as usize) }
}

/// The block of the running thread.
#[cfg(all(target_arch = "x86_64", any(target_os = "none", target_os = "redox")))]
#[must_use]
pub fn current() -> &'static ThreadBlock {
    let block: *const ThreadBlock;
    // SAFETY: every thread starts with `fs` at its thread block, whose first word points to
    // itself; reading it has no effect.
    unsafe {
        core::arch::asm!(
            "mov {block}, fs:[0]",
            block = out(reg) block,
            options(nostack, preserves_flags, readonly, pure),
        );
    }
    // SAFETY: the block lives as long as its thread, and references to it stay in that thread
    // (it is not Sync).
    unsafe { &*block }
}

/// The block of the running thread: the host has none of ours.
#[cfg(not(all(target_arch = "x86_64", any(target_os = "none", target_os = "redox"))))]
#[must_use]
pub fn current() -> &'static ThreadBlock {
    unreachable!("thread blocks exist only on Clavis")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    fn built(template: &Template) -> (vec::Vec<u8>, usize, usize) {
        let mut memory = vec![0u8; template.size() + template.alignment()];
        let start = (memory.as_ptr() as usize).next_multiple_of(template.alignment());
        let skip = start - memory.as_ptr() as usize;
        // SAFETY: aligned and large enough.
        let block = unsafe { install(template, memory.as_mut_ptr().wrapping_add(skip)) };
        (memory, skip, block as usize - start)
    }

    #[test]
    fn the_program_finds_its_variables_below_the_thread_block() {
        let initial = [1u8, 2, 3];
        for align in [1, 8, 64, 128, 4096] {
            let template = Template {
                address: initial.as_ptr() as usize,
                file_size: 3,
                memory_size: 13,
                align,
            };
            let (memory, skip, offset) = built(&template);
            let start = skip + offset - 13usize.next_multiple_of(align);
            assert_eq!(&memory[start..start + 4], &[1, 2, 3, 0], "alignment {align}");
            assert_eq!((offset + memory.as_ptr() as usize + skip) % template.alignment(), 0);
        }
    }

    #[test]
    fn the_first_word_of_a_thread_block_points_to_itself() {
        let (memory, skip, offset) = built(&Template::default());
        let word = usize::from_ne_bytes(memory[skip + offset..][..8].try_into().unwrap());
        assert_eq!(word, memory.as_ptr() as usize + skip + offset);
    }
}
