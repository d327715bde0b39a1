//! The server's end of a scheme endpoint, one request at a time: what a daemon needs that answers
//! by forwarding. (Daemons with `std` use the `redox-scheme` crate on the same calls.)
//!
//! A [`Request`] owns its payload in the inbox until it is answered, and only the kernel makes
//! requests: so safe code can look at a payload but never at one that was taken back.
#![expect(unsafe_code, reason = "reads the inbox that the kernel writes")]

use crate::handle::{Handle, Number};
use crate::sys;
use clavis_abi::Rights;
use clavis_abi::class::CQE_FORWARD;
use clavis_abi::error::{EAGAIN, EINTR, EINVAL, EIO, EKEYREJECTED, Error, Result, mux};
use clavis_abi::params::ForwardParams;
use core::ops::Range;
use syscall::flag::{CallFlags, SchemeSocketCall};
use syscall::schemev2::{Cqe, CqeOpcode, Opcode, Sqe};

/// Bytes of a request on the socket.
const SQE: usize = size_of::<Sqe>();

/// The server's end of an endpoint.
#[derive(Debug)]
pub struct Server {
    socket: Number,
}

/// A request that was delivered, or a notice.
#[derive(Debug)]
pub struct Request {
    sqe: Sqe,
}

/// Where the path of a forwarded request lies.
#[derive(Clone, Debug)]
pub enum ForwardPath<'a> {
    /// A part of the request's own payload.
    Payload(Range<usize>),
    /// Bytes of the server.
    Bytes(&'a [u8]),
}

/// How a request is answered.
#[derive(Debug)]
pub enum Answer<'a> {
    /// A result or an error.
    Result(Result<usize>),
    /// A handle of the server's, handed over.
    Handle(Handle),
    /// *Ask that handle instead.*
    Forward {
        /// The handle (LOOKUP and FORWARD).
        handle: Number,
        /// The path to ask it for.
        path: ForwardPath<'a>,
        /// Mask for the rights of the result.
        rights: Rights,
        /// Mask for its inherit mask.
        inherit: Rights,
        /// Handle flags that the result carries.
        flags: u64,
    },
}

impl Server {
    /// The server of a socket. There must be no other receiver of it in this process: a request
    /// belongs to the value that [`Server::receive`] returns.
    #[must_use]
    pub fn new(socket: Number) -> Server {
        Server { socket }
    }

    /// Waits for a request or notice.
    ///
    /// # Errors
    /// `EINTR`, `EAGAIN`; `EIO` when the endpoint has ended.
    pub fn receive(&self) -> Result<Request> {
        let mut bytes = [0; SQE];
        if sys::file::read(self.socket, &mut bytes)? != SQE {
            return Err(Error::new(EIO));
        }
        Ok(Request::from_bytes(&bytes))
    }

    /// Answers a request and waits for the next, in one call. The answer is committed before the
    /// wait: after an error go on with [`Server::receive`]. A forward that the kernel refuses
    /// becomes an error for the client.
    ///
    /// # Errors
    /// As [`Server::receive`].
    pub fn answer(&self, request: Request, answer: Answer<'_>) -> Result<Request> {
        let mut forward = None;
        let mut given = None;
        let mut cqe = Cqe { tag: request.sqe.tag, ..Cqe::default() };
        match answer {
            Answer::Result(result) => {
                cqe.flags = CqeOpcode::RespondRegular as u8;
                cqe.result = mux(result) as u64;
            }
            Answer::Handle(handle) => {
                cqe.flags = CqeOpcode::RespondWithFd as u8;
                cqe.result = handle.number().raw() as u64;
                given = Some(handle);
            }
            Answer::Forward { handle, path, rights, inherit, flags } => {
                let path = match path {
                    ForwardPath::Bytes(bytes) => bytes,
                    ForwardPath::Payload(range) => request.bytes().get(range).unwrap_or_default(),
                };
                let params = forward.insert(ForwardParams {
                    fd: handle.raw() as u64,
                    path: path.as_ptr() as u64,
                    path_len: path.len() as u64,
                    rights: rights.bits(),
                    inherit: inherit.bits(),
                    flags,
                });
                cqe.flags = CQE_FORWARD;
                cqe.result = &raw const *params as u64;
            }
        }
        let mut bytes = [0; SQE];
        let mut moved = self.exchange(&cqe, &mut bytes);
        if let (Err(refusal), CQE_FORWARD) = (moved, cqe.flags) {
            // A refused forward leaves the request here. If it was the wait that failed, the kernel
            // does not know the tag any more and swallows this answer.
            let errno = match refusal.errno {
                EINTR | EAGAIN => return Err(refusal),
                EKEYREJECTED | EINVAL => refusal.errno,
                _ => EIO,
            };
            cqe.flags = CqeOpcode::RespondRegular as u8;
            cqe.result = mux(Err(Error::new(errno))) as u64;
            moved = self.exchange(&cqe, &mut bytes);
        }
        if let (Some(handle), Ok(_)) = (given, &moved) {
            // Through this call its number is free at once.
            let _ = handle.into_number();
        }
        if moved? == 2 { Ok(Request::from_bytes(&bytes)) } else { Err(Error::new(EIO)) }
    }

