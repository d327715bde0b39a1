//! Everybody who waits has somebody who will end the wait.
use super::lists::members;
use super::{Checked, Tally, ensure};
use crate::prelude::*;

impl<M: Machine> Kernel<M> {
    pub(super) fn check_waits(&self) -> Checked {
        self.check_ready()?;
        self.check_deadlines()?;
        let mut waiting = Tally::new(self.threads.places());
        self.check_wait_lists(&mut waiting)?;
        for (id, thread) in self.threads.iter() {
            let listed = waiting.of(id.index());
            let in_list = !matches!(
                thread.blocked,
                Blocked::No | Blocked::Sleep | Blocked::Request(_) | Blocked::Signal(_)
            );
            ensure!(
                listed == u32::from(in_list),
                "thread {id:?} waits for {:?} and is in {listed} lists",
                thread.blocked
            );
            self.check_thread(id, thread)?;
        }
        for (id, request) in self.requests.iter() {
            self.check_request(id, request)?;
        }
        self.check_endpoints()
    }

    fn check_ready(&self) -> Checked {
        let mut ready = Tally::new(self.threads.places());
        for (level, queue) in self.ready.queues.iter().enumerate() {
            let all = members(&self.threads, queue)?;
            let marked = self.ready.bitmap & 1 << level != 0;
            ensure!(marked != all.is_empty(), "priority {level} is marked ready: {marked}");
            for id in all {
                let thread = &self.threads[id];
                ensure!(thread.ready, "thread {id:?} is queued and not ready");
                ensure!(thread.priority as usize == level, "thread {id:?} is queued at {level}");
                ready.add(id.index());
            }
        }
        for (id, thread) in self.threads.iter() {
            let queued = ready.of(id.index());
            ensure!(queued == u32::from(thread.ready), "thread {id:?} is queued {queued} times");
            let runs =
                self.cpus.iter().any(|cpu| cpu.current.is_some_and(|caller| caller.thread == id));
            let waits = thread.blocked != Blocked::No;
            let next = self.cpus.iter().any(|cpu| cpu.handoff == Some(id));
            let states =
                u32::from(runs) + u32::from(waits) + u32::from(thread.ready) + u32::from(next);
            ensure!(
                states == 1,
                "thread {id:?}: runs {runs}, waits {:?}, ready {}",
                thread.blocked,
                thread.ready
            );
        }
        for cpu in &self.cpus {
            let lives = cpu.current.is_none_or(|at| self.threads.get(at.thread).is_some());
            ensure!(lives, "a thread that is gone runs");
            let there = cpu.loaded.is_none_or(|space| self.spaces.get(space).is_some());
            ensure!(there, "a space that is gone is loaded");
        }
        Ok(())
    }

    fn check_deadlines(&self) -> Checked {
        let owners = self.threads.iter().count() + self.timers.iter().count();
        ensure!(self.deadlines.owners() == owners, "{owners} could wait for a time");
        let heap: Vec<_> = self.deadlines.iter().collect();
        let entries = heap.len();
        for (place, (when, who)) in heap.iter().copied().enumerate() {
            let parent = heap.get(place.saturating_sub(1) / 2);
            ensure!(parent.is_none_or(|(first, _)| *first <= when), "deadlines are out of order");
            let known = match who {
                Waiter::Thread(id) => self.threads.get(id).and_then(|thread| thread.place),
                Waiter::Timer(id) => self.timers.get(id).and_then(|timer| timer.place),
            };
            ensure!(known == Some(place as u32), "{who:?} does not know its place");
        }
        let threads = self.threads.iter().filter(|(_, thread)| thread.place.is_some()).count();
        let timers = self.timers.iter().filter(|(_, timer)| timer.place.is_some()).count();
        ensure!(entries == threads + timers, "{entries} deadlines are armed");
        for (id, thread) in self.threads.iter() {
            let waits = thread.blocked != Blocked::No;
            ensure!(waits || thread.place.is_none(), "thread {id:?} has a deadline and runs");
            if matches!(thread.blocked, Blocked::Held(_)) {
                continue;
            }
            let until = thread.deadline != 0 || thread.wake_at.is_some();
            ensure!(!waits || thread.place.is_some() == until, "thread {id:?} has no deadline");
        }
        Ok(())
    }

