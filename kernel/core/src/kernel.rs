//! The kernel: one value that holds everything.
use crate::container::{Deadline, DeadlineHeap, counted};
use crate::object::audit::AuditRing;
use crate::object::log::LogRing;
use crate::prelude::*;
use crate::task::futex::Futexes;
use crate::task::sched::Ready;
use crate::task::signal::Round;

/// Frames that only init's own accounts may still take.
pub const RESERVED_FRAMES: usize = 256;

/// What a CPU is doing.
#[derive(Debug, Default)]
pub struct CpuState<R> {
    pub(crate) number: Cpu,
    /// The thread that runs, or ran when the kernel was entered.
    pub(crate) current: Option<Caller>,
    /// Number of its call.
    pub(crate) call: usize,
    /// First argument of its call.
    pub(crate) first: usize,
    /// The lease that it came under through the door.
    pub(crate) lease: Under,
    /// The context to leave to when that thread was switched to directly.
    pub(crate) user: Option<R>,
    /// The space that is loaded.
    pub(crate) loaded: Option<SpaceId>,
    /// The thread to switch to directly.
    pub(crate) handoff: Option<ThreadId>,
    /// An endpoint with close notices that its waiting threads were not woken for yet.
    pub(crate) later: Option<EndpointId>,
    /// The running thread does a call again: it may hold a place that it was given meanwhile.
    pub(crate) again: bool,
    /// This entry has copied much already: what else there is to do waits for the next.
    pub(crate) is_spent: bool,
    /// Timers or queues changed since the last look.
    pub(crate) attention: bool,
    /// When the current slice ends.
    pub(crate) slice_end: u64,
    /// What the timer is armed for.
    pub(crate) armed: Option<u64>,
    /// Entries of `run`, for spreading background work.
    pub(crate) turns: u32,
}

impl<R> CpuState<R> {
    /// Whether the running thread may go on without a look at queues and timers.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        !self.attention && self.handoff.is_none()
    }
}

/// Who waits in the deadline heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiter {
    /// A thread's wait.
    Thread(ThreadId),
    /// A timer object.
    Timer(TimerId),
}

/// The objects that keep their places in the deadline heap.
pub(crate) struct Owners<'a, M: Machine> {
    pub(crate) threads: &'a mut Threads<M>,
    pub(crate) timers: &'a mut Arena<Timer, Timer, 16>,
}

impl<M: Machine> Deadline<Waiter> for Owners<'_, M> {
    fn placed(&mut self, who: Waiter, place: Option<u32>) {
        match who {
            Waiter::Thread(id) => self.threads[id].place = place,
            Waiter::Timer(id) => self.timers[id].place = place,
        }
    }
}

/// What is done piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// A signal on its way through accounts.
    pub(crate) round: Option<Round>,
    /// Registrations whose queues are to hear of events.
    pub(crate) told: List<Registration, 3>,
    /// Leases that have ended, and what was under them has not yet.
    pub(crate) ending_leases: List<Lease, 2>,
    /// The first of those that died; each names the next.
    pub(crate) dead_endpoint: Option<EndpointId>,
    pub(crate) dead_tables: List<HandleTable, 0>,
    pub(crate) dead_spaces: List<SpaceK, 0>,
    pub(crate) dead_memories: List<MemoryK, 0>,
}

impl Work {
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        !(self.is_urgent() | self.has_dead_memory())
    }

    /// Whether ended processes have left memory.
    #[inline(always)]
    pub(crate) fn has_dead_memory(&self) -> bool {
        !(self.dead_spaces.is_empty() & self.dead_memories.is_empty())
    }

    /// Whether there is something that means something to others: it is done before they run.
    #[inline(always)]
    pub(crate) fn is_urgent(&self) -> bool {
        self.round.is_some()
            | !(self.told.is_empty() & self.ending_leases.is_empty())
            | !(self.dead_endpoint.is_none() & self.dead_tables.is_empty())
    }
}

/// Things that happened, for tests and tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Answers to requests that were not waiting for one: late, double, forged.
    pub swallowed: u64,
    /// System calls.
    pub calls: u64,
    /// Switches from one thread to another.
    pub switches: u64,
}

