//! From the queue to a server: reading a socket.
use super::send::Address;
use crate::prelude::*;
use clavis_abi::syscall::schemev2::Opcode;

/// What a receiving thread wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receive {
    /// Where.
    pub endpoint: EndpointId,
    /// Where the requests go.
    pub to: UserSlice,
    /// How many at most.
    pub most: usize,
    /// Add this to the count in the result: answers written by the same call.
    pub written: usize,
    /// The result counts requests, not bytes.
    pub count: bool,
    /// Where the inbox lies in the receiving process; 0: not known yet.
    pub base: u64,
}

impl Receive {
    /// What the call returns when it took that many requests.
    #[inline]
    pub(crate) fn result(&self, taken: usize) -> usize {
        let n = self.written + taken;
        if self.count { n } else { n * SQE }
    }
}

const SQE: usize = size_of::<Sqe>();

/// Tag of a message that awaits no answer; answers with it are ignored.
pub const NOTICE_TAG: u32 = u32::MAX;

/// The notice that nobody has a description of an object any more.
pub(super) fn close_sqe(description: &Description) -> Sqe {
    let number = match description.object {
        Object::Scheme(object) => object.number,
        _ => 0,
    };
    Sqe {
        opcode: Opcode::CloseMsg as u8,
        sqe_flags: SqeFlags::ONEWAY,
        tag: NOTICE_TAG,
        args: [number, 0, 0, 0, 0, 0],
        ..Sqe::default()
    }
}

impl<M: Machine> Kernel<M> {
    /// Reads requests from a socket; waits for the first.
    pub(crate) fn socket_read(
        &mut self,
        caller: &Caller,
        endpoint: EndpointId,
        to: UserSlice,
        nonblock: bool,
    ) -> Reply {
        let most = (to.len / SQE).min(SOCKET_BATCH);
        refuse_if(most == 0, EINVAL)?;
        let receive = Receive { endpoint, to, most, written: 0, count: false, base: 0 };
        self.receive_or_wait(caller, receive, nonblock)
    }

    /// Takes requests, or waits for the first.
    pub(crate) fn receive_or_wait(
        &mut self,
        caller: &Caller,
        receive: Receive,
        nonblock: bool,
    ) -> Reply {
        refuse_if(nonblock && !self.endpoints[receive.endpoint].has_messages(), EAGAIN)?;
        self.receive(caller, receive)
    }

    /// Takes requests in the server's own context.
    pub(crate) fn receive(&mut self, caller: &Caller, mut receive: Receive) -> Reply {
        let at = receive.endpoint;
        let Some(endpoint) = self.endpoints.get(at).filter(|endpoint| endpoint.sockets > 0) else {
            return Err(Error::new(EBADF));
        };
        if endpoint.in_hand.is_some() {
            self.notice_done(at);
            return self.receive(caller, receive);
        }
        let known =
            if receive.base == 0 { self.inbox_known(caller, at) } else { Some(receive.base) };
        let endpoint = &self.endpoints[at];
        if let Some(base) = known {
            receive.base = base;
            if !endpoint.has_messages() {
                return Ok(self.receive_later(caller, receive));
            }
        } else {
            receive.base = match self.inbox_map(caller, at) {
                Ok(base) => base,
                Err(error) => {
                    self.receivers_nudge(at);
                    return Err(error);
                }
            };
        }
        let mut taken = 0;
        while taken < receive.most {
            let to = receive.to.part(taken * SQE, SQE).address;
            match self.take_message(caller, at, receive.base, to) {
                Ok(true) => taken += 1,
                Ok(false) => break,
                Err(error) if taken == 0 => {
                    self.receivers_nudge(at);
                    return Err(error);
                }
                Err(_) => break,
            }
        }
        if taken > 0 {
            let endpoint = &self.endpoints[at];
            if endpoint.has_messages() && !endpoint.receivers.is_empty() {
                // Several close notices wake one thread: it wakes the next.
                self.receivers_nudge(at);
            }
            return Ok(Outcome::Done(receive.result(taken)));
        }
        Ok(self.receive_later(caller, receive))
    }

    /// Lets a server wait for requests.
    fn receive_later(&mut self, caller: &Caller, receive: Receive) -> Outcome {
        let at = receive.endpoint;
        let Self { endpoints, threads, .. } = self;
        let thread = &mut threads[caller.thread];
        thread.resume = Resume::Receive(receive);
        // It serves nobody of a higher priority any more.
        thread.priority = thread.base;
        let last = endpoints[at].receivers.append(caller.thread, thread);
        List::<_, 0>::join(threads, last, caller.thread);
        self.block(caller.thread, Blocked::Receive(at));
        Outcome::Wait
    }

