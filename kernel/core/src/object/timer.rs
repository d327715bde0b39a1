//! Timers: a clock that can be read, and an alarm on it that posts an event.
use crate::prelude::*;
use clavis_abi::syscall::data::TimeSpec;
use clavis_abi::syscall::flag::CLOCK_REALTIME;

/// Names a timer.
pub type TimerId = Id<Timer>;

/// A timer.
#[derive(Debug)]
pub struct Timer {
    clock: usize,
    /// Its place in the deadline heap.
    pub place: Option<u32>,
    /// Who is told when it fires.
    pub watchers: Watchers,
    /// The lease that it ends.
    pub(crate) lease: Under,
    pub(crate) account: AccountId,
}

const SECOND: u64 = 1_000_000_000;

impl<M: Machine> Kernel<M> {
    /// Makes a timer on a clock, with one reference.
    pub(crate) fn timer_create(&mut self, account: AccountId, clock: usize) -> Result<TimerId> {
        self.clock(clock)?;
        self.timers.reserve(&mut self.machine)?;
        self.charge_object::<Timer>(account)?;
        let owner = self.deadlines.add_owner(&mut self.machine);
        owner.inspect_err(|_| self.uncharge_object::<Timer>(account))?;
        let timer = Timer { clock, place: None, watchers: Watchers::new(), lease: None, account };
        Ok(self.timers.insert(&mut self.machine, timer)?)
    }

    /// The last handle to a timer is gone.
    pub(crate) fn timer_release(&mut self, id: TimerId) {
        self.timer_disarm(id);
        self.deadlines.remove_owner();
        if let Some(timer) = self.timers.remove(id) {
            self.watchers_drop(timer.watchers);
            self.uncharge_object::<Timer>(timer.account);
        }
    }

    /// Stops a timer.
    pub(crate) fn timer_disarm(&mut self, id: TimerId) {
        if let Some(place) = self.timers[id].place {
            let mut owners = Owners { threads: &mut self.threads, timers: &mut self.timers };
            self.deadlines.remove(&mut owners, place);
        }
    }

    /// Lets a timer that is stopped fire after so many nanoseconds.
    pub(crate) fn timer_arm(&mut self, id: TimerId, span: u64) {
        let when = self.machine.now().saturating_add(span);
        let mut owners = Owners { threads: &mut self.threads, timers: &mut self.timers };
        self.deadlines.insert(&mut owners, when, Waiter::Timer(id));
        self.attend();
    }

    /// A timer's time has come.
    pub(crate) fn timer_fired(&mut self, id: TimerId) {
        self.notify(Object::Timer(id), READABLE);
        if let Some(lease) = self.timers[id].lease {
            self.lease_end(lease, EEXPIRED);
        }
    }

    /// Nanoseconds on a clock.
    ///
    /// # Errors
    /// `EINVAL` for a clock that does not exist.
    pub(crate) fn clock(&self, clock: usize) -> Result<u64> {
        match clock {
            CLOCK_MONOTONIC => Ok(self.machine.now()),
            CLOCK_REALTIME => Ok(self.machine.wall_clock().wrapping_add(self.clock_shift)),
            _ => Err(Error::new(EINVAL)),
        }
    }

    /// Sets the wall clock. Timers that are armed fire when they would have.
    pub(crate) fn clock_write(&mut self, caller: &Caller, from: UserSlice) -> Reply {
        refuse_if(from.len != size_of::<TimeSpec>(), EINVAL)?;
        let now = self.read_timespec(caller, from.address as usize)?;
        self.clock_shift = now.wrapping_sub(self.machine.wall_clock());
        Ok(Outcome::Done(from.len))
    }

    /// Reads the time on the timer's clock.
    pub(crate) fn timer_read(&mut self, caller: &Caller, id: TimerId, to: UserSlice) -> Reply {
        let time = timespec(self.clock(self.timers[id].clock)?);
        refuse_if(to.len < size_of::<TimeSpec>(), EINVAL)?;
        self.write_user(caller.space, to.address, &time)?;
        Ok(Outcome::Done(size_of::<TimeSpec>()))
    }

    /// Arms the timer for an instant on its clock; one of zero disarms it.
    pub(crate) fn timer_write(&mut self, caller: &Caller, id: TimerId, from: UserSlice) -> Reply {
        refuse_if(from.len < size_of::<TimeSpec>(), EINVAL)?;
        let instant = self.read_timespec(caller, from.address as usize)?;
        self.timer_disarm(id);
        if instant != 0 {
            let here = self.clock(self.timers[id].clock)?;
            self.timer_arm(id, instant.saturating_sub(here));
        }
        Ok(Outcome::Done(size_of::<TimeSpec>()))
    }

    /// Reads a time span or instant of a process, in nanoseconds.
    pub(crate) fn read_timespec(&mut self, caller: &Caller, address: usize) -> Result<u64> {
        let slice = UserSlice::new(address, size_of::<TimeSpec>())?;
        let mut time = TimeSpec::default();
        self.read_user(caller.space, slice.address, &mut time)?;
        let seconds = u64::try_from(time.tv_sec).map_err(|_| Error::new(EINVAL))?;
        let nanoseconds =
            u64::try_from(time.tv_nsec).ok().filter(|n| *n < SECOND).ok_or(Error::new(EINVAL))?;
        Ok(seconds.saturating_mul(SECOND).saturating_add(nanoseconds))
    }
}

/// Nanoseconds as the ABI's structure.
pub(crate) fn timespec(nanoseconds: u64) -> TimeSpec {
    TimeSpec { tv_sec: (nanoseconds / SECOND) as i64, tv_nsec: (nanoseconds % SECOND) as i32 }
}
