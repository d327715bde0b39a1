//! Where a thread goes on when the kernel has a signal for it: saves what the handler may change,
//! on the stack that the signal asks for, calls the handler, and goes back to where the thread
//! was. The kernel has no part in the way back.
//!
//! From the first instruction to the handler's mask all signals are blocked. A stack pointer that
//! leads nowhere faults here with the fault's signal blocked, which ends the process.
use super::actions::{self, ON_STACK};
use clavis_abi::params::{SignalFrame, SignalInfo};
use clavis_rt::{sys, tls};
use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use libc::mcontext_t;
use tls::{SignalPlace, ThreadBlock};

/// The registers of the interrupted code, as the entry stores and pops them.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Registers {
    pub(super) r15: u64,
    pub(super) r14: u64,
    pub(super) r13: u64,
    pub(super) r12: u64,
    pub(super) rbp: u64,
    pub(super) rbx: u64,
    pub(super) r11: u64,
    pub(super) r10: u64,
    pub(super) r9: u64,
    pub(super) r8: u64,
    pub(super) rdi: u64,
    pub(super) rsi: u64,
    pub(super) rdx: u64,
    pub(super) rcx: u64,
    pub(super) rax: u64,
    pub(super) rflags: u64,
    /// Where on the interrupted stack its instruction pointer lies for the way back.
    back: u64,
    pub(super) rip: u64,
    pub(super) rsp: u64,
}

macro_rules! exchange {
    ($($name:ident)*) => {
        impl Registers {
            /// Shows them to a handler. Vector registers are not shown.
            pub(super) fn show(&self, context: &mut mcontext_t) {
                $(context.$name = self.$name;)*
            }

            /// Takes over what a handler made of them. The flags stay.
            pub(super) fn take(&mut self, context: &mcontext_t) {
                let rflags = self.rflags;
                $(self.$name = context.$name;)*
                self.rflags = rflags;
            }
        }
    };
}
exchange!(r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rdi rsi rdx rcx rax rip rflags rsp);

/// Bytes of the registers, with padding that keeps the vector area behind them aligned.
const REGISTERS: usize = size_of::<Registers>().next_multiple_of(64);
/// Bytes below the stack pointer that interrupted code may be using (psABI, "The Stack Frame").
const RED_ZONE: usize = 128;
/// Bytes of the area that FXSAVE writes, where the header of XSAVE's begins.
const FXSAVE: usize = 512;

/// Bytes of the vector area.
static AREA: AtomicUsize = AtomicUsize::new(FXSAVE);
/// Whether it is XSAVE's.
static XSAVE: AtomicU32 = AtomicU32::new(0);

/// Where a thread keeps its frame, from `fs` on.
pub(super) const PLACE: usize = offset_of!(ThreadBlock, signal);

/// Finds out what vector state there is (Intel SDM vol. 1, 13.2).
pub(super) fn prepare() {
    if __cpuid(1).ecx >> 27 & 1 == 1 {
        let bytes = __cpuid_count(13, 0).ebx as usize;
        AREA.store(bytes.next_multiple_of(64), Ordering::Relaxed);
        XSAVE.store(1, Ordering::Release);
    }
}

