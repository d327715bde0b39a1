//! A daemon that answers every request at once.
use crate::forward::{Forward, forward_and_wait};
use clavis::Number;
use clavis::server::request_info;
use redox_scheme::scheme::{Op, SchemeState, SchemeSync, register_sync_scheme};
use redox_scheme::{
    CallRequest, CallerCtx, CancellationRequest, Id, OpenResult, Request, RequestKind, Response,
    SendFdRequest, SignalBehavior, Socket,
};
use std::hash::{Hash, Hasher};
use std::process::ExitCode;
use syscall::StdFsCallMeta;
use syscall::error::{ECANCELED, ENOSYS, EOPNOTSUPP, Error, Result};
use syscall::flag::StdFsCallKind;
use syscall::schemev2::NewFdFlags;

/// Names a request as long as it is not answered, beyond the life of the instance that has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag(pub u32);

impl Tag {
    /// That of a request. The library keeps it to itself, but hashes it.
    #[must_use]
    pub fn of(id: &Id) -> Tag {
        #[derive(Default)]
        struct Word(u32);
        impl Hasher for Word {
            fn write(&mut self, _: &[u8]) {}
            fn write_u32(&mut self, word: u32) {
                self.0 = word;
            }
            fn finish(&self) -> u64 {
                u64::from(self.0)
            }
        }
        let mut word = Word::default();
        id.hash(&mut word);
        Tag(word.0)
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// This result.
    Result(usize),
    /// A handle with this number, and what the kernel does for it.
    Opened(usize, NewFdFlags),
    /// It was begun: it is to be carried out once more, by a daemon that knows.
    Begun,
}

/// A scheme as this crate runs it.
pub trait Daemon: SchemeSync {
    /// Answers what concerns advisory locks: the library would keep them beyond their handles.
    ///
    /// # Errors
    /// `EOPNOTSUPP` unless the daemon has any.
    fn lock(
        &mut self,
        _id: usize,
        _kind: StdFsCallKind,
        _metadata: StdFsCallMeta,
        _payload: &mut [u8],
        _caller: &CallerCtx,
    ) -> Result<usize> {
        Err(Error::new(EOPNOTSUPP))
    }

    /// Where an open is passed on to, if it is passed on as it is. If that is refused the daemon is
    /// asked to open.
    fn passed_on<'a>(&self, _number: usize, _path: &'a str, _flags: u64) -> Option<Forward<'a>> {
        None
    }

    /// What came of a request with that tag, if an earlier instance carried it out and may not have
    /// answered it.
    fn done(&mut self, _tag: Tag) -> Option<Done> {
        None
    }

    /// A request is about to be carried out.
    fn begin(&mut self, _tag: Tag) {}

    /// A request that an earlier instance had begun is about to be carried out.
    fn resume(&mut self, _tag: Tag) {}

    /// Takes handles that a client sends.
    ///
    /// # Errors
    /// `EOPNOTSUPP` unless the daemon takes any.
    fn receive_handles(&mut self, _socket: &Socket, _request: &SendFdRequest) -> Result<usize> {
        Err(Error::new(EOPNOTSUPP))
    }
}

/// Registers the scheme and serves it until its endpoint ends.
///
/// # Errors
/// What registering or the socket answers.
pub fn serve<S: Daemon>(socket: &Socket, name: &str, scheme: &mut S) -> Result<()> {
    register_sync_scheme(socket, name, scheme)?;
    answer_all(socket, scheme)
}

/// Serves a scheme that is registered, or whose root was handed out otherwise.
///
/// # Errors
/// What the socket answers.
pub fn answer_all<S: Daemon>(socket: &Socket, scheme: &mut S) -> Result<()> {
    let mut state = SchemeState::new();
    let mut next = socket.next_request(SignalBehavior::Restart)?;
    while let Some(request) = next {
        let response = match request.kind() {
            RequestKind::Call(call) => {
                let tag = Tag::of(&call.request_id());
                match done_before(socket, scheme, tag) {
                    Some(Done::Result(result)) => Response::ok(result, call),
                    Some(Done::Opened(number, flags)) => {
                        let opened = OpenResult::ThisScheme { number, flags };
                        Response::open_dup_like(Ok(opened), call)
                    }
                    Some(Done::Begun) | None => match answer(socket, scheme, &mut state, call) {
                        Answered::Here(response) => response,
                        Answered::PassedOn(request) => {
                            next = request;
                            continue;
                        }
                    },
                }
            }
            RequestKind::SendFd(request) => {
                Response::new(scheme.receive_handles(socket, &request), request)
            }
            RequestKind::RecvFd(request) => {
                Response::open_dup_like(scheme.on_recvfd(&request), request)
            }
            notice => {
                match notice {
                    RequestKind::OnClose { id } => scheme.on_close(id),
                    RequestKind::OnDetach { id, pid } => {
                        if let Ok(inode) = scheme.inode(id) {
                            state.on_detach(id, inode, pid);
                        }
                    }
                    RequestKind::Cancellation(request) => cancelled(socket, scheme, &request)?,
                    _ => {}
                }
                next = socket.next_request(SignalBehavior::Restart)?;
                continue;
            }
        };
        let behavior = SignalBehavior::Restart;
        (_, next) = socket.write_response_and_await_next_request(behavior, response)?;
    }
    Ok(())
}

