//! Fork: a process like the caller, whose only thread begins at a given address.
//!
//! It is made piece by piece (memory, then handles) while it counts as being built; the caller's
//! other threads wait meanwhile, so that the copy shows one moment. Whatever fails on the way, the
//! half-made process ends like one whose builder let go of it.
use crate::prelude::*;
use crate::syscall::process::{KEPT, check_address};

/// A fork under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The copy. Holds a reference.
    pub child: ProcessId,
    /// What is copied next.
    pub next: Next,
    /// What the handle to it ends with.
    pub(crate) lease: Under,
}

/// What a fork copies next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// What numbers there were, so that stale ones stay so.
    Numbers,
    /// Memory, from that page on.
    Memory(u64),
    /// Handles, from that place of the table on.
    Handles(usize),
    /// Nothing: it begins to run.
    Start,
}

impl<M: Machine> Kernel<M> {
    /// Copies the calling process.
    pub(crate) fn sys_fork(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let (Handle { lease, .. }, object) = self.door_object(caller, args[0], Rights::MANAGE)?;
        let Object::Account(account) = object else { return Err(Error::new(EINVAL)) };
        check_address(args[1] as u64)?;
        let child = self.fork_begin(caller, account)?;
        self.threads[caller.thread].args = args;
        self.fork(caller, Fork { child, next: Next::Numbers, lease })
    }

    fn fork_begin(&mut self, caller: &Caller, account: AccountId) -> Result<ProcessId> {
        let own = &self.processes[caller.process];
        let (priority, flags) = (own.priority, own.flags & !process_flags::TIED);
        let (name, signals) = (own.name, own.signals.copied());
        let (group, session) = (own.group, own.session);
        let child = self.process_create(account, None, priority, flags)?;
        if let Some(name) = name {
            self.memories.retain(name);
        }
        self.table_inherit(caller.table, child);
        let process = &mut self.processes[child];
        process.name = name;
        process.signals = signals;
        (process.group, process.session) = (group, session);
        process.parent = Some(caller.process);
        process.state = ProcessState::Copying;
        let space = process.space;
        self.spaces[space].hint = self.spaces[caller.space].hint;
        self.spaces[space].jit = self.spaces[caller.space].jit;
        Ok(child)
    }

    /// Goes on with a fork.
    pub(crate) fn fork(&mut self, caller: &Caller, fork: Fork) -> Reply {
        // Somebody ended it, or its account.
        let gone = self.processes[fork.child].state != ProcessState::Copying;
        if let Some(errno) = gone.then_some(EAGAIN).or(self.lease_end_of(fork.lease)) {
            self.others_release(caller.process);
            self.process_release(fork.child);
            return Err(Error::new(errno));
        }
        let copy = &self.processes[fork.child];
        let (space, table) = (copy.space, copy.table);
        let mut next = fork.next;
        let reply = loop {
            let step = match next {
                Next::Numbers => {
                    self.generations_copy(caller.table, table).map(|()| Next::Memory(0))
                }
                Next::Memory(at) => {
                    let step = self.space_copy(caller.space, space, at);
                    step.map(|at| at.map_or(Next::Handles(0), Next::Memory))
                }
                Next::Handles(at) => {
                    let step = self.handles_copy(caller, &fork, at);
                    step.map(|at| at.map_or(Next::Start, Next::Handles))
                }
                Next::Start => match self.fork_finish(caller, fork.child, fork.lease) {
                    Ok(number) => break Ok(Outcome::Done(number)),
                    Err(error) => Err(error),
                },
            };
            let now = core::mem::discriminant(&next);
            match step {
                Ok(step) => next = step,
                // What ended processes left may be what is missing.
                Err(error) if error.errno == AGAIN || self.reap() => {}
                Err(error) => break Err(error),
            }
            if core::mem::discriminant(&next) == now {
                self.threads[caller.thread].resume = Resume::Fork(Fork { next, ..fork });
                self.others_hold(caller);
                return Ok(Outcome::More);
            }
        };
        self.others_release(caller.process);
        // What held it while it was made. If it does not run, it ends with that.
        self.process_release(fork.child);
        reply
    }

    /// Copies a quantum of the caller's handles, from place `at` on.
    fn handles_copy(&mut self, caller: &Caller, fork: &Fork, from: usize) -> Result<Option<usize>> {
        let mut at = from;
        for _ in 0..QUANTUM_HANDLES {
            let Some((number, handle, next)) = self.tables[caller.table].next(at) else {
                return Ok(None);
            };
            match self.handle_copy(caller, fork, number, handle) {
                Err(_) if at > from => return Ok(Some(at)),
                copied => copied?,
            }
            at = next;
        }
        Ok(Some(at))
    }

    fn handle_copy(
        &mut self,
        caller: &Caller,
        &Fork { child, lease, .. }: &Fork,
        number: usize,
        handle: Handle,
    ) -> Result<()> {
        let Process { table, account, .. } = self.processes[child];
        let put = self.number_with(table, number, |kernel| {
            let object = kernel.descriptions[handle.description].object;
            if object != Object::Process(caller.process) {
                kernel.descriptions.retain(handle.description);
                return Ok(handle.came(Step::Forked, process_number(caller.process), number));
            }
            // A handle to the caller itself becomes one to the child itself.
            let lease = kernel.lease_join(account, handle.lease, lease)?;
            kernel.processes.retain(child);
            let own = kernel.handle_create(account, Object::Process(child))?;
            kernel.processes[child].own += 1;
            Ok(Handle { description: own.description, lease, ..handle })
        });
        put.map(drop)
    }

    /// Everything is copied: the child runs, the caller gets a handle to it.
    fn fork_finish(&mut self, caller: &Caller, child: ProcessId, lease: Under) -> Result<usize> {
        let thread = &self.threads[caller.thread];
        let [_, entry, stack, argument, out] = thread.args;
        let (base, tls, mask) = (thread.base, thread.tls, thread.mask);
        let start =
            Start { entry: entry as u64, stack: stack as u64, argument: argument as u64, tls };
        self.number_with(caller.table, out, |kernel| {
            kernel.processes.retain(child);
            let handle = kernel.handle_create(caller.account, Object::Process(child))?;
            let thread = kernel.thread_create(child, start, base);
            let thread = thread.inspect_err(|_| kernel.description_release(handle.description))?;
            kernel.threads[thread].mask = mask;
            kernel.processes[child].state = ProcessState::Running;
            kernel.ready(thread);
            Ok(Handle { lease, ..handle.narrowed(KEPT, KEPT, CLOEXEC) })
        })
    }

    /// Keeps the caller's other threads from user mode while its memory is copied in pieces.
    fn others_hold(&mut self, caller: &Caller) {
        if self.processes[caller.process].forking.replace(caller.thread).is_none() {
            self.each_thread(caller.process, |kernel, thread| kernel.threads[thread].alert = true);
        }
    }

    fn others_release(&mut self, process: ProcessId) {
        self.processes[process].forking = None;
        self.held_release(process);
    }
}

const CLOEXEC: u8 = handle_flags::CLOEXEC as u8;
