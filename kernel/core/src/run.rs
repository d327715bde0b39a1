//! Entering and leaving the kernel: calls, faults, interrupts, and what runs next.
use crate::machine::Next;
use crate::prelude::*;

/// Who calls: looked up once per entry.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The CPU.
    pub cpu: Cpu,
    /// The thread.
    pub thread: ThreadId,
    /// Its process.
    pub process: ProcessId,
    /// What that can name.
    pub table: TableId,
    /// What that can address.
    pub space: SpaceId,
    /// Who pays for what it does.
    pub account: AccountId,
}

/// How a call went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, with that result.
    Done(usize),
    /// The thread waits; its `Resume` says what for.
    Wait,
    /// A quantum is done; the thread's `Resume` goes on.
    More,
    /// The thread waits, and another one runs already.
    Switched,
    /// The thread is gone.
    Gone,
}

/// What a call handler answers.
pub type Reply = Result<Outcome>;

/// Fails with that error if that is so.
#[inline(always)]
pub(crate) fn refuse_if(is_so: bool, errno: i32) -> Result<()> {
    if is_so { none().ok_or(Error::new(errno)) } else { Ok(()) }
}

/// An exception that user code raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A page was touched.
    Page {
        /// Where.
        address: u64,
        /// To write.
        write: bool,
        /// To fetch an instruction.
        execute: bool,
    },
    /// Anything else.
    Other {
        /// The vector.
        vector: u8,
        /// Where.
        address: u64,
    },
}

impl<M: Machine> Kernel<M> {
    #[inline]
    fn cpu(&mut self, cpu: Cpu) -> &mut CpuState<M::ContextRef> {
        let index = (cpu.0 as usize).min(self.cpus.len() - 1);
        &mut self.cpus[index]
    }

    /// The running thread and what belongs to it.
    #[inline]
    fn caller(&mut self, cpu: Cpu) -> Option<Caller> {
        self.cpu(cpu).current
    }

    /// A system call of the running thread.
    pub fn syscall(&mut self, cpu: Cpu, number: usize, args: [usize; 5]) -> Next<M::ContextRef> {
        self.statistics.calls = self.statistics.calls.wrapping_add(1);
        // Taken apart, so that the direct way has no need of them in memory.
        let [a, b, c, d, e] = args;
        if number == Call::Call as usize
            && let Some(name) = self.call_direct([a, b, c, d, e])
        {
            return Next::User(name);
        }
        let state = self.cpu(cpu);
        let Some(caller) = mostly(state.current) else { return self.decide(cpu) };
        (state.call, state.first, state.lease) = (number, a, None);
        let reply = match Call::from_number(number) {
            Some(call) => self.dispatch(&caller, call, &[a, b, c, d, e]),
            None => Err(Error::new(ENOSYS)),
        };
        let result = match reply {
            Ok(Outcome::Switched) => {
                return match self.cpu(cpu).user.take() {
                    Some(name) => Next::User(name),
                    None => self.enter_user(cpu),
                };
            }
            Ok(Outcome::Done(value)) => Ok(value),
            Err(error) => Err(error),
            Ok(outcome) => {
                let lease = self.cpu(cpu).lease;
                if let Some(thread) = self.threads.get_mut(caller.thread) {
                    // It may have to be done again.
                    thread.call = number;
                    thread.args = [a, b, c, d, e];
                    thread.sequence = self.statistics.calls;
                    thread.waits_under = lease;
                }
                return match outcome {
                    Outcome::More => Next::Again,
                    Outcome::Wait => {
                        self.cpu(cpu).current = None;
                        self.wait_begun(caller.thread);
                        self.pass_on(cpu)
                    }
                    _ => self.decide(cpu),
                };
            }
        };
        let thread = &mut self.threads[caller.thread];
        let value = mux(result);
        self.machine.context_result(&mut thread.context, value);
        let (name, priority) = (thread.name, thread.priority);
        if self.may_go_on(cpu, priority) { Next::User(name) } else { self.decide(cpu) }
    }

    /// Whether the running thread, of that priority, may go on without a look at queues and timers.
    /// Whom it woke last may wait for it to wait, but no longer than the slice.
    #[inline]
    fn may_go_on(&mut self, cpu: Cpu, priority: u8) -> bool {
        let CpuState { attention, handoff, armed, slice_end, .. } = *self.cpu(cpu);
        !attention
            && handoff.is_none_or(|next| {
                self.threads[next].priority <= priority && armed.is_some_and(|at| at <= slice_end)
            })
    }

