//! Signals: a set of numbers that wait, per process and per thread. A thread is told when it
//! returns to user mode; what it does then is the runtime's affair.
//!
//! A process says which signals it catches and which it ignores, a thread which ones it blocks.
//! Signals are not counted: one that waits already comes once. A caught one ends the wait of a
//! thread with `EINTR`; one that is neither caught nor ignored ends the process.
use crate::prelude::*;
use crate::run::Fault;
use clavis_abi::params::{SignalCode, SignalFrame};

/// What a process does with signals, and which ones wait for any thread of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signals {
    /// Where a thread goes on that is told of one.
    pub(crate) entry: u64,
    /// Where a thread keeps its frame, from its local storage on.
    pub(crate) offset: u64,
    pub(crate) caught: u64,
    pub(crate) ignored: u64,
    pub(crate) waiting: u64,
    /// Who sent the last one.
    sender: u32,
    /// Children that ended are told apart from signals sent as such.
    children: u32,
    /// Nothing of the process returns to user mode.
    pub(crate) stopped: bool,
    /// It was stopped or goes on, and nobody who waits was told.
    pub(crate) news: Option<ExitStatus>,
}

impl Signals {
    /// As a fork inherits them: nothing waits.
    pub(crate) fn copied(&self) -> Self {
        Self { waiting: 0, sender: 0, children: 0, stopped: false, news: None, ..*self }
    }

    /// As a new program has them: nothing is caught any more.
    pub(crate) fn forget_actions(&mut self) {
        (self.entry, self.offset, self.caught) = (0, 0, 0);
    }

    /// The signals that end the process when nobody blocks them.
    pub(crate) fn ending(&self) -> u64 {
        !(self.caught | self.ignored | signal::HARMLESS)
    }

    /// Whether a signal stops the process when nobody blocks it.
    fn stops(&self, number: u64) -> bool {
        signal::bit(number) & signal::STOPS & !(self.caught | self.ignored) != 0
    }
}

/// A signal on its way through an account and those beneath it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// Where it began. Holds a reference.
    pub(crate) root: AccountId,
    /// Whose processes are told now. Holds a reference.
    pub(crate) at: AccountId,
    /// Which of them is next.
    next: Option<ProcessId>,
    /// Only those of this group have it; 0: all.
    group: u32,
    sent: Sent,
}

/// A signal on its way.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Its number.
    pub number: u64,
    /// The process that sent it, or that ended.
    pub sender: u32,
}

impl<M: Machine> Kernel<M> {
    /// Sends a signal to a process; to one thread of it, if one is named.
    pub(crate) fn signal_process(&mut self, id: ProcessId, to: Option<ThreadId>, sent: Sent) {
        let bit = signal::bit(sent.number);
        if !self.process_lives(id) {
            return;
        }
        let exit = ExitStatus { kind: ExitKind::Signal as u64, code: sent.number };
        if sent.number == signal::KILL {
            return self.process_end(id, exit);
        }
        if bit & signal::STOPS != 0 {
            self.signals_forget(id, signal::bit(signal::CONT));
        } else if sent.number == signal::CONT {
            self.signals_forget(id, signal::STOPS);
            self.process_continue(id);
        }
        let process = &mut self.processes[id];
        process.signals.sender = sent.sender;
        if sent.number == signal::CHLD {
            process.signals.children = sent.sender;
        }
        let Signals { caught, stopped, .. } = process.signals;
        let ends = process.signals.ending() & bit != 0;
        let stops = process.signals.stops(sent.number);
        if sent.number == signal::STOP {
            return self.process_stop(id, sent.number);
        }
        match to {
            Some(thread) => self.threads[thread].signals |= bit,
            None => process.signals.waiting |= bit,
        }
        // The first thread that waits for it, else the first that does not block it.
        let (mut at, mut taker) = (self.processes[id].threads.front(), None);
        while let Some(thread) = at {
            at = self.threads[thread].sibling.next();
            if to.is_some_and(|to| to != thread) {
                continue;
            }
            if matches!(self.threads[thread].blocked, Blocked::Signal(set) if set & bit != 0) {
                self.threads[thread].alert = true;
                return self.wake(thread, Resume::Retry);
            }
            if self.threads[thread].mask & bit == 0 {
                taker = taker.or(Some(thread));
            }
        }
        let building = self.processes[id].state != ProcessState::Running;
        if ends && stopped {
            // It waits until the process goes on.
            return;
        }
        if ends && (taker.is_some() || building) {
            return self.process_end(id, exit);
        }
        if stops && building {
            self.processes[id].signals.waiting &= !bit;
            return self.process_stop(id, sent.number);
        }
        let Some(thread) = taker else { return };
        if caught & bit != 0 {
            self.alert(thread);
        } else {
            if stops {
                self.process_stop(id, sent.number);
            }
            // Ignored where it arrives.
            self.processes[id].signals.waiting &= !bit;
            self.threads[thread].signals &= !bit;
        }
    }

