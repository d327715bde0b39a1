//! Processes: a space, a handle table, threads, and how it ended.
use super::signal::Signals;
use crate::prelude::*;

/// Names a process.
pub type ProcessId = Id<Process>;

/// Where a process is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProcessState {
    /// Its builder fills it.
    #[default]
    Building,
    /// It is becoming the copy of another.
    Copying,
    /// It was started.
    Running,
    /// It ended; its status can be read.
    Dead,
}

/// A process.
#[derive(Debug, Default)]
pub struct Process {
    /// What it can address.
    pub space: SpaceId,
    /// What it can name.
    pub table: TableId,
    /// Who pays.
    pub account: AccountId,
    /// Its threads.
    pub threads: List<ThreadK, 1>,
    /// Where it is in its life.
    pub state: ProcessState,
    /// What it ended with.
    pub exit: ExitStatus,
    /// Handles to it, plus one while it lives.
    pub refs: u32,
    /// Handles to itself that it was given while it was built.
    pub(crate) own: u32,
    /// Threads that wait for its end.
    pub waiters: List<ThreadK, 0>,
    /// Who is told of its end.
    pub watchers: Watchers,
    /// Time on a CPU of its threads, in nanoseconds, as far as it was counted.
    pub(crate) spent: u64,
    /// That of the processes that it made and that have ended, and of those that they made.
    pub(crate) spent_by_children: u64,
    /// Its image name.
    pub name: Option<MemoryId>,
    /// `clavis_abi::params::process_flags`.
    pub flags: u64,
    /// Priority of its threads, at most.
    pub priority: u8,
    /// Where it receives requests.
    pub(crate) seats: List<Seat, 0>,
    /// What it does with signals.
    pub(crate) signals: Signals,
    /// Which of the processes of an account a signal can be meant for.
    pub(crate) group: u32,
    /// The number of its session, which is of no meaning here.
    pub(crate) session: u32,
    /// Who made it, and is told of its end by a signal.
    pub(crate) parent: Option<ProcessId>,
    /// The thread that is copying it.
    pub(crate) forking: Option<ThreadId>,
    /// Its other threads that would go on meanwhile.
    pub(crate) held: List<ThreadK, 0>,
    /// Cursor of the walk that ends it with its account.
    pub(crate) sibling: Link<Process>,
}

links!(Process, Process, [], 0 => sibling);

/// The number that people and programs see. It finds the process again in constant time, and is
/// not used again for 32,767 processes in the same place.
#[must_use]
pub fn process_number(id: ProcessId) -> u32 {
    let generation = id.generation().wrapping_sub(1) & 0x7FFF;
    generation << 16 | (id.index().wrapping_add(1) & 0xFFFF)
}

impl<M: Machine> Kernel<M> {
    /// Makes an empty process with one reference, beside the one that it has while it lives.
    pub(crate) fn process_create(
        &mut self,
        account: AccountId,
        table: Option<TableId>,
        priority: u8,
        flags: u64,
    ) -> Result<ProcessId> {
        self.processes.reserve(&mut self.machine)?;
        if self.processes.places() > 0xFFFF {
            return Err(clavis_abi::error::Error::new(EAGAIN));
        }
        self.charge_object::<Process>(account)?;
        let space = self.space_create(account);
        let space = space.inspect_err(|_| self.uncharge_object::<Process>(account))?;
        self.spaces[space].jit = flags & process_flags::JIT != 0;
        let table = match table {
            Some(table) => {
                self.tables.retain(table);
                table
            }
            None => self.table_create(account).inspect_err(|_| {
                self.work.dead_spaces.push_back(&mut self.spaces, space);
                self.uncharge_object::<Process>(account);
            })?,
        };
        self.tables[table].scattered |= flags & process_flags::SCATTERED != 0;
        let process =
            Process { space, table, account, refs: 2, flags, priority, ..Process::default() };
        let id = self.processes.insert(&mut self.machine, process)?;
        let number = process_number(id);
        (self.processes[id].group, self.processes[id].session) = (number, number);
        self.tables[table].process = number;
        self.accounts[account].processes.push_back(&mut self.processes, id);
        self.account_count_process(account, 1);
        Ok(id)
    }

