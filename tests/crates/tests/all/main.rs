//! Published crates as they are, each used the way its documentation says.
#![cfg(target_os = "redox")]

mod crypt;
mod daemon;
mod ecosystem;
mod files;
mod parallel;
mod redox;
mod redoxfs;
mod scheme;
mod view;
mod waiting;
