//! Copying and filling memory.
//!
//! Up to 128 bytes, overlapping loads and stores of fixed size do the work without a loop; above
//! that, string instructions move eight bytes per step (an instruction counter charges each
//! step of `rep` as one instruction), and from 512 on AVX moves 32, where it is there.
use core::arch::asm;
use core::arch::x86_64::{__m128i, _mm_set1_epi8, _mm_storeu_si128};
use core::ffi::{c_int, c_void};

mod wide;

/// Reads `T` at a byte offset.
///
/// # Safety
/// `size_of::<T>()` bytes at `base + offset` are readable.
#[inline(always)]
pub(super) unsafe fn load<T: Copy>(base: *const u8, offset: usize) -> T {
    let place = base.wrapping_add(offset).cast::<T>();
    // SAFETY: the caller's promise; any alignment is fine for an unaligned read.
    unsafe { place.read_unaligned() }
}

/// Writes `T` at a byte offset.
///
/// # Safety
/// `size_of::<T>()` bytes at `base + offset` are writable.
#[inline(always)]
unsafe fn store<T: Copy>(base: *mut u8, offset: usize, value: T) {
    let place = base.wrapping_add(offset).cast::<T>();
    // SAFETY: the caller's promise; any alignment is fine for an unaligned write.
    unsafe { place.write_unaligned(value) }
}

/// Writes sixteen bytes at an offset.
///
/// # Safety
/// They are writable.
#[inline(always)]
unsafe fn store16(base: *mut u8, offset: usize, value: __m128i) {
    // SAFETY: the caller's promise; this store takes any alignment.
    unsafe { _mm_storeu_si128(base.wrapping_add(offset).cast(), value) }
}

/// Copies the first and the last `size_of::<T>()` bytes, which together are all: both are read
/// before one is written.
///
/// # Safety
/// `size_of::<T>() <= count <= 2 * size_of::<T>()`; `count` bytes readable and writable.
#[inline(always)]
unsafe fn copy_ends<T: Copy>(to: *mut u8, from: *const u8, count: usize) {
    let tail = count - size_of::<T>();
    // SAFETY: within `count` bytes of `from`.
    let head: T = unsafe { load(from, 0) };
    // SAFETY: within `count` bytes of `from`.
    let last: T = unsafe { load(from, tail) };
    // SAFETY: within `count` bytes of `to`.
    unsafe { store(to, 0, head) };
    // SAFETY: within `count` bytes of `to`.
    unsafe { store(to, tail, last) };
}

/// Copies the first and the last `N` blocks of sixteen bytes, which together are all: every one
/// is read before one is written.
///
/// # Safety
/// `16 * N <= count <= 32 * N`; `count` bytes readable and writable.
#[inline(always)]
unsafe fn copy_blocks<const N: usize>(to: *mut u8, from: *const u8, count: usize) {
    let tail = count - 16 * N;
    // Kept in registers: the loops have a known length.
    // SAFETY: within `count` bytes of `from`.
    let head: [__m128i; N] = core::array::from_fn(|block| unsafe { load(from, 16 * block) });
    // SAFETY: within `count` bytes of `from`.
    let last: [__m128i; N] = core::array::from_fn(|block| unsafe { load(from, tail + 16 * block) });
    for (block, value) in head.into_iter().enumerate() {
        // SAFETY: within `count` bytes of `to`.
        unsafe { store16(to, 16 * block, value) };
    }
    for (block, value) in last.into_iter().enumerate() {
        // SAFETY: within `count` bytes of `to`.
        unsafe { store16(to, tail + 16 * block, value) };
    }
}

/// Copies up to 128 bytes; all are read before one is written, so the ranges may overlap.
///
/// # Safety
/// `count <= 128`; `count` bytes readable and writable.
#[inline(always)]
unsafe fn copy_small(to: *mut u8, from: *const u8, count: usize) {
    match count {
        0 => {}
        // SAFETY: one byte, both ends the same.
        1 => unsafe { copy_ends::<u8>(to, from, count) },
        // SAFETY: 2..=3 bytes are covered by two ends of 2.
        2..=3 => unsafe { copy_ends::<u16>(to, from, count) },
        // SAFETY: 4..=7 bytes are covered by two ends of 4.
        4..=7 => unsafe { copy_ends::<u32>(to, from, count) },
        // SAFETY: 8..=16 bytes are covered by two ends of 8.
        8..=16 => unsafe { copy_ends::<u64>(to, from, count) },
        // SAFETY: 17..=32 bytes are covered by two ends of 16.
        17..=32 => unsafe { copy_ends::<__m128i>(to, from, count) },
        // SAFETY: 33..=64 bytes are covered by two ends of 2 blocks.
        33..=64 => unsafe { copy_blocks::<2>(to, from, count) },
        // SAFETY: 65..=128 bytes are covered by two ends of 4 blocks.
        _ => unsafe { copy_blocks::<4>(to, from, count) },
    }
}

