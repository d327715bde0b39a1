//! The manager: state and log together. Every change is logged before it is answered.
use crate::name::Name;
use crate::record::{Binding, NOBODY, RECORD_MAX, Record, Terms};
use crate::state::{NAMESPACE_UNITS, Object, State, no_memory, units};
use alloc::vec::Vec;
use clavis_abi::error::{EDQUOT, EEXIST, ENOENT, EROFS, Error, Result};
use clavis_abi::limits::PATH_MAX;
use clavis_abi::namespace::entry_flags;
use state_log::Log;

/// Bytes of log that a unit of the state needs at most.
const UNIT_BYTES: usize = 2 * RECORD_MAX;
/// Bytes of log beyond twice the state that are kept before it is compacted.
const SLACK: usize = 16 * 1024;

/// The bits of a tag that name a place in the endpoint's queue; the others count its tenants.
const PLACE: u32 = 0xFFFF;

/// What a name is bound to, and on which terms.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The name.
    pub name: Name,
    /// Handle in the manager's table.
    pub handle: u64,
    /// Mask for the rights of what is opened through the name.
    pub rights: u64,
    /// Mask for its inherit mask.
    pub inherit: u64,
    /// [`entry_flags`].
    pub flags: u64,
    /// Put before each path; empty or valid by `valid_prefix`.
    pub prefix: &'a str,
}

/// The manager.
#[derive(Debug)]
pub struct Manager<'s> {
    pub(crate) state: State,
    log: Log<'s>,
    /// Bytes that the state needs in the log.
    baseline: usize,
    pub(crate) frame: Vec<u8>,
    /// The request that is being carried out.
    pub(crate) serving: Option<u32>,
    /// Holds a path that an entry's prefix was put before.
    pub(crate) path: Vec<u8>,
    /// The number that the next set of names gets, within a change that makes several.
    pub(crate) next_set: u64,
}

impl<'s> Manager<'s> {
    /// The manager whose state lies in the buffer: as its predecessor left it, or without any
    /// namespace when the buffer is fresh (zeroes).
    ///
    /// # Errors
    /// `EINVAL`: the buffer is too small. `ENOMEM`.
    pub fn open(buffer: &'s mut [u8]) -> Result<Manager<'s>> {
        let log = Log::open(buffer)?;
        let mut state = State::default();
        for frame in log.frames() {
            state.reserve(frame)?;
            state.apply(frame);
        }
        state.released.clear();
        let mut path = Vec::new();
        path.try_reserve_exact(PATH_MAX).map_err(no_memory)?;
        let mut manager = Manager {
            state,
            log,
            baseline: 0,
            frame: Vec::new(),
            serving: None,
            path,
            next_set: 0,
        };
        manager.baseline = manager.log.used();
        let compacted = manager.compact();
        // A log that is there already will do.
        if manager.log.exists() { Ok(manager) } else { compacted.map(|()| manager) }
    }

    /// Units (names, handles, tickets, namespaces) that the buffer has room for.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        u32::try_from(self.log.capacity() / UNIT_BYTES).unwrap_or(u32::MAX)
    }

    /// Makes a namespace that has no parent, and a number for the handle to it. Its holders and
    /// all that descends from it can use up to `budget` units.
    ///
    /// # Errors
    /// `EDQUOT`, `ENOMEM`.
    pub fn create(&mut self, permissions: u64, budget: u32) -> Result<u64> {
        let id = self.state.next();
        let number = id.saturating_add(1);
        self.change(NAMESPACE_UNITS, number, |manager| {
            manager.record(&Record::Namespace {
                id,
                parent: 0,
                flags: 0,
                budget,
                generation: 0,
                serial: 1,
            })?;
            manager.record(&Record::Access { number, namespace: id, permissions })
        })?;
        Ok(number)
    }

    /// Binds a name in the namespace behind a number that [`Manager::create`] made.
    ///
    /// # Errors
    /// `ENOENT`: no such number. `EEXIST`, `EDQUOT`, `ENOMEM`.
    pub fn offer(&mut self, number: u64, offer: &Offer<'_>) -> Result<()> {
        let (namespace, _) = self.access(number)?;
        if self.state.resolve(namespace, offer.name.as_str()).is_some() {
            return Err(Error::new(EEXIST));
        }
        self.bind(namespace, offer)
    }

