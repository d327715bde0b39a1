//! What a program would change in a directory.
//!
//! An [`Overlay`] stands between a [`View`](clavis_view::View), which walks and judges, and a file
//! system below: what is read and never changed comes from below, what is changed is kept here, and
//! nothing is ever written below before somebody accepts it. What was changed goes by
//! node, as the file system does: an open handle follows what is renamed, and all names of a file
//! see what is written through one.
//!
//! At the end there is a [`difference`]: each thing that became of a name or of a file, with
//! what it needs of the others. [`commit`] carries out what is accepted, unless what stands below is
//! not what the program saw.
//!
//! Pure, as [`Store`](clavis_view::Store) stands for the file system below.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod attributes;
mod budget;
pub mod commit;
mod content;
pub mod difference;
mod files;
mod lower;
mod node;
mod overlay;
pub mod review;
pub mod show;
mod staged;
mod tree;
mod verify;

pub use difference::{Change, What, close};
pub use lower::Handle;
pub use overlay::Overlay;
