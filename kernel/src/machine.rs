//! The machine that core runs on: its demands, met by the parts.
use alloc::vec::Vec;
use clavis_abi::boot::MemoryRange;
use clavis_abi::platform::Platform;
use clavis_core::machine::{Copied, Cpu, Machine, NoMemory, Start};
use clavis_core::memory::Protection;

use crate::apic::{self, Lines};
use crate::console::CONSOLE;
use crate::context::{ContextRef, ContextToken, Contexts};
use crate::frame::{self, FRAME, FRAMES, Frame};
use crate::paging::{self, Cache, Space};
use crate::power;
use crate::random::Random;
use crate::{clock, copy, heap, ports, registers};

/// A PC with one processor.
pub(crate) struct Pc {
    /// Physical address of the root table that is loaded.
    pub(crate) loaded: u64,
    pub(crate) contexts: Contexts,
    pub(crate) lines: Lines,
    pub(crate) platform: Platform,
    pub(crate) random: Random,
    /// All that the firmware listed: no device memory is there, but the framebuffer.
    pub(crate) memory: Vec<MemoryRange>,
    /// Pages of interrupt controllers.
    pub(crate) controllers: Vec<u64>,
    /// First and last byte of the framebuffer.
    pub(crate) framebuffer: Option<(u64, u64)>,
    /// First physical address that the processor cannot make.
    pub(crate) address_end: u64,
    /// Wall-clock time at boot, in nanoseconds since 1970.
    pub(crate) epoch: u64,
    /// Ticks of the local timer in a nanosecond, as a fraction of 2^32.
    pub(crate) timer_scale: u64,
    /// The instant that the timer is set to.
    pub(crate) deadline: Option<u64>,
    /// Whether core's log goes to the console.
    pub(crate) is_quiet: bool,
}

impl Pc {
    /// The timer has run down. False if it was set as far as it counts, and is set anew.
    pub(crate) fn timer_fired(&mut self) -> bool {
        let deadline = self.deadline.take();
        match deadline {
            Some(instant) if clock::now() < instant => {
                self.timer_set(Cpu(0), deadline);
                false
            }
            _ => true,
        }
    }

    fn is_framebuffer(&self, first: u64, last: u64) -> bool {
        self.framebuffer.is_some_and(|(start, end)| start <= first && last <= end)
    }
}

impl Machine for Pc {
    type Frame = Frame;
    type Space = Space;
    type Context = ContextToken;
    type ContextRef = ContextRef;

    fn frame_alloc(&mut self) -> Option<Frame> {
        FRAMES.lock().take_user()
    }

    fn frame_free(&mut self, frame: Frame) {
        FRAMES.lock().give_user(frame);
    }

    fn frame_share(&mut self, frame: &Frame) -> Option<Frame> {
        FRAMES.lock().share(frame)
    }

    fn frame_is_shared(&self, frame: &Frame) -> bool {
        FRAMES.lock().is_shared(frame)
    }

    fn frames_free(&self) -> usize {
        FRAMES.lock().free()
    }

    fn heap_frames(&self) -> usize {
        heap::frames()
    }

    fn frame_copy(&mut self, from: &Frame, to: &mut Frame) {
        frame::copy(from, to);
    }

    fn frame_read(&self, frame: &Frame, offset: usize, bytes: &mut [u8]) {
        frame::read(frame, offset, bytes);
    }

    fn frame_write(&mut self, frame: &mut Frame, offset: usize, bytes: &[u8]) {
        frame::write(frame, offset, bytes);
    }

    fn frame_zero(&mut self, frame: &mut Frame, offset: usize, len: usize) {
        frame::clear(frame, offset, len);
    }

    fn chunk_permit(&mut self) -> Result<(), NoMemory> {
        heap::permit()
    }

    fn space_new(&mut self) -> Option<Space> {
        Space::new(&mut FRAMES.lock())
    }

    fn space_free(&mut self, space: Space) {
        if space.is_loaded(self.loaded) {
            self.space_load(Cpu(0), None);
        }
        space.free(&mut FRAMES.lock());
    }

    fn space_reserve(
        &mut self,
        space: &mut Space,
        address: u64,
        pages: usize,
    ) -> Result<usize, NoMemory> {
        space.reserve(address, pages)
    }

    fn space_map(
        &mut self,
        space: &mut Space,
        address: u64,
        frames: &[Option<Frame>],
        protection: Protection,
    ) -> usize {
        space.map(address, frames, protection, &mut FRAMES.lock(), self.loaded)
    }

    fn space_map_device(
        &mut self,
        space: &mut Space,
        address: u64,
        physical: u64,
        protection: Protection,
    ) {
        assert!(self.window_permit(physical, 1), "core maps device memory that is none");
        let is_screen = self.is_framebuffer(physical, physical);
        let cache = if is_screen { Cache::Combine } else { Cache::Off };
        space.map_device(address, physical, protection, cache, self.loaded);
    }

    fn space_unmap(&mut self, space: &mut Space, address: u64, pages: usize) {
        space.unmap(address, pages, &mut FRAMES.lock(), self.loaded);
    }

