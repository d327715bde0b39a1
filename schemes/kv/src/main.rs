//! Serves `/scheme/kv`.
#![forbid(unsafe_code)]

#[cfg(target_os = "redox")]
mod daemon;

scheme_daemon::main!("kv");
