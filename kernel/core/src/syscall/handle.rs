//! Calls on handles themselves: narrow, copy narrower, look at, list.
use crate::prelude::*;
use clavis_abi::params::{HandleInfo, InspectRow};

/// Handle flags that a process may set.
const SETTABLE: u64 = handle_flags::STICKY | handle_flags::CLOEXEC;

impl<M: Machine> Kernel<M> {
    /// Narrows a handle for ever.
    pub(crate) fn sys_limit(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, rights, inherit, flags, _] = args;
        refuse_if(flags as u64 & !SETTABLE != 0, EINVAL)?;
        let rights = Rights::from_bits_truncate(rights as u64);
        let inherit = Rights::from_bits_truncate(inherit as u64);
        let table = &mut self.tables[caller.table];
        if fd == SIGNAL_SELF && flags as u64 & handle_flags::CLOEXEC == 0 {
            let most = table.most;
            table.most = (most.0 & rights, most.1 & inherit, most.2 | flags as u8);
            return self.narrow_all(caller);
        }
        let handle = table.get_mut(fd).ok_or(Error::new(EBADF))?;
        *handle = handle.narrowed(rights, inherit, flags as u8);
        Ok(Outcome::Done(0))
    }

    /// Narrows the handles that are there to the most that one of the caller's can have.
    fn narrow_all(&mut self, caller: &Caller) -> Reply {
        let Self { tables, threads, .. } = self;
        let (table, thread) = (&mut tables[caller.table], &mut threads[caller.thread]);
        let mut at = core::mem::take(&mut thread.progress);
        for _ in 0..QUANTUM_HANDLES {
            let Some((number, _, next)) = table.next(at) else { return Ok(Outcome::Done(0)) };
            table.narrow(number);
            at = next;
        }
        (thread.progress, thread.resume) = (at, Resume::Retry);
        Ok(Outcome::More)
    }

    /// Makes a narrower copy.
    pub(crate) fn sys_derive(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, rights, inherit, flags, out] = args;
        refuse_if(flags as u64 & !SETTABLE != 0, EINVAL)?;
        let handle = self.door(caller, fd, Rights::DUP)?;
        let derived = handle.derived(rights as u64, inherit as u64, flags as u64);
        self.handle_copy_to(caller.table, out, derived)
    }

    /// What a handle is.
    pub(crate) fn handle_info(&self, handle: &Handle) -> HandleInfo {
        let Description { object, flags, slot, .. } = &self.descriptions[handle.description];
        let mut label = [0; 64];
        let slot = match object {
            Object::Slot(id) => Some(*id),
            _ => *slot,
        };
        if let Some(slot) = slot {
            label = self.slots[slot].label;
        } else if let Object::Factory(kind) = object {
            let digits = [b'0' + *kind as u8 / 10, b'0' + *kind as u8 % 10];
            let text = b"factory ".iter().chain(&digits);
            label.iter_mut().zip(text).for_each(|(place, byte)| *place = *byte);
        }
        HandleInfo {
            rights: handle.rights.bits(),
            inherit: handle.inherit.bits(),
            flags: u64::from(handle.flags),
            object: object.kind() as u64,
            open_flags: u64::from(*flags),
            lease: handle.lease.map_or(0, LeaseId::number),
            label,
        }
    }

    /// What a handle is.
    pub(crate) fn sys_query(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let handle = self.door(caller, args[0], Rights::empty())?;
        let info = self.handle_info(&handle);
        self.write_struct(caller.space, args[1], args[2], &info)?;
        Ok(Outcome::Done(0))
    }

    /// The last refusal of the calling thread.
    pub(crate) fn sys_last_denial(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let refusal = self.threads[caller.thread].refusal;
        self.write_struct(caller.space, args[0], args[1], &refusal.unwrap_or_default())?;
        Ok(Outcome::Done(usize::from(refusal.is_some())))
    }

    /// Lists the handles of a process, a quantum at a time.
    pub(crate) fn sys_inspect(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [process, cursor, buffer, bytes, _] = args;
        let process = self.process_or_own(caller, process, Rights::INSPECT)?;
        const ROW: usize = size_of::<InspectRow>();
        let to = UserSlice::new(buffer, bytes)?;
        let most = (bytes / ROW).min(QUANTUM_HANDLES);
        refuse_if(most == 0, EINVAL)?;
        if !self.process_lives(process) {
            return Ok(Outcome::Done(0));
        }
        let table = self.processes[process].table;
        let mut next = self.tables[table].next(cursor);
        let mut count = 0;
        while let Some((number, handle, behind)) = next.filter(|_| count < most) {
            next = self.tables[table].next(behind);
            let description = &self.descriptions[handle.description];
            let row = InspectRow {
                number: number as u64,
                next: if next.is_some() { behind as u64 } else { 0 },
                info: self.handle_info(&handle),
                object: self.object_number(&description.object),
                maker: description.maker.map_or(0, process_number).into(),
                step: handle.step as u64,
                from: handle.from.into(),
                via: handle.via.into(),
            };
            self.write_user(caller.space, to.part(count * ROW, ROW).address, row.as_bytes())?;
            count += 1;
        }
        Ok(Outcome::Done(count))
    }

    /// A handle to what a process has open, good for asking its path only.
    pub(crate) fn sys_borrow(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [process, number, out, ..] = args;
        let (through, object) =
            self.door_object(caller, process, Rights::INSPECT | Rights::NAME)?;
        let Object::Process(process) = object else { return Err(Error::new(EINVAL)) };
        refuse_if(!self.process_lives(process), ESRCH)?;
        let table = self.processes[process].table;
        let handle = *self.tables[table].get(number).ok_or(Error::new(EBADF))?;
        refuse_if(matches!(self.descriptions[handle.description].object, Object::Table(_)), EPERM)?;
        let lease = self.lease_join(caller.account, through.lease, handle.lease)?;
        let handle = handle.came(Step::Borrowed, process_number(process), number);
        let name = handle.narrowed(Rights::NAME, Rights::empty(), 0);
        self.handle_copy_to(caller.table, out, Handle { lease, ..name })
    }

    /// Puts a copy of a handle into a table object.
    pub(crate) fn sys_table_put(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [table, fd, number, rights, inherit] = args;
        let (_, object) = self.door_object(caller, table, Rights::MANAGE)?;
        let Object::Table(table) = object else { return Err(Error::new(EINVAL)) };
        let (handle, given) = self.door_object(caller, fd, Rights::DUP | Rights::TRANSFER)?;
        if matches!(given, Object::Table(_)) {
            // Tables that hold each other would never be let go of.
            return Err(Error::new(EINVAL));
        }
        let put = handle.came(Step::Put, process_number(caller.process), fd);
        self.handle_copy_to(table, number, put.derived(rights as u64, inherit as u64, 0))
    }

    /// Puts a copy of a handle into a table.
    pub(crate) fn handle_copy_to(&mut self, table: TableId, out: usize, copy: Handle) -> Reply {
        let number = self.number_with(table, out, |kernel| {
            kernel.descriptions.retain(copy.description);
            Ok(copy)
        });
        Ok(Outcome::Done(number?))
    }
}