    /// Begins to send a signal to every process of an account and of the accounts beneath it, or to
    /// those of a group. All have it before any process goes on; there is one such round at a time.
    pub(crate) fn signal_account(&mut self, root: AccountId, group: u32, sent: Sent) {
        self.accounts.retain(root);
        self.accounts.retain(root);
        let next = self.accounts[root].processes.front();
        self.work.round = Some(Round { root, at: root, next, group, sent });
        self.attend();
    }

    /// Sends a quantum of the signals of a round. False when there is none.
    pub(crate) fn signal_round(&mut self) -> bool {
        let Some(Round { root, mut at, mut next, group, sent }) = self.work.round.take() else {
            return false;
        };
        for _ in 0..limits::QUANTUM_EVENTS {
            if let Some(process) = next {
                if self.process_lives(process) {
                    next = self.processes[process].sibling.next();
                    if group == 0 || self.processes[process].group == group {
                        self.signal_process(process, None, sent);
                    }
                } else {
                    // It ended otherwise: what was behind it is not known.
                    next = self.accounts[at].processes.front();
                }
                continue;
            }
            let behind = self.account_behind(at, root);
            if let Some(account) = behind {
                self.accounts.retain(account);
                next = self.accounts[account].processes.front();
            }
            self.account_release(at);
            match behind {
                Some(account) => at = account,
                None => {
                    self.account_release(root);
                    return true;
                }
            }
        }
        self.work.round = Some(Round { root, at, next, group, sent });
        true
    }

    /// Tells the process that made it of a process's end.
    pub(crate) fn signal_parent(&mut self, id: ProcessId) {
        if let Some(parent) = self.processes[id].parent
            && self.process_lives(parent)
        {
            let sent = Sent { number: signal::CHLD, sender: process_number(id) };
            self.signal_process(parent, None, sent);
        }
    }

    /// Has a thread look for signals before it returns to user mode, and not wait any longer.
    pub(crate) fn alert(&mut self, id: ThreadId) {
        self.threads[id].alert = true;
        self.attend();
        if !matches!(self.threads[id].blocked, Blocked::Held(_)) {
            self.interrupt(id, EINTR);
        }
    }

    /// A thread that was to take signals of its process has ended, or takes no more of them now:
    /// others are told.
    pub(crate) fn signals_pass_on(&mut self, id: ProcessId) {
        let caught = self.processes[id].signals.caught;
        self.signals_alert(id, caught);
    }

    /// Has the threads of a process look that would be told of some signals.
    pub(crate) fn signals_alert(&mut self, id: ProcessId, signals: u64) {
        self.each_thread(id, |kernel, thread| {
            if kernel.signals_due(thread, kernel.threads[thread].mask) & signals != 0 {
                kernel.alert(thread);
            }
        });
    }

    /// The signals that a thread with that mask would be told of.
    pub(crate) fn signals_due(&self, id: ThreadId, mask: u64) -> u64 {
        let thread = &self.threads[id];
        (thread.signals | self.processes[thread.process].signals.waiting) & !mask
    }

    /// A thread is about to wait: not with a signal that it has not been told of.
    #[inline]
    pub(crate) fn wait_begun(&mut self, id: ThreadId) {
        if self.threads[id].alert {
            self.wait_spoiled(id);
        }
    }

    #[cold]
    fn wait_spoiled(&mut self, id: ThreadId) {
        let thread = &self.threads[id];
        let caught = self.processes[thread.process].signals.caught;
        if self.signals_due(id, thread.mask) & caught != 0 {
            self.interrupt(id, EINTR);
        }
    }

