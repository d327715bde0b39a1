//! Every reference count equals the number of those who refer.
use super::{Checked, Tally, ensure};
use crate::handle::table::{Half, State};
use crate::prelude::*;
use alloc::string::String;

impl<M: Machine> Kernel<M> {
    pub(super) fn check_references(&self) -> Checked {
        self.check_handles()?;
        let descriptions = self.description_holders()?;
        for (id, description) in self.descriptions.iter() {
            let holders = descriptions.of(id.index());
            ensure!(
                description.refs == holders,
                "description {id:?} ({:?}) counts {} references, has {holders}",
                description.object,
                description.refs
            );
        }
        self.check_objects()?;
        self.check_memories_held()
    }

    /// Every live handle, wherever it is, with who holds it.
    pub(crate) fn each_handle(
        &self,
        mut see: impl FnMut(&'static str, u32, &Handle) -> Checked,
    ) -> Checked {
        for (id, table) in self.tables.iter() {
            for half in [&table.lower, &table.upper] {
                for entry in half.entries.iter() {
                    if let State::Live(handle) = &entry.state {
                        see("table", id.index(), handle)?;
                    }
                }
            }
        }
        for (id, pipe) in self.pipes.iter() {
            for handle in pipe.parked.iter().flatten() {
                see("pipe", id.index(), handle)?;
            }
        }
        for (id, batch) in self.batches.iter() {
            for handle in batch.handles.iter().flatten() {
                see("batch", id.index(), handle)?;
            }
        }
        for (id, slot) in self.slots.iter() {
            if let Some(handle) = &slot.root {
                see("slot", id.index(), handle)?;
            }
        }
        Ok(())
    }

    fn description_holders(&self) -> Result<Tally, String> {
        let mut tally = Tally::new(self.descriptions.places());
        self.each_handle(|place, index, handle| {
            let exists = self.descriptions.get(handle.description).is_some();
            ensure!(exists, "{place} {index} holds a handle to a freed description");
            tally.add(handle.description.index());
            Ok(())
        })?;
        for (id, request) in self.requests.iter() {
            let there = self.descriptions.get(request.through).is_some();
            ensure!(there, "request {id:?} goes through a freed description");
            tally.add(request.through.index());
            if let Some(opening) = &request.opening {
                let there = self.descriptions.get(opening.description);
                ensure!(there.is_some(), "request {id:?} opens a freed description");
                tally.add(opening.description.index());
            }
        }
        for (id, grant) in self.grants.iter() {
            let there = self.descriptions.get(grant.description).is_some();
            ensure!(there, "grant {id:?} keeps a freed description");
            tally.add(grant.description.index());
        }
        Ok(tally)
    }

    fn check_handles(&self) -> Checked {
        for (id, table) in self.tables.iter() {
            let mut live = 0;
            for (name, half) in [("lower", &table.lower), ("upper", &table.upper)] {
                live += half.entries.iter().filter(|entry| entry.state != State::Free).count();
                check_bitmaps(half)
                    .map_err(|text| alloc::format!("table {id:?}, {name} half: {text}"))?;
            }
            ensure!(
                live == table.live() as usize,
                "table {id:?} counts {} numbers, has {live}",
                table.live()
            );
        }
        // Numbers kept for calls in flight are as many as those calls say.
        let mut reserved = Tally::new(self.tables.places());
        let mut keep = |at: &crate::handle::table::Reserved| {
            reserved.add(at.table.index());
            let entry = self.tables.get(at.table).and_then(|table| table.entry(at.number));
            let is_kept = entry.is_some_and(|entry| entry.state == State::Reserved);
            ensure!(is_kept, "the number {:#x} of a call in flight is not kept", at.number);
            Ok(())
        };
        for (_, request) in self.requests.iter().filter(|(_, r)| r.caller.is_some()) {
            request.opening.iter().map(|opening| &opening.out).try_for_each(&mut keep)?;
            request.wanted.iter().filter_map(|w| w.handle.as_ref()).try_for_each(&mut keep)?;
        }
        for (_, batch) in self.batches.iter() {
            batch.numbers.iter().flatten().try_for_each(&mut keep)?;
        }
        for (id, table) in self.tables.iter() {
            let halves = [&table.lower, &table.upper];
            let entries = halves.iter().flat_map(|half| half.entries.iter());
            let have = entries.filter(|entry| entry.state == State::Reserved).count();
            let want = reserved.of(id.index()) as usize;
            ensure!(have == want, "table {id:?} keeps {have} numbers for {want} calls");
        }
        Ok(())
    }

    fn check_objects(&self) -> Checked {
        let mut endpoints = Tally::new(self.endpoints.places());
        let mut sockets = Tally::new(self.endpoints.places());
        let mut processes = Tally::new(self.processes.places());
        let mut slots = Tally::new(self.slots.places());
        let mut tables = Tally::new(self.tables.places());
        let mut readers = Tally::new(self.pipes.places());
        let mut writers = Tally::new(self.pipes.places());
        let mut queues = Tally::new(self.queues.places());
        let mut timers = Tally::new(self.timers.places());
        let mut irqs = Tally::new(self.irqs.places());
        for (id, description) in self.descriptions.iter() {
            let exists = match description.object {
                Object::Scheme(object) => {
                    endpoints.add(object.endpoint.index());
                    self.endpoints.get(object.endpoint).is_some()
                }
                Object::Socket(endpoint) => {
                    endpoints.add(endpoint.index());
                    sockets.add(endpoint.index());
                    self.endpoints.get(endpoint).is_some()
                }
                Object::Process(process) => {
                    processes.add(process.index());
                    self.processes.get(process).is_some()
                }
                Object::Slot(slot) => {
                    slots.add(slot.index());
                    self.slots.get(slot).is_some()
                }
                Object::Table(table) => {
                    tables.add(table.index());
                    self.tables.get(table).is_some()
                }
                Object::PipeReader(pipe) => {
                    readers.add(pipe.index());
                    self.pipes.get(pipe).is_some()
                }
                Object::PipeWriter(pipe) => {
                    writers.add(pipe.index());
                    self.pipes.get(pipe).is_some()
                }
                Object::Queue(queue) => {
                    queues.add(queue.index());
                    self.queues.get(queue).is_some()
                }
                Object::Timer(timer) => {
                    timers.add(timer.index());
                    self.timers.get(timer).is_some()
                }
                Object::Irq(irq) => {
                    irqs.add(irq.index());
                    self.irqs.get(irq).is_some()
                }
                _ => true,
            };
            ensure!(exists, "description {id:?} names a freed {:?}", description.object);
            if let Some(slot) = description.slot {
                slots.add(slot.index());
                ensure!(self.slots.get(slot).is_some(), "description {id:?} has a freed label");
            }
        }
        let of_queues = self.queues.iter().filter_map(|(_, queue)| queue.timeout);
        for timer in of_queues.chain(self.leases.iter().filter_map(|(_, lease)| lease.timer)) {
            timers.add(timer.index());
            ensure!(self.timers.get(timer).is_some(), "a queue or lease has a freed timer");
        }
        for (_, request) in self.requests.iter() {
            if let Some(endpoint) = request.endpoint {
                endpoints.add(endpoint.index());
            }
            if let Stage::InSlot(slot) = request.stage {
                slots.add(slot.index());
            }
        }
        let mut dead = self.work.dead_endpoint;
        while let Some(id) = dead {
            endpoints.add(id.index());
            dead = self.endpoints[id].next_dead;
        }
        for (_, thread) in self.threads.iter() {
            match thread.resume {
                Resume::Fork(fork) => processes.add(fork.child.index()),
                Resume::Exec(exec) => processes.add(exec.built.index()),
                _ => {}
            }
        }
        for (id, process) in self.processes.iter() {
            if process.state != ProcessState::Dead {
                processes.add(id.index());
                tables.add(process.table.index());
            }
        }
        for (id, endpoint) in self.endpoints.iter() {
            let (refs, ends) = (endpoints.of(id.index()), sockets.of(id.index()));
            ensure!(endpoint.refs == refs, "endpoint {id:?}: {} refs, {refs}", endpoint.refs);
            ensure!(
                endpoint.sockets == ends,
                "endpoint {id:?}: {} sockets, {ends}",
                endpoint.sockets
            );
        }
        for (id, process) in self.processes.iter() {
            let refs = processes.of(id.index());
            ensure!(process.refs == refs, "process {id:?}: {} refs, {refs}", process.refs);
        }
        for (id, slot) in self.slots.iter() {
            let refs = slots.of(id.index());
            ensure!(slot.refs == refs, "slot {id:?}: {} refs, {refs}", slot.refs);
        }
        for (id, table) in self.tables.iter() {
            let refs = tables.of(id.index());
            ensure!(table.refs == refs, "table {id:?}: {} refs, {refs}", table.refs);
        }
        for (id, pipe) in self.pipes.iter() {
            let (r, w) = (readers.of(id.index()), writers.of(id.index()));
            ensure!(
                (pipe.readers, pipe.writers) == (r, w),
                "pipe {id:?}: {r} readers, {w} writers"
            );
        }
        let one = |tally: &Tally, index| tally.of(index) == 1;
        for (id, _) in self.queues.iter() {
            ensure!(one(&queues, id.index()), "queue {id:?} has no handle");
        }
        for (id, _) in self.timers.iter() {
            ensure!(one(&timers, id.index()), "timer {id:?} has no handle");
        }
        for (id, _) in self.irqs.iter() {
            ensure!(one(&irqs, id.index()), "interrupt {id:?} has no handle");
        }
        Ok(())
    }

    fn check_memories_held(&self) -> Checked {
        let mut memories = Tally::new(self.memories.places());
        let mut grants = Tally::new(self.grants.places());
        let mut hold = |id: crate::memory::object::MemoryId| {
            memories.add(id.index());
            ensure!(self.memories.get(id).is_some(), "a freed memory object is referred to");
            Ok(())
        };
        for (_, region) in self.regions.iter() {
            hold(region.memory)?;
            if let Some(grant) = region.grant {
                grants.add(grant.index());
                ensure!(self.grants.get(grant).is_some(), "a region has a freed grant");
            }
        }
        for (_, description) in self.descriptions.iter() {
            match description.object {
                Object::Memory(view) => {
                    hold(view.memory)?;
                    if let Some(grant) = view.grant {
                        grants.add(grant.index());
                        ensure!(self.grants.get(grant).is_some(), "a view has a freed grant");
                    }
                }
                Object::Name(memory) => hold(memory)?,
                _ => {}
            }
        }
        self.endpoints.iter().try_for_each(|(_, endpoint)| hold(endpoint.inbox))?;
        self.pipes.iter().try_for_each(|(_, pipe)| hold(pipe.memory))?;
        self.processes.iter().filter_map(|(_, process)| process.name).try_for_each(&mut hold)?;
        for (_, memory) in self.memories.iter() {
            if let Backing::CopyOf(parent, _) = memory.backing {
                hold(parent)?;
            }
        }
        for (_, request) in self.requests.iter() {
            if let Some((memory, ..)) = request.wanted.and_then(|wanted| wanted.lent) {
                hold(memory)?;
            }
        }
        for (id, memory) in self.memories.iter() {
            let refs = memories.of(id.index());
            ensure!(memory.refs == refs, "memory {id:?}: {} refs, {refs}", memory.refs);
        }
        for (id, grant) in self.grants.iter() {
            let refs = grants.of(id.index());
            ensure!(grant.refs == refs, "grant {id:?}: {} refs, {refs}", grant.refs);
        }
        Ok(())
    }
}

fn check_bitmaps(half: &Half) -> Checked {
    for (index, entry) in half.entries.iter().enumerate() {
        let word = half.used.get(index / 64).copied().unwrap_or(0);
        let marked = word & 1 << (index % 64) != 0;
        let used = entry.state != State::Free;
        ensure!(marked == used, "number {index} is used: {used}, marked: {marked}");
        ensure!(used || entry.registration.is_none(), "free number {index} has a registration");
    }
    for (index, word) in half.used.iter().enumerate() {
        let full = half.full.get(index / 64).copied().unwrap_or(0) & 1 << (index % 64) != 0;
        ensure!(full == (*word == u64::MAX), "word {index} is marked full: {full}");
    }
    Ok(())
}