/// Copies upwards.
///
/// # Safety
/// `count >= 8` bytes readable and writable; `to` does not lie inside `from..from + count` except
/// at its start.
#[inline(always)]
unsafe fn copy_up(to: *mut u8, from: *const u8, count: usize) {
    let tail = count - 8;
    // SAFETY: the last eight bytes; read first, because the loop may overwrite them.
    let last: u64 = unsafe { load(from, tail) };
    // SAFETY: moves count / 8 words upwards, which is right for every overlap with `to <= from`;
    // the direction flag is clear by the C calling convention.
    unsafe {
        asm!(
            "rep movsq",
            inout("rcx") count / 8 => _,
            inout("rdi") to => _,
            inout("rsi") from => _,
            options(nostack, preserves_flags),
        );
    }
    // SAFETY: the last eight bytes of the destination.
    unsafe { store(to, tail, last) };
}

/// Copies downwards, 32 bytes a step.
///
/// # Safety
/// `count >= 32` bytes readable and writable.
#[inline(always)]
unsafe fn copy_down(to: *mut u8, from: *const u8, count: usize) {
    // SAFETY: the first 32 bytes; read first, because the loop may overwrite them.
    let first: __m128i = unsafe { load(from, 0) };
    // SAFETY: as above.
    let second: __m128i = unsafe { load(from, 16) };
    // SAFETY: each step moves the 32 bytes below `left`, reading both halves before it writes;
    // what lies above is done. It stops with at most 32 bytes left, which were read before.
    unsafe {
        asm!(
            "2:",
            "movups {low}, [{from} + {left} - 32]",
            "movups {high}, [{from} + {left} - 16]",
            "movups [{to} + {left} - 32], {low}",
            "movups [{to} + {left} - 16], {high}",
            "sub {left}, 32",
            "cmp {left}, 32",
            "ja 2b",
            left = inout(reg) count => _,
            from = in(reg) from,
            to = in(reg) to,
            low = out(xmm_reg) _,
            high = out(xmm_reg) _,
            options(nostack),
        );
    }
    // SAFETY: the first 32 bytes of the destination.
    unsafe { store16(to, 0, first) };
    // SAFETY: as above.
    unsafe { store16(to, 16, second) };
}

/// Copies memory whose ranges do not overlap.
///
/// # Safety
/// C contract: `count` bytes of `from` readable, of `to` writable, no overlap.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn memcpy(to: *mut c_void, from: *const c_void, count: usize) -> *mut c_void {
    let (target, source) = (to.cast::<u8>(), from.cast::<u8>());
    if count <= 128 {
        // SAFETY: the caller's promise, and the bound just checked.
        unsafe { copy_small(target, source, count) };
    } else if wide::pays(count) {
        // SAFETY: the caller's promise, and it pays.
        unsafe { wide::copy_up(target, source, count) };
    } else {
        // SAFETY: the caller's promise; more than 8 bytes.
        unsafe { copy_up(target, source, count) };
    }
    to
}

/// Copies memory whose ranges may overlap.
///
/// # Safety
/// C contract: `count` bytes of `from` readable, of `to` writable.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn memmove(
    to: *mut c_void,
    from: *const c_void,
    count: usize,
) -> *mut c_void {
    let (target, source) = (to.cast::<u8>(), from.cast::<u8>());
    if count <= 128 {
        // SAFETY: the caller's promise, and the bound just checked.
        unsafe { copy_small(target, source, count) };
    } else if (to as usize).wrapping_sub(from as usize) < count {
        // SAFETY: the caller's promise; more than 32 bytes.
        unsafe { copy_down(target, source, count) };
    } else if wide::pays(count) {
        // SAFETY: the destination starts below the source or behind its end, and it pays.
        unsafe { wide::copy_up(target, source, count) };
    } else {
        // SAFETY: the destination starts below the source or behind its end.
        unsafe { copy_up(target, source, count) };
    }
    to
}

