//! The smallest program that says something: how large an ordinary one is at least.
#![forbid(unsafe_code)]

fn main() {
    println!("Hello, world!");
}
