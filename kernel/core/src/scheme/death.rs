//! How requests end otherwise: the caller goes away, the server dies, or it says no.
use crate::prelude::*;

impl<M: Machine> Kernel<M> {
    /// Takes a request off its endpoint: its place and pages are free.
    pub(crate) fn request_leave(&mut self, id: RequestId) {
        let Self { endpoints, requests, .. } = self;
        let request = &mut requests[id];
        request.redelivered = false;
        let Some(at) = request.endpoint.take() else { return };
        let endpoint = &mut endpoints[at];
        let (place, page) = (request.place, request.page);
        let bulk = core::mem::take(&mut request.bulk);
        if request.queued.is_linked() {
            endpoint.queue.remove(requests, id);
        }
        if bulk > 0 {
            self.bulk_release(at, page.saturating_sub(ENDPOINT_DEPTH), bulk);
        }
        self.place_release(at, place);
        self.endpoint_release(at);
    }

    /// Ends a request: everything it holds goes back. Says nothing to its caller.
    pub(crate) fn request_free(&mut self, id: RequestId) {
        let request = &self.requests[id];
        if let Stage::InSlot(slot) = request.stage {
            self.slot_leave(id, slot);
        } else if request.endpoint.is_some() {
            self.request_leave(id);
        }
        let request = &self.requests[id];
        let (through, positioned) = (request.through, request.positioned);
        if request.makes_something() || request.caller.is_none() {
            self.request_undo(id);
        }
        self.requests.retire(id);
        if positioned {
            self.offset_release(through);
        }
        self.description_release(through);
    }

    /// A request does not wait in its slot any more.
    #[cold]
    fn slot_leave(&mut self, id: RequestId, slot: SlotId) {
        let Self { slots, requests, .. } = self;
        slots[slot].waiters.remove(requests, id);
        slots[slot].waiting = slots[slot].waiting.saturating_sub(1);
        requests[id].stage = Stage::Rerouted;
        self.slot_release(slot);
    }

    /// Gives back what a request was going to make, and what an orphan costs.
    #[cold]
    fn request_undo(&mut self, id: RequestId) {
        let request = &mut self.requests[id];
        let (payer, waits) = (request.payer, request.caller.is_some());
        let (opening, wanted) = (request.opening.take(), request.wanted.take());
        let (batch, registration) = (request.batch.take(), request.registration.take());
        if !waits {
            self.orphans = self.orphans.saturating_sub(1);
            if let Some(payer) = payer {
                self.uncharge(payer, Resource::Requests, 1);
                self.account_release(payer);
            }
        }
        if let Some(opening) = &opening {
            if waits {
                self.number_cancel(opening.out);
            }
            self.description_release(opening.description);
        }
        if let Some(wanted) = &wanted {
            self.wanted_release(wanted, waits);
        }
        if let Some(batch) = batch {
            self.batch_release(batch, waits);
        }
        if let Some((registration, _)) = registration
            && self.registrations.get(registration).is_some()
        {
            // The server did not say that it will tell: nobody is registered.
            self.registration_end(registration);
        }
    }

    /// Ends a request with an error for its caller.
    pub(crate) fn request_fail(&mut self, id: RequestId, errno: i32) {
        let caller = self.requests[id].caller;
        self.request_free(id);
        if let Some(caller) = caller {
            self.complete_next(caller, Err(Error::new(errno)));
        }
    }

