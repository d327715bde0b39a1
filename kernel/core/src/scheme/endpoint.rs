//! Endpoints: the kernel's side of one scheme daemon.
use super::inbox::Mapped;
use crate::prelude::*;

/// Names an endpoint.
pub type EndpointId = Id<Endpoint>;

/// Lists that the watchers of an endpoint's objects are spread over.
pub const WATCH_BUCKETS: usize = 16;

/// Processes that can receive at one endpoint at the same time.
pub(super) const RECEIVERS: usize = 4;

/// How many places an account can have for each that is free. Daemons keep up to half of the places
/// waiting (`scheme-daemon`), also for one account alone, whose other calls have to get through.
const SHARE: usize = 3;

const BULK_WORDS: usize = INBOX_BULK_PAGES / 64;

/// A place in the queue: which request has it, and how many had it before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct QueuePlace {
    pub(crate) request: Option<RequestId>,
    pub(crate) generation: u16,
}

/// A notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// An object's last handle is gone.
    Close(DescriptionId),
    /// A process closed a handle to an object.
    Detach(DescriptionId),
    /// A mapping's last piece is gone.
    Unmap(GrantId),
}

/// An endpoint.
#[derive(Debug)]
pub struct Endpoint {
    /// Socket descriptions. When the last is gone the endpoint is dead.
    pub(crate) sockets: u32,
    /// Descriptions of any kind, and requests.
    pub(crate) refs: u32,
    /// Which server instance this is.
    pub epoch: u32,
    /// `clavis_abi::params::endpoint_flags`.
    pub flags: u64,
    pub(crate) account: AccountId,
    /// Places neither in use nor promised: the first `free` of these.
    pub(crate) vacant: [u8; ENDPOINT_DEPTH],
    pub(crate) free: usize,
    pub(crate) places: [QueuePlace; ENDPOINT_DEPTH],
    /// Undelivered requests and cancellations, in order.
    pub(crate) queue: List<Request, 0>,
    /// Close notices, in order.
    pub(crate) closes: List<Description, 0>,
    /// Detach notices, in order.
    pub(crate) detaches: List<Description, 1>,
    /// Unmap notices, in order.
    pub(crate) unmaps: List<Grant, 0>,
    /// The notice that a server which adopts took last, until it asks for the next message.
    pub(crate) in_hand: Option<Notice>,
    /// The turn of the request that was taken last.
    pub(crate) turn: u64,
    /// The thread that took a message last.
    pub(crate) taker: Option<ThreadId>,
    /// Order of the next message.
    next_order: u64,
    /// Threads that wait for messages.
    pub receivers: List<ThreadK, 0>,
    /// Threads that wait for a place.
    pub admission: List<ThreadK, 0>,
    /// Slots that this endpoint fills.
    pub(crate) slots: List<Slot, 0>,
    /// Watchers of its objects, by number.
    pub(crate) watchers: [Watchers; WATCH_BUCKETS],
    /// Watchers of the socket.
    pub(crate) socket_watchers: Watchers,
    pub(crate) inbox: MemoryId,
    pub(crate) bulk: [u64; BULK_WORDS],
    /// Who receives here, and where the inbox is mapped.
    pub(super) mapped: [Option<Mapped>; RECEIVERS],
    /// The process that received last.
    pub(super) owner: Option<ProcessId>,
    /// The bucket of watchers that is hung up on next.
    pub(crate) hung: usize,
    /// The endpoint that died before it.
    pub(crate) next_dead: Option<EndpointId>,
}

impl Endpoint {
    #[inline]
    pub(crate) fn check(&self, epoch: u32) -> Result<()> {
        if self.sockets == 0 {
            Err(Error::new(ENODEV))
        } else if self.epoch != epoch {
            Err(Error::new(EOWNERDEAD))
        } else {
            Ok(())
        }
    }

    /// The tag of the request at a place: the place, and which tenant of it that is.
    #[inline]
    pub(crate) fn tag_of(&self, place: u8) -> u32 {
        let generation = self.places.get(usize::from(place)).map_or(0, |place| place.generation);
        u32::from(generation) << 16 | u32::from(place)
    }