    fn space_load(&mut self, _cpu: Cpu, space: Option<&Space>) {
        let root = space.map_or_else(paging::kernel_root, Space::root);
        if root != self.loaded {
            self.loaded = root;
            // SAFETY: the root of a live space or the kernel's own: both map the kernel's half.
            unsafe { registers::load_root(root) };
        }
    }

    #[inline]
    fn copy_in(
        &mut self,
        address: u64,
        frames: &mut [Option<Frame>],
        offset: usize,
        len: usize,
    ) -> Copied {
        frame::pieces(frames, offset, len, |to, done, bytes| {
            // SAFETY: the piece lies in frames that the tokens own, which are borrowed mutably.
            unsafe { copy::from_user(to, address.wrapping_add(done as u64), bytes) }
        })
    }

    #[inline]
    fn copy_out(
        &mut self,
        address: u64,
        frames: &[Option<Frame>],
        offset: usize,
        len: usize,
    ) -> Copied {
        frame::pieces(frames, offset, len, |from, done, bytes| {
            // SAFETY: the piece lies in frames that the tokens own.
            unsafe { copy::to_user(address.wrapping_add(done as u64), from, bytes) }
        })
    }

    #[inline(always)]
    fn read_user(&mut self, address: u64, bytes: &mut [u8]) -> Copied {
        // SAFETY: the slice is borrowed mutably.
        unsafe { copy::from_user(bytes.as_mut_ptr() as u64, address, bytes.len()) }
    }

    #[inline(always)]
    fn write_user(&mut self, address: u64, bytes: &[u8]) -> Copied {
        // SAFETY: the slice is borrowed.
        unsafe { copy::to_user(address, bytes.as_ptr() as u64, bytes.len()) }
    }

    fn context_new(&mut self, start: Start) -> Option<ContextToken> {
        self.contexts.take(start)
    }

    fn context_free(&mut self, context: ContextToken) {
        self.contexts.give(context);
    }

    fn context_ref(&self, context: &ContextToken) -> ContextRef {
        context.name()
    }

    fn context_result(&mut self, context: &mut ContextToken, value: usize) {
        context.result(value as u64);
    }

    fn context_start(&mut self, context: &mut ContextToken, start: Start) {
        context.start(start);
    }

    fn context_divert(&mut self, context: &mut ContextToken, entry: u64, value: u64) -> [u64; 4] {
        context.divert(entry, value)
    }

    fn context_time(&self, context: &ContextToken) -> u64 {
        clock::nanoseconds(context.ticks())
    }

    fn context_tls(&mut self, context: &mut ContextToken, tls: u64) {
        context.tls(tls);
    }

    fn now(&self) -> u64 {
        clock::now()
    }

    fn wall_clock(&self) -> u64 {
        self.epoch.saturating_add(clock::now())
    }

    fn timer_set(&mut self, _cpu: Cpu, deadline: Option<u64>) {
        if deadline == self.deadline {
            return;
        }
        self.deadline = deadline;
        let ticks = deadline.map_or(0, |instant| {
            let left = instant.saturating_sub(clock::now());
            let ticks = (u128::from(left) * u128::from(self.timer_scale)) >> 32;
            u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
        });
        apic::timer_start(ticks);
    }

    fn irq_permit(&self, line: u32) -> bool {
        self.lines.permit(line)
    }

    fn irq_mask(&mut self, line: u32, masked: bool) {
        self.lines.mask(line, masked);
    }

    fn port_permit(&self, first: u16, count: u16) -> bool {
        ports::permit(first, count, &self.platform.power_ports)
    }

    fn port_in(&mut self, port: u16) -> u8 {
        assert!(self.port_permit(port, 1), "core reads a port of the kernel's own");
        // SAFETY: the port is no device of the kernel's, and none that writes memory.
        unsafe { registers::port_read(port) }
    }

    fn port_out(&mut self, port: u16, value: u8) {
        assert!(self.port_permit(port, 1), "core writes a port of the kernel's own");
        // SAFETY: as above.
        unsafe { registers::port_write(port, value) };
    }

    fn window_permit(&self, physical: u64, pages: usize) -> bool {
        let bytes = (pages as u64).checked_mul(FRAME).filter(|bytes| *bytes > 0);
        let Some(end) = bytes.and_then(|bytes| physical.checked_add(bytes)) else { return false };
        if !physical.is_multiple_of(FRAME) || end > self.address_end {
            return false;
        }
        if self.is_framebuffer(physical, end - 1) {
            return true;
        }
        let listed = |range: &MemoryRange| physical < range.end && range.start < end;
        !self.memory.iter().any(listed)
            && !self.controllers.iter().any(|page| (physical..end).contains(page))
    }

    fn random(&mut self, bytes: &mut [u8]) {
        self.random.fill(bytes);
    }

    fn log(&mut self, bytes: &[u8]) {
        if !self.is_quiet {
            CONSOLE.lock().write(bytes);
        }
    }

    fn power(&mut self, operation: u8) {
        power::operate(&self.platform, operation);
    }
}
