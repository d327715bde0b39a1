//! The boot image as a read-only file system.
//!
//! The image never changes, so a checked path is as good as a node: a handle keeps the path that
//! it was opened at, and nothing can move beneath it. There are no symbolic links.
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

pub mod files;
pub mod path;

pub use files::Files;
