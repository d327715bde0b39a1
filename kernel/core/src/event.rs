//! Events: who is told what about which object. A registration belongs to one handle and dies with
//! it; its events are edges, coalesced, so a queue is bounded by its registrations.
use crate::prelude::*;
use clavis_abi::limits::{self, QUANTUM_EVENTS};

/// Something can be read, or happened.
pub const READABLE: u8 = 1;
/// Something can be written.
pub const WRITABLE: u8 = 2;
/// The other side is gone. Told whether asked for or not.
pub const HANGUP: u8 = 4;

/// Names a registration.
pub type RegistrationId = Id<Registration>;

/// Registrations on one source.
#[derive(Debug, Default)]
pub struct Watchers {
    list: List<Registration, 0>,
    pub(crate) count: u32,
}

impl Watchers {
    /// Nobody.
    #[must_use]
    pub const fn new() -> Self {
        Self { list: List::new(), count: 0 }
    }

    /// Whether nobody watches.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The first registration.
    pub(crate) fn front(&self) -> Option<RegistrationId> {
        self.list.front()
    }
}

/// Greatest number of registrations on one source.
const WATCHERS_MAX: u32 = 256;

/// One interest in one object.
#[derive(Debug, Default)]
pub struct Registration {
    pub(crate) queue: QueueId,
    pub(crate) source: Object,
    pub(crate) table: TableId,
    /// The handle that it was made through.
    pub number: usize,
    /// What its maker gets back with each event.
    pub data: usize,
    /// What it is told of: what was asked for, and a hang-up.
    pub(crate) interest: u8,
    /// What happened and was not yet read.
    pub pending: u8,
    /// What is to be told later.
    later: u8,
    pub(crate) next_of_handle: Option<RegistrationId>,
    pub(crate) account: AccountId,
    of_source: Link<Registration>,
    of_queue: Link<Registration>,
    in_ready: Link<Registration>,
    told: Link<Registration>,
    /// The lease of the handle.
    pub(crate) lease: Under,
    of_lease: Link<Registration>,
}

links!(
    Registration, Registration, [],
    0 => of_source, 1 => of_queue, 2 => in_ready, 3 => told, 4 => of_lease
);

impl Registration {
    /// Nothing is told through it any more.
    pub(crate) fn mute(&mut self) {
        self.interest = 0;
    }
}

impl<M: Machine> Kernel<M> {
    pub(crate) fn watchers(&mut self, source: Object) -> Option<&mut Watchers> {
        match source {
            Object::Scheme(SchemeObject { endpoint, number, .. }) => {
                let bucket = number as usize % WATCH_BUCKETS;
                self.endpoints.get_mut(endpoint)?.watchers.get_mut(bucket)
            }
            Object::Socket(id) => self.endpoints.get_mut(id).map(|e| &mut e.socket_watchers),
            Object::PipeReader(id) => self.pipes.get_mut(id).map(|p| &mut p.reader_watchers),
            Object::PipeWriter(id) => self.pipes.get_mut(id).map(|p| &mut p.writer_watchers),
            Object::Process(id) => self.processes.get_mut(id).map(|p| &mut p.watchers),
            Object::Account(id) => self.accounts.get_mut(id).map(|a| &mut a.watchers),
            Object::Irq(id) => self.irqs.get_mut(id).map(|i| &mut i.watchers),
            Object::Timer(id) => self.timers.get_mut(id).map(|t| &mut t.watchers),
            Object::Slot(id) => self.slots.get_mut(id).map(|s| &mut s.watchers),
            Object::Plain(ObjectType::Log) => Some(&mut self.log.watchers),
            Object::Plain(ObjectType::Audit) => Some(&mut self.audit.watchers),
            _ => None,
        }
    }

    /// What an object of the kernel is ready for now.
    pub(crate) fn readiness(&self, object: Object) -> u8 {
        let readable = match object {
            Object::PipeReader(id) => return self.pipes[id].reader_readiness(),
            Object::PipeWriter(id) => return self.pipes[id].writer_readiness(),
            Object::Socket(id) => self.endpoints[id].has_messages(),
            Object::Process(id) => self.processes[id].state == ProcessState::Dead,
            Object::Account(id) => self.accounts[id].alive == 0,
            Object::Irq(id) => self.irqs[id].pending(),
            Object::Slot(id) => self.slots[id].root.is_some(),
            Object::Timer(_) | Object::Scheme(_) => false,
            _ => return READABLE | WRITABLE,
        };
        if readable { READABLE } else { 0 }
    }

    /// Registers interest; an older registration of the same handle at the same queue is replaced.
    pub(crate) fn register(
        &mut self,
        queue: QueueId,
        table: TableId,
        number: usize,
        object: Object,
        interest: u8,
        data: usize,
    ) -> Result<RegistrationId> {
        let source = match object {
            Object::Scheme(object) => SchemeObject::whichever(object.endpoint, object.number),
            other => other,
        };
        refuse_if(self.watchers(source).is_none(), EPERM)?;
        self.unregister(queue, table, number);
        let count = self.watchers(source).map_or(WATCHERS_MAX, |watchers| watchers.count);
        let full = self.queues[queue].count >= limits::EVENTS_PER_QUEUE as u32;
        refuse_if(full || count >= WATCHERS_MAX, ENOSPC)?;
        let account = self.queues[queue].account;
        self.registrations.reserve(&mut self.machine)?;
        self.charge_object::<Registration>(account)?;
        let head = self.tables[table].registration_mut(number).and_then(|head| *head);
        let registration = Registration {
            queue,
            source,
            table,
            number,
            data,
            interest: interest | HANGUP,
            next_of_handle: head,
            account,
            ..Registration::default()
        };
        let id = self.registrations.insert(&mut self.machine, registration)?;
        if let Some(head) = self.tables[table].registration_mut(number) {
            *head = Some(id);
        }
        let Self { queues, registrations, .. } = self;
        queues[queue].all.push_back(registrations, id);
        queues[queue].count = queues[queue].count.wrapping_add(1);
        let mut watchers = self.watchers(source).map(core::mem::take).unwrap_or_default();
        watchers.list.push_back(&mut self.registrations, id);
        watchers.count = watchers.count.wrapping_add(1);
        if let Some(place) = self.watchers(source) {
            *place = watchers;
        }
        Ok(id)
    }

