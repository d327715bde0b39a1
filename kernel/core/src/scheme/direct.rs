//! The direct way: a request whose server waits for it is delivered in its caller's own entry, and
//! an answer that leaves its server waiting is taken in the server's; the CPU goes on in the other
//! process at once. Each of the two either does all of its work or changes nothing: whatever is not
//! simple (other messages, other work, deadlines, watchers, faults, handles) goes the long way by
//! the queue and the caller's own end ([`super::finish`]), with the same outcome.
//!
//! Each object is looked up once and held until the end: instructions are what counts here.
use super::receive::close_sqe;
use super::send::Address;
use crate::container::Tenant;
use crate::prelude::*;

/// Threads that wait for the same thing.
pub(super) type Waiting = List<ThreadK, 0>;

/// Both ways at once.
const BOTH: usize = CallFlags::READ.union(CallFlags::WRITE).bits();
/// What a call has that is about payload and metadata alone: those ways, and how many words.
const PLAIN: usize = BOTH | CallFlags::ALLOW_DIRECT_SWITCH.bits() | 0xFF;

/// What a delivery is to know beside its message.
struct Way<'a> {
    /// What the message ends with.
    lease: Under,
    /// Number and first argument of the call.
    call: usize,
    first: usize,
    /// What it says, if that is not in the draft yet.
    message: Option<Message<'a>>,
    /// What is heard of before.
    notice: Option<&'a Description>,
}

/// What a call says.
struct Message<'a> {
    handle: &'a Handle,
    object: &'a SchemeObject,
    payload: UserSlice,
    flags: usize,
    given: &'a [u64; METADATA_WORDS],
}

impl Message<'_> {
    /// Puts it into a draft.
    #[inline(always)]
    fn write(&self, caller: &Caller, request: &mut Request) {
        let Message { handle, object, payload, flags, given } = *self;
        request.begin(caller, Class::Call, handle);
        request.aim(object);
        request.fill(payload, flags, *given);
    }
}

/// A payload of at most a page, and the place that it goes to.
pub(super) struct Payload {
    pub(super) from: PayloadFrom,
    pub(super) user: UserSlice,
    pub(super) len: usize,
    pub(super) place: u8,
}

/// The parts of the kernel that all steps work with.
pub(super) struct Step<'a, M: Machine> {
    pub(super) cpu: &'a mut CpuState<M::ContextRef>,
    pub(super) spaces: &'a Arena<Space<M>, SpaceK>,
    pub(super) memories: &'a mut Arena<Memory<M::Frame>, MemoryK, 16>,
    pub(super) machine: &'a mut M,
    pub(super) switches: &'a mut u64,
}

/// The parts of a kernel, beside which the others can be used.
macro_rules! step {
    ($kernel:ident) => {
        $crate::scheme::direct::Step {
            cpu: &mut $kernel.cpus[0],
            spaces: &$kernel.spaces,
            memories: &mut $kernel.memories,
            machine: &mut $kernel.machine,
            switches: &mut $kernel.statistics.switches,
        }
    };
}

pub(super) use step;

impl<M: Machine> Thread<M> {
    /// Where the inbox lies for a thread that waits for messages and nothing else, and if so `alone`
    /// for one at a time.
    #[inline(always)]
    pub(super) fn receives(&self, alone: bool) -> Option<u64> {
        match &self.resume {
            Resume::Receive(receive) if !(alone && receive.most > 1) && self.waits_plainly() => {
                Some(receive.base)
            }
            _ => None,
        }
    }

    /// Waits for messages. What comes back is for [`List::join`].
    #[inline(always)]
    #[must_use]
    pub(super) fn park(
        &mut self,
        id: ThreadId,
        endpoint: &mut Endpoint,
        receive: Receive,
    ) -> Option<ThreadId> {
        self.blocked = Blocked::Receive(receive.endpoint);
        self.resume = Resume::Receive(receive);
        // It serves nobody of a higher priority any more.
        self.priority = self.base;
        self.waits_under = None;
        endpoint.receivers.append(id, self)
    }
}

impl<M: Machine> Kernel<M> {
    /// Whether nothing is to be done before the CPU goes on.
    #[inline(always)]
    fn is_calm(&self) -> bool {
        let [cpu] = &self.cpus;
        cpu.is_quiet() & !cpu.again & self.work.is_empty() & (self.orphans == 0)
    }

