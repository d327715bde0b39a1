//! The names of a fork, with all that lies within them.
use crate::fork::Mask;
use crate::manager::{Manager, push};
use crate::name::Name;
use crate::namespace::EMPTY;
use crate::record::{Binding, Record, Terms};
use crate::state::{State, units};
use alloc::vec::Vec;
use clavis_abi::error::{EDQUOT, ENOENT, Error, Result};

impl Manager<'_> {
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
        copy.name(child, name, (found.handle, found.within), &mask.apply(&found.terms))?;
        let cost = units(found.terms.prefix);
        let below = self.state.above(parent, name.as_str()).and(mask);
        let room = |units| self.state.room(parent, units);
        let below = copy.within(found.within, child, name, below, &room)?;
        self.next_set = copy.next;
        Ok(cost.saturating_add(below))
    }
}

/// Copies names of the state into a frame.
struct Copy<'a> {
    state: &'a State,
    frame: &'a mut Vec<u8>,
    next: u64,
}

impl Copy<'_> {
    fn name(
        &mut self,
        set: u64,
        name: Name,
        (handle, within): (Option<u64>, u64),
        terms: &Terms<'_>,
    ) -> Result<()> {
        let unbound = if within == EMPTY { Binding::Empty } else { Binding::Parent };
        let binding = handle.map_or(unbound, Binding::Handle);
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
            let bound = (entry.handle(), entry.within);
            self.name(id, entry.name, bound, &mask.apply(&terms))?;
            let below = self.within(entry.within, id, entry.name, mask, room)?;
            cost = cost.saturating_add(units(terms.prefix)).saturating_add(below);
            room(cost)?;
        }
        Ok(cost)
    }
}
