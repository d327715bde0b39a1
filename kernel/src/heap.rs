//! The kernel heap: a linked list of holes in a range of its own that grows by frames.
use clavis_core::machine::NoMemory;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};
use linked_list_allocator::Heap;
use spin::Mutex;

use crate::frame::{FRAME, FRAMES};
use crate::paging::{self, HEAP};

/// Pages by which the heap grows at least.
const STEP: usize = 16;
/// Bytes that are to be free before core makes another chunk.
const READY: usize = 32 * 1024;
/// Frames that the heap leaves for page tables and contexts.
const RESERVE: usize = 32;

struct KernelHeap(Mutex<Grown>);

struct Grown {
    heap: Heap,
    pages: usize,
    /// Pages that it grows to at most.
    limit: usize,
}

#[global_allocator]
static KERNEL_HEAP: KernelHeap =
    KernelHeap(Mutex::new(Grown { heap: Heap::empty(), pages: 0, limit: usize::MAX }));

impl Grown {
    /// Grows the heap by room for `bytes` more.
    fn grow(&mut self, bytes: usize) -> Result<(), NoMemory> {
        let wanted = bytes.div_ceil(FRAME as usize).max(STEP);
        if self.pages + wanted > self.limit || FRAMES.lock().free() < wanted + RESERVE {
            return Err(NoMemory);
        }
        let end = HEAP + self.pages as u64 * FRAME;
        let mapped = paging::map_heap(end, wanted);
        let first = self.pages == 0;
        self.pages += mapped;
        let bytes = mapped * FRAME as usize;
        if mapped == 0 {
            return Err(NoMemory);
        }
        if first {
            // SAFETY: the range was just mapped for the heap alone, and starts on a page.
            unsafe { self.heap.init(end as *mut u8, bytes) };
        } else {
            // SAFETY: the pages behind the heap's end were just mapped for it alone.
            unsafe { self.heap.extend(bytes) };
        }
        if mapped < wanted { Err(NoMemory) } else { Ok(()) }
    }
}

// SAFETY: the heap hands out disjoint blocks of mapped memory that lies still, as its layout asks.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut grown = self.0.lock();
        if let Ok(block) = grown.heap.allocate_first_fit(layout) {
            return block.as_ptr();
        }
        if grown.grow(layout.size() + layout.align() + FRAME as usize).is_err() {
            return null_mut();
        }
        grown.heap.allocate_first_fit(layout).map_or(null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if let Some(pointer) = NonNull::new(pointer) {
            // SAFETY: the block came from this heap with this layout, by the trait's contract.
            unsafe { self.0.lock().heap.deallocate(pointer, layout) };
        }
    }
}

/// Bounds the heap to half of the memory that is free now: user memory keeps the rest.
pub(crate) fn bound() {
    let free = FRAMES.lock().free();
    KERNEL_HEAP.0.lock().limit = free / 2;
}

/// Frames that the heap has.
pub(crate) fn frames() -> usize {
    KERNEL_HEAP.0.lock().pages
}

/// Makes room for one more chunk, or says that there is none.
pub(crate) fn permit() -> Result<(), NoMemory> {
    let mut grown = KERNEL_HEAP.0.lock();
    if grown.heap.free() >= READY { Ok(()) } else { grown.grow(READY) }
}
