//! A view of one directory of any file system.
//!
//! A [`View`] walks the file system below by itself: one name at a time, from handles that it
//! holds, never following a link there. Links are read and walked as text by [`beneath`], `..` is
//! what was walked before, and each path that a walk comes by is put to a [`Judge`]. So what a
//! view gives out is confined as the [`lower`] file system perhaps is not, and shows as much as
//! the judge lets it.
//!
//! What is opened to read or write is the file system's own handle, with the rights that the judge
//! gives: the view is not asked again. Directories, and what was opened to look at it only, stay
//! the view's own, and each use of them is judged anew.
//!
//! Pure, as [`Lower`] stands for the file system below; the daemon around it only translates.
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

mod guarded;
#[cfg(target_os = "redox")]
pub mod guest;
pub mod held;
pub mod judge;
pub mod lower;
mod naming;
mod node;
mod open;
mod record;
mod steps;
pub mod store;
mod table;

pub use guarded::Guarded;
pub use judge::{Below, Decision, Everything, Judge, Verdict};
pub use lower::{Lower, Walks};
pub use open::{Opened, PassedOn};
pub use record::{Record, Recorder};
pub use store::Store;
pub use table::{MOST, ROOT, View};