    /// The caller of a request goes away. What no server has is undone; what one has becomes an
    /// orphan, paid for by who abandoned it, until the server answers; the server is told once.
    pub(crate) fn request_abandon(&mut self, id: RequestId) {
        let Some(request) = self.requests.get_mut(id) else { return };
        // What a server had that died is for its successor to answer, cancelled or not.
        let taken = request.stage == Stage::Queued && request.redelivered;
        if request.stage != Stage::Delivered && !taken {
            return self.request_free(id);
        }
        let Some(caller) = request.caller.take() else { return };
        let payer = self.threads[caller].account;
        request.payer = Some(payer);
        let (opening, wanted, batch) = (request.opening, request.wanted, request.batch.take());
        // The number goes back now; the description stays, for what the server may still mint.
        if let Some(opening) = opening {
            self.number_cancel(opening.out);
        }
        if let Some(wanted) = wanted {
            self.wanted_release(&wanted, true);
            self.requests[id].wanted = None;
        }
        if let Some(batch) = batch {
            self.batch_release(batch, true);
        }
        if core::mem::take(&mut self.requests[id].positioned) {
            let through = self.requests[id].through;
            self.offset_release(through);
        }
        self.accounts.retain(payer);
        self.orphans = self.orphans.saturating_add(1);
        self.charge_over(payer, Resource::Requests, 1);
        if let (Some(endpoint), false) = (self.requests[id].endpoint, taken) {
            let Self { endpoints, requests, threads, .. } = self;
            requests[id].order = endpoints[endpoint].take_order();
            endpoints[endpoint].take_turn(requests, threads, id);
            self.notice_queued(endpoint);
        }
    }

    /// The process that had a request died. It may have acted on it: the caller is told so. The
    /// successor of a server that adopts gets the request once more, or its cancellation if nobody
    /// waits for it any more: it knows what was done. A second death on a request ends it for its
    /// caller. Handles on the way may be gone with the server.
    pub(crate) fn server_died(&mut self, id: RequestId) {
        self.requests[id].server = None;
        let Request { caller, endpoint, class, redelivered, .. } = self.requests[id];
        let adopts = endpoint
            .filter(|endpoint| self.endpoints[*endpoint].flags & endpoint_flags::ADOPT != 0);
        let (Some(endpoint), false) = (adopts, matches!(class, Class::SendFd | Class::RecvFd))
        else {
            return self.request_fail(id, EOWNERDEAD);
        };
        let turn = self.endpoints[endpoint].turn;
        let request = &mut self.requests[id];
        request.redelivered = true;
        request.stage = Stage::Queued;
        if !request.queued.is_linked() {
            request.turn = turn;
            let Self { endpoints, requests, .. } = self;
            endpoints[endpoint].queue.push_front(requests, id);
        }
        if let (Some(caller), true) = (caller, redelivered) {
            self.request_abandon(id);
            self.complete_next(caller, Err(Error::new(EOWNERDEAD)));
        }
        self.notice_queued(endpoint);
    }

    /// The last socket of an endpoint is gone: every request ends, everybody who waits wakes. That
    /// is done before anything else runs.
    pub(crate) fn endpoint_died(&mut self, id: EndpointId) {
        self.endpoints.retain(id);
        let next_dead = self.work.dead_endpoint.replace(id);
        let endpoint = &mut self.endpoints[id];
        (endpoint.hung, endpoint.next_dead) = (0, next_dead);
        self.attend();
    }

    /// Takes a quantum of a dead endpoint apart. False when there is none.
    pub(crate) fn endpoint_reap(&mut self) -> bool {
        let Some(id) = self.work.dead_endpoint else { return false };
        self.work.dead_endpoint = self.endpoints[id].next_dead.take();
        let mut quantum = QUANTUM_HANDLES;
        self.endpoint_end_requests(id, &mut quantum);
        if quantum > 0 {
            self.endpoint_forget(id, &mut quantum);
        }
        if quantum > 0 {
            self.endpoint_wake(id, &mut quantum);
        }
        if quantum > 0 {
            self.endpoint_release(id);
        } else {
            self.endpoints[id].next_dead = self.work.dead_endpoint.replace(id);
        }
        true
    }

