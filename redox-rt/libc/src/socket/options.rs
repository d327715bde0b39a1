//! Options of sockets: they can be asked for, and those changed that are about time.
use super::{For, ask, ask_for, timeouts};
use crate::errno::{error, status};
use crate::pointer::{bytes, bytes_mut, fd, get, put};
use clavis_abi::error::Result;
use clavis_abi::unix;
use clavis_rt::Number;
use core::ffi::{c_int, c_void};
use libc::{
    AF_UNIX, EFAULT, EINVAL, ENOPROTOOPT, SO_ACCEPTCONN, SO_DOMAIN, SO_ERROR, SO_PEERCRED,
    SO_PROTOCOL, SO_RCVBUF, SO_RCVTIMEO, SO_SNDBUF, SO_SNDTIMEO, SO_TYPE, SOCK_DGRAM,
    SOCK_SEQPACKET, SOCK_STREAM, SOL_SOCKET, socklen_t, timeval, ucred,
};

/// Bytes that wait in a socket at most.
const BUFFER: c_int = 65_536;

fn word(socket: Number, option: c_int) -> Result<c_int> {
    let kind = ask(socket, &[], [unix::KIND, 0, 0])?;
    Ok(match option {
        SO_TYPE => match kind & 15 {
            1 => SOCK_STREAM,
            2 => SOCK_DGRAM,
            _ => SOCK_SEQPACKET,
        },
        SO_ACCEPTCONN => c_int::from(kind & 16 != 0),
        SO_DOMAIN => AF_UNIX,
        SO_ERROR | SO_PROTOCOL => 0,
        SO_RCVBUF | SO_SNDBUF => BUFFER,
        _ => return Err(error(ENOPROTOOPT)),
    })
}

/// Who is at the other end: its process when it connected or listened, and the badge of the handle
/// of the service that it used, the lower half as user and the upper one as group.
fn peer(socket: Number) -> Result<ucred> {
    let mut room = [0; 16];
    ask_for(socket, &mut room, [unix::PEER, 0, 0])?;
    let [process, badge] = [0, 8].map(|at| {
        let word = room.get(at..).and_then(|rest| rest.first_chunk());
        word.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
    });
    Ok(ucred { pid: process as libc::pid_t, uid: badge as i32, gid: (badge >> 32) as i32 })
}

/// Tells an option of a socket; `ENOPROTOOPT` for those that there are not.
///
/// # Safety
/// C contract: `place` takes as many bytes as `length` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getsockopt(
    socket: c_int,
    level: c_int,
    option: c_int,
    place: *mut c_void,
    length: *mut socklen_t,
) -> c_int {
    let tell = |from: &[u8]| {
        // SAFETY: the contract.
        let room = unsafe { get(length) }? as usize;
        if place.is_null() {
            return Err(error(EFAULT));
        }
        let size = room.min(from.len());
        // SAFETY: the contract.
        let to = unsafe { bytes_mut(place, size) };
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        // SAFETY: the contract.
        unsafe { put(length, size as socklen_t) }
    };
    status((|| {
        let socket = fd(socket)?;
        if level != SOL_SOCKET {
            return Err(error(ENOPROTOOPT));
        }
        if option == SO_PEERCRED {
            let peer = peer(socket)?;
            // SAFETY: the bytes of three words.
            return tell(unsafe { bytes((&raw const peer).cast(), size_of::<ucred>()) });
        }
        if let Some(what) = waiting(option) {
            word(socket, SO_TYPE)?;
            const SIZE: socklen_t = size_of::<timeval>() as socklen_t;
            // SAFETY: the contract.
            if unsafe { get(length) }? < SIZE {
                return Err(error(EINVAL));
            }
            // SAFETY: the contract: there is room for it.
            unsafe { put(place.cast(), timeouts::get(socket, what)) }?;
            // SAFETY: the contract.
            return unsafe { put(length, SIZE) };
        }
        tell(&word(socket, option)?.to_ne_bytes())
    })())
}

/// The option about time that a number means.
fn waiting(option: c_int) -> Option<For> {
    match option {
        SO_RCVTIMEO => Some(For::Receiving),
        SO_SNDTIMEO => Some(For::Sending),
        _ => None,
    }
}

/// Changes an option of a socket: `SO_RCVTIMEO`, `SO_SNDTIMEO`. `ENOPROTOOPT` for all others.
///
/// # Safety
/// C contract: `length` bytes of `value` are readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setsockopt(
    socket: c_int,
    level: c_int,
    option: c_int,
    value: *const c_void,
    length: socklen_t,
) -> c_int {
    status((|| {
        let socket = fd(socket)?;
        word(socket, SO_TYPE)?;
        let what = waiting(option).filter(|_| level == SOL_SOCKET).ok_or(error(ENOPROTOOPT))?;
        if (length as usize) < size_of::<timeval>() {
            return Err(error(EINVAL));
        }
        // SAFETY: the contract: so many bytes are readable.
        timeouts::set(socket, what, &unsafe { get(value.cast::<timeval>()) }?)
    })())
}
