//! A daemon that answers every request at once.
use clavis::Number;
use clavis::server::{declare, endpoint_flags};
use redox_scheme::scheme::{Op, SchemeState, SchemeSync, register_sync_scheme};
use redox_scheme::{
    CallRequest, CallerCtx, RequestKind, Response, SendFdRequest, SignalBehavior, Socket,
};
use std::process::ExitCode;
use syscall::StdFsCallMeta;
use syscall::error::{ENOSYS, EOPNOTSUPP, Error, Result};
use syscall::flag::StdFsCallKind;

/// How a server resolves the paths of opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// By node, from the directory's own node; it keeps paths beneath a directory when asked to.
    Structural,
    /// It makes no promise: opens that must stay beneath a directory reach it with one component.
    Flat,
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

    /// Takes handles that a client sends.
    ///
    /// # Errors
    /// `EOPNOTSUPP` unless the daemon takes any.
    fn receive_handles(&mut self, _socket: &Socket, _request: &SendFdRequest) -> Result<usize> {
        Err(Error::new(EOPNOTSUPP))
    }
}

/// Makes an endpoint.
///
/// # Errors
/// What the namespace and the kernel answer; `ENOENT` without the right to create schemes.
pub fn endpoint(resolution: Resolution) -> Result<Socket> {
    let socket = Socket::create()?;
    if resolution == Resolution::Structural {
        let number = Number::from_raw(socket.inner().raw());
        let declared = declare(&number, endpoint_flags::STRUCTURAL);
        declared.map_err(|error| Error::new(error.errno()))?;
    }
    Ok(socket)
}

/// Registers the scheme and serves it until its endpoint ends.
///
/// # Errors
/// What registering or the socket answers.
pub fn serve<S: Daemon>(socket: &Socket, name: &str, scheme: &mut S) -> Result<()> {
    register_sync_scheme(socket, name, scheme)?;
    let mut state = SchemeState::new();
    let mut next = socket.next_request(SignalBehavior::Restart)?;
    while let Some(request) = next {
        let response = match request.kind() {
            RequestKind::Call(call) => answer(scheme, &mut state, call),
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
                    // Everything is answered before the next receive: nothing is left to cancel.
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

fn answer<S: Daemon>(scheme: &mut S, state: &mut SchemeState, call: CallRequest) -> Response {
    let caller = call.caller();
    match call.op() {
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
    }
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
