//! The namespace manager as a value.
//!
//! A [`Manager`] holds namespaces: sets of names, each bound to a handle of the manager's own
//! table (a slot, or any directory) with masks. [`Manager::decide`] turns a request of a client
//! into a [`Decision`] that the daemon around it carries out; an open is always answered by
//! *forward*, so the manager waits for nobody and remembers nothing of it.
//!
//! The state lives in a byte buffer as a log ([`state_log`]): init writes the first
//! namespaces into it with this same library, and a manager that starts, for the first or for the
//! hundredth time, replays it.
//!
//! A name can have names within it (*places*): `file/home/me` is bound like `file`, and an open
//! goes to the longest of those that its path has.
//!
//! # Recovery
//! Death at any instruction leaves each change either whole or without a trace. A number that was
//! recorded but not answered any more costs its units until the system restarts.
//!
//! # Who pays
//! Names, handles, tickets and namespaces cost *units*, charged to their namespace and all above
//! it; a child has a sixteenth less than its parent. A client that asks for more gets
//! `EDQUOT`; the others notice nothing.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod copy;
mod decide;
mod edit;
mod fork;
mod list;
mod manager;
mod name;
mod namespace;
mod place;
mod record;
mod refusal;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;

pub use decide::{Decision, Forward, ForwardPath, Request};
pub use manager::{Manager, Offer};
pub use name::Name;
pub use refusal::refusal;
pub use state::DEPTH_MAX;
