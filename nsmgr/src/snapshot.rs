//! The state as records that make it anew.
use crate::record::{OPEN, Record, SEALED};
use crate::state::{Object, State, no_memory};
use alloc::vec::Vec;
use clavis_abi::error::Result;

impl State {
    /// Calls `emit` with the records that make this state, parents before children.
    pub(crate) fn snapshot(&self, mut emit: impl FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        let mut ids = Vec::new();
        ids.try_reserve(self.namespaces.len().max(self.objects.len())).map_err(no_memory)?;
        emit(&Record::Next { number: self.next })?;
        ids.extend(self.namespaces.keys().copied());
        ids.sort_unstable();
        for &id in &ids {
            let Some(namespace) = self.namespaces.get(&id) else { continue };
            // Each name that follows adds one again.
            let generation = namespace.generation.wrapping_sub(self.bindings(namespace));
            let serial = namespace.serial;
            let flags = if namespace.open { OPEN } else { 0 };
            match self.within(id) {
                // The set that it lies within is older, so the name is there already.
                Some((set, entry)) => {
                    emit(&Record::Within { id, set, name: entry.name, generation, serial })?;
                }
                None => emit(&Record::Namespace {
                    id,
                    parent: namespace.parent,
                    flags: flags | if namespace.sealed { SEALED } else { 0 },
                    budget: namespace.budget,
                    generation,
                    serial,
                })?,
            }
            for entry in &namespace.entries {
                emit(&Record::Bind {
                    namespace: id,
                    serial: entry.serial,
                    name: entry.name,
                    binding: entry.binding,
                    terms: entry.terms.borrow(),
                })?;
            }
        }
        ids.clear();
        ids.extend(self.objects.keys().copied());
        ids.sort_unstable();
        for &number in &ids {
            match self.objects.get(&number) {
                Some(&Object::Access { namespace, permissions }) => {
                    emit(&Record::Access { number, namespace, permissions })?;
                }
                Some(Object::Ticket { home, set, name, terms }) => emit(&Record::Ticket {
                    number,
                    home: *home,
                    set: *set,
                    name: *name,
                    terms: terms.borrow(),
                })?,
                None => {}
            }
        }
        if let Some((tag, result)) = self.done {
            emit(&Record::Done { tag, result })?;
        }
        Ok(())
    }
}
