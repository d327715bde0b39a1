//! Lists are whole: each holds what claims to be in it, and links lead both ways.
use super::{Checked, Tally, ensure};
use crate::container::Linked;
use crate::kernel::Work;
use crate::prelude::*;
use alloc::string::String;

/// The members of a list, after looking at every link.
pub(crate) fn members<K, T: Linked<K, L>, const L: usize, const N: usize>(
    arena: &Arena<T, K, N>,
    list: &List<K, L>,
) -> Result<Vec<Id<K>>, String> {
    let mut found: Vec<Id<K>> = Vec::new();
    let mut at = list.front();
    while let Some(id) = at {
        let object = arena.get(id);
        let Some(object) = object else { return Err(alloc::format!("a list holds freed {id:?}")) };
        ensure!(object.link().is_linked(), "{id:?} is in a list and does not know");
        ensure!(object.link().previous() == found.last().copied(), "{id:?} has a wrong link back");
        ensure!(found.len() <= arena.places() as usize, "a list goes in a circle");
        found.push(id);
        at = object.link().next();
    }
    ensure!(list.back() == found.last().copied(), "a list has a wrong end");
    Ok(found)
}

impl Work {
    pub(super) fn dead_spaces_holds<M: Machine>(
        &self,
        spaces: &Arena<Space<M>, SpaceK>,
        id: SpaceId,
    ) -> bool {
        members(spaces, &self.dead_spaces).is_ok_and(|dead| dead.contains(&id))
    }
}

impl<M: Machine> Kernel<M> {
    pub(super) fn check_lists(&mut self) -> Checked {
        self.check_work()?;
        self.check_notices()?;
        self.check_tree()?;
        self.check_registrations()
    }

    fn check_work(&self) -> Checked {
        for id in members(&self.tables, &self.work.dead_tables)? {
            ensure!(self.tables[id].refs == 0, "table {id:?} is dead and referred to");
        }
        for id in members(&self.memories, &self.work.dead_memories)? {
            ensure!(self.memories[id].refs == 0, "memory {id:?} is dead and referred to");
        }
        let dead = members(&self.memories, &self.work.dead_memories)?.len();
        let all = self.memories.iter().filter(|(_, memory)| memory.refs == 0).count();
        ensure!(dead == all, "{all} memory objects are unreferenced, {dead} await their end");
        let dead = members(&self.tables, &self.work.dead_tables)?.len();
        let all = self.tables.iter().filter(|(_, table)| table.refs == 0).count();
        ensure!(dead == all, "{all} tables are unreferenced, {dead} await their end");
        members(&self.spaces, &self.work.dead_spaces)?;
        Ok(())
    }

    fn check_notices(&self) -> Checked {
        let (mut closing, mut unmapping, mut filled) = (0, 0, 0);
        for (id, endpoint) in self.endpoints.iter() {
            match endpoint.in_hand {
                Some(Notice::Close(_)) => closing += 1,
                Some(Notice::Unmap(_)) => unmapping += 1,
                Some(Notice::Detach(_)) => ensure!(false, "endpoint {id:?} keeps a detachment"),
                None => {}
            }
            for close in members(&self.descriptions, &endpoint.closes)? {
                let description = &self.descriptions[close];
                let is_own = matches!(description.object, Object::Scheme(o) if o.endpoint == id);
                ensure!(description.refs == 0 && is_own, "{close:?} is closing and referred to");
                closing += 1;
            }
            for detach in members(&self.descriptions, &endpoint.detaches)? {
                let object = self.descriptions[detach].object;
                let is_own = matches!(object, Object::Scheme(o) if o.endpoint == id);
                ensure!(is_own, "{detach:?} is another's, and its detachment is told here");
            }
            let queued = members(&self.requests, &endpoint.queue)?;
            let turns = queued.iter().map(|request| self.requests[*request].turn);
            ensure!(turns.is_sorted(), "accounts do not take turns at {id:?}");
            for unmap in members(&self.grants, &endpoint.unmaps)? {
                let grant = &self.grants[unmap];
                ensure!(
                    grant.refs == 0 && grant.endpoint == id,
                    "grant {unmap:?} ends and is used"
                );
                unmapping += 1;
            }
            for slot in members(&self.slots, &endpoint.slots)? {
                ensure!(self.slots[slot].root.is_some(), "slot {slot:?} is empty and filled");
                filled += 1;
            }
        }
        let all = self.descriptions.iter().filter(|(_, d)| d.refs == 0).count();
        ensure!(all == closing, "{all} descriptions are unreferenced, {closing} close");
        let all = self.grants.iter().filter(|(_, grant)| grant.refs == 0).count();
        ensure!(all == unmapping, "{all} grants are unreferenced, {unmapping} are told of");
        let roots = self.slots.iter().filter_map(|(_, slot)| slot.root);
        let of_schemes = roots
            .filter(|root| matches!(self.descriptions[root.description].object, Object::Scheme(_)));
        let all = of_schemes.count();
        ensure!(all == filled, "{all} slots have a scheme's root, endpoints know {filled}");
        Ok(())
    }

