//! Names within names: `file/home/me` is a *place*, bound like a name. A name that has names
//! within it has a set of them, which is an entry of the same table as namespaces; it belongs to
//! the namespace that it lies within and goes with the last name in it.
//!
//! An open goes to the longest place whose components its path has, and on from there; a path
//! between places leads to a set, which can be listed. Only namespaces that are closed have places.
use crate::fork::Mask;
use crate::manager::{Manager, push};
use crate::name::Name;
use crate::namespace::{Entry, Namespace};
use crate::record::{Binding, Record, Terms};
use crate::state::{Resolved, State, units};
use alloc::vec::Vec;
use clavis_abi::error::{EDQUOT, EEXIST, EINVAL, EKEYREJECTED, ENOENT, EOPNOTSUPP, Error, Result};
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

impl Manager<'_> {
    /// A ticket for a place. What is missing on the way to it is made.
    pub(crate) fn ticket(&mut self, namespace: u64, place: &str, terms: &Terms<'_>) -> Result<u64> {
        let (way, last) = place.rsplit_once('/').unwrap_or(("", place));
        let last = Name::new(last).ok_or(Error::new(EINVAL))?;
        if !way.is_empty() && self.state.is_open(namespace) {
            return Err(Error::new(EOPNOTSUPP));
        }
        let replace = terms.flags & entry_flags::REPLACE != 0;
        let mut next = self.state.next();
        let mut cost = units(terms.prefix);
        let mut set = namespace;
        self.frame.clear();
        for part in way.split('/').filter(|part| !part.is_empty()) {
            let name = Name::new(part).ok_or(Error::new(EINVAL))?;
            let entry = self.state.namespace(set).and_then(|names| names.entry(part));
            if let Some(within) = entry.map(|entry| entry.within).filter(|&within| within != 0) {
                set = within;
                continue;
            }
            if entry.is_none() {
                let terms = Terms { rights: u64::MAX, inherit: u64::MAX, flags: 0, prefix: "" };
                let binding = Binding::Parent;
                self.record(&Record::Bind { namespace: set, serial: 0, name, binding, terms })?;
                cost = cost.saturating_add(1);
            }
            self.record(&Record::Within { id: next, set, name, generation: 0, serial: 1 })?;
            cost = cost.saturating_add(1);
            set = next;
            next = next.saturating_add(1);
        }
        if !replace && self.slot(set, &last).is_some() {
            return Err(Error::new(EEXIST));
        }
        self.state.room(namespace, cost)?;
        self.record(&Record::Ticket { number: next, namespace: set, name: last, terms: *terms })?;
        self.commit(cost, next)?;
        Ok(next)
    }

    /// Encodes a name of a fork with all that lies within it. Answers what it costs.
    pub(crate) fn copy_name(
        &mut self,
        parent: u64,
        child: u64,
        name: Name,
        mask: Mask,
    ) -> Result<u32> {
        let found = self.state.resolve(parent, name.as_str()).ok_or(Error::new(ENOENT))?;
        if !self.state.leads(found.handle, found.within) {
            return Err(Error::new(ENOENT));
        }
        let mut copy = Copy { state: &self.state, frame: &mut self.frame, next: self.next_set };
        copy.name(child, name, found.handle, &mask.apply(&found.terms))?;
        let cost = units(found.terms.prefix);
        let below = self.state.above(parent, name.as_str()).and(mask);
        let room = |units| self.state.room(parent, units);
        let below = copy.within(found.within, child, name, below, &room)?;
        self.next_set = copy.next;
        Ok(cost.saturating_add(below))
    }

    /// The listing of what lies within a place.
    pub(crate) fn set_at(&self, namespace: u64, place: &str) -> Result<u64> {
        let (name, rest) = place.split_once('/').unwrap_or((place, ""));
        let mut set = self.state.resolve(namespace, name).map_or(0, |found| found.within);
        for part in rest.split('/').filter(|part| !part.is_empty()) {
            let entry = self.state.namespace(set).and_then(|names| names.entry(part));
            set = entry.map_or(0, |entry| entry.within);
        }
        if set == 0 { Err(Error::new(ENOENT)) } else { Ok(set) }
    }

    /// Removes a place.
    pub(crate) fn unbind_place(&mut self, set: u64, name: Name) -> Result<()> {
        self.unsealed(set)?;
        let names = self.state.namespace(set).ok_or(Error::new(ENOENT))?;
        let entry = names.entry(name.as_str()).ok_or(Error::new(ENOENT))?;
        if entry.within != 0 {
            // Places within it would go too: those are removed first.
            return Err(Error::new(EKEYREJECTED));
        }
        self.change(0, 0, |manager| manager.record(&Record::Unbind { namespace: set, name }))
    }
}

/// Copies names of the state into a frame.
struct Copy<'a> {
    state: &'a State,
    frame: &'a mut Vec<u8>,
    next: u64,
}

impl Copy<'_> {
    fn name(&mut self, set: u64, name: Name, handle: Option<u64>, terms: &Terms<'_>) -> Result<()> {
        let binding = handle.map_or(Binding::Parent, Binding::Handle);
        push(self.frame, &Record::Bind { namespace: set, serial: 0, name, binding, terms: *terms })
    }

    /// Copies a set of names, as that within a name of another set. Answers what it costs.
    fn within(
        &mut self,
        from: u64,
        set: u64,
        name: Name,
        mask: Mask,
        room: &impl Fn(u32) -> Result<()>,
    ) -> Result<u32> {
        let Some(names) = self.state.namespace(from) else { return Ok(0) };
        if !self.state.leads(None, from) {
            return Ok(0);
        }
        let id = self.next;
        self.next = self.next.checked_add(1).ok_or(Error::new(EDQUOT))?;
        push(self.frame, &Record::Within { id, set, name, generation: 0, serial: 1 })?;
        let mut cost = 1_u32;
        for entry in &names.entries {
            if !self.state.leads(entry.handle(), entry.within) {
                continue;
            }
            let terms = entry.terms.borrow();
            self.name(id, entry.name, entry.handle(), &mask.apply(&terms))?;
            let below = self.within(entry.within, id, entry.name, mask, room)?;
            cost = cost.saturating_add(units(terms.prefix)).saturating_add(below);
            room(cost)?;
        }
        Ok(cost)
    }
}
