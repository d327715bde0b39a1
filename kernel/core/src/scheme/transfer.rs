//! Handles on their way: batches that travel with a request, and handles parked in pipes.
use crate::prelude::*;

/// Numbers of handles that travel together.
type Numbers = [usize; BATCH_MAX];
/// Names a batch.
pub type BatchId = Id<Batch>;

/// Handles that travel with a request, and the numbers kept for those that come back: both from the
/// first place on.
#[derive(Debug)]
pub struct Batch {
    pub(crate) handles: [Option<Handle>; BATCH_MAX],
    pub(crate) numbers: [Option<Reserved>; BATCH_MAX],
    /// Places that have or had something.
    used: usize,
    /// Handles that it has or is to have, paid for.
    pub(super) paid: usize,
    /// The most that a handle received through the channel can have.
    inherit: Rights,
    /// The flags that it has beside those that stick.
    flags: u32,
    /// The lease of the channel.
    lease: Under,
    pub(crate) payer: AccountId,
}

impl<M: Machine> Kernel<M> {
    /// Makes an empty batch that an account pays for, and so many handles in it.
    fn batch_create(
        &mut self,
        payer: AccountId,
        inherit: Rights,
        flags: u32,
        lease: Under,
        paid: usize,
    ) -> Result<BatchId> {
        let blank = || {
            let (handles, numbers) = ([None; BATCH_MAX], [None; BATCH_MAX]);
            Batch { handles, numbers, used: 0, paid, inherit, flags, lease, payer }
        };
        let batch = self.batches.draft(&mut self.machine, blank)?;
        (batch.used, batch.paid, batch.lease) = (0, paid, lease);
        (batch.inherit, batch.flags, batch.payer) = (inherit, flags, payer);
        self.charge_object::<Batch>(payer)?;
        let charged = self.charge(payer, Resource::Handles, paid as u64);
        charged.inspect_err(|_| self.uncharge_object::<Batch>(payer))?;
        let draft = self.batches.drafted().ok_or(Error::new(ENOMEM))?;
        Ok(draft.place.adopt())
    }

    /// Closes a batch and what is in it.
    pub(crate) fn batch_release(&mut self, id: BatchId, numbers: bool) {
        let Batch { used, paid, payer, .. } = self.batches[id];
        for place in 0..used {
            let Batch { handles, numbers: kept, .. } = &mut self.batches[id];
            let handle = handles.get_mut(place).and_then(Option::take);
            let number = kept.get_mut(place).and_then(Option::take);
            if let Some(handle) = handle {
                self.description_release(handle.description);
            }
            if let Some(number) = number.filter(|_| numbers) {
                self.number_cancel(number);
            }
        }
        self.batches.retire(id);
        if paid > 0 {
            self.uncharge(payer, Resource::Handles, paid as u64);
        }
        self.uncharge_object::<Batch>(payer);
    }

    /// Moves checked handles, or copies of them, into the places of a batch from one on, if it is
    /// still there. They are paid for.
    fn batch_fill(
        &mut self,
        id: BatchId,
        first: usize,
        table: TableId,
        numbers: &[usize],
        flags: CallFlags,
    ) {
        for (number, place) in numbers.iter().zip(first..) {
            if self.batches.get(id).is_none() {
                return;
            }
            let handle = self.leave(table, *number, flags);
            let batch = &mut self.batches[id];
            batch.used = batch.used.max(place + 1);
            if let Some(place) = batch.handles.get_mut(place) {
                *place = handle;
            }
        }
    }

