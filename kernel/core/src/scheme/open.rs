//! Calls that take a path: openat and unlinkat.
use super::message::{check_confined, confinement};
use crate::prelude::*;
use clavis_abi::syscall::flag::{O_CREAT, O_NOFOLLOW, O_TRUNC};

/// A call that takes a path beneath a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByPath {
    /// It opens or removes.
    pub(super) class: Class,
    /// The directory's number.
    dir: usize,
    /// Address of the path.
    path: usize,
    /// Bytes of the path, which lies in the scratch page.
    pub(super) len: usize,
    /// Its flags.
    pub(super) flags: u64,
    /// Flags of the description that it opens.
    pub(super) fcntl: u32,
    /// The number for the handle that it opens.
    pub(super) out: usize,
}

impl ByPath {
    /// Whether it opens.
    pub(super) fn opens(&self) -> bool {
        self.class == Class::OpenAt
    }

    /// Whether it does not wait.
    pub(super) fn nonblock(&self) -> bool {
        self.fcntl as usize & O_NONBLOCK != 0
    }

    /// The rights on the directory that it needs.
    fn need(&self) -> Rights {
        match self.class {
            Class::UnlinkAt => Rights::LOOKUP | Rights::REMOVE,
            _ if self.flags as usize & O_CREAT != 0 => Rights::LOOKUP | Rights::CREATE,
            _ => Rights::LOOKUP,
        }
    }
}

impl<M: Machine> Kernel<M> {
    /// Opens a name beneath a directory handle.
    pub(crate) fn sys_openat(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [dir, path, len, flags, out] = args;
        let fcntl = (len & O_FCNTL_MASK | flags & (O_APPEND | O_NONBLOCK)) as u32;
        let (len, flags) = (len & !O_FCNTL_MASK, flags as u64);
        refuse_if(flags >> 32 & !(open_flags::ALL >> 32) != 0, EINVAL)?;
        let asked = ByPath { class: Class::OpenAt, dir, path, len, flags, fcntl, out };
        if !self.cpus[0].again {
            // Where it is passed on to may have it made anew.
            let (calls, thread) = (self.statistics.calls, &mut self.threads[caller.thread]);
            (thread.call, thread.args, thread.sequence) = (Call::OpenAt as usize, args, calls);
        }
        let handle = self.door(caller, dir, asked.need())?;
        self.check_demanded(caller, &handle, &asked)?;
        self.by_path(caller, handle, &asked)
    }

    /// Removes a name beneath a directory handle.
    pub(crate) fn sys_unlinkat(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [dir, path, len, flags, _] = args;
        let flags = flags as u64;
        let asked = ByPath { class: Class::UnlinkAt, dir, path, len, flags, fcntl: 0, out: 0 };
        let handle = self.door(caller, dir, asked.need())?;
        refuse_if(flags >> 32 != 0, EINVAL)?;
        self.by_path(caller, handle, &asked)
    }

    /// Refuses an open whose flags demand more than a handle passes on.
    fn check_demanded(&mut self, caller: &Caller, handle: &Handle, asked: &ByPath) -> Result<()> {
        let missing = Rights::demanded(asked.flags) - handle.inherit;
        if !asked.opens() || missing.is_empty() {
            return Ok(());
        }
        Err(self.refuse(caller, asked.dir, missing, DenialRule::Inherit))
    }

    /// Reads a path of the calling process into the scratch page.
    pub(crate) fn read_path(&mut self, caller: &Caller, path: usize, len: usize) -> Result<()> {
        refuse_if(len > PATH_MAX, ENAMETOOLONG)?;
        let slice = UserSlice::new(path, len)?;
        let mut scratch = core::mem::take(&mut self.scratch);
        let read = match scratch.get_mut(..len) {
            Some(bytes) => self.read_user(caller.space, slice.address, bytes),
            None => Err(Error::new(ENAMETOOLONG)),
        };
        let read = read.and_then(|()| check_path(scratch.get(..len).unwrap_or(&[])));
        self.scratch = scratch;
        read
    }

    fn by_path(&mut self, caller: &Caller, mut handle: Handle, asked: &ByPath) -> Reply {
        self.read_path(caller, asked.path, asked.len)?;
        let Description { mut object, mut slot, .. } = self.descriptions[handle.description];
        if let Object::Slot(id) = object {
            let Some(root) = self.slots[id].root else {
                return self.wait_in_slot(caller, &handle, id, asked);
            };
            slot = Some(id);
            // The root's own masks bound what comes through it; what it creates is its own affair.
            let lease = self.lease_join(caller.account, handle.lease, root.lease)?;
            handle = root.narrowed(handle.rights, handle.inherit, handle.flags);
            handle.lease = lease;
            self.needs(caller, asked.dir, &handle, asked.need() - Rights::CREATE)?;
            self.check_demanded(caller, &handle, asked)?;
            object = self.descriptions[root.description].object;
        }
        match object {
            Object::Scheme(object) => self.path_message(caller, &handle, object, slot, asked),
            Object::Factory(_) => self.factory_path(caller, &handle, object, asked),
            _ => Err(Error::new(ENOTDIR)),
        }
    }

