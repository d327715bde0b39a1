//! Page tables: the kernel's half, made at boot and shared by every space, and the user's half,
//! one for each.
//!
//! The kernel's half has four parts, each in root entries of its own that never change after
//! boot: RAM at the direct map (never executable; the kernel's image read-only), the heap, device
//! memory, and the kernel's image (W^X, with the guard pages of the stacks left out). No entry of
//! it has the user bit.
use clavis_abi::boot::{BootInfo, DIRECT_MAP, KERNEL_BASE};
use clavis_core::machine::NoMemory;
use clavis_core::memory::Protection;
use core::sync::atomic::{AtomicU64, Ordering};
use spin::Mutex;
use x86_64::VirtAddr;
use x86_64::instructions::tlb;

use crate::cpu::Features;
use crate::frame::{FRAME, FRAMES, Frame, Frames, direct, is_ram};
use crate::{descriptor, registers};

/// First address that no space maps: the last page of the lower half stays free, so that the
/// address behind a SYSCALL is always canonical.
pub(crate) const USER_END: u64 = 0x0000_7FFF_FFFF_F000;
/// Where the kernel heap grows from.
pub(crate) const HEAP: u64 = 0xFFFF_C000_0000_0000;
/// Where device memory appears.
const DEVICES: u64 = 0xFFFF_D000_0000_0000;

/// An address in each part of the kernel's half that has a root entry of its own.
const KERNEL_PARTS: [u64; 4] = [DIRECT_MAP, HEAP, DEVICES, KERNEL_BASE];

const PRESENT: u64 = 1;
const WRITE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const WRITE_THROUGH: u64 = 1 << 3;
const NO_CACHE: u64 = 1 << 4;
/// In an entry of an upper level: it maps a large page.
const LARGE: u64 = 1 << 7;
/// In an entry of the lowest level: bit 2 of the index into the page-attribute table.
const ATTRIBUTE: u64 = 1 << 7;
const GLOBAL: u64 = 1 << 8;
/// A bit that the processor ignores: the entry maps device memory, not a frame.
const DEVICE: u64 = 1 << 9;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000F_FFFF_FFFF_F000;

/// Pages from which on a range is flushed as a whole.
const FLUSH_ALL: usize = 64;

/// The kernel's own root, and bits that this processor lacks and entries must not have.
static KERNEL_ROOT: AtomicU64 = AtomicU64::new(0);
static LACKING: AtomicU64 = AtomicU64::new(0);
static NEXT_DEVICE: Mutex<u64> = Mutex::new(DEVICES);

/// How device memory is cached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cache {
    /// Not at all.
    Off,
    /// Writes are gathered: framebuffers.
    Combine,
}

impl Cache {
    fn bits(self) -> u64 {
        match self {
            Cache::Off => NO_CACHE | WRITE_THROUGH,
            Cache::Combine => ATTRIBUTE | WRITE_THROUGH,
        }
    }
}

/// Owns the tables of a user space.
#[derive(Debug)]
pub(crate) struct Space {
    root: u64,
    /// No table is there for a lower address.
    lowest: u64,
}

/// The entry for an address in a table, `level` 3 for the root down to 0.
#[inline]
fn entry(table: u64, address: u64, level: u32) -> *mut u64 {
    slot(table, address >> (12 + 9 * level) & 511)
}

/// The entry of that index in a table.
#[inline]
fn slot(table: u64, index: u64) -> *mut u64 {
    (direct(table) + index * 8) as *mut u64
}

/// Reads an entry.
///
/// # Safety
/// It is an entry of a live table.
#[inline]
unsafe fn get(entry: *mut u64) -> u64 {
    // SAFETY: by this function's contract.
    unsafe { *entry }
}

/// Writes an entry.
///
/// # Safety
/// It is an entry of a live table, and what the value maps may be mapped there.
#[inline]
unsafe fn set(entry: *mut u64, value: u64) {
    // SAFETY: by this function's contract.
    unsafe { entry.write(value & !LACKING.load(Ordering::Relaxed)) };
}

