//! From the call to the queue: a place, a payload, a message.
use crate::prelude::*;
use clavis_abi::class::Payload;

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

/// What a request will make when it is answered. Given back when the request is not made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Makes {
    pub(crate) opening: Option<Opening>,
    pub(crate) wanted: Option<Wanted>,
    pub(crate) batch: Option<BatchId>,
    pub(crate) registration: Option<(RegistrationId, u8)>,
}

/// Where a message comes to lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    /// Its place at the endpoint.
    pub(super) place: u8,
    pub(super) tag: u32,
    /// Of the inbox in the server.
    pub(super) base: u64,
}

impl Request {
    /// Begins a message over what an earlier request left: its arguments, too. What that was to make
    /// was taken from it when it ended.
    #[inline(always)]
    pub(super) fn begin(&mut self, caller: &Caller, class: Class, handle: &Handle) {
        debug_assert!(!self.makes_something(), "a request ended with what it was to make");
        self.class = class;
        self.stage = Stage::Filling;
        self.caller = Some(caller.thread);
        self.payer = None;
        self.endpoint = None;
        self.sqe = Sqe {
            opcode: class.opcode() as u8,
            caller: u64::from(process_number(caller.process)),
            args: self.sqe.args,
            ..Sqe::default()
        };
        self.rights = handle.rights;
        self.lease = handle.lease;
        self.user = UserSlice::default();
        self.len = 0;
        self.payload = PayloadFrom::Absent;
        self.bulk = 0;
        self.moved = 0;
        self.gives = Gives::of(class);
        self.output = Output::Nothing;
        self.through = handle.description;
        self.positioned = false;
        self.confined = u32::from(handle.flags) & handle_flags::STICKY as u32;
        self.seek = None;
        self.forwards = 0;
        self.redelivered = false;
        self.server = None;
        self.nonblock = false;
    }

    /// Says which object it is for.
    #[inline(always)]
    pub(super) fn aim(&mut self, object: &SchemeObject) {
        self.endpoint = Some(object.endpoint);
        self.epoch = object.epoch;
        self.badge = object.badge;
        self.sqe.args[0] = object.number;
        self.sqe.args[5] = object.badge;
    }

    /// Says what a call says.
    #[inline(always)]
    pub(crate) fn fill(&mut self, payload: UserSlice, flags: usize, words: [u64; METADATA_WORDS]) {
        self.user = payload;
        self.len = payload.len;
        self.payload = PayloadFrom::User;
        if flags & CallFlags::READ.bits() != 0 {
            self.output = Output::Whole;
        }
        let [a, b, c] = words;
        (self.sqe.args[3], self.sqe.args[4], self.sqe.args[5]) = (a, b, c);
    }

