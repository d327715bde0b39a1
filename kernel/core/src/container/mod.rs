//! The kernel's own containers. All are made of chunks of about a page that never move, take
//! memory only where they say so, and report when there is none.
mod arena;
mod blocks;
mod counted;
mod heap;
mod list;

pub use arena::{Arena, Id, Tenant};
pub use blocks::Blocks;
pub(crate) use blocks::{mostly, none};
pub use counted::Counted;
pub(crate) use counted::counted;
pub use heap::{Deadline, DeadlineHeap};
pub(crate) use list::links;
pub use list::{Link, Linked, List};
