//! What can be seen of others: where handles come from, and what was refused.
mod audit;
#[path = "../common/mod.rs"]
mod common;
mod origins;