/// The entry. In: `rax` = the thread's [`SignalPlace`]; all else is the interrupted code's.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn signal_entry() {
    core::arch::naked_asm!(
        // Two registers to work with.
        "mov [rax + {scratch}], rcx; mov [rax + {scratch} + 8], rdx",
        // The interrupted stack, unless the signal wants the alternate one and is not on it.
        "mov rcx, [rax + {rsp}]",
        "mov rdx, [rax + {top}]; test rdx, rdx; jz 2f",
        "cmp rcx, rdx; ja 3f",
        "cmp rcx, [rax + {base}]; ja 2f",
        "3:",
        "mov rdx, [rax + {number}]; dec rdx; bt qword ptr [rip + {on_stack}], rdx; jnc 2f",
        "mov rcx, [rax + {top}]; jmp 4f",
        "2:",
        "sub rcx, {red_zone}",
        "4:",
        "and rcx, -64; sub rcx, [rip + {area}]; sub rcx, {registers}",
        // The registers, lowest address first; the frame's part is filled in by `arrived`.
        "mov [rcx], r15; mov [rcx + 8], r14; mov [rcx + 16], r13; mov [rcx + 24], r12",
        "mov [rcx + 32], rbp; mov [rcx + 40], rbx; mov [rcx + 48], r11; mov [rcx + 56], r10",
        "mov [rcx + 64], r9; mov [rcx + 72], r8; mov [rcx + 80], rdi; mov [rcx + 88], rsi",
        "mov rdx, [rax + {scratch} + 8]; mov [rcx + 96], rdx",
        "mov rdx, [rax + {scratch}]; mov [rcx + 104], rdx",
        "mov rsp, rcx; mov rbx, rax",
        "lea rdi, [rsp + {registers}]",
        "cmp dword ptr [rip + {xsave}], 0; je 5f",
        "xor eax, eax; mov ecx, 8; lea rdi, [rdi + {fxsave}]; rep stosq",
        "lea rdi, [rsp + {registers}]",
        "mov eax, -1; mov edx, -1; xsave64 [rdi]; jmp 6f",
        "5: fxsave64 [rdi]",
        "6:",
        "mov rdi, rsp; mov rsi, rbx",
        "call {arrived}",
        "lea rdi, [rsp + {registers}]",
        "cmp dword ptr [rip + {xsave}], 0; je 7f",
        "mov eax, -1; mov edx, -1; xrstor64 [rdi]; jmp 8f",
        "7: fxrstor64 [rdi]",
        "8:",
        "pop r15; pop r14; pop r13; pop r12; pop rbp; pop rbx; pop r11; pop r10; pop r9; pop r8",
        "pop rdi; pop rsi; pop rdx; pop rcx; pop rax",
        // The flags, the stack below the red zone, and from there the instruction pointer.
        "popfq; pop rsp; ret {red_zone}",
        scratch = const offset_of!(SignalPlace, scratch),
        rsp = const offset_of!(SignalFrame, rsp),
        number = const offset_of!(SignalFrame, info) + offset_of!(SignalInfo, signal),
        top = const offset_of!(SignalPlace, stack_top),
        base = const offset_of!(SignalPlace, stack_base),
        on_stack = sym ON_STACK,
        red_zone = const RED_ZONE,
        area = sym AREA,
        registers = const REGISTERS,
        xsave = sym XSAVE,
        fxsave = const FXSAVE,
        arrived = sym arrived,
    )
}

const _: () = assert!(offset_of!(SignalPlace, frame) == 0 && offset_of!(Registers, rax) == 112);

/// Calls handlers until none of the signals that the interrupted code lets through waits.
extern "C" fn arrived(registers: &mut Registers, place: &SignalPlace) {
    let SignalFrame { rip, rsp, rflags, rax, mask, mut info } = place.frame.get();
    (registers.rip, registers.rsp) = (super::watch::counted(rip), rsp);
    (registers.rflags, registers.rax) = (rflags, rax);
    let block = tls::current();
    let errno = block.errno.get();
    let mut restarts = true;
    loop {
        restarts &= actions::handle(&info, mask, Some(registers));
        registers.back = registers.rsp.wrapping_sub(RED_ZONE as u64 + 8);
        let place = core::ptr::with_exposed_provenance_mut::<u64>(registers.back as usize);
        // SAFETY: below the red zone of the interrupted stack, or of the one that a handler chose
        // instead, nothing is in use. If it leads nowhere, this ends the process.
        unsafe { place.write_unaligned(registers.rip) };
        match sys::process::signal_next(mask) {
            Some(next) => info = next,
            None => break,
        }
    }
    block.restarts.set(restarts);
    block.errno.set(errno);
}
