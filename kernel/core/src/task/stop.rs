//! Stopping a process and letting it go on. Nothing of a stopped process returns to user mode: its
//! threads are held at that point, where those of a fork wait too. What they had begun in the
//! kernel goes on, so nobody waits for a stopped process any longer than for a slow one.
use crate::prelude::*;

impl<M: Machine> Kernel<M> {
    /// Stops a process, as that signal asks. One that is being built will stand still at its start.
    pub(crate) fn process_stop(&mut self, id: ProcessId, number: u64) {
        let process = &mut self.processes[id];
        if process.signals.stopped {
            return;
        }
        process.signals.stopped = true;
        self.each_thread(id, |kernel, thread| kernel.threads[thread].alert = true);
        self.attend();
        self.process_changed(id, ExitKind::Stopped, number);
    }

    /// Lets a stopped process go on. What would have ended it meanwhile does so now.
    pub(crate) fn process_continue(&mut self, id: ProcessId) {
        let process = &mut self.processes[id];
        if !core::mem::take(&mut process.signals.stopped) {
            return;
        }
        if process.forking.is_none() {
            self.held_release(id);
        }
        let ending = self.processes[id].signals.ending();
        self.signals_alert(id, ending);
        self.process_changed(id, ExitKind::Continued, signal::CONT);
    }

    /// Forgets some signals that wait for a process or its threads.
    pub(crate) fn signals_forget(&mut self, id: ProcessId, signals: u64) {
        self.processes[id].signals.waiting &= !signals;
        self.each_thread(id, |kernel, thread| kernel.threads[thread].signals &= !signals);
    }

    /// Tells whoever waits that a process stopped or goes on.
    fn process_changed(&mut self, id: ProcessId, kind: ExitKind, code: u64) {
        self.processes[id].signals.news = Some(ExitStatus { kind: kind as u64, code });
        self.wake_all(Blocked::Exit(id));
        self.notify(Object::Process(id), READABLE);
        self.signal_parent(id);
    }

    /// Has a thread that would return to user mode wait instead while its process is stopped, or
    /// copied by another of its threads. False when it is neither.
    pub(crate) fn held_back(&mut self, caller: &Caller) -> bool {
        let process = &mut self.processes[caller.process];
        let copied = process.forking.is_some_and(|forking| forking != caller.thread);
        if !copied && !process.signals.stopped {
            return false;
        }
        process.held.push_back(&mut self.threads, caller.thread);
        let thread = &mut self.threads[caller.thread];
        thread.alert = true;
        thread.blocked = Blocked::Held(caller.process);
        true
    }

    /// Lets the held threads of a process try to return once more.
    pub(crate) fn held_release(&mut self, process: ProcessId) {
        while let Some(thread) = self.processes[process].held.pop_front(&mut self.threads) {
            self.wake(thread, Resume::User);
        }
    }

    /// Reads how a process ended, or that it was stopped or goes on; waits for that.
    pub(crate) fn sys_wait(&mut self, caller: &Caller, args: [usize; 5]) -> Reply {
        let [process, status, size, flags, _] = args;
        let (_, object) = self.door_object(caller, process, Rights::WAIT)?;
        let Object::Process(id) = object else { return Err(Error::new(EINVAL)) };
        refuse_if(flags as u64 & !wait_flags::ALL != 0 || size != size_of::<ExitStatus>(), EINVAL)?;
        self.process_wait(caller, id, UserSlice::new(status, size)?, flags as u64)
    }

    /// See [`Kernel::sys_wait`].
    pub(crate) fn process_wait(
        &mut self,
        caller: &Caller,
        id: ProcessId,
        to: UserSlice,
        flags: u64,
    ) -> Reply {
        refuse_if(to.len < size_of::<ExitStatus>(), EINVAL)?;
        let process = &self.processes[id];
        let is_asked = |news: &ExitStatus| {
            let stopped = news.kind == ExitKind::Stopped as u64;
            let what = if stopped { wait_flags::STOPPED } else { wait_flags::CONTINUED };
            flags & what != 0
        };
        let status = match process.state {
            ProcessState::Dead => Some(process.exit),
            _ => process.signals.news.filter(is_asked),
        };
        if let Some(status) = status {
            self.write_user(caller.space, to.address, status.as_bytes())?;
            if flags & wait_flags::KEEP == 0 {
                self.processes[id].signals.news = None;
            }
            return Ok(Outcome::Done(size_of::<ExitStatus>()));
        }
        refuse_if(flags & wait_flags::NONBLOCK != 0, EAGAIN)?;
        self.wait_and_retry(caller, Blocked::Exit(id))
    }
}
