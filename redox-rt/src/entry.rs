//! The first instructions of a program, and its last words.
//!
//! A program for `x86_64-unknown-none` says
//!
//! ```text
//! clavis_rt::entry!(main);
//! fn main(startup: &'static clavis_rt::startup::Startup<'static>) -> i32 { 0 }
//! ```
//!
//! and gets `_start`, which relocates the image, checks the startup block, gives the first thread
//! its storage and calls `main`. libc's crt0 uses [`relocate`] and [`begin`] itself.
#![expect(unsafe_code, reason = "runs before anything that safe code relies on exists")]

use crate::handle::Number;
use crate::startup::{self, Startup};
use crate::sys;
use crate::tls;
use core::fmt;

/// Exit code of a program whose startup block or image is not what its builder promised.
pub const EXIT_STARTUP: i32 = 127;
/// Exit code of a program that panicked.
pub const EXIT_PANIC: i32 = 101;

/// The main function of a no_std program; its result is the exit code.
pub type Main = fn(&'static Startup<'static>) -> i32;

/// Tags of the dynamic section (System V gABI, "Dynamic Section").
mod tag {
    pub(super) const NULL: usize = 0;
    pub(super) const RELA: usize = 7;
    pub(super) const RELASZ: usize = 8;
    pub(super) const RELRSZ: usize = 35;
    pub(super) const RELR: usize = 36;
}

/// `R_X86_64_RELATIVE`: base plus addend (System V psABI for x86_64, "Relocation").
const RELATIVE: u64 = 8;

/// Relocates a static position-independent image in place: `R_X86_64_RELATIVE` entries of RELA
/// and the words of RELR. `dynamic` 0 means that there is nothing to do.
///
/// It runs before relocation, so it must touch nothing that is relocated: no tables of constants
/// with addresses, no panics with messages, no calls that go through memory.
///
/// # Safety
/// `base` is where the image lies, `dynamic` the address of its dynamic section, the image is the
/// linker's own work, its relocated words are writable, and this is the first and only call.
#[inline(always)]
pub unsafe fn relocate(base: usize, dynamic: usize) {
    if dynamic == 0 {
        return;
    }
    let (mut rela, mut rela_size, mut relr, mut relr_size) = (0, 0, 0, 0);
    let mut entry = dynamic;
    loop {
        // SAFETY: the section ends with a NULL entry, which ends this loop.
        let kind = unsafe { word_at(entry) };
        // SAFETY: an entry has two words.
        let value = unsafe { word_at(entry.wrapping_add(8)) };
        if kind == tag::NULL {
            break;
        } else if kind == tag::RELA {
            rela = value;
        } else if kind == tag::RELASZ {
            rela_size = value;
        } else if kind == tag::RELR {
            relr = value;
        } else if kind == tag::RELRSZ {
            relr_size = value;
        }
        entry = entry.wrapping_add(16);
    }
    // SAFETY: the section names the image's own tables.
    unsafe { relocate_rela(base, base.wrapping_add(rela), rela_size) };
    // SAFETY: as above.
    unsafe { relocate_relr(base, base.wrapping_add(relr), relr_size) };
}

/// # Safety
/// As [`relocate`]; `table` holds `size` bytes of RELA entries.
#[inline(always)]
unsafe fn relocate_rela(base: usize, table: usize, size: usize) {
    let mut entry = table;
    let end = table.wrapping_add(size);
    while entry < end {
        // SAFETY: entries have three words: offset, information, addend.
        let offset = unsafe { word_at(entry) };
        // SAFETY: as above.
        let info = unsafe { word_at(entry.wrapping_add(8)) };
        // SAFETY: as above.
        let addend = unsafe { word_at(entry.wrapping_add(16)) };
        if info as u64 & 0xFFFF_FFFF == RELATIVE {
            let target = base.wrapping_add(offset) as *mut usize;
            // SAFETY: the linker says that this word of the image holds an address.
            unsafe { target.write_unaligned(base.wrapping_add(addend)) };
        }
        entry = entry.wrapping_add(24);
    }
}

