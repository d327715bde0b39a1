//! What `trace` says of a program's calls: which operation a request is, what its arguments and its
//! outcome look like, what the handles that it goes through are called. It knows no kernel.
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

mod asked;
mod flags;
mod objects;
mod operation;
mod options;
mod outcome;
mod quoted;
mod summary;

pub use asked::{Asked, line, notice, refusal};
pub use objects::{Kind, Object, Objects, joined};
pub use operation::Operation;
pub use options::{Misuse, Options, read};
pub use outcome::{Outcome, Yield, passed_on};
pub use summary::Summary;
