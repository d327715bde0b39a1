//! A daemon whose requests may have to wait for something that happens later: after each request,
//! what waits is tried again.
use crate::waiting::Waiting;
use redox_scheme::scheme::{SchemeSync, register_sync_scheme};
use redox_scheme::{
    OpenResult, RecvFdRequest, Request, RequestKind, Response, SendFdRequest, SignalBehavior,
    Socket,
};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use syscall::error::{EOPNOTSUPP, Error, Result};

const BEHAVIOR: SignalBehavior = SignalBehavior::Restart;

/// A scheme that answers `EWOULDBLOCK` to a request that has to wait.
pub trait Patient: SchemeSync {
    /// Whether anything changed that was not announced yet.
    fn has_changed(&self) -> bool;

    /// Tells the kernel which handles are ready for what it asked about.
    fn announce(&mut self, replies: &mut VecDeque<Response>);

    /// Takes handles that a client sends.
    ///
    /// # Errors
    /// `EOPNOTSUPP` unless the daemon takes any.
    fn receive_handles(&mut self, _socket: &Socket, _request: &SendFdRequest) -> Result<usize> {
        Err(Error::new(EOPNOTSUPP))
    }

    /// Gives handles that a client asks for.
    ///
    /// # Errors
    /// `EOPNOTSUPP` unless the daemon gives any.
    fn hand_over(&mut self, _socket: &Socket, _request: &RecvFdRequest) -> Result<OpenResult> {
        Err(Error::new(EOPNOTSUPP))
    }
}

/// A scheme, and the requests that wait for it.
pub struct Attended<S> {
    /// The scheme.
    pub scheme: S,
    waiting: Waiting,
}

impl<S: Patient> Attended<S> {
    /// A scheme that nobody waits for.
    pub fn new(scheme: S) -> Self {
        Self { scheme, waiting: Waiting::default() }
    }

    /// Carries a request out. `None`: there is no answer, or not yet.
    pub fn hear(&mut self, socket: &Socket, request: Request) -> Option<Response> {
        let Self { scheme, waiting } = self;
        match request.kind() {
            RequestKind::Call(call) => waiting.submit(scheme, call),
            RequestKind::Cancellation(request) => waiting.cancel(&request),
            RequestKind::SendFd(request) => {
                Some(Response::new(scheme.receive_handles(socket, &request), request))
            }
            RequestKind::RecvFd(request) => {
                Some(Response::open_dup_like(scheme.hand_over(socket, &request), request))
            }
            RequestKind::OnClose { id } => {
                scheme.on_close(id);
                None
            }
            _ => None,
        }
    }

    /// Tries what waits again, until nothing changes any more.
    pub fn settle(&mut self, replies: &mut VecDeque<Response>) {
        while self.scheme.has_changed() {
            self.scheme.announce(replies);
            self.waiting.retry(&mut self.scheme, replies);
        }
    }
}

/// Sends answers that became possible.
///
/// # Errors
/// What the socket answers.
pub fn reply(socket: &Socket, replies: &mut VecDeque<Response>) -> Result<()> {
    while !replies.is_empty() {
        socket.write_responses(replies, BEHAVIOR)?;
    }
    Ok(())
}

/// Access to a scheme that several threads have.
pub fn lock<S>(shared: &Mutex<Attended<S>>) -> MutexGuard<'_, Attended<S>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Registers a scheme and serves it until its endpoint ends.
///
/// # Errors
/// What registering or the socket answers.
pub fn serve_patient<S: Patient>(
    socket: &Socket,
    name: &str,
    shared: &Mutex<Attended<S>>,
) -> Result<()> {
    register_sync_scheme(socket, name, &mut lock(shared).scheme)?;
    let mut replies = VecDeque::new();
    let mut next = socket.next_request(BEHAVIOR)?;
    while let Some(request) = next {
        let mut state = lock(shared);
        let answer = state.hear(socket, request);
        state.settle(&mut replies);
        drop(state);
        reply(socket, &mut replies)?;
        next = match answer {
            Some(answer) => socket.write_response_and_await_next_request(BEHAVIOR, answer)?.1,
            None => socket.next_request(BEHAVIOR)?,
        };
    }
    Ok(())
}
