//! What the book shows is what compiles.

#[test]
fn the_book_shows_the_example_as_it_is() {
    let book = include_str!("../../../docs/writing-a-scheme.md");
    let example = include_str!("../../greet/src/main.rs");
    assert!(book.contains(&format!("```rust\n{example}```")), "docs/writing-a-scheme.md is stale");
}
