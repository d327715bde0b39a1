//! Which static ELF programs are loaded, and how they are mapped.
//!
//! [`Image::parse`] judges a *copy* of the file's head (its first 4 KiB are enough: the program
//! headers must lie in it) and the file's size, and yields the segments to map. It reads nothing
//! else, so the file may change or lie behind its head without harm to the loader. A program's
//! dynamic section lies elsewhere in the file; whoever loads it may pass it to
//! [`needs_libraries`].
//!
//! Whatever is wrong is an [`Error`]; a loader answers every one of them with `ENOEXEC`.
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

mod dynamic;
mod error;
mod image;
mod place;
mod segment;

pub use dynamic::needs_libraries;
pub use error::Error;
pub use image::{Image, Kind, ProgramHeaders, TlsTemplate};
pub use place::Place;
pub use segment::{FileRange, Segment};

/// Bytes in a page.
pub const PAGE: u64 = 4096;
/// Bytes of the head that a loader copies before it judges a file.
pub const HEAD: usize = 2048;
/// Greatest number of segments in a program.
pub const SEGMENTS: usize = 16;
/// Greatest size of a TLS template in memory, in bytes.
pub const TLS_MAX: u64 = 1 << 20;
