//! What the book shows is what compiles and is tested.

const BOOK: &str = include_str!("../../../docs/writing-a-scheme.md");

fn shows(listing: &str) -> bool {
    BOOK.contains(&format!("```rust\n{}\n```", listing.trim_end()))
}

#[test]
fn the_book_shows_the_store_as_it_is() {
    let library = include_str!("../src/lib.rs");
    let (store, tests) = library.split_once("#[cfg(test)]\n").expect("the store has tests");
    assert!(shows(store), "the store in docs/writing-a-scheme.md is stale");
    assert!(shows(&format!("#[cfg(test)]\n{tests}")), "its tests there are stale");
    assert!(shows(include_str!("../src/daemon.rs")), "the daemon there is stale");
    assert_eq!(BOOK.matches("```rust\n").count(), 3, "a listing there is compiled by nobody");
}
