//! CALL: server-defined calls, standard file system calls, handle passing, socket verbs.
use crate::handle::Handle;
use crate::handle::description::{Object, SchemeObject};
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::memory::user::UserSlice;
use crate::run::{Caller, Reply};
use crate::scheme::message::{check_form, check_kind};
use crate::scheme::request::Output;
use crate::scheme::send::{Makes, Message, PayloadFrom};
use clavis_abi::Rights;
use clavis_abi::class::{Class, Form, StdFsRule, std_fs_rule};
use clavis_abi::error::{EBADF, EINVAL, EMSGSIZE, EXDEV, Error, Result};
use clavis_abi::limits::{METADATA_WORDS, PATH_MAX, PAYLOAD_MAX};
use clavis_abi::syscall::StdFsCallKind;
use clavis_abi::syscall::flag::CallFlags;
use clavis_abi::syscall::schemev2::SqeFlags;

/// A call as its registers say it.
#[derive(Clone, Copy, Debug)]
struct Asked {
    first: usize,
    second: Option<usize>,
    payload: UserSlice,
    flags: CallFlags,
    metadata: [u64; METADATA_WORDS],
    words: usize,
}

/// Flags that a caller may set.
const KNOWN: CallFlags = CallFlags::WRITE
    .union(CallFlags::READ)
    .union(CallFlags::FD)
    .union(CallFlags::FD_EXCLUSIVE)
    .union(CallFlags::FD_CLONE)
    .union(CallFlags::FD_UPPER)
    .union(CallFlags::FD_CLOEXEC)
    .union(CallFlags::STD_FS)
    .union(CallFlags::ALLOW_DIRECT_SWITCH)
    .union(CallFlags::MULTIPLE_FDS2);

impl<M: Machine> Kernel<M> {
    /// A call with a payload and metadata.
    pub(crate) fn sys_call(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let asked = self.read_call(caller, args)?;
        if asked.second.is_some() && asked.flags.contains(CallFlags::FD) {
            return Err(Error::new(EINVAL));
        }
        let handle = self.tables[caller.table].get(asked.first).ok_or(Error::new(EBADF))?;
        if let Object::Socket(endpoint) = self.descriptions[handle.description].object {
            return self.socket_verb(caller, endpoint, &asked);
        }
        if asked.flags.contains(CallFlags::FD) {
            let Asked { first, payload, flags, metadata, .. } = asked;
            return match (flags.contains(CallFlags::WRITE), flags.contains(CallFlags::READ)) {
                (true, false) => self.send_handles(caller, first, payload, flags, metadata),
                (false, true) => self.receive_handles(caller, first, payload, flags, metadata),
                _ => Err(Error::new(EINVAL)),
            };
        }
        if asked.flags.contains(CallFlags::STD_FS) {
            return self.std_fs_call(caller, &asked);
        }
        let (handle, object, second) = self.objects(caller, &asked, Rights::CALL, Rights::CALL)?;
        let Object::Scheme(object) = object else { return Err(Error::new(EINVAL)) };
        let mut message = Message::new(Class::Call, handle, object);
        self.fill_call(&mut message, &asked, second);
        self.send(caller, &message, |_| Ok(Makes::default()))
    }

    fn read_call(&mut self, caller: &Caller, args: [usize; 5]) -> Result<Asked> {
        let [target, payload, len, flags, metadata] = args;
        let words = flags & 0xFF;
        let flags = CallFlags::from_bits_retain(flags & !0xFF);
        if !KNOWN.contains(flags) || words > METADATA_WORDS {
            return Err(Error::new(EINVAL));
        }
        if len > PAYLOAD_MAX {
            return Err(Error::new(EMSGSIZE));
        }
        let payload = UserSlice::new(payload, len)?;
        let slice = UserSlice::new(metadata, words * 8)?;
        let mut bytes = [0u8; METADATA_WORDS * 8];
        let given = bytes.get_mut(..words * 8).ok_or(Error::new(EINVAL))?;
        self.read_user(caller.space, slice.address, given)?;
        let mut metadata = [0; METADATA_WORDS];
        for (word, bytes) in metadata.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        let (first, second) = if flags.contains(CallFlags::MULTIPLE_FDS2) {
            // The count lies in the alignment bits of the array's address.
            let slice = UserSlice::new(target & !7, 16)?;
            if target & 7 != 2 {
                return Err(Error::new(EINVAL));
            }
            let mut bytes = [0u8; 16];
            self.read_user(caller.space, slice.address, &mut bytes)?;
            let mut numbers = bytes
                .chunks_exact(8)
                .map(|word| usize::from_le_bytes(word.try_into().unwrap_or_default()));
            (numbers.next().unwrap_or(usize::MAX), numbers.next())
        } else {
            (target, None)
        };
        Ok(Asked { first, second, payload, flags, metadata, words })
    }

