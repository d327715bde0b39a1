//! Threads: blocking is a state, and what remains to be done is a value.
use super::exec::Exec;
use super::fork::Fork;
use super::futex::FutexKey;
use crate::prelude::*;

/// Kind of [`Thread`] ids.
#[derive(Debug)]
pub enum ThreadK {}
/// Names a thread.
pub type ThreadId = Id<ThreadK>;

/// What a blocked thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// It does not wait: it runs or could run.
    No,
    /// For the answer to its request.
    Request(RequestId),
    /// For requests at a socket.
    Receive(EndpointId),
    /// For a place in an endpoint's queue.
    Admission(EndpointId),
    /// For a wake-up of a futex.
    Futex(FutexKey),
    /// For its deadline only.
    Sleep,
    /// For events in a queue.
    Queue(QueueId),
    /// For bytes in a pipe.
    PipeRead(PipeId),
    /// For room in a pipe.
    PipeWrite(PipeId),
    /// For the end of a process.
    Exit(ProcessId),
    /// For an interrupt.
    Irq(IrqId),
    /// For another call at the same offset.
    Offset(DescriptionId),
    /// For one of those signals.
    Signal(u64),
    /// For the end of its process's fork.
    Held(ProcessId),
}

/// What a thread does when it next runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Return to user mode.
    User,
    /// Do its call again from the start: what it waited for may be there now.
    Retry,
    /// Go on copying a request's payload into its server's inbox.
    Send(RequestId),
    /// Take a place at the endpoint that a forwarded request now goes to.
    Readmit(RequestId),
    /// Take the answer to its request.
    Finish(RequestId),
    /// Take requests from its socket.
    Receive(Receive),
    /// Go on copying its process.
    Fork(Fork),
    /// Go on becoming another program.
    Exec(Exec),
}

/// What a call has taken of what leases count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Metered {
    /// Which of all calls that is.
    pub(crate) call: u64,
    /// Leases that have counted it, as many as are remembered.
    pub(crate) passed: [Under; 4],
    /// Bytes that it may move under a lease.
    pub(crate) allowance: Option<(LeaseId, usize)>,
}

/// A thread.
#[derive(Debug)]
pub struct Thread<M: Machine> {
    /// The process it belongs to.
    pub process: ProcessId,
    /// That process' table, space and account.
    pub(crate) table: TableId,
    pub(crate) space: SpaceId,
    pub(crate) account: AccountId,
    pub(crate) context: M::Context,
    pub(crate) name: M::ContextRef,
    /// What it waits for.
    pub blocked: Blocked,
    /// What it does when it next runs.
    pub resume: Resume,
    /// Its own priority.
    pub base: u8,
    /// Its priority while it serves a caller of a higher one.
    pub priority: u8,
    /// It is in a ready queue.
    pub ready: bool,
    /// Number and arguments of its current call.
    pub call: usize,
    /// See `call`.
    pub args: [usize; 5],
    /// Bytes that its current call has moved already.
    pub progress: usize,
    /// How often its current call was made again because there was no memory.
    pub(crate) tries: u8,
    /// When its blocking calls end; 0: never.
    pub deadline: u64,
    /// When its current wait ends by itself: futex and sleep.
    pub wake_at: Option<u64>,
    /// Its place in the deadline heap.
    pub place: Option<u32>,
    /// Of its time on a CPU, what its process's has already.
    pub(crate) counted: u64,
    /// Base of its local storage.
    pub(crate) tls: u64,
    /// Signals that it blocks.
    pub mask: u64,
    /// Signals that wait for it alone.
    pub(crate) signals: u64,
    /// Something is to be looked at before it returns to user mode.
    pub(crate) alert: bool,
    /// Its last refusal.
    pub refusal: Option<Denial>,
    /// A place in an endpoint's queue that it was given while it waited for one.
    pub granted: Option<(EndpointId, u8)>,
    /// Keeps the path of a forwarded request while it waits for admission. Paid for at creation.
    pub(crate) spill: Option<M::Frame>,
    /// Bytes in the spill page.
    pub spilled: usize,
    /// The lease that it is found under.
    pub(crate) lease: Under,
    /// The lease that its wait for something of the kernel ends with.
    pub(crate) waits_under: Under,
    /// Which of all calls its own is that goes on.
    pub(crate) sequence: u64,
    /// What its call under leases has taken of what they count.
    pub(crate) metered: Metered,
    pub(crate) wait: Link<ThreadK>,
    pub(crate) sibling: Link<ThreadK>,
    of_lease: Link<ThreadK>,
}

