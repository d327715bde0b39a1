//! Calls on processes, threads, accounts and time.
use crate::object::timer::timespec;
use crate::prelude::*;
use clavis_abi::limits::SPAWN_GRANTS;
use clavis_abi::params::{
    BIRTH_NAME, BIRTH_NULL, BIRTH_RANDOM, GRANT_SELF, Grant, ProcessParams, ThreadParams, cpu_time,
};

/// What the builder's handle keeps once the process runs.
pub(crate) const KEPT: Rights = Rights::SIGNAL
    .union(Rights::WAIT)
    .union(Rights::INSPECT)
    .union(Rights::NAME)
    .union(Rights::EVENT)
    .union(Rights::STAT)
    .union(Rights::DUP)
    .union(Rights::TRANSFER);

pub(crate) fn check_address(address: u64) -> Result<()> {
    if address < USER_END { Ok(()) } else { Err(Error::new(EINVAL)) }
}

impl<M: Machine> Kernel<M> {
    /// Ends the calling process.
    pub(crate) fn sys_exit(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let exit = ExitStatus { kind: ExitKind::Exit as u64, code: args[0] as u64 };
        self.process_end(caller.process, exit);
        Ok(Outcome::Gone)
    }

    /// Ends the calling thread; the last one ends the process.
    pub(crate) fn sys_thread_exit(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [word, base, length, ..] = args;
        if length > 0 {
            let pages = pages_for(length as u64)?;
            if !self.space_unmap(caller.space, page_of(base as u64), pages)? {
                self.threads[caller.thread].resume = Resume::Retry;
                return Ok(Outcome::More);
            }
        }
        if word != 0 {
            self.futex_clear(caller, word)?;
        }
        self.thread_end(caller.thread);
        Ok(Outcome::Gone)
    }

    /// Makes a thread of the calling process.
    pub(crate) fn sys_thread_create(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let params: ThreadParams = self.read_struct(caller.space, args[0], args[1])?;
        check_address(params.entry)?;
        check_address(params.tls)?;
        let start = Start {
            entry: params.entry,
            stack: params.stack,
            argument: params.argument,
            tls: params.tls,
        };
        let priority = self.threads[caller.thread].base;
        let id = self.thread_create(caller.process, start, priority)?;
        self.mask_set(id, self.threads[caller.thread].mask);
        self.ready(id);
        Ok(Outcome::Done(id.index() as usize + 1))
    }

    /// Sets the base of the thread's local storage.
    pub(crate) fn sys_set_tls(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        check_address(args[0] as u64)?;
        let Self { threads, machine, .. } = self;
        let thread = &mut threads[caller.thread];
        thread.tls = args[0] as u64;
        machine.context_tls(&mut thread.context, thread.tls);
        Ok(Outcome::Done(0))
    }

    /// Sets when the thread's blocking calls end by themselves.
    pub(crate) fn sys_set_deadline(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        self.threads[caller.thread].deadline = args[0] as u64;
        Ok(Outcome::Done(0))
    }

    /// Lets others of the same priority run.
    pub(crate) fn sys_yield(&mut self, caller: &Caller) -> Reply {
        self.set_result(caller.thread, Ok(0));
        self.threads[caller.thread].resume = Resume::User;
        self.ready(caller.thread);
        Ok(Outcome::Wait)
    }

    /// Sleeps for a span.
    pub(crate) fn sys_nanosleep(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let span = self.read_timespec(caller, args[0])?;
        if args[1] != 0 {
            // A sleep is only cut short by an error, after which nothing of it remains to be slept.
            let to = UserSlice::new(args[1], 16)?;
            self.write_user(caller.space, to.address, &timespec(0))?;
        }
        if span == 0 {
            return self.sys_yield(caller);
        }
        let until = self.machine.now().saturating_add(span);
        self.threads[caller.thread].wake_at = Some(until);
        self.block(caller.thread, Blocked::Sleep);
        Ok(Outcome::Wait)
    }

    /// The time.
    pub(crate) fn sys_clock_gettime(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let time = timespec(self.clock(args[0])?);
        let to = UserSlice::new(args[1], 16)?;
        self.write_user(caller.space, to.address, &time)?;
        Ok(Outcome::Done(0))
    }

