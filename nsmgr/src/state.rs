//! The value that the manager manages: namespaces, the handles that reach them, tickets, and who
//! pays for what. It changes only by [`State::apply`]ing records.
use crate::name::Name;
use crate::namespace::{EMPTY, Entry, Namespace, OwnedTerms};
use crate::record::{Binding, NOBODY, OPEN, Record, SEALED, Terms, records};
use alloc::vec::Vec;
use clavis_abi::error::{EDQUOT, ENOMEM, Error, Result};
use hashbrown::HashMap;

/// Levels of forks, the namespace that a manifest made included.
pub const DEPTH_MAX: usize = 33;

/// What a number that clients hold stands for.
#[derive(Debug)]
pub(crate) enum Object {
    /// A handle to a namespace.
    Access { namespace: u64, permissions: u64 },
    /// A bind ticket for a name of a set, which it may outlive; the namespace pays for it.
    Ticket { home: u64, set: u64, name: Name, terms: OwnedTerms },
}

impl Object {
    /// The namespace that it holds and that pays for it.
    pub(crate) fn namespace(&self) -> u64 {
        match self {
            Object::Access { namespace, .. } => *namespace,
            Object::Ticket { home, .. } => *home,
        }
    }

    /// The set within that namespace that it holds too.
    pub(crate) fn set(&self) -> Option<u64> {
        match self {
            Object::Ticket { home, set, .. } if home != set => Some(*set),
            _ => None,
        }
    }

    pub(crate) fn units(&self) -> u32 {
        match self {
            Object::Access { .. } => 1,
            Object::Ticket { terms, .. } => units(&terms.prefix),
        }
    }
}

/// What a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resolved<'a> {
    /// Nothing: only the names within it lead somewhere.
    pub(crate) handle: Option<u64>,
    pub(crate) terms: Terms<'a>,
    /// The set of the names within it, or 0.
    pub(crate) within: u64,
}

/// The error of an allocation that failed.
pub(crate) fn no_memory<E>(_: E) -> Error {
    Error::new(ENOMEM)
}

/// What a name costs.
pub(crate) fn units(prefix: &str) -> u32 {
    u32::try_from(prefix.len().div_ceil(128)).unwrap_or(u32::MAX).saturating_add(1)
}

/// Units that a new namespace and the handle to it cost.
pub(crate) const NAMESPACE_UNITS: u32 = 2;

/// The state.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) next: u64,
    pub(crate) namespaces: HashMap<u64, Namespace>,
    pub(crate) objects: HashMap<u64, Object>,
    /// How many entries use a handle of the manager's table.
    pub(crate) handles: HashMap<u64, u32>,
    /// Handles that nothing uses any more.
    pub(crate) released: Vec<u64>,
    /// Units in use altogether.
    pub(crate) units: u32,
    /// The last request that changed something, and its result.
    pub(crate) done: Option<(u32, u64)>,
}

impl State {
    /// The number that the next object gets.
    pub(crate) fn next(&self) -> u64 {
        self.next.max(1)
    }

    pub(crate) fn units(&self) -> u32 {
        self.units
    }

    pub(crate) fn object(&self, number: u64) -> Option<&Object> {
        self.objects.get(&number)
    }

    pub(crate) fn namespace(&self, id: u64) -> Option<&Namespace> {
        self.namespaces.get(&id)
    }

    /// Whether a namespace sees its parent's names.
    pub(crate) fn is_open(&self, id: u64) -> bool {
        self.namespaces.get(&id).is_some_and(|namespace| namespace.open)
    }

    /// The handles that entries use.
    pub(crate) fn handles(&self) -> impl Iterator<Item = u64> {
        self.handles.keys().copied()
    }

    /// The namespace and, while they are open, its parents, nearest first.
    pub(crate) fn chain(&self, id: u64) -> impl Iterator<Item = &Namespace> {
        let mut next = self.namespaces.get(&id);
        core::iter::from_fn(move || {
            let this = next?;
            next = if this.open { self.namespaces.get(&this.parent) } else { None };
            Some(this)
        })
        .take(DEPTH_MAX)
    }

    /// A number that changes with the set of names or a mask.
    pub(crate) fn generation(&self, id: u64) -> u64 {
        self.chain(id).fold(0, |sum, namespace| sum.wrapping_add(namespace.generation))
    }

