//! One function per system call, typed. The numbers come from the call table of `clavis_abi`,
//! the results are decoded by its rule. Nothing here keeps state.
//!
//! A call that can only touch what its arguments borrow is a safe function. Mapping, unmapping,
//! new threads and raw futex words are not: those are `unsafe fn` in [`memory`] and [`thread`].

pub mod call;
pub mod clavis;
pub mod file;
pub mod memory;
pub mod process;
pub mod raw;
pub mod thread;
pub mod time;
