//! From the call to the queue: a place, a payload, a message.
use super::endpoint::EndpointId;
use super::request::{Opening, Output, Request, RequestId, Stage, Wanted};
use super::transfer::BatchId;
use crate::container::Link;
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

impl<M: Machine> Kernel<M> {
    /// Makes sure that the endpoint takes one more message of this thread now.
    ///
    /// `Ok(Some(place))`: it does. `Ok(None)`: the thread waits for its turn and will do its call
    /// again.
    ///
    /// # Errors
    /// `ENODEV`, `EOWNERDEAD` by the server's state; `EAGAIN` when the thread does not wait.
    pub(crate) fn admit(
        &mut self,
        caller: &Caller,
        object: &SchemeObject,
        nonblock: bool,
    ) -> Result<Option<u8>> {
        self.scheme_check(object)?;
        if let Some(place) = self.place_take(object.endpoint, caller.thread) {
            return Ok(Some(place));
        }
        if nonblock {
            return Err(Error::new(EAGAIN));
        }
        self.wait_for_admission(caller, object.endpoint, Resume::Retry);
        Ok(None)
    }

    fn wait_for_admission(&mut self, caller: &Caller, endpoint: EndpointId, resume: Resume) {
        self.threads[caller.thread].resume = resume;
        let Self { endpoints, threads, .. } = self;
        endpoints[endpoint].admission.push_back(threads, caller.thread);
        self.block(caller.thread, Blocked::Admission(endpoint));
    }

    /// Sends a message: takes a place, makes the request, copies the payload, queues it, and lets
    /// the caller wait. `makes` runs once the message is admitted, and can still fail.
    pub(crate) fn send(
        &mut self,
        caller: &Caller,
        message: &Message,
        makes: impl FnOnce(&mut Self) -> Result<Makes>,
    ) -> Reply {
        if message.len > PAYLOAD_MAX {
            return Err(Error::new(EMSGSIZE));
        }
        if self.is_over_requests(self.processes[caller.process].account) {
            return Err(Error::new(clavis_abi::error::EDQUOT));
        }
        let endpoint = message.object.endpoint;
        let Some(place) = self.admit(caller, &message.object, message.nonblock)? else {
            return Ok(Outcome::Wait);
        };
        let bulk =
            if message.len > PAGE as usize { message.len.div_ceil(PAGE as usize) } else { 0 };
        let page = if bulk == 0 {
            usize::from(place)
        } else {
            match self.bulk_take(endpoint, bulk) {
                Some(first) => ENDPOINT_DEPTH + first,
                None => {
                    self.place_release(endpoint, place);
                    if message.nonblock {
                        return Err(Error::new(EAGAIN));
                    }
                    self.wait_for_admission(caller, endpoint, Resume::Retry);
                    return Ok(Outcome::Wait);
                }
            }
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
        let request = Request {
            class: message.class,
            stage: Stage::Filling,
            caller: Some(caller.thread),
            payer: self.processes[caller.process].account,
            endpoint: Some(endpoint),
            place,
            args: message.args,
            sqe_flags: message.sqe_flags,
            process_number: process_number(caller.process),
            badge: message.object.badge,
            rights: message.handle.rights,
            user: message.user,
            len: message.len,
            page,
            bulk,
            moved: 0,
            output: message.output,
            result: 0,
            through: message.handle.description,
            positioned: message.positioned,
            confined: message.handle.flags & handle_flags::STICKY as u32,
            opening: makes.opening,
            wanted: makes.wanted,
            batch: makes.batch,
            registration: makes.registration,
            seek: message.seek,
            forwards: 0,
            redelivered: false,
            server: None,
            nonblock: message.nonblock,
            order: 0,
            queued: Link::new(),
            serving: Link::new(),
        };
        let id = self.requests.insert(&mut self.machine, request)?;
        self.endpoint_retain(endpoint);
        self.description_retain(message.handle.description);
        if message.positioned {
            self.descriptions[message.handle.description].busy = true;
        }
        if let Some(at) = self.endpoints[endpoint].places.get_mut(usize::from(place)) {
            at.request = Some(id);
        }
        match message.payload {
            PayloadFrom::Absent => {}
            PayloadFrom::User => return self.send_on(caller, id),
            PayloadFrom::Scratch | PayloadFrom::Zero => {
                if let Err(error) = self.put_payload(id, message.payload) {
                    self.request_free(id);
                    return Err(error);
                }
            }
        }
        self.enqueue(id);
        self.block(caller.thread, Blocked::Request(id));
        Ok(Outcome::Wait)
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
        self.enqueue(id);
        self.block(caller.thread, Blocked::Request(id));
        Ok(Outcome::Wait)
    }

    /// Queues a request whose payload is in place, and picks a waiting server thread to take it.
    pub(crate) fn enqueue(&mut self, id: RequestId) {
        let Some(endpoint) = self.requests[id].endpoint else { return };
        let order = self.next_order(endpoint);
        let request = &mut self.requests[id];
        request.stage = Stage::Queued;
        request.order = order;
        let Self { endpoints, requests, .. } = self;
        endpoints[endpoint].queue.push_back(requests, id);
        if let Some(server) = self.endpoints[endpoint].receivers.pop_front(&mut self.threads) {
            let priority =
                self.requests[id].caller.map_or(0, |caller| self.threads[caller].priority);
            if self.threads[server].priority < priority {
                self.set_priority(server, priority);
            }
            let resume = self.threads[server].resume;
            self.wake_next(server, resume);
        }
        self.notify(Source::Socket(endpoint), READABLE);
    }
}
