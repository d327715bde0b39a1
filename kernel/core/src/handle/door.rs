//! The door: the only way from a number to an object. Checks number, generation and rights
//! together, and records what was missing.
use crate::prelude::*;

impl<M: Machine> Kernel<M> {
    /// The handle with that number, if it has all rights in `need`.
    ///
    /// # Errors
    /// `EBADF`; `ENOTCAPABLE` with the missing rights on record.
    #[inline(always)]
    pub(crate) fn door(&mut self, caller: &Caller, number: usize, need: Rights) -> Result<Handle> {
        let handle = *self.tables[caller.table].get(number).ok_or(Error::new(EBADF))?;
        self.needs(caller, number, &handle, need)?;
        Ok(handle)
    }

    /// Whether a handle that was found by that number has all rights in `need`.
    ///
    /// # Errors
    /// As [`Kernel::door`].
    #[inline(always)]
    pub(crate) fn needs(
        &mut self,
        caller: &Caller,
        number: usize,
        handle: &Handle,
        need: Rights,
    ) -> Result<()> {
        if handle.rights.contains(need) && handle.lease.is_none() {
            Ok(())
        } else {
            self.needs_more(caller, number, handle, need)
        }
    }

    #[cold]
    fn needs_more(
        &mut self,
        caller: &Caller,
        number: usize,
        handle: &Handle,
        need: Rights,
    ) -> Result<()> {
        if let Some(lease) = handle.lease {
            self.lease_pass(caller, number, lease)?;
        }
        if handle.rights.contains(need) {
            Ok(())
        } else {
            Err(self.refuse(caller, number, need - handle.rights, DenialRule::Rights))
        }
    }

    /// The handle with that number and the object behind it.
    #[inline(always)]
    pub(crate) fn door_object(
        &mut self,
        caller: &Caller,
        number: usize,
        need: Rights,
    ) -> Result<(Handle, Object)> {
        let handle = self.door(caller, number, need)?;
        let Description { object, .. } = &self.descriptions[handle.description];
        Ok((handle, *object))
    }

    /// The process behind the handle with that number; with `SIGNAL_SELF` the caller's own.
    pub(crate) fn process_or_own(
        &mut self,
        caller: &Caller,
        number: usize,
        need: Rights,
    ) -> Result<ProcessId> {
        if number == SIGNAL_SELF {
            return Ok(caller.process);
        }
        match self.door_object(caller, number, need)? {
            (_, Object::Process(process)) => Ok(process),
            _ => Err(Error::new(EINVAL)),
        }
    }

    /// Records a refusal and makes its error.
    #[cold]
    pub(crate) fn refuse(
        &mut self,
        caller: &Caller,
        number: usize,
        missing: Rights,
        rule: DenialRule,
    ) -> Error {
        let denial = Denial::new(self.cpus[0].call, number, missing, rule);
        self.refused(caller.thread, denial)
    }

    /// Records a refusal that a waiting thread met behind its own door: where its request was
    /// forwarded to.
    #[cold]
    pub(crate) fn refuse_behind(
        &mut self,
        id: ThreadId,
        missing: Rights,
        rule: DenialRule,
    ) -> Error {
        let Thread { call, args: [number, ..], .. } = self.threads[id];
        self.refused(id, Denial::new(call, number, missing, rule))
    }
}
