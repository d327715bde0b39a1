//! A simulated machine for the kernel, and programs that run on it.
//!
//! [`machine::SimMachine`] implements what core asks of hardware over host memory and checks how
//! core uses it: a frame is never used after it was freed, never freed while a page table leads to
//! it, and a copy reaches the space that is loaded, whoever was meant. [`world::World`] boots a kernel on it and lets
//! [`program::Program`]s act as its threads; [`thread::Thread`] is one written as plain code.
#![forbid(unsafe_code)]

pub mod authority;
pub mod calls;
pub mod failure;
pub mod machine;
pub mod program;
pub mod random;
pub mod thread;
pub mod world;

pub use calls::Give;
pub use machine::{ContextName, SimMachine};
pub use program::{Act, Program, User};
pub use thread::Thread;
pub use world::World;
