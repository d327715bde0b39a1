//! Leases: delegation that can be taken back.
//!
//! A handle is under at most one lease; so is all that is obtained through it: copies, what it
//! opens, mappings, event registrations, calls on their way. A lease may depend on others and ends
//! with the first of them: what is obtained through two handles is under a lease that joins theirs.
//! Leases that have ended are not looked for in tables: the door finds them ended. What acts without
//! coming through the door is ended before anything else runs.
use crate::prelude::*;
use crate::task::thread::Metered;
use clavis_abi::limits::{LEASES_ABOVE, QUANTUM_LEASES, QUANTUM_PAGES};
use clavis_abi::params::{LeaseInfo, LeaseParams, LeaseState, NO_LEASE};

/// Names a lease. One that is gone has ended.
pub type LeaseId = Id<Lease>;
/// The lease that something is under, if it is under one.
pub type Under = Option<LeaseId>;

/// A lease.
#[derive(Debug, Default)]
pub struct Lease {
    /// Descriptions that stand for it; with the last it ends. A join has none.
    pub(crate) refs: u32,
    pub(crate) parents: [Under; 2],
    /// Leases that it depends on, itself included.
    weight: usize,
    /// The error of who comes through a handle under it, once it has ended.
    pub(crate) ended: Option<i32>,
    uses: u64,
    bytes: u64,
    /// It, or one that it depends on, counts uses or bytes.
    is_metered: bool,
    /// The call that it counted last.
    counted: u64,
    until: u64,
    pub(crate) timer: Option<TimerId>,
    pub(crate) account: AccountId,
    /// Leases whose first or second parent it is.
    pub(crate) firsts: List<Lease, 0>,
    pub(crate) seconds: List<Lease, 1>,
    /// Threads that waited under it last.
    pub(crate) threads: List<ThreadK, 2>,
    pub(crate) registrations: List<Registration, 4>,
    pub(crate) regions: List<Region, 0>,
    of_first: Link<Lease>,
    of_second: Link<Lease>,
    ending: Link<Lease>,
}

links!(Lease, Lease, [], 0 => of_first, 1 => of_second, 2 => ending);

impl Lease {
    /// Whether it holds, and nothing has to be counted.
    #[inline]
    pub(crate) fn holds_plainly(&self) -> bool {
        self.ended.is_none() && !self.is_metered
    }
}

impl<M: Machine> Kernel<M> {
    /// Why a lease no longer holds, if it does not.
    pub(crate) fn lease_end_of(&self, id: Under) -> Option<i32> {
        self.leases.get(id?).map_or(Some(EREVOKED), |lease| lease.ended)
    }

    /// A thread comes through a handle under a lease: once, however often its call is done again.
    /// From here on its waits are found there when that ends.
    #[inline(never)]
    pub(crate) fn lease_pass(&mut self, caller: &Caller, number: usize, id: LeaseId) -> Result<()> {
        let Some(lease) = self.leases.get(id).filter(|lease| lease.ended.is_none()) else {
            return Err(self.lease_refuse(caller, number, id));
        };
        let is_metered = lease.is_metered;
        let passed = self.cpus[0].lease;
        if passed.is_none() {
            // What a call waits for it reaches through its first handle.
            self.cpus[0].lease = Some(id);
            if self.threads[caller.thread].lease != Some(id) {
                self.lease_wait(caller.thread, id);
            }
        }
        if is_metered { self.lease_count(caller, id) } else { Ok(()) }
    }

    /// Counts a call for a lease and those that it depends on. One that is done again may find
    /// another handle at its number: what was counted then is known by its lease.
    fn lease_count(&mut self, caller: &Caller, id: LeaseId) -> Result<()> {
        let thread = &mut self.threads[caller.thread];
        let call = if self.cpus[0].again { thread.sequence } else { self.statistics.calls };
        if thread.metered.call != call {
            thread.metered = Metered { call, ..Metered::default() };
        }
        if thread.metered.passed.contains(&Some(id)) {
            return Ok(());
        }
        if let Some(place) = thread.metered.passed.iter_mut().find(|place| place.is_none()) {
            *place = Some(id);
        }
        self.lease_spend(
            id,
            |lease| {
                let is_first = core::mem::replace(&mut lease.counted, call) != call;
                is_first.then_some(&mut lease.uses)
            },
            1,
        )
    }

    #[cold]
    fn lease_refuse(&mut self, caller: &Caller, number: usize, id: LeaseId) -> Error {
        let errno = self.lease_end_of(Some(id)).unwrap_or(EREVOKED);
        let rule = if errno == EEXPIRED { DenialRule::Expired } else { DenialRule::Revoked };
        self.refuse(caller, number, Rights::empty(), rule);
        Error::new(errno)
    }