/// The lowest table for an address, if it exists.
#[inline]
fn table(root: u64, address: u64) -> Option<u64> {
    let mut table = root;
    for level in [3, 2, 1] {
        // SAFETY: `table` is a live table, from the level above.
        let value = unsafe { get(entry(table, address, level)) };
        if value & PRESENT == 0 {
            return None;
        }
        table = value & ADDRESS;
    }
    Some(table)
}

/// The table of `down_to` level for an address, made with all above it where missing.
fn make(root: u64, address: u64, down_to: u32, bits: u64, frames: &mut Frames) -> Option<u64> {
    let mut table = root;
    for level in (down_to + 1..=3).rev() {
        let place = entry(table, address, level);
        // SAFETY: `table` is a live table, from the level above.
        let value = unsafe { get(place) };
        if value & PRESENT == 0 {
            let below = frames.take()?;
            *frames.uses(table) += 1;
            // SAFETY: the new table is a zeroed frame of its own.
            unsafe { set(place, below | PRESENT | WRITE | bits) };
            table = below;
        } else {
            table = value & ADDRESS;
        }
    }
    Some(table)
}

/// Maps one page, or a large one of a higher level, in the kernel's half.
///
/// # Safety
/// What is mapped may be accessed as `bits` say.
unsafe fn map_kernel(
    frames: &mut Frames,
    address: u64,
    physical: u64,
    level: u32,
    bits: u64,
) -> Option<()> {
    let root = KERNEL_ROOT.load(Ordering::Relaxed);
    let table = make(root, address, level, 0, frames)?;
    // SAFETY: the table is live; what is mapped is the caller's promise.
    unsafe { set(entry(table, address, level), physical | PRESENT | bits) };
    Some(())
}

/// The physical address that the loaded tables give for an address of the kernel's half.
fn translate(address: u64) -> Option<u64> {
    let mut table = registers::root();
    for level in (0..=3).rev() {
        // SAFETY: the loaded tables are live, in RAM, and so in the direct map.
        let value = unsafe { get(entry(table, address, level)) };
        if value & PRESENT == 0 {
            return None;
        }
        if level == 0 || level < 3 && value & LARGE != 0 {
            let offset = (1 << (12 + 9 * level)) - 1;
            return Some(value & ADDRESS & !offset | address & offset & !(FRAME - 1));
        }
        table = value & ADDRESS;
    }
    None
}

unsafe extern "C" {
    static __image_start: u8;
    static __text_end: u8;
    static __rodata_end: u8;
    static __image_end: u8;
}

/// Whether an address is one of the kernel's code.
pub(crate) fn is_code(address: u64) -> bool {
    (&raw const __image_start as u64..&raw const __text_end as u64).contains(&address)
}