    fn check_wait_list(
        &self,
        list: &List<ThreadK, 0>,
        blocked: Blocked,
        waiting: &mut Tally,
    ) -> Checked {
        for id in members(&self.threads, list)? {
            let is = self.threads[id].blocked;
            ensure!(is == blocked, "thread {id:?} waits for {is:?}, is listed for {blocked:?}");
            waiting.add(id.index());
        }
        Ok(())
    }

    fn check_wait_lists(&self, waiting: &mut Tally) -> Checked {
        for (id, endpoint) in self.endpoints.iter() {
            self.check_wait_list(&endpoint.receivers, Blocked::Receive(id), waiting)?;
            self.check_wait_list(&endpoint.admission, Blocked::Admission(id), waiting)?;
        }
        for (id, queue) in self.queues.iter() {
            self.check_wait_list(&queue.waiters, Blocked::Queue(id), waiting)?;
            let idle = queue.ready.is_empty() || queue.waiters.is_empty();
            ensure!(idle, "somebody waits for events of queue {id:?}, which has some");
        }
        for (id, pipe) in self.pipes.iter() {
            self.check_wait_list(&pipe.readers_waiting, Blocked::PipeRead(id), waiting)?;
            self.check_wait_list(&pipe.writers_waiting, Blocked::PipeWrite(id), waiting)?;
            let read = pipe.readers_waiting.is_empty() || pipe.writers > 0;
            ensure!(read, "somebody waits for bytes of pipe {id:?}, which nobody writes");
            let write = pipe.writers_waiting.is_empty() || pipe.readers > 0;
            ensure!(write, "somebody waits for room in pipe {id:?}, which nobody reads");
        }
        for (id, process) in self.processes.iter() {
            self.check_wait_list(&process.waiters, Blocked::Exit(id), waiting)?;
            self.check_wait_list(&process.held, Blocked::Held(id), waiting)?;
            let copied = process.forking.is_none_or(|thread| {
                let resume = self.threads.get(thread).map(|thread| thread.resume);
                matches!(resume, Some(Resume::Fork(_)))
            });
            ensure!(copied || process.state == ProcessState::Dead, "nobody copies {id:?}");
            let caught = process.signals.caught;
            let threads = members(&self.threads, &process.threads)?;
            let told = threads.iter().any(|thread| self.threads[*thread].alert);
            for thread in threads.into_iter().filter(|_| !told) {
                let due = self.signals_due(thread, self.threads[thread].mask) & caught;
                let waits = self.threads[thread].blocked != Blocked::No;
                ensure!(due == 0 || !waits, "thread {thread:?} sleeps through signals {due:#x}");
            }
            let stopped = process.signals.stopped;
            let held = process.held.is_empty() || process.forking.is_some() || stopped;
            ensure!(held, "threads of {id:?} are held for nothing");
            let watched = members(&self.threads, &process.threads)?;
            let watched = watched.iter().all(|thread| self.threads[*thread].alert);
            ensure!(!stopped || watched, "a thread of {id:?}, which is stopped, could run");
            let dead = process.state == ProcessState::Dead;
            ensure!(!dead || process.waiters.is_empty(), "somebody waits for dead {id:?}");
        }
        for (id, irq) in self.irqs.iter() {
            self.check_wait_list(&irq.waiters, Blocked::Irq(id), waiting)?;
        }
        for bucket in &self.futexes.buckets {
            for id in members(&self.threads, bucket)? {
                let is = self.threads[id].blocked;
                ensure!(matches!(is, Blocked::Futex(_)), "thread {id:?} waits for {is:?}");
                waiting.add(id.index());
            }
        }
        for id in members(&self.threads, &self.offset_waiters)? {
            let Blocked::Offset(description) = self.threads[id].blocked else {
                return Err(alloc::format!("thread {id:?} waits for no offset"));
            };
            let busy = self.descriptions.get(description).is_some_and(|d| d.busy);
            ensure!(busy, "thread {id:?} waits for an offset that nobody uses");
            waiting.add(id.index());
        }
        Ok(())
    }

