//! Messages with addresses and descriptors.
use super::address::Address;
use super::{For, ask, ask_for, patiently};
use crate::control_message::{CMSG_DATA, CMSG_FIRSTHDR, CMSG_NXTHDR};
use crate::errno::{count, error};
use crate::io::buffers;
use crate::pointer::{bytes, bytes_mut, fd};
use crate::promises::{Operation, promised, promised_passing};
use alloc::vec;
use alloc::vec::Vec;
use clavis_abi::error::Result;
use clavis_abi::limits::BATCH_MAX;
use clavis_abi::unix::{self, DATA, HEAD};
use clavis_rt::sys::call::{Sending, Table, receive as receive_handles, send as send_handles};
use clavis_rt::{Handle, Number};
use core::ffi::c_int;
use libc::{
    EFAULT, EINVAL, EMSGSIZE, EOPNOTSUPP, EPIPE, MSG_CTRUNC, MSG_DONTWAIT, MSG_EOR, MSG_PEEK,
    MSG_TRUNC, MSG_WAITALL, SCM_RIGHTS, SIGPIPE, SOL_SOCKET, cmsghdr, msghdr,
};

/// Bytes that one call moves at most: what a socket keeps.
const MOST: usize = 65_536;
/// Bytes of a control message before its data.
const CONTROL: usize = size_of::<cmsghdr>().next_multiple_of(size_of::<usize>());

/// Sends buffers and descriptors as one message.
pub(super) fn send(
    socket: Number,
    key: &[u8],
    buffers: &[&[u8]],
    descriptors: &[Number],
    flags: c_int,
) -> Result<usize> {
    if flags & !(MSG_DONTWAIT | MSG_EOR) != 0 {
        return Err(error(EOPNOTSUPP));
    }
    let length: usize = buffers.iter().map(|buffer| buffer.len()).sum();
    let stream = ask(socket, &[], [unix::KIND, 0, 0])? & 15 == 1;
    if length > MOST && !stream {
        return Err(error(EMSGSIZE));
    }
    let mut payload = Vec::with_capacity(key.len() + length.min(MOST));
    payload.extend_from_slice(key);
    payload.extend(buffers.iter().flat_map(|buffer| buffer.iter()).take(MOST));
    let batch = match descriptors {
        [] => 0,
        _ => send_handles(socket, descriptors, Sending::Clone, &[0])? as u64,
    };
    let words = [unix::SEND, key.len() as u64, batch];
    let sent = patiently(socket, flags, For::Sending, || ask(socket, &payload, words));
    if sent.is_err() && batch != 0 {
        // What failed is told, not that they stay until the socket is closed.
        let _ = ask(socket, &[], [unix::DROP, batch, 0]);
    }
    if sent == Err(error(EPIPE)) {
        crate::signal::send::raise(SIGPIPE);
    }
    sent
}

/// What was received.
pub(super) struct Received {
    payload: Vec<u8>,
    copied: usize,
}

impl Received {
    fn word(&self, index: usize) -> u64 {
        let at = self.payload.get(index * 8..).and_then(|rest| rest.first_chunk());
        at.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
    }

    /// The bytes.
    pub(super) fn data(&self) -> &[u8] {
        self.payload.get(DATA..).and_then(|data| data.get(..self.copied)).unwrap_or_default()
    }

    /// Who sent it.
    pub(super) fn from(&self) -> Address {
        let address = self.payload.get(HEAD..DATA).unwrap_or_default();
        Address::from_bytes(address.get(..self.word(1) as usize).unwrap_or_default())
    }

    fn is_cut(&self) -> bool {
        self.word(0) > self.copied as u64
    }

    /// What the call answers: with `MSG_TRUNC` the whole length of the message.
    pub(super) fn count(&self, flags: c_int) -> usize {
        if flags & MSG_TRUNC != 0 { self.word(0) as usize } else { self.copied }
    }

    /// Closes descriptors that nobody wants.
    pub(super) fn discard(&self, socket: Number) {
        if self.word(3) != 0 {
            // They are gone anyway when it fails.
            let _ = ask(socket, &[], [unix::DROP, self.word(3), 0]);
        }
    }

    /// Takes as many descriptors as there is room for; whether that were all.
    fn descriptors(&self, socket: Number, room: usize) -> Result<(Vec<c_int>, bool)> {
        let there = self.word(2) as usize;
        let wanted = there.min(room).min(BATCH_MAX);
        if wanted == 0 {
            self.discard(socket);
            return Ok((Vec::new(), there == 0));
        }
        promised(Operation::Receive)?;
        let taken = receive_handles(socket, wanted, Table::Lower, &[self.word(3)])?;
        promised_passing(Operation::Receive, taken.iter().map(Handle::number))?;
        Ok((taken.into_iter().map(crate::fcntl::descriptor).collect(), wanted == there))
    }
}

