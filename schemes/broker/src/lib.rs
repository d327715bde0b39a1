//! A broker: a contained program asks it for a named thing, and gets a narrower handle to that, under
//! a lease that the broker's owner can revoke. docs/broker.md is its reference.
//!
//! [`Desk`] decides, and is tested on the host. `serve` carries the decisions out: what is granted
//! is *forwarded*, so the broker opens nothing itself and waits for no service. `Client` is for
//! programs that ask.
#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod ask;
#[cfg(target_os = "redox")]
mod client;
mod counter;
mod desk;
mod refusal;
#[cfg(target_os = "redox")]
mod server;
mod service;

pub use ask::{Ask, Prompt};
#[cfg(target_os = "redox")]
pub use client::Client;
pub use counter::{Counter, Narrowed};
pub use desk::{Answer, Desk, Grant, Network, OBJECTS, Person, QUESTIONS, ROOT, Terms};
pub use refusal::Refusal;
#[cfg(target_os = "redox")]
pub use server::Broker;
pub use service::{Service, Wanted};