    /// Takes the lowest of some signals that wait, and says what is known of it.
    pub(crate) fn signal_take(&mut self, id: ThreadId, among: u64) -> SignalInfo {
        let process = self.threads[id].process;
        let all = self.signals_due(id, 0);
        let blocked = self.threads[id].mask;
        let ignored = self.processes[process].signals.ignored;
        let mut info = SignalInfo { pending: all, blocked, ignored, ..SignalInfo::default() };
        if all & among == 0 {
            return info;
        }
        let number = u64::from((all & among).trailing_zeros()).wrapping_add(1);
        let bit = signal::bit(number);
        self.threads[id].signals &= !bit;
        let signals = &mut self.processes[process].signals;
        signals.waiting &= !bit;
        let is_child = number == signal::CHLD && signals.children != 0;
        let (code, sender) = if is_child {
            (SignalCode::Child, signals.children)
        } else {
            (SignalCode::Sent, signals.sender)
        };
        info.pending = all & !bit;
        (info.signal, info.code, info.value) = (number, code as u64, u64::from(sender));
        info
    }

    /// An alerted thread is about to return to user mode. False when it does not, after all.
    pub(crate) fn returns(&mut self, caller: &Caller) -> bool {
        if self.held_back(caller) {
            self.cpus[0].current = None;
            return false;
        }
        self.threads[caller.thread].alert = false;
        let Signals { caught, .. } = self.processes[caller.process].signals;
        let mask = self.threads[caller.thread].mask;
        let due = self.signals_due(caller.thread, mask);
        let mut rest = due & !caught;
        while rest != 0 {
            let info = self.signal_take(caller.thread, rest);
            rest &= !signal::bit(info.signal);
            let signals = &self.processes[caller.process].signals;
            if signals.ending() & signal::bit(info.signal) != 0 {
                let exit = ExitStatus { kind: ExitKind::Signal as u64, code: info.signal };
                self.process_end(caller.process, exit);
                return false;
            }
            if signals.stops(info.signal) {
                self.process_stop(caller.process, info.signal);
            }
        }
        if self.processes[caller.process].signals.stopped {
            return self.returns(caller);
        }
        let mut goes = true;
        if due & caught != 0 {
            let info = self.signal_take(caller.thread, due & caught);
            goes = self.signal_tell(caller, info);
        }
        if goes && self.processes[caller.process].signals.waiting != 0 {
            self.signals_pass_on(caller.process);
        }
        goes
    }

    /// Has the running thread go on where its process wants to be told of signals. A thread that
    /// has no place for the frame ends its process: false.
    fn signal_tell(&mut self, caller: &Caller, info: SignalInfo) -> bool {
        let Signals { entry, offset, .. } = self.processes[caller.process].signals;
        let Self { threads, machine, .. } = self;
        let thread = &mut threads[caller.thread];
        let address = thread.tls.wrapping_add(offset);
        let mask = core::mem::replace(&mut thread.mask, u64::MAX);
        let [rip, rsp, rflags, rax] = machine.context_divert(&mut thread.context, entry, address);
        let frame = SignalFrame { rip, rsp, rflags, rax, mask, info };
        let place = UserSlice::new(address as usize, size_of::<SignalFrame>());
        let written =
            place.and_then(|place| self.write_user(caller.space, place.address, frame.as_bytes()));
        if written.is_err() {
            let exit = ExitStatus { kind: ExitKind::Signal as u64, code: info.signal };
            self.process_end(caller.process, exit);
        }
        written.is_ok()
    }

    /// Makes a fault of the running thread its signal. False when it does not catch that, or
    /// blocks it.
    pub(crate) fn fault_caught(&mut self, caller: &Caller, fault: &Fault) -> bool {
        let (number, address) = match *fault {
            Fault::Page { address, .. } => (signal::SEGV, address),
            Fault::Other { vector, address } => (signal_of(vector), address),
        };
        let bit = signal::bit(number);
        let Signals { caught, .. } = self.processes[caller.process].signals;
        if caught & bit == 0 || self.threads[caller.thread].mask & bit != 0 {
            return false;
        }
        let info = self.signal_take(caller.thread, 0);
        let code = SignalCode::Fault as u64;
        self.signal_tell(caller, SignalInfo { signal: number, code, value: address, ..info })
    }

    /// The mask of a thread changed: it may have to be told of something now.
    pub(crate) fn mask_set(&mut self, id: ThreadId, mask: u64) {
        self.threads[id].mask = mask;
        if self.signals_due(id, mask) != 0 {
            self.threads[id].alert = true;
            self.attend();
        }
    }
}

/// The signal of an exception (Intel SDM vol. 3A 6.3.1).
fn signal_of(vector: u8) -> u64 {
    match vector {
        0 | 16 | 19 => signal::FPE,
        1 | 3 => signal::TRAP,
        6 => signal::ILL,
        17 => signal::BUS,
        _ => signal::SEGV,
    }
}
