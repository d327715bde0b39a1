//! What paths ask of a namespace.

/// What a path asks of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The namespace itself.
    Root,
    /// Something behind a name.
    Name {
        /// The name.
        name: &'a str,
        /// The path there, without a leading slash; empty for the root.
        rest: &'a str,
    },
}

/// Splits a path sent on a namespace handle: `/scheme/NAME/REST`, or what names the root.
/// `None`: the path lies outside. Whether the name can be one, who looks it up will find.
#[must_use]
pub fn split_path(path: &str) -> Option<Target<'_>> {
    if path.is_empty() {
        return Some(Target::Root);
    }
    if let Some(relative) = path.strip_prefix("/scheme/") {
        return Some(split_relative(relative));
    }
    let path = path.strip_prefix('/')?.trim_start_matches('/');
    if path.is_empty() {
        return Some(Target::Root);
    }
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    (first == "scheme").then(|| split_relative(rest))
}

/// Splits a path that starts with the name: `NAME/REST`.
#[must_use]
pub fn split_relative(path: &str) -> Target<'_> {
    let mut path = path.trim_start_matches('/');
    while let Some(below) = path.strip_prefix("./") {
        path = below.trim_start_matches('/');
    }
    let (name, rest) = path.split_once('/').unwrap_or((path, ""));
    if name.is_empty() || name == "." && rest.is_empty() {
        return Target::Root;
    }
    Target::Name { name, rest: rest.trim_start_matches('/') }
}
