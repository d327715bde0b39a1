//! Forwarding: a server answers "ask that handle instead", and never waits for what comes of it.
use super::direct::{Payload, Waiting, step};
use crate::prelude::*;
use clavis_abi::params::ForwardParams;
use zerocopy::FromZeros;

impl<M: Machine> Kernel<M> {
    /// Forwards an open to a server that waits, as [`Kernel::forward`] does; the forwarding one waits
    /// for the next. The thread that goes on. `None`, and nothing is changed, if that is not possible
    /// now, or refused.
    #[inline(never)]
    pub(super) fn forward_direct(
        &mut self,
        receive: Receive,
        id: RequestId,
        params: u64,
    ) -> Option<M::ContextRef> {
        let caller = self.cpus[0].current?;
        let mut given = ForwardParams::new_zeroed();
        if self.machine.read_user(params, given.as_mut_bytes()).fault.is_some() {
            return None;
        }
        let target = *self.tables.get(caller.table)?.get(usize::try_from(given.fd).ok()?)?;
        let request = self.requests.get(id)?;
        let Request { class, stage, server, opening, caller: client, through, .. } = *request;
        let (mut opening, mut forwards) = (opening?, request.forwards);
        let (mut door, mut masks, mut slot) = (target, target.inherit, None);
        let mut flags = given.flags as u32 | u32::from(target.flags);
        let mut object = self.descriptions.get(target.description)?.object;
        if let Object::Slot(id) = object {
            // On to what fills it.
            door = self.slots.get(id)?.root.filter(|root| root.lease.is_none())?;
            object = self.descriptions.get(door.description)?.object;
            (masks, flags) = (masks & door.inherit, flags | u32::from(door.flags));
            (slot, forwards) = (Some(id), forwards.saturating_add(1));
        }
        let Object::Scheme(object) = object else { return None };
        let sticky = flags & handle_flags::STICKY as u32;
        opening.pass_on(&given, masks, sticky);
        let lease = request.lease.or(target.lease);
        let len = usize::try_from(given.path_len).ok()?;
        let path = self.scratch.get_mut(..len)?;
        if (class, stage, server) != (Class::OpenAt, Stage::Delivered, Some(caller.process))
            || !target.rights.contains(Rights::LOOKUP | Rights::FORWARD)
            || target.lease.is_some_and(|own| {
                lease != Some(own) || !self.leases.get(own).is_some_and(Lease::holds_plainly)
            })
            || !opening.inherit.contains(Rights::demanded(opening.open_flags))
            || forwards >= FORWARD_MAX
            // Nobody is to hear of the end of what it came through.
            || self.descriptions.get(through)?.refs <= 1
            || self.machine.read_user(given.path, path).fault.is_some()
            || check_path(path).is_err()
        {
            return None;
        }
        let mut sqe = request.sqe;
        let way = Handle { inherit: opening.inherit, flags: opening.flags as u8, ..target };
        self.confine(&way, object, len, opening.open_flags).ok()?;
        sqe.args[3] = self.server_flags(&way, object, opening.open_flags, sqe.args[4] as u32);
        let (old, new) = self.endpoints.pair_mut(receive.endpoint, object.endpoint)?;
        let (place, taker) = (new.place_next()?, new.receivers.front()?);
        let client = client?;
        let priority = self.threads.get(client)?.priority;
        let (forwarder, server) = self.threads.pair_mut(caller.thread, taker)?;
        let notice = new.closes.front();
        if !new.is_ready(object.epoch)
            || notice.is_some() && new.in_hand.is_some()
            || !forwarder.waits_plainly()
            || self.ready.highest() > Some(priority.max(server.priority))
        {
            return None;
        }
        let base = server.receives(notice.is_some())?;
        sqe.tag = new.tag_of(place);
        (sqe.args[0], sqe.args[5]) = (object.number, object.badge);
        sqe.args[1] = base.wrapping_add(u64::from(place) * PAGE);
        sqe.args[2] = len as u64;
        let noticed = notice.map(|notice| &self.descriptions[notice]);
        let mut step = step!(self);
        let payload =
            Payload { from: PayloadFrom::Scratch, user: UserSlice::default(), len, place };
        step.hand_in(new, server, &payload, &sqe, caller.space, &self.scratch, noticed)?;
        // Nothing can fail from here on.
        let request = self.requests.get_mut(id)?;
        old.place_vacate(request.place);
        old.place_free(request.place);
        old.refs = old.refs.wrapping_sub(1);
        request.opening = Some(opening);
        request.aim(&object);
        (request.sqe, request.place, request.page, request.len) = (sqe, place, place.into(), len);
        (request.rights, request.through) = (target.rights, door.description);
        (request.server, request.redelivered, request.lease) = (None, false, lease);
        request.forwards = forwards.saturating_add(1);
        request.confined |= sticky;
        let last = forwarder.park(caller.thread, old, receive);
        let (name, link) =
            step.taken(new, (taker, server), (id, request), priority, notice.is_some());
        Waiting::mend(&mut self.threads, link);
        Waiting::join(&mut self.threads, last, caller.thread);
        if let Some(notice) = notice {
            new.closes.remove(&mut self.descriptions, notice);
            self.notice_taken(object.endpoint, Notice::Close(notice));
        }
        if let Some(slot) = slot {
            self.opened_through(&opening, slot);
        }
        if let Some(lease) = target.lease {
            self.lease_wait(client, lease);
        }
        self.descriptions.retain(door.description);
        self.description_release(through);
        Some(name)
    }

