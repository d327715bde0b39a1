//! Unix sockets as values: sockets, what waits in them, names, and who may go on when something
//! changed. No input or output happens here; handles that travel with messages are a type of the
//! caller's, and closed by being dropped.
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

pub mod hub;
pub mod queue;
mod socket;

pub use hub::{Hub, Received, SHARED, SOCKETS};
pub use queue::{ASSURED, BYTES, HANDLES};
pub use socket::{Credentials, Half, Kind};