/// All threads.
pub(crate) type Threads<M> = Arena<Thread<M>, ThreadK>;
type Waiters = List<ThreadK, 0>;

links!(ThreadK, Thread<M>, [M: Machine], 0 => wait, 1 => sibling, 2 => of_lease);

impl<M: Machine> Thread<M> {
    /// What the kernel looks up once when this thread, with that id, runs.
    #[inline]
    pub(crate) fn as_caller(&self, id: ThreadId, cpu: Cpu) -> Caller {
        let Thread { process, table, space, account, .. } = *self;
        Caller { cpu, thread: id, process, table, space, account }
    }

    /// Whether its waits end by themselves, or one that did is still in the deadline heap.
    #[inline]
    pub(crate) fn is_timed(&self) -> bool {
        self.deadline != 0 || self.wake_at.is_some() || self.place.is_some()
    }

    /// Whether its waits end by what it waits for alone, and user mode lies behind them.
    #[inline]
    pub(crate) fn waits_plainly(&self) -> bool {
        !self.is_timed() && !self.alert
    }
}

impl<M: Machine> Kernel<M> {
    /// Makes a thread of a process, ready but in no queue.
    pub(crate) fn thread_create(
        &mut self,
        process: ProcessId,
        start: Start,
        priority: u8,
    ) -> Result<ThreadId> {
        self.threads.reserve(&mut self.machine)?;
        self.deadlines.add_owner(&mut self.machine)?;
        let made = self.thread_parts(process, start);
        let (context, spill) = made.inspect_err(|_| self.deadlines.remove_owner())?;
        let Process { table, space, account, .. } = self.processes[process];
        let thread = Thread {
            process,
            table,
            space,
            account,
            name: self.machine.context_ref(&context),
            context,
            blocked: Blocked::No,
            resume: Resume::User,
            base: priority,
            priority,
            ready: false,
            call: 0,
            args: [0; 5],
            progress: 0,
            tries: 0,
            deadline: 0,
            wake_at: None,
            place: None,
            counted: 0,
            tls: start.tls,
            mask: 0,
            signals: 0,
            alert: self.processes[process].signals.stopped,
            refusal: None,
            granted: None,
            spill: Some(spill),
            spilled: 0,
            lease: None,
            waits_under: None,
            sequence: 0,
            metered: Metered::default(),
            wait: Link::new(),
            sibling: Link::new(),
            of_lease: Link::new(),
        };
        let id = self.threads.insert(&mut self.machine, thread)?;
        let process = &mut self.processes[process];
        process.threads.push_back(&mut self.threads, id);
        Ok(id)
    }

    fn thread_parts(&mut self, process: ProcessId, start: Start) -> Result<(M::Context, M::Frame)> {
        let account = self.processes[process].account;
        self.charge(account, Resource::Threads, 1)?;
        let charged = self.charge_object::<Thread<M>>(account);
        charged.inspect_err(|_| self.uncharge(account, Resource::Threads, 1))?;
        if let Ok(spill) = self.frame_take(account) {
            if let Some(context) = self.machine.context_new(start) {
                return Ok((context, spill));
            }
            self.frame_give(account, spill);
        }
        self.uncharge_object::<Thread<M>>(account);
        self.uncharge(account, Resource::Threads, 1);
        Err(Error::new(ENOMEM))
    }

    /// Ends a thread: whatever it was doing is undone or completed.
    pub(crate) fn thread_end(&mut self, id: ThreadId) {
        self.thread_unwait(id);
        let thread = &mut self.threads[id];
        match thread.resume {
            Resume::Send(request) | Resume::Finish(request) | Resume::Readmit(request) => {
                thread.resume = Resume::User;
                self.request_abandon(request);
            }
            Resume::Receive(receive) => {
                // It may have been woken for a message that it takes no more.
                thread.resume = Resume::User;
                self.receivers_nudge(receive.endpoint);
            }
            Resume::Fork(Fork { child: other, .. }) | Resume::Exec(Exec { built: other, .. }) => {
                thread.resume = Resume::User;
                self.process_release(other);
            }
            Resume::User | Resume::Retry => {}
        }
        if let Some((endpoint, slot)) = self.threads[id].granted.take() {
            self.place_release(endpoint, slot);
        }
        if self.threads[id].ready {
            self.unready(id);
        }
        for cpu in &mut self.cpus {
            if cpu.current.is_some_and(|current| current.thread == id) {
                cpu.current = None;
            }
            if cpu.handoff == Some(id) {
                cpu.handoff = None;
            }
        }
        let Thread { process, alert, lease, .. } = self.threads[id];
        if let Some(lease) = lease.and_then(|lease| self.leases.get_mut(lease)) {
            lease.threads.remove(&mut self.threads, id);
        }
        self.processes[process].threads.remove(&mut self.threads, id);
        let account = self.processes[process].account;
        if let Some(thread) = self.threads.remove(id) {
            let more = self.machine.context_time(&thread.context).wrapping_sub(thread.counted);
            let process = &mut self.processes[process];
            process.spent = process.spent.wrapping_add(more);
            self.machine.context_free(thread.context);
            if let Some(spill) = thread.spill {
                self.frame_give(account, spill);
            }
        }
        self.deadlines.remove_owner();
        self.uncharge_object::<Thread<M>>(account);
        self.uncharge(account, Resource::Threads, 1);
        if self.processes[process].threads.is_empty()
            && self.processes[process].state == ProcessState::Running
        {
            let exit = clavis_abi::params::ExitStatus { kind: 0, code: 0 };
            self.process_end(process, exit);
        } else if alert {
            self.signals_pass_on(process);
        }
    }