    fn check_thread(&self, id: ThreadId, thread: &Thread<M>) -> Checked {
        if let Blocked::Request(request) = thread.blocked {
            let Some(request) = self.requests.get(request) else {
                return Err(alloc::format!("thread {id:?} waits for a request that is gone"));
            };
            ensure!(request.caller == Some(id), "thread {id:?} waits for another's request");
            let awaited =
                matches!(request.stage, Stage::Queued | Stage::Delivered | Stage::InSlot(_));
            ensure!(awaited, "thread {id:?} waits for a request in {:?}", request.stage);
        }
        if let Some((endpoint, place)) = thread.granted {
            let used =
                self.endpoints.get(endpoint).is_some_and(|e| !e.vacant_places().contains(&place));
            ensure!(used, "thread {id:?} was given a place that is free");
        }
        Ok(())
    }

    fn check_request(&self, id: RequestId, request: &Request) -> Checked {
        let Request { caller, stage, server, endpoint, .. } = *request;
        match caller {
            Some(caller) => {
                let Some(thread) = self.threads.get(caller) else {
                    return Err(alloc::format!("request {id:?} has a caller that is gone"));
                };
                let goes_on = match thread.resume {
                    Resume::Send(own) => own == id && stage == Stage::Filling,
                    Resume::Readmit(own) => own == id && stage == Stage::Rerouted,
                    Resume::Finish(own) => own == id && stage == Stage::Answered,
                    _ => false,
                };
                let waits = thread.blocked == Blocked::Request(id);
                ensure!(waits || goes_on, "nobody waits for request {id:?} in {stage:?}");
            }
            None => {
                let for_successor = stage == Stage::Queued && request.redelivered;
                let kept = stage == Stage::Delivered || for_successor;
                ensure!(kept, "request {id:?} is abandoned in {stage:?}");
            }
        }
        if stage == Stage::Delivered {
            let lives = server.is_some_and(|server| self.process_lives(server));
            ensure!(lives, "request {id:?} was delivered to nobody who lives");
            let sits = self
                .seats
                .iter()
                .any(|(_, seat)| Some(seat.process) == server && Some(seat.endpoint) == endpoint);
            ensure!(sits, "request {id:?} was delivered where its server does not receive");
        } else {
            ensure!(server.is_none(), "request {id:?} in {stage:?} has a server");
        }
        let placed =
            matches!(stage, Stage::Filling | Stage::Queued | Stage::Delivered | Stage::Answered);
        ensure!(placed == endpoint.is_some(), "request {id:?} in {stage:?} at {endpoint:?}");
        if let Some(endpoint) = endpoint {
            let Some(endpoint) = self.endpoints.get(endpoint) else {
                return Err(alloc::format!("request {id:?} is at an endpoint that is gone"));
            };
            let at = endpoint.places.get(usize::from(request.place));
            ensure!(at.is_some_and(|at| at.request == Some(id)), "request {id:?} has no place");
            let dead = endpoint.sockets == 0 && self.work.dead_endpoint.is_none();
            let ended = matches!(stage, Stage::Filling | Stage::Answered);
            ensure!(!dead || ended, "request {id:?} in {stage:?} is at a dead endpoint");
        }
        if request.positioned {
            let busy = self.descriptions[request.through].busy;
            ensure!(busy, "request {id:?} moves an offset that is free");
        }
        Ok(())
    }

