//! Forks: a child with some of its parent's names, on terms that are never wider.
use crate::manager::{Manager, push};
use crate::name::{Name, matches};
use crate::record::{Binding, OPEN, Record, SEALED, Terms};
use crate::state::{NAMESPACE_UNITS, no_memory};
use alloc::vec::Vec;
use clavis_abi::error::{EDQUOT, EINVAL, EKEYREJECTED, Error, Result};
use clavis_abi::namespace::{Items, Names, entry_flags, fork_flags, permissions};
use clavis_abi::rights::Rights;

impl Manager<'_> {
    /// A closed child with the names that match the patterns.
    pub(crate) fn fork_listed(&mut self, number: u64, patterns: Names<'_>) -> Result<u64> {
        let (parent, mut granted) = self.access(number)?;
        granted |= permissions::LIST | permissions::INSERT | permissions::DELETE;
        let may_list = self.access(number)?.1 & permissions::LIST != 0;
        self.fork(parent, 0, granted, |manager, child| {
            let mut count = 0_u32;
            for pattern in patterns.flatten() {
                if pattern.ends_with('*') {
                    if !may_list {
                        return Err(Error::new(EKEYREJECTED));
                    }
                    count = count.saturating_add(manager.copy(parent, child, |name| {
                        matches(pattern, name).then_some(Mask::NONE)
                    })?);
                } else if let Some(name) = Name::new(pattern)
                    && manager.known(parent, &name)
                {
                    let cost = manager.copy_name(parent, child, name, Mask::NONE)?;
                    count = count.saturating_add(cost);
                }
                manager.affordable(parent, count)?;
            }
            Ok(count)
        })
    }

    /// A child with options.
    pub(crate) fn fork_with(
        &mut self,
        number: u64,
        flags: u64,
        mask: u64,
        items: Items<'_>,
    ) -> Result<u64> {
        let (parent, own) = self.access(number)?;
        let open = flags & fork_flags::OPEN != 0;
        let all = flags & fork_flags::ALL_NAMES != 0;
        let mut granted = own | permissions::INSERT | permissions::DELETE;
        if all && own & permissions::LIST == 0 {
            return Err(Error::new(EKEYREJECTED));
        }
        if !open {
            granted |= permissions::LIST;
        }
        let mut bits = if open { OPEN } else { 0 };
        if flags & fork_flags::SEALED != 0 {
            bits |= SEALED;
        }
        self.fork(parent, bits, granted & mask, |manager, child| {
            let mut count = 0_u32;
            if all {
                let copied = manager.copy(parent, child, |name| {
                    let named = items.flatten().find(|item| item.name == name);
                    match named {
                        Some(item) if item.flags & entry_flags::HIDE != 0 => None,
                        Some(item) => Some(Mask::of(item.rights, item.inherit, item.flags)),
                        None => Some(Mask::NONE),
                    }
                })?;
                manager.affordable(parent, copied)?;
                return Ok(copied);
            }
            for item in items.flatten() {
                let Some(name) = Name::new(item.name) else { return Err(Error::new(EINVAL)) };
                let mask = Mask::of(item.rights, item.inherit, item.flags);
                let hidden = item.flags & entry_flags::HIDE != 0;
                let mut cost = 1;
                if open {
                    let binding = if hidden { Binding::Hidden } else { Binding::Parent };
                    let terms = Terms {
                        rights: item.rights,
                        inherit: item.inherit,
                        flags: item.flags & entry_flags::STORED,
                        prefix: "",
                    };
                    let record = Record::Bind { namespace: child, serial: 0, name, binding, terms };
                    push(&mut manager.frame, &record)?;
                } else if !hidden {
                    cost = manager.copy_name(parent, child, name, mask)?;
                }
                count = count.saturating_add(cost);
                manager.affordable(parent, count)?;
            }
            Ok(count)
        })
    }

    /// Encodes the names of a child into the frame, then makes it. `names` answers their cost.
    fn fork(
        &mut self,
        parent: u64,
        flags: u8,
        permissions: u64,
        names: impl FnOnce(&mut Self, u64) -> Result<u32>,
    ) -> Result<u64> {
        let budget = self.state.child_budget(parent)?;
        let child = self.state.next();
        let number = child.saturating_add(1);
        self.next_set = number.saturating_add(1);
        self.frame.clear();
        self.record(&Record::Namespace {
            id: child,
            parent,
            flags,
            budget,
            generation: 0,
            serial: 1,
        })?;
        self.record(&Record::Access { number, namespace: child, permissions })?;
        let cost = names(self, child)?.saturating_add(NAMESPACE_UNITS);
        if cost > budget {
            return Err(Error::new(EDQUOT));
        }
        self.state.room(parent, cost)?;
        self.commit(cost, number)?;
        Ok(number)
    }

    /// Stops a fork that cannot be afforded before it has used much memory.
    fn affordable(&self, parent: u64, units: u32) -> Result<()> {
        self.state.room(parent, units)
    }

    /// Whether a name leads somewhere.
    fn known(&self, namespace: u64, name: &Name) -> bool {
        let found = self.state.resolve(namespace, name.as_str());
        found.is_some_and(|found| self.state.leads(found.handle, found.within))
    }

    /// Encodes the visible names that `choose` gives a mask. Answers their cost.
    fn copy(
        &mut self,
        parent: u64,
        child: u64,
        choose: impl Fn(&str) -> Option<Mask>,
    ) -> Result<u32> {
        let mut cost = 0_u32;
        let mut names = Vec::new();
        for (level, namespace) in self.state.chain(parent).enumerate() {
            names.try_reserve(namespace.entries.len()).map_err(no_memory)?;
            names.extend(namespace.entries.iter().map(|entry| entry.name).filter(|name| {
                !self.state.shadowed(parent, level, name.as_str()) && self.known(parent, name)
            }));
        }
        for name in names {
            let Some(mask) = choose(name.as_str()) else { continue };
            cost = cost.saturating_add(self.copy_name(parent, child, name, mask)?);
        }
        Ok(cost)
    }
}

/// How a fork narrows a name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mask {
    pub(crate) rights: u64,
    pub(crate) inherit: u64,
    pub(crate) flags: u64,
}

impl Mask {
    pub(crate) const NONE: Mask = Mask { rights: u64::MAX, inherit: u64::MAX, flags: 0 };

    fn of(rights: u64, inherit: u64, flags: u64) -> Mask {
        Mask { rights, inherit, flags }
    }

    /// Whether anything is less through it.
    pub(crate) fn narrows(self) -> bool {
        let all = Rights::all().bits();
        !(self.rights & self.inherit) & all != 0 || self.flags & entry_flags::NARROWING != 0
    }

    /// Both.
    pub(crate) fn and(self, other: Mask) -> Mask {
        Mask {
            rights: self.rights & other.rights,
            inherit: self.inherit & other.inherit,
            flags: (self.flags | other.flags) & entry_flags::NARROWING
                | self.flags & other.flags & entry_flags::REGISTER,
        }
    }

    /// The terms of a name, narrowed.
    pub(crate) fn apply<'a>(self, terms: &Terms<'a>) -> Terms<'a> {
        let register = terms.flags & self.flags & entry_flags::REGISTER;
        let narrowing = (terms.flags | self.flags) & entry_flags::NARROWING;
        Terms {
            rights: terms.rights & self.rights,
            inherit: terms.inherit & self.inherit,
            flags: register | narrowing,
            prefix: terms.prefix,
        }
    }
}