    /// A call with a payload and metadata and nothing else, if it can go the direct way: to a server
    /// that waits, or as a server's answer. The thread that goes on.
    #[inline(always)]
    pub(crate) fn call_direct(&mut self, args: [usize; 5]) -> Option<M::ContextRef> {
        let [first, payload, len, flags, metadata] = args;
        let words = flags & 0xFF;
        // All of the buffer lies in the user's half, be it empty.
        let room = mostly(USER_END.checked_sub(payload as u64))?;
        if flags & !PLAIN != 0 || words > METADATA_WORDS || len as u64 > room || !self.is_calm() {
            return none();
        }
        let payload = UserSlice { address: payload as u64, len };
        let [cpu] = &self.cpus;
        let caller = &mostly(cpu.current)?;
        debug_assert_eq!(cpu.loaded, Some(caller.space), "a thread calls from a space not loaded");
        let handle = mostly(self.tables.get(caller.table)?.get(first))?;
        let through = self.descriptions.get_mut(handle.description)?;
        let mut given = [0; METADATA_WORDS];
        let bytes = mostly(given.get_mut(..words))?.as_mut_bytes();
        if self.machine.read_user(metadata as u64, bytes).fault.is_some() {
            return none();
        }
        let object = match &through.object {
            Object::Scheme(object) => object,
            Object::Socket(at) => {
                let need = Rights::READ | Rights::WRITE;
                let fits = flags & BOTH == BOTH && words == METADATA_WORDS;
                let waits = through.flags as usize & O_NONBLOCK == 0;
                if !fits || !waits || !handle.rights.contains(need) || handle.lease.is_some() {
                    return none();
                }
                let at = *at;
                return self.hand_back(at, payload, &given);
            }
            _ => return none(),
        };
        let endpoint = self.endpoints.get_mut(object.endpoint)?;
        if !handle.rights.contains(Rights::CALL)
            || !endpoint.is_ready(object.epoch)
            || endpoint.closes.front().is_some()
            || handle.lease.is_some_and(|id| !self.leases.get(id).is_some_and(Lease::holds_plainly))
        {
            return none();
        }
        let draft = self.requests.drafted()?;
        let message = Some(Message { handle, object, payload, flags, given: &given });
        let (lease, call) = (handle.lease, Call::Call as usize);
        let way = Way { lease, call, first, message, notice: None };
        let (step, threads) = (step!(self), &mut self.threads);
        let name = step.deliver(caller, threads, endpoint, draft, &self.scratch, &way)?;
        through.refs = through.refs.wrapping_add(1);
        Some(name)
    }

    /// Delivers the message to the first thread that waits at its endpoint and makes that the
    /// running one; the caller waits. Where a close notice lies before it, that is delivered, and
    /// the message is the next. False, and nothing but bytes of the inbox is changed, if that is
    /// not possible now.
    pub(crate) fn send_direct(&mut self, caller: &Caller) -> bool {
        self.deliver_draft(caller).is_some()
    }

    fn deliver_draft(&mut self, caller: &Caller) -> Option<()> {
        if !self.is_calm() {
            return none();
        }
        let draft = self.requests.drafted()?;
        let Request { endpoint, epoch, through, positioned, lease, .. } = *draft.value;
        let at = mostly(endpoint)?;
        let endpoint = self.endpoints.get_mut(at)?;
        if !endpoint.is_ready(epoch) {
            return none();
        }
        let notice = endpoint.closes.front();
        if notice.is_some() && endpoint.in_hand.is_some() {
            return none();
        }
        let [CpuState { call, first, .. }] = self.cpus;
        let noticed = notice.map(|notice| &self.descriptions[notice]);
        let way = Way { lease, call, first, message: None, notice: noticed };
        let (step, threads) = (step!(self), &mut self.threads);
        let name = step.deliver(caller, threads, endpoint, draft, &self.scratch, &way)?;
        let [cpu] = &mut self.cpus;
        cpu.user = Some(name);
        let through = &mut self.descriptions[through];
        through.refs = through.refs.wrapping_add(1);
        through.busy |= positioned;
        if let Some(notice) = notice {
            endpoint.closes.remove(&mut self.descriptions, notice);
            self.notice_taken(at, Notice::Close(notice));
        }
        Some(())
    }

