//! The boot image: an archive of named files, each of which starts on a page, so that a memory
//! object over the image can be mapped file by file without a copy.
//!
//! Layout (little endian): a head of 32 bytes, one record per file in ascending order of
//! path, the paths, zeros up to a page; then the files in the same order, each from a page
//! boundary, its last page filled with zeros. Directories are implied by paths. Files of the same
//! content share their pages.
//!
//! [`Image::parse`] checks everything once and believes nothing before; afterwards no question can
//! fail. The writer ([`Builder`], feature `std`) gives the same bytes for the same files.
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
#[cfg(feature = "std")]
extern crate std;

mod error;
mod format;
mod list;
mod path;
mod reader;
#[cfg(feature = "std")]
mod writer;

pub use error::Error;
pub use list::{Child, Children};
pub use path::check as check_path;
pub use reader::{Entries, Entry, Image, Node};
#[cfg(feature = "std")]
pub use writer::{BuildError, Builder};

/// Bytes in a page: files start on multiples of it.
pub const PAGE: usize = 4096;
/// Greatest number of files.
pub const FILES: usize = 4096;
/// Bytes in a path.
pub const PATH_MAX: usize = 1024;
/// Bytes in one component of a path.
pub const COMPONENT_MAX: usize = 255;