    /// The place and the request that a tag means, if it is not one of earlier.
    #[inline]
    pub(crate) fn holder_of(&self, tag: u32) -> Option<(u8, RequestId)> {
        let place = (tag & 0xFFFF) as usize;
        let at = self.places.get(place).filter(|at| u32::from(at.generation) == tag >> 16)?;
        Some((place as u8, at.request?))
    }

    /// The place that the next request gets.
    #[inline]
    pub(crate) fn place_next(&self) -> Option<u8> {
        self.vacant.get(self.free.wrapping_sub(1)).copied()
    }

    /// Whether so few places are free that somebody may have his share.
    #[inline]
    pub(crate) fn is_scarce(&self) -> bool {
        self.free <= ENDPOINT_DEPTH / (SHARE + 1)
    }

    /// The places that are free.
    #[cfg(any(test, feature = "check"))]
    pub(crate) fn vacant_places(&self) -> &[u8] {
        self.vacant.get(..self.free).unwrap_or(&[])
    }

    /// A place that was taken gets a request, which counts as a reference.
    #[inline]
    pub(crate) fn place_occupy(&mut self, place: u8, id: RequestId) {
        self.refs = self.refs.wrapping_add(1);
        if let Some(at) = self.places.get_mut(usize::from(place)) {
            at.request = Some(id);
        }
    }

    /// A place has no request any more; the tags that meant it are stale.
    #[inline]
    pub(crate) fn place_vacate(&mut self, place: u8) {
        if let Some(at) = self.places.get_mut(usize::from(place)) {
            at.request = None;
            at.generation = at.generation.wrapping_add(1);
        }
    }

    /// A place that was vacated is free for the next request.
    #[inline]
    pub(crate) fn place_free(&mut self, place: u8) {
        if let Some(vacant) = self.vacant.get_mut(self.free) {
            *vacant = place;
            self.free = self.free.wrapping_add(1);
        }
    }

    /// The order number of its next message.
    #[inline]
    pub(crate) fn take_order(&mut self) -> u64 {
        let order = self.next_order;
        self.next_order = order.wrapping_add(1);
        order
    }

    /// Puts a request into the queue: accounts take turns, so that who asks for much delays nobody
    /// who asks for little by more than the one request before each of his.
    pub(crate) fn take_turn<M: Machine>(
        &mut self,
        requests: &mut Arena<Request>,
        threads: &Threads<M>,
        id: RequestId,
    ) {
        let (mut turn, payer) = (self.turn, requests[id].pays(threads));
        let mut at = self.queue.back();
        while let Some(earlier) = at.and_then(|at| requests.get(at)) {
            if earlier.pays(threads) == payer {
                turn = earlier.turn.wrapping_add(1);
                break;
            }
            at = earlier.queued.previous();
        }
        let (mut next, mut at) = (None, self.queue.back());
        while let Some(later) = at.filter(|at| requests[*at].turn > turn) {
            next = Some(later);
            at = requests[later].queued.previous();
        }
        requests[id].turn = turn;
        match next {
            Some(next) => self.queue.insert_before(requests, next, id),
            None => self.queue.push_back(requests, id),
        }
    }

    /// The words that a run of bulk pages lies in, each with the bits of those.
    fn bulk_words(&mut self, first: usize, pages: usize) -> impl Iterator<Item = (&mut u64, u64)> {
        let (mut skip, mut left) = (first % 64, pages);
        self.bulk.iter_mut().skip(first / 64).map_while(move |word| {
            let from = core::mem::take(&mut skip);
            let count = left.min(64 - from);
            left -= count;
            Some((word, u64::MAX.checked_shr(64 - count as u32)? << from))
        })
    }

    /// Whether a thread waits for nothing but the next message, there is room for one, and nobody
    /// else is to hear of it.
    #[inline(always)]
    pub(crate) fn is_ready(&self, epoch: u32) -> bool {
        !self.receivers.is_empty()
            && (self.queue.is_empty() & self.unmaps.is_empty() & self.detaches.is_empty())
                & (self.socket_watchers.is_empty() & self.admission.is_empty())
            && self.check(epoch).is_ok()
            && !self.is_scarce()
    }

