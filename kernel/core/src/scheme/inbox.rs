//! Who receives at an endpoint: the inbox is mapped in up to four processes, each with a seat that
//! the process knows of, so that what was delivered to it is found when it ends.
use crate::prelude::*;

/// Names a seat.
pub type SeatId = Id<Seat>;

/// A process's place at an endpoint.
#[derive(Debug)]
pub struct Seat {
    pub(crate) process: ProcessId,
    pub(crate) endpoint: EndpointId,
    pub(crate) account: AccountId,
    pub(crate) link: Link<Seat>,
}

links!(Seat, Seat, [], 0 => link);

/// Where the inbox lies in a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapped {
    process: ProcessId,
    space: SpaceId,
    base: u64,
    /// What the mapping ends with.
    lease: Under,
    pub(super) seat: SeatId,
}

impl Endpoint {
    /// Whether somebody has that seat.
    #[cfg(any(test, feature = "check"))]
    pub(crate) fn has_seat(&self, id: SeatId) -> bool {
        self.mapped.iter().flatten().any(|at| at.seat == id)
    }

    /// Where its inbox lies in a process that received before, and what it lies there under.
    #[inline(always)]
    pub(crate) fn inbox_of(&self, caller: &Caller) -> Option<(u64, Under)> {
        let own = (caller.process, caller.space);
        let mapped = self.mapped.iter().flatten().find(|at| (at.process, at.space) == own);
        mapped.map(|mapped| (mapped.base, mapped.lease))
    }
}

impl<M: Machine> Kernel<M> {
    /// Where the inbox lies in a process that received before, unless it was taken back.
    #[inline]
    pub(super) fn inbox_known(&self, caller: &Caller, id: EndpointId) -> Option<u64> {
        let (base, lease) = self.endpoints[id].inbox_of(caller)?;
        self.lease_end_of(lease).is_none().then_some(base)
    }

    /// Where the inbox lies in a receiving process; maps it at its first receive.
    #[inline]
    pub(crate) fn inbox_base(&mut self, caller: &Caller, id: EndpointId) -> Result<u64> {
        match self.inbox_known(caller, id) {
            Some(base) => Ok(base),
            None => self.inbox_map(caller, id),
        }
    }

    /// Maps it under the lease of the socket that it is received through.
    #[cold]
    pub(super) fn inbox_map(&mut self, caller: &Caller, id: EndpointId) -> Result<u64> {
        let endpoint = &self.endpoints[id];
        let (own, lease) = ((caller.process, caller.space), self.cpus[0].lease);
        let is_own = |at: &Option<Mapped>| at.is_some_and(|at| (at.process, at.space) == own);
        let old = endpoint.mapped.iter().position(is_own);
        let place = old.or_else(|| endpoint.mapped.iter().position(Option::is_none));
        let place = place.ok_or(Error::new(EBUSY))?;
        let seat = endpoint.mapped.get(place).copied().flatten().map(|at| at.seat);
        let pages = (ENDPOINT_DEPTH + INBOX_BULK_PAGES) as u64;
        let both = Protection::READ | Protection::WRITE;
        let whole = Mapping::whole(endpoint.inbox, pages, both);
        let mapping = Mapping { shared: true, lease, ..whole };
        let taken = seat;
        let seat = match taken {
            Some(seat) => seat,
            None => self.seat_create(caller, id)?,
        };
        let mapped = self.space_map(caller.space, &mapping, Place::Any(None));
        if taken.is_none() && mapped.is_err() {
            self.seat_free(seat);
        }
        let start = mapped?;
        let owner_died = self.endpoints[id].owner.is_some_and(|owner| !self.process_lives(owner));
        if owner_died && self.endpoints[id].flags & endpoint_flags::ADOPT == 0 {
            self.endpoint_end_epoch(id);
        }
        let endpoint = &mut self.endpoints[id];
        endpoint.owner = Some(caller.process);
        let base = start.wrapping_mul(PAGE);
        if let Some(place) = endpoint.mapped.get_mut(place) {
            let Caller { process, space, .. } = *caller;
            *place = Some(Mapped { process, space, base, lease, seat });
        }
        Ok(base)
    }

    fn seat_create(&mut self, caller: &Caller, endpoint: EndpointId) -> Result<SeatId> {
        let Caller { process, account, .. } = *caller;
        self.seats.reserve(&mut self.machine)?;
        self.charge_object::<Seat>(account)?;
        let seat = Seat { process, endpoint, account, link: Link::new() };
        let id = self.seats.insert(&mut self.machine, seat)?;
        self.processes[process].seats.push_back(&mut self.seats, id);
        Ok(id)
    }

    pub(super) fn seat_free(&mut self, id: SeatId) {
        let Seat { process, account, .. } = self.seats[id];
        self.processes[process].seats.remove(&mut self.seats, id);
        self.seats.remove(id);
        self.uncharge_object::<Seat>(account);
    }

    /// A process receives nowhere any more: what was delivered to it meets its server's death.
    pub(crate) fn seats_leave(&mut self, process: ProcessId) {
        while let Some(id) = self.processes[process].seats.front() {
            let at = self.seats[id].endpoint;
            self.seat_free(id);
            self.endpoints.retain(at);
            let mapped = &mut self.endpoints[at].mapped;
            for place in mapped.iter_mut().filter(|at| at.is_some_and(|at| at.seat == id)) {
                *place = None;
            }
            self.notice_again(at);
            // Most often nobody waits for an answer.
            let busy = self.endpoints[at].free < ENDPOINT_DEPTH;
            for place in 0..if busy { ENDPOINT_DEPTH } else { 0 } {
                let request = self.endpoints[at].places.get(place).and_then(|at| at.request);
                if let Some(request) = request
                    && self.requests[request].server == Some(process)
                {
                    self.server_died(request);
                }
            }
            self.endpoint_release(at);
        }
    }
}
