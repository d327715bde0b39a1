//! Counts words.

/// Counts the words of a text.
///
/// ```
/// assert_eq!(ordinary::words("a key\nand a lock"), 5);
/// // The package is around a documentation test as well.
/// assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/poem.txt").is_file());
/// ```
#[must_use]
pub fn words(text: &str) -> usize {
    text.split_whitespace().count()
}
