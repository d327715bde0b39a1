//! Threads: one mapping holds a guard page, the stack, the TLS block and the thread block, the last
//! two at its end. When the thread has left it, whoever joined it keeps it for the next thread, or
//! unmaps it; the kernel unmaps that of a detached one.
#![expect(unsafe_code, reason = "stacks, thread blocks and the exchange with their owners")]

use crate::startup;
use crate::sync::wait_word;
use crate::sys;
use crate::tls::{self, Template, ThreadBlock};
use alloc::boxed::Box;
use clavis_abi::PAGE_SIZE;
use clavis_abi::error::{EINVAL, Error, Result};
use clavis_abi::params::ThreadParams;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use syscall::flag::MapFlags;

/// Bytes of a stack when nothing else was asked.
pub const STACK_DEFAULT: usize = 1 << 20;
/// Fewest bytes of a stack.
pub const STACK_MIN: usize = 16 << 10;

/// The first function of a thread.
pub type Start = extern "C" fn(*mut u8) -> *mut u8;

const JOINABLE: u32 = 0;
const DETACHED: u32 = 1;
const ENDING: u32 = 2;

/// What a thread and its owner share; freed by whoever lets go last.
#[derive(Debug)]
#[repr(C)]
pub struct Record {
    /// 1 until the kernel has ended the thread; then 0.
    alive: AtomicU32,
    /// JOINABLE, DETACHED or ENDING.
    state: AtomicU32,
    result: AtomicPtr<u8>,
    number: AtomicUsize,
    start: Start,
    argument: *mut u8,
    mapping: Mapping,
    layout: Layout,
}

/// The record of a thread that has ended, with its mapping, for the next one.
static SPARE: AtomicPtr<Record> = AtomicPtr::new(ptr::null_mut());

impl Record {
    /// The spare one, if it has that layout.
    fn spare(layout: Layout) -> Option<Box<Record>> {
        let spare = SPARE.swap(ptr::null_mut(), Ordering::Acquire);
        if spare.is_null() {
            return None;
        }
        // SAFETY: what lies there is a box that was put there by `keep`, and it was taken out.
        let record = unsafe { Box::from_raw(spare) };
        (record.layout == layout).then_some(record)
    }

    /// Keeps it for the next thread, unless there is one already. Its thread has ended.
    fn keep(self: Box<Record>) {
        let record = Box::into_raw(self);
        let none = ptr::null_mut();
        if SPARE.compare_exchange(none, record, Ordering::Release, Ordering::Relaxed).is_err() {
            // SAFETY: it was just made a pointer, and nobody else has it.
            drop(unsafe { Box::from_raw(record) });
        }
    }
}

/// What a new thread shall have.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of its stack, rounded up to pages; at least [`STACK_MIN`].
    pub stack_size: usize,
    /// Bytes below the stack that fault, rounded up to pages.
    pub guard_size: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { stack_size: STACK_DEFAULT, guard_size: PAGE_SIZE }
    }
}

/// A thread that was started and neither joined nor detached.
#[derive(Debug)]
pub struct Thread {
    record: ptr::NonNull<Record>,
}

// SAFETY: the record is shared through atomics; its plain fields are written before the thread
// starts.
unsafe impl Send for Thread {}
// SAFETY: as for Send.
unsafe impl Sync for Thread {}