/// The kernel.
pub struct Kernel<M: Machine> {
    pub(crate) machine: M,
    pub(crate) accounts: Arena<Account>,
    pub(crate) processes: Arena<Process>,
    pub(crate) threads: Threads<M>,
    pub(crate) spaces: Arena<Space<M>, SpaceK>,
    pub(crate) regions: Arena<Region, Region, 16>,
    pub(crate) memories: Arena<Memory<M::Frame>, MemoryK, 16>,
    pub(crate) tables: Arena<HandleTable>,
    pub(crate) descriptions: Arena<Description, Description, 16>,
    pub(crate) endpoints: Arena<Endpoint>,
    pub(crate) seats: Arena<Seat>,
    pub(crate) requests: Arena<Request>,
    pub(crate) batches: Arena<Batch>,
    pub(crate) grants: Arena<Grant, Grant, 16>,
    pub(crate) queues: Arena<Queue, Queue, 16>,
    pub(crate) registrations: Arena<Registration, Registration, 16>,
    pub(crate) pipes: Arena<Pipe, Pipe, 16>,
    pub(crate) timers: Arena<Timer, Timer, 16>,
    pub(crate) irqs: Arena<Irq>,
    pub(crate) slots: Arena<Slot, Slot, 16>,
    pub(crate) leases: Arena<Lease, Lease, 16>,
    pub(crate) ready: Ready,
    pub(crate) deadlines: DeadlineHeap<Waiter>,
    pub(crate) futexes: Futexes,
    pub(crate) offset_waiters: List<ThreadK, 0>,
    /// Requests that servers still have though nobody waits for them.
    pub(crate) orphans: u32,
    pub(crate) log: LogRing,
    pub(crate) audit: AuditRing,
    /// What is to be added to the machine's wall clock, wrapping.
    pub(crate) clock_shift: u64,
    /// Frames that were free at the beginning.
    pub(crate) frames: usize,
    pub(crate) work: Work,
    pub(crate) cpus: [CpuState<M::ContextRef>; 1],
    /// A path or small payload on its way through validation.
    pub(crate) scratch: Vec<u8>,
    pub(crate) init: Option<ProcessId>,
    pub(crate) root_account: Option<AccountId>,
    pub(crate) statistics: Statistics,
    random_state: u32,
}

counted! {
    [] Account, [] Description, [] Endpoint, [] Grant, [] HandleTable, [] Lease, [] Process, [] Slot,
    [F] Memory<F>,
}

impl From<NoMemory> for Error {
    fn from(_: NoMemory) -> Self {
        Error::new(ENOMEM)
    }
}

impl<M: Machine> Kernel<M> {
    /// A kernel without processes on that machine.
    ///
    /// # Errors
    /// The kernel heap is too small to begin.
    pub fn new(mut machine: M) -> Result<Box<Self>, NoMemory> {
        let mut scratch = Vec::new();
        scratch.try_reserve_exact(limits::PATH_MAX).map_err(|_| NoMemory)?;
        scratch.resize(limits::PATH_MAX, 0);
        let (log, audit) = (LogRing::new()?, AuditRing::new()?);
        let mut seed = [0; 4];
        machine.random(&mut seed);
        let frames = machine.frames_free();
        Ok(Box::new(Self {
            machine,
            accounts: Arena::new(),
            processes: Arena::new(),
            threads: Arena::new(),
            spaces: Arena::new(),
            regions: Arena::new(),
            memories: Arena::new(),
            tables: Arena::new(),
            descriptions: Arena::new(),
            endpoints: Arena::new(),
            seats: Arena::new(),
            requests: Arena::new(),
            batches: Arena::new(),
            grants: Arena::new(),
            queues: Arena::new(),
            registrations: Arena::new(),
            pipes: Arena::new(),
            timers: Arena::new(),
            irqs: Arena::new(),
            slots: Arena::new(),
            leases: Arena::new(),
            ready: Ready::new(),
            deadlines: DeadlineHeap::new(),
            futexes: Futexes::new(),
            offset_waiters: List::new(),
            orphans: 0,
            log,
            audit,
            clock_shift: 0,
            frames,
            work: Work::default(),
            cpus: [CpuState { attention: true, ..CpuState::default() }],
            scratch,
            init: None,
            root_account: None,
            statistics: Statistics::default(),
            random_state: u32::from_le_bytes(seed) | 1,
        }))
    }

    /// The machine.
    pub fn machine(&mut self) -> &mut M {
        &mut self.machine
    }

    /// What happened since boot.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// A random number that balances trees; never a secret.
    pub(crate) fn noise(&mut self) -> u32 {
        let mut x = self.random_state;
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.random_state = x;
        x
    }
}
