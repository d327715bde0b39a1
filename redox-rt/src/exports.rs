//! The C symbols that the client crate links against.
