//! Invariants of the whole kernel, for tests: what every object counts is counted again from those
//! who hold it. Never part of a kernel that runs on a machine.
mod accounts;
mod leases;
mod lists;
mod memory;
mod references;
mod waits;

use crate::prelude::*;
use alloc::string::String;

/// What is wrong.
pub type Checked = Result<(), String>;

/// Fails a check with a sentence unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(alloc::format!($($text)+));
        }
    };
}
pub(crate) use ensure;

/// A count for each place of an arena.
#[derive(Debug)]
pub(crate) struct Tally(Vec<u32>);

impl Tally {
    pub(crate) fn new(places: u32) -> Self {
        Self(alloc::vec![0; places as usize])
    }

    pub(crate) fn add(&mut self, index: u32) {
        if let Some(count) = self.0.get_mut(index as usize) {
            *count += 1;
        }
    }

    pub(crate) fn of(&self, index: u32) -> u32 {
        self.0.get(index as usize).copied().unwrap_or(0)
    }
}

impl<M: Machine> Kernel<M> {
    /// Checks every invariant.
    ///
    /// # Errors
    /// The first one that is broken, as a sentence.
    pub fn check(&mut self) -> Checked {
        self.check_lists()?;
        self.check_references()?;
        self.check_accounts()?;
        self.check_leases()?;
        self.check_memory()?;
        self.check_waits()
    }

    /// Objects that live, by type; types without any are left out. The root account is not an
    /// object that goes.
    #[must_use]
    pub fn census(&self) -> Vec<(&'static str, u64)> {
        let live = |(created, destroyed): (u64, u64)| created - destroyed;
        let root = u64::from(self.root_account.is_some());
        let rows = [
            ("accounts", live(self.accounts.counts()) - root),
            ("processes", live(self.processes.counts())),
            ("threads", live(self.threads.counts())),
            ("spaces", live(self.spaces.counts())),
            ("regions", live(self.regions.counts())),
            ("memories", live(self.memories.counts())),
            ("tables", live(self.tables.counts())),
            ("descriptions", live(self.descriptions.counts())),
            ("endpoints", live(self.endpoints.counts())),
            ("requests", live(self.requests.counts())),
            ("seats", live(self.seats.counts())),
            ("batches", live(self.batches.counts())),
            ("grants", live(self.grants.counts())),
            ("queues", live(self.queues.counts())),
            ("registrations", live(self.registrations.counts())),
            ("pipes", live(self.pipes.counts())),
            ("timers", live(self.timers.counts())),
            ("irqs", live(self.irqs.counts())),
            ("slots", live(self.slots.counts())),
            ("leases", live(self.leases.counts())),
        ];
        rows.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// Objects that were destroyed since boot, of the types that can be many behind one call.
    #[must_use]
    pub fn destroyed(&self) -> u64 {
        self.processes.counts().1
            + self.threads.counts().1
            + self.regions.counts().1
            + self.descriptions.counts().1
            + self.requests.counts().1
            + self.registrations.counts().1
            + self.grants.counts().1
            + self.leases.counts().1
    }

    /// Ends every process, as if each had been killed.
    pub fn end_everything(&mut self) {
        if let Some(root) = self.root_account {
            let number = clavis_abi::params::signal::KILL;
            while self.signal_round() {}
            self.signal_account(root, 0, crate::task::signal::Sent { number, sender: 0 });
            while self.signal_round() {}
        }
    }

    /// Ends the running thread's turn, as if its slice were over.
    pub fn end_turn(&mut self) {
        for cpu in &mut self.cpus {
            cpu.slice_end = 0;
        }
        self.attend();
    }

    /// The live processes, by number.
    #[must_use]
    pub fn process_numbers(&self) -> Vec<u32> {
        let lives = |id| self.process_lives(id);
        let all = self.processes.iter().map(|(id, _)| id).filter(|id| lives(*id));
        all.map(crate::task::process::process_number).collect()
    }

    /// Ends the process with that number.
    pub fn end_process(&mut self, number: u32) {
        if let Some(id) = self.process_by_number(number) {
            self.process_end(id, ExitStatus { kind: ExitKind::Killed as u64, code: 0 });
        }
    }

    /// Every handle, wherever it is.
    #[must_use]
    pub fn handles(&self) -> Vec<Handle> {
        let mut all = Vec::new();
        let _ = self.each_handle(|_, _, handle| {
            all.push(*handle);
            Ok(())
        });
        all
    }

    /// A handle of the running thread's process.
    #[must_use]
    pub fn current_handle(&self, number: usize) -> Option<Handle> {
        let caller = self.cpus[0].current?;
        self.tables[caller.table].get(number).copied()
    }

    /// What lies behind a handle of the running thread's process.
    #[must_use]
    pub fn current_kind(&self, number: usize) -> Option<ObjectType> {
        let caller = self.cpus[0].current?;
        let handle = self.tables[caller.table].get(number)?;
        Some(self.descriptions[handle.description].object.kind())
    }

    /// Whether nobody but the running thread changes its handles.
    #[must_use]
    pub fn current_is_alone(&self) -> bool {
        self.cpus[0].current.is_some_and(|caller| {
            let threads = &self.processes[caller.process].threads;
            threads.front() == threads.back() && self.tables[caller.table].refs == 1
        })
    }

    /// The accounts above an account, from itself on.
    pub(crate) fn accounts_from(&self, id: AccountId) -> impl Iterator<Item = AccountId> {
        let mut next = Some(id);
        core::iter::from_fn(move || {
            let id = next?;
            next = self.accounts.get(id)?.parent;
            Some(id)
        })
    }
}
