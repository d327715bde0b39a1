//! What the kernel needs of a machine. `kernel/` implements it on x86_64, `kernel/sim` in host
//! memory.
//!
//! The trait is sound for every caller: user frames, spaces and contexts are move-only tokens that
//! only a machine can mint, so no call of core can make a page table or kernel memory user-visible.
//! Core is written against single calls that either fail before they change anything or cannot
//! fail at all.
use crate::prelude::*;

/// Number of a CPU, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu(pub u32);

/// Nothing is left of what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

/// What a copy between a loaded space and a frame achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Bytes copied before the end or the fault.
    pub done: usize,
    /// The user address that faulted, if one did.
    pub fault: Option<u64>,
}

/// The general registers that a new thread starts with; all others are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// First instruction.
    pub entry: u64,
    /// Stack pointer.
    pub stack: u64,
    /// First argument (`rdi`).
    pub argument: u64,
    /// Base of local storage (`fs`).
    pub tls: u64,
}

/// What a CPU does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<H> {
    /// Run user code in this context; its space is loaded.
    User(H),
    /// More kernel work waits: open a window for interrupts, then call `run` again.
    Again,
    /// Nothing to do: wait for an interrupt, then call `run` again.
    Idle,
}

/// Hardware as core sees it.
///
/// Addresses are user virtual addresses in bytes; time is in nanoseconds.
pub trait Machine {
    /// A user frame: one page of RAM, never a page table or kernel memory. Move-only.
    type Frame;
    /// A user address space: the page tables. Move-only.
    type Space;
    /// The registers and vector state of one thread. Move-only.
    type Context;
    /// A copyable name of a context, for [`Next`]; valid until the context is freed.
    type ContextRef: Copy + core::fmt::Debug + Default + PartialEq;

    /// Takes a zeroed frame, or `None` when none is free.
    fn frame_alloc(&mut self) -> Option<Self::Frame>;
    /// Makes a second owner of a frame. `None`: it has too many.
    fn frame_share(&mut self, frame: &Self::Frame) -> Option<Self::Frame>;
    /// Whether a frame has other owners. Core writes it then no more, and shows it to nobody to be
    /// written.
    fn frame_is_shared(&self, frame: &Self::Frame) -> bool;
    /// Gives a frame back. With its last owner it is free; the machine zeroes it before it is
    /// handed out again.
    fn frame_free(&mut self, frame: Self::Frame);
    /// Frames that are free now.
    fn frames_free(&self) -> usize;
    /// Frames that the kernel's heap has.
    fn heap_frames(&self) -> usize;
    /// Copies all of one frame into another.
    fn frame_copy(&mut self, from: &Self::Frame, to: &mut Self::Frame);
    /// Reads bytes of a frame. `offset + bytes.len()` is at most a page.
    fn frame_read(&self, frame: &Self::Frame, offset: usize, bytes: &mut [u8]);
    /// Writes bytes of a frame. `offset + bytes.len()` is at most a page.
    fn frame_write(&mut self, frame: &mut Self::Frame, offset: usize, bytes: &[u8]);
    /// Zeroes bytes of a frame. `offset + len` is at most a page.
    fn frame_zero(&mut self, frame: &mut Self::Frame, offset: usize, len: usize);

    /// Permits core to take one more chunk of about a page from the kernel heap. The simulated
    /// machine refuses on request, so that every failure path can be walked.
    ///
    /// # Errors
    /// The kernel heap may not grow.
    fn chunk_permit(&mut self) -> Result<(), NoMemory>;

