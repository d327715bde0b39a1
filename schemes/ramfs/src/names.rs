//! What a directory holds: names, in the order in which they were made.
//!
//! Each entry has a cookie that never changes and is never used again, so a listing that is read
//! in parts neither repeats nor loses an entry that stays, whatever happens in between.
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An entry.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Entry<N> {
    /// Its place in the listing.
    pub cookie: u64,
    /// What it names.
    pub node: N,
}

/// The names in a directory.
#[derive(Debug, Serialize, Deserialize)]
pub struct Names<N> {
    by_name: BTreeMap<Box<str>, Entry<N>>,
    by_cookie: BTreeMap<u64, Box<str>>,
    next: u64,
}

impl<N: Copy> Default for Names<N> {
    fn default() -> Self {
        Self { by_name: BTreeMap::new(), by_cookie: BTreeMap::new(), next: 1 }
    }
}

impl<N: Copy> Names<N> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The entry of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Entry<N>> {
        self.by_name.get(name).copied()
    }

    /// The name with that cookie.
    #[must_use]
    pub fn name(&self, cookie: u64) -> Option<&str> {
        self.by_cookie.get(&cookie).map(|name| &**name)
    }

    /// Adds a name that is not there yet; the answer is its cookie.
    pub fn insert(&mut self, name: &str, node: N) -> u64 {
        let cookie = self.next;
        self.next = self.next.saturating_add(1);
        self.by_name.insert(name.into(), Entry { cookie, node });
        self.by_cookie.insert(cookie, name.into());
        cookie
    }

    /// Removes a name.
    pub fn remove(&mut self, name: &str) -> Option<Entry<N>> {
        let entry = self.by_name.remove(name)?;
        self.by_cookie.remove(&entry.cookie);
        Some(entry)
    }

    /// The entries behind a cookie (0: all), in listing order.
    pub fn after(&self, cookie: u64) -> impl Iterator<Item = (u64, &str, N)> {
        let from = cookie.saturating_add(1);
        self.by_cookie.range(from..).filter_map(|(cookie, name)| {
            self.by_name.get(name).map(|entry| (*cookie, &**name, entry.node))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_in_parts_neither_repeats_nor_loses_what_stays() {
        let mut names = Names::default();
        for name in ["a", "b", "c", "d"] {
            names.insert(name, ());
        }
        let (cookie, ..) = names.after(0).nth(1).unwrap();
        names.remove("a");
        names.remove("b");
        names.insert("b", ());
        names.insert("e", ());
        let rest: Vec<&str> = names.after(cookie).map(|(_, name, ())| name).collect();
        assert_eq!(rest, ["c", "d", "b", "e"]);
    }
}