    /// Time that was spent on a CPU. Counts the threads of a process in quanta; one that ends
    /// meanwhile counts itself.
    pub(crate) fn sys_cpu_time(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let id = self.process_or_own(caller, args[0], Rights::INSPECT)?;
        let Self { processes, threads, machine, .. } = self;
        let process = &mut processes[id];
        let simple = match args[1] {
            cpu_time::PROCESS => None,
            cpu_time::CHILDREN => Some(process.spent_by_children),
            cpu_time::THREAD => Some(machine.context_time(&threads[caller.thread].context)),
            _ => return Err(Error::new(EINVAL)),
        };
        if let Some(time) = simple {
            return Ok(Outcome::Done(time as usize));
        }
        let mut next = match core::mem::take(&mut threads[caller.thread].progress) {
            0 => process.threads.front(),
            at => threads.at(at as u32 - 1).filter(|at| threads[*at].process == id),
        };
        for _ in 0..QUANTUM_HANDLES {
            let Some(at) = next else { return Ok(Outcome::Done(process.spent as usize)) };
            let thread = &mut threads[at];
            let time = machine.context_time(&thread.context);
            let more = time.wrapping_sub(core::mem::replace(&mut thread.counted, time));
            process.spent = process.spent.wrapping_add(more);
            next = thread.sibling.next();
        }
        threads[caller.thread].progress = next.map_or(0, |at| at.index() as usize + 1);
        threads[caller.thread].resume = Resume::Retry;
        Ok(Outcome::More)
    }

    /// The number of the calling process or thread.
    pub(crate) fn sys_identity(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        match args[0] {
            0 => Ok(Outcome::Done(process_number(caller.process) as usize)),
            1 => Ok(Outcome::Done(caller.thread.index() as usize + 1)),
            _ => Err(Error::new(EINVAL)),
        }
    }

    /// What an account uses, or that of a process.
    pub(crate) fn sys_usage(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let (account, maker) = match self.door_object(caller, args[0], Rights::INSPECT)?.1 {
            Object::Account(account) => (account, None),
            Object::Process(id) => (self.processes[id].account, self.processes[id].parent),
            _ => return Err(Error::new(EINVAL)),
        };
        let maker = maker.map_or(0, process_number).into();
        let usage = AccountUsage { maker, ..self.account_usage(account) };
        self.write_struct(caller.space, args[1], args[2], &usage)?;
        Ok(Outcome::Done(0))
    }

    /// Makes a process from an explicit list of handles.
    pub(crate) fn sys_process_create(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [account, params, size, out, _] = args;
        let (holder, object) = self.door_object(caller, account, Rights::MANAGE)?;
        let Object::Account(account) = object else { return Err(Error::new(EINVAL)) };
        let params: ProcessParams = self.read_struct(caller.space, params, size)?;
        if params.flags & process_flags::JIT != 0 && !holder.rights.contains(Rights::JIT) {
            return Err(self.refuse(
                caller,
                args[0],
                Rights::JIT,
                clavis_abi::params::DenialRule::Rights,
            ));
        }
        let most = self.processes[caller.process].priority;
        let priority = self.priority_below(params.priority, most)?;
        let table = if params.table == u64::MAX {
            None
        } else {
            let (_, object) = self.door_object(caller, params.table as usize, Rights::MANAGE)?;
            let Object::Table(table) = object else { return Err(Error::new(EINVAL)) };
            Some(table)
        };
        refuse_if(
            params.grant_count > SPAWN_GRANTS as u64 || params.name_len > PATH_MAX as u64,
            EINVAL,
        )?;
        let number = self.number_with(caller.table, out, |kernel| {
            let name = kernel.read_name(caller, account, params.name, params.name_len as usize)?;
            let made = kernel.process_create(account, table, priority, params.flags);
            let process = made.inspect_err(|_| kernel.memory_release(name))?;
            kernel.processes[process].name = Some(name);
            kernel.processes[process].session = kernel.processes[caller.process].session;
            kernel.processes[process].parent = Some(caller.process);
            kernel.table_inherit(caller.table, process);
            // Without a handle the process ends.
            let handle = kernel.handle_create(caller.account, Object::Process(process))?;
            let furnished = kernel.furnish(caller, process, &params, holder.lease);
            furnished.inspect_err(|_| kernel.description_release(handle.description))?;
            Ok(Handle { lease: holder.lease, ..handle })
        });
        Ok(Outcome::Done(number?))
    }

    /// Keeps a process's image name as readable bytes.
    fn read_name(
        &mut self,
        caller: &Caller,
        account: AccountId,
        name: u64,
        len: usize,
    ) -> Result<MemoryId> {
        let from = UserSlice::new(name as usize, len)?;
        let memory = self.memory_create(account, len.max(1) as u64, Backing::Zero)?;
        self.memories[memory].bytes = len as u64;
        let copied = self.copy_frames(caller.space, from, memory, 0, Direction::In);
        copied.inspect_err(|_| self.memory_release(memory)).map(|()| memory)
    }

