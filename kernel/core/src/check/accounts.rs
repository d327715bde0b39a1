//! What accounts say is used is what is there.
use super::{Checked, ensure};
use crate::prelude::*;

/// What is charged to each account directly, and who refers to it.
struct Ledger {
    charged: Vec<AccountLimits>,
    refs: Vec<u32>,
}

impl Ledger {
    fn charge(&mut self, id: AccountId, resource: Resource, n: u64) {
        if let Some(amounts) = self.charged.get_mut(id.index() as usize) {
            *amounts.get_mut(resource) += n;
        }
    }

    fn refer(&mut self, id: AccountId) {
        if let Some(refs) = self.refs.get_mut(id.index() as usize) {
            *refs += 1;
        }
    }

    fn object<T>(&mut self, id: AccountId) {
        self.charge(id, Resource::KernelBytes, size_of::<T>() as u64);
        self.refer(id);
    }
}

impl<M: Machine> Kernel<M> {
    pub(super) fn check_accounts(&self) -> Checked {
        let places = self.accounts.places() as usize;
        let mut ledger = Ledger {
            charged: alloc::vec![AccountLimits::default(); places],
            refs: alloc::vec![0; places],
        };
        self.enter_objects(&mut ledger);
        self.enter_memory(&mut ledger);
        let mut used = alloc::vec![AccountLimits::default(); places];
        for (id, account) in self.accounts.iter() {
            for above in self.accounts_from(id) {
                for resource in Resource::ALL {
                    let own =
                        ledger.charged.get(id.index() as usize).map_or(0, |a| a.get(resource));
                    if let Some(sum) = used.get_mut(above.index() as usize) {
                        *sum.get_mut(resource) += own;
                    }
                }
            }
            let mut refs = ledger.refs.get(id.index() as usize).copied().unwrap_or(0);
            if Some(id) == self.root_account {
                refs += 1;
            }
            if let Some(round) = self.work.round {
                refs += u32::from(round.root == id) + u32::from(round.at == id);
            }
            ensure!(account.refs == refs, "account {id:?}: {} refs, {refs}", account.refs);
        }
        for (id, account) in self.accounts.iter() {
            let there = used.get(id.index() as usize).copied().unwrap_or_default();
            ensure!(account.used == there, "account {id:?} uses {:?}, has {there:?}", account.used);
            let alive = self.processes.iter().filter(|(_, process)| {
                process.state != ProcessState::Dead
                    && self.accounts_from(process.account).any(|above| above == id)
            });
            let alive = alive.count();
            ensure!(account.alive as usize == alive, "account {id:?}: {alive} processes");
        }
        Ok(())
    }

    fn enter_objects(&self, ledger: &mut Ledger) {
        for (_, account) in self.accounts.iter() {
            if let Some(parent) = account.parent {
                ledger.object::<Account>(parent);
            }
        }
        for (_, description) in self.descriptions.iter() {
            ledger.object::<Description>(description.account);
            if let Object::Account(account) = description.object {
                ledger.refer(account);
            }
        }
        for (_, table) in self.tables.iter() {
            ledger.object::<HandleTable>(table.account);
            ledger.charge(table.account, Resource::Handles, u64::from(table.live()));
            ledger.charge(table.account, Resource::KernelBytes, table.grown);
        }
        for (_, process) in self.processes.iter() {
            ledger.object::<Process>(process.account);
        }
        for (_, thread) in self.threads.iter() {
            let account = self.processes[thread.process].account;
            ledger.object::<Thread<M>>(account);
            ledger.charge(account, Resource::Threads, 1);
            ledger.charge(account, Resource::Frames, u64::from(thread.spill.is_some()));
        }
        for (_, endpoint) in self.endpoints.iter() {
            ledger.object::<Endpoint>(endpoint.account);
        }
        for payer in self.requests.iter().filter_map(|(_, request)| request.payer) {
            ledger.charge(payer, Resource::Requests, 1);
            ledger.refer(payer);
        }
        for (_, seat) in self.seats.iter() {
            ledger.object::<Seat>(seat.account);
        }
        for (_, batch) in self.batches.iter() {
            ledger.object::<Batch>(batch.payer);
            let handles = batch.handles.iter().flatten().count() as u64;
            ledger.charge(batch.payer, Resource::Handles, handles);
        }
        for (_, grant) in self.grants.iter() {
            ledger.object::<Grant>(grant.account);
        }
        for (_, queue) in self.queues.iter() {
            ledger.object::<Queue>(queue.account);
        }
        for (_, registration) in self.registrations.iter() {
            ledger.object::<Registration>(registration.account);
        }
        for (_, pipe) in self.pipes.iter() {
            ledger.object::<Pipe>(pipe.account);
            let handles = pipe.parked.iter().flatten().count() as u64;
            ledger.charge(pipe.account, Resource::Handles, handles);
        }
        self.timers.iter().for_each(|(_, timer)| ledger.object::<Timer>(timer.account));
        self.irqs.iter().for_each(|(_, irq)| ledger.object::<Irq>(irq.account));
        self.slots.iter().for_each(|(_, slot)| ledger.object::<Slot>(slot.account));
        self.leases.iter().for_each(|(_, lease)| ledger.object::<Lease>(lease.account));
    }

    fn enter_memory(&self, ledger: &mut Ledger) {
        for (_, space) in self.spaces.iter() {
            ledger.object::<Space<M>>(space.account);
            ledger.charge(space.account, Resource::Frames, space.table_pages);
            for _ in 0..space.regions.count() {
                ledger.object::<Region>(space.account);
            }
        }
        for (_, memory) in self.memories.iter() {
            ledger.object::<Memory<M::Frame>>(memory.account);
            let frames =
                memory.leaves.iter().flat_map(|leaf| &leaf.frames).flatten().count() as u64;
            ledger.charge(memory.account, Resource::Frames, frames);
            ledger.charge(memory.account, Resource::KernelBytes, memory.root_bytes);
        }
    }
}
