//! The kernel's own objects, one file each.
pub mod audit;
pub mod counters;
pub mod factory;
pub mod irq;
pub mod lease;
pub mod log;
pub mod pipe;
pub mod port;
pub mod queue;
pub mod slot;
pub mod timer;
