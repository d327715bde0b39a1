//! The services' log.
//!
//! Opening `/scheme/log/NAME` for writing gives a handle whose lines are tagged with that name;
//! opening `/scheme/log` for reading gives what the ring still holds, from its oldest line on.
//! Every line also goes to the kernel's log.
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
pub mod line;
pub mod ring;

pub use handles::Handles;