    /// The rights and flags that an open yields at most, before anybody forwards it.
    pub(super) fn opening(
        &mut self,
        caller: &Caller,
        handle: &Handle,
        slot: Option<SlotId>,
        asked: &ByPath,
    ) -> Result<Opening> {
        let out = self.number_reserve(caller.table, asked.out)?;
        let own = asked.flags as u32 | asked.fcntl;
        let made = self.description_create(caller.account, Object::Pending, own);
        let description = made.inspect_err(|_| self.number_cancel(out))?;
        if let Some(slot) = slot {
            self.slots.retain(slot);
            self.descriptions[description].slot = Some(slot);
        }
        Ok(Opening {
            out,
            description,
            rights: Rights::implied(asked.flags) & handle.inherit,
            inherit: handle.inherit,
            flags: sticky(handle.flags.into(), asked.flags),
            open_flags: asked.flags,
            via: asked.dir,
        })
    }

    fn path_message(
        &mut self,
        caller: &Caller,
        handle: &Handle,
        object: SchemeObject,
        slot: Option<SlotId>,
        asked: &ByPath,
    ) -> Reply {
        let ByPath { class, len, mut flags, fcntl, .. } = *asked;
        let open = if asked.opens() { flags } else { 0 };
        if let Err(error) = self.confine(handle, object, len, open) {
            let rule = self.beneath_rule(object);
            self.refuse(caller, asked.dir, Rights::empty(), rule);
            return Err(error);
        }
        if asked.opens() {
            flags = self.server_flags(handle, object, flags, fcntl);
        }
        let message = self.message(caller, class, handle, &object)?;
        message.sqe.args[3] = flags;
        message.sqe.args[4] = u64::from(fcntl);
        message.len = len;
        message.payload = PayloadFrom::Scratch;
        message.nonblock = asked.nonblock();
        if !asked.opens() {
            return self.send(caller);
        }
        let opening = Some(self.opening(caller, handle, slot, asked)?);
        self.send_making(caller, &Makes { opening, ..Makes::default() })
    }

    /// The open flags as the server sees them: what the handle demands of every open is set.
    pub(super) fn server_flags(
        &self,
        handle: &Handle,
        object: SchemeObject,
        flags: u64,
        fcntl: u32,
    ) -> u64 {
        let held = open_flags::of_handle(handle.flags.into());
        let mut flags = flags | held | u64::from(fcntl);
        let structural = self.endpoints[object.endpoint].flags & endpoint_flags::STRUCTURAL != 0;
        if flags & open_flags::BENEATH != 0 && !structural {
            flags |= O_NOFOLLOW as u64;
        }
        // Appending is forced where only that is permitted.
        if flags as usize & O_WRONLY != 0 && !handle.inherit.contains(Rights::WRITE) {
            flags |= O_APPEND as u64;
            flags &= !(O_TRUNC as u64);
        }
        flags
    }

    pub(super) fn confine(
        &self,
        handle: &Handle,
        object: SchemeObject,
        len: usize,
        open: u64,
    ) -> Result<()> {
        let structural = self.endpoints[object.endpoint].flags & endpoint_flags::STRUCTURAL != 0;
        let how = confinement(handle.flags.into(), open, structural);
        let path = self.scratch.get(..len).unwrap_or(&[]);
        // The empty path names the directory itself.
        if path.is_empty() { Ok(()) } else { check_confined(path, how) }
    }

    /// Refuses paths in the scratch page, separated by NUL, that leave the directory of a handle
    /// with those flags.
    pub(crate) fn confine_paths(
        &mut self,
        caller: &Caller,
        fd: usize,
        flags: u32,
        object: SchemeObject,
        len: usize,
    ) -> Result<()> {
        let structural = self.endpoints[object.endpoint].flags & endpoint_flags::STRUCTURAL != 0;
        let how = confinement(flags, 0, structural);
        let paths = self.scratch.get(..len).unwrap_or(&[]).split(|byte| *byte == 0);
        if paths.filter(|path| !path.is_empty()).all(|path| check_confined(path, how).is_ok()) {
            return Ok(());
        }
        let rule = self.beneath_rule(object);
        Err(self.refuse(caller, fd, Rights::empty(), rule))
    }

    pub(super) fn beneath_rule(&self, object: SchemeObject) -> DenialRule {
        if self.endpoints[object.endpoint].flags & endpoint_flags::STRUCTURAL != 0 {
            DenialRule::Beneath
        } else {
            DenialRule::NotStructural
        }
    }

    /// A kernel object that makes others answers an open at once.
    fn factory_path(
        &mut self,
        caller: &Caller,
        handle: &Handle,
        object: Object,
        asked: &ByPath,
    ) -> Reply {
        refuse_if(!asked.opens(), EPERM)?;
        let opening = self.opening(caller, handle, None, asked)?;
        let made = self.factory_open(caller.process, object, asked.len);
        let object = made.inspect_err(|_| self.opening_cancel(&opening))?;
        self.open_kernel_object(&opening, handle.lease, object);
        Ok(Outcome::Done(opening.out.number))
    }

    /// Fills an opening with a kernel object. What the object gives is bounded by the masks alone:
    /// kernel objects know no access modes.
    pub(super) fn open_kernel_object(&mut self, opening: &Opening, lease: Under, object: Object) {
        self.descriptions[opening.description].object = object;
        self.number_fill(opening.out, opening.handle(opening.inherit, lease));
    }

    /// Gives back what an opening reserved.
    pub(crate) fn opening_cancel(&mut self, opening: &Opening) {
        self.number_cancel(opening.out);
        self.description_release(opening.description);
    }
}

/// The handle flags of what is opened through a handle with flags.
fn sticky(handle: u32, open: u64) -> u32 {
    let mut flags = handle & handle_flags::STICKY as u32 | handle_flags::of_open(open) as u32;
    if open & crate::syscall::CLOEXEC as u64 != 0 {
        flags |= handle_flags::CLOEXEC as u32;
    }
    flags
}
