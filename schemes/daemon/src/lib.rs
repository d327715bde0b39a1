//! What the scheme daemons share: making an endpoint, registering its name, and the loops that
//! answer one request and receive the next in one system call.
//!
//! It is for the guest only, as `redox-scheme` speaks to the C symbols of libc: what is there on
//! the host is a [`main!`] that says so.
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[cfg(target_os = "redox")]
mod endpoint;
#[cfg(target_os = "redox")]
mod forward;
#[cfg(target_os = "redox")]
mod patient;
#[cfg(target_os = "redox")]
mod serve;
#[cfg(target_os = "redox")]
mod waiting;

#[cfg(target_os = "redox")]
pub use endpoint::{Endpoint, Resolution, endpoint};
#[cfg(target_os = "redox")]
pub use forward::{Forward, answer, forward};
#[cfg(target_os = "redox")]
pub use patient::{Attended, Patient, lock, reply, serve_patient};
#[cfg(target_os = "redox")]
pub use serve::{Daemon, Done, Tag, answer_all, copy_path, exit, serve};

/// The main function of a daemon: that of its module `daemon`, which is there for the guest only.
#[macro_export]
macro_rules! main {
    ($name:literal) => {
        #[cfg(target_os = "redox")]
        fn main() -> std::process::ExitCode {
            daemon::main()
        }

        #[cfg(not(target_os = "redox"))]
        fn main() -> std::process::ExitCode {
            $crate::not_here($name)
        }
    };
}

/// What a daemon says on the host.
#[cfg(not(target_os = "redox"))]
#[must_use]
pub fn not_here(name: &str) -> std::process::ExitCode {
    eprintln!("{name}: it serves a scheme, so it runs on Clavis only; on this host it is tested");
    std::process::ExitCode::FAILURE
}
