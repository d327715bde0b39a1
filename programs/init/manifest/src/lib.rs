//! The service manifest: which services there are, what each is given, and when it runs.
//!
//! [`parse()`] reads the text, [`check()`] also finds what would not work: programs that the image
//! lacks, names that nobody provides, services that wait for each other in a circle. The image
//! build refuses what `check` refuses; init checks again, because it believes nothing. The format
//! is described in `docs/services.md`.
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

extern crate alloc;
#[cfg(test)]
extern crate std;

mod board;
mod check;
mod command;
mod life;
mod model;
mod parse;
#[cfg(test)]
mod tests;

pub use board::{ROW, Row};
pub use check::check;
pub use command::{Selection, select};
pub use life::{Ending, FAILURES, Life, Next, Stage};
pub use model::{
    End, FACTORIES, Give, Keep, Limits, Manifest, Problem, Restart, SERVICES, Service, Start,
    Supervise, Use, UseName,
};
pub use parse::parse;
