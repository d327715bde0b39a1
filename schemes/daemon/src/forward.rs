//! Answers that the published library has no name for, and answers from another thread.
use crate::Tag;
use clavis::abi::class::CQE_FORWARD;
use clavis::abi::params::ForwardParams;
use clavis::{AsNumber, Number, Rights};
use syscall::error::{Error, Result};
use syscall::schemev2::Cqe;

/// *Ask that handle instead*: the server is out of the way then.
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    /// The handle to ask (LOOKUP and FORWARD).
    pub to: Number,
    /// The path to ask it for.
    pub path: &'a str,
    /// Mask for the rights of the result.
    pub rights: Rights,
    /// Mask for its inherit mask.
    pub inherit: Rights,
    /// Handle flags that the result carries.
    pub flags: u64,
}

/// Passes a request on to another handle. The kernel has read everything when this returns; after
/// an error the request is still to be answered.
///
/// # Errors
/// `EKEYREJECTED` without the rights on the handle, `EKEYREVOKED` when its lease has ended,
/// `EINVAL` for a request that is no open or unlink.
pub fn forward(socket: &impl AsNumber, tag: Tag, forward: &Forward<'_>) -> Result<()> {
    let params = ForwardParams {
        fd: forward.to.raw() as u64,
        path: forward.path.as_ptr() as u64,
        path_len: forward.path.len() as u64,
        rights: forward.rights.bits(),
        inherit: forward.inherit.bits(),
        flags: forward.flags,
    };
    let result = &raw const params as u64;
    write(socket, &Cqe { flags: CQE_FORWARD, tag: tag.0, result, ..Cqe::default() })
}

/// Answers a request with a result, from any thread.
///
/// # Errors
/// What the socket answers.
pub fn answer(socket: &impl AsNumber, tag: Tag, result: Result<usize>) -> Result<()> {
    write(socket, &Cqe { tag: tag.0, result: Error::mux(result) as u64, ..Cqe::default() })
}

fn write(socket: &impl AsNumber, cqe: &Cqe) -> Result<()> {
    libredox::call::write(socket.number().raw(), cqe)?;
    Ok(())
}