/// Makes the kernel's half and loads it.
///
/// # Safety
/// Once, at boot, with a boot block whose memory map is true.
pub(crate) unsafe fn begin(info: &BootInfo, features: &Features) -> Result<(), &'static str> {
    const SHORT: &str = "no memory for the kernel's page tables";
    let mut lacking = 0;
    if !features.nx {
        lacking |= NO_EXECUTE;
    }
    if !features.global_pages {
        lacking |= GLOBAL;
    }
    LACKING.store(lacking, Ordering::Relaxed);

    let mut frames = FRAMES.lock();
    let root = frames.take().ok_or(SHORT)?;
    KERNEL_ROOT.store(root, Ordering::Relaxed);
    let ranges = &info.memory[..info.memory_count as usize];
    let image = info.kernel.start..(info.kernel.start + info.kernel.len).next_multiple_of(FRAME);
    let mut ram = ranges.iter().filter(|range| is_ram(range)).copied().peekable();
    while let Some(mut range) = ram.next() {
        while let Some(more) = ram.next_if(|more| more.start == range.end) {
            range.end = more.end;
        }
        // The image is written at its own addresses alone.
        for (start, end, bits) in [
            (range.start, range.end.min(image.start), WRITE),
            (range.start.max(image.start), range.end.min(image.end), 0),
            (range.start.max(image.end), range.end, WRITE),
        ] {
            map_ram(&mut frames, start, end, bits, features).ok_or(SHORT)?;
        }
    }

    let address = |symbol: *const u8| symbol as u64;
    let parts = [
        (address(&raw const __image_start), address(&raw const __text_end), 0),
        (address(&raw const __text_end), address(&raw const __rodata_end), NO_EXECUTE),
        (address(&raw const __rodata_end), address(&raw const __image_end), NO_EXECUTE | WRITE),
    ];
    let guards = descriptor::guard_pages();
    for (start, end, bits) in parts {
        for page in (start..end).step_by(FRAME as usize) {
            let physical = translate(page).ok_or("the kernel's image is not mapped completely")?;
            if !guards.contains(&page) {
                // SAFETY: the page is one of the image's, with the protection it is linked for.
                unsafe { map_kernel(&mut frames, page, physical, 0, bits | GLOBAL) }
                    .ok_or(SHORT)?;
            }
        }
    }
    // The root entries of the growing parts have to exist before the first space copies them.
    for part in [HEAP, DEVICES] {
        make(root, part, 2, 0, &mut frames).ok_or(SHORT)?;
    }
    // SAFETY: the table maps this code, its data and stack, and RAM, as the old one did.
    unsafe { registers::load_root(root) };
    Ok(())
}

/// Maps RAM into the direct map, in the largest pages that fit.
fn map_ram(
    frames: &mut Frames,
    mut at: u64,
    end: u64,
    bits: u64,
    features: &Features,
) -> Option<()> {
    while at < end {
        let fits = |level: u32| {
            let size = FRAME << (9 * level);
            at.is_multiple_of(size) && end - at >= size
        };
        let level = if features.huge_pages && fits(2) { 2 } else { u32::from(fits(1)) };
        let bits = bits | NO_EXECUTE | GLOBAL | if level > 0 { LARGE } else { 0 };
        // SAFETY: RAM, as data of the kernel.
        unsafe { map_kernel(frames, direct(at), at, level, bits) }?;
        at += FRAME << (9 * level);
    }
    Some(())
}

/// Maps fresh frames at a part of the heap that has none. Stops at the first that is not to be
/// had and returns the pages mapped.
pub(crate) fn map_heap(address: u64, pages: usize) -> usize {
    let mut frames = FRAMES.lock();
    for page in 0..pages {
        let at = address + page as u64 * FRAME;
        let Some(physical) = frames.take() else { return page };
        let bits = WRITE | NO_EXECUTE | GLOBAL;
        // SAFETY: the frame is the heap's from here on.
        if unsafe { map_kernel(&mut frames, at, physical, 0, bits) }.is_none() {
            frames.give(physical);
            return page;
        }
    }
    pages
}

/// Maps device memory into the kernel and returns its address there.
///
/// # Safety
/// The range is a device's, and accesses to it keep the device's rules.
pub(crate) unsafe fn map_device(physical: u64, bytes: u64, cache: Cache) -> Option<u64> {
    let offset = physical % FRAME;
    let pages = (offset + bytes).div_ceil(FRAME);
    let mut next = NEXT_DEVICE.lock();
    let first = *next;
    let mut frames = FRAMES.lock();
    for page in 0..pages {
        let from = physical - offset + page * FRAME;
        let bits = WRITE | NO_EXECUTE | GLOBAL | cache.bits();
        // SAFETY: by this function's contract.
        unsafe { map_kernel(&mut frames, first + page * FRAME, from, 0, bits) }?;
    }
    // A page stays free behind each mapping, so that running over its end faults.
    *next = first + (pages + 1) * FRAME;
    Some(first + offset)
}

