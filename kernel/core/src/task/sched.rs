//! Who runs next: fixed priorities, round robin within one, constant time.
use crate::prelude::*;

/// Time that a thread runs before others of its priority get their turn, in nanoseconds.
pub const SLICE: u64 = 10_000_000;

/// Ready threads by priority.
#[derive(Debug)]
pub struct Ready {
    pub(crate) queues: [List<ThreadK, 0>; PRIORITIES],
    /// A set bit is a priority with ready threads.
    pub(crate) bitmap: u32,
}

impl Ready {
    pub(crate) const fn new() -> Self {
        Self { queues: [const { List::new() }; PRIORITIES], bitmap: 0 }
    }

    /// The highest priority at which a thread is ready.
    #[inline]
    pub(crate) fn highest(&self) -> Option<u8> {
        (self.bitmap != 0).then(|| (31 - self.bitmap.leading_zeros()) as u8)
    }
}

#[inline]
fn level(priority: u8) -> usize {
    priority as usize % PRIORITIES
}

impl<M: Machine> Kernel<M> {
    /// Puts a thread at the tail of its queue.
    pub(crate) fn ready(&mut self, id: ThreadId) {
        let priority = self.note_ready(id);
        self.ready.queues[level(priority)].push_back(&mut self.threads, id);
    }

    /// Puts a thread at the head of its queue.
    pub(crate) fn ready_first(&mut self, id: ThreadId) {
        let priority = self.note_ready(id);
        self.ready.queues[level(priority)].push_front(&mut self.threads, id);
    }

    fn note_ready(&mut self, id: ThreadId) -> u8 {
        let thread = &mut self.threads[id];
        debug_assert!(!thread.ready, "a thread became ready twice");
        thread.ready = true;
        let priority = thread.priority;
        self.ready.bitmap |= 1 << level(priority);
        self.attend();
        priority
    }

    /// Takes a thread out of the ready queues.
    pub(crate) fn unready(&mut self, id: ThreadId) {
        let thread = &mut self.threads[id];
        thread.ready = false;
        let level = level(thread.priority);
        self.ready.queues[level].remove(&mut self.threads, id);
        if self.ready.queues[level].is_empty() {
            self.ready.bitmap &= !(1 << level);
        }
    }

    /// Changes the priority that a thread runs at.
    pub(crate) fn set_priority(&mut self, id: ThreadId, priority: u8) {
        if self.threads[id].priority == priority {
            return;
        }
        if self.threads[id].ready {
            self.unready(id);
            self.threads[id].priority = priority;
            self.ready(id);
        } else {
            self.threads[id].priority = priority;
        }
    }

    /// Takes the thread that shall run next out of the queues.
    pub(crate) fn pop_ready(&mut self) -> Option<ThreadId> {
        let priority = self.ready.highest()?;
        let id = self.ready.queues[level(priority)].front()?;
        self.unready(id);
        Some(id)
    }

    /// Makes the next return to user mode look at timers and queues again.
    pub(crate) fn attend(&mut self) {
        for cpu in &mut self.cpus {
            cpu.attention = true;
        }
    }
}