    /// Whether a receive would find something.
    #[inline]
    pub(crate) fn has_messages(&self) -> bool {
        !self.queue.is_empty() | self.has_notices()
    }

    /// Whether something waits that awaits no answer.
    #[inline]
    pub(crate) fn has_notices(&self) -> bool {
        !(self.closes.is_empty() & self.unmaps.is_empty() & self.detaches.is_empty())
    }
}

impl<M: Machine> Kernel<M> {
    /// Makes an endpoint; its one reference and one socket belong to a socket description.
    pub(crate) fn endpoint_create(&mut self, account: AccountId) -> Result<EndpointId> {
        self.endpoints.reserve(&mut self.machine)?;
        let bytes = (ENDPOINT_DEPTH + INBOX_BULK_PAGES) as u64 * PAGE;
        let inbox = self.memory_create(account, bytes, Backing::Zero)?;
        self.memories[inbox].inbox = true;
        let charged = self.charge_object::<Endpoint>(account);
        charged.inspect_err(|_| self.memory_release(inbox))?;
        let endpoint = Endpoint {
            sockets: 1,
            refs: 1,
            epoch: 0,
            flags: 0,
            account,
            vacant: core::array::from_fn(|place| (ENDPOINT_DEPTH - 1 - place) as u8),
            free: ENDPOINT_DEPTH,
            places: [QueuePlace::default(); ENDPOINT_DEPTH],
            queue: List::new(),
            closes: List::new(),
            detaches: List::new(),
            unmaps: List::new(),
            in_hand: None,
            turn: 0,
            taker: None,
            next_order: 0,
            receivers: List::new(),
            admission: List::new(),
            slots: List::new(),
            watchers: [const { Watchers::new() }; WATCH_BUCKETS],
            socket_watchers: Watchers::new(),
            inbox,
            bulk: [0; BULK_WORDS],
            mapped: [None; RECEIVERS],
            owner: None,
            hung: 0,
            next_dead: None,
        };
        Ok(self.endpoints.insert(&mut self.machine, endpoint)?)
    }

    /// Whether an object's server lives and is the instance that minted it.
    pub(crate) fn scheme_alive(&self, object: &SchemeObject) -> bool {
        self.scheme_check(object).is_ok()
    }

    /// # Errors
    /// `ENODEV` when the server is gone, `EOWNERDEAD` when another instance took its place.
    #[inline]
    pub(crate) fn scheme_check(&self, object: &SchemeObject) -> Result<()> {
        self.endpoints[object.endpoint].check(object.epoch)
    }

    /// One reference less.
    pub(crate) fn endpoint_release(&mut self, id: EndpointId) {
        if !self.endpoints.release(id) {
            return;
        }
        let Some(endpoint) = self.endpoints.remove(id) else { return };
        for watchers in endpoint.watchers {
            self.watchers_drop(watchers);
        }
        self.watchers_drop(endpoint.socket_watchers);
        for mapped in endpoint.mapped.into_iter().flatten() {
            self.seat_free(mapped.seat);
        }
        self.memory_release(endpoint.inbox);
        self.uncharge_object::<Endpoint>(endpoint.account);
    }

    /// A socket description is gone; with the last one the endpoint dies.
    pub(crate) fn socket_release(&mut self, id: EndpointId) {
        let endpoint = &mut self.endpoints[id];
        endpoint.sockets = endpoint.sockets.wrapping_sub(1);
        if endpoint.sockets == 0 {
            self.endpoint_died(id);
        }
        self.endpoint_release(id);
    }

