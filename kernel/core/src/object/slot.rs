//! Slots: a place that a name is bound to, and that may be empty while its service restarts.
use crate::prelude::*;

/// Names a slot.
pub type SlotId = Id<Slot>;

/// A slot.
#[derive(Debug)]
pub struct Slot {
    /// What tools print; decides nothing.
    pub label: [u8; NAME_MAX],
    /// The root of the service, while there is one.
    pub(crate) root: Option<Handle>,
    /// Opens that wait for a root.
    pub(crate) waiters: List<Request, 0>,
    /// How many.
    pub(crate) waiting: usize,
    /// Who is told that it was filled or emptied.
    pub watchers: Watchers,
    /// Handles to it, and descriptions that carry its label.
    pub(crate) refs: u32,
    pub(crate) account: AccountId,
    /// Among the slots that the root's endpoint fills.
    of_endpoint: Link<Slot>,
}

links!(Slot, Slot, [], 0 => of_endpoint);

impl<M: Machine> Kernel<M> {
    /// Makes an empty slot with one reference.
    pub(crate) fn slot_create(&mut self, account: AccountId, name: &[u8]) -> Result<SlotId> {
        let mut label = [0; NAME_MAX];
        for (place, byte) in label.iter_mut().zip(name) {
            *place = *byte;
        }
        self.slots.reserve(&mut self.machine)?;
        self.charge_object::<Slot>(account)?;
        let slot = Slot {
            label,
            root: None,
            waiters: List::new(),
            waiting: 0,
            watchers: Watchers::new(),
            refs: 1,
            account,
            of_endpoint: Link::new(),
        };
        Ok(self.slots.insert(&mut self.machine, slot)?)
    }

    /// One reference less. Opens that wait keep their slot alive through the handles they came by.
    pub(crate) fn slot_release(&mut self, id: SlotId) {
        if !self.slots.release(id) {
            return;
        }
        while let Some(request) = self.slots[id].waiters.front() {
            self.request_fail(request, ENODEV);
        }
        self.slot_take_root(id);
        if let Some(slot) = self.slots.remove(id) {
            self.watchers_drop(slot.watchers);
            self.uncharge_object::<Slot>(slot.account);
        }
    }

    /// Puts a root into an empty slot; the handle's reference moves in. Waiting opens go on.
    ///
    /// # Errors
    /// `EEXIST` when it is filled; the handle stays the caller's.
    pub(crate) fn slot_fill(&mut self, id: SlotId, root: Handle) -> Result<()> {
        refuse_if(self.slots[id].root.is_some(), EEXIST)?;
        self.slots[id].root = Some(root);
        if let Object::Scheme(object) = self.descriptions[root.description].object {
            let Self { endpoints, slots, .. } = self;
            endpoints[object.endpoint].slots.push_back(slots, id);
        }
        self.notify(Object::Slot(id), READABLE);
        while let Some(request) = self.slots[id].waiters.pop_front(&mut self.requests) {
            self.slots[id].waiting = self.slots[id].waiting.saturating_sub(1);
            self.request_readmit(request);
        }
        Ok(())
    }

    /// Empties a slot.
    pub(crate) fn slot_empty(&mut self, id: SlotId) {
        if self.slot_take_root(id) {
            self.notify(Object::Slot(id), WRITABLE);
        }
    }

    fn slot_take_root(&mut self, id: SlotId) -> bool {
        let Some(root) = self.slots[id].root.take() else { return false };
        if let Object::Scheme(object) = self.descriptions[root.description].object {
            let Self { endpoints, slots, .. } = self;
            endpoints[object.endpoint].slots.remove(slots, id);
        }
        self.description_release(root.description);
        true
    }
}