    /// Reads the numbers in a payload.
    fn read_numbers<'a>(
        &mut self,
        caller: &Caller,
        from: UserSlice,
        numbers: &'a mut Numbers,
    ) -> Result<&'a mut [usize]> {
        let count = from.len / size_of::<usize>();
        refuse_if(!from.len.is_multiple_of(size_of::<usize>()) || count == 0, EINVAL)?;
        let numbers = numbers.get_mut(..count).ok_or(Error::new(EINVAL))?;
        self.read_user(caller.space, from.address, numbers.as_mut_bytes())?;
        Ok(numbers)
    }

    /// Checks that handles may leave their table for a channel. What that cannot carry has an error.
    fn check_leaving(
        &mut self,
        caller: &Caller,
        numbers: &[usize],
        flags: CallFlags,
        bar: impl Fn(&Object) -> Option<i32>,
    ) -> Result<()> {
        let clones = flags.contains(CallFlags::FD_CLONE);
        let need = if clones { Rights::TRANSFER | Rights::DUP } else { Rights::TRANSFER };
        for (index, number) in numbers.iter().enumerate() {
            let handle = self.door(caller, *number, need)?;
            let Description { object, refs, .. } = &self.descriptions[handle.description];
            if matches!(object, Object::Table(_)) {
                // Tables that held each other would never be let go of: only the creator of a
                // process hands them on.
                return Err(Error::new(EPERM));
            }
            if let Some(errno) = bar(object) {
                return Err(Error::new(errno));
            }
            refuse_if(
                numbers.iter().take(index).any(|earlier| earlier == number) && !clones,
                EBADF,
            )?;
            refuse_if(flags.contains(CallFlags::FD_EXCLUSIVE) && *refs > 1, EBUSY)?;
        }
        Ok(())
    }

    /// Takes a checked handle out of its table, or clones it. Its parking is paid for.
    fn leave(&mut self, table: TableId, number: usize, flags: CallFlags) -> Option<Handle> {
        let left = &self.tables[table];
        let handle = left.get(number)?.came(Step::Sent, left.process, number);
        if flags.contains(CallFlags::FD_CLONE) {
            self.descriptions.retain(handle.description);
        } else {
            self.handle_take(table, number).ok()?;
        }
        Some(handle)
    }

    /// Sends handles to a scheme object, a pipe or a slot.
    pub(crate) fn send_handles(
        &mut self,
        caller: &Caller,
        channel: usize,
        payload: UserSlice,
        flags: CallFlags,
        metadata: [u64; 3],
    ) -> Reply {
        let need = match self.tables[caller.table].get(channel) {
            Some(handle) => match self.descriptions[handle.description].object {
                Object::Slot(_) => Rights::FILL,
                _ => Rights::SEND_HANDLE,
            },
            None => return Err(Error::new(EBADF)),
        };
        let (handle, object) = self.door_object(caller, channel, need)?;
        if payload.len == 0
            && let Object::Slot(slot) = object
        {
            // No handle at all: the slot is emptied.
            self.slot_empty(slot);
            return Ok(Outcome::Done(0));
        }
        let mut numbers = [0; BATCH_MAX];
        let numbers = &*self.read_numbers(caller, payload, &mut numbers)?;
        let count = numbers.len();
        // A channel that held its own end would hold itself alive.
        self.check_leaving(caller, numbers, flags, |cargo| match (object, cargo) {
            (Object::PipeWriter(_), Object::PipeReader(_) | Object::PipeWriter(_)) => Some(EPERM),
            (Object::PipeWriter(_), Object::Socket(_)) => Some(EPERM),
            (Object::Scheme(object), Object::Socket(own)) if *own == object.endpoint => {
                Some(EINVAL)
            }
            _ => None,
        })?;
        match object {
            Object::Slot(slot) => self.fill_slot(caller, slot, numbers, flags),
            Object::PipeWriter(pipe) => {
                refuse_if(self.pipes[pipe].readers == 0, EPIPE)?;
                let first = self.pipes[pipe].parked.iter().flatten().count();
                refuse_if(BATCH_MAX - first < count, EAGAIN)?;
                let account = self.pipes[pipe].account;
                self.charge(account, Resource::Handles, count as u64)?;
                for (number, place) in numbers.iter().zip(first..) {
                    let handle = self.leave(caller.table, *number, flags);
                    if let Some(place) = self.pipes[pipe].parked.get_mut(place) {
                        *place = handle;
                    }
                }
                self.pipe_filled(pipe);
                Ok(Outcome::Done(count))
            }
            Object::Scheme(object) => {
                let message = self.message(caller, Class::SendFd, &handle, &object)?;
                let kind = flags.intersection(CallFlags::FD_EXCLUSIVE | CallFlags::FD_CLONE);
                let bits = u64::from(kind.contains(CallFlags::FD_EXCLUSIVE))
                    | u64::from(kind.contains(CallFlags::FD_CLONE)) << 1;
                message.sqe.args =
                    [object.number, bits, metadata[0], count as u64, metadata[1], object.badge];
                let batch = self.batch_create(caller.account, Rights::all(), 0, None, count)?;
                // The handles leave once the message is admitted.
                let reply =
                    self.send_making(caller, &Makes { batch: Some(batch), ..Makes::default() });
                self.batch_fill(batch, 0, caller.table, numbers, flags);
                reply
            }
            _ => Err(Error::new(EINVAL)),
        }
    }

    fn fill_slot(
        &mut self,
        caller: &Caller,
        slot: SlotId,
        numbers: &[usize],
        flags: CallFlags,
    ) -> Reply {
        let [number] = numbers else { return Err(Error::new(EINVAL)) };
        let (_, object) = self.door_object(caller, *number, Rights::empty())?;
        match object {
            Object::Scheme(object) => self.scheme_check(&object)?,
            Object::Factory(_) => {}
            _ => return Err(Error::new(EINVAL)),
        }
        refuse_if(self.slots[slot].root.is_some(), EEXIST)?;
        if let Some(handle) = self.leave(caller.table, *number, flags)
            && let Err(error) = self.slot_fill(slot, handle)
        {
            self.description_release(handle.description);
            return Err(error);
        }
        Ok(Outcome::Done(1))
    }

    /// Receives handles from a scheme object or a pipe.
    pub(crate) fn receive_handles(
        &mut self,
        caller: &Caller,
        channel: usize,
        payload: UserSlice,
        flags: CallFlags,
        metadata: [u64; 3],
    ) -> Reply {
        let (handle, object) = self.door_object(caller, channel, Rights::RECV_HANDLE)?;
        let count = payload.len / size_of::<usize>();
        refuse_if(count == 0 || count > BATCH_MAX, EINVAL)?;
        match object {
            Object::PipeReader(pipe) => {
                let waiting = self.pipes[pipe].parked.iter().flatten().count();
                refuse_if(waiting == 0, EAGAIN)?;
                let count = count.min(waiting);
                let parked = |k: &Self| k.pipes[pipe].parked;
                let (mut leases, mut numbers) = ([None; BATCH_MAX], [0; BATCH_MAX]);
                let leases =
                    self.leases_joined(caller, parked, count, handle.lease, &mut leases)?;
                let numbers = self.numbers_taken(caller, payload, count, flags, &mut numbers)?;
                let payer = self.pipes[pipe].account;
                for (at, number) in numbers.iter().enumerate() {
                    let Some(parked) = self.pipes[pipe].parked[0].take() else { break };
                    self.pipes[pipe].parked.rotate_left(1);
                    self.uncharge(payer, Resource::Handles, 1);
                    let parked = received(parked, handle.inherit, cloexec_of(flags));
                    let reserved = Reserved { table: caller.table, number: *number };
                    self.number_fill(reserved, joined(parked, leases, at));
                }
                Ok(Outcome::Done(count))
            }
            Object::Scheme(object) => {
                self.receive_from_scheme(caller, handle, object, payload, count, flags, metadata)
            }
            _ => Err(Error::new(EINVAL)),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is one fact of the call")]
    fn receive_from_scheme(
        &mut self,
        caller: &Caller,
        handle: Handle,
        object: SchemeObject,
        payload: UserSlice,
        count: usize,
        flags: CallFlags,
        metadata: [u64; 3],
    ) -> Reply {
        let mut numbers = [0; BATCH_MAX];
        let numbers = self.wanted_numbers(caller, payload, count, flags, &mut numbers)?;
        let message = self.message(caller, Class::RecvFd, &handle, &object)?;
        let bits = if flags.contains(CallFlags::FD_UPPER) { 2 } else { 0 };
        message.sqe.args =
            [object.number, bits, count as u64, metadata[0], metadata[1], object.badge];
        message.user = payload;
        self.submit(caller, |kernel| {
            let (inherit, flags) = (handle.inherit, cloexec_of(flags));
            let batch = kernel.batch_create(caller.account, inherit, flags, handle.lease, 0)?;
            let kept = kernel.reserve_numbers(caller.table, numbers);
            kept.inspect_err(|_| kernel.batch_release(batch, true))?;
            let parked = &mut kernel.batches[batch];
            for (place, number) in parked.numbers.iter_mut().zip(numbers) {
                *place = Some(Reserved { table: caller.table, number: *number });
            }
            parked.used = count;
            Ok(Makes { batch: Some(batch), ..Makes::default() })
        })
    }

    /// The out numbers that a receiver wants: those in its payload, or any of one half.
    #[inline(always)]
    fn wanted_numbers<'a>(
        &mut self,
        caller: &Caller,
        payload: UserSlice,
        count: usize,
        flags: CallFlags,
        numbers: &'a mut Numbers,
    ) -> Result<&'a mut [usize]> {
        if flags.bits() & CALL_CHOSEN != 0 {
            let chosen = payload.part(0, count * size_of::<usize>());
            return self.read_numbers(caller, chosen, numbers);
        }
        let upper = flags.contains(CallFlags::FD_UPPER);
        let numbers = numbers.get_mut(..count).unwrap_or_default();
        numbers.fill(if upper { OUT_UPPER } else { OUT_LOWEST });
        Ok(numbers)
    }

    /// Keeps the numbers that are wanted, each in its place.
    #[inline(always)]
    fn reserve_numbers(&mut self, table: TableId, numbers: &mut [usize]) -> Result<()> {
        for at in 0..numbers.len() {
            let Some((number, kept)) = numbers.get_mut(..=at).and_then(<[_]>::split_last_mut)
            else {
                break;
            };
            let reserved = self.number_reserve(table, *number);
            *number = reserved.inspect_err(|_| self.cancel_numbers(table, kept))?.number;
        }
        Ok(())
    }

    /// Keeps numbers for handles that are there, and tells their receiver.
    fn numbers_taken<'a>(
        &mut self,
        caller: &Caller,
        payload: UserSlice,
        count: usize,
        flags: CallFlags,
        numbers: &'a mut Numbers,
    ) -> Result<&'a [usize]> {
        let numbers = self.wanted_numbers(caller, payload, count, flags, numbers)?;
        self.reserve_numbers(caller.table, numbers)?;
        let told = self.write_numbers(caller, payload, numbers);
        told.inspect_err(|_| self.cancel_numbers(caller.table, numbers))?;
        Ok(numbers)
    }

    fn cancel_numbers(&mut self, table: TableId, numbers: &[usize]) {
        for number in numbers {
            self.number_cancel(Reserved { table, number: *number });
        }
    }

    fn write_numbers(&mut self, caller: &Caller, to: UserSlice, numbers: &[usize]) -> Result<()> {
        self.write_user(caller.space, to.address, numbers.as_bytes())
    }

    /// A server takes handles that came with a request: the verb `ObtainFd` on its socket.
    pub(crate) fn obtain_handles(
        &mut self,
        caller: &Caller,
        channel: Handle,
        endpoint: EndpointId,
        payload: UserSlice,
        tag: u32,
        flags: CallFlags,
    ) -> Reply {
        let count = payload.len / size_of::<usize>();
        let id = self.request_by_tag(caller, endpoint, tag)?;
        let Request { batch, class, .. } = self.requests[id];
        let (Some(batch), Class::SendFd) = (batch, class) else { return Err(Error::new(EINVAL)) };
        refuse_if(count == 0 || count > self.batches[batch].paid, EINVAL)?;
        let (mut leases, mut numbers);
        let leases: &[_] = if channel.lease.is_none() {
            &[]
        } else {
            leases = [None; BATCH_MAX];
            let sent = |k: &Self| k.batches[batch].handles;
            self.leases_joined(caller, sent, count, channel.lease, &mut leases)?
        };
        numbers = [0; BATCH_MAX];
        let numbers = self.numbers_taken(caller, payload, count, flags, &mut numbers)?;
        for (at, number) in numbers.iter().enumerate() {
            let batch = &mut self.batches[batch];
            let Some(handle) = batch.handles.iter_mut().find_map(Option::take) else { break };
            batch.paid = batch.paid.wrapping_sub(1);
            let payer = batch.payer;
            self.uncharge(payer, Resource::Handles, 1);
            let handle = received(handle, channel.inherit, cloexec_of(flags));
            let reserved = Reserved { table: caller.table, number: *number };
            self.number_fill(reserved, joined(handle, leases, at));
        }
        Ok(Outcome::Done(count))
    }

    /// A server puts handles into a request that asked for some: the verb `MoveFd` on its socket.
    pub(crate) fn move_handles(
        &mut self,
        caller: &Caller,
        endpoint: EndpointId,
        payload: UserSlice,
        tag: u32,
        flags: CallFlags,
    ) -> Reply {
        let id = self.request_by_tag(caller, endpoint, tag)?;
        let Request { batch, class, .. } = self.requests[id];
        let (Some(batch), Class::RecvFd) = (batch, class) else { return Err(Error::new(EINVAL)) };
        let mut numbers = [0; BATCH_MAX];
        let numbers = &*self.read_numbers(caller, payload, &mut numbers)?;
        let count = numbers.len();
        self.check_leaving(caller, numbers, flags, |_| None)?;
        let Batch { paid, payer, numbers: asked, .. } = &self.batches[batch];
        let (have, payer) = (*paid, *payer);
        refuse_if(have + count > asked.iter().flatten().count(), EINVAL)?;
        self.charge(payer, Resource::Handles, count as u64)?;
        self.batches[batch].paid = have + count;
        self.batch_fill(batch, have, caller.table, numbers, flags);
        Ok(Outcome::Done(count))
    }

    /// A server answered with the handles that it moved.
    pub(crate) fn answer_batch(&mut self, id: RequestId, count: usize) {
        let Request { caller, batch, class, .. } = self.requests[id];
        let (Some(batch), Class::RecvFd) = (batch, class) else {
            return self.request_fail(id, EIO);
        };
        let Some(caller) = caller.filter(|_| count == self.batches[batch].paid) else {
            return self.request_fail(id, EIO);
        };
        self.requests[id].result = count;
        self.answered(id, caller);
    }

    /// The leases of the first handles that travel, in order, once they are received through a
    /// channel under a lease: they end with that, too. Until then they stay as they are.
    #[inline]
    fn leases_joined<'a>(
        &mut self,
        caller: &Caller,
        handles: impl FnOnce(&Self) -> [Option<Handle>; BATCH_MAX],
        count: usize,
        channel: Under,
        leases: &'a mut [Under],
    ) -> Result<&'a [Under]> {
        if channel.is_none() {
            return Ok(&[]);
        }
        let handles = handles(self);
        for (place, handle) in leases.iter_mut().zip(handles.iter().flatten()).take(count) {
            *place = self.lease_join(caller.account, handle.lease, channel)?;
        }
        Ok(leases)
    }

    /// The caller takes the handles of an answer.
    pub(crate) fn take_batch(&mut self, caller: &Caller, id: RequestId) -> Result<usize> {
        let Request { batch, user, result, .. } = self.requests[id];
        let Some(batch) = batch else { return Err(Error::new(EIO)) };
        let Batch { lease, payer, inherit, flags, .. } = self.batches[batch];
        let mut leases = [None; BATCH_MAX];
        let sent = |k: &Self| k.batches[batch].handles;
        let leases = self.leases_joined(caller, sent, result, lease, &mut leases)?;
        let mut told = [0; BATCH_MAX];
        for (place, kept) in told.iter_mut().zip(self.batches[batch].numbers.iter().flatten()) {
            *place = kept.number;
        }
        self.write_numbers(caller, user, told.get(..result).unwrap_or(&[]))?;
        for at in 0..result {
            let Batch { handles, numbers, .. } = &mut self.batches[batch];
            let handle = handles.get_mut(at).and_then(Option::take);
            let number = numbers.get_mut(at).and_then(Option::take);
            if let (Some(handle), Some(number)) = (handle, number) {
                self.batches[batch].paid = self.batches[batch].paid.wrapping_sub(1);
                self.uncharge(payer, Resource::Handles, 1);
                let handle = received(handle, inherit, flags);
                self.number_fill(number, joined(handle, leases, at));
            }
        }
        Ok(result)
    }
}

/// A handle under the lease that was found for it, if one was.
fn joined(handle: Handle, leases: &[Under], at: usize) -> Handle {
    Handle { lease: leases.get(at).copied().unwrap_or(handle.lease), ..handle }
}

/// A handle as it arrives through a channel: whether it is closed at exec is the receiver's choice.
fn received(handle: Handle, inherit: Rights, flags: u32) -> Handle {
    let cloexec = handle_flags::CLOEXEC as u8;
    Handle { flags: handle.flags & !cloexec | flags as u8, ..handle.narrowed(inherit, inherit, 0) }
}

/// The handle flag that a receiver asks for.
fn cloexec_of(flags: CallFlags) -> u32 {
    if flags.contains(CallFlags::FD_CLOEXEC) { handle_flags::CLOEXEC as u32 } else { 0 }
}
