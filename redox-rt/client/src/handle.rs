//! Handles: owned ones, and whatever has a number.
#![expect(unsafe_code, reason = "calls into libc.a")]

use crate::c;
use crate::error::{Result, check};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::params::{self, OUT_LOWEST, OUT_UPPER, ObjectType};

/// The number of a handle. It owns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(pub(crate) usize);

impl Number {
    /// Any number, as it came from outside.
    #[must_use]
    pub const fn from_raw(raw: usize) -> Number {
        Number(raw)
    }

    /// The number as the kernel sees it.
    #[must_use]
    pub const fn raw(self) -> usize {
        self.0
    }

    /// Whether it belongs to the upper half of the table, beyond POSIX numbers.
    #[must_use]
    pub const fn is_upper(self) -> bool {
        self.0 & params::UPPER_TAG != 0
    }
}

/// What has a handle number: a [`Handle`], a [`Number`], and everything that std calls a file
/// descriptor.
pub trait AsNumber {
    /// The number.
    fn number(&self) -> Number;
}

impl AsNumber for Number {
    fn number(&self) -> Number {
        *self
    }
}

impl AsNumber for Handle {
    fn number(&self) -> Number {
        self.number
    }
}

impl AsNumber for &Handle {
    fn number(&self) -> Number {
        self.number
    }
}

/// Where a new handle goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The lowest free POSIX number.
    Lowest,
    /// Any free number of the upper half.
    Upper,
    /// Exactly there; `EEXIST` when it is taken.
    At(Number),
}

impl Place {
    pub(crate) const fn raw(self) -> usize {
        match self {
            Place::Lowest => OUT_LOWEST,
            Place::Upper => OUT_UPPER,
            Place::At(number) => number.0,
        }
    }
}

/// A handle that this value owns: dropping it closes it.
#[derive(Debug, PartialEq, Eq)]
pub struct Handle {
    number: Number,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: no memory is involved. It fails only when the number was closed elsewhere.
        let _ = unsafe { c::clavis_close(self.number.0) };
    }
}

/// The handle that an answer names.
pub(crate) fn owned(answer: usize) -> Result<Handle> {
    check(answer).map(|raw| Handle { number: Number(raw) })
}

impl Handle {
    /// Takes ownership of a number.
    #[must_use]
    pub const fn from_number(number: Number) -> Handle {
        Handle { number }
    }

    /// Gives ownership away.
    #[must_use]
    pub fn into_number(self) -> Number {
        let number = self.number;
        core::mem::forget(self);
        number
    }

    /// Opens a path of this process' namespace or current directory. `flags` are those of
    /// `redox_syscall`, with [`params::open_flags`] above them.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub fn open(path: &str, flags: u64) -> Result<Handle> {
        open(clavis_abi::runtime::NONE, path, flags, Place::Upper)
    }

    /// Opens a path from a directory, or from a namespace: only what that handle leads to is
    /// looked at, absolute paths included. The empty path opens the handle's own object again.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub fn open_at(dir: &impl AsNumber, path: &str, flags: u64) -> Result<Handle> {
        open(dir.number().0 as u64, path, flags, Place::Upper)
    }

    /// As [`Handle::open_at`], at a place.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub fn open_at_place(
        dir: &impl AsNumber,
        path: &str,
        flags: u64,
        place: Place,
    ) -> Result<Handle> {
        open(dir.number().0 as u64, path, flags, place)
    }

    /// A further handle to the description of another.
    ///
    /// # Errors
    /// Refused without DUP.
    pub fn duplicate(of: &impl AsNumber, place: Place) -> Result<Handle> {
        Handle::ask(of, &[], place)
    }

    /// A handle whose meaning the server decides by a message.
    ///
    /// # Errors
    /// Refused without DERIVE; what the server answers.
    pub fn ask(of: &impl AsNumber, message: &[u8], place: Place) -> Result<Handle> {
        // SAFETY: it reads the message.
        owned(unsafe { c::clavis_dup(of.number().0, message.as_ptr(), message.len(), place.raw()) })
    }

    /// A narrower handle to the description of another.
    ///
    /// # Errors
    /// Refused without DUP.
    pub fn derive(of: &impl AsNumber, rights: Rights, inherit: Rights) -> Result<Handle> {
        Handle::derive_with(of, rights, inherit, 0, Place::Upper)
    }

    /// As [`Handle::derive`], with handle flags to set, at a place.
    ///
    /// # Errors
    /// Refused without DUP.
    pub fn derive_with(
        of: &impl AsNumber,
        rights: Rights,
        inherit: Rights,
        flags: u64,
        place: Place,
    ) -> Result<Handle> {
        let (number, place) = (of.number().0, place.raw());
        // SAFETY: no memory is involved.
        owned(unsafe { c::clavis_derive(number, rights.bits(), inherit.bits(), flags, place) })
    }

    /// Reads at an offset.
    ///
    /// # Errors
    /// Refused without READ and SEEK; what the server answers.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        read(self.number, buffer, offset)
    }

    /// Writes at an offset.
    ///
    /// # Errors
    /// Refused without WRITE and SEEK; what the server answers.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize> {
        write(self.number, bytes, offset)
    }
}

