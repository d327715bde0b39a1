//! Handles on their way: batches that travel with a request, and handles parked in pipes.
use super::endpoint::EndpointId;
use super::request::{Request, RequestId};
use super::send::Makes;
use crate::account::{AccountId, Resource};
use crate::container::Id;
use crate::handle::Handle;
use crate::handle::description::{Object, SchemeObject};
use crate::handle::table::{Reserved, TableId};
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::memory::user::UserSlice;
use crate::object::lease::LeaseId;
use crate::run::{Caller, Outcome, Reply};
use clavis_abi::Rights;
use clavis_abi::class::Class;
use clavis_abi::error::{EAGAIN, EBADF, EBUSY, EINVAL, EIO, EPERM, EPIPE, Error, Result};
use clavis_abi::limits::BATCH_MAX;
use clavis_abi::params::{CALL_CHOSEN, OUT_LOWEST, OUT_UPPER, handle_flags};
use clavis_abi::syscall::flag::CallFlags;

/// Kind of [`Batch`] ids.
#[derive(Debug)]
pub enum BatchK {}
/// Names a batch.
pub type BatchId = Id<BatchK>;

/// Handles that travel with a request, and the numbers kept for those that come back.
#[derive(Debug)]
pub struct Batch {
    pub(crate) handles: [Option<Handle>; BATCH_MAX],
    pub(crate) numbers: [Option<Reserved>; BATCH_MAX],
    /// The most that a handle received through the channel can have.
    inherit: Rights,
    /// The flags that it has beside those that stick.
    flags: u32,
    /// The lease of the channel.
    lease: Option<LeaseId>,
    pub(crate) payer: AccountId,
}

impl<M: Machine> Kernel<M> {
    /// Makes an empty batch that an account pays for.
    fn batch_create(
        &mut self,
        payer: AccountId,
        inherit: Rights,
        flags: u32,
        lease: Option<LeaseId>,
    ) -> Result<BatchId> {
        self.batches.reserve(&mut self.machine)?;
        self.charge_object::<Batch>(payer)?;
        let (handles, numbers) = ([None; BATCH_MAX], [None; BATCH_MAX]);
        let batch = Batch { handles, numbers, inherit, flags, lease, payer };
        Ok(self.batches.insert(&mut self.machine, batch)?)
    }

    /// Closes a batch and what is in it.
    pub(crate) fn batch_release(&mut self, id: BatchId, numbers: bool) {
        let Some(batch) = self.batches.remove(id) else { return };
        for handle in batch.handles.into_iter().flatten() {
            self.parked_release(batch.payer, handle);
        }
        for number in batch.numbers.into_iter().flatten().filter(|_| numbers) {
            self.number_cancel(number);
        }
        self.uncharge_object::<Batch>(batch.payer);
    }

    /// Reads the numbers in a payload.
    fn read_numbers(
        &mut self,
        caller: &Caller,
        from: UserSlice,
    ) -> Result<([usize; BATCH_MAX], usize)> {
        let count = from.len / size_of::<usize>();
        if !from.len.is_multiple_of(size_of::<usize>()) || count == 0 || count > BATCH_MAX {
            return Err(Error::new(EINVAL));
        }
        let mut numbers = [0; BATCH_MAX];
        for (index, number) in numbers.iter_mut().take(count).enumerate() {
            let mut bytes = [0; size_of::<usize>()];
            let at = from.part(index * size_of::<usize>(), size_of::<usize>()).address;
            self.read_user(caller.space, at, &mut bytes)?;
            *number = usize::from_le_bytes(bytes);
        }
        Ok((numbers, count))
    }

    /// Checks that handles may leave their table.
    fn check_leaving(
        &mut self,
        caller: &Caller,
        numbers: &[usize],
        flags: CallFlags,
    ) -> Result<()> {
        let clones = flags.contains(CallFlags::FD_CLONE);
        let need = if clones { Rights::TRANSFER | Rights::DUP } else { Rights::TRANSFER };
        for (index, number) in numbers.iter().enumerate() {
            let (handle, object) = self.door_object(caller, *number, need)?;
            if matches!(object, Object::Table(_)) {
                // Tables that held each other would never be let go of: only the creator of a
                // process hands them on.
                return Err(Error::new(EPERM));
            }
            if numbers.iter().take(index).any(|earlier| earlier == number) && !clones {
                return Err(Error::new(EBADF));
            }
            if flags.contains(CallFlags::FD_EXCLUSIVE)
                && self.descriptions[handle.description].refs > 1
            {
                return Err(Error::new(EBUSY));
            }
        }
        Ok(())
    }

