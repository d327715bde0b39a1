//! What C's formats, scans and streams do, as values: no memory of the caller, no descriptor and no
//! variable argument is touched here. `libc.a` brings those, through the traits of each part.
//!
//! - [`mod@format`] has `printf` and its kin.
//! - [`scan`] has `scanf` and its kin.
//! - [`number`] has numbers in text.
//! - [`extended`] has `long double`.
//! - [`stream`] has what is behind `FILE`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod decimal;
pub mod extended;
pub mod format;
pub mod number;
pub mod scan;
pub mod stream;
mod text;
