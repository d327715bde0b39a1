//! One run of the system in QEMU, from start to end.
pub(crate) mod accel;
mod command;
pub(crate) mod firmware;
pub(crate) mod frames;
mod log;
mod machine;
mod report;
mod symbols;
mod terminal;
pub(crate) mod trace;

pub(crate) use machine::{Config, Console, End, Outcome, run};
pub(crate) use report::explain;