/// RELR: a word with bit 0 clear is the offset of a word to relocate; one with bit 0 set is a
/// bitmap of the 63 words behind the last one.
///
/// # Safety
/// As [`relocate`]; `table` holds `size` bytes of RELR words.
#[inline(always)]
unsafe fn relocate_relr(base: usize, table: usize, size: usize) {
    let mut entry = table;
    let end = table.wrapping_add(size);
    let mut next = 0;
    while entry < end {
        // SAFETY: inside the table.
        let word = unsafe { word_at(entry) };
        if word & 1 == 0 {
            let target = base.wrapping_add(word);
            // SAFETY: the linker says that this word of the image holds an offset.
            unsafe { add_base(target, base) };
            next = target.wrapping_add(8);
        } else {
            let mut bits = word >> 1;
            while bits != 0 {
                let index = bits.trailing_zeros() as usize;
                // SAFETY: as above.
                unsafe { add_base(next.wrapping_add(index.wrapping_mul(8)), base) };
                bits &= bits.wrapping_sub(1);
            }
            next = next.wrapping_add(63 * 8);
        }
        entry = entry.wrapping_add(8);
    }
}

/// # Safety
/// A readable word lies at the address.
#[inline(always)]
unsafe fn word_at(address: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { (address as *const usize).read_unaligned() }
}

/// # Safety
/// A writable word lies at the address.
#[inline(always)]
unsafe fn add_base(address: usize, base: usize) {
    // SAFETY: the caller's promise.
    let value = unsafe { word_at(address) };
    // SAFETY: the caller's promise.
    unsafe { (address as *mut usize).write_unaligned(value.wrapping_add(base)) };
}

/// Checks the startup block, records it for [`startup::current`], gives the first thread its
/// storage and takes namespace and current directory into use. Ends the process when the block is
/// not one.
///
/// # Safety
/// `block` is the address that the process was started with; this is its only thread, the image
/// is relocated, `room` is as [`tls::install_first`] wants it, and this is the first and only call.
pub unsafe fn begin(block: usize, room: *mut u8) -> &'static Startup<'static> {
    // SAFETY: the builder of the process maps a block there, read-only, for its whole life.
    let Some(startup) = (unsafe { block_at(block) }) else { sys::thread::exit(EXIT_STARTUP) };
    startup::set_current(startup);
    let Some(startup) = startup::current() else { sys::thread::exit(EXIT_STARTUP) };
    // SAFETY: first and only call, on the only thread; the room is the caller's promise.
    if unsafe { tls::install_first(startup, room) }.is_err() {
        sys::thread::exit(EXIT_STARTUP);
    }
    crate::namespace::adopt(startup);
    let given_up = startup.header().given_up;
    if given_up != 0 && crate::confinement::pledge::begin(given_up).is_err() {
        sys::thread::exit(EXIT_STARTUP);
    }
    startup
}

/// # Safety
/// A startup block that stays mapped and unchanged lies at the address.
unsafe fn block_at(address: usize) -> Option<Startup<'static>> {
    use clavis_abi::startup::{Header, MAGIC};
    let header = core::ptr::with_exposed_provenance::<Header>(address);
    if !header.is_aligned() {
        return None;
    }
    // SAFETY: the block starts with a header.
    let header = unsafe { header.read() };
    if header.magic != MAGIC {
        return None;
    }
    let size = usize::try_from(header.size).ok()?;
    let bytes = core::ptr::with_exposed_provenance::<u8>(address);
    // SAFETY: the block says how long it is, and is immutable.
    Startup::parse(unsafe { core::slice::from_raw_parts(bytes, size) }).ok()
}

/// Runs a no_std program. What [`crate::entry!`] jumps to.
///
/// # Safety
/// As [`relocate`] and [`begin`].
pub unsafe fn run(block: usize, room: *mut u8, main: Main) -> ! {
    // SAFETY: passed on.
    let startup = unsafe { begin(block, room) };
    sys::thread::exit(main(startup))
}