    /// A place in the queue for a thread's call: the one it was given while it waited, or a free
    /// one, as long as its account has not its share: a newcomer finds one.
    ///
    /// # Errors
    /// As [`Kernel::scheme_check`].
    #[inline]
    pub(crate) fn place_take(
        &mut self,
        at: EndpointId,
        epoch: u32,
        thread: ThreadId,
    ) -> Result<Option<u8>> {
        let [cpu] = &self.cpus;
        if cpu.again
            && let Some((endpoint, place)) = self.threads[thread].granted.take()
        {
            if endpoint == at && self.endpoints[at].check(epoch).is_ok() {
                return Ok(Some(place));
            }
            self.place_release(endpoint, place);
        }
        let endpoint = &mut self.endpoints[at];
        endpoint.check(epoch)?;
        if endpoint.is_scarce() && self.has_its_share(at, thread) {
            return Ok(None);
        }
        let endpoint = &mut self.endpoints[at];
        let place = endpoint.place_next();
        endpoint.free = endpoint.free.saturating_sub(1);
        Ok(place)
    }

    /// Gives a place back, or to the first who waits for one.
    pub(crate) fn place_release(&mut self, id: EndpointId, place: u8) {
        let endpoint = &mut self.endpoints[id];
        endpoint.place_vacate(place);
        endpoint.place_free(place);
        let Some(thread) = endpoint.admission.front() else { return };
        if self.has_its_share(id, thread) {
            return;
        }
        let endpoint = &mut self.endpoints[id];
        endpoint.free = endpoint.free.wrapping_sub(1);
        endpoint.admission.remove(&mut self.threads, thread);
        let waiting = &mut self.threads[thread];
        waiting.granted = Some((id, place));
        let resume = waiting.resume;
        self.wake(thread, resume);
    }

    /// Whether a thread's account has its share of an endpoint's places: so many for each free one.
    #[cold]
    fn has_its_share(&self, id: EndpointId, thread: ThreadId) -> bool {
        let account = self.threads[thread].account;
        let endpoint = &self.endpoints[id];
        let requests = endpoint.places.iter().filter_map(|place| place.request);
        let pays = |request: RequestId| self.requests[request].pays(&self.threads);
        let held = requests.filter(|request| pays(*request) == Some(account)).count();
        held >= SHARE * endpoint.free
    }

    /// Lets the thread that took a message last run at least at a priority, since a caller of that
    /// priority waits for it; so with the one that it waits for itself.
    #[cold]
    pub(crate) fn lend_priority(&mut self, id: EndpointId, priority: u8) {
        let mut at = Some(id);
        for _ in 0..FORWARD_MAX {
            let taker = at.and_then(|at| self.endpoints[at].taker);
            let Some(taker) = taker.filter(|taker| self.threads.get(*taker).is_some()) else {
                return;
            };
            if self.threads[taker].priority >= priority {
                return;
            }
            self.set_priority(taker, priority);
            at = match self.threads[taker].blocked {
                Blocked::Request(request) => self.requests[request].endpoint,
                _ => None,
            };
        }
    }

    /// A run of bulk pages in the inbox, for a request that an account pays for. Who has some gets
    /// more only as long as as many stay free for others.
    pub(crate) fn bulk_take(
        &mut self,
        id: EndpointId,
        pages: usize,
        payer: AccountId,
    ) -> Option<usize> {
        let endpoint = &mut self.endpoints[id];
        if endpoint.bulk != [0; BULK_WORDS] {
            let free = endpoint.bulk.iter().map(|word| word.count_zeros() as usize).sum::<usize>();
            let requests = endpoint.places.iter().filter_map(|place| place.request);
            let own = requests.map(|request| &self.requests[request]);
            let own = own.filter(|own| own.pays(&self.threads) == Some(payer));
            let held = own.map(|own| own.bulk).sum::<usize>();
            if held > 0 && held + pages > free {
                return None;
            }
        }
        let (mut first, mut at) = (0, 0);
        while let Some(word) = endpoint.bulk.get(at / 64) {
            let (word, left) = (word >> (at % 64), 64 - at % 64);
            let free = left.min(word.trailing_zeros() as usize);
            at += free;
            if at - first >= pages {
                for (word, bits) in endpoint.bulk_words(first, pages) {
                    *word |= bits;
                }
                return Some(first);
            }
            if free < left {
                at += (word >> free).trailing_ones() as usize;
                first = at;
            }
        }
        None
    }

