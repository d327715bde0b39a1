//! The report of what should not have happened: what, where, registers, and who called whom, on
//! the serial line and the screen. The kernel has no frame pointers, which every call would pay for:
//! the trace is of all words on the stack that are addresses of code, so it may show more than
//! called.
use core::arch::asm;
use core::fmt::{Arguments, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::console::CONSOLE;
use crate::context::{NAMES, Registers};
use crate::{copy, descriptor, paging, power, registers};

/// Addresses that the back trace shows at most.
const DEPTH: usize = 32;

static PANICKING: AtomicBool = AtomicBool::new(false);

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let stack: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rsp", out(reg) stack, options(nomem, nostack, preserves_flags)) };
    match info.location() {
        Some(place) => report(format_args!("{} ({place})", info.message()), None, stack),
        None => report(format_args!("{}", info.message()), None, stack),
    }
}

/// Reports an exception in ring 0, or one that nothing survives.
pub(crate) extern "sysv64" fn exception(frame: &Registers) -> ! {
    let name = match frame.entered {
        2 => "non-maskable interrupt",
        8 => "double fault: the kernel's stack has run out, or its tables are broken",
        14 => "page fault",
        18 => "machine check: the hardware reports an error",
        _ => "exception",
    };
    let vector = frame.entered;
    let ring = frame.cs & 3;
    let what = format_args!("{name} (vector {vector}, error {:#x}) in ring {ring}", frame.error);
    report(what, Some(frame), frame.rsp)
}

/// Prints the report and stops.
fn report(what: Arguments<'_>, frame: Option<&Registers>, stack: u64) -> ! {
    x86_64::instructions::interrupts::disable();
    if PANICKING.swap(true, Ordering::Relaxed) {
        // The report itself has failed.
        power::exit_after_panic();
        registers::halt();
    }
    // SAFETY: whoever holds the lock was interrupted on this CPU and never runs again.
    unsafe { CONSOLE.force_unlock() };
    let mut console = CONSOLE.lock();
    // A console cannot fail.
    let _ = writeln!(console, "\nclavis: panic: {what}");
    let mut count = 0;
    if let Some(r) = frame {
        let own = ["rip", "cs", "rflags", "rsp", "ss", "cr2"].into_iter();
        let values = [r.rip, r.cs, r.rflags, r.rsp, r.ss, copy::fault_address()];
        let rows = own.zip(values).chain(NAMES.into_iter().zip(r.general));
        for (place, (name, value)) in rows.enumerate() {
            let end = if place % 3 == 2 { "\n" } else { "" };
            let _ = write!(console, "  {name:>6} {value:#018x}{end}");
        }
        let _ = writeln!(console, "  #0 {:#x}", r.rip);
        count = 1;
    }
    // A stack that has run out ends in the page below it.
    let (bottom, top) = [stack, stack.saturating_add(4096)]
        .into_iter()
        .find_map(descriptor::stack_of)
        .unwrap_or_default();
    let mut place = stack.max(bottom).next_multiple_of(8);
    while place + 8 <= top && count < DEPTH {
        // SAFETY: a word within a stack, which is mapped.
        let word = unsafe { (place as *const u64).read() };
        if paging::is_code(word) {
            let _ = writeln!(console, "  #{count} {word:#x}");
            count += 1;
        }
        place += 8;
    }
    drop(console);
    power::exit_after_panic();
    registers::halt()
}
