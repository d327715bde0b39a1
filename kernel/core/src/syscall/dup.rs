//! Duplication: another handle to the same description, or a message that yields a new one.
use crate::prelude::*;
use clavis_abi::syscall::data::NewFdParams;

impl<M: Machine> Kernel<M> {
    /// Duplicates a handle into a free number.
    pub(crate) fn sys_dup(
        &mut self,
        caller: &Caller,
        fd: usize,
        message: usize,
        len: usize,
        out: usize,
    ) -> Reply {
        if len > 0 {
            return self.dup_message(caller, fd, message, len, out);
        }
        let handle = self.door(caller, fd, Rights::DUP)?;
        self.handle_copy_to(caller.table, out, handle.derived(u64::MAX, u64::MAX, 0))
    }

    fn dup_fill(&mut self, handle: Handle, reserved: Reserved) -> Outcome {
        self.descriptions.retain(handle.description);
        let flags = handle.flags & handle_flags::STICKY as u8;
        self.number_fill(reserved, Handle { flags, ..handle });
        Outcome::Done(reserved.number)
    }

    /// Duplicates a handle into the lowest free number from a least one on.
    pub(crate) fn dup_from(&mut self, caller: &Caller, fd: usize, least: usize) -> Reply {
        let handle = self.door(caller, fd, Rights::DUP)?;
        let reserved = if least & UPPER_TAG != 0 {
            self.number_reserve(caller.table, OUT_UPPER)?
        } else {
            self.number_reserve_from(caller.table, least)?
        };
        Ok(self.dup_fill(handle, reserved))
    }