impl Thread {
    /// Starts a thread that runs `start(argument)`.
    ///
    /// # Errors
    /// `ENOMEM`, `EAGAIN` (the account has no thread left), `EINVAL`.
    ///
    /// # Safety
    /// `start` may be called with `argument` on another thread.
    pub unsafe fn start(options: Options, start: Start, argument: *mut u8) -> Result<Thread> {
        let template = startup::current().map(Template::of).unwrap_or_default();
        let layout = Layout::plan(options, &template).ok_or(Error::new(EINVAL))?;
        let mut record = match Record::spare(layout) {
            Some(record) => record,
            None => Box::new(Record {
                alive: AtomicU32::new(1),
                state: AtomicU32::new(JOINABLE),
                result: AtomicPtr::new(ptr::null_mut()),
                number: AtomicUsize::new(0),
                start,
                argument,
                mapping: Mapping::new(layout)?,
                layout,
            }),
        };
        (record.start, record.argument) = (start, argument);
        record.alive = AtomicU32::new(1);
        record.state = AtomicU32::new(JOINABLE);
        let base = record.mapping.base;
        let storage = (base + layout.tls) as *mut u8;
        // SAFETY: the plan leaves the template's room there, and no thread uses it.
        unsafe { storage.write_bytes(0, template.size()) };
        // SAFETY: aligned, and zeroed just now.
        let block = unsafe { tls::install(&template, storage) };
        let record = Box::into_raw(record);
        // SAFETY: the block was just written and no thread uses it yet.
        let fields = unsafe { &*block };
        fields.record.set(record);
        fields.stack_base.set(base + layout.guard);
        fields.stack_size.set(layout.tls - layout.guard);
        let params = ThreadParams {
            entry: first as *const () as u64,
            // A function is entered with its return address below a multiple of 16.
            stack: (base + layout.tls - 8) as u64,
            argument: block as u64,
            tls: block as u64,
        };
        // SAFETY: entry, stack, argument and storage are made for each other just above.
        let number = match unsafe { sys::thread::thread_create(&params) } {
            Ok(number) => number,
            Err(error) => {
                // SAFETY: the thread never started, so the record is still only ours.
                drop(unsafe { Box::from_raw(record) });
                return Err(error);
            }
        };
        // SAFETY: the record lives until joined or detached, which needs this value.
        let thread = Thread { record: unsafe { ptr::NonNull::new_unchecked(record) } };
        thread.record().number.store(number, Ordering::Relaxed);
        Ok(thread)
    }

    fn record(&self) -> &Record {
        // SAFETY: the record lives until this value is joined or detached.
        unsafe { self.record.as_ref() }
    }

    /// Its number, as the kernel counts threads.
    #[must_use]
    pub fn number(&self) -> usize {
        self.record().number.load(Ordering::Relaxed)
    }

    /// Waits until it has ended; answers what its first function returned or [`exit`] was given.
    #[must_use]
    pub fn join(self) -> *mut u8 {
        wait_word(&self.record().alive, 1);
        let result = self.record().result.load(Ordering::Acquire);
        // SAFETY: the kernel has ended the thread, so nobody else refers to the record.
        unsafe { Box::from_raw(self.record.as_ptr()) }.keep();
        core::mem::forget(self);
        result
    }

    /// Lets it run on its own.
    pub fn detach(self) {
        drop(self);
    }

    /// The record's address, for C (`pthread_t`); to be given back to [`Thread::from_raw`].
    #[must_use]
    pub fn into_raw(self) -> *mut Record {
        let raw = self.record.as_ptr();
        core::mem::forget(self);
        raw
    }

    /// Takes a thread back from C.
    ///
    /// # Safety
    /// The address comes from [`Thread::into_raw`] or is that of [`ThreadBlock`]'s record, and was
    /// not yet joined, detached or taken back.
    #[must_use]
    pub unsafe fn from_raw(record: *mut Record) -> Option<Thread> {
        ptr::NonNull::new(record).map(|record| Thread { record })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if self.record().state.swap(DETACHED, Ordering::AcqRel) == ENDING {
            // It saw itself joinable, so the kernel will still write its word: wait for that.
            wait_word(&self.record().alive, 1);
            // SAFETY: the kernel has ended the thread, so nobody else refers to the record.
            unsafe { Box::from_raw(self.record.as_ptr()) }.keep();
        }
    }
}

/// The number of a thread by what [`Thread::into_raw`] gave, or by the address of the first
/// thread's block, which has no record.
///
/// # Safety
/// It is one of the two, and its thread was neither joined nor detached.
#[must_use]
pub unsafe fn number_of(name: *mut Record) -> usize {
    let block = name.cast::<ThreadBlock>();
    // SAFETY: either starts with a word: a block's points to itself, a record's is 0 or 1.
    let is_block = unsafe { name.cast::<usize>().read() } == block.addr();
    if is_block {
        // SAFETY: the first thread's block stays as long as the process.
        return unsafe { &*block }.number.get();
    }
    // SAFETY: a record, by the caller's promise.
    unsafe { &*name }.number.load(Ordering::Relaxed)
}

/// The record of the running thread, null in the first one: what `pthread_self` can be.
#[must_use]
pub fn current_record() -> *mut Record {
    tls::current().record.get()
}