    /// Accounts, processes and threads form a tree.
    fn check_tree(&self) -> Checked {
        let (mut children, mut processes, mut threads) = (0, 0, 0);
        for (id, account) in self.accounts.iter() {
            for child in members(&self.accounts, &account.children)? {
                ensure!(
                    self.accounts[child].parent == Some(id),
                    "account {child:?} has two parents"
                );
                children += 1;
            }
            for process in members(&self.processes, &account.processes)? {
                let process = &self.processes[process];
                let is_own = process.account == id && process.state != ProcessState::Dead;
                ensure!(is_own, "account {id:?} lists a process that is dead or another's");
                processes += 1;
            }
        }
        for (id, process) in self.processes.iter() {
            let own = members(&self.threads, &process.threads)?;
            let dead = process.state == ProcessState::Dead;
            ensure!(!dead || own.is_empty(), "dead process {id:?} has threads");
            ensure!(
                own.iter().all(|thread| self.threads[*thread].process == id),
                "process {id:?} lists another's thread"
            );
            threads += own.len();
        }
        let live = self.processes.iter().filter(|(_, p)| p.state != ProcessState::Dead).count();
        ensure!(live == processes, "{live} processes live, accounts list {processes}");
        ensure!(self.threads.iter().count() == threads, "a thread is in no process");
        let roots = usize::from(self.root_account.is_some());
        ensure!(self.accounts.iter().count() == children + roots, "an account has no parent");
        Ok(())
    }

    fn check_registrations(&mut self) -> Checked {
        let mut in_queue = Tally::new(self.registrations.places());
        let mut chained = Tally::new(self.registrations.places());
        for (id, queue) in self.queues.iter() {
            let all = members(&self.registrations, &queue.all)?;
            ensure!(all.len() == queue.count as usize, "queue {id:?} counts {}", queue.count);
            for registration in all {
                ensure!(
                    self.registrations[registration].queue == id,
                    "a registration is elsewhere"
                );
                in_queue.add(registration.index());
            }
            for ready in members(&self.registrations, &queue.ready)? {
                let ready = &self.registrations[ready];
                ensure!(ready.queue == id && ready.pending != 0, "queue {id:?} tells of nothing");
            }
        }
        for (_, table) in self.tables.iter() {
            for half in [&table.lower, &table.upper] {
                for entry in half.entries.iter() {
                    let mut at = entry.registration;
                    while let Some(id) = at {
                        let registration = self.registrations.get(id);
                        ensure!(registration.is_some(), "a handle has a freed registration");
                        chained.add(id.index());
                        ensure!(chained.of(id.index()) == 1, "registration {id:?} has two handles");
                        at = self.registrations[id].next_of_handle;
                    }
                }
            }
        }
        let all: Vec<_> = self.registrations.iter().map(|(id, r)| (id, r.source)).collect();
        for (id, source) in all {
            ensure!(in_queue.of(id.index()) == 1, "registration {id:?} is in no queue");
            let handles = u32::from(!self.queues.iter().any(|(_, queue)| {
                queue.timeout.is_some_and(|timer| source == Object::Timer(timer))
            }));
            ensure!(chained.of(id.index()) == handles, "registration {id:?} has no handle");
            let front = match self.watchers(source) {
                Some(watchers) => watchers.front(),
                None => return Err(alloc::format!("registration {id:?} watches what is gone")),
            };
            let mut at = front;
            while let Some(watcher) = at.filter(|watcher| *watcher != id) {
                at = self.next_watcher(watcher);
            }
            ensure!(at == Some(id), "registration {id:?} is unknown to what it watches");
        }
        Ok(())
    }
}
