//! Names within names: `file/home/me` is a *place*, bound like a name. A name that has names
//! within it has a set of them, which is an entry of the same table as namespaces; it belongs to
//! the namespace that it lies within and goes with the last name in it.
//!
//! An open goes to the longest place whose components its path has, and on from there; a path
//! between places leads to a set, which can be listed. Only namespaces that are closed have places.
use crate::fork::Mask;
use crate::name::Name;
use crate::namespace::{EMPTY, Entry, Namespace};
use crate::record::Binding;
use crate::state::{Resolved, State};
use alloc::vec::Vec;
use clavis_abi::error::Result;
use clavis_abi::namespace::{PLACE_DEPTH, entry_flags};

/// Where a path leads.
pub(crate) enum Led<'s, 'p> {
    /// To what a name or a place is bound to.
    Bound {
        found: Resolved<'s>,
        /// What is left of the path from there.
        rest: &'p str,
        /// The set and the name that are bound; none for a name of the namespace itself.
        place: Option<(u64, Name)>,
    },
    /// To a set of names between places.
    Set(u64),
}

/// What a part of a path leads to: a bound place, and the path from there.
type Bound<'s, 'p> = Option<(u64, &'s Entry, &'p str)>;

/// Where a walk through the sets ended.
enum Walk<'s, 'p> {
    At(u64, &'s Entry, &'p str),
    Set(u64),
    Nowhere,
    /// Above the set that it began in, with this path to go.
    Up(&'p str),
}

/// Takes the first component off a path; empty ones and `.` lead nowhere.
fn next(path: &str) -> Option<(&str, &str)> {
    let mut path = path;
    loop {
        path = path.trim_start_matches('/');
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        match first {
            "" => return None,
            "." => path = rest,
            _ => return Some((first, rest)),
        }
    }
}

/// Whether a path goes above where it begins.
fn climbs(path: &str) -> bool {
    let mut depth = 0_i32;
    path.split('/').any(|part| {
        depth = match part {
            "" | "." => depth,
            ".." => depth.saturating_sub(1),
            _ => depth.saturating_add(1),
        };
        depth < 0
    })
}

impl State {
    /// Where a path behind a name of a namespace or set leads.
    pub(crate) fn lead<'s, 'p>(
        &'s self,
        id: u64,
        name: &str,
        rest: &'p str,
    ) -> Option<Led<'s, 'p>> {
        let found = self.resolve(id, name)?;
        if found.within == 0 {
            let outside = found.handle.is_none() || found.level != 0 && climbs(rest);
            return (!outside).then_some(Led::Bound { found, rest, place: None });
        }
        let mut left = rest;
        loop {
            return match self.walk(found.within, None, left) {
                // Above the name is nothing else, as above a root.
                Walk::Up(next) => {
                    left = next;
                    continue;
                }
                Walk::At(set, entry, rest) => {
                    let Binding::Handle(handle) = entry.binding else { return None };
                    if climbs(rest) {
                        return None;
                    }
                    let terms = self.above(id, name).apply(&entry.terms.borrow());
                    let within = entry.within;
                    let found = Resolved { handle: Some(handle), terms, within, level: 1 };
                    Some(Led::Bound { found, rest, place: Some((set, entry.name)) })
                }
                _ if found.handle.is_some() => Some(Led::Bound { found, rest, place: None }),
                Walk::Set(set) => Some(Led::Set(set)),
                Walk::Nowhere => None,
            };
        }
    }

    /// Follows a path from a set. Sets lie within sets at most [`PLACE_DEPTH`] deep.
    fn walk<'s, 'p>(&'s self, set: u64, bound: Bound<'s, 'p>, path: &'p str) -> Walk<'s, 'p> {
        let here = |ended| match bound {
            Some((set, entry, rest)) => Walk::At(set, entry, rest),
            None => ended,
        };
        let mut path = path;
        loop {
            let Some((name, rest)) = next(path) else { return here(Walk::Set(set)) };
            if name == ".." {
                return Walk::Up(rest);
            }
            let entry = self.namespaces.get(&set).and_then(|names| names.entry(name));
            let Some(entry) = entry else { return here(Walk::Nowhere) };
            let inner = match entry.binding {
                Binding::Empty => None,
                Binding::Handle(_) => Some((set, entry, rest.trim_start_matches('/'))),
                _ => bound,
            };
            match self.walk(entry.within, inner, rest) {
                Walk::Up(next) => path = next,
                ended => return ended,
            }
        }
    }

