//! Processes, threads, and which of them runs.
pub mod exec;
pub mod fork;
pub mod futex;
pub mod process;
pub mod sched;
pub mod signal;
pub mod stop;
pub mod thread;