    /// What a call under a lease may ask for of so many bytes: fewer, where fewer are left. They are
    /// taken once, however often the call is done again.
    ///
    /// # Errors
    /// `EKEYEXPIRED` when none are left.
    #[inline]
    pub(crate) fn lease_bytes(
        &mut self,
        caller: &Caller,
        handle: &Handle,
        len: usize,
    ) -> Result<usize> {
        match handle.lease {
            Some(id) if len > 0 && self.leases[id].is_metered => self.bytes_take(caller, id, len),
            _ => Ok(len),
        }
    }

    #[cold]
    fn bytes_take(&mut self, caller: &Caller, id: LeaseId, len: usize) -> Result<usize> {
        // The door has just begun it anew for a new call.
        if let Some((under, allowance)) = self.threads[caller.thread].metered.allowance
            && under == id
        {
            return Ok(len.min(allowance));
        }
        let (line, count) = self.lease_line(id);
        let left = line.iter().take(count).map(|id| self.leases[*id].bytes).min();
        let len = len.min(usize::try_from(left.unwrap_or(0)).unwrap_or(usize::MAX));
        self.lease_spend(id, |lease| Some(&mut lease.bytes), len.max(1) as u64)?;
        self.threads[caller.thread].metered.allowance = Some((id, len));
        Ok(len)
    }

    /// Takes some of what a lease and those that it depends on have; one without enough ends.
    fn lease_spend(
        &mut self,
        id: LeaseId,
        purse: impl Fn(&mut Lease) -> Option<&mut u64>,
        amount: u64,
    ) -> Result<()> {
        let (line, count) = self.lease_line(id);
        for id in line.into_iter().take(count) {
            let Some(left) = purse(&mut self.leases[id]) else { continue };
            match left.checked_sub(amount) {
                Some(_) if *left == u64::MAX => {}
                Some(rest) => *left = rest,
                None => {
                    self.lease_end(id, EEXPIRED);
                    return Err(Error::new(EEXPIRED));
                }
            }
        }
        Ok(())
    }

    /// A lease and all that it depends on, in whatever ways, and how many that are.
    fn lease_line(&self, id: LeaseId) -> ([LeaseId; LEASES_ABOVE], usize) {
        let (mut line, mut count, mut at) = ([id; LEASES_ABOVE], 1, 0);
        while at < count {
            let parents = line.get(at).and_then(|id| self.leases.get(*id)).map(|l| l.parents);
            for parent in parents.into_iter().flatten().flatten() {
                let is_there = line.iter().take(count).any(|above| *above == parent);
                if let Some(place) = line.get_mut(count).filter(|_| !is_there) {
                    (*place, count) = (parent, count + 1);
                }
            }
            at += 1;
        }
        (line, count)
    }

    pub(crate) fn lease_depends(&self, id: LeaseId, on: LeaseId) -> bool {
        let (line, count) = self.lease_line(id);
        line.iter().take(count).any(|above| *above == on)
    }

    /// The lease of what is obtained under both: one of them, or one that ends with either. One that
    /// has ended already will do.
    ///
    /// # Errors
    /// `ELOOP` when too many leases are above it; `ENOMEM`, `EDQUOT`.
    #[inline]
    pub(crate) fn lease_join(
        &mut self,
        payer: AccountId,
        one: Under,
        other: Under,
    ) -> Result<Under> {
        match (one, other) {
            (Some(one), Some(other)) if one != other => self.lease_joined(payer, one, other),
            _ => Ok(one.or(other)),
        }
    }

    #[cold]
    fn lease_joined(&mut self, payer: AccountId, one: LeaseId, other: LeaseId) -> Result<Under> {
        /// Joins that are looked at for one that is there already.
        const LOOKED_AT: usize = 16;
        if self.lease_end_of(Some(one)).is_some() || self.lease_depends(one, other) {
            return Ok(Some(one));
        }
        if self.lease_end_of(Some(other)).is_some() || self.lease_depends(other, one) {
            return Ok(Some(other));
        }
        let (low, high) = if one.index() < other.index() { (one, other) } else { (other, one) };
        let parents = [Some(low), Some(high)];
        let mut at = self.leases[low].firsts.back();
        for _ in 0..LOOKED_AT {
            let Some(lease) = at.and_then(|id| self.leases.get(id)) else { break };
            if lease.parents == parents && lease.refs == 0 {
                return Ok(at);
            }
            at = lease.of_first.previous();
        }
        self.lease_make(payer, parents, &LeaseParams::unbounded()).map(Some)
    }

