//! Serves a view of a directory.
#![forbid(unsafe_code)]

#[cfg(target_os = "redox")]
mod daemon;

scheme_daemon::main!("view");
