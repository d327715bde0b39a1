//! Physical memory: frames of RAM, each a table, kernel memory, or user memory with its owners.
//!
//! A free frame is a zeroed one, with two exceptions that end at its first use: RAM that was never
//! handed out, and nothing else. A frame is stored once, when it is freed (or at its first use); a
//! table above the lowest level is all zero by then.
//! For each frame the allocator counts the page-table entries that show it to a space; a frame
//! that is freed while one still does is never used again, so that no caller, however wrong, can
//! have a page table or kernel memory appear in user space.
use alloc::vec::Vec;
use clavis_abi::boot::{BootInfo, DIRECT_MAP, MemoryKind, MemoryRange, Region};
use clavis_core::machine::Copied;
use core::num::NonZeroU32;
use spin::Mutex;

/// Bytes of a frame.
pub(crate) const FRAME: u64 = 4096;

/// The frames of the machine.
pub(crate) static FRAMES: Mutex<Frames> = Mutex::new(Frames::none());

/// Where RAM at a physical address appears in the kernel.
#[inline]
pub(crate) const fn direct(physical: u64) -> u64 {
    DIRECT_MAP + physical
}

/// Owns a frame that user spaces may show, alone or with others.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Frame 0 is never handed out.
    number: NonZeroU32,
}

impl Frame {
    /// Physical address.
    #[inline]
    pub(crate) fn physical(&self) -> u64 {
        u64::from(self.number.get()) * FRAME
    }

    /// Where the kernel sees it.
    #[inline]
    pub(crate) fn address(&self) -> u64 {
        direct(self.physical())
    }
}

/// Allocator of frames.
pub(crate) struct Frames {
    /// Numbers of the frames that were freed: the first `freed` are valid.
    stack: &'static mut [u32],
    freed: usize,
    /// By frame number: entries that lead to it. For a table: its entries that lead to tables.
    uses: &'static mut [u32],
    /// By frame number: its owners beyond the first.
    shares: &'static mut [u32],
    /// RAM that was never handed out.
    fresh: [(u64, u64); FRESH_RANGES],
    next: usize,
    /// Bytes in `fresh`.
    untouched: u64,
}

/// Ranges of free RAM that are kept at most; the firmware of a PC leaves 10 to 40.
const FRESH_RANGES: usize = 128;

impl Frames {
    const fn none() -> Frames {
        Frames {
            stack: &mut [],
            freed: 0,
            uses: &mut [],
            shares: &mut [],
            fresh: [(0, 0); FRESH_RANGES],
            next: 0,
            untouched: 0,
        }
    }

