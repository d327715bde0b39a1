//! Policies that come along, as text.

/// Name and text.
const ALL: &[(&str, &str)] = &[
    ("pure", include_str!("../profiles/pure.policy")),
    ("directory", include_str!("../profiles/directory.policy")),
    ("network", include_str!("../profiles/network.policy")),
    ("build", include_str!("../profiles/build.policy")),
];

/// The text of one.
#[must_use]
pub fn text(name: &str) -> Option<&'static str> {
    ALL.iter().find(|profile| profile.0 == name).map(|profile| profile.1)
}

/// Their names, as a sentence has them.
#[must_use]
pub fn names() -> String {
    ALL.iter().map(|profile| profile.0).collect::<Vec<_>>().join(", ")
}
