//! What this processor has, by CPUID, and the block of memory that belongs to one CPU.
use core::arch::x86_64::{__cpuid, __cpuid_count, _rdtsc};
use core::cell::UnsafeCell;
use core::fmt;
use x86_64::VirtAddr;
use x86_64::structures::tss::TaskStateSegment;

use crate::context::{Context, REGISTERS, VECTOR_BYTES};

macro_rules! features {
    ($($name:ident)*) => {
        /// Features of the processor that the kernel uses.
        #[derive(Clone, Copy, Debug, Default)]
        pub(crate) struct Features {
            $(pub(crate) $name: bool,)*
            /// Bits of a physical address.
            pub(crate) address_bits: u32,
        }

        impl fmt::Display for Features {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(if self.$name {
                    write!(f, " {}", stringify!($name))?;
                })*
                Ok(())
            }
        }
    };
}
features! { nx smep smap umip xsave xsaveopt avx rdrand global_pages huge_pages pat machine_check }

impl Features {
    /// Asks CPUID (Intel SDM vol. 2A, CPUID).
    pub(crate) fn detect() -> Features {
        let has = |register: u32, bit: u32| register >> bit & 1 == 1;
        let highest = __cpuid(0).eax;
        let basic = __cpuid(1);
        let mut features = Features {
            xsave: has(basic.ecx, 26) && highest >= 13,
            rdrand: has(basic.ecx, 30),
            global_pages: has(basic.edx, 13),
            pat: has(basic.edx, 16),
            machine_check: has(basic.edx, 7),
            address_bits: 36,
            ..Features::default()
        };
        if highest >= 7 {
            let extended = __cpuid_count(7, 0);
            features.smep = has(extended.ebx, 7);
            features.smap = has(extended.ebx, 20);
            features.umip = has(extended.ecx, 2);
        }
        if features.xsave {
            // AVX state lies behind the legacy area and the header, 256 bytes long, as contexts
            // reserve it; a processor that says otherwise goes without.
            let part = __cpuid_count(13, 2);
            let fits = part.ebx.saturating_add(part.eax) as usize <= VECTOR_BYTES;
            features.avx = has(basic.ecx, 28) && part.eax > 0 && fits;
            features.xsaveopt = has(__cpuid_count(13, 1).eax, 0);
        }
        let highest = __cpuid(0x8000_0000).eax;
        if highest >= 0x8000_0001 {
            let more = __cpuid(0x8000_0001);
            features.nx = has(more.edx, 20);
            features.huge_pages = has(more.edx, 26);
        }
        if highest >= 0x8000_0008 {
            features.address_bits = (__cpuid(0x8000_0008).eax & 0xFF).clamp(32, 52);
        }
        features
    }
}

/// The time-stamp counter.
#[inline]
pub(crate) fn time_stamp() -> u64 {
    // SAFETY: every x86_64 processor has RDTSC, and ring 0 may always use it.
    unsafe { _rdtsc() }
}

/// What belongs to one CPU. The stubs reach it through GS.
#[repr(C, align(64))]
pub(crate) struct Block {
    /// Address of the context whose registers are, or will at the next switch be, saved: the
    /// thread that this CPU last returned to, or [`Block::nowhere`] when that is gone.
    pub(crate) current: u64,
    /// The user's stack pointer for three instructions of the system call stub.
    pub(crate) scratch: u64,
    /// Top of this CPU's kernel stack.
    pub(crate) stack: u64,
    /// Since when the current context was not charged for its time.
    since: u64,
    _pad: u32,
    /// The task-state segment. Its first stack pointer (`privilege_stack_table[0]`) is the top of
    /// the next thread's register block: the processor itself pushes the frame of an interrupt
    /// into the context.
    pub(crate) task: TaskStateSegment,
    /// A context that no thread owns: takes the registers of a thread that is gone.
    nowhere: Context,
}

/// Holds the block of the one CPU.
struct Holder(UnsafeCell<Block>);

// SAFETY: one CPU uses it, with interrupts off, through short-lived raw accesses only.
unsafe impl Sync for Holder {}

static BLOCK: Holder = Holder(UnsafeCell::new(Block {
    current: 0,
    scratch: 0,
    stack: 0,
    since: 0,
    _pad: 0,
    task: TaskStateSegment::new(),
    nowhere: Context::empty(),
}));

/// This CPU's block.
#[inline]
pub(crate) fn block() -> *mut Block {
    BLOCK.0.get()
}

impl Block {
    /// Sets the address of the kernel stack's top and has the current context be nobody's.
    pub(crate) fn prepare(stack: u64) {
        // SAFETY: the block lives for ever and nothing else accesses it now.
        let block = unsafe { &mut *block() };
        block.stack = stack;
        block.current = &raw const block.nowhere as u64;
        block.task.privilege_stack_table[0] = VirtAddr::new_truncate(block.current + REGISTERS);
    }

    /// The context that this CPU's registers belong to.
    #[inline]
    pub(crate) fn current() -> u64 {
        // SAFETY: a plain read of this CPU's block, which lives for ever.
        unsafe { (*block()).current }
    }

    /// Ticks that the current context was not charged for yet; the next stretch begins.
    #[inline]
    pub(crate) fn next_stretch() -> u64 {
        // SAFETY: nothing else accesses this word of this CPU's block now.
        let since = unsafe { &mut (*block()).since };
        let now = time_stamp();
        now.wrapping_sub(core::mem::replace(since, now))
    }

    /// Charges the current context for the stretch that ends here.
    #[inline]
    pub(crate) fn charge_current() {
        // SAFETY: it is a thread's or `nowhere`, and nothing else accesses this word now.
        let ticks = unsafe { &mut (*(Self::current() as *mut Context)).ticks };
        *ticks = ticks.wrapping_add(Self::next_stretch());
    }

    /// Has the registers of the running thread go nowhere, because the thread is gone or starts
    /// anew: the stubs then take the long way out, which loads a context completely.
    pub(crate) fn forget() {
        // SAFETY: the block lives for ever; this takes an address only.
        let nowhere = unsafe { &raw const (*block()).nowhere };
        // SAFETY: a plain write to this CPU's block.
        unsafe { (*block()).current = nowhere as u64 };
    }

    /// Makes a context the one that registers are saved to, and interrupts push their frames to.
    ///
    /// # Safety
    /// The address is that of a live context.
    #[inline]
    pub(crate) unsafe fn adopt(context: u64) {
        // SAFETY: a plain write to this CPU's block.
        unsafe { (*block()).current = context };
        // SAFETY: the place lies in this CPU's block, which lives for ever.
        let place = unsafe { &raw mut (*block()).task.privilege_stack_table };
        // SAFETY: the segment is packed, so the place may be unaligned; it is writable.
        unsafe { place.cast::<u64>().write_unaligned(context + REGISTERS) };
    }
}
