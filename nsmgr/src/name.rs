//! Names of schemes as values of fixed size: a name needs no memory of its own.
use clavis_abi::limits::NAME_MAX;
use clavis_abi::namespace::valid_name;
use core::fmt;
use core::hash::{Hash, Hasher};
use hashbrown::Equivalent;

/// A valid name.
#[derive(Clone, Copy)]
pub struct Name {
    bytes: [u8; NAME_MAX],
    length: u8,
}

impl Name {
    /// The name, if the string is one.
    #[must_use]
    pub fn new(name: &str) -> Option<Name> {
        if !valid_name(name) {
            return None;
        }
        let mut bytes = [0; NAME_MAX];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(Name { bytes, length: u8::try_from(name.len()).ok()? })
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.bytes()).unwrap_or_default()
    }
}

impl Name {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.bytes());
    }
}

#[cfg(test)]
std::thread_local! {
    /// How often a name to look up was compared with one that is there.
    pub(crate) static COMPARED: core::cell::Cell<u64> = const { core::cell::Cell::new(0) };
}

/// A name to look up, as it stands in a path.
pub(crate) struct Key<'a>(pub(crate) &'a str);

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.as_bytes());
    }
}

impl Equivalent<Name> for Key<'_> {
    fn equivalent(&self, name: &Name) -> bool {
        #[cfg(test)]
        COMPARED.set(COMPARED.get() + 1);
        self.0.as_bytes() == name.bytes()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Whether a name matches a pattern: equal, or the pattern ends in `*` and the name starts like it.
#[must_use]
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(stem) => name.starts_with(stem),
        None => name == pattern,
    }
}