    /// Takes checked handles out of their table, or clones them. Their parking is paid for.
    fn leave(
        &mut self,
        table: TableId,
        numbers: &[usize],
        flags: CallFlags,
    ) -> [Option<Handle>; BATCH_MAX] {
        let mut handles = [None; BATCH_MAX];
        for (place, number) in handles.iter_mut().zip(numbers) {
            let handle = self.tables[table].get(*number).copied();
            *place = handle.map(|handle| {
                if flags.contains(CallFlags::FD_CLONE) {
                    self.description_retain(handle.description);
                    handle
                } else {
                    self.handle_take(table, *number).unwrap_or(handle)
                }
            });
        }
        handles
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
        let (numbers, count) = self.read_numbers(caller, payload)?;
        let numbers = numbers.get(..count).unwrap_or(&[]);
        self.check_leaving(caller, numbers, flags)?;
        let payer = caller.account;
        match object {
            Object::Slot(slot) => self.fill_slot(caller, slot, numbers, flags),
            Object::PipeWriter(pipe) => {
                if !self.pipe_has_reader(pipe) {
                    return Err(Error::new(EPIPE));
                }
                self.check_pipe_cargo(caller, numbers)?;
                let free = self.pipes[pipe].parked.iter().filter(|place| place.is_none()).count();
                if free < count {
                    return Err(Error::new(EAGAIN));
                }
                let account = self.pipe_account(pipe);
                self.charge(account, Resource::Handles, count as u64)?;
                let handles = self.leave(caller.table, numbers, flags);
                let parked = &mut self.pipes[pipe].parked;
                let first = parked.iter().position(Option::is_none).unwrap_or(0);
                for (place, handle) in
                    parked.iter_mut().skip(first).zip(handles.into_iter().flatten())
                {
                    *place = Some(handle);
                }
                self.pipe_filled(pipe);
                Ok(Outcome::Done(count))
            }
            Object::Scheme(object) => {
                self.check_no_own_socket(caller, numbers, object.endpoint)?;
                let message = self.message(caller, Class::SendFd, &handle, &object)?;
                let kind = flags.intersection(CallFlags::FD_EXCLUSIVE | CallFlags::FD_CLONE);
                let bits = u64::from(kind.contains(CallFlags::FD_EXCLUSIVE))
                    | u64::from(kind.contains(CallFlags::FD_CLONE)) << 1;
                message.sqe.args =
                    [object.number, bits, metadata[0], count as u64, metadata[1], object.badge];
                self.submit(caller, |kernel| {
                    let batch = kernel.batch_create(payer, Rights::all(), 0, None)?;
                    if let Err(error) = kernel.charge(payer, Resource::Handles, count as u64) {
                        kernel.batch_release(batch, false);
                        return Err(error);
                    }
                    let handles = kernel.leave(caller.table, numbers, flags);
                    kernel.batches[batch].handles = handles;
                    Ok(Makes { batch: Some(batch), ..Makes::default() })
                })
            }
            _ => Err(Error::new(EINVAL)),
        }
    }

    /// Neither pipe ends nor sockets go through a pipe: it could hold itself alive.
    fn check_pipe_cargo(&mut self, caller: &Caller, numbers: &[usize]) -> Result<()> {
        for number in numbers {
            let (_, object) = self.door_object(caller, *number, Rights::empty())?;
            if matches!(object, Object::PipeReader(_) | Object::PipeWriter(_) | Object::Socket(_)) {
                return Err(Error::new(EPERM));
            }
        }
        Ok(())
    }

    /// A socket does not go through itself: its endpoint could never die.
    fn check_no_own_socket(
        &mut self,
        caller: &Caller,
        numbers: &[usize],
        endpoint: EndpointId,
    ) -> Result<()> {
        for number in numbers {
            let (_, object) = self.door_object(caller, *number, Rights::empty())?;
            if object == Object::Socket(endpoint) {
                return Err(Error::new(EINVAL));
            }
        }
        Ok(())
    }