    /// Blocks the current thread, or lets a blocked one wait for something else, until woken or
    /// until its deadline.
    #[inline]
    pub(crate) fn block(&mut self, id: ThreadId, blocked: Blocked) {
        let thread = &mut self.threads[id];
        thread.blocked = blocked;
        if thread.is_timed() {
            self.arm_wait(id);
        }
    }

    /// Puts a blocked thread into the deadline heap, or moves it there.
    #[cold]
    fn arm_wait(&mut self, id: ThreadId) {
        self.disarm(id);
        let thread = &self.threads[id];
        let own = (thread.deadline != 0).then_some(thread.deadline);
        let until = match (thread.wake_at, own) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        if let Some(when) = until {
            let Self { threads, timers, deadlines, .. } = self;
            deadlines.insert(&mut Owners { threads, timers }, when, Waiter::Thread(id));
            self.attend();
        }
    }

    /// Takes a thread's deadline out of the heap.
    #[cold]
    fn disarm(&mut self, id: ThreadId) {
        if let Some(place) = self.threads[id].place {
            let Self { threads, timers, deadlines, .. } = self;
            deadlines.remove(&mut Owners { threads, timers }, place);
        }
    }

    /// The list that threads wait in which are blocked so.
    #[inline(always)]
    fn waiting(&mut self, blocked: Blocked) -> Option<(&mut Waiters, &mut Threads<M>)> {
        let Self { endpoints, futexes, queues, pipes, irqs, processes, threads, .. } = self;
        let list = match blocked {
            Blocked::No | Blocked::Sleep | Blocked::Signal(_) | Blocked::Request(_) => return None,
            Blocked::Receive(id) => &mut endpoints[id].receivers,
            Blocked::Admission(id) => &mut endpoints[id].admission,
            Blocked::Futex(key) => futexes.bucket(key),
            Blocked::Queue(id) => &mut queues[id].waiters,
            Blocked::PipeRead(id) => &mut pipes[id].readers_waiting,
            Blocked::PipeWrite(id) => &mut pipes[id].writers_waiting,
            Blocked::Exit(id) => &mut processes[id].waiters,
            Blocked::Irq(id) => &mut irqs[id].waiters,
            Blocked::Held(id) => &mut processes[id].held,
            Blocked::Offset(_) => &mut self.offset_waiters,
        };
        Some((list, threads))
    }

    /// Lets the running thread wait in a list; then its call is made again.
    #[inline(always)]
    pub(crate) fn wait_and_retry(&mut self, caller: &Caller, blocked: Blocked) -> Reply {
        if let Some((list, threads)) = self.waiting(blocked) {
            list.push_back(threads, caller.thread);
        }
        self.threads[caller.thread].resume = Resume::Retry;
        self.block(caller.thread, blocked);
        Ok(Outcome::Wait)
    }

    /// Wakes all who are blocked so, to make their calls again. The first of them runs as soon as
    /// the current thread waits.
    #[inline(always)]
    pub(crate) fn wake_all(&mut self, blocked: Blocked) {
        let mut woken = 0;
        while let Some((list, threads)) = self.waiting(blocked)
            && let Some(thread) = list.pop_front(threads)
        {
            self.wake_in_turn(thread, Resume::Retry, woken);
            woken += 1;
        }
    }

    /// Does something for each thread of a process, be it to end it.
    pub(crate) fn each_thread(&mut self, id: ProcessId, mut act: impl FnMut(&mut Self, ThreadId)) {
        let mut at = self.processes[id].threads.front();
        while let Some(thread) = at {
            at = self.threads[thread].sibling.next();
            act(self, thread);
        }
    }

