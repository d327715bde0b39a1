//! libc.a: the C symbols that Rust's std, `libredox` and C-ABI crates of the userland link
//! against, thin over the runtime `clavis-rt`, of which every program has exactly this copy (the
//! client crate reaches it through the runtime's `clavis_*` symbols, which lie in here too).
//!
//! One file per header of POSIX or subject: a symbol that exists does its job, or answers the
//! error that its documentation names. Layouts and numbers are those of the `libc` crate.
//!
//! Unsafe code: every function that C hands a pointer to relies on what the C standard or POSIX
//! asks of the caller; its `# Safety` section names that contract and each block refers to it.
//! The text functions and the error messages are tested on the host.
#![cfg_attr(target_os = "redox", no_std)]

#[cfg(target_os = "redox")]
extern crate alloc;

#[cfg(any(test, target_os = "redox"))]
pub mod address;
pub mod ctype;
#[cfg(any(test, target_os = "redox"))]
pub mod date;
#[cfg(any(test, target_os = "redox"))]
mod fdset;
#[cfg(any(test, target_os = "redox"))]
pub mod glob;
#[cfg(any(test, target_os = "redox"))]
mod message;
pub mod sort;
pub mod string;
#[cfg(any(test, target_os = "redox"))]
pub mod users;

#[cfg(target_os = "redox")]
pub mod attributes;
#[cfg(target_os = "redox")]
pub mod capsicum;
#[cfg(target_os = "redox")]
pub mod control_message;
#[cfg(target_os = "redox")]
pub mod cpu_time;
#[cfg(target_os = "redox")]
pub mod crt0;
#[cfg(target_os = "redox")]
pub mod cwd;
#[cfg(target_os = "redox")]
pub mod dirent;
#[cfg(target_os = "redox")]
pub mod env;
#[cfg(target_os = "redox")]
pub mod epoll;
#[cfg(target_os = "redox")]
pub mod errno;
#[cfg(target_os = "redox")]
pub mod event;
#[cfg(target_os = "redox")]
pub mod exit;
#[cfg(target_os = "redox")]
pub mod fcntl;
#[cfg(target_os = "redox")]
pub mod foreground;
#[cfg(target_os = "redox")]
pub mod identity;
#[cfg(target_os = "redox")]
pub mod image;
#[cfg(target_os = "redox")]
pub mod io;
#[cfg(target_os = "redox")]
mod local;
#[cfg(target_os = "redox")]
pub mod locale;
#[cfg(target_os = "redox")]
pub mod lock;
#[cfg(target_os = "redox")]
pub mod malloc;
#[cfg(target_os = "redox")]
pub mod math;
#[cfg(target_os = "redox")]
pub mod mman;
#[cfg(target_os = "redox")]
pub mod mode;
#[cfg(target_os = "redox")]
pub mod names;
#[cfg(target_os = "redox")]
pub mod netdb;
#[cfg(target_os = "redox")]
pub mod number;
#[cfg(target_os = "redox")]
pub mod options;
#[cfg(target_os = "redox")]
mod place;
#[cfg(target_os = "redox")]
mod pointer;
#[cfg(target_os = "redox")]
pub mod poll;
#[cfg(target_os = "redox")]
pub mod priority;
#[cfg(target_os = "redox")]
pub mod process;
#[cfg(target_os = "redox")]
mod promises;
#[cfg(target_os = "redox")]
pub mod pseudo;
#[cfg(target_os = "redox")]
pub mod pthread;
#[cfg(target_os = "redox")]
pub mod redox;
#[cfg(target_os = "redox")]
pub mod select;
#[cfg(target_os = "redox")]
pub mod semaphore;
#[cfg(target_os = "redox")]
pub mod shm;
#[cfg(target_os = "redox")]
pub mod signal;
#[cfg(target_os = "redox")]
pub mod signal_name;
#[cfg(target_os = "redox")]
pub mod socket;
#[cfg(target_os = "redox")]
pub mod stat;
#[cfg(target_os = "redox")]
pub mod stdio;
#[cfg(target_os = "redox")]
pub mod syslog;
#[cfg(target_os = "redox")]
pub mod system;
#[cfg(target_os = "redox")]
pub mod temporary;
#[cfg(target_os = "redox")]
pub mod termios;
#[cfg(target_os = "redox")]
pub mod time;
#[cfg(target_os = "redox")]
pub mod tty;
#[cfg(target_os = "redox")]
pub mod unveil;

/// libc itself has no errors that it could not answer: a panic in it is a defect, and ends the
/// process with a word on where.
#[cfg(target_os = "redox")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    clavis_rt::entry::panicked(info)
}
