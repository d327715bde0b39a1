//! Calls on open objects: read, write, seek, metadata.
use crate::prelude::*;
use clavis_abi::syscall::flag::{
    F_DUPFD, F_GETFD, F_GETFL, F_SETFD, F_SETFL, SEEK_CUR, SEEK_END, SEEK_SET,
};

/// The offset argument that means the description's own.
pub(crate) const OWN: usize = usize::MAX;
/// `FD_CLOEXEC` and `O_CLOEXEC` as libc passes them.
pub(crate) const CLOEXEC: usize = 0x0100_0000;

/// A read or write of an open object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Io {
    /// What it goes through.
    pub(crate) handle: Handle,
    /// The caller's buffer.
    pub(crate) user: UserSlice,
    /// Where in the object; [`OWN`]: at the description's own offset.
    pub(crate) offset: usize,
    /// `O_NONBLOCK`, `O_APPEND`.
    pub(crate) flags: usize,
}

impl Io {
    /// Whether it does not wait.
    pub(crate) fn nonblock(&self) -> bool {
        self.flags & O_NONBLOCK != 0
    }
}

impl<M: Machine> Kernel<M> {
    /// The flags of one read or write: the description's, or those of the call.
    fn io_flags(&self, handle: &Handle, call: usize) -> usize {
        if call == usize::MAX {
            return self.descriptions[handle.description].flags as usize & O_FCNTL_MASK;
        }
        let mut flags = 0;
        if call & 1 != 0 {
            flags |= O_NONBLOCK;
        }
        if call & 2 != 0 {
            flags |= O_APPEND;
        }
        flags
    }