/// Receives a message or a stretch of a stream.
pub(super) fn receive(socket: Number, room: usize, flags: c_int) -> Result<Received> {
    if flags & !(MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC | MSG_WAITALL) != 0 {
        return Err(error(EOPNOTSUPP));
    }
    let mut payload = vec![0; DATA + room.min(MOST)];
    let peek = if flags & MSG_PEEK != 0 { unix::PEEK } else { 0 };
    let words = [unix::RECEIVE, peek, 0];
    let copied = patiently(socket, flags, For::Receiving, || ask_for(socket, &mut payload, words))?;
    let mut received = Received { payload, copied };
    while flags & MSG_WAITALL != 0 && peek == 0 && received.copied < room.min(MOST) {
        let mut more = vec![0; DATA + room.min(MOST) - received.copied];
        let next = patiently(socket, flags, For::Receiving, || ask_for(socket, &mut more, words));
        match next {
            Ok(0) | Err(_) => break,
            Ok(next) => {
                let next_one = Received { payload: more, copied: next };
                next_one.discard(socket);
                let at = DATA + received.copied;
                let to = received.payload.get_mut(at..).unwrap_or_default();
                to.iter_mut().zip(next_one.data()).for_each(|(to, from)| *to = *from);
                received.copied += next;
            }
        }
    }
    Ok(received)
}

/// The descriptors in the control messages of a head.
///
/// # Safety
/// A head as C passes it.
unsafe fn rights(head: *const msghdr) -> Result<Vec<Number>> {
    let mut all = Vec::new();
    // SAFETY: the caller's promise.
    let mut at = unsafe { CMSG_FIRSTHDR(head) };
    while !at.is_null() {
        // SAFETY: a control message within the caller's buffer.
        let cmsghdr { cmsg_len, cmsg_level, cmsg_type } = unsafe { at.read_unaligned() };
        if cmsg_level != SOL_SOCKET || cmsg_type != SCM_RIGHTS || cmsg_len < CONTROL {
            return Err(error(EINVAL));
        }
        // SAFETY: its data, within the caller's buffer.
        let data = unsafe { bytes(CMSG_DATA(at).cast_const().cast(), cmsg_len - CONTROL) };
        for number in data.as_chunks().0 {
            all.push(fd(c_int::from_ne_bytes(*number))?);
        }
        // SAFETY: the caller's promise.
        at = unsafe { CMSG_NXTHDR(head, at) };
    }
    if all.len() > BATCH_MAX { Err(error(EINVAL)) } else { Ok(all) }
}

/// Sends buffers as one message, with descriptors (`SCM_RIGHTS`, 16 at most).
///
/// # Safety
/// C contract: a head whose buffers are readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendmsg(socket: c_int, head: *const msghdr, flags: c_int) -> isize {
    let go = || {
        // SAFETY: the contract.
        let Some(message) = (unsafe { head.as_ref() }) else { return Err(error(EFAULT)) };
        let key = if message.msg_name.is_null() {
            Vec::new()
        } else {
            let name = message.msg_name.cast_const().cast();
            promised(Operation::Address)?;
            // SAFETY: the contract.
            unsafe { Address::read(name, message.msg_namelen) }?.key()?
        };
        // SAFETY: the contract.
        let parts = unsafe { buffers(message.msg_iov, message.msg_iovlen as c_int) }?;
        let parts: Vec<&[u8]> = parts
            .iter()
            // SAFETY: the contract.
            .map(|part| unsafe { bytes(part.iov_base.cast_const(), part.iov_len) })
            .collect();
        // SAFETY: the contract.
        let descriptors = unsafe { rights(head) }?;
        if !descriptors.is_empty() {
            promised_passing(Operation::Send, descriptors.iter().copied())?;
        }
        send(fd(socket)?, &key, &parts, &descriptors, flags)
    };
    count(go())
}

/// Receives a message into buffers, with the descriptors that came along.
///
/// # Safety
/// C contract: a head whose buffers are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn recvmsg(socket: c_int, head: *mut msghdr, flags: c_int) -> isize {
    let go = || {
        let socket = fd(socket)?;
        // SAFETY: the contract.
        let Some(message) = (unsafe { head.as_mut() }) else { return Err(error(EFAULT)) };
        // SAFETY: the contract.
        let parts = unsafe { buffers(message.msg_iov, message.msg_iovlen as c_int) }?;
        let room = parts.iter().map(|part| part.iov_len).sum();
        let received = receive(socket, room, flags)?;
        let mut rest = received.data();
        for part in parts {
            let (now, later) = rest.split_at(part.iov_len.min(rest.len()));
            // SAFETY: the contract.
            let to = unsafe { bytes_mut(part.iov_base, now.len()) };
            to.copy_from_slice(now);
            rest = later;
        }
        message.msg_flags = if received.is_cut() { MSG_TRUNC } else { 0 };
        if !message.msg_name.is_null() {
            let name = message.msg_name.cast();
            // SAFETY: the contract.
            unsafe { received.from().write(name, &raw mut message.msg_namelen) }?;
        }
        let space = message.msg_controllen.saturating_sub(CONTROL) / size_of::<c_int>();
        let space = if message.msg_control.is_null() { 0 } else { space };
        let (descriptors, all) = received.descriptors(socket, space)?;
        if !all {
            message.msg_flags |= MSG_CTRUNC;
        }
        message.msg_controllen = 0;
        if !descriptors.is_empty() {
            let length = CONTROL + size_of_val(descriptors.as_slice());
            let control = message.msg_control.cast::<cmsghdr>();
            let first = cmsghdr { cmsg_len: length, cmsg_level: SOL_SOCKET, cmsg_type: SCM_RIGHTS };
            // SAFETY: the space was counted in the caller's buffer.
            unsafe { control.write_unaligned(first) };
            let data = CMSG_DATA(control).cast::<c_int>();
            for (index, descriptor) in descriptors.into_iter().enumerate() {
                // SAFETY: as above.
                unsafe { data.wrapping_add(index).write_unaligned(descriptor) };
            }
            message.msg_controllen = length;
        }
        Ok(received.count(flags))
    };
    count(go())
}
