//! Serves an encrypted directory in plain.
#![forbid(unsafe_code)]

#[cfg(target_os = "redox")]
mod daemon;

scheme_daemon::main!("crypt");
