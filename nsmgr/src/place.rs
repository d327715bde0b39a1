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
    Set(Set),
}

/// A set of names, and how it is narrowed on the way to it.
#[derive(Clone, Copy)]
pub(crate) struct Set {
    pub(crate) id: u64,
    pub(crate) mask: Mask,
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

/// Where a walk ends: at the last bound place on its way, if there is one.
fn ended<'s, 'p>(bound: Bound<'s, 'p>, otherwise: Walk<'s, 'p>) -> Walk<'s, 'p> {
    bound.map_or(otherwise, |(set, entry, rest)| Walk::At(set, entry, rest))
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
        if self.namespaces.get(&id)?.level != 0 {
            // A listing: above it is nothing that it could lead to.
            return match self.enter(id, None, name, rest) {
                Walk::Up(left) => self.led(self.walk(id, None, left), Mask::NONE),
                ended => self.led(ended, Mask::NONE),
            };
        }
        let found = self.resolve(id, name)?;
        let bound = Led::Bound { found, rest, place: None };
        if found.within == 0 {
            return found.handle.is_some().then_some(bound);
        }
        let mut walk = self.walk(found.within, None, rest);
        // Above the name is nothing else, as above a root.
        while let Walk::Up(left) = walk {
            walk = self.walk(found.within, None, left);
        }
        match walk {
            Walk::Set(_) | Walk::Nowhere if found.handle.is_some() => Some(bound),
            ended => self.led(ended, self.above(id, name)),
        }
    }

    /// Where a walk that ended leads, narrowed.
    fn led<'s, 'p>(&'s self, walk: Walk<'s, 'p>, mask: Mask) -> Option<Led<'s, 'p>> {
        match walk {
            Walk::At(set, entry, rest) => {
                if climbs(rest) {
                    return None;
                }
                let terms = mask.apply(&entry.terms.borrow());
                let found = Resolved { handle: Some(entry.handle()?), terms, within: entry.within };
                Some(Led::Bound { found, rest, place: Some((set, entry.name)) })
            }
            Walk::Set(0) | Walk::Nowhere | Walk::Up(_) => None,
            Walk::Set(id) => Some(Led::Set(Set { id, mask })),
        }
    }

    /// Follows a path from a set. Sets lie within sets at most [`PLACE_DEPTH`] deep.
    fn walk<'s, 'p>(&'s self, set: u64, bound: Bound<'s, 'p>, path: &'p str) -> Walk<'s, 'p> {
        let mut path = path;
        loop {
            let Some((name, rest)) = next(path) else { return ended(bound, Walk::Set(set)) };
            if name == ".." {
                return Walk::Up(rest);
            }
            match self.enter(set, bound, name, rest) {
                Walk::Up(left) => path = left,
                ended => return ended,
            }
        }
    }

    /// Follows a name of a set, and the path from there.
    fn enter<'s, 'p>(
        &'s self,
        set: u64,
        bound: Bound<'s, 'p>,
        name: &str,
        rest: &'p str,
    ) -> Walk<'s, 'p> {
        let entry = self.namespaces.get(&set).and_then(|names| names.entry(name));
        let Some(entry) = entry else { return ended(bound, Walk::Nowhere) };
        let inner = match entry.binding {
            Binding::Empty => None,
            Binding::Handle(_) => Some((set, entry, rest.trim_start_matches('/'))),
            _ => bound,
        };
        self.walk(entry.within, inner, rest)
    }

    /// Whether a name stands for something, an empty directory included: only who may replace
    /// binds it anew.
    pub(crate) fn taken(&self, id: u64, name: &Name) -> bool {
        self.resolve(id, name.as_str())
            .is_some_and(|found| found.handle.is_some() || found.within == EMPTY)
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