    /// Leaves to the thread that was just made the running one.
    #[inline]
    fn enter_user(&mut self, cpu: Cpu) -> Next<M::ContextRef> {
        let current = self.caller(cpu).map(|caller| &self.threads[caller.thread]);
        match current.map(|thread| (thread.name, thread.priority, thread.alert)) {
            Some((name, priority, false)) if self.may_go_on(cpu, priority) => Next::User(name),
            _ => self.decide(cpu),
        }
    }

    /// The running thread waits from here on. Whom it woke last goes on in its place, on its slice,
    /// unless something else is due.
    #[inline]
    fn pass_on(&mut self, cpu: Cpu) -> Next<M::ContextRef> {
        let (highest, has_work) = (self.ready.highest(), !self.work.is_empty());
        let state = self.cpu(cpu);
        state.current = None;
        if !(state.attention || state.is_spent || has_work)
            && let Some(thread) = state.handoff
            && highest <= Some(self.threads[thread].priority)
        {
            self.cpu(cpu).handoff = None;
            let caller = self.make_current(cpu, thread);
            if let Some(next) = self.go_on(&caller) {
                return next;
            }
            return self.enter_user(cpu);
        }
        self.decide(cpu)
    }

    /// An exception of the running thread.
    pub fn fault(&mut self, cpu: Cpu, fault: Fault) -> Next<M::ContextRef> {
        let Some(caller) = self.caller(cpu) else { return self.decide(cpu) };
        let exit = match fault {
            Fault::Page { address, write, execute } => {
                let access = match (write, execute) {
                    (true, _) => Access::Write,
                    (false, true) => Access::Execute,
                    (false, false) => Access::Read,
                };
                match self.resolve(caller.space, address, access) {
                    Ok(()) => return self.enter_user(cpu),
                    Err(Unresolved::NotMapped) => {
                        ExitStatus { kind: ExitKind::Fault as u64, code: address }
                    }
                    // What ended processes left may be what is missing: the access comes again.
                    Err(Unresolved::OutOfMemory) if self.reap() => return Next::Again,
                    Err(Unresolved::OutOfMemory) => {
                        ExitStatus { kind: ExitKind::OutOfMemory as u64, code: address }
                    }
                }
            }
            Fault::Other { address, .. } => {
                ExitStatus { kind: ExitKind::Fault as u64, code: address }
            }
        };
        if self.fault_caught(&caller, &fault) {
            return self.decide(cpu);
        }
        // It may have ended of the attempt.
        if self.process_lives(caller.process) {
            self.process_end(caller.process, exit);
        }
        self.decide(cpu)
    }

    /// The one-shot timer fired.
    pub fn tick(&mut self, cpu: Cpu) {
        let state = self.cpu(cpu);
        state.armed = None;
        state.attention = true;
    }

    /// Ends waits whose time has come.
    fn expire(&mut self) {
        let now = self.machine.now();
        for _ in 0..clavis_abi::limits::QUANTUM_HANDLES {
            let mut owners = Owners { threads: &mut self.threads, timers: &mut self.timers };
            match self.deadlines.pop_due(&mut owners, now) {
                Some(Waiter::Thread(thread)) => self.thread_timeout(thread),
                Some(Waiter::Timer(timer)) => self.timer_fired(timer),
                None => break,
            }
        }
    }

    /// Decides what the CPU does next and does one quantum of it.
    pub fn run(&mut self, cpu: Cpu) -> Next<M::ContextRef> {
        self.cpu(cpu).is_spent = false;
        self.decide(cpu)
    }