    /// The live process with that number.
    pub(crate) fn process_by_number(&self, number: u32) -> Option<ProcessId> {
        let id = self.processes.at((number & 0xFFFF).checked_sub(1)?)?;
        let alive = self.processes[id].state != ProcessState::Dead;
        (alive && process_number(id) == number).then_some(id)
    }

    /// Ends a process: nothing of it runs any more, everything it held goes back.
    pub(crate) fn process_end(&mut self, id: ProcessId, exit: ExitStatus) {
        if self.processes[id].state == ProcessState::Dead {
            return;
        }
        let process = &mut self.processes[id];
        let ran = process.state == ProcessState::Running;
        process.state = ProcessState::Dead;
        process.exit = exit;
        let (space, table, account) = (process.space, process.table, process.account);
        while let Some(thread) = self.processes[id].threads.front() {
            self.thread_end(thread);
        }
        self.seats_leave(id);
        self.table_release(table);
        self.work.dead_spaces.push_back(&mut self.spaces, space);
        if let Some(name) = self.processes[id].name.take() {
            self.memory_release(name);
        }
        self.wake_all(Blocked::Exit(id));
        self.notify(Object::Process(id), READABLE);
        self.accounts[account].processes.remove(&mut self.processes, id);
        self.account_count_process(account, -1);
        self.attend();
        if ran {
            self.signal_parent(id);
        }
        let Process { parent, spent, spent_by_children, .. } = self.processes[id];
        if let Some(parent) = parent.and_then(|parent| self.processes.get_mut(parent)) {
            let all = spent.wrapping_add(spent_by_children);
            parent.spent_by_children = parent.spent_by_children.wrapping_add(all);
        }
        if self.init == Some(id) {
            self.init_ended(exit);
        }
        self.process_release(id);
    }

    /// What a process makes has no more than it can have itself.
    pub(crate) fn table_inherit(&mut self, from: TableId, process: ProcessId) {
        let (most, to) = (self.tables[from].most, self.processes[process].table);
        let (rights, inherit, flags) = self.tables[to].most;
        self.tables[to].most = (rights & most.0, inherit & most.1, flags | most.2);
    }

    /// One reference less. A process that was never started, or is tied to its handles, ends with
    /// the last one that others have.
    pub(crate) fn process_release(&mut self, id: ProcessId) {
        let current = self.cpus[0].current.is_some_and(|caller| caller.process == id);
        let process = &mut self.processes[id];
        process.refs = process.refs.wrapping_sub(1);
        let ends = match process.state {
            ProcessState::Building | ProcessState::Copying => true,
            ProcessState::Running => process.flags & process_flags::TIED != 0 && !current,
            ProcessState::Dead => false,
        };
        if ends && process.refs <= process.own + 1 {
            let killed = ExitStatus { kind: ExitKind::Killed as u64, code: 0 };
            self.process_end(id, killed);
            return;
        }
        if process.refs == 0 {
            let account = process.account;
            let watchers = core::mem::take(&mut process.watchers);
            self.watchers_drop(watchers);
            self.processes.remove(id);
            self.uncharge_object::<Process>(account);
        }
    }

    /// Init ended: there is nobody left to restart anything.
    #[cold]
    fn init_ended(&mut self, exit: ExitStatus) {
        let text = match exit.kind {
            0 => b"clavis: init exited; restarting the machine\n".as_slice(),
            1 | 3 => b"clavis: init was killed; restarting the machine\n",
            2 => b"clavis: init faulted; restarting the machine\n",
            _ => b"clavis: init ran out of memory; restarting the machine\n",
        };
        // Whoever took the serial line over cannot tell it any more.
        self.log.echo = true;
        self.log(text);
        self.machine.power(clavis_abi::params::power::INIT_ENDED);
    }
}