    /// Has a registration end with a lease.
    pub(crate) fn registration_lease(&mut self, id: RegistrationId, lease: LeaseId) {
        self.registrations[id].lease = Some(lease);
        self.leases[lease].registrations.push_back(&mut self.registrations, id);
    }

    /// Tells one registration.
    pub(crate) fn tell(&mut self, id: RegistrationId, events: u8) {
        let registration = &mut self.registrations[id];
        let events = events & registration.interest;
        if events == 0 {
            return;
        }
        registration.pending |= events;
        let (queue, waits) = (registration.queue, !registration.in_ready.is_linked());
        if waits {
            self.queues[queue].ready.push_back(&mut self.registrations, id);
        }
        self.wake_all(Blocked::Queue(queue));
    }

    /// The registration behind that one among those of its source.
    pub(crate) fn next_watcher(&self, id: RegistrationId) -> Option<RegistrationId> {
        self.registrations[id].of_source.next()
    }

    /// Tells everybody who watches a source. Where they are many, most are told later, but before
    /// anything else runs.
    pub(crate) fn notify(&mut self, source: Object, events: u8) {
        let Some(watchers) = self.watchers(source) else { return };
        let (mut at, few) = (watchers.list.front(), watchers.count <= QUANTUM_EVENTS as u32);
        while let Some(id) = at {
            at = self.registrations[id].of_source.next();
            if self.registrations[id].source != source {
                continue;
            }
            if few {
                self.tell(id, events);
            } else {
                self.tell_later(id, events);
            }
        }
    }

    /// Has a registration told of events before anything else runs.
    pub(crate) fn tell_later(&mut self, id: RegistrationId, events: u8) {
        let registration = &mut self.registrations[id];
        registration.later |= events;
        if !registration.told.is_linked() {
            self.work.told.push_back(&mut self.registrations, id);
            self.attend();
        }
    }

    /// Tells a quantum of those who are to be told later. False when there are none.
    pub(crate) fn events_tell(&mut self) -> bool {
        let mut quantum = QUANTUM_EVENTS;
        while quantum > 0
            && let Some(id) = self.work.told.pop_front(&mut self.registrations)
        {
            let events = core::mem::take(&mut self.registrations[id].later);
            self.tell(id, events);
            quantum -= 1;
        }
        quantum < QUANTUM_EVENTS
    }

    /// Ends the registration of a handle at a queue, if there is one.
    pub(crate) fn unregister(&mut self, queue: QueueId, table: TableId, number: usize) {
        let mut at = self.tables[table].registration_mut(number).and_then(|head| *head);
        while let Some(id) = at {
            at = self.registrations[id].next_of_handle;
            if self.registrations[id].queue == queue {
                self.registration_end(id);
            }
        }
    }

    /// Ends all registrations of a handle that is being closed.
    pub(crate) fn registrations_drop(&mut self, table: TableId, number: usize) {
        while let Some(id) = self.tables[table].registration_mut(number).and_then(|head| *head) {
            self.registration_end(id);
        }
    }

    /// Ends a registration.
    pub(crate) fn registration_end(&mut self, id: RegistrationId) {
        let Registration { queue, source, table, number, next_of_handle, account, lease, .. } =
            self.registrations[id];
        if let Some(lease) = lease.and_then(|lease| self.leases.get_mut(lease)) {
            lease.registrations.remove(&mut self.registrations, id);
        }
        self.work.told.remove(&mut self.registrations, id);
        self.queues[queue].ready.remove(&mut self.registrations, id);
        self.queues[queue].all.remove(&mut self.registrations, id);
        self.queues[queue].count = self.queues[queue].count.wrapping_sub(1);
        let mut watchers = self.watchers(source).map(core::mem::take).unwrap_or_default();
        watchers.list.remove(&mut self.registrations, id);
        watchers.count = watchers.count.saturating_sub(1);
        if let Some(place) = self.watchers(source) {
            *place = watchers;
        }
        // Unlink it from the registrations of its handle.
        if let Some(head) = self.tables.get_mut(table).and_then(|t| t.registration_mut(number)) {
            if *head == Some(id) {
                *head = next_of_handle;
            } else {
                let mut at = *head;
                while let Some(previous) = at {
                    at = self.registrations[previous].next_of_handle;
                    if at == Some(id) {
                        self.registrations[previous].next_of_handle = next_of_handle;
                        break;
                    }
                }
            }
        }
        self.registrations.remove(id);
        self.uncharge_object::<Registration>(account);
    }

    /// Ends all registrations of a source that is going away. Its watchers were moved out.
    pub(crate) fn watchers_drop(&mut self, mut watchers: Watchers) {
        while let Some(id) = watchers.list.pop_front(&mut self.registrations) {
            self.registration_end(id);
        }
    }
}
