//! Counters: how many objects of each type were made and destroyed, and what else tests ask.
use crate::prelude::*;
use clavis_abi::params::CounterRow;

fn row(name: &str, (created, destroyed): (u64, u64)) -> CounterRow {
    let mut row = CounterRow { created, destroyed, ..CounterRow::default() };
    for (place, byte) in row.name.iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    row
}

impl<M: Machine> Kernel<M> {
    /// All counters. Rows about frames tell how many there are as made: free now, free at boot, in
    /// the kernel's heap, and charged to accounts; `swallowed`, `calls` and `switches` count events.
    pub(crate) fn counter_rows(&self) -> [CounterRow; 23] {
        let paid = self.root_account.map_or(0, |root| self.accounts[root].used.frames);
        [
            row("accounts", self.accounts.counts()),
            row("processes", self.processes.counts()),
            row("threads", self.threads.counts()),
            row("spaces", self.spaces.counts()),
            row("regions", self.regions.counts()),
            row("memories", self.memories.counts()),
            row("tables", self.tables.counts()),
            row("descriptions", self.descriptions.counts()),
            row("endpoints", self.endpoints.counts()),
            row("requests", self.requests.counts()),
            row("grants", self.grants.counts()),
            row("queues", self.queues.counts()),
            row("registrations", self.registrations.counts()),
            row("pipes", self.pipes.counts()),
            row("timers", self.timers.counts()),
            row("slots", self.slots.counts()),
            row("free frames", (self.machine.frames_free() as u64, 0)),
            row("all frames", (self.frames as u64, 0)),
            row("heap frames", (self.machine.heap_frames() as u64, 0)),
            row("paid frames", (paid, 0)),
            row("swallowed", (self.statistics.swallowed, 0)),
            row("calls", (self.statistics.calls, 0)),
            row("switches", (self.statistics.switches, 0)),
        ]
    }

    /// Reads rows from a byte offset on.
    pub(crate) fn counters_read(
        &mut self,
        caller: &Caller,
        offset: u64,
        to: UserSlice,
    ) -> Result<usize> {
        let rows = self.counter_rows();
        let bytes = rows.as_bytes();
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let rest = bytes.get(from..).unwrap_or(&[]);
        let piece = rest.get(..to.len.min(rest.len())).unwrap_or(&[]);
        self.write_user(caller.space, to.address, piece)?;
        Ok(piece.len())
    }
}
