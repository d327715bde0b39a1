//! The requirements of docs/scheme-protocol.md, each by the tests that name it. What a server does
//! wrong, or a client, is done by hand here: no library stands in between.
mod answers;
mod bounds;
mod bytes;
mod calls;
#[path = "../common/mod.rs"]
mod common;
mod giving_up;
mod handles;
mod memory;
mod names;
mod notices;
mod payloads;
mod sockets;
mod standard;