fn open(dir: u64, path: &str, flags: u64, place: Place) -> Result<Handle> {
    // SAFETY: it reads the path.
    owned(unsafe { c::clavis_open(dir, path.as_ptr(), path.len(), flags, place.raw()) })
}

pub(crate) fn read(number: Number, buffer: &mut [u8], offset: u64) -> Result<usize> {
    // SAFETY: it writes within the buffer.
    check(unsafe { c::clavis_read(number.0, buffer.as_mut_ptr(), buffer.len(), offset) })
}

pub(crate) fn write(number: Number, bytes: &[u8], offset: u64) -> Result<usize> {
    // SAFETY: it reads the bytes.
    check(unsafe { c::clavis_write(number.0, bytes.as_ptr(), bytes.len(), offset) })
}

/// Narrows a handle for ever; `flags` are handle flags to set.
///
/// # Errors
/// `EBADF`.
pub fn limit(handle: &impl AsNumber, rights: Rights, inherit: Rights, flags: u64) -> Result<()> {
    let number = handle.number().0;
    // SAFETY: no memory is involved.
    check(unsafe { c::clavis_limit(number, rights.bits(), inherit.bits(), flags) }).map(drop)
}

/// What a handle is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandleInfo {
    /// What may be done with it.
    pub rights: Rights,
    /// The most that a handle obtained through it can have.
    pub inherit: Rights,
    /// [`params::handle_flags`].
    pub flags: u64,
    /// What it points to; `None` for a type this crate does not know.
    pub object: Option<ObjectType>,
    /// Open flags of the description.
    pub open_flags: u64,
    /// Number of the lease that it is under, the same for all that are; `None`: of none.
    pub lease: Option<u64>,
    /// Label of the slot it was opened through: information, never authority.
    pub label: String,
}

impl HandleInfo {
    /// The kernel's words, decoded.
    #[must_use]
    pub fn from_raw(info: &params::HandleInfo) -> HandleInfo {
        let end = info.label.iter().position(|&byte| byte == 0).unwrap_or(info.label.len());
        let label = info.label.get(..end).unwrap_or_default();
        HandleInfo {
            rights: Rights::from_bits_truncate(info.rights),
            inherit: Rights::from_bits_truncate(info.inherit),
            flags: info.flags,
            object: object_type(info.object),
            open_flags: info.open_flags,
            lease: (info.lease != 0).then_some(info.lease),
            label: String::from_utf8_lossy(label).into_owned(),
        }
    }
}

fn object_type(raw: u64) -> Option<ObjectType> {
    use ObjectType::*;
    [
        Scheme,
        Socket,
        Memory,
        EventQueue,
        PipeReader,
        PipeWriter,
        Timer,
        Irq,
        PortRange,
        Process,
        Account,
        HandleTable,
        Slot,
        Factory,
        Null,
        Random,
        Log,
        Power,
        Counters,
        Window,
        Name,
        Clock,
        Lease,
        Audit,
    ]
    .into_iter()
    .find(|&object| object as u64 == raw)
}

/// What a handle is.
///
/// # Errors
/// `EBADF`.
pub fn query(handle: &impl AsNumber) -> Result<HandleInfo> {
    let mut info = params::HandleInfo::default();
    // SAFETY: it writes one HandleInfo.
    check(unsafe { c::clavis_query(handle.number().0, &raw mut info) })?;
    Ok(HandleInfo::from_raw(&info))
}