/// Ends the running thread. Its stack is gone after that; destructors do not run.
///
/// In the first thread, whose stack belongs to the process, only the thread ends.
pub fn exit(result: *mut u8) -> ! {
    let record = current_record();
    let Some(record) = ptr::NonNull::new(record) else {
        // SAFETY: no word, and nothing to unmap.
        unsafe { sys::thread::thread_exit(0, 0, 0) };
    };
    // SAFETY: the record lives at least until this thread has said that it is ending.
    let fields = unsafe { record.as_ref() };
    fields.result.store(result, Ordering::Release);
    if fields.state.swap(ENDING, Ordering::AcqRel) == DETACHED {
        // SAFETY: its owner let go; this thread is the last.
        let Record { mapping, .. } = *unsafe { Box::from_raw(record.as_ptr()) };
        let Mapping { base, size } = mapping;
        core::mem::forget(mapping);
        // SAFETY: no word; the range is this thread's own.
        unsafe { sys::thread::thread_exit(0, base, size) }
    }
    // SAFETY: the word lives until the owner has seen it cleared, and nothing is to be unmapped.
    unsafe { sys::thread::thread_exit(fields.alive.as_ptr() as usize, 0, 0) }
}

/// Where a new thread arrives, on its own stack.
extern "C" fn first(block: &'static ThreadBlock) -> ! {
    block.number.set(sys::thread::thread_number());
    // SAFETY: the record lives until this thread ends or longer; the plain fields never change.
    let record = unsafe { &*block.record.get() };
    let result = (record.start)(record.argument);
    exit(result)
}

/// A thread's range of memory, unmapped on drop.
#[derive(Debug)]
struct Mapping {
    base: usize,
    size: usize,
}

impl Mapping {
    /// Maps it, and closes its guard pages.
    fn new(layout: Layout) -> Result<Mapping> {
        let both = MapFlags::PROT_READ | MapFlags::PROT_WRITE;
        let base = sys::memory::map_anonymous(layout.size, both)?;
        let mapping = Mapping { base, size: layout.size };
        if layout.guard > 0 {
            // SAFETY: fresh memory that nothing refers to yet.
            unsafe { sys::memory::mprotect(base, layout.guard, MapFlags::PROT_NONE) }?;
        }
        Ok(mapping)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the thread that used it has ended, or never started.
        let _ = unsafe { sys::memory::funmap(self.base, self.size) };
    }
}

/// Offsets in a thread's mapping: guard, stack, TLS block with thread block. The blocks lie at its
/// end, so that the first of the stack shares their page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    guard: usize,
    tls: usize,
    size: usize,
}

impl Layout {
    fn plan(options: Options, template: &Template) -> Option<Layout> {
        if template.alignment() > PAGE_SIZE || template.file_size > template.memory_size {
            return None;
        }
        let guard = options.guard_size.checked_next_multiple_of(PAGE_SIZE)?;
        let stack = options.stack_size.max(STACK_MIN).checked_next_multiple_of(PAGE_SIZE)?;
        let size = guard.checked_add(stack)?.checked_add(template.size())?;
        let size = size.checked_add(template.alignment())?.checked_next_multiple_of(PAGE_SIZE)?;
        let tls = (size - template.size()) & !(template.alignment() - 1);
        Some(Layout { guard, tls, size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_its_guard_its_stack_and_its_storage_in_one_range() {
        let template = Template { address: 0, file_size: 8, memory_size: 100, align: 32 };
        let options = Options { stack_size: 10_000, guard_size: 1 };
        let layout = Layout::plan(options, &template).unwrap();
        assert_eq!(layout.guard, PAGE_SIZE);
        assert!(
            layout.tls >= PAGE_SIZE + STACK_MIN && layout.tls.is_multiple_of(template.alignment())
        );
        assert!(layout.size >= layout.tls + template.size());
        assert!(layout.size - layout.tls < PAGE_SIZE, "the stack begins in the blocks' page");
        assert_eq!(layout.size % PAGE_SIZE, 0);
    }

    #[test]
    fn absurd_sizes_are_refused() {
        let huge = Options { stack_size: usize::MAX - 10, guard_size: 4096 };
        assert_eq!(Layout::plan(huge, &Template::default()), None);
        let template = Template { align: 8192, ..Template::default() };
        assert_eq!(Layout::plan(Options::default(), &template), None);
    }
}
