//! CALL: server-defined calls, standard file system calls, handle passing, socket verbs.
use crate::prelude::*;
use crate::scheme::message::{check_form, check_kind};
use clavis_abi::class::{StdFsRule, std_fs_rule};
use clavis_abi::syscall::StdFsCallKind;

/// A call as its registers say it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) first: usize,
    second: Option<usize>,
    pub(crate) payload: UserSlice,
    pub(crate) flags: CallFlags,
    pub(crate) metadata: [u64; METADATA_WORDS],
    pub(crate) words: usize,
}

/// Flags that a caller may set.
const KNOWN: CallFlags = CallFlags::CONSUME
    .union(CallFlags::WRITE)
    .union(CallFlags::READ)
    .union(CallFlags::FD)
    .union(CallFlags::FD_EXCLUSIVE)
    .union(CallFlags::FD_CLONE)
    .union(CallFlags::FD_UPPER)
    .union(CallFlags::FD_CLOEXEC)
    .union(CallFlags::STD_FS)
    .union(CallFlags::ALLOW_DIRECT_SWITCH)
    .union(CallFlags::MULTIPLE_FDS2)
    .union(CallFlags::from_bits_retain(CALL_CHOSEN));

impl<M: Machine> Kernel<M> {
    /// A call that does not go the direct way.
    pub(crate) fn sys_call(&mut self, caller: &Caller, args: &[usize; 5]) -> Reply {
        let [first, payload, len, flags, metadata] = *args;
        let (payload, words) = call_shape(payload, len, flags)?;
        let metadata = self.read_metadata(caller, metadata, words)?;
        let flags = CallFlags::from_bits_retain(flags & !0xFF);
        let consumes = flags.contains(CallFlags::CONSUME);
        let others = CallFlags::FD | CallFlags::STD_FS | CallFlags::MULTIPLE_FDS2;
        refuse_if(consumes && flags.intersects(others), EINVAL)?;
        let mut asked = Asked { first, second: None, payload, flags, metadata, words };
        if flags.intersects(CallFlags::MULTIPLE_FDS2) {
            (asked.first, asked.second) = self.two_numbers(caller, first)?;
        }
        let mut handle = *self.tables[caller.table].get(asked.first).ok_or(Error::new(EBADF))?;
        match self.descriptions[handle.description].object {
            Object::Socket(endpoint) if flags.contains(CallFlags::FD) => {
                self.socket_handles(caller, endpoint, &asked)
            }
            Object::Socket(endpoint) => self.socket_combined(caller, endpoint, &asked),
            Object::Scheme(object) if !flags.intersects(CallFlags::FD | CallFlags::STD_FS) => {
                self.needs(caller, asked.first, &handle, Rights::CALL)?;
                let mut second = None;
                if let Some(number) = asked.second {
                    let other = self.second_object(caller, object, number, Rights::CALL)?;
                    handle.lease = self.lease_join(caller.account, handle.lease, other.1)?;
                    second = Some(other.0);
                }
                let message = self.message(caller, Class::Call, &handle, &object)?;
                message.fill(payload, flags.bits(), metadata);
                pair(message, second);
                if consumes {
                    return self.send_consuming(caller, asked.first);
                }
                self.send(caller)
            }
            _ if flags.contains(CallFlags::FD) => {
                let Asked { first, payload, flags, metadata, second, .. } = asked;
                let ways = (flags.contains(CallFlags::WRITE), flags.contains(CallFlags::READ));
                match ways {
                    (true, false) if second.is_none() => {
                        self.send_handles(caller, first, payload, flags, metadata)
                    }
                    (false, true) if second.is_none() => {
                        self.receive_handles(caller, first, payload, flags, metadata)
                    }
                    _ => Err(Error::new(EINVAL)),
                }
            }
            _ if flags.contains(CallFlags::STD_FS) => self.std_fs_call(caller, &asked),
            _ => {
                self.door(caller, asked.first, Rights::CALL)?;
                Err(Error::new(EINVAL))
            }
        }
    }

    /// Sends the message and closes the handle that it goes through, once it is admitted.
    #[cold]
    fn send_consuming(&mut self, caller: &Caller, number: usize) -> Reply {
        let mut taken = None;
        let reply = self.submit(caller, |kernel| {
            taken = kernel.handle_take(caller.table, number).ok();
            Ok(Makes::default())
        });
        if let Some(handle) = taken {
            self.handle_release(caller.table, handle);
        }
        reply
    }

    /// The words of metadata of a call.
    #[inline(always)]
    fn read_metadata(
        &mut self,
        caller: &Caller,
        from: usize,
        words: usize,
    ) -> Result<[u64; METADATA_WORDS]> {
        let mut given = [0u64; METADATA_WORDS];
        if let Some(given) = given.get_mut(..words).filter(|given| !given.is_empty()) {
            let slice = UserSlice::new(from, words * 8)?;
            self.read_user(caller.space, slice.address, given.as_mut_bytes())?;
        }
        Ok(given)
    }

    /// The numbers of a call across two handles: the count lies in the alignment bits of their
    /// array's address.
    #[cold]
    fn two_numbers(&mut self, caller: &Caller, target: usize) -> Result<(usize, Option<usize>)> {
        refuse_if(target & 7 != 2, EINVAL)?;
        let slice = UserSlice::new(target & !7, 16)?;
        let mut numbers = [0usize; 2];
        self.read_user(caller.space, slice.address, numbers.as_mut_bytes())?;
        Ok((numbers[0], Some(numbers[1])))
    }

