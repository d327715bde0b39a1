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
use clavis_abi::{error::EINVAL, params::ObjectType};

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
pub fn socket(number: Number) -> Result<redox_scheme::Socket> {
    if query(&number)?.object != Some(ObjectType::Socket) {
        return Err(Error::from_errno(EINVAL));
    }
    // SAFETY: only the kernel writes what is read from a socket, so the addresses in it are true.
    Ok(unsafe { redox_scheme::Socket::from_fd(libredox::Fd::new(number.raw())) })
}
