//! Calls on signals.
use super::process::check_address;
use crate::prelude::*;
use crate::task::signal::Sent;

impl<M: Machine> Kernel<M> {
    /// Sends a signal to a process, to one of its threads, or to every process of an account, or
    /// of a group in it.
    pub(crate) fn sys_signal(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, number, thread, group, _] = args;
        let object = if fd == SIGNAL_SELF {
            Object::Process(caller.process)
        } else {
            self.door_object(caller, fd, Rights::SIGNAL)?.1
        };
        let sent = Sent { number: number as u64, sender: process_number(caller.process) };
        refuse_if(sent.number > signal::MAX, EINVAL)?;
        match object {
            Object::Process(_) if group != 0 => return Err(Error::new(EINVAL)),
            Object::Process(process) if self.process_lives(process) => {
                let thread = self.thread_by_number(process, thread)?;
                if number > 0 {
                    self.signal_process(process, thread, sent);
                }
            }
            Object::Process(_) => return Err(Error::new(ESRCH)),
            Object::Account(account) if thread == 0 => {
                let group = u32::try_from(group).map_err(|_| Error::new(EINVAL))?;
                if number > 0 {
                    self.signal_account(account, group, sent);
                    self.signal_round();
                }
            }
            _ => return Err(Error::new(EINVAL)),
        }
        // It may have been the caller's own.
        let alive = self.threads.get(caller.thread).is_some();
        Ok(if alive { Outcome::Done(0) } else { Outcome::Gone })
    }

    /// The group and the session of a process; others, if they are named.
    pub(crate) fn sys_group(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [fd, group, session, ..] = args;
        let need = if group | session == 0 { Rights::empty() } else { Rights::SIGNAL };
        let id = self.process_or_own(caller, fd, need)?;
        let number = |wanted| u32::try_from(wanted).map_err(|_| Error::new(EINVAL));
        let (group, session) = (number(group)?, number(session)?);
        let process = &mut self.processes[id];
        for (kept, wanted) in [(&mut process.group, group), (&mut process.session, session)] {
            if wanted != 0 {
                *kept = wanted;
            }
        }
        Ok(Outcome::Done((process.session as usize) << 32 | process.group as usize))
    }

    /// The thread of a process with that number, or none for 0.
    fn thread_by_number(&self, process: ProcessId, number: usize) -> Result<Option<ThreadId>> {
        let Some(place) = number.checked_sub(1) else { return Ok(None) };
        let id = u32::try_from(place).ok().and_then(|place| self.threads.at(place));
        let id = id.filter(|id| self.threads[*id].process == process);
        id.map(Some).ok_or(Error::new(ESRCH))
    }

    /// Sets what the process does with signals.
    pub(crate) fn sys_signal_actions(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [entry, offset, caught, ignored, _] = args.map(|arg| arg as u64);
        check_address(entry)?;
        let never = signal::bit(signal::KILL) | signal::bit(signal::STOP);
        refuse_if((caught | ignored) & never != 0 || caught & ignored != 0, EINVAL)?;
        let signals = &mut self.processes[caller.process].signals;
        (signals.entry, signals.offset) = (entry, offset);
        (signals.caught, signals.ignored) = (caught, ignored);
        // One that waited for nobody may be caught now.
        self.signals_pass_on(caller.process);
        Ok(Outcome::Done(0))
    }

    /// Sets the signals that the thread blocks, unless it is to take one first.
    pub(crate) fn sys_signal_mask(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let (mask, info) = (args[0] as u64, args[1]);
        if info != 0 {
            let caught = self.processes[caller.process].signals.caught;
            if self.signals_due(caller.thread, mask) & caught != 0 {
                return self.signal_give(caller, caught & !mask, info);
            }
        }
        self.mask_set(caller.thread, mask);
        Ok(Outcome::Done(0))
    }

    /// Takes one of some signals; waits for it.
    pub(crate) fn sys_signal_wait(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let (set, info, until) = (args[0] as u64, args[1], args[2] as u64);
        let timed_out = until != 0 && until <= self.machine.now();
        if set == 0 || timed_out || self.signals_due(caller.thread, !set) != 0 {
            return self.signal_give(caller, set, info);
        }
        let thread = &mut self.threads[caller.thread];
        thread.resume = Resume::Retry;
        thread.wake_at = (until != 0).then_some(until);
        self.block(caller.thread, Blocked::Signal(set));
        Ok(Outcome::Wait)
    }

    /// Takes a signal and writes what is known of it.
    fn signal_give(&mut self, caller: &Caller, among: u64, info: usize) -> Reply {
        const SIZE: usize = size_of::<SignalInfo>();
        // Nothing is taken that cannot be told of.
        self.write_struct(caller.space, info, SIZE, &SignalInfo::default())?;
        let taken = self.signal_take(caller.thread, among);
        self.write_struct(caller.space, info, SIZE, &taken)?;
        Ok(Outcome::Done(taken.signal as usize))
    }
}
