//! An empty program on std: what starting one costs beside `minimal`.
#![forbid(unsafe_code)]

fn main() {}
