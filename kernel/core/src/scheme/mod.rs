//! Schemes: endpoints, the requests that go through them, and how each request ends.
//!
//! The life of a request: `submit` takes a place in the endpoint's queue and copies the payload
//! into that place's page of the inbox ([`send`]); `receive` gives it to a server ([`receive`]);
//! the server answers, forwards ([`answer`], [`forward`], [`route`]) or dies ([`death`]); the
//! caller copies out and goes on ([`finish`]). At each stage the caller may go away ([`death`]).
//! Where the other side waits already, a request and its answer go the short way ([`direct`]).
pub mod answer;
pub mod death;
pub mod direct;
pub mod endpoint;
pub mod finish;
pub mod forward;
pub mod grant;
pub mod inbox;
pub mod message;
pub mod open;
pub mod receive;
pub mod request;
pub mod route;
pub mod send;
pub mod transfer;
