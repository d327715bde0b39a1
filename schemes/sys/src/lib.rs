//! What is known of the system, as text: what each file holds, apart from where that comes from.
//!
//! Nothing is kept between requests, so whoever serves next can go on with the same numbers.
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

mod clock;
mod file;
mod services;
mod text;

pub use clock::instant;
pub use file::File;
pub use text::{Count, System, text};