    fn check_endpoints(&self) -> Checked {
        for (id, endpoint) in self.endpoints.iter() {
            let mut used = 0u128;
            for (place, at) in endpoint.places.iter().enumerate() {
                let Some(request) = at.request else { continue };
                let known = self.requests.get(request).is_some_and(|request| {
                    request.endpoint == Some(id) && usize::from(request.place) == place
                });
                ensure!(known, "place {place} of endpoint {id:?} holds a request that is gone");
                used |= 1 << place;
            }
            for (_, thread) in self.threads.iter() {
                if let Some((_, place)) = thread.granted.filter(|(endpoint, _)| *endpoint == id) {
                    ensure!(used & 1 << place == 0, "place {place} of {id:?} was given twice");
                    used |= 1 << place;
                }
            }
            for place in endpoint.vacant_places() {
                ensure!(used & 1 << place == 0, "place {place} of {id:?} is in use and free");
                used |= 1 << place;
            }
            ensure!(used == u128::MAX, "endpoint {id:?} lost places: {used:x}");
            let stuck = !endpoint.admission.is_empty() && endpoint.free == ENDPOINT_DEPTH;
            ensure!(!stuck, "somebody waits for a place at endpoint {id:?}, which is empty");
            let mut bulk = 0;
            for (_, request) in self.requests.iter().filter(|(_, r)| r.endpoint == Some(id)) {
                for page in request.page..request.page + request.bulk {
                    let page = page - ENDPOINT_DEPTH;
                    let word = endpoint.bulk.get(page / 64).copied().unwrap_or(0);
                    ensure!(word & 1 << (page % 64) != 0, "bulk page {page} is used and free");
                    bulk += 1;
                }
            }
            let marked: u32 = endpoint.bulk.iter().map(|word| word.count_ones()).sum();
            ensure!(marked == bulk, "endpoint {id:?} has {marked} bulk pages taken, {bulk} used");
            for queued in members(&self.requests, &endpoint.queue)? {
                let request = &self.requests[queued];
                let cancel = request.caller.is_none() && request.stage == Stage::Delivered;
                let fits =
                    request.endpoint == Some(id) && (request.stage == Stage::Queued || cancel);
                ensure!(fits, "request {queued:?} in {:?} is queued", request.stage);
            }
            let idle = endpoint.receivers.is_empty() || !endpoint.has_messages();
            let woken = || {
                self.threads.iter().any(|(_, thread)| {
                    let receives = matches!(thread.resume, Resume::Receive(r) if r.endpoint == id);
                    receives && thread.blocked == Blocked::No
                })
            };
            let later = self.cpus.iter().any(|cpu| cpu.later == Some(id));
            ensure!(
                idle || later || woken(),
                "messages wait at endpoint {id:?} and nobody takes them"
            );
            ensure!(
                endpoint.sockets > 0
                    || endpoint.receivers.is_empty()
                    || self.work.dead_endpoint.is_some(),
                "somebody receives at dead endpoint {id:?}"
            );
        }
        for (id, slot) in self.slots.iter() {
            let waiting = members(&self.requests, &slot.waiters)?;
            ensure!(waiting.len() == slot.waiting, "slot {id:?} counts {}", slot.waiting);
            ensure!(slot.root.is_none() || waiting.is_empty(), "slot {id:?} is filled, some wait");
            for request in waiting {
                let stage = self.requests[request].stage;
                ensure!(stage == Stage::InSlot(id), "{request:?} waits in {id:?}, is in {stage:?}");
            }
        }
        for (id, process) in self.processes.iter() {
            for seat in members(&self.seats, &process.seats)? {
                let at = &self.seats[seat];
                let known = self.endpoints.get(at.endpoint).is_some_and(|at| at.has_seat(seat));
                ensure!(at.process == id && known, "seat {seat:?} of {id:?} is at no endpoint");
            }
        }
        Ok(())
    }
}
