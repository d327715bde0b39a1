//! Who holds what: a picture of all processes and their handles at one moment ([`Snapshot`]), and
//! what follows from it: how a handle came to where it is ([`chain`]), what can reach what
//! ([`reach`]), what changed between two moments ([`diff`]), and drawings ([`dot`], [`svg`]).
//!
//! Pure: values in, text out. Everything that processes chose themselves (names, labels) may be
//! hostile; it is escaped where it becomes text ([`escape`]).
#![forbid(unsafe_code)]

mod around;
pub mod chain;
pub mod diff;
pub mod dot;
pub mod escape;
pub mod graph;
pub mod layout;
mod model;
pub mod reach;
#[cfg(test)]
mod sample;
pub mod saved;
pub mod svg;

pub use model::{Held, Process, Snapshot, State, kind_name};
