//! What lies below is what was written through a vault, or an error.
mod contents;
mod disk;
mod keys;
mod names;
mod tree;
#[path = "../../../view/tests/all/world.rs"]
#[expect(dead_code, reason = "views are tried in more ways")]
mod world;
