//! Serves what is known of the system.
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[cfg(target_os = "redox")]
mod daemon;

#[cfg(target_os = "redox")]
fn main() -> std::process::ExitCode {
    daemon::main()
}

#[cfg(not(target_os = "redox"))]
fn main() -> std::process::ExitCode {
    eprintln!("sys: it serves a scheme, so it runs on Clavis only; on this host it is tested");
    std::process::ExitCode::FAILURE
}