/// Fills memory with a byte.
///
/// # Safety
/// C contract: `count` bytes of `to` writable.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn memset(to: *mut c_void, byte: c_int, count: usize) -> *mut c_void {
    let target = to.cast::<u8>();
    let word = u64::from(byte as u8).wrapping_mul(0x0101_0101_0101_0101);
    if count < 16 {
        // SAFETY: the caller's promise, and the bound just checked.
        unsafe { fill_small(target, word, count) };
    } else if count <= 128 {
        // SAFETY: SSE2 is part of the architecture.
        let block = unsafe { _mm_set1_epi8(byte as u8 as i8) };
        let mut offset = 0;
        while offset + 16 < count {
            // SAFETY: the sixteen bytes end below `count`.
            unsafe { store16(target, offset, block) };
            offset += 16;
        }
        // SAFETY: the last sixteen bytes.
        unsafe { store16(target, count - 16, block) };
    } else if wide::pays(count) {
        // SAFETY: the caller's promise, and it pays.
        unsafe { wide::fill(target, byte as u8, count) };
    } else {
        // SAFETY: the last eight bytes.
        unsafe { store(target, count - 8, word) };
        // SAFETY: count / 8 words lie within the range; the direction flag is clear by the C
        // calling convention.
        unsafe {
            asm!(
                "rep stosq",
                inout("rcx") count / 8 => _,
                inout("rdi") target => _,
                in("rax") word,
                options(nostack, preserves_flags),
            );
        }
    }
    to
}

/// Fills less than 16 bytes with the bytes of a word, which are all the same.
///
/// # Safety
/// `count < 16` bytes writable.
#[inline(always)]
unsafe fn fill_small(to: *mut u8, word: u64, count: usize) {
    if count >= 8 {
        // SAFETY: within `count` bytes.
        unsafe { store(to, 0, word) };
        // SAFETY: within `count` bytes.
        unsafe { store(to, count - 8, word) };
    } else if count >= 4 {
        // SAFETY: within `count` bytes.
        unsafe { store(to, 0, word as u32) };
        // SAFETY: within `count` bytes.
        unsafe { store(to, count - 4, word as u32) };
    } else if count > 0 {
        // SAFETY: within `count` bytes.
        unsafe { store(to, 0, word as u8) };
        // SAFETY: within `count` bytes.
        unsafe { store(to, count / 2, word as u8) };
        // SAFETY: within `count` bytes.
        unsafe { store(to, count - 1, word as u8) };
    }
}

/// Zeroes memory, even where an optimiser sees that nobody reads it again.
///
/// # Safety
/// C contract: `count` bytes are writable.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn explicit_bzero(memory: *mut c_void, count: usize) {
    // SAFETY: the same contract.
    unsafe { memset(memory, 0, count) };
    // SAFETY: no instruction; the optimiser must take it for a reader of the memory.
    unsafe { asm!("/* {} */", in(reg) memory, options(nostack, preserves_flags)) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const SIZES: [usize; 33] = [
        0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 160, 161,
        255, 511, 512, 513, 640, 767, 768, 1000, 4097, 5000,
    ];

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index * 7 + index / 251) as u8).collect()
    }

    #[test]
    fn memcpy_copies_exactly_the_range() {
        for count in SIZES {
            for shift in 0..9 {
                let from = pattern(count + 32);
                let mut to = std::vec![0xEE; count + 32];
                // SAFETY: both vectors hold `count + 32` bytes.
                unsafe {
                    memcpy(to[shift..].as_mut_ptr().cast(), from[3..].as_ptr().cast(), count)
                };
                assert_eq!(to[shift..shift + count], from[3..3 + count]);
                assert!(to[..shift].iter().chain(&to[shift + count..]).all(|byte| *byte == 0xEE));
            }
        }
    }

    #[test]
    fn memmove_is_right_for_every_overlap() {
        for count in SIZES {
            for (from, to) in [(0, 1), (1, 0), (0, 7), (7, 0), (0, 33), (33, 0), (5, 5), (0, 64)] {
                let mut memory = pattern(count + 64);
                let mut expected = memory.clone();
                expected.copy_within(from..from + count, to);
                let base = memory.as_mut_ptr();
                // SAFETY: both ranges lie in the vector of `count + 64` bytes.
                unsafe {
                    memmove(base.wrapping_add(to).cast(), base.wrapping_add(from).cast(), count)
                };
                assert_eq!(memory, expected, "{count} bytes from {from} to {to}");
            }
        }
    }

    #[test]
    fn memset_fills_exactly_the_range() {
        for count in SIZES {
            let mut memory = std::vec![0x11_u8; count + 16];
            // SAFETY: the vector holds `count + 16` bytes.
            unsafe { memset(memory[5..].as_mut_ptr().cast(), 0x1A5, count) };
            assert!(memory[5..5 + count].iter().all(|byte| *byte == 0xA5), "{count}");
            assert!(memory[..5].iter().chain(&memory[5 + count..]).all(|byte| *byte == 0x11));
        }
    }
}
