//! What the holder of a namespace may do to its names: bind, mask, rename, remove.
use crate::manager::Manager;
use crate::name::Name;
use crate::namespace::EMPTY;
use crate::place::Set;
use crate::record::{Binding, Record, Terms};
use crate::state::units;
use clavis_abi::error::{EEXIST, EINVAL, EKEYREJECTED, ENOENT, EOPNOTSUPP, Error, Result};
use clavis_abi::namespace::entry_flags;

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
                if within == EMPTY {
                    return Err(Error::new(EEXIST));
                }
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
        if !replace && self.state.taken(set, &last) {
            return Err(Error::new(EEXIST));
        }
        self.state.room(namespace, cost)?;
        let home = namespace;
        self.record(&Record::Ticket { number: next, home, set, name: last, terms: *terms })?;
        self.commit(cost, next)?;
        Ok(next)
    }

    /// The set of what lies within a place.
    pub(crate) fn set_at(&self, namespace: u64, place: &str) -> Result<Set> {
        let (name, rest) = place.split_once('/').unwrap_or((place, ""));
        let mut set = self.state.resolve(namespace, name).map_or(0, |found| found.within);
        for part in rest.split('/').filter(|part| !part.is_empty()) {
            let entry = self.state.namespace(set).and_then(|names| names.entry(part));
            set = entry.map_or(0, |entry| entry.within);
        }
        if set == 0 {
            return Err(Error::new(ENOENT));
        }
        Ok(Set { id: set, mask: self.state.above(namespace, name) })
    }

    /// Binds a name to an empty directory.
    pub(crate) fn mask(&mut self, namespace: u64, name: Name) -> Result<()> {
        self.unsealed(namespace)?;
        let own = self.state.namespace(namespace).and_then(|names| names.entry(name.as_str()));
        let cost = u32::from(own.is_none());
        self.state.room(namespace, cost)?;
        let all = u64::MAX;
        let terms = Terms { rights: all, inherit: all, flags: 0, prefix: "" };
        let binding = Binding::Empty;
        let mask = Record::Bind { namespace, serial: 0, name, binding, terms };
        self.change(cost, 0, |manager| manager.record(&mask))
    }

    /// Calls a name otherwise.
    pub(crate) fn rename(&mut self, namespace: u64, name: Name, to: Name) -> Result<()> {
        self.unsealed(namespace)?;
        if self.state.is_open(namespace) {
            return Err(Error::new(EOPNOTSUPP));
        }
        let names = self.state.namespace(namespace).ok_or(Error::new(ENOENT))?;
        names.entry(name.as_str()).ok_or(Error::new(ENOENT))?;
        if names.entry(to.as_str()).is_some() {
            return Err(Error::new(EEXIST));
        }
        self.change(0, 0, |manager| manager.record(&Record::Rename { namespace, name, to }))
    }

    /// Removes a place.
    pub(crate) fn unbind_place(&mut self, set: u64, name: Name) -> Result<()> {
        self.unsealed(set)?;
        let names = self.state.namespace(set).ok_or(Error::new(ENOENT))?;
        let entry = names.entry(name.as_str()).ok_or(Error::new(ENOENT))?;
        if entry.within != 0 && entry.within != EMPTY {
            // Places within it would go too: those are removed first.
            return Err(Error::new(EKEYREJECTED));
        }
        self.change(0, 0, |manager| manager.record(&Record::Unbind { namespace: set, name }))
    }
}
