//! Calls that take a path: openat and unlinkat.
use super::message::{check_confined, check_path, confinement};
use super::request::Opening;
use super::send::PayloadFrom;
use crate::handle::Handle;
use crate::handle::description::{Object, SchemeObject};
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::memory::user::UserSlice;
use crate::object::lease::LeaseId;
use crate::object::slot::SlotId;
use crate::run::{Caller, Outcome, Reply};
use clavis_abi::Rights;
use clavis_abi::class::Class;
use clavis_abi::error::{EINVAL, ENAMETOOLONG, ENOTDIR, Error, Result};
use clavis_abi::limits::PATH_MAX;
use clavis_abi::params::{DenialRule, endpoint_flags, handle_flags, open_flags};
use clavis_abi::syscall::flag::{
    O_APPEND, O_CREAT, O_FCNTL_MASK, O_NOFOLLOW, O_NONBLOCK, O_TRUNC, O_WRONLY,
};

/// What a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Opening, with the flags and the number for the new handle.
    Open { flags: u64, fcntl: u32, out: usize },
    /// Removing, with the flags.
    Unlink { flags: u64 },
}

impl<M: Machine> Kernel<M> {
    /// Opens a name beneath a directory handle.
    pub(crate) fn sys_openat(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [dir, path, len, flags, out] = args;
        let fcntl = len & O_FCNTL_MASK;
        let len = len & !O_FCNTL_MASK;
        let flags = flags as u64;
        if flags >> 32 & !(open_flags::ALL >> 32) != 0 {
            return Err(Error::new(EINVAL));
        }
        let mut need = Rights::LOOKUP;
        if flags as usize & O_CREAT != 0 {
            need |= Rights::CREATE;
        }
        let handle = self.door(caller, dir, need)?;
        let demanded = Rights::demanded(flags);
        if !handle.inherit.contains(demanded) {
            return Err(self.refuse(caller, dir, demanded - handle.inherit, DenialRule::Inherit));
        }
        let fcntl = (fcntl | (flags as usize & (O_APPEND | O_NONBLOCK))) as u32;
        let purpose = Purpose::Open { flags, fcntl, out };
        self.by_path(caller, dir, handle, path, len, purpose)
    }

    /// Removes a name beneath a directory handle.
    pub(crate) fn sys_unlinkat(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [dir, path, len, flags, _] = args;
        let handle = self.door(caller, dir, Rights::LOOKUP | Rights::REMOVE)?;
        if flags >> 32 != 0 {
            return Err(Error::new(EINVAL));
        }
        let purpose = Purpose::Unlink { flags: flags as u64 };
        self.by_path(caller, dir, handle, path, len, purpose)
    }

