//! Serves `/scheme/greet`.
#![forbid(unsafe_code)]

#[cfg(target_os = "redox")]
mod daemon;

scheme_daemon::main!("greet");
