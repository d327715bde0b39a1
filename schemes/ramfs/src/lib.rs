//! A file system in memory.
//!
//! [`tree`] holds the nodes and what is done with their names, [`data`] and [`attributes`] what
//! they hold and what is known of them, [`walk`] resolves paths from a
//! directory's own node (never from a path string), [`locks`] knows who locked what, [`content`] stores what files hold in pages
//! that can be mapped, [`names`] stores what directories hold, and [`handles`] is the face to
//! clients: numbers for open nodes. The daemon around it only translates requests.
//!
//! Every byte that a client can make it keep is charged against one budget; beyond it the answer
//! is `ENOSPC`.
//!
//! Mode bits, owners and groups are stored and reported; who may do what is decided by the rights
//! of handles, in the kernel, before a request arrives here.
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

pub mod attributes;
pub mod budget;
pub mod content;
pub mod data;
pub mod files;
pub mod handles;
pub mod journal;
pub mod locks;
pub mod names;
pub mod page;
pub mod store;
pub mod time;
pub mod tree;
pub mod walk;

pub use files::Files;
pub use handles::{Handles, Opened};
pub use tree::Tree;
