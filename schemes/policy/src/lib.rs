//! What paths give: policy text, compiled and sealed. docs/policy.md is its reference.
//!
//! Pure: nothing is opened here. A [`Draft`] reads text, [`Draft::seal`] compiles it into a
//! [`Policy`], which nothing changes any more and whose [`struct@Hash`] says what it is. A [`Guard`] is
//! what a running sandbox has: policies that all have to agree, and a lock. [`learn()`] writes the
//! least policy for what a program did.
#![forbid(unsafe_code)]

mod alphabet;
mod compile;
mod decision;
mod draft;
mod glob;
mod guard;
mod hash;
mod lazy;
mod learn;
pub mod limits;
mod memory;
mod mistake;
mod narrowing;
mod nodes;
mod policy;
pub mod profiles;
mod rule;
mod running;

pub use decision::{Below, Decision, Line, Verdict};
pub use draft::{Draft, Include};
pub use glob::quoted;
pub use guard::{Guard, Lock, Refused, Walk};
pub use hash::Hash;
pub use learn::{Learned, Use, learn};
pub use mistake::Mistake;
pub use narrowing::narrowing;
pub use policy::{Origin, Policy, State};
pub use running::Running;
