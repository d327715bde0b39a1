//! What a scheme daemon can do beyond the published crates.
#![expect(unsafe_code, reason = "calls into libc.a")]

use crate::c;
use crate::error::{Result, check};
use crate::handle::{AsNumber, Handle, owned};
#[cfg(feature = "scheme")]
use crate::{
    error::Error,
    handle::{Number, query},
};
pub use clavis_abi::params::endpoint_flags;
use clavis_abi::params::{MintParams, OUT_UPPER, RequestInfo};
#[cfg(feature = "scheme")]
use clavis_abi::{
    error::EINVAL,
    params::ObjectType,
    syscall::{CallFlags, schemev2::Cqe},
};
#[cfg(feature = "scheme")]
use redox_scheme::{Request, Socket};

/// Declares properties of the endpoint behind a socket ([`endpoint_flags`]).
///
/// # Errors
/// Refused without CONTROL; `EINVAL`.
pub fn declare(socket: &impl AsNumber, flags: u64) -> Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { c::clavis_declare(socket.number().raw(), flags) }).map(drop)
}

/// Makes a handle to an object of the server behind a socket.
///
/// # Errors
/// Refused without DERIVE; `EINVAL`.
pub fn mint(socket: &impl AsNumber, params: &MintParams) -> Result<Handle> {
    let number = socket.number().raw();
    // SAFETY: it reads the parameters.
    owned(unsafe { c::clavis_mint(number, &raw const *params, OUT_UPPER) })
}

/// What a server may know of a request beyond its Sqe.
///
/// # Errors
/// Refused without READ; `ENOENT` for a tag that is not pending.
pub fn request_info(socket: &impl AsNumber, tag: u32) -> Result<RequestInfo> {
    let mut info = RequestInfo::default();
    // SAFETY: it writes one RequestInfo.
    check(unsafe { c::clavis_request_info(socket.number().raw(), tag, &raw mut info) })?;
    Ok(info)
}

/// The socket of an endpoint that this process was given, as the published library takes it. It
/// closes the socket when it is dropped; there is one such value of a socket in a process.
///
/// # Errors
/// `EBADF`; `EINVAL` for what is no socket.
#[cfg(feature = "scheme")]
pub fn socket(number: Number) -> Result<Socket> {
    if query(&number)?.object != Some(ObjectType::Socket) {
        return Err(Error::from_errno(EINVAL));
    }
    // SAFETY: only the kernel writes what is read from a socket, so the addresses in it are true.
    Ok(unsafe { Socket::from_fd(libredox::Fd::new(number.raw())) })
}

/// Answers a request and waits for the next message, in one call: also with what the published
/// library has no answer for. `None`: the endpoint has ended.
///
/// # Errors
/// What the kernel answers. Where it refuses a forward the request is still to be answered; after
/// `EINTR`, or if the endpoint failed, it is not.
#[cfg(feature = "scheme")]
pub fn exchange(socket: &Socket, answer: &Cqe) -> Result<Option<Request>> {
    let mut next = Request::default();
    let start = (&raw mut next).cast::<u8>();
    // SAFETY: these are the bytes of a request, which is plain words, and nobody else looks at them
    // while they are borrowed.
    let bytes = unsafe { core::slice::from_raw_parts_mut(start, size_of::<Request>()) };
    for (to, from) in bytes.iter_mut().zip(answer.iter()) {
        *to = *from;
    }
    // One answer, and room for one request, which the kernel writes over it.
    let words = [0, 1, 1];
    let done = libredox::call::call_rw(socket.inner().raw(), bytes, CallFlags::empty(), &words);
    let done = done.map_err(|error| Error::from_errno(error.errno()))?;
    Ok((done == 2).then_some(next))
}
