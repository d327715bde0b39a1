//! Copies between user memory and the kernel: the only instructions of ring 0 that touch user
//! addresses, and so the only ones that may fault.
use clavis_core::machine::Copied;
use core::arch::global_asm;
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

// clavis_copy(rdi to, rsi from, rdx bytes) -> rax bytes left, rdx address of the fault if any are.
// Words first, then the rest: a repeated instruction costs one per round. The two instructions
// that may fault have labels; `fix_up` sends a fault at either to the label behind it, with the
// registers as the fault left them (RCX counts what is left of that round).
global_asm!(
    ".text",
    ".global clavis_copy, clavis_copy_words, clavis_copy_words_fault",
    ".global clavis_copy_rest, clavis_copy_rest_fault",
    "clavis_copy:",
    "cmp byte ptr [rip + {smap}], 0",
    "je 2f",
    "stac",
    "2:",
    "mov rcx, rdx; shr rcx, 3; and edx, 7",
    "clavis_copy_words:",
    "rep movsq",
    "mov ecx, edx",
    "clavis_copy_rest:",
    "rep movsb",
    "xor eax, eax",
    "3:",
    "cmp byte ptr [rip + {smap}], 0",
    "je 4f",
    "clac; 4: ret",
    "clavis_copy_words_fault:",
    "lea rax, [rdx + rcx * 8]",
    "mov rdx, cr2; jmp 3b",
    "clavis_copy_rest_fault:",
    "mov rax, rcx",
    "mov rdx, cr2; jmp 3b",
    smap = sym SMAP,
);

/// What `clavis_copy` answers.
#[repr(C)]
struct Outcome {
    left: usize,
    fault: u64,
}

unsafe extern "sysv64" {
    fn clavis_copy(to: u64, from: u64, bytes: usize) -> Outcome;
    static clavis_copy_words: u8;
    static clavis_copy_words_fault: u8;
    static clavis_copy_rest: u8;
    static clavis_copy_rest_fault: u8;
}

/// Whether all of a range lies in the user's half.
#[inline]
fn is_user(address: u64, bytes: usize) -> bool {
    address <= USER_END && bytes as u64 <= USER_END - address
}

#[inline]
fn copied(bytes: usize, outcome: Outcome) -> Copied {
    Copied {
        done: bytes - outcome.left,
        fault: if outcome.left == 0 { None } else { Some(outcome.fault) },
    }
}

/// Copies from the user's half into kernel memory.
///
/// # Safety
/// `to` is valid for writing `bytes` bytes, and nothing else accesses them meanwhile.
#[inline]
pub(crate) unsafe fn from_user(to: u64, address: u64, bytes: usize) -> Copied {
    if !is_user(address, bytes) {
        return Copied { done: 0, fault: Some(address) };
    }
    // SAFETY: `to` by this function's contract; the source is the user's, whose faults are fixed.
    copied(bytes, unsafe { clavis_copy(to, address, bytes) })
}

/// Copies from kernel memory to the user's half.
///
/// # Safety
/// `from` is valid for reading `bytes` bytes.
#[inline]
pub(crate) unsafe fn to_user(address: u64, from: u64, bytes: usize) -> Copied {
    if !is_user(address, bytes) {
        return Copied { done: 0, fault: Some(address) };
    }
    // SAFETY: `from` by this function's contract; the target is the user's, whose memory the
    // kernel has no references to.
    copied(bytes, unsafe { clavis_copy(address, from, bytes) })
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
        (&raw const clavis_copy_rest, &raw const clavis_copy_rest_fault),
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
