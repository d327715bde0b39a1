//! What happens between entry and exit: each entry takes the one lock, lets core decide, and goes
//! where core says.
use alloc::boxed::Box;
use clavis_core::machine::{Cpu, Next};
use clavis_core::{Fault, Kernel};
use spin::Mutex;

use crate::context::{ContextRef, Registers};
use crate::cpu::Block;
use crate::machine::Pc;
use crate::paging::USER_END;
use crate::{apic, copy, entry, panic, registers};

/// The kernel, and the one lock around it. Empty until [`crate::boot`] has made it.
pub(crate) static KERNEL: Mutex<Option<Box<Kernel<Pc>>>> = Mutex::new(None);

/// The CPU that this kernel runs on.
const CPU: Cpu = Cpu(0);

/// Runs an entry point of core.
#[inline]
fn enter(entry: impl FnOnce(&mut Kernel<Pc>) -> Next<ContextRef>) -> Next<ContextRef> {
    let mut kernel = KERNEL.lock();
    // SAFETY: `boot` fills it before the first thread, and nothing empties it: `start` and the
    // stubs of user mode, which lead here, come after that.
    entry(unsafe { kernel.as_deref_mut().unwrap_unchecked() })
}

/// Follows core until it names a thread. Between its quanta the lock is free and interrupts come
/// in: the only places where they come from ring 0.
#[cold]
#[inline(never)]
fn settle(mut next: Next<ContextRef>) -> ContextRef {
    loop {
        match next {
            Next::User(context) => return context,
            // SAFETY: `enter` has released the lock, and this function holds no other.
            Next::Again => unsafe { registers::window() },
            Next::Idle => {
                Block::charge_current();
                // SAFETY: as above.
                unsafe { registers::wait() };
                // What the CPU has waited is nobody's time.
                Block::next_stretch();
            }
        }
        next = enter(|kernel| kernel.run(CPU));
    }
}

#[inline]
fn leave(next: Next<ContextRef>) -> ContextRef {
    match next {
        Next::User(context) => context,
        other => settle(other),
    }
}

/// A system call. Returns the context to leave to.
pub(crate) extern "sysv64" fn syscall(
    a0: usize,
    a1: usize,
    a2: usize,
    a3: usize,
    a4: usize,
    number: usize,
) -> ContextRef {
    leave(enter(|kernel| kernel.syscall(CPU, number, [a0, a1, a2, a3, a4])))
}

/// An interrupt or exception from user mode. Returns the context to leave to.
pub(crate) extern "sysv64" fn from_user(vector: u64, error: u64, rip: u64) -> ContextRef {
    let next = match vector {
        14 => {
            let address = copy::fault_address();
            if error & RESERVED_BIT != 0 {
                panic!("page fault at {address:#x}: a page table has reserved bits set");
            }
            enter(|kernel| {
                let write = error & 2 != 0;
                let execute = error & 16 != 0;
                kernel.fault(CPU, Fault::Page { address, write, execute })
            })
        }
        vector if vector < 32 => {
            let fault = Fault::Other { vector: vector as u8, address: rip };
            enter(|kernel| kernel.fault(CPU, fault))
        }
        vector => enter(|kernel| {
            interrupt(kernel, vector as u8);
            // Some processors take an interrupt between a jump to an impossible address and its
            // fault. IRET to there would fault in ring 0, so the fault is made here.
            if rip >= USER_END {
                kernel.fault(CPU, Fault::Other { vector: 13, address: rip })
            } else {
                kernel.run(CPU)
            }
        }),
    };
    leave(next)
}

/// Bit of a page fault's error code: a reserved bit is set in a page table.
const RESERVED_BIT: u64 = 8;

/// An interrupt in a window, or a fault in ring 0.
pub(crate) extern "sysv64" fn from_kernel(frame: &mut Registers) {
    if frame.entered == 14 && copy::fix_up(frame) {
        return;
    }
    match frame.entered {
        vector if vector < 32 => panic::exception(frame),
        vector => match KERNEL.try_lock() {
            Some(mut guard) => {
                if let Some(kernel) = guard.as_deref_mut() {
                    interrupt(kernel, vector as u8);
                } else {
                    apic::end_of_interrupt();
                }
            }
            None => panic!("interrupt {vector} while the kernel was locked"),
        },
    }
}

/// Tells core of an interrupt.
fn interrupt(kernel: &mut Kernel<Pc>, vector: u8) {
    match apic::kind(vector) {
        apic::Kind::Timer => {
            apic::end_of_interrupt();
            if kernel.machine().timer_fired() {
                kernel.tick(CPU);
            }
        }
        apic::Kind::Line(pin) => {
            if let Some(line) = kernel.machine().lines.arrived(pin) {
                kernel.irq(CPU, line);
            }
            // Only now: a level-triggered line would come again before core has masked it.
            apic::end_of_interrupt();
        }
        // Neither controller expects an end of interrupt for these.
        apic::Kind::Spurious => {}
    }
}

/// Leaves to the first thread.
pub(crate) fn start() -> ! {
    let first = settle(enter(|kernel| kernel.run(CPU)));
    // SAFETY: this is the boot code's last act, on this CPU's stack, which is free from here on;
    // the context is a live one, from core.
    unsafe { entry::clavis_start(first.0) }
}