    /// The other object of a call across two handles, of the same endpoint and epoch, and the lease
    /// of its handle.
    fn second_object(
        &mut self,
        caller: &Caller,
        first: SchemeObject,
        number: usize,
        need: Rights,
    ) -> Result<(SchemeObject, Under)> {
        match self.door_object(caller, number, need)? {
            (Handle { lease, .. }, Object::Scheme(second))
                if first.endpoint == second.endpoint && first.epoch == second.epoch =>
            {
                Ok((second, lease))
            }
            _ => Err(Error::new(EXDEV)),
        }
    }

    /// A standard file system call: its form and rights are in the table.
    fn std_fs_call(&mut self, caller: &Caller, asked: &Asked) -> Reply {
        let [kind, a, b] = asked.metadata;
        let rule = std_fs_rule(check_kind(kind)?).ok_or(Error::new(EINVAL))?;
        let StdFsRule { right, second, form, kind, .. } = *rule;
        refuse_if(second.is_some() != asked.second.is_some(), EINVAL)?;
        refuse_if(kind == StdFsCallKind::Unlock && b >> 63 != 0, EINVAL)?;
        let (mut handle, object) = self.door_object(caller, asked.first, right)?;
        let Object::Scheme(object) = object else {
            refuse_if(asked.second.is_some(), EXDEV)?;
            return self.object_std_fs(caller, object, kind, asked.payload, a);
        };
        let mut other = None;
        if let (Some(number), Some(need)) = (asked.second, second) {
            let second = self.second_object(caller, object, number, need)?;
            handle.lease = self.lease_join(caller.account, handle.lease, second.1)?;
            other = Some(second.0);
        }
        if kind == StdFsCallKind::Ftruncate && self.descriptions[handle.description].append_locked {
            let rule = DenialRule::AppendLocked;
            return Err(self.refuse(caller, asked.first, Rights::empty(), rule));
        }
        let mut from = PayloadFrom::User;
        match form {
            Form::Path | Form::TwoPaths => {
                let len = asked.payload.len;
                let most = if form == Form::TwoPaths { 2 * PATH_MAX + 1 } else { PATH_MAX };
                refuse_if(len > most.min(self.scratch.len()), ENAMETOOLONG)?;
                self.read_scratch(caller, asked.payload)?;
                check_form(form, self.scratch.get(..len).unwrap_or(&[]), [a, b])?;
                let second = asked.second.and_then(|fd| self.tables[caller.table].get(fd));
                let flags = u32::from(handle.flags | second.map_or(0, |second| second.flags));
                self.confine_paths(caller, asked.first, flags, object, len)?;
                from = PayloadFrom::Scratch;
            }
            Form::Exact(_) | Form::LockRange(_) => {
                const ZEROES: [u8; 128] = [0; 128];
                let sized = ZEROES.get(..asked.payload.len).ok_or(Error::new(EINVAL))?;
                check_form(form, sized, [a, b])?;
            }
            Form::Free => {}
        }
        let message = self.message(caller, Class::StdFs, &handle, &object)?;
        message.fill(asked.payload, asked.flags.bits(), asked.metadata);
        message.payload = from;
        pair(message, other);
        self.send(caller)
    }

    /// Reads a payload of at most a page into the scratch page.
    pub(crate) fn read_scratch(&mut self, caller: &Caller, from: UserSlice) -> Result<()> {
        let mut scratch = core::mem::take(&mut self.scratch);
        let read = match scratch.get_mut(..from.len) {
            Some(bytes) => self.read_user(caller.space, from.address, bytes),
            None => Err(Error::new(EMSGSIZE)),
        };
        self.scratch = scratch;
        read
    }

    /// What a server does with its socket by CALL, about handles.
    fn socket_handles(&mut self, caller: &Caller, endpoint: EndpointId, asked: &Asked) -> Reply {
        let Asked { first, second, payload, flags, metadata, words } = *asked;
        let tag = u32::try_from(metadata[1]).map_err(|_| Error::new(EINVAL))?;
        match (words, metadata[0], flags.contains(CallFlags::READ), second) {
            (2, 0, true, None) => {
                let channel = self.door(caller, first, Rights::RECV_HANDLE)?;
                self.obtain_handles(caller, channel, endpoint, payload, tag, flags)
            }
            (2, 1, false, None) => {
                self.door(caller, first, Rights::SEND_HANDLE)?;
                self.move_handles(caller, endpoint, payload, tag, flags)
            }
            _ => Err(Error::new(EINVAL)),
        }
    }
}

/// What the registers of a call say: its payload, and how many words of metadata it has.
#[inline(always)]
fn call_shape(payload: usize, len: usize, flags: usize) -> Result<(UserSlice, usize)> {
    let words = flags & 0xFF;
    refuse_if(flags & !(KNOWN.bits() | 0xFF) != 0 || words > METADATA_WORDS, EINVAL)?;
    refuse_if(len > PAYLOAD_MAX, EMSGSIZE)?;
    Ok((UserSlice::new(payload, len)?, words))
}

/// Names the other object of a call across two handles.
fn pair(message: &mut Request, second: Option<SchemeObject>) {
    if let Some(second) = second {
        message.sqe.args[5] = second.number;
        message.sqe.sqe_flags = SqeFlags::MULTIPLE_IDS;
    }
}