    /// Ends requests of a dead endpoint, as many as there are left in a quantum.
    fn endpoint_end_requests(&mut self, id: EndpointId, quantum: &mut usize) {
        for place in 0..ENDPOINT_DEPTH {
            let request = self.endpoints[id].places.get(place).and_then(|place| place.request);
            let Some(request) = request else { continue };
            if *quantum == 0 {
                return;
            }
            *quantum -= 1;
            match self.requests[request].stage {
                Stage::Delivered => self.request_fail(request, EOWNERDEAD),
                Stage::Queued if self.requests[request].redelivered => {
                    self.request_fail(request, EOWNERDEAD);
                }
                Stage::Queued => self.request_fail(request, ENODEV),
                // Its caller is on its way and finds out by itself, or has its answer.
                Stage::Filling | Stage::Answered | Stage::InSlot(_) | Stage::Rerouted => {
                    *quantum += 1;
                }
            }
        }
    }

    /// Another instance takes an endpoint over and knows nothing of its predecessor's numbers:
    /// what was said of those is not for it to hear.
    pub(crate) fn endpoint_end_epoch(&mut self, id: EndpointId) {
        let endpoint = &mut self.endpoints[id];
        endpoint.epoch = endpoint.epoch.wrapping_add(1);
        while let Some(request) = self.endpoints[id].queue.front() {
            let gone = if self.requests[request].redelivered { EOWNERDEAD } else { ENODEV };
            self.request_fail(request, gone);
        }
        self.endpoints[id].hung = 0;
        let mut all = usize::MAX;
        self.endpoint_forget(id, &mut all);
    }

    /// The notice that a server took last is done with: it asks for the next message.
    #[cold]
    pub(crate) fn notice_done(&mut self, id: EndpointId) {
        match self.endpoints[id].in_hand.take() {
            Some(Notice::Close(description)) => self.description_free(description),
            Some(Notice::Unmap(grant)) => self.grant_free(grant),
            Some(Notice::Detach(_)) | None => {}
        }
    }

    /// The server that took a notice died: its successor gets it.
    pub(crate) fn notice_again(&mut self, id: EndpointId) {
        let Self { endpoints, descriptions, grants, .. } = self;
        let endpoint = &mut endpoints[id];
        match endpoint.in_hand.take() {
            Some(Notice::Close(close)) => endpoint.closes.push_front(descriptions, close),
            Some(Notice::Unmap(unmap)) => endpoint.unmaps.push_front(grants, unmap),
            Some(Notice::Detach(_)) | None => return,
        }
        self.receivers_nudge(id);
    }

    /// Empties the slots, drops the notices and hangs up on the watchers of objects that nobody
    /// serves any more, as much of that as there is left in a quantum.
    fn endpoint_forget(&mut self, id: EndpointId, quantum: &mut usize) {
        self.notice_done(id);
        while *quantum > 0 {
            *quantum -= 1;
            let Self { endpoints, descriptions, grants, .. } = self;
            let endpoint = &mut endpoints[id];
            if let Some(slot) = endpoint.slots.front() {
                self.slot_empty(slot);
            } else if endpoint.detaches.pop_front(descriptions).is_some() {
                // Nobody hears of it any more.
            } else if let Some(description) = endpoint.closes.pop_front(descriptions) {
                self.description_free(description);
            } else if let Some(grant) = endpoint.unmaps.pop_front(grants) {
                self.grant_free(grant);
            } else if endpoint.hung < WATCH_BUCKETS {
                endpoint.hung += 1;
                let bucket = endpoint.hung - 1;
                let told = self.endpoint_hang_up(id, bucket);
                *quantum = quantum.saturating_sub(told);
            } else {
                *quantum += 1;
                break;
            }
        }
    }

    /// A call at a description's own offset is over: the next one may begin.
    pub(crate) fn offset_release(&mut self, id: crate::handle::description::DescriptionId) {
        self.descriptions[id].busy = false;
        let mut at = self.offset_waiters.front();
        while let Some(thread) = at {
            at = self.threads[thread].wait.next();
            if self.threads[thread].blocked == crate::task::thread::Blocked::Offset(id) {
                self.offset_waiters.remove(&mut self.threads, thread);
                self.wake(thread, Resume::Retry);
            }
        }
    }
}
