//! A daemon that answers every request at once.
use clavis::Number;
use clavis::server::{declare, endpoint_flags};
use redox_scheme::scheme::{SchemeState, SchemeSync, register_sync_scheme};
use redox_scheme::{RequestKind, Response, SendFdRequest, SignalBehavior, Socket};
use std::process::ExitCode;
use syscall::error::{EOPNOTSUPP, Error, Result};

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
            RequestKind::Call(call) => call.handle_sync(scheme, &mut state),
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
