//! What the console and pseudo terminals share: the line discipline (what typed bytes become before
//! a program reads them, and what written bytes become before the terminal shows them), and which
//! job reads and is signalled. No input or output happens here.
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

pub mod commands;
pub mod discipline;
pub mod edit;
pub mod jobs;
#[cfg(target_os = "redox")]
mod processes;
pub mod protocol;
pub mod termios;

pub use commands::Commands;
pub use discipline::{Discipline, Signal};
pub use jobs::{Job, JobId, Jobs};
#[cfg(target_os = "redox")]
pub use processes::Processes;
pub use termios::Termios;