    /// As [`Kernel::run`], with what this entry has left of its quantum.
    fn decide(&mut self, cpu: Cpu) -> Next<M::ContextRef> {
        if self.cpu(cpu).is_quiet()
            && self.work.is_empty()
            && !self.cpu(cpu).is_spent
            && let Some(caller) = self.caller(cpu)
            && let Some(next) = self.go_on(&caller)
        {
            // Nothing is due: it was one more quantum of what the thread does.
            return next;
        }
        if self.cpu(cpu).is_spent {
            return Next::Again;
        }
        if self.deadlines.first().is_some_and(|first| first <= self.machine.now()) {
            self.expire();
        }
        self.notices_due();
        if self.work.is_urgent() {
            self.urgent_work();
            return Next::Again;
        }
        let turns = &mut self.cpu(cpu).turns;
        *turns = turns.wrapping_add(1);
        if turns.is_multiple_of(4)
            || self.machine.frames_free() < 4 * crate::kernel::RESERVED_FRAMES
        {
            self.reap();
        }
        for _ in 0..4 {
            let Some(caller) = self.pick(cpu) else {
                let worked = self.reap();
                self.arm(cpu, false);
                return if worked { Next::Again } else { Next::Idle };
            };
            if let Some(next) = self.go_on(&caller) {
                if next != Next::Again {
                    self.arm(cpu, true);
                }
                return next;
            }
            if self.cpu(cpu).is_spent {
                break;
            }
        }
        Next::Again
    }

    /// Lets the thread that was made the running one go on with what it has to do. `None`: it did
    /// a step, and who runs next is to be decided anew.
    #[inline]
    fn go_on(&mut self, caller: &Caller) -> Option<Next<M::ContextRef>> {
        self.load(caller);
        let thread = &mut self.threads[caller.thread];
        let resume = core::mem::replace(&mut thread.resume, Resume::User);
        let reply = match resume {
            Resume::User => {
                let name = thread.name;
                return (!thread.alert || self.returns(caller)).then_some(Next::User(name));
            }
            Resume::Finish(request) => self.finish(caller, request),
            Resume::Receive(receive) => {
                let under = thread.waits_under;
                match self.lease_end_of(under) {
                    None => self.receive(caller, receive),
                    Some(errno) => {
                        // It was woken for a message that another one may take.
                        self.receivers_nudge(receive.endpoint);
                        Err(Error::new(errno))
                    }
                }
            }
            Resume::Send(request) => self.send_on(caller, request),
            Resume::Fork(fork) => self.fork(caller, fork),
            Resume::Exec(exec) => self.exec(caller, exec),
            Resume::Retry | Resume::Readmit(_) => self.do_again(caller, resume),
        };
        let result = match reply {
            Ok(Outcome::Done(value)) => Ok(value),
            Err(error) => Err(error),
            Ok(Outcome::More) => return Some(Next::Again),
            Ok(Outcome::Wait) => {
                self.cpu(caller.cpu).current = None;
                self.wait_begun(caller.thread);
                return None;
            }
            Ok(Outcome::Switched | Outcome::Gone) => return None,
        };
        let thread = &mut self.threads[caller.thread];
        thread.progress = 0;
        self.machine.context_result(&mut thread.context, mux(result));
        None
    }

    /// Does a thread's call again. A place that it was given while it waited is its to use now, or
    /// somebody else's.
    fn do_again(&mut self, caller: &Caller, resume: Resume) -> Reply {
        self.cpu(caller.cpu).again = true;
        let reply = match resume {
            Resume::Readmit(request) => self.readmit(caller, request),
            _ => {
                let Thread { call, args, .. } = &self.threads[caller.thread];
                let (call, args) = (*call, *args);
                let state = self.cpu(caller.cpu);
                (state.call, state.first, state.lease) = (call, args[0], None);
                let reply = match Call::from_number(call) {
                    Some(call) => self.dispatch(caller, call, &args),
                    None => Err(Error::new(ENOSYS)),
                };
                let lease = self.cpu(caller.cpu).lease;
                if !matches!(reply, Ok(Outcome::Done(_)))
                    && let Some(thread) = self.threads.get_mut(caller.thread)
                {
                    thread.waits_under = lease;
                }
                reply
            }
        };
        self.cpu(caller.cpu).again = false;
        if let Some(thread) = self.threads.get_mut(caller.thread)
            && let Some((endpoint, place)) = thread.granted.take()
        {
            self.place_release(endpoint, place);
        }
        reply
    }

