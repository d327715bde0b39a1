//! What there is on Clavis only: a file system below that is reached through handles, and a server.
mod below;
mod server;

pub use below::{Below, Lend};
pub use server::{ORDERS, Server};