    /// Reads a path of the calling process into the scratch page.
    pub(crate) fn read_path(&mut self, caller: &Caller, path: usize, len: usize) -> Result<()> {
        if len > PATH_MAX {
            return Err(Error::new(ENAMETOOLONG));
        }
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

    fn by_path(
        &mut self,
        caller: &Caller,
        dir: usize,
        handle: Handle,
        path: usize,
        len: usize,
        purpose: Purpose,
    ) -> Reply {
        self.read_path(caller, path, len)?;
        let mut handle = handle;
        let mut slot = self.descriptions[handle.description].slot;
        let object = match self.descriptions[handle.description].object {
            Object::Slot(id) => match self.slots[id].root {
                Some(root) => {
                    // The root's own masks bound what comes through it.
                    slot = Some(id);
                    let lease = self.lease_join(caller.account, handle.lease, root.lease)?;
                    handle = Handle {
                        description: root.description,
                        rights: handle.rights & root.rights,
                        inherit: handle.inherit & root.inherit,
                        flags: handle.flags | root.flags,
                        lease,
                    };
                    let need = match purpose {
                        Purpose::Open { .. } => Rights::LOOKUP,
                        Purpose::Unlink { .. } => Rights::LOOKUP | Rights::REMOVE,
                    };
                    self.needs(caller, dir, &handle, need)?;
                    if let Purpose::Open { flags, .. } = purpose {
                        let missing = Rights::demanded(flags) - handle.inherit;
                        if !missing.is_empty() {
                            return Err(self.refuse(caller, dir, missing, DenialRule::Inherit));
                        }
                    }
                    self.descriptions[root.description].object
                }
                None => return self.wait_in_slot(caller, handle, id, len, purpose),
            },
            object => object,
        };
        match object {
            Object::Scheme(object) => {
                self.path_message(caller, dir, handle, object, slot, len, purpose)
            }
            Object::Factory(_) => self.factory_path(caller, handle, object, len, purpose),
            _ => Err(Error::new(ENOTDIR)),
        }
    }

    /// The rights and flags that an open yields at most, before anybody forwards it.
    pub(super) fn opening(
        &mut self,
        caller: &Caller,
        handle: &Handle,
        slot: Option<SlotId>,
        flags: u64,
        fcntl: u32,
        out: usize,
    ) -> Result<Opening> {
        let out = self.number_reserve(caller.table, out)?;
        let own = (flags as usize & 0xFFFF_FFFF) as u32 | fcntl;
        let description = match self.description_create(caller.account, Object::Pending, own) {
            Ok(description) => description,
            Err(error) => {
                self.number_cancel(out);
                return Err(error);
            }
        };
        if let Some(slot) = slot {
            self.slot_retain(slot);
            self.descriptions[description].slot = Some(slot);
        }
        Ok(Opening {
            out,
            description,
            rights: Rights::implied(flags) & handle.inherit,
            inherit: handle.inherit,
            flags: sticky(handle.flags, flags),
            open_flags: flags,
        })
    }

    #[expect(clippy::too_many_arguments, reason = "each is one fact of the call")]
    fn path_message(
        &mut self,
        caller: &Caller,
        dir: usize,
        handle: Handle,
        object: SchemeObject,
        slot: Option<SlotId>,
        len: usize,
        purpose: Purpose,
    ) -> Reply {
        let (open, nonblock) = match purpose {
            Purpose::Open { flags, fcntl, .. } => (flags, fcntl as usize & O_NONBLOCK != 0),
            Purpose::Unlink { .. } => (0, false),
        };
        if let Err(error) = self.confine(&handle, object, len, open) {
            let rule = self.beneath_rule(object);
            self.refuse(caller, dir, Rights::empty(), rule);
            return Err(error);
        }
        let class = match purpose {
            Purpose::Open { .. } => Class::OpenAt,
            Purpose::Unlink { .. } => Class::UnlinkAt,
        };
        let mut args = [0, 0];
        let mut opening = None;
        match purpose {
            Purpose::Open { flags, fcntl, out } => {
                args = [self.server_flags(&handle, object, flags, fcntl), u64::from(fcntl)];
                opening = Some(self.opening(caller, &handle, slot, flags, fcntl, out)?);
            }
            Purpose::Unlink { flags } => args[0] = flags,
        }
        let message = match self.message(caller, class, &handle, &object) {
            Ok(message) => message,
            Err(error) => {
                if let Some(opening) = &opening {
                    self.opening_cancel(opening);
                }
                return Err(error);
            }
        };
        [message.sqe.args[3], message.sqe.args[4]] = args;
        message.len = len;
        message.payload = PayloadFrom::Scratch;
        message.nonblock = nonblock;
        match opening {
            Some(opening) => self.send_opening(caller, &opening),
            None => self.send(caller),
        }
    }

    /// The open flags as the server sees them: what the handle demands of every open is set.
    pub(super) fn server_flags(
        &self,
        handle: &Handle,
        object: SchemeObject,
        flags: u64,
        fcntl: u32,
    ) -> u64 {
        let mut flags = flags | u64::from(fcntl);
        let held = u64::from(handle.flags);
        if held & handle_flags::BENEATH != 0 {
            flags |= open_flags::BENEATH;
        }
        if held & handle_flags::NO_SYMLINKS != 0 {
            flags |= open_flags::NO_SYMLINKS;
        }
        if held & handle_flags::NO_XDEV != 0 {
            flags |= open_flags::NO_XDEV;
        }
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
        let how = confinement(handle.flags, open, structural);
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

    fn beneath_rule(&self, object: SchemeObject) -> DenialRule {
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
        handle: Handle,
        object: Object,
        len: usize,
        purpose: Purpose,
    ) -> Reply {
        let Purpose::Open { flags, fcntl, out } = purpose else {
            return Err(Error::new(clavis_abi::error::EPERM));
        };
        let opening = self.opening(caller, &handle, None, flags, fcntl, out)?;
        match self.factory_open(caller.process, object, len) {
            Ok(object) => {
                self.open_kernel_object(&opening, handle.lease, object);
                Ok(Outcome::Done(opening.out.number))
            }
            Err(error) => {
                self.opening_cancel(&opening);
                Err(error)
            }
        }
    }

    /// Fills an opening with a kernel object. What the object gives is bounded by the masks alone:
    /// kernel objects know no access modes.
    pub(super) fn open_kernel_object(
        &mut self,
        opening: &Opening,
        lease: Option<LeaseId>,
        object: Object,
    ) {
        self.descriptions[opening.description].object = object;
        let rights = Rights::all() & opening.inherit;
        let handle = Handle {
            description: opening.description,
            rights,
            inherit: opening.inherit,
            flags: opening.flags,
            lease,
        };
        self.number_fill(opening.out, handle);
    }

    /// Gives back what an opening reserved.
    pub(crate) fn opening_cancel(&mut self, opening: &Opening) {
        self.number_cancel(opening.out);
        self.description_release(opening.description);
    }
}

/// The handle flags of what is opened through a handle with flags.
fn sticky(handle: u32, open: u64) -> u32 {
    let mut flags = handle & handle_flags::STICKY as u32;
    if open & open_flags::BENEATH != 0 {
        flags |= handle_flags::BENEATH as u32;
    }
    if open & open_flags::NO_SYMLINKS != 0 {
        flags |= handle_flags::NO_SYMLINKS as u32;
    }
    if open & open_flags::NO_XDEV != 0 {
        flags |= handle_flags::NO_XDEV as u32;
    }
    if open & crate::syscall::CLOEXEC as u64 != 0 {
        flags |= handle_flags::CLOEXEC as u32;
    }
    flags
}