impl Space {
    /// Makes an empty space.
    pub(crate) fn new(frames: &mut Frames) -> Option<Space> {
        let root = frames.take()?;
        let kernel = KERNEL_ROOT.load(Ordering::Relaxed);
        for part in KERNEL_PARTS {
            // SAFETY: both are live roots.
            let value = unsafe { get(entry(kernel, part, 3)) };
            // SAFETY: the kernel's half is the same in all spaces.
            unsafe { set(entry(root, part, 3), value) };
        }
        Some(Space { root, lowest: u64::MAX })
    }

    /// Whether this space is the loaded one.
    #[inline]
    pub(crate) fn is_loaded(&self, loaded: u64) -> bool {
        self.root == loaded
    }

    /// The physical address of the root.
    #[inline]
    pub(crate) fn root(&self) -> u64 {
        self.root
    }

    /// Frees the tables. Frames that are still mapped stay marked as such.
    pub(crate) fn free(self, frames: &mut Frames) {
        for part in KERNEL_PARTS {
            // SAFETY: the root is loaded nowhere, and maps less from here on.
            unsafe { set(entry(self.root, part, 3), 0) };
        }
        free_tables(self.root, 3, self.lowest, frames);
    }

    /// Makes the tables for a range. Returns how many were taken.
    pub(crate) fn reserve(&mut self, address: u64, pages: usize) -> Result<usize, NoMemory> {
        let bytes = (pages as u64).checked_mul(FRAME).ok_or(NoMemory)?;
        let end = address.checked_add(bytes).filter(|end| *end <= USER_END).ok_or(NoMemory)?;
        // Count first, so that nothing has to be undone. No more than three levels are missing
        // for each part that a lowest table covers.
        let mut missing = 0;
        let mut at = address;
        let mut upper = u64::MAX;
        while at < end {
            if table(self.root, at).is_none() {
                missing += if upper == at >> 30 { 1 } else { 3 };
                upper = at >> 30;
            }
            at = next_table(at);
        }
        if missing == 0 {
            return Ok(0);
        }
        let mut frames = FRAMES.lock();
        let before = frames.free();
        if missing > before {
            return Err(NoMemory);
        }
        self.lowest = self.lowest.min(address);
        let mut at = address;
        while at < end {
            make(self.root, at, 0, USER, &mut frames).ok_or(NoMemory)?;
            at = next_table(at);
        }
        Ok(before - frames.free())
    }

    /// Writes the entry of a page. What was there is not shown any more.
    #[inline]
    fn replace(&self, place: *mut u64, address: u64, value: u64, frames: &mut Frames, loaded: u64) {
        // SAFETY: an entry of a live table.
        let old = unsafe { get(place) };
        // SAFETY: the callers map frames that a token owns, or device memory.
        unsafe { set(place, value) };
        if old & PRESENT != 0 {
            if old & DEVICE == 0 {
                *frames.uses(old & ADDRESS) -= 1;
            }
            if self.is_loaded(loaded) {
                tlb::flush(VirtAddr::new_truncate(address));
            }
        }
    }

    /// Maps frames at consecutive pages, up to the first without a table. Returns the pages passed.
    #[inline]
    pub(crate) fn map(
        &mut self,
        address: u64,
        shown: &[Option<Frame>],
        protection: Protection,
        frames: &mut Frames,
        loaded: u64,
    ) -> usize {
        let bits = bits(protection);
        let mut passed = 0;
        while passed < shown.len() {
            let at = address + passed as u64 * FRAME;
            assert!(at < USER_END, "core maps a page outside of the user's half");
            let Some(table) = table(self.root, at) else { break };
            let room = ((next_table(at).min(USER_END) - at) / FRAME) as usize;
            for (page, frame) in shown[passed..].iter().take(room).enumerate() {
                let Some(frame) = frame else { continue };
                if bits & PRESENT != 0 {
                    *frames.uses(frame.physical()) += 1;
                }
                let page_at = at + page as u64 * FRAME;
                let value = frame.physical() | bits;
                self.replace(entry(table, page_at, 0), page_at, value, frames, loaded);
            }
            passed += room;
        }
        passed.min(shown.len())
    }

