//! The heap: talc behind a futex lock, fed with anonymous memory in growing chunks. Large blocks
//! are mappings of their own, so that they go back to the system when they are freed.
#![expect(unsafe_code, reason = "an allocator")]

use crate::sync::RawMutex;
use crate::sys;
use clavis_abi::PAGE_SIZE;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr;
use syscall::flag::MapFlags;
use talc::base::Talc;
use talc::base::binning::{Binning, DefaultBinning};
use talc::source::Source;
use talc::sync::TalcLock;

/// Blocks of at least this many bytes are mappings of their own.
const LARGE: usize = 256 << 10;
/// First chunk of the heap, in bytes.
const CHUNK_FIRST: usize = 64 << 10;
/// Largest chunk that the heap asks for by itself. Untouched pages cost nothing.
const CHUNK_MAX: usize = 4 << 20;
/// More than talc needs beside a block in a fresh chunk.
const CHUNK_SLACK: usize = 4096;

/// Feeds talc with chunks.
#[derive(Debug)]
struct Chunks {
    next: usize,
}

// SAFETY: it touches no allocator but through the reference it is given.
unsafe impl Source for Chunks {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let needed = layout.size().checked_add(layout.align()).ok_or(())?;
        let needed = needed.checked_add(CHUNK_SLACK).ok_or(())?.max(talc.source.next);
        let size = needed.checked_next_multiple_of(PAGE_SIZE).ok_or(())?;
        let base = map(size).ok_or(())?;
        talc.source.next = (talc.source.next * 2).min(CHUNK_MAX);
        // SAFETY: fresh memory that only talc uses from now on, for ever.
        unsafe { talc.claim(base, size) }.map(drop).ok_or(())
    }
}

fn map(size: usize) -> Option<*mut u8> {
    let protection = MapFlags::PROT_READ | MapFlags::PROT_WRITE;
    sys::memory::map_anonymous(size, protection).ok().map(|address| address as *mut u8)
}

/// Whether a block is a mapping of its own.
fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= PAGE_SIZE
}

/// The heap of a process. Exactly one static of it per program:
///
/// ```text
/// #[global_allocator]
/// static HEAP: clavis_rt::heap::Heap = clavis_rt::heap::Heap::new();
/// ```
pub struct Heap {
    talc: TalcLock<RawMutex, Chunks, DefaultBinning>,
}

impl core::fmt::Debug for Heap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Heap")
    }
}

impl Heap {
    /// A heap that has asked for nothing yet.
    #[must_use]
    pub const fn new() -> Heap {
        Heap { talc: TalcLock::new(Chunks { next: CHUNK_FIRST }) }
    }
}

impl Heap {
    /// Holds the heap's lock while the process is copied. Nothing may be allocated or freed.
    #[must_use]
    pub fn hold(&self) -> impl Sized + '_ {
        self.talc.lock()
    }
}

impl Default for Heap {
    fn default() -> Heap {
        Heap::new()
    }
}

// SAFETY: small blocks are talc's; a large one is a mapping that only its block uses, found again
// by the same test of the same layout.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return map(layout.size()).unwrap_or(ptr::null_mut());
        }
        // SAFETY: the caller's promise on the layout.
        unsafe { self.talc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            // Fresh mappings are zero.
            return map(layout.size()).unwrap_or(ptr::null_mut());
        }
        // SAFETY: the caller's promise on the layout.
        unsafe { self.talc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_large(layout) {
            // SAFETY: the block is a mapping of that size, and its owner gives it up.
            let _ = unsafe { sys::memory::funmap(block as usize, layout.size()) };
            return;
        }
        // SAFETY: the caller's promise: a block of this heap with that layout.
        unsafe { self.talc.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise on the new size.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (is_large(layout), is_large(new)) {
            // SAFETY: the caller's promise: a block of talc's with that layout.
            (false, false) => unsafe { self.talc.realloc(block, layout, new_size) },
            (true, true)
                if layout.size().next_multiple_of(PAGE_SIZE)
                    == new_size.next_multiple_of(PAGE_SIZE) =>
            {
                block
            }
            _ => {
                // SAFETY: the new layout has a size above zero, as the caller promised.
                let fresh = unsafe { self.alloc(new) };
                if !fresh.is_null() {
                    let bytes = layout.size().min(new_size);
                    // SAFETY: both blocks have that many bytes and are distinct.
                    unsafe { ptr::copy_nonoverlapping(block, fresh, bytes) };
                    // SAFETY: the caller's promise: a block of this heap with that layout.
                    unsafe { self.dealloc(block, layout) };
                }
                fresh
            }
        }
    }
}
