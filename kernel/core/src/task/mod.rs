//! Processes, threads, and which of them runs.
pub mod futex;
pub mod process;
pub mod sched;
pub mod thread;
