//! Serves a file system in memory. Argument: how many MiB it may keep.
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

scheme_daemon::main!("ramfs");
