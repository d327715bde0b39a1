//! Event queues.
use crate::prelude::*;
use clavis_abi::syscall::data::Event;
use clavis_abi::syscall::flag::{EVENT_TIMEOUT_ID, EventFlags};

/// Names a queue.
pub type QueueId = Id<Queue>;

/// An event queue.
#[derive(Debug, Default)]
pub struct Queue {
    /// Registrations that have something to tell.
    pub ready: List<Registration, 2>,
    /// All its registrations.
    pub all: List<Registration, 1>,
    /// How many.
    pub count: u32,
    /// The timer of its time-out, once it had one. It belongs to the queue alone.
    pub timeout: Option<TimerId>,
    /// Threads that wait for events.
    pub waiters: List<ThreadK, 0>,
    /// Who pays.
    pub account: AccountId,
}

const EVENT_BYTES: usize = size_of::<Event>();

impl<M: Machine> Kernel<M> {
    /// Makes a queue with one reference.
    pub(crate) fn queue_create(&mut self, account: AccountId) -> Result<QueueId> {
        self.queues.reserve(&mut self.machine)?;
        self.charge_object::<Queue>(account)?;
        let queue = Queue { account, ..Queue::default() };
        Ok(self.queues.insert(&mut self.machine, queue)?)
    }

    /// The last handle to a queue is gone.
    pub(crate) fn queue_release(&mut self, id: QueueId) {
        while let Some(registration) = self.queues[id].all.front() {
            self.registration_end(registration);
        }
        self.wake_all(Blocked::Queue(id));
        let Queue { account, timeout, .. } = self.queues[id];
        if let Some(timer) = timeout {
            self.timer_release(timer);
        }
        self.queues.remove(id);
        self.uncharge_object::<Queue>(account);
    }

    /// Reads events; waits for the first.
    pub(crate) fn queue_read(
        &mut self,
        caller: &Caller,
        id: QueueId,
        to: UserSlice,
        nonblock: bool,
    ) -> Reply {
        refuse_if(to.len < EVENT_BYTES, EINVAL)?;
        let mut done = 0;
        while to.len - done >= EVENT_BYTES
            && let Some(registration) = self.queues[id].ready.front()
        {
            let pending = self.registrations[registration].pending;
            let event = Event {
                id: self.registrations[registration].number,
                flags: EventFlags::from_bits_retain(usize::from(pending)),
                data: self.registrations[registration].data,
            };
            let at = to.part(done, EVENT_BYTES).address;
            if let Err(error) = self.write_user(caller.space, at, &event) {
                return if done > 0 { Ok(Outcome::Done(done)) } else { Err(error) };
            }
            self.queues[id].ready.remove(&mut self.registrations, registration);
            self.registrations[registration].pending = 0;
            done += EVENT_BYTES;
        }
        if done > 0 {
            return Ok(Outcome::Done(done));
        }
        refuse_if(nonblock, EAGAIN)?;
        self.wait_and_retry(caller, Blocked::Queue(id))
    }

    /// Registers interest in one handle: one event per write. Flags of 0 end the registration.
    pub(crate) fn queue_write(&mut self, caller: &Caller, id: QueueId, from: UserSlice) -> Reply {
        refuse_if(from.len < EVENT_BYTES, EINVAL)?;
        let mut event = Event::default();
        self.read_user(caller.space, from.address, &mut event)?;
        let interest = (event.flags.bits() & 3) as u8;
        if event.id == EVENT_TIMEOUT_ID {
            return self.queue_timeout(caller, id, interest != 0, event.data);
        }
        if interest == 0 {
            refuse_if(self.tables[caller.table].get(event.id).is_none(), EBADF)?;
            self.unregister(id, caller.table, event.id);
            return Ok(Outcome::Done(EVENT_BYTES));
        }
        let (handle, object) = self.door_object(caller, event.id, Rights::EVENT)?;
        let registration =
            self.register(id, caller.table, event.id, object, interest, event.data)?;
        if let Some(lease) = handle.lease {
            self.registration_lease(registration, lease);
        }
        if let Object::Scheme(object) = object {
            // The server answers what the object is ready for now; later it posts events itself.
            return self.ask_readiness(caller, event.id, object, registration, interest);
        }
        let ready = self.readiness(object);
        self.tell(registration, ready);
        Ok(Outcome::Done(EVENT_BYTES))
    }

    /// Sets when a queue tells of its time-out, in milliseconds from now, once. Flags of 0: never.
    fn queue_timeout(&mut self, caller: &Caller, id: QueueId, wanted: bool, span: usize) -> Reply {
        let Queue { timeout, account, .. } = self.queues[id];
        let timer = match timeout {
            Some(timer) => timer,
            None => self.timer_create(account, CLOCK_MONOTONIC)?,
        };
        self.queues[id].timeout = Some(timer);
        self.timer_disarm(timer);
        let watchers = core::mem::take(&mut self.timers[timer].watchers);
        self.watchers_drop(watchers);
        if wanted {
            let object = Object::Timer(timer);
            self.register(id, caller.table, EVENT_TIMEOUT_ID, object, READABLE, span)?;
            self.timer_arm(timer, (span as u64).saturating_mul(1_000_000));
        }
        Ok(Outcome::Done(EVENT_BYTES))
    }
}
