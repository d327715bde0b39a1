//! The loop: one request after the other; reads and writes that have to wait are tried again when
//! something changed.
use crate::service::Service;
use redox_scheme::scheme::{SchemeSync, register_sync_scheme};
use redox_scheme::{RequestKind, Response, SignalBehavior};
use scheme_daemon::{Resolution, Waiting};
use std::collections::VecDeque;
use std::process::ExitCode;
use syscall::error::Result;

const NAME: &str = "unix";
const BEHAVIOR: SignalBehavior = SignalBehavior::Restart;

fn run() -> Result<()> {
    let socket = scheme_daemon::endpoint(Resolution::Flat)?;
    let mut service = Service::default();
    register_sync_scheme(&socket, NAME, &mut service)?;
    let mut waiting = Waiting::default();
    let mut replies = VecDeque::new();
    let mut next = socket.next_request(BEHAVIOR)?;
    while let Some(request) = next {
        let reply = match request.kind() {
            RequestKind::Call(call) => waiting.submit(&mut service, call),
            RequestKind::Cancellation(request) => waiting.cancel(&request),
            RequestKind::SendFd(request) => {
                let result = service.receive_handles(&socket, &request);
                Some(Response::new(result, request))
            }
            RequestKind::RecvFd(request) => {
                let result = service.hand_over(&socket, &request);
                Some(Response::open_dup_like(result, request))
            }
            RequestKind::OnClose { id } => {
                service.on_close(id);
                None
            }
            _ => None,
        };
        while service.has_changed() {
            service.announce(&mut replies);
            waiting.retry(&mut service, &mut replies);
        }
        while !replies.is_empty() {
            socket.write_responses(&mut replies, BEHAVIOR)?;
        }
        next = match reply {
            Some(reply) => socket.write_response_and_await_next_request(BEHAVIOR, reply)?.1,
            None => socket.next_request(BEHAVIOR)?,
        };
    }
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    scheme_daemon::exit(NAME, run())
}