    /// Whether a name or any name within it is bound: tickets make names that are not yet.
    pub(crate) fn leads(&self, handle: Option<u64>, within: u64) -> bool {
        handle.is_some()
            || within == EMPTY
            || self.namespaces.get(&within).is_some_and(|names| {
                names.entries.iter().any(|entry| self.leads(entry.handle(), entry.within))
            })
    }

    /// How the levels of an open namespace above the one that binds a name narrow it.
    pub(crate) fn above(&self, id: u64, name: &str) -> Mask {
        let mut mask = Mask::NONE;
        for entry in self.chain(id).filter_map(|names| names.entry(name)) {
            if entry.binding != Binding::Parent || entry.within != 0 {
                break;
            }
            let terms = entry.terms.borrow();
            mask.rights &= terms.rights;
            mask.inherit &= terms.inherit;
            mask.flags |= terms.flags & entry_flags::NARROWING;
        }
        mask
    }

    /// The namespace that a set lies within, or that it is.
    pub(crate) fn home(&self, set: u64) -> Option<&Namespace> {
        let mut names = self.namespaces.get(&set)?;
        while names.level != 0 {
            names = self.namespaces.get(&names.parent)?;
        }
        Some(names)
    }

    /// The set and the name that a set lies within; none for a namespace.
    pub(crate) fn within(&self, id: u64) -> Option<(u64, &Entry)> {
        let set = self.namespaces.get(&id).filter(|set| set.level != 0)?;
        let above = self.namespaces.get(&set.parent)?;
        above.entries.iter().find(|entry| entry.within == id).map(|entry| (set.parent, entry))
    }

    /// The path of a set within its namespace, each name after a slash.
    pub(crate) fn path(&self, id: u64, out: &mut Vec<u8>) -> Result<()> {
        let Some((set, entry)) = self.within(id) else { return Ok(()) };
        self.path(set, out)?;
        let name = entry.name.as_str();
        out.try_reserve(name.len().saturating_add(1)).map_err(crate::state::no_memory)?;
        out.push(b'/');
        out.extend_from_slice(name.as_bytes());
        Ok(())
    }

    /// How many names a set has, those within them included.
    pub(crate) fn bindings(&self, set: &Namespace) -> u64 {
        let within = |entry: &Entry| self.namespaces.get(&entry.within);
        let below = set.entries.iter().filter_map(within).map(|set| self.bindings(set));
        below.fold(set.entries.len() as u64, u64::saturating_add)
    }

    /// A set changed, and with it all that it lies within.
    pub(crate) fn changed(&mut self, mut id: u64) {
        while let Some(names) = self.namespaces.get_mut(&id) {
            names.generation = names.generation.wrapping_add(1);
            if names.level == 0 {
                return;
            }
            id = names.parent;
        }
    }

    /// Makes the set of the names within a name.
    pub(crate) fn put_within(
        &mut self,
        id: u64,
        set: u64,
        name: &Name,
        generation: u64,
        serial: u64,
    ) {
        self.count(id);
        if self.namespaces.contains_key(&id) {
            return;
        }
        let Some(above) = self.namespaces.get_mut(&set) else { return };
        let level = above.level.saturating_add(1);
        let Some(at) = above.position(name.as_str()) else { return };
        let Some(entry) = above.entries.get_mut(at) else { return };
        if entry.within != 0 || usize::from(level) >= PLACE_DEPTH {
            return;
        }
        entry.within = id;
        let names = Namespace {
            parent: set,
            level,
            generation,
            serial,
            budget: u32::MAX,
            ..Namespace::default()
        };
        self.namespaces.insert(id, names);
        self.charge(id, 1);
    }

    /// Drops a set with all that lies within it. Tickets for it bind nothing any more.
    pub(crate) fn drop_set(&mut self, id: u64) {
        let Some(names) = self.namespaces.get_mut(&id) else { return };
        for entry in core::mem::take(&mut names.entries) {
            self.drop_set(entry.within);
            self.forget(id, &entry);
        }
        let used = self.namespaces.get(&id).map_or(0, |names| names.used);
        self.release(id, used);
        self.namespaces.remove(&id);
    }

    /// Drops a set without names that no ticket is for, and the names that led only to it.
    pub(crate) fn prune(&mut self, mut id: u64) {
        while let Some(names) = self.namespaces.get(&id) {
            if names.level == 0 || names.holders != 0 || !names.entries.is_empty() {
                return;
            }
            let set = names.parent;
            self.drop_set(id);
            let Some(above) = self.namespaces.get_mut(&set) else { return };
            let Some(entry) = above.entries.iter_mut().find(|entry| entry.within == id) else {
                return;
            };
            entry.within = 0;
            if entry.binding == Binding::Parent {
                let name = entry.name;
                self.take(set, &name);
            }
            id = set;
        }
    }
}