    /// The handles of a call: those of two are of one endpoint and one epoch.
    fn objects(
        &mut self,
        caller: &Caller,
        asked: &Asked,
        first: Rights,
        second: Rights,
    ) -> Result<(Handle, Object, Option<SchemeObject>)> {
        let (handle, object) = self.door_object(caller, asked.first, first)?;
        let Some(number) = asked.second else { return Ok((handle, object, None)) };
        let (_, other) = self.door_object(caller, number, second)?;
        match (object, other) {
            (Object::Scheme(a), Object::Scheme(b))
                if a.endpoint == b.endpoint && a.epoch == b.epoch =>
            {
                Ok((handle, object, Some(b)))
            }
            _ => Err(Error::new(EXDEV)),
        }
    }

    fn fill_call(&self, message: &mut Message, asked: &Asked, second: Option<SchemeObject>) {
        message.user = asked.payload;
        message.len = asked.payload.len;
        message.payload = PayloadFrom::User;
        message.nonblock = false;
        if asked.flags.contains(CallFlags::READ) {
            message.output = Output::Whole;
        }
        let [a, b, c] = asked.metadata;
        message.args[3] = a;
        message.args[4] = b;
        message.args[5] = c;
        if let Some(second) = second {
            message.args[5] = second.number;
            message.sqe_flags = SqeFlags::MULTIPLE_IDS.bits();
        }
    }

    /// A standard file system call: its form and rights are in the table.
    fn std_fs_call(&mut self, caller: &Caller, asked: &Asked) -> Reply {
        let [kind, a, b] = asked.metadata;
        let rule = std_fs_rule(check_kind(kind)?).ok_or(Error::new(EINVAL))?;
        let StdFsRule { right, second, form, kind, .. } = *rule;
        if second.is_some() != asked.second.is_some() {
            return Err(Error::new(EINVAL));
        }
        if kind == StdFsCallKind::Unlock && b >> 63 != 0 {
            return Err(Error::new(EINVAL));
        }
        let (handle, object, other) =
            self.objects(caller, asked, right, second.unwrap_or(Rights::empty()))?;
        let Object::Scheme(object) = object else {
            return self.object_std_fs(caller, object, kind, asked.payload, a);
        };
        let mut message = Message::new(Class::StdFs, handle, object);
        self.fill_call(&mut message, asked, other);
        if kind == StdFsCallKind::Ftruncate && self.descriptions[handle.description].append_locked {
            let rule = clavis_abi::params::DenialRule::AppendLocked;
            return Err(self.refuse(caller, asked.first, Rights::empty(), rule));
        }
        match form {
            Form::Path | Form::TwoPaths => {
                let len = asked.payload.len;
                let most = if form == Form::TwoPaths { 2 * PATH_MAX + 1 } else { PATH_MAX };
                if len > most.min(self.scratch.len()) {
                    return Err(Error::new(clavis_abi::error::ENAMETOOLONG));
                }
                self.read_scratch(caller, asked.payload)?;
                check_form(form, self.scratch.get(..len).unwrap_or(&[]), [a, b])?;
                let second = asked.second.and_then(|fd| self.tables[caller.table].get(fd));
                let flags = handle.flags | second.map_or(0, |second| second.flags);
                self.confine_paths(caller, asked.first, flags, object, len)?;
                message.payload = PayloadFrom::Scratch;
            }
            Form::Exact(_) | Form::LockRange(_) => {
                const ZEROES: [u8; 128] = [0; 128];
                let sized = ZEROES.get(..asked.payload.len).ok_or(Error::new(EINVAL))?;
                check_form(form, sized, [a, b])?;
            }
            Form::Free => {}
        }
        self.send(caller, &message, |_| Ok(Makes::default()))
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

    /// What a server does with its socket by CALL.
    fn socket_verb(
        &mut self,
        caller: &Caller,
        endpoint: crate::scheme::endpoint::EndpointId,
        asked: &Asked,
    ) -> Reply {
        let Asked { first, payload, flags, metadata, words, .. } = *asked;
        if flags.contains(CallFlags::FD) {
            let tag = u32::try_from(metadata[1]).map_err(|_| Error::new(EINVAL))?;
            return match (words, metadata[0], flags.contains(CallFlags::READ)) {
                (2, 0, true) => {
                    self.door(caller, first, Rights::RECV_HANDLE)?;
                    self.obtain_handles(caller, endpoint, payload, tag, flags)
                }
                (2, 1, false) => {
                    self.door(caller, first, Rights::SEND_HANDLE)?;
                    self.move_handles(caller, endpoint, payload, tag, flags)
                }
                _ => Err(Error::new(EINVAL)),
            };
        }
        if words != 3 || !flags.contains(CallFlags::READ | CallFlags::WRITE) {
            return Err(Error::new(EINVAL));
        }
        let handle = self.door(caller, first, Rights::READ | Rights::WRITE)?;
        let nonblock = self.descriptions[handle.description].flags as usize
            & clavis_abi::syscall::flag::O_NONBLOCK
            != 0;
        self.socket_combined(caller, endpoint, payload, metadata, nonblock)
    }
}