    /// Gives a new process its birth handles and what its builder lists.
    fn furnish(
        &mut self,
        caller: &Caller,
        id: ProcessId,
        params: &ProcessParams,
        lease: Under,
    ) -> Result<()> {
        let read = Rights::READ | Rights::STAT | Rights::DUP | Rights::TRANSFER | Rights::EVENT;
        let write = Rights::WRITE | Rights::APPEND | Rights::SEEK | Rights::NAME | Rights::CONTROL;
        self.birth(id, BIRTH_NULL, Object::Plain(ObjectType::Null), read | write)?;
        self.birth(
            id,
            BIRTH_RANDOM,
            Object::Plain(ObjectType::Random),
            read | Rights::NAME | Rights::CONTROL,
        )?;
        if let Some(name) = self.processes[id].name {
            let rights = read | Rights::SEEK | Rights::NAME | Rights::CONTROL | Rights::DERIVE;
            self.birth(id, BIRTH_NAME, Object::Name(name), rights)?;
        }
        const SIZE: usize = size_of::<Grant>();
        for index in 0..params.grant_count as usize {
            let at = (params.grants as usize).wrapping_add(index * SIZE);
            let grant: Grant = self.read_struct(caller.space, at, SIZE)?;
            self.give(caller, id, &grant, params.table != u64::MAX, lease)?;
        }
        Ok(())
    }

    /// Gives a birth handle, unless the table already has one from an earlier process.
    pub(crate) fn birth(
        &mut self,
        id: ProcessId,
        number: usize,
        object: Object,
        rights: Rights,
    ) -> Result<()> {
        let Process { table, account, .. } = self.processes[id];
        let put = self.number_with(table, number, |kernel| {
            if let Object::Name(name) = object {
                kernel.memories.retain(name);
            }
            Ok(kernel.handle_create(account, object)?.narrowed(rights, rights, 0))
        });
        match put {
            Err(error) if error.errno != EEXIST => Err(error),
            _ => Ok(()),
        }
    }

    fn give(
        &mut self,
        caller: &Caller,
        id: ProcessId,
        grant: &Grant,
        into_given: bool,
        lease: Under,
    ) -> Result<()> {
        let number = grant.number as usize;
        let index = number & ((1 << UPPER_INDEX_BITS) - 1);
        let is_upper = number & UPPER_TAG != 0;
        refuse_if(
            is_upper && (index < FIRST_GRANT_INDEX as usize || number != UPPER_TAG | index),
            EINVAL,
        )?;
        refuse_if(grant.flags & !handle_flags::STICKY != 0, EINVAL)?;
        let source = self.tables[caller.table].get(grant.source as usize);
        let object = source.map(|source| self.descriptions[source.description].object);
        if into_given && matches!(object, Some(Object::Table(_))) {
            // Tables that hold each other would never be let go of.
            return Err(Error::new(EINVAL));
        }
        let table = self.processes[id].table;
        let put = self.number_with(table, number, |kernel| {
            let handle = if grant.source == GRANT_SELF {
                kernel.processes.retain(id);
                let account = kernel.processes[id].account;
                let made = kernel.handle_create(account, Object::Process(id))?;
                kernel.processes[id].own += 1;
                // It ends with what the process was made through.
                Handle { lease, ..made }
            } else {
                let need = Rights::DUP | Rights::TRANSFER;
                let handle = kernel.door(caller, grant.source as usize, need)?;
                kernel.descriptions.retain(handle.description);
                handle
            };
            let derived = handle.derived(grant.rights, grant.inherit, grant.flags);
            Ok(derived.came(Step::Given, process_number(caller.process), grant.source as usize))
        });
        put.map(drop)
    }

    /// Starts a process that was built.
    pub(crate) fn sys_process_start(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, entry, stack, argument, _] = args;
        let (_, object) = self.door_object(caller, fd, Rights::MANAGE)?;
        let Object::Process(id) = object else { return Err(Error::new(EINVAL)) };
        check_address(entry as u64)?;
        refuse_if(self.processes[id].state != ProcessState::Building, EBUSY)?;
        let start =
            Start { entry: entry as u64, stack: stack as u64, argument: argument as u64, tls: 0 };
        self.process_start(id, start)?;
        if self.processes[id].flags & process_flags::DEBUG == 0
            && let Some(handle) = self.tables[caller.table].get_mut(fd)
        {
            *handle = handle.narrowed(KEPT, KEPT, 0);
        }
        Ok(Outcome::Done(0))
    }

    /// Starts the first thread. Where 0 to 2 are empty they become null.
    pub(crate) fn process_start(&mut self, id: ProcessId, start: Start) -> Result<()> {
        let table = self.processes[id].table;
        let rights = Rights::all() - Rights::FORWARD;
        for number in 0..3 {
            if self.tables[table].get(number).is_none() {
                self.birth(id, number, Object::Plain(ObjectType::Null), rights)?;
            }
        }
        let priority = self.processes[id].priority;
        let thread = self.thread_create(id, start, priority)?;
        self.processes[id].state = ProcessState::Running;
        self.ready(thread);
        Ok(())
    }
}
