//! The registers of threads: blocks that never move, four to a page, owned by move-only tokens.
//!
//! The stubs of [`crate::entry`] save into the current block before anything else happens, and
//! load from the next one at the very end. Whatever a block holds, returning to it is safe for the
//! kernel: its selectors and flags come from the processor or from here, its instruction pointer
//! is canonical, and the pages of blocks are never given back.
use core::mem::offset_of;
use x86_64::VirtAddr;

use clavis_core::machine::Start;

use crate::cpu::Block;
use crate::descriptor::{USER_CODE, USER_DATA};
use crate::frame::{FRAMES, direct};
use crate::paging::USER_END;
use crate::registers;

/// Bytes of [`Registers`].
pub(crate) const REGISTERS: u64 = 176;
/// Bytes of the vector area: x87, SSE and AVX in the standard XSAVE form.
pub(crate) const VECTOR_BYTES: usize = 832;
/// [`Registers::entered`] of a thread that came in through SYSCALL and goes back through SYSRET.
pub(crate) const BY_SYSCALL: u64 = 256;

/// Names of [`Registers::general`], lowest address first: the order in which the stubs pop them.
pub(crate) const NAMES: [&str; 15] = [
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r9", "r8", "r10", "rdx", "rsi", "rdi", "rax", "rcx",
    "r11",
];
/// Places of some of them.
pub(crate) const R9: usize = 6;
pub(crate) const RDI: usize = 11;
pub(crate) const RAX: usize = 12;
pub(crate) const RCX: usize = 13;

/// The registers of a thread, as the stubs push and pop them. The last five words are what the
/// processor pushes at an interrupt.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Registers {
    pub(crate) general: [u64; 15],
    /// The vector of the interrupt, or [`BY_SYSCALL`].
    pub(crate) entered: u64,
    pub(crate) error: u64,
    pub(crate) rip: u64,
    pub(crate) cs: u64,
    pub(crate) rflags: u64,
    pub(crate) rsp: u64,
    pub(crate) ss: u64,
}

impl Registers {
    const fn empty() -> Registers {
        let (general, cs, ss) = ([0; 15], USER_CODE as u64, USER_DATA as u64);
        let rflags = PLAIN_FLAGS;
        Registers { general, entered: 0, error: 0, rip: NOWHERE, cs, rflags, rsp: 0, ss }
    }
}

/// The last user page, which [`crate::paging`] never maps: where a thread with an impossible entry
/// address starts, so that it faults in user mode.
const NOWHERE: u64 = USER_END;

/// Flags of a thread that starts, or is diverted: interrupts come in, all else is clear.
const PLAIN_FLAGS: u64 = 0x202;

/// A block.
#[repr(C, align(64))]
pub(crate) struct Context {
    pub(crate) registers: Registers,
    /// Base of local storage.
    pub(crate) tls: u64,
    /// Ticks of the time-stamp counter that a CPU has spent on its thread, until it last left. Of a
    /// free block: the address of the next one.
    pub(crate) ticks: u64,
    /// XSAVE area.
    pub(crate) vectors: [u8; VECTOR_BYTES],
}

const _: () = assert!(size_of::<Registers>() as u64 == REGISTERS);
const _: () = assert!(size_of::<Context>() == 1024 && offset_of!(Context, vectors) % 64 == 0);

impl Context {
    /// A block of a thread that starts nowhere, with vector registers as after FNINIT.
    pub(crate) const fn empty() -> Context {
        let mut vectors = [0; VECTOR_BYTES];
        // FCW and MXCSR of the legacy area. XRSTOR takes MXCSR from here even where the header
        // (all zero: initial state) says nothing; FXRSTOR takes both.
        vectors[0] = 0x7F;
        vectors[1] = 0x03;
        vectors[24] = 0x80;
        vectors[25] = 0x1F;
        Context { registers: Registers::empty(), tls: 0, ticks: 0, vectors }
    }
}

/// Owns a block.
#[derive(Debug)]
pub(crate) struct ContextToken {
    address: u64,
}

/// Names a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct ContextRef(pub(crate) u64);

impl ContextToken {
    /// The name of this block.
    pub(crate) fn name(&self) -> ContextRef {
        ContextRef(self.address)
    }