    /// Takes over the usable RAM of the memory map. The allocator's own arrays come out of it.
    ///
    /// # Safety
    /// Once, at boot, with a memory map that is true: nothing uses the usable ranges, and the
    /// direct map covers them.
    pub(crate) unsafe fn begin(&mut self, memory: &[MemoryRange]) -> Result<(), &'static str> {
        let highest = memory.iter().filter(|range| is_ram(range)).map(|range| range.end).max();
        let count = (highest.unwrap_or(0) / FRAME) as usize;
        if count == 0 || count > u32::MAX as usize {
            return Err("the memory map has no RAM, or more than 16 TiB");
        }
        let bytes = (count as u64 * 12).next_multiple_of(FRAME);
        let mut arrays = None;
        let usable = memory.iter().filter(|range| range.kind == MemoryKind::Usable as u64);
        for (place, range) in self.fresh.iter_mut().zip(usable) {
            // Frame 0 stays out: no table of the firmware or of ours has it.
            let mut start = range.start.max(FRAME);
            if arrays.is_none() && range.end.saturating_sub(start) >= bytes {
                arrays = Some(start);
                start += bytes;
            }
            *place = (start, range.end.max(start));
            self.untouched += place.1 - place.0;
        }
        let arrays = direct(arrays.ok_or("no range of free RAM has room for the frame table")?);
        // SAFETY: the range is usable RAM, taken out above, in the direct map.
        let words = unsafe { core::slice::from_raw_parts_mut(arrays as *mut u32, count * 3) };
        words.fill(0);
        let (stack, counts) = words.split_at_mut(count);
        self.stack = stack;
        (self.uses, self.shares) = counts.split_at_mut(count);
        Ok(())
    }

    /// Takes a zeroed frame and returns its physical address.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<u64> {
        if self.freed > 0 {
            self.freed -= 1;
            return Some(u64::from(self.stack[self.freed]) * FRAME);
        }
        self.take_fresh()
    }

    #[cold]
    fn take_fresh(&mut self) -> Option<u64> {
        loop {
            let (start, end) = self.fresh.get_mut(self.next)?;
            if *start < *end {
                let physical = *start;
                *start += FRAME;
                self.untouched -= FRAME;
                zero(physical);
                return Some(physical);
            }
            self.next += 1;
        }
    }

    /// Gives a frame back, zeroing it. One that a space still shows is lost instead.
    pub(crate) fn give(&mut self, physical: u64) {
        let number = (physical / FRAME) as usize;
        if self.uses[number] != 0 {
            crate::console::print(format_args!("kernel: frame {number:#x} freed while mapped"));
            return;
        }
        zero(physical);
        self.give_zeroed(physical);
    }

    /// Gives a frame back that is all zero and that no space shows.
    pub(crate) fn give_zeroed(&mut self, physical: u64) {
        self.stack[self.freed] = (physical / FRAME) as u32;
        self.freed += 1;
    }

    /// Takes a frame for user memory.
    #[inline]
    pub(crate) fn take_user(&mut self) -> Option<Frame> {
        let number = (self.take()? / FRAME) as u32;
        NonZeroU32::new(number).map(|number| Frame { number })
    }

    /// Makes a second owner of a frame of user memory.
    pub(crate) fn share(&mut self, frame: &Frame) -> Option<Frame> {
        let shares = &mut self.shares[frame.number.get() as usize];
        *shares = shares.checked_add(1)?;
        Some(Frame { number: frame.number })
    }

    /// Whether a frame of user memory has more than one owner.
    #[inline]
    pub(crate) fn is_shared(&self, frame: &Frame) -> bool {
        self.shares[frame.number.get() as usize] > 0
    }

    /// Gives a frame of user memory back: with its last owner it is free.
    #[inline]
    pub(crate) fn give_user(&mut self, frame: Frame) {
        let shares = &mut self.shares[frame.number.get() as usize];
        match shares.checked_sub(1) {
            Some(others) => *shares = others,
            None => self.give(frame.physical()),
        }
    }

    /// Turns a frame that the bootloader filled into user memory.
    ///
    /// # Safety
    /// Once for a frame, which lies in RAM and which nothing else uses.
    pub(crate) unsafe fn mint(&mut self, physical: u64) -> Option<Frame> {
        let number = physical / FRAME;
        self.uses.get(number as usize)?;
        NonZeroU32::new(number as u32).map(|number| Frame { number })
    }

    /// How many frames are free.
    #[inline]
    pub(crate) fn free(&self) -> usize {
        self.freed + (self.untouched / FRAME) as usize
    }

    /// How many entries lead to a frame, to be changed.
    #[inline]
    pub(crate) fn uses(&mut self, physical: u64) -> &mut u32 {
        &mut self.uses[(physical / FRAME) as usize]
    }

    /// Frees what the bootloader left behind: boot memory outside of `kept`. Returns the frames.
    ///
    /// # Safety
    /// Nothing uses such memory any more, and its tables are not loaded.
    pub(crate) unsafe fn reclaim(&mut self, memory: &[MemoryRange], kept: &[Region]) -> usize {
        let mut frames = 0;
        for range in memory.iter().filter(|range| range.kind == MemoryKind::Boot as u64) {
            for physical in (range.start.max(FRAME)..range.end).step_by(FRAME as usize) {
                let is_kept = |region: &Region| {
                    region.start < physical + FRAME && physical < region.start + region.len
                };
                if !kept.iter().any(is_kept) {
                    self.give(physical);
                    frames += 1;
                }
            }
        }
        frames
    }
}