/// Defines `_start` of a no_std program around a [`Main`].
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        /// The first instruction: clears the frame pointer, aligns the stack, leaves room at its top
        /// for the thread's storage, and passes on the startup block (`rdi`), the image's base, its
        /// dynamic section and the room.
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        extern "C" fn _start() -> ! {
            core::arch::naked_asm!(
                ".weak _DYNAMIC",
                ".hidden _DYNAMIC",
                ".weak __ehdr_start",
                ".hidden __ehdr_start",
                "xor ebp, ebp",
                "and rsp, -{align}",
                "sub rsp, {room}",
                "mov rcx, rsp",
                "lea rsi, [rip + __ehdr_start]",
                "lea rdx, [rip + _DYNAMIC]",
                "call {first}",
                "ud2",
                first = sym _clavis_first,
                align = const $crate::tls::FIRST_ALIGN,
                room = const $crate::tls::FIRST_ROOM,
            )
        }

        extern "C" fn _clavis_first(
            block: usize,
            base: usize,
            dynamic: usize,
            room: *mut u8,
        ) -> ! {
            // SAFETY: `_start` passes what the linker and the builder of the process provide, once.
            unsafe { $crate::entry::relocate(base, dynamic) };
            let main: $crate::entry::Main = $main;
            // SAFETY: as above.
            unsafe { $crate::entry::run(block, room, main) }
        }
    };
}

/// Writes to standard error, or to the kernel log where the process holds one.
#[derive(Clone, Copy, Debug)]
pub struct LastWords {
    number: Number,
}

impl LastWords {
    /// Where this process can still say something.
    #[must_use]
    pub fn new() -> LastWords {
        let log = startup::handle(clavis_abi::startup::EntryKind::Log);
        LastWords { number: log.unwrap_or(Number::STDERR) }
    }
}

impl Default for LastWords {
    fn default() -> LastWords {
        LastWords::new()
    }
}

impl fmt::Write for LastWords {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        sys::file::write_all(self.number, text.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// The panic handler of a no_std program: says what and where, and exits with [`EXIT_PANIC`].
pub fn panicked(info: &core::panic::PanicInfo<'_>) -> ! {
    use fmt::Write;
    // There is nobody left to tell of a failure.
    let _ = writeln!(LastWords::new(), "{info}");
    sys::thread::exit(EXIT_PANIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small image: words 0–7 hold offsets to be relocated, then come the tables.
    fn relocated(words: &mut [u64; 32]) -> u64 {
        let base = words.as_ptr() as usize;
        // SAFETY: the tables below lie in `words` and name words of it.
        unsafe { relocate(base, base + 16 * 8) };
        base as u64
    }

    #[test]
    fn relative_entries_become_addresses() {
        let mut words = [0; 32];
        // The table at word 8: word 1 becomes base + 0x30; the second entry is of another kind.
        words[8..14].copy_from_slice(&[8, RELATIVE, 0x30, 16, 6, 0x40]);
        words[16..22].copy_from_slice(&[7, 64, 8, 48, 0, 0]);
        let base = relocated(&mut words);
        assert_eq!((words[1], words[2]), (base + 0x30, 0));
    }

    #[test]
    fn packed_entries_become_addresses() {
        let mut words = [0; 32];
        words[..8].copy_from_slice(&[0, 1, 2, 3, 4, 5, 6, 7]);
        // Word 1, then by bitmap words 2 and 4 (bits 1 and 3).
        words[8..10].copy_from_slice(&[8, 0b1011]);
        words[16..22].copy_from_slice(&[36, 64, 35, 16, 0, 0]);
        let base = relocated(&mut words);
        assert_eq!(words[..6], [0, base + 1, base + 2, 3, base + 4, 5]);
    }

    #[test]
    fn an_image_without_a_dynamic_section_is_left_alone() {
        // SAFETY: nothing is touched.
        unsafe { relocate(1, 0) };
    }
}
