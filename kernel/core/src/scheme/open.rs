//! Calls that take a path: openat and unlinkat, and where forwards and slots lead them.
use super::message::{check_confined, check_path, confinement};
use super::request::{Opening, RequestId, Stage};
use super::send::{Makes, Message, PayloadFrom};
use crate::handle::Handle;
use crate::handle::description::{Object, SchemeObject};
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::memory::user::UserSlice;
use crate::object::slot::SlotId;
use crate::run::{Caller, Outcome, Reply};
use crate::task::thread::{Blocked, Resume};
use clavis_abi::Rights;
use clavis_abi::class::Class;
use clavis_abi::error::{EAGAIN, EINVAL, ELOOP, ENAMETOOLONG, ENODEV, ENOTDIR, Error, Result};
use clavis_abi::limits::{FORWARD_MAX, PATH_MAX, SLOT_WAIT_NS, SLOT_WAITERS};
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
        let read = read.and_then(|()| check_path(scratch.get(..len).unwrap_or(&[])).map(|_| ()));
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
                    handle = Handle {
                        description: root.description,
                        rights: handle.rights & root.rights,
                        inherit: handle.inherit & root.inherit,
                        flags: handle.flags | root.flags,
                    };
                    let need = match purpose {
                        Purpose::Open { .. } => Rights::LOOKUP,
                        Purpose::Unlink { .. } => Rights::LOOKUP | Rights::REMOVE,
                    };
                    let lacks = need - handle.rights;
                    if !lacks.is_empty() {
                        return Err(self.refuse(caller, dir, lacks, DenialRule::Rights));
                    }
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
    fn opening(
        &mut self,
        caller: &Caller,
        handle: &Handle,
        slot: Option<SlotId>,
        flags: u64,
        fcntl: u32,
        out: usize,
    ) -> Result<Opening> {
        let out = self.number_reserve(caller.table, out)?;
        let account = self.processes[caller.process].account;
        let own = (flags as usize & 0xFFFF_FFFF) as u32 | fcntl;
        let description = match self.description_create(account, Object::Pending, own) {
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
        let mut message = Message::new(class, handle, object);
        message.len = len;
        message.payload = PayloadFrom::Scratch;
        message.nonblock = nonblock;
        match purpose {
            Purpose::Open { flags, fcntl, out } => {
                message.args[3] = self.server_flags(&handle, object, flags, fcntl);
                message.args[4] = u64::from(fcntl);
                let opening = self.opening(caller, &handle, slot, flags, fcntl, out)?;
                let makes = Makes { opening: Some(opening), ..Makes::default() };
                self.send_made(caller, &message, makes)
            }
            Purpose::Unlink { flags } => {
                message.args[3] = flags;
                self.send(caller, &message)
            }
        }
    }

    /// The open flags as the server sees them: what the handle demands of every open is set.
    fn server_flags(&self, handle: &Handle, object: SchemeObject, flags: u64, fcntl: u32) -> u64 {
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

    fn confine(&self, handle: &Handle, object: SchemeObject, len: usize, open: u64) -> Result<()> {
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
                self.open_kernel_object(&opening, object);
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
    fn open_kernel_object(&mut self, opening: &Opening, object: Object) {
        self.descriptions[opening.description].object = object;
        let rights = Rights::all() & opening.inherit;
        let handle = Handle {
            description: opening.description,
            rights,
            inherit: opening.inherit,
            flags: opening.flags,
        };
        self.number_fill(opening.out, handle);
    }

    /// Gives back what was set aside for a message that is not sent.
    pub(crate) fn makes_cancel(&mut self, makes: &Makes) {
        if let Some(opening) = &makes.opening {
            self.opening_cancel(opening);
        }
    }

    /// Gives back what an opening reserved.
    pub(crate) fn opening_cancel(&mut self, opening: &Opening) {
        self.number_cancel(opening.out);
        self.description_release(opening.description);
    }

    /// Lets an open wait in an empty slot, within bounds.
    fn wait_in_slot(
        &mut self,
        caller: &Caller,
        handle: Handle,
        slot: SlotId,
        len: usize,
        purpose: Purpose,
    ) -> Reply {
        let nonblock =
            matches!(purpose, Purpose::Open { fcntl, .. } if fcntl as usize & O_NONBLOCK != 0);
        if nonblock || self.slots[slot].waiting >= SLOT_WAITERS {
            return Err(Error::new(if nonblock { EAGAIN } else { ENODEV }));
        }
        let makes = match purpose {
            Purpose::Open { flags, fcntl, out } => {
                let opening = self.opening(caller, &handle, Some(slot), flags, fcntl, out)?;
                Makes { opening: Some(opening), ..Makes::default() }
            }
            Purpose::Unlink { .. } => Makes::default(),
        };
        let made = self.request_without_endpoint(caller, handle, len, purpose, &makes);
        let id = match made {
            Ok(id) => id,
            Err(error) => {
                if let Some(opening) = &makes.opening {
                    self.opening_cancel(opening);
                }
                return Err(error);
            }
        };
        self.requests[id].forwards = 1;
        self.block_in_slot(id, slot);
        Ok(Outcome::Wait)
    }

    fn block_in_slot(&mut self, id: RequestId, slot: SlotId) {
        self.requests[id].stage = Stage::InSlot(slot);
        let Self { slots, requests, .. } = self;
        slots[slot].waiters.push_back(requests, id);
        slots[slot].waiting = slots[slot].waiting.saturating_add(1);
        self.slot_retain(slot);
        if let Some(thread) = self.requests[id].caller {
            let until = self.machine.now().saturating_add(SLOT_WAIT_NS);
            self.threads[thread].wake_at = Some(until);
            self.block(thread, Blocked::Request(id));
        }
    }

    /// Keeps the path in the scratch page for later, in the caller's own spill page.
    fn spill(&mut self, thread: crate::task::thread::ThreadId, len: usize) {
        let Self { threads, machine, scratch, .. } = self;
        let thread = &mut threads[thread];
        thread.spilled = len;
        if let (Some(frame), Some(bytes)) = (thread.spill.as_mut(), scratch.get(..len)) {
            machine.frame_write(frame, 0, bytes);
        }
    }

    /// Brings the spilled path back into the scratch page.
    fn unspill(&mut self, thread: crate::task::thread::ThreadId) -> usize {
        let Self { threads, machine, scratch, .. } = self;
        let thread = &threads[thread];
        if let (Some(frame), Some(bytes)) =
            (thread.spill.as_ref(), scratch.get_mut(..thread.spilled))
        {
            machine.frame_read(frame, 0, bytes);
        }
        thread.spilled
    }

    fn request_without_endpoint(
        &mut self,
        caller: &Caller,
        handle: Handle,
        len: usize,
        purpose: Purpose,
        makes: &Makes,
    ) -> Result<RequestId> {
        let (class, flags, fcntl) = match purpose {
            Purpose::Open { flags, fcntl, .. } => (Class::OpenAt, flags, fcntl),
            Purpose::Unlink { flags } => (Class::UnlinkAt, flags, 0),
        };
        let id = self.request_rerouted(caller, handle, class, makes)?;
        let request = &mut self.requests[id];
        request.args[3] = flags;
        request.args[4] = u64::from(fcntl);
        request.len = len;
        self.spill(caller.thread, len);
        Ok(id)
    }

    /// A slot was filled: a request that waited in it goes on in its caller's own time.
    pub(crate) fn request_readmit(&mut self, id: RequestId) {
        if let Stage::InSlot(slot) = self.requests[id].stage {
            self.requests[id].stage = Stage::Rerouted;
            if let Some(thread) = self.requests[id].caller {
                if let Some(root) = self.slots[slot].root {
                    self.request_narrow(id, &root);
                    self.request_through(id, root.description);
                }
                self.wake(thread, Resume::Readmit(id));
            }
            self.slot_release(slot);
        }
    }

    /// Sends a request on to where its `through` description now points: in its caller's context.
    pub(crate) fn readmit(&mut self, caller: &Caller, id: RequestId) -> Reply {
        let len = self.unspill(caller.thread);
        // It waits for its request from here on; where that goes decides when it wakes.
        self.threads[caller.thread].blocked = Blocked::Request(id);
        if let Err(error) = self.route(id, len) {
            self.request_free(id);
            if let Some((endpoint, place)) = self.threads[caller.thread].granted.take() {
                self.place_release(endpoint, place);
            }
            self.complete(caller.thread, Err(error));
        }
        Ok(Outcome::Wait)
    }

    /// Narrows what a request may yield by a handle that it now goes through.
    pub(crate) fn request_narrow(&mut self, id: RequestId, through: &Handle) {
        self.requests[id].confined |= through.flags & handle_flags::STICKY as u32;
        if let Some(opening) = self.requests[id].opening.as_mut() {
            opening.rights &= through.inherit;
            opening.inherit &= through.inherit;
            opening.flags |= through.flags & handle_flags::STICKY as u32;
        }
    }

    /// Changes the description that a request goes through.
    pub(crate) fn request_through(
        &mut self,
        id: RequestId,
        description: crate::handle::description::DescriptionId,
    ) {
        self.description_retain(description);
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
                    if request.forwards >= FORWARD_MAX {
                        return Err(Error::new(ELOOP));
                    }
                    request.forwards = request.forwards.wrapping_add(1);
                    if let Some(opening) = &opening {
                        self.slot_retain(slot);
                        let old = self.descriptions[opening.description].slot.replace(slot);
                        if let Some(old) = old {
                            self.slot_release(old);
                        }
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
                            self.request_narrow(id, &root);
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
                    self.open_kernel_object(&opening, object);
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
        thread: crate::task::thread::ThreadId,
        object: SchemeObject,
        len: usize,
    ) -> Result<()> {
        let request = &self.requests[id];
        let (flags, open) = match &request.opening {
            Some(opening) => (opening.flags, opening.open_flags),
            None => (request.confined, 0),
        };
        let inherit = request.opening.map_or(Rights::all(), |opening| opening.inherit);
        let through =
            Handle { description: request.through, rights: request.rights, inherit, flags };
        self.confine(&through, object, len, open)?;
        let Some(place) = self.place_take(&object, thread)? else {
            if self.requests[id].nonblock {
                return Err(Error::new(EAGAIN));
            }
            self.spill(thread, len);
            self.requests[id].stage = Stage::Rerouted;
            self.threads[thread].resume = Resume::Readmit(id);
            let Self { endpoints, threads, .. } = self;
            endpoints[object.endpoint].admission.push_back(threads, thread);
            self.block(thread, Blocked::Admission(object.endpoint));
            return Ok(());
        };
        self.endpoint_retain(object.endpoint);
        let flags = match self.requests[id].class {
            Class::OpenAt => {
                let fcntl = self.requests[id].args[4] as u32;
                self.server_flags(&through, object, open, fcntl)
            }
            _ => self.requests[id].args[3],
        };
        let request = &mut self.requests[id];
        request.endpoint = Some(object.endpoint);
        request.place = place;
        request.page = usize::from(place);
        request.len = len;
        request.badge = object.badge;
        request.args[0] = object.number;
        request.args[3] = flags;
        request.args[5] = object.badge;
        if let Some(at) = self.endpoints[object.endpoint].places.get_mut(usize::from(place)) {
            at.request = Some(id);
        }
        if let Err(error) = self.put_payload(id, PayloadFrom::Scratch) {
            self.request_leave(id);
            return Err(error);
        }
        self.enqueue(id);
        self.block(thread, Blocked::Request(id));
        Ok(())
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
    flags
}