    fn lease_make(
        &mut self,
        account: AccountId,
        parents: [Under; 2],
        params: &LeaseParams,
    ) -> Result<LeaseId> {
        let above = || parents.iter().flatten().map(|parent| &self.leases[*parent]);
        let weight = above().map(|parent| parent.weight).sum::<usize>() + 1;
        let is_metered = params.uses != u64::MAX
            || params.bytes != u64::MAX
            || above().any(|parent| parent.is_metered);
        refuse_if(weight > LEASES_ABOVE, ELOOP)?;
        self.leases.reserve(&mut self.machine)?;
        self.charge_object::<Lease>(account)?;
        let lease = Lease {
            parents,
            weight,
            uses: params.uses,
            bytes: params.bytes,
            is_metered,
            until: params.until,
            account,
            ..Lease::default()
        };
        let id = self.leases.insert(&mut self.machine, lease)?;
        self.lease_hang(id, true);
        Ok(id)
    }

    /// Puts a lease among those of its parents, or takes it out.
    fn lease_hang(&mut self, id: LeaseId, there: bool) {
        let [first, second] = self.leases[id].parents;
        if let Some(first) = first {
            let mut list = core::mem::take(&mut self.leases[first].firsts);
            if there {
                list.push_back(&mut self.leases, id)
            } else {
                list.remove(&mut self.leases, id)
            }
            self.leases[first].firsts = list;
        }
        if let Some(second) = second {
            let mut list = core::mem::take(&mut self.leases[second].seconds);
            if there {
                list.push_back(&mut self.leases, id)
            } else {
                list.remove(&mut self.leases, id)
            }
            self.leases[second].seconds = list;
        }
    }

    /// A description of a lease is gone: with the last one the lease ends.
    pub(crate) fn lease_release(&mut self, id: LeaseId) {
        if !self.leases.release(id) {
            return;
        }
        let lease = &self.leases[id];
        if lease.ended.is_none() {
            self.lease_end(id, EREVOKED);
        } else if !lease.ending.is_linked() {
            self.lease_free(id);
        }
    }

    fn lease_free(&mut self, id: LeaseId) {
        if let Some(lease) = self.leases.remove(id) {
            self.uncharge_object::<Lease>(lease.account);
        }
    }

    /// Ends a lease: the door knows at once, and what is under it ends before anything else runs.
    pub(crate) fn lease_end(&mut self, id: LeaseId, errno: i32) {
        if self.leases[id].ended.is_some() {
            return;
        }
        self.lease_hang(id, false);
        let lease = &mut self.leases[id];
        lease.ended = Some(errno);
        lease.parents = [None; 2];
        if let Some(timer) = lease.timer.take() {
            self.timer_release(timer);
        }
        self.work.ending_leases.push_back(&mut self.leases, id);
        self.attend();
    }

    /// Ends a quantum of what leases that have ended had. False when there is nothing.
    pub(crate) fn leases_reap(&mut self) -> bool {
        let mut quantum = QUANTUM_LEASES;
        let mut pages = QUANTUM_PAGES as u64;
        while let Some(id) = self.work.ending_leases.front() {
            let Self { leases, threads, .. } = self;
            let lease = &mut leases[id];
            let errno = lease.ended.unwrap_or(EREVOKED);
            if let Some(child) = lease.firsts.front().or(lease.seconds.front()) {
                self.lease_end(child, errno);
            } else if let Some(thread) = lease.threads.pop_front(threads) {
                threads[thread].lease = None;
                self.wait_cut(thread, errno);
            } else if let Some(registration) =
                lease.registrations.pop_front(&mut self.registrations)
            {
                self.tell(registration, HANGUP);
                self.registrations[registration].mute();
            } else if let Some(region) = lease.regions.front() {
                pages = pages.saturating_sub(self.region_revoke(region, pages));
                if pages == 0 {
                    return true;
                }
            } else {
                self.work.ending_leases.pop_front(leases);
                if self.leases[id].refs == 0 {
                    self.lease_free(id);
                }
            }
            quantum -= 1;
            if quantum == 0 {
                return true;
            }
        }
        quantum < QUANTUM_LEASES
    }

    /// Ends what a thread waits for, if it waits under a lease that has ended.
    fn wait_cut(&mut self, id: ThreadId, errno: i32) {
        let thread = &self.threads[id];
        let request = match (thread.blocked, thread.resume) {
            (Blocked::Request(request), _) | (Blocked::Admission(_), Resume::Readmit(request)) => {
                Some(request)
            }
            _ => None,
        };
        let under = match request {
            Some(request) => self.requests[request].lease,
            None => thread.waits_under,
        };
        if !matches!(thread.blocked, Blocked::No | Blocked::Held(_))
            && self.lease_end_of(under).is_some()
        {
            self.interrupt(id, errno);
        }
    }