    /// Handles of the table that names are bound to. What else lies there after a restart was
    /// received but not yet recorded, and can be closed.
    pub fn handles(&self) -> impl Iterator<Item = u64> {
        self.state.handles()
    }

    /// A request comes, which may have been a predecessor's before (`again` finds out). Answers the
    /// result if the predecessor carried it out.
    pub fn done(&mut self, tag: u32, again: impl FnOnce() -> bool) -> Option<u64> {
        let (done, result) = self.state.done?;
        if done == tag && again() {
            return Some(result);
        }
        if (done ^ tag) & PLACE == 0 {
            // Its place has another request, so that one was answered. Tags come round: forget it.
            let forget = Record::Done { tag: NOBODY, result: 0 };
            self.serving = None;
            let _ = self.change(0, 0, |manager| manager.record(&forget));
            self.state.done = None;
        }
        None
    }

    /// A handle that no name is bound to any more; to be closed. Ask until it is `None`.
    pub fn released(&mut self) -> Option<u64> {
        self.state.released.pop()
    }

    /// The handle that a name of a namespace leads to.
    #[must_use]
    pub fn slot(&self, namespace: u64, name: &Name) -> Option<u64> {
        self.state.resolve(namespace, name.as_str()).and_then(|found| found.handle)
    }

    /// The path that a forwarded request with a prefix asks for.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    pub(crate) fn access(&self, number: u64) -> Result<(u64, u64)> {
        match self.state.object(number) {
            Some(&Object::Access { namespace, permissions }) => Ok((namespace, permissions)),
            _ => Err(Error::new(ENOENT)),
        }
    }

    pub(crate) fn unsealed(&self, set: u64) -> Result<()> {
        match self.state.home(set) {
            Some(namespace) if !namespace.sealed => Ok(()),
            Some(_) => Err(Error::new(EROFS)),
            None => Err(Error::new(ENOENT)),
        }
    }

    pub(crate) fn drop_number(&mut self, number: u64) {
        if self.state.object(number).is_some() {
            // Without room in the log the number comes back after a restart: it is held by nobody
            // and costs its units.
            let _ = self.change(0, 0, |manager| manager.record(&Record::Drop { number }));
        }
    }

    pub(crate) fn shrink(&mut self, number: u64, mask: u64) -> Result<u64> {
        let (namespace, permissions) = self.access(number)?;
        self.state.room(namespace, 1)?;
        let number = self.state.next();
        let permissions = permissions & mask;
        self.change(1, number, |manager| {
            manager.record(&Record::Access { number, namespace, permissions })
        })?;
        Ok(number)
    }

    pub(crate) fn seal(&mut self, namespace: u64) -> Result<()> {
        self.change(0, 0, |manager| manager.record(&Record::Seal { namespace }))
    }

    pub(crate) fn unbind(&mut self, namespace: u64, name: Name) -> Result<()> {
        self.unsealed(namespace)?;
        self.state.resolve(namespace, name.as_str()).ok_or(Error::new(ENOENT))?;
        if !self.state.is_open(namespace) {
            return self
                .change(0, 0, |manager| manager.record(&Record::Unbind { namespace, name }));
        }
        // What an open child removes stays away, whatever its parent has.
        let own =
            self.state.namespace(namespace).is_some_and(|own| own.entry(name.as_str()).is_some());
        let cost = u32::from(!own);
        self.state.room(namespace, cost)?;
        let hide = Record::Bind {
            namespace,
            serial: 0,
            name,
            binding: Binding::Hidden,
            terms: Terms { rights: 0, inherit: 0, flags: 0, prefix: "" },
        };
        self.change(cost, 0, |manager| manager.record(&hide))
    }

    pub(crate) fn bind(&mut self, namespace: u64, offer: &Offer<'_>) -> Result<()> {
        let cost = units(offer.prefix);
        self.state.room(namespace, cost)?;
        let bind = offer_record(namespace, offer);
        self.change(cost, 0, |manager| manager.record(&bind))
    }

    /// Uses a ticket up.
    pub(crate) fn redeem(&mut self, ticket: u64, handle: u64) -> Result<()> {
        let Some(Object::Ticket { set, name, terms, .. }) = self.state.object(ticket) else {
            return Err(Error::new(ENOENT));
        };
        let (namespace, name) = (*set, *name);
        self.unsealed(namespace)?;
        if terms.flags & entry_flags::REPLACE == 0 && self.state.taken(namespace, &name) {
            return Err(Error::new(EEXIST));
        }
        let terms = terms.borrow();
        let terms = Terms { flags: terms.flags & entry_flags::STORED, ..terms };
        let bind =
            Record::Bind { namespace, serial: 0, name, binding: Binding::Handle(handle), terms };
        let mut frame = core::mem::take(&mut self.frame);
        frame.clear();
        let drop = Record::Drop { number: ticket };
        let encoded = bind.encode(&mut frame).and_then(|()| drop.encode(&mut frame));
        self.frame = frame;
        encoded?;
        // The ticket paid as much as the name costs.
        self.commit(0, 0)
    }

    pub(crate) fn record(&mut self, record: &Record<'_>) -> Result<()> {
        push(&mut self.frame, record)
    }

    /// Makes a change of `units` more: what `encode` puts into the frame happens wholly or not.
    pub(crate) fn change(
        &mut self,
        units: u32,
        result: u64,
        encode: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.frame.clear();
        encode(self)?;
        self.commit(units, result)
    }

    /// Makes the change in the frame, together with the result of the request that asked for it.
    pub(crate) fn commit(&mut self, units: u32, result: u64) -> Result<()> {
        if units > 0 && self.state.units().saturating_add(units) > self.capacity() {
            return Err(Error::new(EDQUOT));
        }
        if let Some(tag) = self.serving {
            self.record(&Record::Done { tag, result })?;
        }
        let frame = core::mem::take(&mut self.frame);
        let result = self.store(&frame);
        self.frame = frame;
        result
    }

    fn store(&mut self, frame: &[u8]) -> Result<()> {
        self.state.reserve(frame)?;
        let bound = self.baseline.saturating_mul(2).saturating_add(SLACK);
        if self.log.used() >= bound {
            // Not needed yet: a failure shows when there is no room any more.
            let _ = self.compact();
        }
        if self.log.append(frame).is_err() {
            self.compact()?;
            self.log.append(frame)?;
        }
        self.state.apply(frame);
        Ok(())
    }

    /// Writes the whole state anew into the idle half of the buffer.
    fn compact(&mut self) -> Result<()> {
        const CHUNK: usize = 4096;
        let mut snapshot = self.log.begin();
        let log = &mut self.log;
        let mut chunk = Vec::new();
        chunk.try_reserve(CHUNK.saturating_add(UNIT_BYTES)).map_err(no_memory)?;
        self.state.snapshot(|record| {
            record.encode(&mut chunk)?;
            if chunk.len() >= CHUNK {
                log.add(&mut snapshot, &chunk)?;
                chunk.clear();
            }
            Ok(())
        })?;
        if !chunk.is_empty() {
            log.add(&mut snapshot, &chunk)?;
        }
        log.finish(snapshot);
        self.baseline = self.log.used();
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn journal(&mut self) -> Vec<(usize, Vec<u8>)> {
        core::mem::take(&mut self.log.trace)
    }

    /// The state as records, for comparison.
    #[cfg(test)]
    pub(crate) fn dump(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.state.snapshot(|record| record.encode(&mut bytes)).unwrap();
        bytes
    }
}

pub(crate) fn push(frame: &mut Vec<u8>, record: &Record<'_>) -> Result<()> {
    record.encode(frame)
}

fn offer_record<'a>(namespace: u64, offer: &Offer<'a>) -> Record<'a> {
    Record::Bind {
        namespace,
        serial: 0,
        name: offer.name,
        binding: Binding::Handle(offer.handle),
        terms: Terms {
            rights: offer.rights,
            inherit: offer.inherit,
            flags: offer.flags & entry_flags::STORED,
            prefix: offer.prefix,
        },
    }
}