/// The path of an object, as people write it.
///
/// # Errors
/// Refused without NAME; what the server answers.
pub fn path(handle: &impl AsNumber) -> Result<String> {
    let mut buffer = vec![0; clavis_abi::limits::PATH_MAX];
    // SAFETY: it writes within the buffer.
    let answer = unsafe { c::clavis_path(handle.number().0, buffer.as_mut_ptr(), buffer.len()) };
    buffer.truncate(check(answer)?);
    Ok(String::from_utf8_lossy(&buffer).into_owned())
}

/// A control command with one word.
///
/// # Errors
/// Refused without CONTROL; what the server answers.
pub fn control(handle: &impl AsNumber, command: usize, argument: usize) -> Result<usize> {
    // SAFETY: the argument is a plain word.
    check(unsafe { c::clavis_control(handle.number().0, command, argument) })
}

/// How the payload of a [`call`] travels. It always goes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// It only goes in.
    In,
    /// It also comes back.
    Both,
}

/// A call with server-defined meaning, with up to three words of metadata.
///
/// # Errors
/// Refused without CALL; what the server answers.
pub fn call(
    handle: &impl AsNumber,
    payload: &mut [u8],
    travels: Payload,
    words: &[u64],
) -> Result<usize> {
    let flags = match travels {
        Payload::In => CALL_WRITE,
        Payload::Both => CALL_WRITE | CALL_READ,
    };
    let (start, length) = (payload.as_mut_ptr(), payload.len());
    let (words, count) = (words.as_ptr(), words.len());
    // SAFETY: it reads and writes the payload and reads the words.
    check(unsafe { c::clavis_call(handle.number().0, start, length, flags, words, count) })
}

/// `CallFlags::WRITE` of `redox_syscall`.
const CALL_WRITE: usize = clavis_abi::syscall::CallFlags::WRITE.bits();
/// `CallFlags::READ` of `redox_syscall`.
const CALL_READ: usize = clavis_abi::syscall::CallFlags::READ.bits();

/// Whether handles that are sent stay here too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Sending {
    /// They leave this process.
    Move = 0,
    /// The receiver gets further handles to the same descriptions.
    Copy = 1,
}

/// Sends copies of handles through a channel, with up to one word of metadata.
///
/// # Errors
/// Refused without SEND_HANDLE on the channel or TRANSFER on a handle; what the server answers.
pub fn send(channel: &impl AsNumber, handles: &[Number], words: &[u64]) -> Result<usize> {
    send_numbers(channel.number(), handles, Sending::Copy, words)
}

/// Sends a handle away through a channel.
///
/// # Errors
/// As [`send`]; after an error the handle is closed.
pub fn send_away(channel: &impl AsNumber, handle: Handle, words: &[u64]) -> Result<usize> {
    let result = send_numbers(channel.number(), &[handle.number], Sending::Move, words);
    if result.is_ok() {
        core::mem::forget(handle);
    }
    result
}

pub(crate) fn send_numbers(
    channel: Number,
    handles: &[Number],
    sending: Sending,
    words: &[u64],
) -> Result<usize> {
    let raw: Vec<usize> = handles.iter().map(|number| number.0).collect();
    let (start, count, copy) = (raw.as_ptr(), raw.len(), sending as usize);
    // SAFETY: it reads the numbers and the words.
    check(unsafe { c::clavis_send(channel.0, start, count, copy, words.as_ptr(), words.len()) })
}

/// Receives up to `count` handles through a channel.
///
/// # Errors
/// Refused without RECV_HANDLE; what the server answers.
pub fn receive(channel: &impl AsNumber, count: usize) -> Result<Vec<Handle>> {
    let mut raw = vec![0; count];
    // SAFETY: it writes within the vector.
    let answer = unsafe { c::clavis_receive(channel.number().0, raw.as_mut_ptr(), count, 1) };
    raw.truncate(check(answer)?);
    Ok(raw.into_iter().map(|raw| Handle { number: Number(raw) }).collect())
}

/// Puts a further handle into a handle table, at a number there.
///
/// # Errors
/// Refused without MANAGE on the table, or DUP and TRANSFER on the handle; `EEXIST`.
pub fn table_put(
    table: &impl AsNumber,
    handle: &impl AsNumber,
    at: Number,
    rights: Rights,
    inherit: Rights,
) -> Result<()> {
    let (table, handle) = (table.number().0, handle.number().0);
    // SAFETY: no memory is involved.
    check(unsafe { c::clavis_table_put(table, handle, at.0, rights.bits(), inherit.bits()) })
        .map(drop)
}