    /// Gives a run of bulk pages back.
    pub(crate) fn bulk_release(&mut self, id: EndpointId, first: usize, pages: usize) {
        for (word, bits) in self.endpoints[id].bulk_words(first, pages) {
            *word &= !bits;
        }
        // Who waits for admission may have waited for these pages: all look again, in order.
        while let Some(thread) = self.endpoints[id].admission.pop_front(&mut self.threads) {
            let resume = self.threads[thread].resume;
            self.wake(thread, resume);
        }
    }

    /// Queues the notice that an object's last handle is gone. It was reserved with the object.
    pub(crate) fn close_notice(&mut self, id: EndpointId, description: DescriptionId) {
        let Self { endpoints, descriptions, .. } = self;
        let endpoint = &mut endpoints[id];
        descriptions[description].close_order = endpoint.take_order();
        endpoint.closes.push_back(descriptions, description);
        let [cpu] = &mut self.cpus;
        if cpu.later.is_some_and(|earlier| earlier != id) || !endpoint.socket_watchers.is_empty() {
            return self.notice_queued(id);
        }
        // Nobody waits for what comes of it, and most often a request follows that wakes the
        // server anyway: it is woken when the CPU looks for work, after a slice at last.
        cpu.later = Some(id);
        let latest = self.machine.now().saturating_add(SLICE);
        if cpu.armed.is_none_or(|at| at > latest) {
            cpu.armed = Some(latest);
            self.machine.timer_set(cpu.number, cpu.armed);
        }
    }

    /// Wakes a thread for close notices that nobody was woken for yet.
    pub(crate) fn notices_due(&mut self) {
        let [cpu] = &mut self.cpus;
        if let Some(id) = cpu.later.take() {
            self.receivers_nudge(id);
        }
    }

    /// A notice waits: a receiver may take it when its turn comes. It is never switched to.
    pub(crate) fn notice_queued(&mut self, id: EndpointId) {
        self.receivers_nudge(id);
        if !self.endpoints[id].socket_watchers.is_empty() {
            self.notify(Object::Socket(id), READABLE);
        }
    }

    /// Tells watchers of objects that the server is gone: those of one bucket. Returns how many.
    pub(crate) fn endpoint_hang_up(&mut self, id: EndpointId, bucket: usize) -> usize {
        let (mut told, watchers) = (0, self.endpoints[id].watchers.get(bucket));
        let mut list = watchers.and_then(Watchers::front);
        while let Some(registration) = list {
            list = self.next_watcher(registration);
            self.tell_later(registration, READABLE | WRITABLE | HANGUP);
            told += 1;
        }
        told
    }

    /// Whether a process runs or will.
    pub(crate) fn process_lives(&self, id: ProcessId) -> bool {
        self.processes.get(id).is_some_and(|process| process.state != ProcessState::Dead)
    }

    /// Ends the wait of those who wait at a dead endpoint, as many as there are left in a quantum.
    pub(crate) fn endpoint_wake(&mut self, id: EndpointId, quantum: &mut usize) {
        while *quantum > 0 {
            let Self { endpoints, threads, .. } = self;
            let receiver = endpoints[id].receivers.pop_front(threads);
            let waiter = receiver.or_else(|| endpoints[id].admission.pop_front(threads));
            let Some(thread) = waiter else { break };
            // It finds the endpoint dead. Its answers, if it brought some, were taken before.
            let resume = self.threads[thread].resume;
            self.wake(thread, resume);
            *quantum -= 1;
        }
    }

    /// A thread that was woken for a message does not take it: another one may.
    #[cold]
    pub(crate) fn receivers_nudge(&mut self, id: EndpointId) {
        if self.endpoints.get(id).is_none_or(|endpoint| !endpoint.has_messages()) {
            return;
        }
        if let Some(thread) = self.endpoints[id].receivers.pop_front(&mut self.threads) {
            let resume = self.threads[thread].resume;
            self.wake(thread, resume);
        }
    }
}
