//! The Clavis kernel as one safe value.
//!
//! [`Kernel`] holds every object; a system call, a fault, an interrupt or a timer tick is a method
//! on `&mut Kernel` that says what the CPU does next ([`run`]). It knows hardware only as
//! [`machine::Machine`]. Read on in [`handle`] (what a process can name), [`scheme`] (how it asks a
//! server), [`memory`], [`task`], [`object`] and [`syscall`].
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod account;
pub mod boot;
#[cfg(any(test, feature = "check"))]
pub mod check;
pub mod container;
pub mod event;
pub mod handle;
pub mod kernel;
pub mod machine;
pub mod memory;
pub mod object;
mod prelude;
pub mod run;
pub mod scheme;
mod syscall;
pub mod task;

pub use boot::Boot;
pub use kernel::{Kernel, Statistics};
pub use machine::{Cpu, Machine, Next, NoMemory};
pub use memory::Protection;
pub use run::Fault;
