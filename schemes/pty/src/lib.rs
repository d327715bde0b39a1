//! A pseudo terminal as a value: what a terminal program writes at one end is typed at the other,
//! and what is written there is shown to it. No input or output happens here.
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

pub mod pair;

pub use pair::Pair;
