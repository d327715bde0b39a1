//! Runs what the command line asks for and reports it over the second serial line.
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[cfg(target_os = "redox")]
mod run;

#[cfg(target_os = "redox")]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(not(target_os = "redox"))]
fn main() -> std::process::ExitCode {
    eprintln!(
        "results: it drives a serial line, so it runs on Clavis only; on this host it is tested"
    );
    std::process::ExitCode::FAILURE
}
