//! What stands between a program and what it uses: requests that came to a server of this
//! process, and the same requests made once more on handles that it holds.
#![expect(unsafe_code, reason = "reads the inbox that the kernel writes, calls into libc.a")]

use crate::c;
use crate::error::{Error, Result, check};
use crate::handle::{self, AsNumber, Handle, Number, owned, query};
use alloc::vec;
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::class::CQE_FORWARD;
use clavis_abi::error::{EINVAL, EIO, Error as Errno, mux};
use clavis_abi::params::{ForwardParams, OFFSET_OWN, OUT_LOWEST, ObjectType};
use clavis_abi::runtime::{NONE, RelayParams};
use clavis_abi::syscall::flag::SchemeSocketCall;
use clavis_abi::syscall::schemev2::{Cqe, CqeOpcode, Opcode, Sqe, SqeFlags};

/// The server's end of an endpoint, received from by all threads that have it.
#[derive(Debug)]
pub struct Receiver {
    socket: Handle,
}

/// A request that was delivered, or a notice. Its payload is its own until it is answered.
#[derive(Debug)]
pub struct Request {
    sqe: Sqe,
    /// The socket that it came through: there is its payload, and there it is answered.
    from: Number,
}

/// Opcodes whose first two arguments are a payload.
const WITH_PAYLOAD: &[Opcode] = &[
    Opcode::OpenAt,
    Opcode::UnlinkAt,
    Opcode::Dup,
    Opcode::Read,
    Opcode::Write,
    Opcode::Fpath,
    Opcode::Flink,
    Opcode::Frename,
    Opcode::Fstat,
    Opcode::Call,
    Opcode::StdFsCall,
];

impl Request {
    /// What is asked; `None` for what this crate does not know.
    #[must_use]
    pub fn opcode(&self) -> Option<Opcode> {
        Opcode::try_from_raw(self.sqe.opcode)
    }

    /// Number of the process that asks: information, never authority.
    #[must_use]
    pub fn process(&self) -> u64 {
        self.sqe.caller
    }

    /// What names the request until it is answered.
    #[must_use]
    pub fn tag(&self) -> u32 {
        self.sqe.tag
    }

    /// The server's number of the object that is asked.
    #[must_use]
    pub fn number(&self) -> usize {
        self.sqe.args[0] as usize
    }

    /// Its number of the second object of a call across two.
    #[must_use]
    pub fn second(&self) -> Option<usize> {
        let two = self.sqe.sqe_flags.contains(SqeFlags::MULTIPLE_IDS);
        two.then_some(self.sqe.args[5] as usize)
    }

    fn has_payload(&self) -> bool {
        WITH_PAYLOAD.iter().any(|opcode| *opcode as u8 == self.sqe.opcode)
    }

    /// The arguments behind the number of the object and the payload, if there is one.
    #[must_use]
    pub fn words(&self) -> [u64; 3] {
        let [_, a, b, c, d, e] = self.sqe.args;
        if self.has_payload() { [c, d, e] } else { [a, b, c] }
    }

    /// All arguments.
    #[must_use]
    pub fn args(&self) -> [u64; 6] {
        self.sqe.args
    }

    /// What came, and what goes back.
    pub fn payload(&mut self) -> &mut [u8] {
        let [_, address, length, ..] = self.sqe.args;
        if !self.has_payload() || length == 0 {
            return &mut [];
        }
        let start = core::ptr::with_exposed_provenance_mut::<u8>(address as usize);
        // SAFETY: the kernel delivered these words: the inbox has that many bytes there, mapped
        // readable and writable for the life of the process, and they belong to this request
        // until it is answered, which takes this value; it is borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(start, length as usize) }
    }
}

impl AsNumber for Receiver {
    fn number(&self) -> Number {
        self.socket.number()
    }
}

impl Receiver {
    /// The receiver of a socket; there is no other in this process.
    ///
    /// # Errors
    /// `EINVAL` for what is no socket.
    pub fn new(socket: Handle) -> Result<Receiver> {
        if query(&socket)?.object != Some(ObjectType::Socket) {
            return Err(Error::from_errno(EINVAL));
        }
        Ok(Receiver { socket })
    }

