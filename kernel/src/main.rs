//! The x86_64 machine below [`clavis_core::Kernel`]: everything that needs `unsafe`, and nothing
//! that decides.
//!
//! [`boot`] brings the machine up and makes the kernel value; [`entry`] is how the processor comes
//! in and goes out again, [`trap`] what happens in between, under the one lock. [`machine`]
//! implements what core asks of a machine with the parts that the other files hold, one each.
//! `docs/soundness.md` lists what is sensitive and the invariants that the `SAFETY` comments name.
//!
//! For any other target the crate is empty, so that tools can look at the workspace as a whole.
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod apic;
mod boot;
mod clock;
mod console;
mod context;
mod copy;
mod cpu;
mod descriptor;
mod entry;
mod frame;
mod heap;
mod machine;
mod paging;
mod panic;
mod ports;
mod power;
mod random;
mod registers;
mod screen;
mod trap;
