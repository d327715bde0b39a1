//! Serves pseudo terminals.
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
mod service;

scheme_daemon::main!("pty");
