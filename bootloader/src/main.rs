//! The UEFI application: loads kernel, init and boot image from the partition it came from, builds
//! the kernel's address space, and jumps. What it decides lies in the library; here is what
//! touches the machine.
#![no_main]
#![no_std]

extern crate alloc;

mod firmware;
mod handover;

use core::panic::PanicInfo;

use clavis_bootloader::Problem;
use uefi::Status;

use firmware::{console, qemu};

#[uefi::entry]
fn main() -> Status {
    let start_tsc = firmware::clock::time_stamp();
    console::line(format_args!("Clavis bootloader {}", env!("CARGO_PKG_VERSION")));
    let Err(problem) = boot(start_tsc);
    fail(format_args!("{problem}"));
    Status::LOAD_ERROR
}

fn boot(start_tsc: u64) -> Result<core::convert::Infallible, Problem> {
    firmware::processor::check()?;
    let loaded = handover::load()?;
    handover::start(loaded, start_tsc)
}

/// Says why there is no system, and ends the machine if it is a virtual one that can be ended.
fn fail(why: core::fmt::Arguments<'_>) {
    console::line(format_args!("Clavis cannot boot: {why}"));
    qemu::exit_failed();
    console::pause_to_read();
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    fail(format_args!("the bootloader failed: {info}"));
    firmware::halt()
}