/// What came of a request, if an earlier instance had it. One that is not done begins here.
#[inline]
fn done_before<S: Daemon>(socket: &Socket, scheme: &mut S, tag: Tag) -> Option<Done> {
    let done = scheme.done(tag).filter(|_| is_again(socket, tag));
    match done {
        None => scheme.begin(tag),
        Some(Done::Begun) => scheme.resume(tag),
        Some(Done::Result(_) | Done::Opened(..)) => {}
    }
    done
}

/// Nobody waits for a request of an earlier instance any more: it is answered all the same, so
/// that the kernel undoes what it made. Requests of this instance are answered before the next
/// receive.
fn cancelled<S: Daemon>(
    socket: &Socket,
    scheme: &mut S,
    request: &CancellationRequest,
) -> Result<()> {
    let tag = Tag::of(&request.id);
    let result = match scheme.done(tag).filter(|_| is_again(socket, tag)) {
        Some(Done::Result(result) | Done::Opened(result, _)) => Ok(result),
        Some(Done::Begun) | None => Err(Error::new(ECANCELED)),
    };
    crate::forward::answer(&Number::from_raw(socket.inner().raw()), tag, result)
}

/// Whether a server that died had a request before this one.
fn is_again(socket: &Socket, tag: Tag) -> bool {
    let number = Number::from_raw(socket.inner().raw());
    request_info(&number, tag.0).is_ok_and(|info| info.again != 0)
}

/// What became of a request.
enum Answered {
    /// It is answered with this.
    Here(Response),
    /// Somebody else is asked instead; this is the next.
    PassedOn(Option<Request>),
}

fn answer<S: Daemon>(
    socket: &Socket,
    scheme: &mut S,
    state: &mut SchemeState,
    call: CallRequest,
) -> Answered {
    let (caller, tag) = (call.caller(), Tag::of(&call.request_id()));
    Answered::Here(match call.op() {
        Ok(Op::OpenAt(open)) => {
            if let Some(forward) = scheme.passed_on(open.fd, open.path(), *open.flags() as u64)
                && let Ok(next) = forward_and_wait(socket, tag, &forward)
            {
                return Answered::PassedOn(next);
            }
            Op::OpenAt(open).handle_sync(caller, scheme, state)
        }
        Ok(Op::StdFsCall(mut request)) => match lock_metadata(request.metadata()) {
            Some((kind, metadata)) => {
                let id = request.fd();
                let result = scheme.lock(id, kind, metadata, request.payload(), &caller);
                Response::new(result, Op::StdFsCall(request))
            }
            None => Op::StdFsCall(request).handle_sync(caller, scheme, state),
        },
        Ok(op) => op.handle_sync(caller, scheme, state),
        Err(call) => Response::new(Err(Error::new(ENOSYS)), call),
    })
}

/// What a request about an advisory lock says; `None` for others.
fn lock_metadata(words: &[u64]) -> Option<(StdFsCallKind, StdFsCallMeta)> {
    let &[kind, first, second, ..] = words else { return None };
    let kind = StdFsCallKind::try_from_raw(u8::try_from(kind).ok()?)?;
    let about_locks =
        matches!(kind, StdFsCallKind::Lock | StdFsCallKind::Unlock | StdFsCallKind::GetLock);
    about_locks.then(|| (kind, StdFsCallMeta::new(kind, first, second)))
}

/// The exit code of a daemon that ended, with a line about why.
pub fn exit(name: &str, result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: cannot serve: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Copies as much of a path as fits; the answer is how much that was.
pub fn copy_path(path: &str, out: &mut [u8]) -> usize {
    out.iter_mut().zip(path.bytes()).for_each(|(to, from)| *to = from);
    path.len().min(out.len())
}
