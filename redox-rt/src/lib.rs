//! The runtime that every process runs on.
//!
//! From below: [`sys`] is one function per system call, [`handle`] owns what they return,
//! [`startup`] reads what the builder of the process left behind, [`heap`], [`tls`], [`thread`]
//! and [`sync`] are what a language runtime needs. Above: [`namespace`] opens names, [`spawn`]
//! builds processes from explicit handle lists, [`process`], [`account`] and [`object`] are the
//! kernel objects a program can hold, [`fs`] what can be asked of a file.
//!
//! init and the namespace manager link this crate; everything else reaches the same code inside
//! libc.a through the C symbols of `exports` (a feature that libc enables) and the safe crate
//! `clavis`.
//!
//! What is pure ([`startup`], [`path`], [`spawn::plan`], the logic of [`sync`]) is tested on the
//! host, where every system call answers `ENOSYS`.
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod account;
pub mod confinement;
pub mod entry;
#[cfg(feature = "exports")]
pub mod exports;
pub mod fs;
pub mod handle;
pub mod heap;
pub mod namespace;
pub mod object;
pub mod path;
pub mod process;
pub mod server;
pub mod spawn;
pub mod startup;
pub mod sync;
pub mod sys;
pub mod thread;
pub mod tls;
pub mod view;

pub use clavis_abi as abi;
pub use clavis_abi::Rights;
pub use clavis_abi::error::{Error, Result};
pub use handle::{BorrowedHandle, Handle, Number, Place};
