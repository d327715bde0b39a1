//! FreeBSD's Capsicum, spoken over the rights that handles have here.
//!
//! [`CapRights`] is a set of Capsicum's rights, bit for bit as FreeBSD's `cap_rights_t`; [`kept`]
//! says which of our rights a set keeps and [`held`] which of Capsicum's a handle has. Where one
//! of our rights stands for several of Capsicum's, a set with any of them keeps it, and `held`
//! answers all of them: what is told is what the kernel enforces. [`fcntls`] and
//! [`ioctls`] do the same for the limits of `fcntl` and of `ioctl`.
//!
//! The feature `api` adds what acts on the calling process.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "api"))]
extern crate std;

#[cfg(feature = "api")]
mod api;
pub mod fcntls;
pub mod ioctls;
mod mapping;
mod names;
mod rights;

#[cfg(feature = "api")]
pub use api::{enter, get, is_entered, limit, tie};
pub use mapping::{UNNAMED, held, kept, permits};
pub use names::NAMES;
pub use rights::{CapRights, Right};
