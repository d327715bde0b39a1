//! The contract of Clavis: what the kernel, the bootloader and the userland agree on.
//!
//! Tables first: [`call`] lists the system calls, [`class`] the messages that a scheme server
//! receives, [`rights`] what a handle permits, [`limits`] every bound. From them come the
//! dispatcher, the validation before delivery, the user stubs, `docs/abi.md` and the negative
//! tests. [`params`] and [`startup`] are the structures behind pointers, [`boot`] is what the
//! bootloader hands to the kernel.
//!
//! Types, numbers and flags of the Redox userland come from `redox_syscall` (re-exported as
//! [`syscall`]); Clavis adds its own calls under the class bits `0x4000_0000`.
#![no_std]
#![forbid(unsafe_code)]

pub mod boot;
pub mod call;
pub mod class;
mod denial;
pub mod error;
pub mod limits;
pub mod namespace;
pub mod params;
pub mod peers;
pub mod platform;
pub mod rights;
pub mod runtime;
pub mod startup;
pub mod unix;

pub use rights::Rights;
pub use syscall;

/// Bytes in a page, a frame and an inbox slot.
pub const PAGE_SIZE: usize = 4096;
