//! Exec: a process becomes the program that it has built in another process.
//!
//! Everything that can fail has happened in that other process. What remains takes effect in one
//! step: the caller's other threads end, the two processes trade their spaces, and the built one
//! ends with the old space. Handles to be closed are closed before the new program's first
//! instruction.
use super::process::{ProcessId, ProcessState};
use super::thread::Resume;
use crate::handle::description::Object;
use crate::handle::table::TableId;
use crate::kernel::Kernel;
use crate::machine::{Machine, Start};
use crate::run::{Caller, Outcome, Reply};
use crate::syscall::process::check_address;
use clavis_abi::Rights;
use clavis_abi::error::{EBUSY, EINVAL, Error};
use clavis_abi::limits::QUANTUM_HANDLES;
use clavis_abi::params::{BIRTH_NAME, ExitStatus, handle_flags};

impl<M: Machine> Kernel<M> {
    /// Takes over what the caller built.
    pub(crate) fn sys_exec(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, entry, stack, argument, _] = args;
        let (_, object) = self.door_object(caller, fd, Rights::MANAGE)?;
        let Object::Process(built) = object else { return Err(Error::new(EINVAL)) };
        check_address(entry as u64)?;
        if self.processes[built].state != ProcessState::Building {
            return Err(Error::new(EBUSY));
        }
        if self.processes[built].account != self.processes[caller.process].account {
            return Err(Error::new(EINVAL));
        }
        let mut at = self.processes[caller.process].threads.front();
        while let Some(thread) = at {
            at = self.thread_next(thread);
            if thread != caller.thread {
                self.thread_end(thread);
            }
        }
        while let Some(request) = self.processes[caller.process].serving.front() {
            // What was delivered lies in an inbox that the new program does not have mapped.
            self.server_died(request);
        }
        self.trade(caller.process, built);
        self.process_end(built, ExitStatus::default());
        self.processes[caller.process].signals.forget_actions();
        let start =
            Start { entry: entry as u64, stack: stack as u64, argument: argument as u64, tls: 0 };
        let Self { threads, machine, .. } = self;
        let thread = &mut threads[caller.thread];
        machine.context_start(&mut thread.context, start);
        thread.space = self.processes[caller.process].space;
        thread.tls = 0;
        thread.deadline = 0;
        thread.resume = Resume::Exec(0);
        // The caller's space is another one now: it has to be looked up anew.
        self.ready_first(caller.thread);
        Ok(Outcome::Wait)
    }

    /// Has two processes trade their spaces and image names.
    fn trade(&mut self, one: ProcessId, other: ProcessId) {
        let (a, b) = (&self.processes[one], &self.processes[other]);
        let (a_space, b_space) = (a.space, b.space);
        let (a_name, b_name) = (a.name, b.name);
        let (a_table, b_table) = (a.table, b.table);
        for (process, space, name) in [(one, b_space, b_name), (other, a_space, a_name)] {
            self.processes[process].space = space;
            self.processes[process].name = name;
        }
        let of = |kernel: &Self, table: TableId| kernel.tables[table].get(BIRTH_NAME).copied();
        let names = (of(self, a_table), of(self, b_table));
        if let (Some(a_handle), Some(b_handle), true) = (names.0, names.1, a_table != b_table) {
            for (table, handle) in [(a_table, b_handle), (b_table, a_handle)] {
                if let Some(place) = self.tables[table].get_mut(BIRTH_NAME) {
                    *place = handle;
                }
            }
        }
    }

    /// Closes a quantum of the handles that do not outlast an exec, from place `at` on.
    pub(crate) fn exec(&mut self, caller: &Caller, mut at: usize) -> Reply {
        for _ in 0..QUANTUM_HANDLES {
            let Some((number, handle, next)) = self.tables[caller.table].next(at) else {
                return Ok(Outcome::Done(0));
            };
            if u64::from(handle.flags) & handle_flags::CLOEXEC != 0 {
                self.handle_close(caller.table, number)?;
            }
            at = next;
        }
        self.threads[caller.thread].resume = Resume::Exec(at);
        Ok(Outcome::More)
    }
}
