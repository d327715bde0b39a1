//! What hostile text can make this crate use: bounds on everything that is kept.

/// Bytes of policy text, each inclusion of a file counted.
pub const TEXT: usize = 256 << 10;
/// Lines that say what a path gives.
pub const RULES: usize = 8192;
/// Files that include each other, deep.
pub const DEPTH: usize = 8;
/// Variables, and the bytes of one.
pub const VARIABLES: usize = 256;
/// Bytes of a variable's value.
pub const VALUE: usize = 4096;
/// Bytes of a pattern, its variables put in.
pub const PATTERN: usize = 4096;
/// Characters of all patterns together, their variables put in.
pub const PATTERNS: usize = 256 << 10;
/// Sets of characters that patterns tell apart: about twice as many as characters in them.
pub const LETTERS: usize = 8192;
/// Nodes of the tree that patterns with the same beginning share.
pub const NODES: usize = 1 << 16;
/// Bytes of what a policy remembers of earlier walks; more is forgotten and found again.
pub const REMEMBERED: usize = 1 << 20;
/// Paths with rights of which a running sandbox knows that they were given, each by itself.
pub const GIVEN: usize = 1024;
/// Policies of one guard: the first, and those that it was shrunk by.
pub const LAYERS: usize = 8;