    fn block(&mut self) -> &mut Context {
        // SAFETY: the token owns the block, whose page is never given back; the stubs, which also
        // write it, run only outside Rust code.
        unsafe { &mut *(self.address as *mut Context) }
    }

    /// Sets what the thread finds in `rax`.
    pub(crate) fn result(&mut self, value: u64) {
        self.block().registers.general[RAX] = value;
    }

    /// Ticks that a CPU has spent on the thread, until now.
    pub(crate) fn ticks(&self) -> u64 {
        if Block::current() == self.address {
            Block::charge_current();
        }
        // SAFETY: the token owns the block, whose page is never given back; a plain read.
        unsafe { (*(self.address as *const Context)).ticks }
    }

    /// Has the thread begin anew with these registers. The time that was spent on it stays.
    pub(crate) fn start(&mut self, start: Start) {
        let ticks = self.ticks();
        let block = self.block();
        *block = Context { ticks, ..Context::empty() };
        if start.entry < USER_END {
            block.registers.rip = start.entry;
        }
        block.registers.rsp = start.stack;
        block.registers.general[RDI] = start.argument;
        block.tls = canonical(start.tls);
        if Block::current() == self.address {
            Block::forget();
        }
    }

    /// Has the thread go on elsewhere, with plain flags and `rax` = `value`, all else as it is.
    /// Returns its `rip`, `rsp`, `rflags` and `rax`.
    pub(crate) fn divert(&mut self, entry: u64, value: u64) -> [u64; 4] {
        let registers = &mut self.block().registers;
        let Registers { general, rip, rflags, rsp, .. } = registers;
        let old = [*rip, *rsp, *rflags, general[RAX]];
        (*rip, *rflags) = (entry.min(NOWHERE), PLAIN_FLAGS);
        general[RAX] = value;
        old
    }

    /// Sets the base of local storage.
    pub(crate) fn tls(&mut self, tls: u64) {
        let tls = canonical(tls);
        self.block().tls = tls;
        if Block::current() == self.address {
            registers::fs_base(VirtAddr::new_truncate(tls));
        }
    }
}

/// The address, or 0 if a register for addresses would refuse it.
fn canonical(address: u64) -> u64 {
    VirtAddr::try_new(address).map_or(0, VirtAddr::as_u64)
}

/// The blocks that no thread owns.
#[derive(Default)]
pub(crate) struct Contexts {
    /// Address of the first free block, or 0.
    free: u64,
}

impl Contexts {
    /// Takes a block, set to start. `None` when memory is short.
    pub(crate) fn take(&mut self, start: Start) -> Option<ContextToken> {
        if self.free == 0 {
            let page = direct(FRAMES.lock().take()?);
            for part in 0..4 {
                self.give(ContextToken { address: page + part * size_of::<Context>() as u64 });
            }
        }
        let mut token = ContextToken { address: self.free };
        self.free = core::mem::take(&mut token.block().ticks);
        token.start(start);
        Some(token)
    }

    /// Takes a block back.
    pub(crate) fn give(&mut self, mut token: ContextToken) {
        if Block::current() == token.address {
            Block::forget();
        }
        let next = self.free;
        let block = token.block();
        *block = Context { ticks: next, ..Context::empty() };
        self.free = token.address;
    }
}

/// Passes the CPU from one thread to another: saves and loads what the stubs do not. Called by
/// the stub `clavis_switch` only.
///
/// # Safety
/// Both are addresses of blocks; the vector registers are those of `from`.
pub(crate) unsafe extern "sysv64" fn activate(from: *mut Context, to: *mut Context) {
    // SAFETY: `from` is a block; this takes an address.
    let old = unsafe { &raw mut (*from).vectors };
    // SAFETY: `to` is a block; this takes an address.
    let new = unsafe { &raw const (*to).vectors };
    // SAFETY: they are those blocks' vector areas.
    unsafe { registers::vectors_pass(old, new) };
    Block::charge_current();
    // SAFETY: `to` is a block.
    let tls = unsafe { (*to).tls };
    registers::selectors_pass(VirtAddr::new_truncate(tls));
    // SAFETY: `to` is a block.
    unsafe { Block::adopt(to as u64) };
}
