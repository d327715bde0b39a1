//! Requests that cannot be answered yet.
//!
//! A scheme says `EWOULDBLOCK` where its client has to wait; the request is kept and tried again
//! when something changed, in the order in which requests came. Each keeps a place of the endpoint
//! from others, so only so many may wait: beyond that the answer is `EAGAIN`, and C programs wait
//! for an event instead (libc does that by itself).
use redox_scheme::scheme::{Op, SchemeResponse, SchemeState, SchemeSync};
use redox_scheme::{CallRequest, CallerCtx, CancellationRequest, Response};
use std::collections::VecDeque;
use syscall::error::{EAGAIN, ECANCELED, ENOSYS, EWOULDBLOCK, Error, Result};

/// Requests that wait at most; the endpoint has places for others left.
const PARKED: usize = 64;

/// The requests that wait.
pub(crate) struct Waiting {
    requests: VecDeque<(CallerCtx, Op)>,
    state: SchemeState,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { requests: VecDeque::new(), state: SchemeState::new() }
    }
}

fn would_block<T>(result: &Result<T>) -> bool {
    matches!(result, Err(error) if error.errno == EWOULDBLOCK)
}

impl Waiting {
    /// Tries a request; `None` when it has to wait.
    pub(crate) fn submit(
        &mut self,
        scheme: &mut impl SchemeSync,
        call: CallRequest,
    ) -> Option<Response> {
        let caller = call.caller();
        match call.op() {
            Ok(op) => self.attempt(scheme, caller, op),
            Err(call) => Some(Response::new(Err(Error::new(ENOSYS)), call)),
        }
    }

    fn attempt(
        &mut self,
        scheme: &mut impl SchemeSync,
        caller: CallerCtx,
        mut op: Op,
    ) -> Option<Response> {
        Some(match op.handle_sync_dont_consume(&caller, scheme, &mut self.state) {
            SchemeResponse::Regular(result) if would_block(&result) => {
                if op.is_explicitly_nonblock() || self.requests.len() >= PARKED {
                    return Some(Response::new(Err(Error::new(EAGAIN)), op));
                }
                self.requests.push_back((caller, op));
                return None;
            }
            SchemeResponse::Regular(result) => Response::new(result, op),
            SchemeResponse::RegularAndNotifyOnDetach(result) => {
                Response::new_notify_on_detach(result, op)
            }
            SchemeResponse::Opened(result) => Response::open_dup_like(result, op),
        })
    }

    /// Tries all that wait once more.
    pub(crate) fn retry(&mut self, scheme: &mut impl SchemeSync, replies: &mut VecDeque<Response>) {
        for (caller, op) in std::mem::take(&mut self.requests) {
            replies.extend(self.attempt(scheme, caller, op));
        }
    }

    /// Gives up a request whose client no longer waits.
    pub(crate) fn cancel(&mut self, request: &CancellationRequest) -> Option<Response> {
        let found = self.requests.iter().position(|(caller, _)| caller.id == request.id)?;
        let (_, op) = self.requests.remove(found)?;
        Some(Response::new(Err(Error::new(ECANCELED)), op))
    }
}
