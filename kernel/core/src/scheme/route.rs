//! Where an open goes that no server answers at once: through slots, behind forwards, and again
//! when there was no place.
use super::open::ByPath;
use crate::prelude::*;
use clavis_abi::limits::{SLOT_WAIT_NS, SLOT_WAITERS};

impl<M: Machine> Kernel<M> {
    /// Lets a call wait in an empty slot, within bounds.
    pub(super) fn wait_in_slot(
        &mut self,
        caller: &Caller,
        handle: &Handle,
        slot: SlotId,
        asked: &ByPath,
    ) -> Reply {
        let nonblock = asked.nonblock();
        if nonblock || self.slots[slot].waiting >= SLOT_WAITERS {
            return Err(Error::new(if nonblock { EAGAIN } else { ENODEV }));
        }
        let message = self.message_begin(caller, asked.class, handle)?;
        message.sqe.args[3] = asked.flags;
        message.sqe.args[4] = u64::from(asked.fcntl);
        message.len = asked.len;
        message.stage = Stage::Rerouted;
        message.forwards = 1;
        let draft = self.requests.drafted().ok_or(Error::new(ENOMEM))?;
        let id = draft.place.adopt();
        self.descriptions.retain(handle.description);
        if asked.opens() {
            let opening = self.opening(caller, handle, Some(slot), asked);
            let opening = opening.inspect_err(|_| self.request_free(id))?;
            self.requests[id].opening = Some(opening);
        }
        self.spill(caller.thread, asked.len);
        self.block_in_slot(id, slot);
        Ok(Outcome::Wait)
    }

    fn block_in_slot(&mut self, id: RequestId, slot: SlotId) {
        self.requests[id].stage = Stage::InSlot(slot);
        let Self { slots, requests, .. } = self;
        slots[slot].waiters.push_back(requests, id);
        slots[slot].waiting = slots[slot].waiting.saturating_add(1);
        self.slots.retain(slot);
        if let Some(thread) = self.requests[id].caller {
            let until = self.machine.now().saturating_add(SLOT_WAIT_NS);
            self.threads[thread].wake_at = Some(until);
            self.block(thread, Blocked::Request(id));
        }
    }

    /// Keeps the path in the scratch page for later, in the caller's own spill page.
    fn spill(&mut self, thread: ThreadId, len: usize) {
        let Self { threads, machine, scratch, .. } = self;
        let thread = &mut threads[thread];
        thread.spilled = len;
        if let (Some(frame), Some(bytes)) = (thread.spill.as_mut(), scratch.get(..len)) {
            machine.frame_write(frame, 0, bytes);
        }
    }

    /// Brings the spilled path back into the scratch page.
    fn unspill(&mut self, thread: ThreadId) -> usize {
        let Self { threads, machine, scratch, .. } = self;
        let thread = &threads[thread];
        if let (Some(frame), Some(bytes)) =
            (thread.spill.as_ref(), scratch.get_mut(..thread.spilled))
        {
            machine.frame_read(frame, 0, bytes);
        }
        thread.spilled
    }

    /// A slot was filled: a request that waited in it goes on in its caller's own time.
    pub(crate) fn request_readmit(&mut self, id: RequestId) {
        if let Stage::InSlot(slot) = self.requests[id].stage {
            self.requests[id].stage = Stage::Rerouted;
            if let Some(thread) = self.requests[id].caller {
                let narrowed = match self.slots[slot].root {
                    Some(root) => {
                        self.request_through(id, root.description);
                        self.request_narrow(id, &root)
                    }
                    None => Ok(()),
                };
                match narrowed {
                    Ok(()) => self.wake(thread, Resume::Readmit(id)),
                    Err(error) => self.interrupt(thread, error.errno),
                }
            }
            self.slot_release(slot);
        }
    }

    /// Sends a request on to where its `through` description now points: in its caller's context.
    pub(crate) fn readmit(&mut self, caller: &Caller, id: RequestId) -> Reply {
        let len = self.unspill(caller.thread);
        // It waits for its request from here on; where that goes decides when it wakes.
        self.threads[caller.thread].blocked = Blocked::Request(id);
        let routed = match self.lease_end_of(self.requests[id].lease) {
            None => self.route(id, len),
            Some(errno) => Err(Error::new(errno)),
        };
        if let Err(error) = routed {
            self.request_free(id);
            if let Some((endpoint, place)) = self.threads[caller.thread].granted.take() {
                self.place_release(endpoint, place);
            }
            self.complete(caller.thread, Err(error));
        }
        Ok(Outcome::Wait)
    }

    /// Narrows what a request may yield by a handle that it now goes through.
    ///
    /// # Errors
    /// Of a lease that has ended; as [`Kernel::lease_join`].
    pub(crate) fn request_narrow(&mut self, id: RequestId, through: &Handle) -> Result<()> {
        self.request_lease(id, through.lease)?;
        self.requests[id].confined |= u32::from(through.flags) & handle_flags::STICKY as u32;
        if let Some(opening) = self.requests[id].opening.as_mut() {
            opening.rights &= through.inherit;
            opening.inherit &= through.inherit;
            opening.flags |= u32::from(through.flags) & handle_flags::STICKY as u32;
        }
        Ok(())
    }

    /// A request, and what comes of it, ends with one more lease.
    ///
    /// # Errors
    /// As [`Kernel::request_narrow`].
    #[inline]
    pub(crate) fn request_lease(&mut self, id: RequestId, lease: Under) -> Result<()> {
        if lease.is_some() { self.request_leased(id, lease) } else { Ok(()) }
    }

