//! From the call to the queue: a place, a payload, a message.
use super::endpoint::EndpointId;
use super::request::{Opening, Output, Request, RequestId, Stage, Wanted};
use super::transfer::BatchId;
use crate::event::{READABLE, RegistrationId, Source};
use crate::handle::Handle;
use crate::handle::description::SchemeObject;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::memory::PAGE;
use crate::memory::user::{Direction, UserSlice};
use crate::run::{Caller, Outcome, Reply};
use crate::task::process::process_number;
use crate::task::thread::{Blocked, Resume};
use clavis_abi::class::Class;
use clavis_abi::error::{EAGAIN, EMSGSIZE, Error, Result};
use clavis_abi::limits::{ENDPOINT_DEPTH, PAYLOAD_MAX, QUANTUM_BYTES};
use clavis_abi::params::handle_flags;

/// Where a payload comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PayloadFrom {
    /// There is none, or only an answer.
    Absent,
    /// The caller's buffer.
    User,
    /// The first bytes of the kernel's scratch page, already validated.
    Scratch,
    /// Zeroes.
    Zero,
}

/// Everything about a message that its call decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    pub(crate) class: Class,
    pub(crate) handle: Handle,
    pub(crate) object: SchemeObject,
    pub(crate) args: [u64; 6],
    pub(crate) sqe_flags: u8,
    pub(crate) user: UserSlice,
    pub(crate) len: usize,
    pub(crate) payload: PayloadFrom,
    pub(crate) output: Output,
    pub(crate) nonblock: bool,
    pub(crate) positioned: bool,
    pub(crate) seek: Option<i64>,
}

impl Message {
    /// A message of a class, without payload.
    pub(crate) fn new(class: Class, handle: Handle, object: SchemeObject) -> Self {
        Self {
            class,
            handle,
            object,
            args: [object.number, 0, 0, 0, 0, object.badge],
            sqe_flags: 0,
            user: UserSlice::default(),
            len: 0,
            payload: PayloadFrom::Absent,
            output: Output::Nothing,
            nonblock: false,
            positioned: false,
            seek: None,
        }
    }
}

/// What a request will make when it is answered. Given back when the request is not made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Makes {
    pub(crate) opening: Option<Opening>,
    pub(crate) wanted: Option<Wanted>,
    pub(crate) batch: Option<BatchId>,
    pub(crate) registration: Option<(RegistrationId, u8)>,
}

impl Request {
    /// Writes a message over what an earlier request left, field by field. What that was to make
    /// was taken from it when it ended.
    #[inline(always)]
    pub(super) fn write(&mut self, caller: &Caller, message: &Message, place: u8) {
        debug_assert!(!self.makes_something(), "a request ended with what it was to make");
        let Message { handle, object, .. } = message;
        self.class = message.class;
        self.stage = Stage::Filling;
        self.caller = Some(caller.thread);
        self.payer = caller.account;
        self.endpoint = Some(object.endpoint);
        self.place = place;
        self.args = message.args;
        self.sqe_flags = message.sqe_flags;
        self.process_number = process_number(caller.process);
        self.badge = object.badge;
        self.rights = handle.rights;
        self.user = message.user;
        self.len = message.len;
        self.page = usize::from(place);
        self.bulk = 0;
        self.moved = 0;
        self.output = message.output;
        self.result = 0;
        self.through = handle.description;
        self.positioned = message.positioned;
        self.confined = handle.flags & handle_flags::STICKY as u32;
        self.seek = message.seek;
        self.forwards = 0;
        self.redelivered = false;
        self.server = None;
        self.nonblock = message.nonblock;
    }
}

impl Makes {
    #[inline(always)]
    pub(super) fn put_into(&self, request: &mut Request) {
        let Makes { opening, wanted, batch, registration } = *self;
        if opening.is_some() {
            request.opening = opening;
        }
        if wanted.is_some() {
            request.wanted = wanted;
        }
        if batch.is_some() {
            request.batch = batch;
        }
        if registration.is_some() {
            request.registration = registration;
        }
    }
}

impl<M: Machine> Kernel<M> {
    fn wait_for_admission(&mut self, caller: &Caller, endpoint: EndpointId, resume: Resume) {
        self.threads[caller.thread].resume = resume;
        let Self { endpoints, threads, .. } = self;
        endpoints[endpoint].admission.push_back(threads, caller.thread);
        self.block(caller.thread, Blocked::Admission(endpoint));
    }

    /// Sends a message whose answer makes nothing.
    #[inline]
    pub(crate) fn send(&mut self, caller: &Caller, message: &Message) -> Reply {
        if self.send_direct(caller, message, &Makes::default()) {
            return Ok(Outcome::Switched);
        }
        self.submit(caller, message, |_| Ok(Makes::default()))
    }

    /// Sends a message whose answer makes what was set aside for it.
    pub(crate) fn send_made(&mut self, caller: &Caller, message: &Message, makes: Makes) -> Reply {
        if self.send_direct(caller, message, &makes) {
            return Ok(Outcome::Switched);
        }
        let mut is_sent = false;
        let reply = self.submit(caller, message, |_| {
            is_sent = true;
            Ok(makes)
        });
        if !is_sent {
            self.makes_cancel(&makes);
        }
        reply
    }