    /// Takes the one answer that lies at the start of a server's buffer, lets the server wait for
    /// requests, and makes the client the running thread. `None`, and nothing but the client's own
    /// buffer is changed, if that is not possible now.
    #[inline(always)]
    fn hand_back(
        &mut self,
        at: EndpointId,
        buffer: UserSlice,
        metadata: &[u64; METADATA_WORDS],
    ) -> Option<M::ContextRef> {
        let [verb, answers, wanted] = *metadata;
        let most = wanted as usize;
        if verb != 0
            || answers != 1
            || wanted.wrapping_sub(1) >= SOCKET_BATCH as u64
            || most * size_of::<Sqe>() > buffer.len
            || buffer.len > PAYLOAD_MAX
        {
            return none();
        }
        let [cpu] = &self.cpus;
        let caller = mostly(cpu.current.as_ref())?;
        let endpoint = self.endpoints.get_mut(at)?;
        let (base, None) = mostly(endpoint.inbox_of(caller))? else {
            return none();
        };
        if endpoint.has_messages() || !endpoint.admission.is_empty() {
            return none();
        }
        let mut cqe = Cqe::default();
        if self.machine.read_user(buffer.address, &mut cqe).fault.is_some() {
            return none();
        }
        let (place, id) = mostly(endpoint.holder_of(cqe.tag))?;
        let tenant = self.requests.tenant(id)?;
        let request = tenant.value;
        let client = mostly(request.caller)?;
        if cqe.flags == CQE_FORWARD {
            let receive = Receive { endpoint: at, to: buffer, most, written: 1, count: true, base };
            return self.forward_direct(receive, id, cqe.result);
        }
        let value = cqe.result as usize;
        let is_error = cqe.result > 4096u64.wrapping_neg();
        let bound = match request.class {
            Class::Read | Class::Write | Class::Fpath => request.len,
            _ => usize::MAX,
        };
        if cqe.flags & 0b111 != CqeOpcode::RespondRegular as u8
            || is_error
            || value > bound
            || request.stage != Stage::Delivered
            || request.server.is_none_or(|server| server != caller.process)
            || request.bulk > 0
            || request.gives == Gives::More
            || request.batch.is_some_and(|batch| self.batches[batch].paid > 0)
            || request.positioned && !self.offset_waiters.is_empty()
        {
            return none();
        }
        let through = self.descriptions.get_mut(request.through)?;
        let (cpu, own) = (caller.cpu, caller.thread);
        let mut step = step!(self);
        let (thread, server) = self.threads.pair_mut(client, own)?;
        if through.refs <= 1
            || !thread.waits_plainly()
            || !server.waits_plainly()
            || self.ready.highest() > Some(thread.priority)
        {
            return none();
        }
        step.load(thread.space)?;
        request.result = value;
        let bytes = request.bytes_back();
        if bytes > 0 {
            let inbox = step.memories[endpoint.inbox].run(request.page as u64, 1);
            if step.machine.copy_out(request.user.address, inbox, 0, bytes).done < bytes {
                // The client meets its fault in its own time.
                step.load(step.cpu.current?.space);
                return none();
            }
        }
        through.refs = through.refs.wrapping_sub(1);
        if request.positioned {
            through.offset = through.offset.saturating_add(value as u64);
            through.busy = false;
        }
        endpoint.place_vacate(place);
        endpoint.place_free(place);
        endpoint.refs = endpoint.refs.wrapping_sub(1);
        let number = request.opening.as_ref().map(|opening| opening.out.number);
        step.machine.context_result(&mut thread.context, number.unwrap_or(value));
        thread.blocked = Blocked::No;
        thread.resume = Resume::User;
        let name = thread.name;
        step.cpu.current = Some(thread.as_caller(client, cpu));
        let receive = Receive { endpoint: at, to: buffer, most, written: 1, count: true, base };
        let last = server.park(own, endpoint, receive);
        Waiting::join(&mut self.threads, last, own);
        *step.switches = step.switches.wrapping_add(1);
        if number.is_some() || request.batch.is_some() {
            self.handed_back(at, id, &cqe);
        } else {
            tenant.place.retire();
        }
        Some(name)
    }

    /// Makes the handle that an answer gives, and ends the request.
    #[inline(never)]
    fn handed_back(&mut self, at: EndpointId, id: RequestId, cqe: &Cqe) {
        let Request { opening, batch, lease, .. } = &mut self.requests[id];
        let (opening, batch, lease) = (opening.take(), batch.take(), *lease);
        self.requests.retire(id);
        if let Some(opening) = opening {
            self.opened(&opening, lease, at, cqe);
        }
        if let Some(batch) = batch {
            self.batch_release(batch, false);
        }
    }
}

