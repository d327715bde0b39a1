//! How the programs print: everything between values and text that needs no system, so that it is
//! tested on the host.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod bytes;
pub mod date;
pub mod handle;
pub mod mode;
pub mod origin;
pub mod reason;
pub mod refusal;
pub mod rights;
pub mod table;