    /// Sends a message by the queue: takes a place, makes the request, copies the payload, queues
    /// it, and lets the caller wait. `makes` runs once the message is admitted, and can still fail.
    pub(crate) fn submit(
        &mut self,
        caller: &Caller,
        message: &Message,
        makes: impl FnOnce(&mut Self) -> Result<Makes>,
    ) -> Reply {
        if message.len > PAYLOAD_MAX {
            return Err(Error::new(EMSGSIZE));
        }
        if self.orphans > 0 && self.is_over_requests(caller.account) {
            return Err(Error::new(clavis_abi::error::EDQUOT));
        }
        let endpoint = message.object.endpoint;
        let mut room = None;
        let mut bulk = 0;
        if let Some(place) = self.place_take(&message.object, caller.thread)? {
            room = Some((place, usize::from(place)));
            if message.len > PAGE as usize {
                bulk = message.len.div_ceil(PAGE as usize);
                room = self.bulk_take(endpoint, bulk).map(|first| (place, ENDPOINT_DEPTH + first));
                if room.is_none() {
                    self.place_release(endpoint, place);
                }
            }
        }
        let Some((place, page)) = room else {
            if message.nonblock {
                return Err(Error::new(EAGAIN));
            }
            self.wait_for_admission(caller, endpoint, Resume::Retry);
            return Ok(Outcome::Wait);
        };
        let made = match self.requests.reserve(&mut self.machine) {
            Ok(()) => makes(self),
            Err(error) => Err(error.into()),
        };
        let makes = match made {
            Ok(makes) => makes,
            Err(error) => {
                if bulk > 0 {
                    self.bulk_release(endpoint, page - ENDPOINT_DEPTH, bulk);
                }
                self.place_release(endpoint, place);
                return Err(error);
            }
        };
        let handle = &message.handle;
        let blank = || Request::blank(caller.account, handle.description);
        let (id, request) = self.requests.renew(&mut self.machine, blank)?;
        request.write(caller, message, place);
        request.page = page;
        request.bulk = bulk;
        makes.put_into(request);
        let endpoint = &mut self.endpoints[endpoint];
        endpoint.refs = endpoint.refs.wrapping_add(1);
        if let Some(at) = endpoint.places.get_mut(usize::from(place)) {
            at.request = Some(id);
        }
        let through = &mut self.descriptions[message.handle.description];
        through.refs = through.refs.wrapping_add(1);
        through.busy |= message.positioned;
        match message.payload {
            PayloadFrom::User if message.len > 0 => return self.send_on(caller, id),
            PayloadFrom::Absent | PayloadFrom::User => {}
            PayloadFrom::Scratch | PayloadFrom::Zero => {
                if let Err(error) = self.put_payload(id, message.payload) {
                    self.request_free(id);
                    return Err(error);
                }
            }
        }
        Ok(self.launch(caller, id))
    }

    /// Writes a payload of at most a page that the kernel holds into its inbox page.
    pub(crate) fn put_payload(&mut self, id: RequestId, payload: PayloadFrom) -> Result<()> {
        let Request { endpoint, page, len, .. } = self.requests[id];
        let Some(endpoint) = endpoint else { return Ok(()) };
        let inbox = self.endpoints[endpoint].inbox;
        self.memory_populate(inbox, page as u64)?;
        let Self { memories, machine, scratch, .. } = self;
        if let Some(frame) = memories[inbox].frame_mut(page as u64) {
            match (payload, scratch.get(..len)) {
                (PayloadFrom::Scratch, Some(bytes)) => machine.frame_write(frame, 0, bytes),
                _ => machine.frame_zero(frame, 0, len),
            }
        }
        Ok(())
    }

    /// Copies a quantum of the payload; queues the request when it is whole.
    pub(crate) fn send_on(&mut self, caller: &Caller, id: RequestId) -> Reply {
        let Request { endpoint, page, user, len, moved, .. } = self.requests[id];
        let Some(endpoint) = endpoint else { return Ok(Outcome::Done(0)) };
        if self.endpoints[endpoint].sockets == 0 {
            self.request_free(id);
            return Err(Error::new(clavis_abi::error::ENODEV));
        }
        let inbox = self.endpoints[endpoint].inbox;
        let part = user.part(moved, (len - moved).min(QUANTUM_BYTES));
        let offset = page as u64 * PAGE + moved as u64;
        if let Err(error) = self.copy_frames(caller.space, part, inbox, offset, Direction::In) {
            self.request_free(id);
            return Err(error);
        }
        let moved = moved + part.len;
        self.requests[id].moved = moved;
        if moved < len {
            self.threads[caller.thread].resume = Resume::Send(id);
            return Ok(Outcome::More);
        }
        Ok(self.launch(caller, id))
    }

    /// Queues a whole request, and lets its caller wait for it.
    fn launch(&mut self, caller: &Caller, id: RequestId) -> Outcome {
        self.enqueue(id);
        self.block(caller.thread, Blocked::Request(id));
        Outcome::Wait
    }

    /// Queues a request whose payload is in place, and picks a waiting server thread to take it.
    pub(crate) fn enqueue(&mut self, id: RequestId) {
        let Self { endpoints, requests, threads, .. } = self;
        let request = &mut requests[id];
        let Some(at) = request.endpoint else { return };
        let endpoint = &mut endpoints[at];
        request.stage = Stage::Queued;
        request.order = endpoint.take_order();
        let caller = request.caller;
        endpoint.queue.push_back(requests, id);
        let is_watched = !endpoint.socket_watchers.is_empty();
        if let Some(server) = endpoint.receivers.pop_front(threads) {
            let priority = caller.map_or(0, |caller| threads[caller].priority);
            let thread = &threads[server];
            let resume = thread.resume;
            if thread.priority < priority {
                self.set_priority(server, priority);
            }
            self.wake_next(server, resume);
        }
        if is_watched {
            self.notify(Source::Socket(at), READABLE);
        }
    }
}