    /// Chooses the thread to run and makes it current.
    fn pick(&mut self, cpu: Cpu) -> Option<Caller> {
        let state = self.cpu(cpu);
        let (current, handoff) = (state.current, state.handoff.take());
        if let Some(thread) = handoff {
            let highest = self.ready.highest();
            let priority = Some(self.threads[thread].priority);
            let in_slice = || self.machine.now() < self.cpus[0].slice_end;
            if current.is_none() && (highest < priority || (highest == priority && in_slice())) {
                // Runs on the caller's slice.
                return Some(self.make_current(cpu, thread));
            }
            // Once the slice is over it is the turn of others of its priority.
            if in_slice() { self.ready_first(thread) } else { self.ready(thread) }
        }
        let highest = self.ready.highest();
        let now = self.machine.now();
        if let Some(Caller { thread, .. }) = current {
            let priority = Some(self.threads[thread].priority);
            let slice_over = self.cpu(cpu).slice_end <= now;
            if highest < priority || (highest == priority && !slice_over) {
                return current;
            }
            if slice_over {
                self.ready(thread)
            } else {
                self.ready_first(thread)
            }
            self.cpu(cpu).current = None;
        }
        let next = self.pop_ready();
        self.cpu(cpu).slice_end = now.saturating_add(SLICE);
        next.map(|thread| self.make_current(cpu, thread))
    }

    /// Makes a thread the running one.
    #[inline]
    pub(crate) fn make_current(&mut self, cpu: Cpu, thread: ThreadId) -> Caller {
        let caller = self.threads[thread].as_caller(thread, cpu);
        self.cpu(cpu).current = Some(caller);
        self.statistics.switches = self.statistics.switches.wrapping_add(1);
        caller
    }

    /// Loads the space of a thread that is about to run.
    #[inline]
    pub(crate) fn load(&mut self, caller: &Caller) {
        if self.cpu(caller.cpu).loaded != Some(caller.space) {
            self.cpu(caller.cpu).loaded = Some(caller.space);
            let tables = self.spaces[caller.space].tables.as_ref();
            self.machine.space_load(caller.cpu, tables);
        }
    }

    /// Arms the timer for the next deadline, and for the end of the slice when others wait. A thread
    /// that is more urgent than those goes on after it, but passes the CPU on to none of their rank
    /// before they had their turns: until then nothing goes the short way.
    fn arm(&mut self, cpu: Cpu, running: bool) {
        let (mut when, mut attention) = (self.deadlines.first(), false);
        let current = self.cpu(cpu).current.filter(|_| running);
        if let (Some(caller), Some(highest)) = (current, self.ready.highest()) {
            let is_urgent = self.threads[caller.thread].priority > highest;
            let now = self.machine.now();
            let state = self.cpu(cpu);
            attention = is_urgent && state.slice_end <= now;
            if !attention {
                // A slice that ended long ago would fire the timer again and again: it begins anew.
                if state.slice_end <= now {
                    state.slice_end = now.saturating_add(SLICE);
                }
                let end = state.slice_end;
                when = Some(when.map_or(end, |when| when.min(end)));
            }
        }
        let state = self.cpu(cpu);
        state.attention = attention;
        // An end of the slice that is early does no harm, and is often wanted again.
        let is_early = running && state.armed.is_some_and(|at| when.is_none_or(|when| at <= when));
        if state.armed != when && !is_early {
            state.armed = when;
            self.machine.timer_set(cpu, when);
        }
    }

    /// Does a quantum of what means something to others: the signals of accounts, events, and what
    /// dead endpoints and processes held.
    #[cold]
    fn urgent_work(&mut self) {
        if self.leases_reap() || self.signal_round() || self.events_tell() || self.endpoint_reap() {
            return;
        }
        if let Some(table) = self.work.dead_tables.pop_front(&mut self.tables)
            && !self.table_reap(table)
        {
            self.work.dead_tables.push_front(&mut self.tables, table);
        }
    }

    /// Takes a quantum of dead memory apart. False when there is none.
    pub(crate) fn reap(&mut self) -> bool {
        if let Some(memory) = self.work.dead_memories.pop_front(&mut self.memories) {
            if !self.memory_reap(memory) {
                self.work.dead_memories.push_front(&mut self.memories, memory);
            }
            return true;
        }
        if let Some(space) = self.work.dead_spaces.pop_front(&mut self.spaces) {
            if !self.space_reap(space) {
                self.work.dead_spaces.push_front(&mut self.spaces, space);
            }
            return true;
        }
        false
    }
}