    #[cold]
    fn request_leased(&mut self, id: RequestId, more: Under) -> Result<()> {
        if let Some(errno) = self.lease_end_of(more) {
            return Err(Error::new(errno));
        }
        let Request { caller, lease, .. } = self.requests[id];
        let Some(caller) = caller else { return Ok(()) };
        let lease = self.lease_join(self.threads[caller].account, lease, more)?;
        self.requests[id].lease = lease;
        if let Some(lease) = lease {
            self.lease_wait(caller, lease);
        }
        Ok(())
    }

    /// What is opened is labelled with the slot that it is opened through.
    pub(super) fn opened_through(&mut self, opening: &Opening, slot: SlotId) {
        self.slots.retain(slot);
        if let Some(old) = self.descriptions[opening.description].slot.replace(slot) {
            self.slot_release(old);
        }
    }

    /// Changes the description that a request goes through.
    pub(crate) fn request_through(&mut self, id: RequestId, description: DescriptionId) {
        self.descriptions.retain(description);
        let old = core::mem::replace(&mut self.requests[id].through, description);
        self.description_release(old);
    }

    /// Routes a request without endpoint by its `through` description; its path is in the scratch
    /// page. The caller's thread waits for the request when this begins, and waits or is completed
    /// when it ends well.
    ///
    /// # Errors
    /// The request is as it was.
    pub(crate) fn route(&mut self, id: RequestId, len: usize) -> Result<()> {
        loop {
            let request = &self.requests[id];
            let Some(thread) = request.caller else { return Err(Error::new(ENODEV)) };
            let through = request.through;
            let opening = request.opening;
            if let Some(opening) = &opening
                && let missing = Rights::demanded(opening.open_flags) - opening.inherit
                && !missing.is_empty()
            {
                return Err(self.refuse_behind(thread, missing, DenialRule::Inherit));
            }
            match self.descriptions[through].object {
                Object::Slot(slot) => {
                    let request = &mut self.requests[id];
                    refuse_if(request.forwards >= FORWARD_MAX, ELOOP)?;
                    request.forwards = request.forwards.wrapping_add(1);
                    if let Some(opening) = &opening {
                        self.opened_through(opening, slot);
                    }
                    match self.slots[slot].root {
                        Some(root)
                            if self.requests[id].class == Class::UnlinkAt
                                && !root.rights.contains(Rights::REMOVE) =>
                        {
                            let rule = DenialRule::Rights;
                            return Err(self.refuse_behind(thread, Rights::REMOVE, rule));
                        }
                        Some(root) => {
                            self.request_narrow(id, &root)?;
                            self.request_through(id, root.description);
                        }
                        None if self.requests[id].nonblock => return Err(Error::new(EAGAIN)),
                        None if self.slots[slot].waiting >= SLOT_WAITERS => {
                            return Err(Error::new(ENODEV));
                        }
                        None => {
                            self.spill(thread, len);
                            self.block_in_slot(id, slot);
                            return Ok(());
                        }
                    }
                }
                Object::Scheme(object) => return self.route_to(id, thread, object, len),
                object @ Object::Factory(_) => {
                    let Some(opening) = opening else { return Err(Error::new(ENOTDIR)) };
                    let process = self.threads[thread].process;
                    let object = self.factory_open(process, object, len)?;
                    let lease = self.requests[id].lease;
                    self.open_kernel_object(&opening, lease, object);
                    self.requests[id].opening = None;
                    self.request_free(id);
                    self.complete(thread, Ok(opening.out.number));
                    return Ok(());
                }
                _ => return Err(Error::new(ENOTDIR)),
            }
        }
    }

    fn route_to(
        &mut self,
        id: RequestId,
        thread: ThreadId,
        object: SchemeObject,
        len: usize,
    ) -> Result<()> {
        let request = &self.requests[id];
        let (flags, inherit, open) = match &request.opening {
            Some(opening) => (opening.flags, opening.inherit, opening.open_flags),
            None => (request.confined, Rights::all(), 0),
        };
        let (description, rights) = (request.through, request.rights);
        let own = Handle::full(description);
        let through = Handle { rights, inherit, flags: flags as u8, lease: request.lease, ..own };
        let Request { class, nonblock, sqe: Sqe { args: [_, _, _, wanted, fcntl, _], .. }, .. } =
            *request;
        if self.confine(&through, object, len, open).is_err() {
            let rule = self.beneath_rule(object);
            return Err(self.refuse_behind(thread, Rights::empty(), rule));
        }
        let Some(place) = self.place_take(object.endpoint, object.epoch, thread)? else {
            refuse_if(nonblock, EAGAIN)?;
            self.spill(thread, len);
            self.requests[id].stage = Stage::Rerouted;
            self.wait_for_admission(thread, object.endpoint, Resume::Readmit(id));
            return Ok(());
        };
        let flags = match class {
            Class::OpenAt => self.server_flags(&through, object, open, fcntl as u32),
            _ => wanted,
        };
        let request = &mut self.requests[id];
        request.aim(&object);
        request.place = place;
        request.page = usize::from(place);
        request.len = len;
        request.sqe.args[3] = flags;
        self.endpoints[object.endpoint].place_occupy(place, id);
        if let Err(error) = self.put_payload(id, PayloadFrom::Scratch) {
            self.request_leave(id);
            return Err(error);
        }
        self.enqueue(id);
        self.block(thread, Blocked::Request(id));
        Ok(())
    }
}
