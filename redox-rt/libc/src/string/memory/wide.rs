//! Copying and filling much with AVX: eight registers of 32 bytes a step.
use super::{copy_small, copy_up as copy_words, store16};
use core::arch::asm;
use core::arch::x86_64::{__cpuid, _mm_set1_epi8};
use core::sync::atomic::{AtomicU8, Ordering};

/// Bytes that a step moves.
const STEP: usize = 256;
/// From how many bytes on it pays.
const LEAST: usize = 2 * STEP;

const UNKNOWN: u8 = 0;
const ABSENT: u8 = 1;
const PRESENT: u8 = 2;

/// Whether the processor has AVX and the kernel keeps its registers.
static AVX: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Whether so many bytes are worth it, and AVX is there.
#[inline(always)]
pub(super) fn pays(count: usize) -> bool {
    count >= LEAST
        && match AVX.load(Ordering::Relaxed) {
            UNKNOWN => detect(),
            known => known == PRESENT,
        }
}

#[cold]
fn detect() -> bool {
    let features = __cpuid(1).ecx;
    // OSXSAVE and AVX.
    let has = features >> 27 & 0b11 == 0b11 && enabled() & 0b110 == 0b110;
    AVX.store(if has { PRESENT } else { ABSENT }, Ordering::Relaxed);
    has
}

/// What of the vector state the kernel has enabled; the processor has OSXSAVE.
fn enabled() -> u32 {
    let low;
    // SAFETY: with OSXSAVE the instruction is there, and only reads.
    unsafe {
        asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") _, options(nomem, nostack));
    }
    low
}

/// Copies upwards.
///
/// # Safety
/// [`pays`] said so; `count` bytes readable and writable; `to` does not lie inside
/// `from..from + count` except at its start.
pub(super) unsafe fn copy_up(to: *mut u8, from: *const u8, count: usize) {
    let done = count & !(STEP - 1);
    let (from, to) = (from.wrapping_add(done), to.wrapping_add(done));
    // SAFETY: each step reads all of its bytes before it writes, which is right for every overlap
    // with `to <= from`; it ends where the whole steps do. AVX is there.
    unsafe {
        asm!(
            "2:",
            "vmovups ymm0, [{from} + {at}]",
            "vmovups ymm1, [{from} + {at} + 32]",
            "vmovups ymm2, [{from} + {at} + 64]",
            "vmovups ymm3, [{from} + {at} + 96]",
            "vmovups ymm4, [{from} + {at} + 128]",
            "vmovups ymm5, [{from} + {at} + 160]",
            "vmovups ymm6, [{from} + {at} + 192]",
            "vmovups ymm7, [{from} + {at} + 224]",
            "vmovups [{to} + {at}], ymm0",
            "vmovups [{to} + {at} + 32], ymm1",
            "vmovups [{to} + {at} + 64], ymm2",
            "vmovups [{to} + {at} + 96], ymm3",
            "vmovups [{to} + {at} + 128], ymm4",
            "vmovups [{to} + {at} + 160], ymm5",
            "vmovups [{to} + {at} + 192], ymm6",
            "vmovups [{to} + {at} + 224], ymm7",
            "add {at}, 256",
            "jnz 2b",
            "vzeroupper",
            at = inout(reg) done.wrapping_neg() => _,
            from = in(reg) from,
            to = in(reg) to,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            options(nostack),
        );
    }
    let rest = count - done;
    if rest <= 128 {
        // SAFETY: what is left of both, and the bound just checked.
        unsafe { copy_small(to, from, rest) };
    } else {
        // SAFETY: what is left of both, more than 8 bytes.
        unsafe { copy_words(to, from, rest) };
    }
}

/// Fills memory with a byte.
///
/// # Safety
/// [`pays`] said so; `count` bytes writable.
pub(super) unsafe fn fill(to: *mut u8, byte: u8, count: usize) {
    let done = count & !(STEP - 1);
    // SAFETY: SSE2 is part of the architecture.
    let block = unsafe { _mm_set1_epi8(byte as i8) };
    // SAFETY: each step lies within `count` bytes; it ends where the whole steps do. AVX is there.
    unsafe {
        asm!(
            "vinsertf128 ymm0, ymm0, xmm0, 1",
            "2:",
            "vmovups [{to} + {at}], ymm0",
            "vmovups [{to} + {at} + 32], ymm0",
            "vmovups [{to} + {at} + 64], ymm0",
            "vmovups [{to} + {at} + 96], ymm0",
            "vmovups [{to} + {at} + 128], ymm0",
            "vmovups [{to} + {at} + 160], ymm0",
            "vmovups [{to} + {at} + 192], ymm0",
            "vmovups [{to} + {at} + 224], ymm0",
            "add {at}, 256",
            "jnz 2b",
            "vzeroupper",
            at = inout(reg) done.wrapping_neg() => _,
            to = in(reg) to.wrapping_add(done),
            inout("xmm0") block => _,
            options(nostack),
        );
    }
    // The rest in blocks, the last of which may overlap what is filled.
    let mut at = done;
    while at < count {
        // SAFETY: sixteen bytes that end at `count` at the latest, which is more.
        unsafe { store16(to, at.min(count - 16), block) };
        at += 16;
    }
}
