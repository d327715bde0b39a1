//! What a scheme daemon can do beyond the published crates.
#![expect(unsafe_code, reason = "calls into libc.a")]

use crate::c;
use crate::error::{Result, check};
use crate::handle::{AsNumber, Handle, owned};
pub use clavis_abi::params::endpoint_flags;
use clavis_abi::params::{MintParams, OUT_UPPER, RequestInfo};

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