    /// Makes an empty space (with the kernel's half shared). Takes one table page.
    fn space_new(&mut self) -> Option<Self::Space>;
    /// Destroys a space: its tables are freed. The caller has unmapped every page, and no CPU has
    /// it loaded.
    fn space_free(&mut self, space: Self::Space);
    /// Makes the tables for `pages` pages from `address`, so that [`Machine::space_map`] there
    /// cannot fail. Returns how many table pages were newly taken. On failure nothing is kept
    /// that was not there before.
    ///
    /// # Errors
    /// No frame is left for a table.
    fn space_reserve(
        &mut self,
        space: &mut Self::Space,
        address: u64,
        pages: usize,
    ) -> Result<usize, NoMemory>;
    /// Maps frames at consecutive pages, replacing what was there; where there is no frame, the page
    /// stays as it is. Ends before the first page without tables, and returns how many pages were
    /// passed. The machine keeps stale translations from surviving: after return the new entries are
    /// in force on this CPU.
    fn space_map(
        &mut self,
        space: &mut Self::Space,
        address: u64,
        frames: &[Option<Self::Frame>],
        protection: Protection,
    ) -> usize;
    /// Maps a page of device memory at a reserved page, uncached. The physical address was
    /// accepted by [`Machine::window_permit`].
    fn space_map_device(
        &mut self,
        space: &mut Self::Space,
        address: u64,
        physical: u64,
        protection: Protection,
    );
    /// Unmaps `pages` pages from `address`; unreserved and unmapped ones are skipped. After return
    /// no translation of this CPU leads there.
    fn space_unmap(&mut self, space: &mut Self::Space, address: u64, pages: usize);
    /// Loads a space on a CPU. `None` loads the kernel's own space.
    fn space_load(&mut self, cpu: Cpu, space: Option<&Self::Space>);

    /// Copies user bytes at `address` of the space that is loaded into frames, as if they lay behind
    /// each other, from byte `offset` of the first page on. Ends before a place without a frame.
    /// Never resolves faults.
    fn copy_in(
        &mut self,
        address: u64,
        frames: &mut [Option<Self::Frame>],
        offset: usize,
        len: usize,
    ) -> Copied;
    /// Copies bytes of frames, as [`Machine::copy_in`] does, to user `address`.
    fn copy_out(
        &mut self,
        address: u64,
        frames: &[Option<Self::Frame>],
        offset: usize,
        len: usize,
    ) -> Copied;
    /// Copies user bytes of the space that is loaded into kernel memory.
    fn read_user(&mut self, address: u64, bytes: &mut [u8]) -> Copied;
    /// Copies kernel bytes to user memory of the space that is loaded.
    fn write_user(&mut self, address: u64, bytes: &[u8]) -> Copied;

    /// Makes a context. `None` when memory is short.
    fn context_new(&mut self, start: Start) -> Option<Self::Context>;
    /// Destroys a context; it runs on no CPU.
    fn context_free(&mut self, context: Self::Context);
    /// The name of a context.
    fn context_ref(&self, context: &Self::Context) -> Self::ContextRef;
    /// Sets what the thread finds in `rax`.
    fn context_result(&mut self, context: &mut Self::Context, value: usize);
    /// Sets the registers that a not yet started thread begins with.
    fn context_start(&mut self, context: &mut Self::Context, start: Start);
    /// Has a thread go on at `entry` (a user address) with `rax` = `value` and plain flags.
    /// Returns the `rip`, `rsp`, `rflags` and `rax` that it had.
    fn context_divert(&mut self, context: &mut Self::Context, entry: u64, value: u64) -> [u64; 4];
    /// Time that a CPU has spent on it, the running stretch included.
    fn context_time(&self, context: &Self::Context) -> u64;
    /// Sets the base of local storage.
    fn context_tls(&mut self, context: &mut Self::Context, tls: u64);

    /// Monotonic time since boot.
    fn now(&self) -> u64;
    /// Wall-clock time since 1970.
    fn wall_clock(&self) -> u64;
    /// Arms this CPU's one-shot timer for that monotonic instant; `None` disarms it.
    fn timer_set(&mut self, cpu: Cpu, deadline: Option<u64>);

    /// Whether that interrupt line exists and may be given to a driver.
    fn irq_permit(&self, line: u32) -> bool;
    /// Masks or unmasks a line.
    fn irq_mask(&mut self, line: u32, masked: bool);
    /// Whether those ports may be given to a driver (none of the kernel's own).
    fn port_permit(&self, first: u16, count: u16) -> bool;
    /// Reads a port.
    fn port_in(&mut self, port: u16) -> u8;
    /// Writes a port.
    fn port_out(&mut self, port: u16, value: u8);
    /// Whether that physical range is device memory: neither RAM nor an interrupt controller.
    fn window_permit(&self, physical: u64, pages: usize) -> bool;

    /// Fills bytes from the machine's random generator.
    fn random(&mut self, bytes: &mut [u8]);
    /// Writes bytes to the serial line and the screen, where the machine has them.
    fn log(&mut self, bytes: &[u8]);
    /// Switches off or restarts. Returns only on machines that cannot.
    fn power(&mut self, operation: u8);
}