    /// Stores the oldest message of an endpoint in the server's memory: it is the server's then.
    /// False: there is none, or the server has to be done with a notice first.
    ///
    /// # Errors
    /// The server's memory cannot be written: the message stays the first.
    fn take_message(
        &mut self,
        caller: &Caller,
        at: EndpointId,
        base: u64,
        to: u64,
    ) -> Result<bool> {
        let endpoint = &self.endpoints[at];
        if endpoint.in_hand.is_some() {
            return Ok(false);
        }
        let request = endpoint.queue.front();
        if endpoint.has_notices()
            && let Some((order, notice)) = self.next_notice(at)
            && request.is_none_or(|id| order < self.requests[id].order)
        {
            return self.take_notice(caller, at, notice, to);
        }
        match request {
            Some(id) => self.take_request(caller, at, id, base, to),
            None => Ok(false),
        }
    }

    /// The oldest notice of an endpoint, and its place among the messages.
    fn next_notice(&self, id: EndpointId) -> Option<(u64, Notice)> {
        let Endpoint { closes, detaches, unmaps, .. } = &self.endpoints[id];
        let close = closes.front();
        let close = close.map(|id| (self.descriptions[id].close_order, Notice::Close(id)));
        let detach = detaches.front();
        let detach = detach.map(|id| (self.descriptions[id].detach_order, Notice::Detach(id)));
        let unmap = unmaps.front().map(|id| (self.grants[id].order, Notice::Unmap(id)));
        [close, detach, unmap].into_iter().flatten().min_by_key(|(order, _)| *order)
    }

    #[inline]
    fn take_request(
        &mut self,
        caller: &Caller,
        at: EndpointId,
        id: RequestId,
        base: u64,
        to: u64,
    ) -> Result<bool> {
        let request = &mut self.requests[id];
        let tag = self.endpoints[at].tag_of(request.place);
        request.address(Address { place: request.place, tag, base });
        let mut sqe = request.sqe;
        if request.caller.is_none() {
            let (opcode, sqe_flags) = (Opcode::Cancel as u8, SqeFlags::ONEWAY);
            sqe = Sqe { opcode, sqe_flags, tag, caller: sqe.caller, ..Sqe::default() };
        }
        self.write_user(caller.space, to, &sqe)?;
        let Self { endpoints, requests, threads, .. } = self;
        let request = &mut requests[id];
        if request.stage == Stage::Queued {
            request.stage = Stage::Delivered;
            request.server = Some(caller.process);
        }
        if let Some(client) = request.caller
            && let Some((client, server)) = threads.pair_mut(client, caller.thread)
        {
            server.priority = server.priority.max(client.priority);
        }
        let endpoint = &mut endpoints[at];
        endpoint.turn = request.turn;
        endpoint.taker = Some(caller.thread);
        let link = endpoint.queue.detach(request);
        List::<_, 0>::mend(requests, link);
        Ok(true)
    }

    fn take_notice(
        &mut self,
        caller: &Caller,
        at: EndpointId,
        notice: Notice,
        to: u64,
    ) -> Result<bool> {
        let sqe = match notice {
            Notice::Close(id) => close_sqe(&self.descriptions[id]),
            Notice::Detach(id) => {
                let description = &self.descriptions[id];
                let (opcode, process) = (Opcode::Detach as u8, u64::from(description.detached));
                Sqe { opcode, caller: process, ..close_sqe(description) }
            }
            Notice::Unmap(id) => {
                let Grant { number, offset, len, flags, .. } = self.grants[id];
                Sqe {
                    opcode: Opcode::Munmap as u8,
                    sqe_flags: SqeFlags::empty(),
                    tag: NOTICE_TAG,
                    caller: u64::from(id.generation()) << 32 | u64::from(id.index()),
                    args: [number, len, flags, offset, 0, 0],
                    ..Sqe::default()
                }
            }
        };
        self.write_user(caller.space, to, &sqe)?;
        let Self { endpoints, descriptions, grants, .. } = self;
        let endpoint = &mut endpoints[at];
        match notice {
            Notice::Close(id) => endpoint.closes.remove(descriptions, id),
            Notice::Detach(id) => endpoint.detaches.remove(descriptions, id),
            Notice::Unmap(id) => endpoint.unmaps.remove(grants, id),
        }
        self.notice_taken(at, notice);
        Ok(true)
    }

    /// A server has a notice. One that adopts has to come back before the notice is forgotten.
    pub(super) fn notice_taken(&mut self, at: EndpointId, notice: Notice) {
        if let Notice::Detach(_) = notice {
            return;
        }
        self.endpoints[at].in_hand = Some(notice);
        if self.endpoints[at].flags & endpoint_flags::ADOPT == 0 {
            self.notice_done(at);
        }
    }

    /// The request with that tag, if that process has it.
    #[inline]
    pub(crate) fn request_by_tag(
        &self,
        caller: &Caller,
        endpoint: EndpointId,
        wanted: u32,
    ) -> Result<RequestId> {
        let (_, id) = self.endpoints[endpoint].holder_of(wanted).ok_or(Error::new(ENOENT))?;
        let Request { stage, server, .. } = self.requests[id];
        if stage == Stage::Delivered && server == Some(caller.process) {
            Ok(id)
        } else {
            Err(Error::new(ENOENT))
        }
    }
}
