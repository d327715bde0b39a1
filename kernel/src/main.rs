//! The x86_64 machine below [`clavis_core::Kernel`]: everything that needs `unsafe`, and nothing
//! that decides.
//!
//! [`boot`] brings the machine up and makes the kernel value; [`entry`] is how the processor comes
//! in and goes out again, [`trap`] what happens in between, under the one lock. [`machine`]
//! implements what core asks of a machine with the parts that the other files hold, one each.
//! `docs/soundness.md` lists what is sensitive and the invariants that the `SAFETY` comments name.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod acpi;
#[cfg(target_os = "none")]
mod apic;
#[cfg(target_os = "none")]
mod boot;
#[cfg(target_os = "none")]
mod clock;
#[cfg(target_os = "none")]
mod console;
#[cfg(target_os = "none")]
mod context;
#[cfg(target_os = "none")]
mod copy;
#[cfg(target_os = "none")]
mod cpu;
#[cfg(target_os = "none")]
mod descriptor;
#[cfg(target_os = "none")]
mod entry;
#[cfg(target_os = "none")]
mod frame;
#[cfg(target_os = "none")]
mod heap;
#[cfg(target_os = "none")]
mod machine;
#[cfg(target_os = "none")]
mod paging;
#[cfg(target_os = "none")]
mod panic;
#[cfg(target_os = "none")]
mod ports;
#[cfg(target_os = "none")]
mod power;
#[cfg(target_os = "none")]
mod random;
#[cfg(target_os = "none")]
mod registers;
#[cfg(target_os = "none")]
mod screen;
#[cfg(target_os = "none")]
mod trap;

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("clavis-kernel runs on no operating system: build it with `cargo xtask image`");
    std::process::exit(2);
}
