//! OpenBSD's `unveil` and `pledge`, spoken over namespaces and rights.
//!
//! [`Veil`] keeps which places were unveiled and refuses what cannot be; [`Permissions`] and
//! [`Promises`] say which rights a word stands for, and [`Promises::name`] what becomes of a name.
//! [`Operation`]s say which promises let a program do what: that is what the C library answers by.
//! All of that is pure: the runtime makes the namespaces.
//!
//! The feature `api` adds what acts on the calling process.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "api"))]
extern crate std;

#[cfg(feature = "api")]
mod api;
mod operations;
mod permissions;
mod place;
mod promises;
mod veil;

#[cfg(feature = "api")]
pub use api::{lock, pledge, unveil};
pub use operations::{Missing, Needs, OPERATIONS, Operation};
pub use permissions::Permissions;
pub use place::place_of;
pub use promises::{Name, PROMISES, Promises};
pub use veil::{PATHS_MAX, Veil};
