//! What the scheme daemons share: making an endpoint, registering its name, and the loop that
//! answers one request and receives the next in one system call.
//!
//! It builds for the guest only: `redox-scheme` speaks to the C symbols of libc.
#![cfg(target_os = "redox")]
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod endpoint;
mod serve;
mod waiting;

pub use endpoint::{Endpoint, Resolution, endpoint};
pub(crate) use serve::answer_all;
pub use serve::{Daemon, Done, Tag, copy_path, exit, serve};
pub use waiting::Waiting;