    /// Reads bytes.
    pub(crate) fn sys_read(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, buffer, len, offset, flags] = args;
        let handle = self.door(caller, fd, Rights::empty())?;
        let object = &self.descriptions[handle.description].object;
        if let (Object::Socket(endpoint), OWN) = (object, offset) {
            let endpoint = *endpoint;
            self.needs(caller, fd, &handle, Rights::READ)?;
            let to = UserSlice::new(buffer, len.min(PAYLOAD_MAX))?;
            let nonblock = self.io_flags(&handle, flags) & O_NONBLOCK != 0;
            return self.socket_read(caller, endpoint, to, nonblock);
        }
        let object = *object;
        let mut need = match object {
            Object::Process(_) => Rights::WAIT,
            Object::Plain(ObjectType::Counters) => Rights::INSPECT,
            _ => Rights::READ,
        };
        if offset != OWN && !matches!(object, Object::Ports { .. }) {
            need |= Rights::SEEK;
        }
        self.needs(caller, fd, &handle, need)?;
        let len = self.lease_bytes(caller, &handle, len.min(PAYLOAD_MAX))?;
        let user = UserSlice::new(buffer, len)?;
        let io = Io { handle, user, offset, flags: self.io_flags(&handle, flags) };
        match object {
            Object::Scheme(object) => self.transfer(caller, &io, object, Class::Read),
            _ => self.object_read(caller, &io, object),
        }
    }

    /// Writes bytes.
    pub(crate) fn sys_write(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, buffer, len, offset, flags] = args;
        let (handle, object) = self.door_object(caller, fd, Rights::empty())?;
        let locked = self.descriptions[handle.description].append_locked;
        let mut need = if locked { Rights::APPEND } else { Rights::WRITE };
        if offset != OWN && !matches!(object, Object::Ports { .. }) {
            if locked {
                return Err(self.refuse(caller, fd, Rights::empty(), DenialRule::AppendLocked));
            }
            need |= Rights::SEEK;
        }
        if !locked
            && !handle.rights.contains(Rights::WRITE)
            && handle.rights.contains(Rights::APPEND)
            && self.descriptions[handle.description].flags as usize & O_APPEND != 0
        {
            need = Rights::APPEND;
        }
        self.needs(caller, fd, &handle, need)?;
        let len = self.lease_bytes(caller, &handle, len.min(PAYLOAD_MAX))?;
        let user = UserSlice::new(buffer, len)?;
        let mut io = Io { handle, user, offset, flags: self.io_flags(&handle, flags) };
        if locked || need == Rights::APPEND {
            io.flags |= O_APPEND;
        }
        match object {
            Object::Scheme(object) => self.transfer(caller, &io, object, Class::Write),
            _ => self.object_write(caller, &io, object),
        }
    }

    /// Asks a server to read or write.
    fn transfer(&mut self, caller: &Caller, io: &Io, object: SchemeObject, class: Class) -> Reply {
        let description = &self.descriptions[io.handle.description];
        let positioned = description.positioned && io.offset == OWN;
        if positioned && description.busy {
            // One call at a time moves the offset; the others wait in order.
            refuse_if(io.nonblock(), EAGAIN)?;
            return self.wait_and_retry(caller, Blocked::Offset(io.handle.description));
        }
        // The description's own offset is all ones where the kernel does not keep it.
        let offset = if positioned { description.offset } else { io.offset as u64 };
        let message = self.message(caller, class, &io.handle, &object)?;
        message.sqe.args[3] = offset;
        message.sqe.args[4] = io.flags as u64;
        message.user = io.user;
        message.len = io.user.len;
        message.positioned = positioned;
        message.nonblock = io.nonblock();
        match class {
            Class::Read => message.output = Output::Length,
            _ => message.payload = PayloadFrom::User,
        }
        self.send(caller)
    }

    /// Moves the offset of a description.
    pub(crate) fn sys_lseek(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, distance, whence, ..] = args;
        let (handle, object) = self.door_object(caller, fd, Rights::SEEK)?;
        let description = &self.descriptions[handle.description];
        let distance = distance as i64;
        let keeps_offset = description.positioned
            || matches!(object, Object::Memory(_) | Object::Plain(ObjectType::Counters));
        refuse_if(!keeps_offset, ESPIPE)?;
        let base = match (whence, object) {
            (SEEK_SET, _) => 0,
            (SEEK_CUR, _) => description.offset,
            (SEEK_END, Object::Memory(view)) => view.bytes,
            (SEEK_END, Object::Scheme(object)) => {
                let message = self.message(caller, Class::Fsize, &handle, &object)?;
                message.gives = Gives::More;
                message.seek = Some(distance);
                return self.send(caller);
            }
            _ => return Err(Error::new(EINVAL)),
        };
        let base = i64::try_from(base).map_err(|_| Error::new(EOVERFLOW))?;
        let offset = base.checked_add(distance).ok_or(Error::new(EOVERFLOW))?;
        let offset = u64::try_from(offset).map_err(|_| Error::new(EINVAL))?;
        self.descriptions[handle.description].offset = offset;
        Ok(Outcome::Done(offset as usize))
    }

    /// Changes owner and group.
    pub(crate) fn sys_fchown(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let (handle, object) = self.door_object(caller, args[0], Rights::SET_ATTR)?;
        let Object::Scheme(object) = object else { return Err(Error::new(EINVAL)) };
        let message = self.message(caller, Class::Fchown, &handle, &object)?;
        message.sqe.args[1] = args[1] as u32 as u64;
        message.sqe.args[2] = args[2] as u32 as u64;
        self.send(caller)
    }

    /// Flags of handles and descriptions; what else a server defines.
    pub(crate) fn sys_fcntl(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, command, argument, ..] = args;
        let cloexec = clavis_abi::params::handle_flags::CLOEXEC as u8;
        match command {
            F_GETFD => {
                let handle = self.door(caller, fd, Rights::empty())?;
                Ok(Outcome::Done(if handle.flags & cloexec != 0 { CLOEXEC } else { 0 }))
            }
            F_SETFD => {
                self.door(caller, fd, Rights::empty())?;
                if let Some(handle) = self.tables[caller.table].get_mut(fd) {
                    let set = argument & CLOEXEC != 0;
                    handle.flags =
                        if set { handle.flags | cloexec } else { handle.flags & !cloexec };
                }
                Ok(Outcome::Done(0))
            }
            F_GETFL => {
                let handle = self.door(caller, fd, Rights::empty())?;
                Ok(Outcome::Done(self.descriptions[handle.description].flags as usize))
            }
            F_SETFL => {
                let handle = self.door(caller, fd, Rights::CONTROL)?;
                let description = &mut self.descriptions[handle.description];
                let mut flags = argument & O_FCNTL_MASK;
                if description.append_locked {
                    flags |= O_APPEND;
                }
                description.flags = description.flags & !(O_FCNTL_MASK as u32) | flags as u32;
                Ok(Outcome::Done(0))
            }
            F_DUPFD => self.dup_from(caller, fd, argument),
            clavis_abi::params::LOG_ECHO => {
                let (_, object) = self.door_object(caller, fd, Rights::CONTROL)?;
                refuse_if(object != Object::Plain(ObjectType::Log), EINVAL)?;
                self.log.echo = argument != 0;
                Ok(Outcome::Done(0))
            }
            _ => {
                let (handle, object) = self.door_object(caller, fd, Rights::CONTROL)?;
                let Object::Scheme(object) = object else { return Err(Error::new(EINVAL)) };
                let message = self.message(caller, Class::Fcntl, &handle, &object)?;
                message.sqe.args[1] = command as u64;
                message.sqe.args[2] = argument as u64;
                self.send(caller)
            }
        }
    }

    /// Tells a server which events are of interest.
    pub(crate) fn sys_fevent(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let (handle, object) = self.door_object(caller, args[0], Rights::EVENT)?;
        let Object::Scheme(object) = object else {
            return Ok(Outcome::Done(usize::from(self.readiness(object))));
        };
        let message = self.message(caller, Class::Fevent, &handle, &object)?;
        message.sqe.args[1] = args[1] as u64 & 3;
        self.send(caller)
    }

    /// Asks a server what an object is ready for now, for a registration just made.
    pub(crate) fn ask_readiness(
        &mut self,
        caller: &Caller,
        fd: usize,
        object: SchemeObject,
        registration: RegistrationId,
        interest: u8,
    ) -> Reply {
        let mut handle = self.door(caller, fd, Rights::EVENT)?;
        // It ends with the lease of the queue, too.
        handle.lease = self.lease_join(caller.account, self.cpus[0].lease, handle.lease)?;
        let message = self.message(caller, Class::Fevent, &handle, &object)?;
        message.sqe.args[1] = u64::from(interest);
        let sent = self.submit(caller, |_| {
            Ok(Makes { registration: Some((registration, interest)), ..Makes::default() })
        });
        if sent.is_err() && self.registrations.get(registration).is_some() {
            self.registration_end(registration);
        }
        sent
    }

    /// Calls on an object that carry a path: link and rename.
    pub(crate) fn sys_path_of(&mut self, caller: &Caller, class: Class, args: [usize; 5]) -> Reply {
        let (handle, object) = self.door_object(caller, args[0], class.right())?;
        let Object::Scheme(object) = object else { return Err(Error::new(EINVAL)) };
        self.read_path(caller, args[1], args[2])?;
        if u64::from(handle.flags) & clavis_abi::params::handle_flags::BENEATH != 0 {
            // The path counts from the root of the scheme: it always leaves the directory.
            return Err(self.refuse(caller, args[0], Rights::empty(), DenialRule::Beneath));
        }
        let message = self.message(caller, class, &handle, &object)?;
        message.len = args[2];
        message.payload = PayloadFrom::Scratch;
        self.send(caller)
    }

    /// The path of an object.
    pub(crate) fn sys_fpath(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let (handle, object) = self.door_object(caller, args[0], Rights::NAME)?;
        let to = UserSlice::new(args[1], args[2].min(clavis_abi::limits::PATH_MAX))?;
        let Object::Scheme(object) = object else {
            return self.object_path(caller, object, to);
        };
        let message = self.message(caller, Class::Fpath, &handle, &object)?;
        message.user = to;
        message.len = to.len;
        message.output = Output::Length;
        self.send(caller)
    }

    /// Metadata.
    pub(crate) fn sys_fstat(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let (handle, object) = self.door_object(caller, args[0], Rights::STAT)?;
        let size = size_of::<clavis_abi::syscall::data::Stat>();
        refuse_if(args[2] < size, EINVAL)?;
        let to = UserSlice::new(args[1], size)?;
        let Object::Scheme(object) = object else {
            return self.object_stat(caller, object, to);
        };
        let message = self.message(caller, Class::Fstat, &handle, &object)?;
        message.user = to;
        message.len = size;
        message.payload = PayloadFrom::Zero;
        message.output = Output::Whole;
        self.send(caller)
    }

    /// Flushes.
    pub(crate) fn sys_fsync(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let (handle, object) = self.door_object(caller, args[0], Rights::SYNC)?;
        let Object::Scheme(object) = object else { return Ok(Outcome::Done(0)) };
        self.message(caller, Class::Fsync, &handle, &object)?;
        self.send(caller)
    }
}