    /// A thread is about to wait under a lease: it is found there when that ends.
    pub(crate) fn lease_wait(&mut self, thread: ThreadId, id: LeaseId) {
        let Self { leases, threads, .. } = self;
        let old = threads[thread].lease;
        if old == Some(id) {
            return;
        }
        if let Some(old) = old.and_then(|old| leases.get_mut(old)) {
            old.threads.remove(threads, thread);
        }
        let new = leases.get_mut(id).filter(|lease| lease.ended.is_none());
        threads[thread].lease = new.is_some().then_some(id);
        if let Some(new) = new {
            new.threads.push_back(threads, thread);
        }
    }

    /// Makes a lease.
    pub(crate) fn sys_lease_create(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [params, size, out, ..] = args;
        let params: LeaseParams = self.read_struct(caller.space, params, size)?;
        let mut parents = [None; 2];
        for (parent, number) in parents.iter_mut().zip(params.parents) {
            if number != NO_LEASE {
                *parent = self.lease_with_above(caller, number as usize)?;
            }
        }
        let now = self.machine.now();
        refuse_if(params.until != 0 && params.until <= now, EINVAL)?;
        let made = self.number_with(caller.table, out, |kernel| {
            kernel.lease_made(caller.account, parents, &params, now)
        });
        made.map(Outcome::Done)
    }

    fn lease_made(
        &mut self,
        payer: AccountId,
        parents: [Under; 2],
        params: &LeaseParams,
        now: u64,
    ) -> Result<Handle> {
        let id = self.lease_make(payer, parents, params)?;
        self.leases[id].refs = 1;
        let handle = self.handle_create(payer, Object::Lease(id))?;
        if params.until != 0 {
            match self.timer_create(payer, CLOCK_MONOTONIC) {
                Ok(timer) => {
                    self.timers[timer].lease = Some(id);
                    self.leases[id].timer = Some(timer);
                    self.timer_arm(timer, params.until.saturating_sub(now));
                }
                Err(error) => {
                    self.description_release(handle.description);
                    return Err(error);
                }
            }
        }
        Ok(handle)
    }

    /// The lease with that number, to have something end with it. What a lease that is itself lent
    /// gives ends with that too.
    fn lease_with_above(&mut self, caller: &Caller, number: usize) -> Result<Under> {
        let id = self.lease_at(caller, number, Rights::DERIVE)?;
        let above = self.tables[caller.table].get(number).and_then(|handle| handle.lease);
        self.lease_join(caller.account, Some(id), above)
    }

    fn lease_at(&mut self, caller: &Caller, number: usize, need: Rights) -> Result<LeaseId> {
        match self.door_object(caller, number, need)?.1 {
            Object::Lease(id) => match self.lease_end_of(Some(id)) {
                Some(errno) if need != Rights::MANAGE => Err(Error::new(errno)),
                _ => Ok(id),
            },
            _ => Err(Error::new(EINVAL)),
        }
    }

    /// Makes a narrower copy of a handle that ends with a lease.
    pub(crate) fn sys_lend(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, lease, rights, inherit, out] = args;
        let lent = self.lease_with_above(caller, lease)?;
        let handle = self.door(caller, fd, Rights::DUP)?;
        let lease = self.lease_join(caller.account, handle.lease, lent)?;
        let lent = Handle { lease, ..handle }.derived(rights as u64, inherit as u64, 0);
        self.handle_copy_to(caller.table, out, lent)
    }

    /// Ends a lease.
    pub(crate) fn sys_revoke(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let id = self.lease_at(caller, args[0], Rights::MANAGE)?;
        self.lease_end(id, EREVOKED);
        Ok(Outcome::Done(0))
    }

    /// Tells what a lease is now.
    pub(crate) fn lease_read(&mut self, caller: &Caller, id: LeaseId, to: UserSlice) -> Reply {
        let Lease { ended, until, uses, bytes, .. } = self.leases[id];
        let state = match ended {
            None => LeaseState::Holds,
            Some(EEXPIRED) => LeaseState::Expired,
            Some(_) => LeaseState::Revoked,
        };
        let info = LeaseInfo { state: state as u64, until, uses, bytes };
        let bytes = info.as_bytes();
        let bytes = bytes.get(..to.len.min(bytes.len())).unwrap_or_default();
        self.write_user(caller.space, to.address, bytes)?;
        Ok(Outcome::Done(bytes.len()))
    }
}
