//! Copies between user memory and the kernel: the only instructions of ring 0 that touch user
//! addresses, and so the only ones that may fault.
use clavis_core::machine::Copied;
use core::arch::{asm, global_asm};
use core::hint::cold_path;
use core::sync::atomic::{AtomicBool, Ordering};
use x86_64::registers::control::Cr2;

use crate::context::Registers;
use crate::paging::USER_END;

/// Whether SMAP is on, so that the copy has to lift it.
static SMAP: AtomicBool = AtomicBool::new(false);

/// Says that SMAP is on. To be called at boot, before the first copy.
pub(crate) fn smap_is_on() {
    SMAP.store(true, Ordering::Relaxed);
}

// clavis_copy(rdi to, rsi from, rdx bytes behind the words, rcx words) -> rax bytes left, rdx address
// of the fault if any are. Changes no other register than these five. Words first, then the rest: a
// repeated instruction costs one per round. The instructions that may fault have labels; `fix_up`
// sends a fault at one to the label behind it, with the registers as the fault left them (RCX counts
// what is left of that round).
global_asm!(
    ".text",
    ".global clavis_copy, clavis_copy_words, clavis_copy_words_fault",
    ".global clavis_copy_rest, clavis_copy_rest_fault, clavis_copy_open, clavis_copy_open_rest",
    "clavis_copy:",
    "cmp byte ptr [rip + {smap}], 0; je clavis_copy_open",
    "stac",
    "clavis_copy_words: rep movsq; mov ecx, edx",
    "clavis_copy_rest: rep movsb; xor eax, eax; clac; ret",
    // Without SMAP.
    "clavis_copy_open: rep movsq; mov ecx, edx",
    "clavis_copy_open_rest: rep movsb; xor eax, eax; ret",
    "clavis_copy_words_fault: lea rax, [rdx + rcx * 8]; jmp 3f",
    "clavis_copy_rest_fault: mov rax, rcx",
    "3: mov rdx, cr2",
    "cmp byte ptr [rip + {smap}], 0; je 4f",
    "clac; 4: ret",
    smap = sym SMAP,
);

unsafe extern "C" {
    static clavis_copy: u8;
    static clavis_copy_words: u8;
    static clavis_copy_open: u8;
    static clavis_copy_words_fault: u8;
    static clavis_copy_rest: u8;
    static clavis_copy_open_rest: u8;
    static clavis_copy_rest_fault: u8;
}

/// Copies; all other registers stay the callers'.
///
/// # Safety
/// The kernel's end of the copy is valid for so many bytes; the other lies in the user's half.
#[inline(always)]
unsafe fn run(to: u64, from: u64, bytes: usize) -> Copied {
    let (left, fault): (usize, u64);
    // SAFETY: by this function's contract; faults at the user's end are fixed, and the code changes
    // what it says.
    unsafe {
        asm!(
            "call {copy}",
            copy = sym clavis_copy,
            inout("rdi") to => _,
            inout("rsi") from => _,
            inout("rdx") bytes % 8 => fault,
            inout("rcx") bytes / 8 => _,
            out("rax") left,
        );
    }
    if left == 0 {
        Copied { done: bytes, fault: None }
    } else {
        cold_path();
        Copied { done: bytes - left, fault: Some(fault) }
    }
}

/// Whether all of a range lies in the user's half.
#[inline(always)]
fn is_user(address: u64, bytes: usize) -> bool {
    address <= USER_END && bytes as u64 <= USER_END - address
}

/// Copies from the user's half into kernel memory.
///
/// # Safety
/// `to` is valid for writing `bytes` bytes, and nothing else accesses them meanwhile.
#[inline(always)]
pub(crate) unsafe fn from_user(to: u64, address: u64, bytes: usize) -> Copied {
    if !is_user(address, bytes) {
        cold_path();
        return Copied { done: 0, fault: Some(address) };
    }
    // SAFETY: `to` by this function's contract; the source is the user's, whose faults are fixed.
    unsafe { run(to, address, bytes) }
}

/// Copies from kernel memory to the user's half.
///
/// # Safety
/// `from` is valid for reading `bytes` bytes.
#[inline(always)]
pub(crate) unsafe fn to_user(address: u64, from: u64, bytes: usize) -> Copied {
    if !is_user(address, bytes) {
        cold_path();
        return Copied { done: 0, fault: Some(address) };
    }
    // SAFETY: `from` by this function's contract; the target is the user's, whose memory the
    // kernel has no references to.
    unsafe { run(address, from, bytes) }
}

/// The address of the last page fault.
pub(crate) fn fault_address() -> u64 {
    Cr2::read_raw()
}

/// Continues a copy that faulted at a user address behind its fault. False if the fault has
/// another cause.
pub(crate) fn fix_up(frame: &mut Registers) -> bool {
    let places = [
        (&raw const clavis_copy_words, &raw const clavis_copy_words_fault),
        (&raw const clavis_copy_open, &raw const clavis_copy_words_fault),
        (&raw const clavis_copy_rest, &raw const clavis_copy_rest_fault),
        (&raw const clavis_copy_open_rest, &raw const clavis_copy_rest_fault),
    ];
    if fault_address() >= USER_END || frame.error & 8 != 0 {
        return false;
    }
    match places.iter().find(|(at, _)| *at as u64 == frame.rip) {
        Some((_, behind)) => {
            frame.rip = *behind as u64;
            true
        }
        None => false,
    }
}
