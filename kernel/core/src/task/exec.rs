//! Exec: a process becomes the program that it has built in another process.
//!
//! Everything that can fail has happened in that other process. Then the caller's other threads
//! end and the two trade their spaces. Of the caller's handles those stay that have lower numbers
//! and are not closed on exec; the upper numbers, which belong to the runtime, become those of the
//! built process. All of this is done before the new program's first instruction.
use crate::prelude::*;
use crate::syscall::process::check_address;

/// An exec under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exec {
    /// What was built. Holds a reference.
    pub built: ProcessId,
    /// The place of the table that is looked at next.
    pub next: usize,
    /// The upper numbers are those of what was built.
    pub traded: bool,
}

impl<M: Machine> Kernel<M> {
    /// Takes over what the caller built.
    pub(crate) fn sys_exec(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, entry, stack, argument, _] = args;
        let (_, object) = self.door_object(caller, fd, Rights::MANAGE)?;
        let Object::Process(built) = object else { return Err(Error::new(EINVAL)) };
        check_address(entry as u64)?;
        let (own, other) = (&self.processes[caller.process], &self.processes[built]);
        refuse_if(other.state != ProcessState::Building, EBUSY)?;
        refuse_if(
            own.account != other.account
                || own.table == other.table
                || self.tables[own.table].account != self.tables[other.table].account,
            EINVAL,
        )?;
        self.each_thread(caller.process, |kernel, thread| {
            if thread != caller.thread {
                kernel.thread_end(thread);
            }
        });
        // What was delivered lies in inboxes that the new program does not have mapped.
        self.seats_leave(caller.process);
        self.processes.retain(built);
        self.trade(caller.process, built);
        let start =
            Start { entry: entry as u64, stack: stack as u64, argument: argument as u64, tls: 0 };
        let Self { threads, machine, .. } = self;
        let thread = &mut threads[caller.thread];
        machine.context_start(&mut thread.context, start);
        thread.space = self.processes[caller.process].space;
        thread.tls = 0;
        thread.deadline = 0;
        thread.resume = Resume::Exec(Exec { built, next: 0, traded: false });
        // The caller's space is another one now: it has to be looked up anew.
        self.ready_first(caller.thread);
        Ok(Outcome::Wait)
    }

    /// Has two processes trade their spaces and image names. The second is not to be started or
    /// changed by others any more.
    fn trade(&mut self, one: ProcessId, other: ProcessId) {
        let (a, b) = (&self.processes[one], &self.processes[other]);
        let (a, b) = ((a.space, a.name), (b.space, b.name));
        for (process, (space, name)) in [(one, b), (other, a)] {
            self.processes[process].space = space;
            self.processes[process].name = name;
        }
        self.processes[other].state = ProcessState::Copying;
        self.processes[one].signals.forget_actions();
    }

    /// Looks at a quantum of the handles. First those go that do not outlast an exec; then those
    /// come that the new program was given.
    pub(crate) fn exec(&mut self, caller: &Caller, mut exec: Exec) -> Reply {
        let built = exec.built;
        for _ in 0..QUANTUM_HANDLES {
            match self.tables[caller.table].next(exec.next) {
                Some((number, handle, after)) => {
                    exec.next = after;
                    if exec.traded {
                        self.exec_give(caller, built, handle);
                        self.tables[caller.table].narrow(number);
                    } else if u64::from(handle.flags) & handle_flags::CLOEXEC != 0
                        || number & UPPER_TAG != 0
                    {
                        self.handle_close(caller.table, number)?;
                    }
                }
                None if exec.traded => {
                    self.process_end(built, ExitStatus::default());
                    self.process_release(built);
                    return Ok(Outcome::Done(0));
                }
                None if self.processes[built].state == ProcessState::Dead => {
                    // Somebody ended it, and with it what the new program was to have.
                    self.process_release(built);
                    let killed = ExitStatus { kind: ExitKind::Killed as u64, code: 0 };
                    self.process_end(caller.process, killed);
                    return Ok(Outcome::Gone);
                }
                None => {
                    let table = self.processes[built].table;
                    self.uppers_trade(caller.table, table);
                    self.tables[table].process = self.tables[caller.table].process;
                    (exec.traded, exec.next) = (true, clavis_abi::limits::TABLE_HANDLES);
                }
            }
        }
        self.threads[caller.thread].resume = Resume::Exec(exec);
        Ok(Outcome::More)
    }

    /// What a built process was given to itself is now a handle to the caller.
    fn exec_give(&mut self, caller: &Caller, built: ProcessId, handle: Handle) {
        let object = &mut self.descriptions[handle.description].object;
        if *object == Object::Process(built) {
            *object = Object::Process(caller.process);
            self.processes.retain(caller.process);
            let other = &mut self.processes[built];
            other.own = other.own.wrapping_sub(1);
            other.refs = other.refs.wrapping_sub(1);
        }
    }
}