    /// Puts in where the message lies in its server, and which it is.
    #[inline(always)]
    pub(super) fn address(&mut self, at: Address) {
        let Address { place, tag, base } = at;
        self.place = place;
        if self.bulk == 0 {
            self.page = usize::from(place);
        }
        self.sqe.tag = tag;
        if self.class.payload() != Payload::None {
            self.sqe.args[1] = base.wrapping_add(self.page as u64 * PAGE);
            self.sqe.args[2] = self.len as u64;
        }
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
    /// Lets a thread wait for a place, to go on with `resume` then.
    pub(super) fn wait_for_admission(&mut self, id: ThreadId, at: EndpointId, resume: Resume) {
        let Self { endpoints, threads, .. } = self;
        threads[id].resume = resume;
        endpoints[at].admission.push_back(threads, id);
        self.block(id, Blocked::Admission(at));
    }

    /// Begins a message of a class, without payload: the draft of the next request, which
    /// [`Kernel::send`] makes one.
    ///
    /// # Errors
    /// `ENOMEM`.
    #[inline(always)]
    pub(crate) fn message(
        &mut self,
        caller: &Caller,
        class: Class,
        handle: &Handle,
        object: &SchemeObject,
    ) -> Result<&mut Request> {
        let request = self.message_begin(caller, class, handle)?;
        request.aim(object);
        Ok(request)
    }

    /// As [`Kernel::message`], for an object that is not known yet.
    #[inline(always)]
    pub(super) fn message_begin(
        &mut self,
        caller: &Caller,
        class: Class,
        handle: &Handle,
    ) -> Result<&mut Request> {
        if let Some(lease) = handle.lease.filter(|lease| self.cpus[0].lease != Some(*lease)) {
            // It joins several. Should it have to wait for a place, that ends with the same.
            self.cpus[0].lease = Some(lease);
            self.lease_wait(caller.thread, lease);
        }
        let blank = || Request::blank(handle.description);
        let request = self.requests.draft(&mut self.machine, blank)?;
        request.begin(caller, class, handle);
        request.sqe.args = [0; 6];
        Ok(request)
    }

    /// Sends the message whose answer makes nothing.
    #[inline(always)]
    pub(crate) fn send(&mut self, caller: &Caller) -> Reply {
        if self.send_direct(caller) { Ok(Outcome::Switched) } else { self.send_queued(caller) }
    }

    #[inline(never)]
    fn send_queued(&mut self, caller: &Caller) -> Reply {
        self.submit(caller, |_| Ok(Makes::default()))
    }

    /// Sends the message whose answer makes what was set aside for it. Where it is not sent that goes
    /// back.
    pub(crate) fn send_making(&mut self, caller: &Caller, makes: &Makes) -> Reply {
        if let Some(draft) = self.requests.drafted() {
            makes.put_into(draft.value);
        }
        if self.send_direct(caller) {
            return Ok(Outcome::Switched);
        }
        self.send_making_queued(caller, makes)
    }

    #[inline(never)]
    fn send_making_queued(&mut self, caller: &Caller, makes: &Makes) -> Reply {
        if let Some(draft) = self.requests.drafted() {
            (draft.value.opening, draft.value.batch) = (None, None);
        }
        let mut is_sent = false;
        let reply = self.submit(caller, |_| {
            is_sent = true;
            Ok(*makes)
        });
        if !is_sent {
            if let Some(opening) = &makes.opening {
                self.opening_cancel(opening);
            }
            if let Some(batch) = makes.batch {
                self.batch_release(batch, true);
            }
        }
        reply
    }

    /// Sends the message by the queue: takes a place, makes the request, copies the payload, queues
    /// it, and lets the caller wait. `makes` runs once the message is admitted, and can still fail.
    pub(crate) fn submit(
        &mut self,
        caller: &Caller,
        makes: impl FnOnce(&mut Self) -> Result<Makes>,
    ) -> Reply {
        let Some(draft) = self.requests.drafted() else { return Err(Error::new(ENOMEM)) };
        let Request { endpoint, epoch, len, payload, nonblock, .. } = *draft.value;
        let Some(endpoint) = endpoint else { return Err(Error::new(ENODEV)) };
        refuse_if(len > PAYLOAD_MAX, EMSGSIZE)?;
        refuse_if(self.orphans > 0 && self.is_over_requests(caller.account), EDQUOT)?;
        let mut room = None;
        let mut bulk = 0;
        if let Some(place) = self.place_take(endpoint, epoch, caller.thread)? {
            room = Some((place, usize::from(place)));
            if len > PAGE as usize {
                bulk = len.div_ceil(PAGE as usize);
                let run = self.bulk_take(endpoint, bulk, caller.account);
                room = run.map(|first| (place, ENDPOINT_DEPTH + first));
                if room.is_none() {
                    // Nobody is woken for it: it would be those who wait for pages too. They and
                    // all others are when whoever has the pages gives them back.
                    let endpoint = &mut self.endpoints[endpoint];
                    endpoint.place_vacate(place);
                    endpoint.place_free(place);
                }
            }
        }
        let Some((place, page)) = room else {
            refuse_if(nonblock, EAGAIN)?;
            self.wait_for_admission(caller.thread, endpoint, Resume::Retry);
            return Ok(Outcome::Wait);
        };
        let made = makes(self);
        let adopted = match made {
            Ok(makes) => match self.requests.drafted() {
                Some(draft) => Ok((draft.place.adopt(), draft.value, makes)),
                None => Err(ENOMEM),
            },
            Err(error) => Err(error.errno),
        };
        let (id, request, makes) = match adopted {
            Ok(adopted) => adopted,
            Err(errno) => {
                if bulk > 0 {
                    self.bulk_release(endpoint, page - ENDPOINT_DEPTH, bulk);
                }
                self.place_release(endpoint, place);
                return Err(Error::new(errno));
            }
        };
        request.place = place;
        request.page = page;
        request.bulk = bulk;
        makes.put_into(request);
        let (through, positioned) = (request.through, request.positioned);
        self.endpoints[endpoint].place_occupy(place, id);
        let through = &mut self.descriptions[through];
        through.refs = through.refs.wrapping_add(1);
        through.busy |= positioned;
        match payload {
            PayloadFrom::User if len > 0 => return self.send_on(caller, id),
            PayloadFrom::Absent | PayloadFrom::User => {}
            PayloadFrom::Scratch | PayloadFrom::Zero => {
                if let Err(error) = self.put_payload(id, payload) {
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
        if self.memories[inbox].frame(page as u64).is_none() {
            self.memory_populate(inbox, page as u64)?;
        }
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
        let Request { endpoint, page, user, len, moved, lease, .. } = self.requests[id];
        let Some(endpoint) = endpoint else { return Ok(Outcome::Done(0)) };
        let gone = (self.endpoints[endpoint].sockets == 0).then_some(ENODEV);
        if let Some(errno) = gone.or(self.lease_end_of(lease)) {
            self.request_free(id);
            return Err(Error::new(errno));
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
        endpoint.take_turn(requests, threads, id);
        let is_watched = !endpoint.socket_watchers.is_empty();
        if let Some(server) = endpoint.receivers.pop_front(threads) {
            let priority = caller.map_or(0, |caller| threads[caller].priority);
            let thread = &threads[server];
            let resume = thread.resume;
            if thread.priority < priority {
                self.set_priority(server, priority);
            }
            self.wake_next(server, resume);
        } else {
            self.lend_priority(at, caller.map_or(0, |caller| self.threads[caller].priority));
        }
        if is_watched {
            self.notify(Object::Socket(at), READABLE);
        }
    }
}