    /// Takes a thread out of whatever it waits in, without saying how its wait ended.
    fn thread_unwait(&mut self, id: ThreadId) -> Blocked {
        self.disarm(id);
        let thread = &mut self.threads[id];
        thread.wake_at = None;
        let blocked = core::mem::replace(&mut thread.blocked, Blocked::No);
        if let Blocked::Request(request) = blocked {
            self.request_abandon(request);
        } else if let Some((list, threads)) = self.waiting(blocked) {
            list.remove(threads, id);
        }
        if let (Blocked::Admission(_), Resume::Readmit(request)) =
            (blocked, self.threads[id].resume)
        {
            self.threads[id].resume = Resume::User;
            self.request_abandon(request);
        }
        blocked
    }

    /// Ends a thread's wait from outside: its call returns the error. A call that has moved bytes
    /// already returns their number.
    pub(crate) fn interrupt(&mut self, id: ThreadId, error: i32) {
        let blocked = self.thread_unwait(id);
        if blocked == Blocked::No {
            return;
        }
        let moved = core::mem::take(&mut self.threads[id].progress);
        let result = match blocked {
            Blocked::PipeRead(_) | Blocked::PipeWrite(_) if moved > 0 => Ok(moved),
            _ => Err(Error::new(error)),
        };
        self.complete(id, result);
    }

    /// The thread's deadline has come: that of its wait, or its own.
    pub(crate) fn thread_timeout(&mut self, id: ThreadId) {
        let now = self.machine.now();
        let thread = &self.threads[id];
        let of_wait = thread.wake_at.is_some_and(|at| at <= now);
        match thread.blocked {
            Blocked::Sleep | Blocked::Signal(_) if of_wait => {
                self.threads[id].blocked = Blocked::No;
                self.complete(id, Ok(0));
            }
            // Its own deadline is for its calls.
            Blocked::Held(_) => {}
            // The slot that its open waits in stayed empty.
            Blocked::Request(_) if of_wait => self.interrupt(id, ENODEV),
            _ => self.interrupt(id, ETIMEDOUT),
        }
    }

    /// Gives a waiting or running thread its result; it is ready to return to user mode.
    pub(crate) fn complete(&mut self, id: ThreadId, result: Result<usize>) {
        self.set_result(id, result);
        self.wake(id, Resume::User);
    }

    /// Sets what a thread finds in its result register.
    #[inline]
    pub(crate) fn set_result(&mut self, id: ThreadId, result: Result<usize>) {
        let value = mux(result);
        self.machine.context_result(&mut self.threads[id].context, value);
    }

    /// Ends a thread's wait: it is in no list any more, and goes on with `resume`.
    pub(crate) fn wake(&mut self, id: ThreadId, resume: Resume) {
        self.unblock(id, resume);
        self.ready(id);
    }

    #[inline]
    fn unblock(&mut self, id: ThreadId, resume: Resume) {
        let thread = &mut self.threads[id];
        thread.wake_at = None;
        thread.blocked = Blocked::No;
        thread.resume = resume;
        if thread.place.is_some() {
            self.disarm(id);
        }
    }

    /// As [`Kernel::wake`], and the thread runs as soon as the current one waits, on its slice,
    /// without going through the queues.
    pub(crate) fn wake_next(&mut self, id: ThreadId, resume: Resume) {
        self.unblock(id, resume);
        let [cpu] = &mut self.cpus;
        if let Some(earlier) = cpu.handoff.replace(id) {
            self.ready(earlier);
        }
    }

    /// Wakes one of several threads: the first of them runs as soon as the current one waits.
    pub(crate) fn wake_in_turn(&mut self, id: ThreadId, resume: Resume, before: usize) {
        if before == 0 { self.wake_next(id, resume) } else { self.wake(id, resume) }
    }

    /// As [`Kernel::complete`], and the thread runs as soon as the current one waits.
    pub(crate) fn complete_next(&mut self, id: ThreadId, result: Result<usize>) {
        self.set_result(id, result);
        self.wake_next(id, Resume::User);
    }

    /// A priority that a process asks for, bounded by what it may give.
    pub(crate) fn priority_below(&self, asked: u64, most: u8) -> Result<u8> {
        if asked == u64::MAX {
            return Ok(most);
        }
        u8::try_from(asked).ok().filter(|asked| *asked <= most).ok_or(Error::new(EINVAL))
    }
}