    /// Waits for a request or notice.
    ///
    /// # Errors
    /// `EINTR`; `EIO` when the endpoint has ended.
    pub fn receive(&self) -> Result<Request> {
        let mut sqe = Sqe::default();
        match handle::read(self.socket.number(), &mut sqe, OFFSET_OWN)? {
            length if length == size_of::<Sqe>() => Ok(Request { sqe, from: self.socket.number() }),
            _ => Err(Error::from_errno(EIO)),
        }
    }

    fn put(&self, cqe: &Cqe) -> Result<()> {
        handle::write(self.socket.number(), cqe, OFFSET_OWN).map(drop)
    }

    /// Puts an answer to a request of this receiver's own: another's with its tag would keep a payload
    /// that is no longer its.
    fn put_for(&self, request: &Request, cqe: Cqe) -> Result<()> {
        if request.from != self.socket.number() {
            return Err(Error::from_errno(EINVAL));
        }
        self.put(&Cqe { tag: request.sqe.tag, ..cqe })
    }

    /// Answers a request with a result.
    ///
    /// # Errors
    /// What the socket answers.
    pub fn answer(&self, request: Request, result: core::result::Result<usize, i32>) -> Result<()> {
        let result = mux(result.map_err(Errno::new)) as u64;
        self.put_for(&request, Cqe { result, ..Cqe::default() })
    }

    /// Answers an open or a dup with a handle of this process, which has a POSIX number.
    ///
    /// # Errors
    /// What the socket answers.
    pub fn hand_over(&self, request: Request, given: Handle) -> Result<()> {
        let flags = CqeOpcode::RespondWithFd as u8;
        let result = given.number().raw() as u64;
        // Its number stays taken until it is closed here.
        self.put_for(&request, Cqe { flags, result, ..Cqe::default() })
    }

    /// Sends an open or an unlink on to another handle: what comes of it is the client's. After an
    /// error the request is still to be answered.
    ///
    /// # Errors
    /// Refused without LOOKUP and FORWARD on the handle.
    pub fn forward(
        &self,
        mut request: Request,
        to: &impl AsNumber,
    ) -> core::result::Result<(), Request> {
        let path = request.payload();
        let params = ForwardParams {
            fd: to.number().raw() as u64,
            path: path.as_ptr() as u64,
            path_len: path.len() as u64,
            rights: Rights::all().bits(),
            inherit: Rights::all().bits(),
            flags: 0,
        };
        let result = &raw const params as u64;
        let put = self.put_for(&request, Cqe { flags: CQE_FORWARD, result, ..Cqe::default() });
        put.map_err(|_| request)
    }

    /// Tells who waits for events of an object what happened there.
    ///
    /// # Errors
    /// What the socket answers.
    pub fn post(&self, number: usize, events: usize) -> Result<()> {
        let flags = CqeOpcode::SendFevent as u8;
        self.put(&Cqe { flags, tag: events as u32, result: number as u64, ..Cqe::default() })
    }

    /// Takes the handles that came with a request.
    ///
    /// # Errors
    /// `EINVAL` for more than there are.
    pub fn obtain(&self, request: &Request, count: usize) -> Result<Vec<Handle>> {
        receive(&self.socket, count, [SchemeSocketCall::ObtainFd as u64, request.sqe.tag.into()])
    }

    /// Answers a request for handles with some of this process.
    ///
    /// # Errors
    /// Refused without TRANSFER on one; `EINVAL` for another number than were asked for.
    pub fn give(&self, request: Request, handles: Vec<Handle>) -> Result<()> {
        let tag = request.sqe.tag;
        let numbers: Vec<Number> = handles.iter().map(AsNumber::number).collect();
        let words = [SchemeSocketCall::MoveFd as u64, tag.into()];
        let moved =
            handle::send_numbers(self.socket.number(), &numbers, handle::Sending::Move, &words);
        let (flags, result) = match &moved {
            Ok(_) => (CqeOpcode::RespondWithMultipleFds as u8, numbers.len() as u64),
            Err(error) => (0, mux(Err(Errno::new(error.errno()))) as u64),
        };
        if moved.is_ok() {
            handles.into_iter().for_each(|handle| _ = handle.into_number());
        }
        self.put_for(&request, Cqe { flags, result, ..Cqe::default() })
    }
}

