//! What a std program can do with its handles on Clavis: narrow and derive them, ask what they
//! are, build processes from explicit lists, arrange namespaces and accounts, make kernel objects.
//!
//! Everything is reached through a handle that the program holds; there is no global name. New
//! handles are [`Handle`] values that close on drop; they live in the upper half of the handle
//! table, out of the way of POSIX numbers, and become `OwnedFd`s with [`Handle::into_fd`].
//!
//! The functions are safe wrappers over the `clavis_*` symbols of libc.a, where the runtime's
//! state lives once per process.
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod account;
pub mod audit;
mod c;
pub mod command;
pub mod confinement;
#[cfg(feature = "std")]
pub mod directory;
pub mod error;
pub mod handle;
pub mod lease;
#[cfg(feature = "std")]
pub mod measure;
pub mod memory;
pub mod namespace;
pub mod object;
pub mod process;
pub mod relay;
pub mod server;
#[cfg(feature = "std")]
mod standard;
pub mod startup;

pub use clavis_abi as abi;
pub use clavis_abi::Rights;
pub use clavis_abi::params::{AccountLimits, AccountUsage, handle_flags, open_flags};
pub use clavis_abi::startup::EntryKind;
pub use command::{Command, Give};
pub use error::{Error, Result};
pub use handle::{AsNumber, Handle, HandleInfo, Number, Place};
pub use lease::Lease;
pub use process::{Child, ExitStatus};
