//! Drives the serial line and serves it as the console.
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[cfg(target_os = "redox")]
mod daemon;
#[cfg(target_os = "redox")]
mod driver;
#[cfg(target_os = "redox")]
mod terminal;

scheme_daemon::main!("console");