    /// Duplicates a handle into a chosen number, taking the place of what is there.
    pub(crate) fn sys_dup2(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, new, message, len, _] = args;
        let handle = self.door(caller, fd, Rights::DUP)?;
        if fd == new && len == 0 {
            return Ok(Outcome::Done(new));
        }
        refuse_if(new == OUT_LOWEST || new == OUT_UPPER, EINVAL)?;
        if len > 0 {
            self.door(caller, fd, Rights::DUP | Rights::DERIVE)?;
            if fd != new && self.tables[caller.table].get(new).is_some() {
                self.handle_close(caller.table, new)?;
            }
            return self.dup_message(caller, fd, message, len, new);
        }
        if self.tables[caller.table].get(new).is_some() {
            // Kept alive across the close of what may be its last other handle.
            self.descriptions.retain(handle.description);
            let closed = self.handle_close(caller.table, new);
            let reserved = closed.and_then(|()| self.number_reserve(caller.table, new));
            let outcome = reserved.map(|reserved| self.dup_fill(handle, reserved));
            self.description_release(handle.description);
            return outcome;
        }
        let reserved = self.number_reserve(caller.table, new)?;
        Ok(self.dup_fill(handle, reserved))
    }

    fn dup_message(
        &mut self,
        caller: &Caller,
        fd: usize,
        message: usize,
        len: usize,
        out: usize,
    ) -> Reply {
        let (handle, object) = self.door_object(caller, fd, Rights::DUP | Rights::DERIVE)?;
        refuse_if(len > self.scratch.len(), EMSGSIZE)?;
        let slice = UserSlice::new(message, len)?;
        self.read_scratch(caller, slice)?;
        let Object::Scheme(object) = object else {
            return self.dup_object(caller, handle, object, len, out);
        };
        let message = self.message(caller, Class::Dup, &handle, &object)?;
        message.len = len;
        message.payload = PayloadFrom::Scratch;
        self.submit(caller, |kernel| {
            let reserved = kernel.number_reserve(caller.table, out)?;
            let account = caller.account;
            let flags = kernel.descriptions[handle.description].flags;
            let made = kernel.description_create(account, Object::Pending, flags);
            let description = made.inspect_err(|_| kernel.number_cancel(reserved))?;
            if let Some(slot) = kernel.descriptions[handle.description].slot {
                kernel.slots.retain(slot);
                kernel.descriptions[description].slot = Some(slot);
            }
            // A dup carries no flags: the masks alone bound what it yields.
            let opening = Opening {
                out: reserved,
                description,
                rights: handle.inherit,
                inherit: handle.inherit,
                flags: u32::from(handle.flags) & handle_flags::STICKY as u32,
                open_flags: 0,
                via: fd,
            };
            Ok(Makes { opening: Some(opening), ..Makes::default() })
        })
    }

    /// Kernel objects answer a dup with a message at once; the message lies in the scratch page.
    fn dup_object(
        &mut self,
        caller: &Caller,
        handle: Handle,
        object: Object,
        len: usize,
        out: usize,
    ) -> Reply {
        let account = caller.account;
        let message = self.scratch.get(..len).unwrap_or(&[]);
        match object {
            Object::SchemeCreation if message == b"create-scheme" => {
                let made = self.number_with(caller.table, out, |kernel| {
                    let endpoint = kernel.endpoint_create(account)?;
                    let full = kernel.handle_create(account, Object::Socket(endpoint))?;
                    let socket = full.narrowed(Rights::SOCKET, Rights::all(), 0);
                    Ok(Handle { lease: handle.lease, ..socket })
                });
                made.map(Outcome::Done)
            }
            Object::PipeReader(pipe) if message == b"write" => {
                let made = self.number_with(caller.table, out, |kernel| {
                    let writers = &mut kernel.pipes[pipe].writers;
                    *writers = writers.wrapping_add(1);
                    let made = kernel.handle_create(account, Object::PipeWriter(pipe))?;
                    Ok(made.through(&handle))
                });
                made.map(Outcome::Done)
            }
            // With an offset of its own, from the beginning.
            Object::Name(memory) if message == b"open" => {
                let made = self.number_with(caller.table, out, |kernel| {
                    kernel.memories.retain(memory);
                    Ok(kernel.handle_create(account, object)?.through(&handle))
                });
                made.map(Outcome::Done)
            }
            Object::Socket(endpoint) if len == size_of::<NewFdParams>() => {
                let word = |index: usize| {
                    let bytes = message.get(index * 8..index * 8 + 8);
                    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
                };
                let minted = Minted {
                    offset: word(0),
                    number: word(1),
                    flags: word(2) as u32,
                    positioned: message.get(24).is_some_and(|flags| flags & 1 != 0),
                    badge: 0,
                };
                self.mint(caller, endpoint, &minted, [Rights::all(); 2], handle.lease, out)
            }
            _ => Err(Error::new(EINVAL)),
        }
    }

    /// A server makes a handle to one of its own objects.
    pub(crate) fn mint(
        &mut self,
        caller: &Caller,
        endpoint: EndpointId,
        minted: &Minted,
        [rights, inherit]: [Rights; 2],
        lease: Under,
        out: usize,
    ) -> Reply {
        let made = self.number_with(caller.table, out, |kernel| {
            let epoch = kernel.endpoints[endpoint].epoch;
            let Minted { number, badge, flags, positioned, offset } = *minted;
            let object = Object::Scheme(SchemeObject { endpoint, epoch, number, badge });
            let description = kernel.description_create(caller.account, object, flags)?;
            kernel.endpoints.retain(endpoint);
            kernel.descriptions[description].positioned = positioned;
            kernel.descriptions[description].offset = if offset == u64::MAX { 0 } else { offset };
            Ok(Handle { rights, inherit, lease, ..Handle::full(description) })
        });
        made.map(Outcome::Done)
    }
}

/// What a server says of an object that it makes a handle to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Minted {
    /// Its own number of the object.
    pub(crate) number: u64,
    /// Where the offset starts.
    pub(crate) offset: u64,
    /// Open flags.
    pub(crate) flags: u32,
    /// The kernel keeps the offset.
    pub(crate) positioned: bool,
    /// Arrives with requests.
    pub(crate) badge: u64,
}