    /// Whether a server that died had a request before this one.
    #[must_use]
    pub fn is_again(&self, request: &Request) -> bool {
        sys::clavis::request_info(self.socket, request.sqe.tag).is_ok_and(|info| info.again != 0)
    }

    fn exchange(&self, cqe: &Cqe, bytes: &mut [u8; SQE]) -> Result<usize> {
        for (to, from) in bytes.iter_mut().zip(cqe.iter()) {
            *to = *from;
        }
        let words = [SchemeSocketCall::ObtainFd as u64, 1, 1];
        sys::call::call_both(self.socket, bytes, CallFlags::empty(), &words)
    }

    /// Takes the one handle that came with a `Sendfd` request.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn take_handle(&self, request: &Request) -> Result<Handle> {
        let mut number = usize::MAX.to_ne_bytes();
        let words = [SchemeSocketCall::ObtainFd as u64, u64::from(request.sqe.tag)];
        sys::call::call_out(self.socket, &mut number, CallFlags::FD, &words)?;
        Ok(Handle::from_number(Number::from_raw(usize::from_ne_bytes(number))))
    }
}

impl Request {
    fn from_bytes(bytes: &[u8; SQE]) -> Request {
        let mut sqe = Sqe::default();
        sqe.copy_from_slice(bytes);
        Request { sqe }
    }

    /// The opcode, as a number.
    #[must_use]
    pub fn opcode(&self) -> u8 {
        self.sqe.opcode
    }

    /// Number of the process that asked: information, never authority.
    #[must_use]
    pub fn process(&self) -> u64 {
        self.sqe.caller
    }

    /// What names the request until it is answered.
    #[must_use]
    pub fn tag(&self) -> u32 {
        self.sqe.tag
    }

    /// Whether it says that nobody waits for the request with its tag any more. That request is
    /// still to be answered.
    #[must_use]
    pub fn is_cancellation(&self) -> bool {
        self.sqe.opcode == Opcode::Cancel as u8
    }

    /// The arguments.
    #[must_use]
    pub fn args(&self) -> [u64; 6] {
        self.sqe.args
    }

    /// Whether nobody waits for an answer.
    #[must_use]
    pub fn is_notice(&self) -> bool {
        matches!(
            Opcode::try_from_raw(self.sqe.opcode),
            Some(
                Opcode::CloseMsg | Opcode::Cancel | Opcode::Detach | Opcode::Munmap | Opcode::Msync
            )
        )
    }

    /// The payload: what came, and for classes that return one, what goes back.
    pub fn payload(&mut self) -> &mut [u8] {
        let bytes = self.bytes();
        let (start, length) = (bytes.as_ptr().cast_mut(), bytes.len());
        // SAFETY: as in `bytes`; this request is borrowed exclusively, and no other value has it.
        unsafe { core::slice::from_raw_parts_mut(start, length) }
    }

    fn bytes(&self) -> &[u8] {
        let [_, address, length, ..] = self.sqe.args;
        let has_payload = matches!(
            Opcode::try_from_raw(self.sqe.opcode),
            Some(
                Opcode::OpenAt
                    | Opcode::UnlinkAt
                    | Opcode::Dup
                    | Opcode::Read
                    | Opcode::Write
                    | Opcode::Fpath
                    | Opcode::Flink
                    | Opcode::Frename
                    | Opcode::Fstat
                    | Opcode::Call
                    | Opcode::StdFsCall
            )
        );
        if !has_payload || length == 0 {
            return &[];
        }
        let start = core::ptr::with_exposed_provenance::<u8>(address as usize);
        // SAFETY: the kernel delivered these words: the inbox has that many bytes there, mapped
        // readable and writable for the life of the process, and they belong to this request
        // until it is answered, which takes this value.
        unsafe { core::slice::from_raw_parts(start, length as usize) }
    }
}