    /// Forwards a request that the calling server has.
    ///
    /// # Errors
    /// `EFAULT`, `EBADF`, `EKEYREJECTED`, `EINVAL` to the server, which keeps the request. What
    /// fails behind the new door is the client's.
    pub(crate) fn forward(&mut self, server: &Caller, id: RequestId, params: u64) -> Result<()> {
        // Everything is read and checked before anything changes.
        let params: ForwardParams =
            self.read_struct(server.space, params as usize, size_of::<ForwardParams>())?;
        refuse_if(!matches!(self.requests[id].class, Class::OpenAt | Class::UnlinkAt), EINVAL)?;
        let len = usize::try_from(params.path_len).map_err(|_| Error::new(EINVAL))?;
        refuse_if(len > PATH_MAX, EINVAL)?;
        let own = self.cpus[0].lease;
        let target = self.door(server, params.fd as usize, Rights::LOOKUP | Rights::FORWARD);
        // What the server waits for next it reaches through its socket.
        self.cpus[0].lease = own;
        let target = target?;
        self.read_path(server, params.path as usize, len)?;

        let request = &mut self.requests[id];
        request.server = None;
        let Some(client) = request.caller else {
            // Abandoned meanwhile: there is nobody to go on for.
            self.request_free(id);
            return Ok(());
        };
        let (forwards, wants_remove) = (request.forwards, request.class == Class::UnlinkAt);
        let sticky = (params.flags as u32 | u32::from(target.flags)) & handle_flags::STICKY as u32;
        request.stage = Stage::Rerouted;
        request.forwards = forwards.saturating_add(1);
        request.confined |= sticky;
        request.rights = target.rights;
        if let Some(opening) = request.opening.as_mut() {
            opening.pass_on(&params, target.inherit, sticky);
        }
        self.request_leave(id);
        self.request_through(id, target.description);
        let masks = target.rights & Rights::from_bits_truncate(params.rights);
        let leased = self.request_lease(id, target.lease);
        let routed = if leased.is_err() {
            leased
        } else if forwards >= FORWARD_MAX {
            Err(Error::new(ELOOP))
        } else if wants_remove && !masks.contains(Rights::REMOVE) {
            Err(self.refuse_behind(client, Rights::REMOVE, clavis_abi::params::DenialRule::Rights))
        } else {
            self.route(id, len)
        };
        if let Err(error) = routed {
            self.answer_error(id, error.errno);
        }
        Ok(())
    }
}
