//! The C heap: the runtime's heap with a head before each block that remembers what the block is.
//!
//! A block of alignment `a` (at least 16) starts `a` bytes behind what the heap gave; the last 16
//! of those hold the head.
use crate::errno::{fail, set_errno};
use alloc::alloc::{alloc, alloc_zeroed, dealloc, realloc as grow};
use clavis_abi::PAGE_SIZE;
use core::alloc::Layout;
use core::ffi::{c_int, c_void};
use libc::{EINVAL, ENOMEM};

/// The heap of the process: Rust code of libc and C code share it.
#[global_allocator]
static HEAP: clavis_rt::heap::Heap = clavis_rt::heap::Heap::new();

/// Holds the heap while the process is copied.
pub(crate) fn hold() -> impl Sized {
    HEAP.hold()
}

/// Alignment that every block has: that of the largest C type.
const ALIGN: usize = 16;

/// What lies before a block.
#[derive(Clone, Copy)]
#[repr(C)]
struct Head {
    /// Bytes of the block, as asked.
    size: usize,
    /// Its alignment, which is also the distance from what the heap gave.
    align: usize,
}

const _: () = assert!(size_of::<Head>() == ALIGN);

impl Head {
    /// What the heap gave for the block.
    fn layout(self) -> Option<Layout> {
        Layout::from_size_align(self.size.checked_add(self.align)?, self.align).ok()
    }
}

/// A new block, or null with `ENOMEM`.
fn block(size: usize, align: usize, get: unsafe fn(Layout) -> *mut u8) -> *mut c_void {
    let head = Head { size, align };
    let Some(layout) = head.layout() else { return fail(ENOMEM) };
    // SAFETY: the layout's size is at least `align`, so not zero.
    let base = unsafe { get(layout) };
    if base.is_null() {
        return fail(ENOMEM);
    }
    let block = base.wrapping_add(align);
    // SAFETY: the head lies in the `align` bytes before the block, aligned as it is itself.
    unsafe { head_of(block).write(head) };
    block.cast()
}

/// A new block with these bytes, or null with `ENOMEM`.
pub(crate) fn copied(bytes: &[u8]) -> *mut u8 {
    let block = block(bytes.len(), ALIGN, alloc).cast::<u8>();
    if !block.is_null() {
        // SAFETY: a block of that many bytes that nobody else knows.
        unsafe { block.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }
    block
}

fn head_of(block: *mut u8) -> *mut Head {
    block.wrapping_sub(size_of::<Head>()).cast()
}

/// A block of `size` bytes, or null with `ENOMEM`.
#[unsafe(no_mangle)]
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    block(size, ALIGN, alloc)
}

/// A zeroed block for `count` elements of `size` bytes, or null with `ENOMEM`.
#[unsafe(no_mangle)]
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        Some(bytes) => block(bytes, ALIGN, alloc_zeroed),
        None => fail(ENOMEM),
    }
}

/// Gives a block back. Null is nothing.
///
/// # Safety
/// C contract: the block comes from this heap and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(block: *mut c_void) {
    if block.is_null() {
        return;
    }
    let block = block.cast::<u8>();
    // SAFETY: every block of this heap has a head, by the contract this is one.
    let head = unsafe { head_of(block).read() };
    let Some(layout) = head.layout() else { return };
    // SAFETY: what the heap gave, with the layout it gave it for.
    unsafe { dealloc(block.wrapping_sub(head.align), layout) };
}

/// Changes a block's size, moving it if need be. On failure (null, `ENOMEM`) the old one stays.
///
/// # Safety
/// C contract: the block is null or comes from this heap; after success only the new one is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(old: *mut c_void, size: usize) -> *mut c_void {
    if old.is_null() {
        return malloc(size);
    }
    let old = old.cast::<u8>();
    // SAFETY: every block of this heap has a head, by the contract this is one.
    let head = unsafe { head_of(old).read() };
    let new = Head { size, align: head.align };
    let (Some(layout), Some(new_layout)) = (head.layout(), new.layout()) else {
        return fail(ENOMEM);
    };
    // SAFETY: what the heap gave, with its layout; the new size was checked as a layout.
    let base = unsafe { grow(old.wrapping_sub(head.align), layout, new_layout.size()) };
    if base.is_null() {
        return fail(ENOMEM);
    }
    let block = base.wrapping_add(head.align);
    // SAFETY: the head of the moved block.
    unsafe { head_of(block).write(new) };
    block.cast()
}

/// As [`realloc`] for `count` elements of `size` bytes.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reallocarray(old: *mut c_void, count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: the same contract.
        Some(bytes) => unsafe { realloc(old, bytes) },
        None => fail(ENOMEM),
    }
}

/// A block at a multiple of `align`, a power of two and of the size of a pointer (else `EINVAL`).
/// Answers the error number; errno stays.
///
/// # Safety
/// C contract: `place` takes a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(
    place: *mut *mut c_void,
    align: usize,
    size: usize,
) -> c_int {
    if !align.is_power_of_two() || align < size_of::<*mut c_void>() {
        return EINVAL;
    }
    let before = crate::errno::errno();
    let block = block(size, align.max(ALIGN), alloc);
    set_errno(before);
    if block.is_null() {
        return ENOMEM;
    }
    // SAFETY: the contract.
    unsafe { place.write(block) };
    0
}

/// A block at a multiple of `align`, a power of two; else null with `EINVAL`.
#[unsafe(no_mangle)]
pub extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    if !align.is_power_of_two() {
        return fail(EINVAL);
    }
    block(size, align.max(ALIGN), alloc)
}

/// As [`memalign`].
#[unsafe(no_mangle)]
pub extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    memalign(align, size)
}

/// A block at a page.
#[unsafe(no_mangle)]
pub extern "C" fn valloc(size: usize) -> *mut c_void {
    memalign(PAGE_SIZE, size)
}

/// Bytes that a block holds; 0 for null.
///
/// # Safety
/// C contract: the block is null or comes from this heap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    if block.is_null() {
        return 0;
    }
    // SAFETY: every block of this heap has a head, by the contract this is one.
    unsafe { head_of(block.cast()).read() }.size
}