/// Whether a range is RAM that the direct map covers.
pub(crate) fn is_ram(range: &MemoryRange) -> bool {
    [MemoryKind::Usable, MemoryKind::Boot, MemoryKind::Acpi]
        .iter()
        .any(|kind| *kind as u64 == range.kind)
}

/// Zeroes a frame.
fn zero(physical: u64) {
    // SAFETY: only the allocator calls this, with frames of RAM that nothing else owns.
    unsafe { core::ptr::write_bytes(direct(physical) as *mut u8, 0, FRAME as usize) };
}

/// The regions of a boot block that stay in use when the kernel runs.
pub(crate) fn kept(info: &BootInfo) -> Vec<Region> {
    let segments = info.init.iter().take(info.init_count as usize);
    let init = segments.map(|init| Region { start: init.start, len: init.pages * FRAME });
    init.chain([info.kernel, info.image]).collect()
}

/// The address of a part of a frame, which is checked to be one.
#[inline]
pub(crate) fn part(frame: &Frame, offset: usize, len: usize) -> u64 {
    assert!(offset <= 4096 && len <= 4096 - offset, "a copy leaves its frame");
    frame.address() + offset as u64
}

/// Copies what lies in frames, piece by piece, up to a fault or a place without a frame. `copy` gets
/// the address of a piece, which lies in the frames, how many bytes came before it, and its length.
#[inline]
pub(crate) fn pieces(
    frames: &[Option<Frame>],
    mut offset: usize,
    len: usize,
    mut copy: impl FnMut(u64, usize, usize) -> Copied,
) -> Copied {
    let (mut done, mut at) = (0, 0);
    while done < len
        && let [Some(first), behind @ ..] = frames.get(at..).unwrap_or_default()
    {
        // What lies behind it in RAM goes with it.
        let more = (offset + len - done - 1) / FRAME as usize;
        let numbers = first.number.get().wrapping_add(1)..;
        let follows = |(frame, number): &(&Option<Frame>, u32)| {
            frame.as_ref().is_some_and(|frame| frame.number.get() == *number)
        };
        let run = 1 + behind.iter().take(more).zip(numbers).take_while(follows).count();
        let bytes = (run * FRAME as usize).saturating_sub(offset).min(len - done);
        let copied = copy(first.address() + core::mem::take(&mut offset) as u64, done, bytes);
        done += copied.done;
        at += run;
        if copied.fault.is_some() {
            return Copied { done, ..copied };
        }
    }
    Copied { done, fault: None }
}

/// Copies all of a frame.
pub(crate) fn copy(from: &Frame, to: &mut Frame) {
    let (from, to) = (from.address() as *const u8, to.address() as *mut u8);
    // SAFETY: both are frames, which their tokens own; they may be one, if it is shared.
    unsafe { core::ptr::copy(from, to, FRAME as usize) };
}

/// Reads a part of a frame.
pub(crate) fn read(frame: &Frame, offset: usize, bytes: &mut [u8]) {
    let from = part(frame, offset, bytes.len()) as *const u8;
    // SAFETY: the part lies in the frame, which the token owns; programs that have it mapped may
    // write it at the same time, and any bytes are valid ones.
    unsafe { core::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) };
}

/// Writes a part of a frame.
pub(crate) fn write(frame: &mut Frame, offset: usize, bytes: &[u8]) {
    let to = part(frame, offset, bytes.len()) as *mut u8;
    // SAFETY: the part lies in the frame, which the token owns.
    unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
}

/// Zeroes a part of a frame.
pub(crate) fn clear(frame: &mut Frame, offset: usize, len: usize) {
    let to = part(frame, offset, len) as *mut u8;
    // SAFETY: the part lies in the frame, which the token owns.
    unsafe { core::ptr::write_bytes(to, 0, len) };
}