    /// Looks a name up.
    pub(crate) fn resolve(&self, id: u64, name: &str) -> Option<Resolved<'_>> {
        use clavis_abi::namespace::entry_flags::{NARROWING, REGISTER};
        let mut rights = u64::MAX;
        let mut inherit = u64::MAX;
        let mut narrowing = 0;
        let mut register = REGISTER;
        for namespace in self.chain(id) {
            let Some(entry) = namespace.entry(name) else {
                // What an open child did not mention it sees but cannot register.
                register = 0;
                continue;
            };
            let terms = entry.terms.borrow();
            rights &= terms.rights;
            inherit &= terms.inherit;
            narrowing |= terms.flags & NARROWING;
            register &= terms.flags;
            match entry.binding {
                Binding::Hidden => return None,
                Binding::Parent if entry.within == 0 => {}
                Binding::Parent | Binding::Empty => {
                    let terms = Terms { rights, inherit, flags: narrowing, prefix: "" };
                    return Some(Resolved { handle: None, terms, within: entry.within });
                }
                Binding::Handle(handle) => {
                    let flags = register | narrowing;
                    let terms = Terms { rights, inherit, flags, prefix: terms.prefix };
                    return Some(Resolved { handle: Some(handle), terms, within: entry.within });
                }
            }
        }
        None
    }

    /// Whether a nearer level of the chain speaks of the name.
    pub(crate) fn shadowed(&self, id: u64, level: usize, name: &str) -> bool {
        self.chain(id).take(level).any(|namespace| namespace.entry(name).is_some())
    }

    /// Whether that many more units can be charged to a namespace and all above it.
    pub(crate) fn room(&self, id: u64, units: u32) -> Result<()> {
        let mut next = self.namespaces.get(&id);
        while let Some(namespace) = next {
            if namespace.used.saturating_add(units) > namespace.budget {
                return Err(Error::new(EDQUOT));
            }
            next = self.namespaces.get(&namespace.parent);
        }
        Ok(())
    }

    /// The budget of a child: a sixteenth less than its parent's, so that whoever is handed a
    /// namespace cannot use up what its creator needs.
    pub(crate) fn child_budget(&self, parent: u64) -> Result<u32> {
        let parent = self.namespaces.get(&parent).ok_or(Error::new(EDQUOT))?;
        if usize::from(parent.depth).saturating_add(1) >= DEPTH_MAX {
            return Err(Error::new(EDQUOT));
        }
        Ok(parent.budget.saturating_sub(parent.budget.div_ceil(16)))
    }

    /// Makes sure that applying the frame finds all memory it needs.
    pub(crate) fn reserve(&mut self, frame: &[u8]) -> Result<()> {
        let count = records(frame).count();
        self.objects.try_reserve(count).map_err(no_memory)?;
        self.handles.try_reserve(count).map_err(no_memory)?;
        self.namespaces.try_reserve(count).map_err(no_memory)?;
        self.released.try_reserve(self.handles.len()).map_err(no_memory)?;
        for record in records(frame) {
            if let Record::Bind { namespace, .. } = record
                && let Some(namespace) = self.namespaces.get_mut(&namespace)
            {
                namespace.names.try_reserve(count).map_err(no_memory)?;
                namespace.entries.try_reserve(count).map_err(no_memory)?;
            }
        }
        Ok(())
    }

    /// Applies a frame of records. Records that make no sense change nothing.
    pub(crate) fn apply(&mut self, frame: &[u8]) {
        for record in records(frame) {
            self.apply_record(&record);
        }
    }

    fn apply_record(&mut self, record: &Record<'_>) {
        match *record {
            Record::Next { number } => self.next = self.next.max(number),
            Record::Namespace { id, parent, flags, budget, generation, serial } => {
                self.count(id);
                let depth = match self.namespaces.get_mut(&parent) {
                    Some(above) => {
                        above.children = above.children.saturating_add(1);
                        if flags & OPEN != 0 {
                            above.open_children = above.open_children.saturating_add(1);
                        }
                        above.depth.saturating_add(1)
                    }
                    None => 0,
                };
                let namespace = Namespace {
                    parent,
                    open: flags & OPEN != 0,
                    depth,
                    sealed: flags & SEALED != 0,
                    generation,
                    serial,
                    budget,
                    ..Namespace::default()
                };
                self.namespaces.insert(id, namespace);
                self.charge(id, 1);
            }
            Record::Within { id, set, ref name, generation, serial } => {
                self.put_within(id, set, name, generation, serial);
            }
            Record::Access { number, namespace, permissions } => {
                self.add(number, Object::Access { namespace, permissions });
            }
            Record::Ticket { number, home, set, name, ref terms } => {
                if let Some(terms) = OwnedTerms::new(terms) {
                    self.add(number, Object::Ticket { home, set, name, terms });
                }
            }
            Record::Drop { number } => {
                let Some(object) = self.objects.remove(&number) else { return };
                let id = object.namespace();
                self.release(id, object.units());
                for held in object.set().into_iter().chain([id]) {
                    if let Some(namespace) = self.namespaces.get_mut(&held) {
                        namespace.holders = namespace.holders.saturating_sub(1);
                    }
                    self.prune(held);
                }
                self.collect(id);
            }
            Record::Bind { namespace, serial, name, binding, ref terms } => {
                // The names within it stay, unless it becomes an empty directory.
                let mut within = self.take(namespace, &name);
                if binding == Binding::Empty || within == EMPTY {
                    self.drop_set(within);
                    within = 0;
                }
                self.bind(namespace, serial, name, binding, terms, within);
            }
            Record::Rename { namespace, ref name, to } => self.rename(namespace, name, to),
            Record::Unbind { namespace, ref name } => {
                let within = self.take(namespace, name);
                self.drop_set(within);
                self.prune(namespace);
            }
            Record::Done { tag: NOBODY, .. } => self.done = None,
            Record::Done { tag, result } => self.done = Some((tag, result)),
            Record::Seal { namespace } => {
                if let Some(namespace) = self.namespaces.get_mut(&namespace) {
                    namespace.sealed = true;
                    namespace.generation = namespace.generation.wrapping_add(1);
                }
            }
        }
    }

    fn add(&mut self, number: u64, object: Object) {
        self.count(number);
        let id = object.namespace();
        // A ticket outlives the set that it is for, as a ticket for nothing.
        for held in object.set().into_iter().chain([id]) {
            if let Some(namespace) = self.namespaces.get_mut(&held) {
                namespace.holders = namespace.holders.saturating_add(1);
            }
        }
        self.charge(id, object.units());
        self.objects.insert(number, object);
    }

    fn bind(
        &mut self,
        id: u64,
        serial: u64,
        name: Name,
        binding: Binding,
        terms: &Terms<'_>,
        within: u64,
    ) {
        let Some(namespace) = self.namespaces.get_mut(&id) else { return };
        let serial = if serial == 0 { namespace.serial.max(1) } else { serial };
        // Out of memory hides the name: it never shows more than was asked for.
        let Some(owned) = OwnedTerms::new(terms) else { return };
        if namespace.names.try_reserve(1).is_err() || namespace.entries.try_reserve(1).is_err() {
            return;
        }
        namespace.serial = namespace.serial.max(serial.saturating_add(1));
        let within = if binding == Binding::Empty { EMPTY } else { within };
        namespace.names.insert(name, serial);
        let at = namespace.entries.partition_point(|entry| entry.serial < serial);
        namespace.entries.insert(at, Entry { serial, name, binding, terms: owned, within });
        self.changed(id);
        if let Binding::Handle(handle) = binding {
            let uses = self.handles.entry(handle).or_insert(0);
            *uses = uses.saturating_add(1);
            self.released.retain(|&released| released != handle);
        }
        self.charge(id, units(terms.prefix));
    }

    fn rename(&mut self, id: u64, name: &Name, to: Name) {
        let Some(names) = self.namespaces.get_mut(&id) else { return };
        let Some(at) = names.position(name.as_str()) else { return };
        if names.names.contains_key(&to) || names.names.try_reserve(1).is_err() {
            return;
        }
        let Some(entry) = names.entries.get_mut(at) else { return };
        entry.name = to;
        let serial = entry.serial;
        names.names.remove(name);
        names.names.insert(to, serial);
        self.changed(id);
    }

    /// Takes a name out of its set. Answers the set of the names within it, or 0.
    pub(crate) fn take(&mut self, id: u64, name: &Name) -> u64 {
        let Some(namespace) = self.namespaces.get_mut(&id) else { return 0 };
        let Some(at) = namespace.position(name.as_str()) else { return 0 };
        namespace.names.remove(name);
        let entry = namespace.entries.remove(at);
        self.changed(id);
        self.forget(id, &entry);
        entry.within
    }

    pub(crate) fn forget(&mut self, id: u64, entry: &Entry) {
        self.release(id, units(&entry.terms.prefix));
        let Binding::Handle(handle) = entry.binding else { return };
        let Some(uses) = self.handles.get_mut(&handle) else { return };
        *uses = uses.saturating_sub(1);
        if *uses == 0 {
            self.handles.remove(&handle);
            if self.released.try_reserve(1).is_ok() {
                self.released.push(handle);
            }
        }
    }

    /// Drops the names of a namespace that nobody can reach, and the namespace itself when nobody
    /// descends from it.
    fn collect(&mut self, mut id: u64) {
        while let Some(namespace) = self.namespaces.get_mut(&id) {
            if namespace.holders != 0 || namespace.level != 0 {
                return;
            }
            if namespace.open_children == 0 {
                namespace.names = HashMap::new();
                for entry in core::mem::take(&mut namespace.entries) {
                    self.forget(id, &entry);
                    self.drop_set(entry.within);
                }
            }
            let Some(namespace) = self.namespaces.get(&id) else { return };
            if namespace.children != 0 {
                return;
            }
            let (parent, open) = (namespace.parent, namespace.open);
            self.release(id, 1);
            self.namespaces.remove(&id);
            let Some(above) = self.namespaces.get_mut(&parent) else { return };
            above.children = above.children.saturating_sub(1);
            if open {
                above.open_children = above.open_children.saturating_sub(1);
            }
            id = parent;
        }
    }

    pub(crate) fn count(&mut self, number: u64) {
        self.next = self.next.max(number.saturating_add(1));
    }

    pub(crate) fn charge(&mut self, id: u64, units: u32) {
        self.units = self.units.saturating_add(units);
        self.each_above(id, |namespace| namespace.used = namespace.used.saturating_add(units));
    }

    pub(crate) fn release(&mut self, id: u64, units: u32) {
        self.units = self.units.saturating_sub(units);
        self.each_above(id, |namespace| namespace.used = namespace.used.saturating_sub(units));
    }

    fn each_above(&mut self, mut id: u64, mut change: impl FnMut(&mut Namespace)) {
        while let Some(namespace) = self.namespaces.get_mut(&id) {
            change(namespace);
            id = namespace.parent;
        }
    }
}