    fn fill_slot(
        &mut self,
        caller: &Caller,
        slot: crate::object::slot::SlotId,
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
        if self.slot_filled(slot) {
            return Err(Error::new(clavis_abi::error::EEXIST));
        }
        let handles = self.leave(caller.table, numbers, flags);
        if let [Some(handle), ..] = handles
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
        if count == 0 || count > BATCH_MAX {
            return Err(Error::new(EINVAL));
        }
        match object {
            Object::PipeReader(pipe) => {
                let waiting = self.pipes[pipe].parked.iter().flatten().count();
                if waiting == 0 {
                    return Err(Error::new(EAGAIN));
                }
                let count = count.min(waiting);
                let parked = self.pipes[pipe].parked;
                let leases = self.leases_joined(caller, &parked, count, handle.lease)?;
                let wanted = self.wanted_numbers(caller, payload, count, flags)?;
                let mut numbers = [None; BATCH_MAX];
                self.reserve_numbers(caller.table, &wanted, count, &mut numbers)?;
                if let Err(error) = self.write_numbers(caller, payload, &numbers) {
                    self.cancel_numbers(&numbers);
                    return Err(error);
                }
                let payer = self.pipe_account(pipe);
                for (reserved, lease) in numbers.into_iter().flatten().zip(leases) {
                    let Some(parked) = self.pipes[pipe].parked[0].take() else { break };
                    self.pipes[pipe].parked.rotate_left(1);
                    self.uncharge(payer, Resource::Handles, 1);
                    let parked = received(parked, handle.inherit, cloexec_of(flags));
                    self.number_fill(reserved, Handle { lease, ..parked });
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
        let wanted = self.wanted_numbers(caller, payload, count, flags)?;
        let message = self.message(caller, Class::RecvFd, &handle, &object)?;
        let bits = if flags.contains(CallFlags::FD_UPPER) { 2 } else { 0 };
        message.sqe.args =
            [object.number, bits, count as u64, metadata[0], metadata[1], object.badge];
        message.user = payload;
        let payer = caller.account;
        self.submit(caller, |kernel| {
            let batch =
                kernel.batch_create(payer, handle.inherit, cloexec_of(flags), handle.lease)?;
            let mut numbers = [None; BATCH_MAX];
            if let Err(error) = kernel.reserve_numbers(caller.table, &wanted, count, &mut numbers) {
                kernel.batch_release(batch, true);
                return Err(error);
            }
            kernel.batches[batch].numbers = numbers;
            Ok(Makes { batch: Some(batch), ..Makes::default() })
        })
    }

    /// The out numbers that a receiver wants: those in its payload, or any of one half.
    fn wanted_numbers(
        &mut self,
        caller: &Caller,
        payload: UserSlice,
        count: usize,
        flags: CallFlags,
    ) -> Result<[usize; BATCH_MAX]> {
        if flags.bits() & CALL_CHOSEN != 0 {
            return Ok(self.read_numbers(caller, payload.part(0, count * size_of::<usize>()))?.0);
        }
        let upper = flags.contains(CallFlags::FD_UPPER);
        Ok([if upper { OUT_UPPER } else { OUT_LOWEST }; BATCH_MAX])
    }

    fn reserve_numbers(
        &mut self,
        table: TableId,
        wanted: &[usize; BATCH_MAX],
        count: usize,
        numbers: &mut [Option<Reserved>; BATCH_MAX],
    ) -> Result<()> {
        for (place, wanted) in numbers.iter_mut().zip(wanted).take(count) {
            match self.number_reserve(table, *wanted) {
                Ok(reserved) => *place = Some(reserved),
                Err(error) => {
                    self.cancel_numbers(numbers);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn cancel_numbers(&mut self, numbers: &[Option<Reserved>; BATCH_MAX]) {
        for reserved in numbers.iter().flatten() {
            self.number_cancel(*reserved);
        }
    }

    fn write_numbers(
        &mut self,
        caller: &Caller,
        to: UserSlice,
        numbers: &[Option<Reserved>],
    ) -> Result<()> {
        for (index, reserved) in numbers.iter().flatten().enumerate() {
            let at = to.part(index * size_of::<usize>(), size_of::<usize>()).address;
            self.write_user(caller.space, at, &reserved.number.to_le_bytes())?;
        }
        Ok(())
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
        let there = self.batches[batch].handles.iter().flatten().count();
        if count == 0 || count > there {
            return Err(Error::new(EINVAL));
        }
        let parked = self.batches[batch].handles;
        let leases = self.leases_joined(caller, &parked, count, channel.lease)?;
        let wanted = self.wanted_numbers(caller, payload, count, flags)?;
        let mut numbers = [None; BATCH_MAX];
        self.reserve_numbers(caller.table, &wanted, count, &mut numbers)?;
        if let Err(error) = self.write_numbers(caller, payload, &numbers) {
            self.cancel_numbers(&numbers);
            return Err(error);
        }
        let Batch { payer, .. } = self.batches[batch];
        for (reserved, lease) in numbers.into_iter().flatten().zip(leases) {
            let place = self.batches[batch].handles.iter_mut().find(|place| place.is_some());
            let Some(handle) = place.and_then(Option::take) else { break };
            self.uncharge(payer, Resource::Handles, 1);
            let handle = received(handle, channel.inherit, cloexec_of(flags));
            self.number_fill(reserved, Handle { lease, ..handle });
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
        let (numbers, count) = self.read_numbers(caller, payload)?;
        let numbers = numbers.get(..count).unwrap_or(&[]);
        self.check_leaving(caller, numbers, flags)?;
        let have = self.batches[batch].handles.iter().flatten().count();
        let asked = self.batches[batch].numbers.iter().flatten().count();
        if have + count > asked {
            return Err(Error::new(EINVAL));
        }
        let payer = self.batches[batch].payer;
        self.charge(payer, Resource::Handles, count as u64)?;
        let handles = self.leave(caller.table, numbers, flags);
        let places = self.batches[batch].handles.iter_mut().filter(|place| place.is_none());
        for (place, handle) in places.zip(handles.into_iter().flatten()) {
            *place = Some(handle);
        }
        Ok(Outcome::Done(count))
    }

    /// A server answered with the handles that it moved.
    pub(crate) fn answer_batch(&mut self, id: RequestId, count: usize) {
        let Request { caller, batch, class, .. } = self.requests[id];
        let (Some(batch), Class::RecvFd) = (batch, class) else {
            return self.request_fail(id, EIO);
        };
        let have = self.batches[batch].handles.iter().flatten().count();
        let Some(caller) = caller.filter(|_| count == have) else {
            return self.request_fail(id, EIO);
        };
        self.requests[id].result = count;
        self.answered(id, caller);
    }

    /// The leases of the first handles that travel, in order, once they are received through a
    /// channel: they end with its lease, too. Until then they stay as they are.
    fn leases_joined(
        &mut self,
        caller: &Caller,
        handles: &[Option<Handle>; BATCH_MAX],
        count: usize,
        channel: Option<LeaseId>,
    ) -> Result<[Option<LeaseId>; BATCH_MAX]> {
        let mut leases = [None; BATCH_MAX];
        for (place, handle) in leases.iter_mut().zip(handles.iter().flatten()).take(count) {
            *place = self.lease_join(caller.account, handle.lease, channel)?;
        }
        Ok(leases)
    }

    /// The caller takes the handles of an answer.
    pub(crate) fn take_batch(&mut self, caller: &Caller, id: RequestId) -> Result<usize> {
        let Request { batch, user, result, .. } = self.requests[id];
        let Some(batch) = batch else { return Err(Error::new(EIO)) };
        let Batch { handles, numbers, lease, .. } = self.batches[batch];
        let leases = self.leases_joined(caller, &handles, result, lease)?;
        self.write_numbers(caller, user, numbers.get(..result).unwrap_or(&[]))?;
        let Batch { payer, inherit, flags, .. } = self.batches[batch];
        for (index, lease) in leases.into_iter().enumerate().take(result) {
            let Batch { handles, numbers, .. } = &mut self.batches[batch];
            let handle = handles.get_mut(index).and_then(Option::take);
            let number = numbers.get_mut(index).and_then(Option::take);
            if let (Some(handle), Some(number)) = (handle, number) {
                self.uncharge(payer, Resource::Handles, 1);
                let handle = received(handle, inherit, flags);
                self.number_fill(number, Handle { lease, ..handle });
            }
        }
        Ok(result)
    }
}

/// A handle as it arrives through a channel: whether it is closed at exec is the receiver's choice.
fn received(handle: Handle, inherit: Rights, flags: u32) -> Handle {
    let cloexec = handle_flags::CLOEXEC as u32;
    Handle { flags: handle.flags & !cloexec | flags, ..handle.narrowed(inherit, inherit, 0) }
}

/// The handle flag that a receiver asks for.
fn cloexec_of(flags: CallFlags) -> u32 {
    if flags.contains(CallFlags::FD_CLOEXEC) { handle_flags::CLOEXEC as u32 } else { 0 }
}
