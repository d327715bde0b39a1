//! Leases know all that is under them, and nothing acts under one that has ended.
use super::lists::members;
use super::{Checked, Tally, ensure};
use crate::prelude::*;

impl<M: Machine> Kernel<M> {
    pub(super) fn check_leases(&self) -> Checked {
        let mut refs = Tally::new(self.leases.places());
        for (id, description) in self.descriptions.iter() {
            if let Object::Lease(lease) = description.object {
                ensure!(self.leases.get(lease).is_some(), "description {id:?} has a freed lease");
                refs.add(lease.index());
            }
        }
        let (mut children, mut threads, mut regions, mut registrations) = (0, 0, 0, 0);
        for (id, lease) in self.leases.iter() {
            ensure!(lease.refs == refs.of(id.index()), "lease {id:?} counts {} refs", lease.refs);
            let (first, second) = (&lease.firsts, &lease.seconds);
            for child in members(&self.leases, first)? {
                ensure!(self.leases[child].parents[0] == Some(id), "{child:?} is not of {id:?}");
                children += 1;
            }
            for child in members(&self.leases, second)? {
                ensure!(self.leases[child].parents[1] == Some(id), "{child:?} is not of {id:?}");
                children += 1;
            }
            for thread in members(&self.threads, &lease.threads)? {
                ensure!(self.threads[thread].lease == Some(id), "{thread:?} is not under {id:?}");
                threads += 1;
            }
            for region in members(&self.regions, &lease.regions)? {
                ensure!(self.regions[region].lease == Some(id), "{region:?} is not under {id:?}");
                regions += 1;
            }
            for registration in members(&self.registrations, &lease.registrations)? {
                let there = self.registrations[registration].lease == Some(id);
                ensure!(there, "{registration:?} is not under {id:?}");
                registrations += 1;
            }
        }
        let parents = self.leases.iter().flat_map(|(_, lease)| lease.parents);
        ensure!(parents.flatten().count() == children, "a lease does not know what is under it");
        let there = self.threads.iter().filter(|(_, thread)| thread.lease.is_some());
        ensure!(there.count() == threads, "a lease does not know a thread");
        if self.work.is_urgent() {
            return Ok(());
        }
        let there = self.regions.iter().filter(|(_, region)| region.lease.is_some());
        ensure!(there.count() == regions, "memory is mapped under a lease that has ended");
        let there =
            self.registrations.iter().filter(|(_, one)| one.lease.is_some() && one.interest != 0);
        ensure!(there.count() == registrations, "events are told under a lease that has ended");
        for (id, lease) in self.leases.iter().filter(|(_, lease)| lease.ended.is_some()) {
            let (first, second) = (&lease.firsts, &lease.seconds);
            let empty = first.is_empty() && second.is_empty() && lease.threads.is_empty();
            ensure!(empty && lease.refs > 0, "lease {id:?} has ended and has something");
        }
        self.check_waits_end()
    }

    /// Whether a handle ends at the latest when another does.
    #[must_use]
    pub fn ends_with(&self, handle: &Handle, source: &Handle) -> bool {
        let (Some(lease), Some(above)) = (handle.lease, source.lease) else {
            return source.lease.is_none();
        };
        self.has_ended(handle) || self.lease_depends(lease, above)
    }

    /// Whether a handle was taken back.
    #[must_use]
    pub fn has_ended(&self, handle: &Handle) -> bool {
        self.lease_end_of(handle.lease).is_some()
    }

    /// Who waits under a lease is found there when it ends.
    fn check_waits_end(&self) -> Checked {
        let found = |thread: Under, under: Under| {
            under.is_none() || thread == under && self.lease_end_of(under).is_none()
        };
        for (id, thread) in self.threads.iter() {
            let under = match thread.blocked {
                Blocked::No | Blocked::Held(_) => continue,
                Blocked::Request(request) => self.requests[request].lease,
                _ => thread.waits_under,
            };
            ensure!(found(thread.lease, under), "thread {id:?} waits under a lease unknown to it");
        }
        Ok(())
    }
}
