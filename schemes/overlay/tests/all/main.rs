//! What a program sees in an overlay, what of it comes to stand below, and what does not.
mod conflicts;
mod errors;
mod model;
mod said;
mod setting;
#[path = "../../../view/tests/all/world.rs"]
#[expect(dead_code, reason = "views are tried in more ways")]
mod world;