    /// Maps a page of device memory at a reserved page.
    pub(crate) fn map_device(
        &mut self,
        address: u64,
        physical: u64,
        protection: Protection,
        cache: Cache,
        loaded: u64,
    ) {
        let protection = protection - Protection::EXEC;
        let value = physical & ADDRESS | bits(protection) | DEVICE | cache.bits();
        assert!(address < USER_END, "core maps a page outside of the user's half");
        let Some(table) = table(self.root, address) else {
            panic!("core maps a page at {address:#x} that it did not reserve");
        };
        self.replace(entry(table, address, 0), address, value, &mut FRAMES.lock(), loaded);
    }

    /// Unmaps a range, skipping what is not mapped.
    pub(crate) fn unmap(&mut self, address: u64, pages: usize, frames: &mut Frames, loaded: u64) {
        let end = address.saturating_add((pages as u64).saturating_mul(FRAME)).min(USER_END);
        let mut at = address;
        let mut unmapped = 0;
        while at < end {
            let stop = next_table(at).min(end);
            let Some(table) = table(self.root, at) else {
                at = stop;
                continue;
            };
            let mut next = entry(table, at, 0);
            while at < stop {
                let place = next;
                next = next.wrapping_add(1);
                // SAFETY: an entry of a live table.
                let old = unsafe { get(place) };
                if old & PRESENT != 0 {
                    // SAFETY: maps nothing.
                    unsafe { set(place, 0) };
                    if old & DEVICE == 0 {
                        *frames.uses(old & ADDRESS) -= 1;
                    }
                    unmapped += 1;
                    if unmapped < FLUSH_ALL && self.is_loaded(loaded) {
                        tlb::flush(VirtAddr::new_truncate(at));
                    }
                }
                at += FRAME;
            }
        }
        if unmapped >= FLUSH_ALL && self.is_loaded(loaded) {
            // SAFETY: loads the root that is loaded.
            unsafe { registers::load_root(loaded) };
        }
    }
}

/// The first address behind what the lowest table for `address` covers.
#[inline]
fn next_table(address: u64) -> u64 {
    (address | 0x1F_FFFF) + 1
}

/// The bits of a user page. Without any access nothing is mapped; executable is never writable.
#[inline]
fn bits(protection: Protection) -> u64 {
    if protection.is_empty() {
        return 0;
    }
    let write = protection.contains(Protection::WRITE);
    let execute = protection.contains(Protection::EXEC) && !write;
    PRESENT | USER | if write { WRITE } else { 0 } | if execute { 0 } else { NO_EXECUTE }
}

/// Frees a table and all below it, in the user's half. Each table above the lowest knows how many
/// of its entries lead to tables, so the search ends with the last; it begins at `lowest`. Once
/// these are gone, it is all zero again.
fn free_tables(table: u64, level: u32, lowest: u64, frames: &mut Frames) {
    let mut left = core::mem::take(frames.uses(table));
    let last = if level == 3 { 256 } else { 512 };
    let first = lowest >> (12 + 9 * level) & 511;
    for index in first..last {
        if level == 0 || left == 0 {
            break;
        }
        let place = slot(table, index);
        // SAFETY: an entry of a live table.
        let value = unsafe { get(place) };
        if value & PRESENT != 0 {
            left -= 1;
            // SAFETY: maps nothing.
            unsafe { set(place, 0) };
            // Behind the first every table is searched from its beginning.
            let lowest = if index == first { lowest } else { 0 };
            free_tables(value & ADDRESS, level - 1, lowest, frames);
        }
    }
    if level == 0 {
        frames.give(table);
    } else {
        frames.give_zeroed(table);
    }
}

/// The kernel's own root.
pub(crate) fn kernel_root() -> u64 {
    KERNEL_ROOT.load(Ordering::Relaxed)
}