impl<M: Machine> Step<'_, M> {
    /// Loads a space. `None`: it has no tables.
    #[inline(always)]
    pub(super) fn load(&mut self, id: SpaceId) -> Option<()> {
        let tables = mostly(self.spaces.get(id)?.tables.as_ref())?;
        self.cpu.loaded = Some(id);
        self.machine.space_load(self.cpu.number, Some(tables));
        Some(())
    }

    /// Delivers a drafted message to the first thread that waits at an endpoint, or a close notice
    /// that lies before it.
    #[inline(always)]
    fn deliver(
        mut self,
        caller: &Caller,
        threads: &mut Threads<M>,
        endpoint: &mut Endpoint,
        draft: Tenant<'_, Request, Request>,
        scratch: &[u8],
        way: &Way<'_>,
    ) -> Option<M::ContextRef> {
        let Way { lease, call, first, .. } = *way;
        let client = threads.get_mut(caller.thread)?;
        if !client.waits_plainly() || lease.is_some() && client.lease != lease {
            return none();
        }
        let priority = client.priority;
        // What a refusal behind a forward is put down to.
        client.call = call;
        client.args[0] = first;
        client.blocked = Blocked::Request(draft.place.id());
        let name = self.deliver_to(caller, threads, endpoint, draft, scratch, way, priority);
        if mostly(name).is_none()
            && let Some(client) = threads.get_mut(caller.thread)
        {
            client.blocked = Blocked::No;
        }
        name
    }

    /// As [`Step::deliver`], for a client that waits already.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "each is an object at hand")]
    fn deliver_to(
        &mut self,
        caller: &Caller,
        threads: &mut Threads<M>,
        endpoint: &mut Endpoint,
        draft: Tenant<'_, Request, Request>,
        scratch: &[u8],
        way: &Way<'_>,
        priority: u8,
    ) -> Option<M::ContextRef> {
        let Way { ref message, notice, .. } = *way;
        let Tenant { value: request, place: home } = draft;
        let place = mostly(endpoint.place_next())?;
        let taker = mostly(endpoint.receivers.front())?;
        let server = threads.get_mut(taker)?;
        let base = mostly(server.receives(notice.is_some()))?;
        if let Some(message) = message {
            message.write(caller, request);
        }
        request.address(Address { place, tag: endpoint.tag_of(place), base });
        let Request { payload: from, user, len, .. } = *request;
        let payload = Payload { from, user, len, place };
        self.hand_in(endpoint, server, &payload, &request.sqe, caller.space, scratch, notice)?;
        let id = home.adopt();
        let (name, link) =
            self.taken(endpoint, (taker, server), (id, request), priority, notice.is_some());
        Waiting::mend(threads, link);
        Some(name)
    }

    /// Writes a message's payload into the inbox, and the message, or the notice before it, into the
    /// memory of the server that takes it, whose space is loaded then.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "each is an object at hand")]
    pub(super) fn hand_in(
        &mut self,
        endpoint: &Endpoint,
        server: &Thread<M>,
        payload: &Payload,
        sqe: &Sqe,
        back: SpaceId,
        scratch: &[u8],
        notice: Option<&Description>,
    ) -> Option<()> {
        let Resume::Receive(Receive { to, .. }) = &server.resume else { return None };
        let Payload { from, user, len, place } = *payload;
        if len > PAGE as usize {
            return none();
        }
        if from != PayloadFrom::Absent && len > 0 {
            let inbox = self.memories[endpoint.inbox].run_mut(u64::from(place));
            match (from, scratch.get(..len), inbox) {
                (PayloadFrom::User, _, frames) => {
                    if self.machine.copy_in(user.address, frames, 0, len).done < len {
                        return none();
                    }
                }
                (PayloadFrom::Scratch, Some(bytes), [Some(frame), ..]) => {
                    self.machine.frame_write(frame, 0, bytes);
                }
                (_, _, [Some(frame), ..]) => self.machine.frame_zero(frame, 0, len),
                _ => return None,
            }
        }
        self.load(server.space)?;
        let copied = match notice {
            None => self.machine.write_user(to.address, sqe),
            // What was closed before is heard of before.
            Some(notice) => self.machine.write_user(to.address, &close_sqe(notice)),
        };
        if copied.fault.is_some() {
            // The server meets its fault when it takes the request from the queue.
            self.load(back);
            return none();
        }
        Some(())
    }

    /// Lets the server that has a message, or the notice before it, run.
    #[inline(always)]
    pub(super) fn taken(
        &mut self,
        endpoint: &mut Endpoint,
        (taker, server): (ThreadId, &mut Thread<M>),
        (id, request): (RequestId, &mut Request),
        priority: u8,
        is_noticed: bool,
    ) -> (M::ContextRef, Link<ThreadK>) {
        if is_noticed {
            request.stage = Stage::Queued;
            request.order = endpoint.take_order();
            request.turn = endpoint.turn;
            // Nothing else is queued.
            let _ = endpoint.queue.append(id, request);
        } else {
            request.stage = Stage::Delivered;
            request.server = Some(server.process);
        }
        endpoint.free = endpoint.free.wrapping_sub(1);
        endpoint.place_occupy(request.place, id);
        endpoint.taker = Some(taker);
        if let Resume::Receive(receive) = &server.resume {
            self.machine.context_result(&mut server.context, receive.result(1));
        }
        server.blocked = Blocked::No;
        server.resume = Resume::User;
        server.priority = server.priority.max(priority);
        self.cpu.current = Some(server.as_caller(taker, self.cpu.number));
        *self.switches = self.switches.wrapping_add(1);
        (server.name, endpoint.receivers.detach(server))
    }
}
