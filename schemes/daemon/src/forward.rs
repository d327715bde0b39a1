//! Answers that the published library has no name for, and answers from another thread.
use crate::Tag;
use clavis::abi::class::CQE_FORWARD;
use clavis::abi::params::ForwardParams;
use clavis::server::exchange;
use clavis::{AsNumber, Number, Rights};
use redox_scheme::{Request, SignalBehavior, Socket};
use syscall::error::{EINTR, Error, Result};
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
    /// Handle flags that the result carries, and open flags for who is asked
    /// ([`clavis::open_flags::FORWARDED`]).
    pub flags: u64,
}

impl Forward<'_> {
    fn params(&self) -> ForwardParams {
        ForwardParams {
            fd: self.to.raw() as u64,
            path: self.path.as_ptr() as u64,
            path_len: self.path.len() as u64,
            rights: self.rights.bits(),
            inherit: self.inherit.bits(),
            flags: self.flags,
        }
    }
}

/// Passes a request on to another handle. The kernel has read everything when this returns; after
/// an error the request is still to be answered.
///
/// # Errors
/// `EKEYREJECTED` without the rights on the handle, `EKEYREVOKED` when its lease has ended,
/// `EINVAL` for a request that is no open or unlink.
pub fn forward(socket: &impl AsNumber, tag: Tag, forward: &Forward<'_>) -> Result<()> {
    write(socket, &passed_on(tag, &forward.params()))
}

/// As [`forward`], and waits for the next message in the same call. `None`: the endpoint has ended.
///
/// # Errors
/// As [`forward`]; what the socket answers.
pub fn forward_and_wait(
    socket: &Socket,
    tag: Tag,
    forward: &Forward<'_>,
) -> Result<Option<Request>> {
    match exchange(socket, &passed_on(tag, &forward.params())) {
        // It was passed on before the wait.
        Err(error) if error.errno() == EINTR => socket.next_request(SignalBehavior::Restart),
        next => next.map_err(|error| Error::new(error.errno())),
    }
}

fn passed_on(tag: Tag, params: &ForwardParams) -> Cqe {
    let result = &raw const *params as u64;
    Cqe { flags: CQE_FORWARD, tag: tag.0, result, ..Cqe::default() }
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