/// Receives that many handles through a channel, with two words of metadata.
///
/// # Errors
/// Refused without RECV_HANDLE; what the server answers.
pub fn receive(channel: &impl AsNumber, count: usize, words: [u64; 2]) -> Result<Vec<Handle>> {
    let mut numbers = vec![usize::MAX.to_ne_bytes(); count];
    let [first, second] = words;
    let words = [first, second, 0];
    relay(channel, None, Opcode::Recvfd, numbers.as_flattened_mut(), words)?;
    let taken = numbers.into_iter().map(usize::from_ne_bytes).filter(|&raw| raw != usize::MAX);
    Ok(taken.map(|raw| Handle::from_number(Number::from_raw(raw))).collect())
}

/// Sends handles away through a channel, with two words of metadata.
///
/// # Errors
/// As [`handle::send`]; after an error the handles are closed.
pub fn send(channel: &impl AsNumber, handles: Vec<Handle>, words: [u64; 2]) -> Result<usize> {
    let numbers: Vec<Number> = handles.iter().map(AsNumber::number).collect();
    let sent = handle::send_numbers(channel.number(), &numbers, handle::Sending::Move, &words)?;
    handles.into_iter().for_each(|handle| _ = handle.into_number());
    Ok(sent)
}

/// Makes a request once more on a handle of this process. `words` are the arguments behind the
/// payload; of a read or write the third says that the handle's own offset is moved and used.
///
/// # Errors
/// What the kernel and the server answer; `EOPNOTSUPP` for opcodes that are no requests of one
/// result.
pub fn relay(
    on: &impl AsNumber,
    second: Option<Number>,
    opcode: Opcode,
    payload: &mut [u8],
    words: [u64; 3],
) -> Result<usize> {
    if matches!(opcode, Opcode::OpenAt | Opcode::Dup) {
        return Err(Error::from_errno(EINVAL));
    }
    check(raw(on, second, opcode, payload, words))
}

/// Makes an open or a dup with a message once more; what it yields has the lowest free number.
///
/// # Errors
/// As [`relay`].
pub fn relay_open(
    on: &impl AsNumber,
    opcode: Opcode,
    payload: &mut [u8],
    flags: u64,
) -> Result<Handle> {
    if !matches!(opcode, Opcode::OpenAt | Opcode::Dup) {
        return Err(Error::from_errno(EINVAL));
    }
    owned(raw(on, None, opcode, payload, [flags, 0, 0]))
}

fn raw(
    on: &impl AsNumber,
    second: Option<Number>,
    opcode: Opcode,
    payload: &mut [u8],
    words: [u64; 3],
) -> usize {
    let params = RelayParams {
        handle: on.number().raw() as u64,
        second: second.map_or(NONE, |number| number.raw() as u64),
        opcode: opcode as u64,
        payload: payload.as_mut_ptr(),
        length: payload.len(),
        words,
        place: OUT_LOWEST,
    };
    // SAFETY: it reads the parameters, and reads and writes the payload, borrowed exclusively.
    unsafe { c::clavis_relay(&raw const params) }
}

/// Where the own offset of a handle is; `None` if it has none.
#[must_use]
pub fn offset(of: &impl AsNumber) -> Option<u64> {
    const FROM_HERE: usize = clavis_abi::syscall::flag::SEEK_CUR;
    // SAFETY: no memory is involved.
    let answer = unsafe { c::clavis_seek(of.number().raw(), 0, FROM_HERE) };
    check(answer).ok().map(|offset| offset as u64)
}

/// Moves the own offset of a handle.
///
/// # Errors
/// `ESPIPE` if it has none; refused without SEEK.
pub fn seek(of: &impl AsNumber, offset: u64) -> Result<()> {
    let offset = isize::try_from(offset).map_err(|_| Error::from_errno(EINVAL))?;
    // SAFETY: no memory is involved.
    check(unsafe { c::clavis_seek(of.number().raw(), offset, 0) }).map(drop)
}
