//! The log of the system.
//!
//! The kernel keeps the newest lines of everybody: its own, and what services write to the handle
//! they were started with. Opening `/scheme/log/NAME` for writing gives a handle whose lines go
//! there too, tagged with that name. Opening `/scheme/log` for reading gives all lines, of which
//! more are kept here than the kernel has room for.
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

pub mod handles;
mod kept;
pub mod line;
pub mod ring;

pub use handles::Handles;
