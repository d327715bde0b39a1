//! Handle tables: numbers to handles. Lower numbers are plain POSIX ones; upper numbers carry a
//! generation, so that a stale one never means somebody else's handle.
use crate::account::charge;
use crate::prelude::*;

/// Names a table.
pub type TableId = Id<HandleTable>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Free,
    /// Kept for a call in flight.
    Reserved,
    Live(Handle),
    /// Answered with by a plain write: taken until its owner closes it.
    Tombstone,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) state: State,
    pub(crate) generation: u32,
    /// The first event registration made through this handle.
    pub(crate) registration: Option<RegistrationId>,
}

const WORDS: usize = limits::TABLE_HANDLES / 64;
/// Numbers among which a free one is taken by chance, at least.
const SCATTER: usize = 1024;
/// Entries that a table grows by.
const BLOCK: usize = 64;
/// Blocks that a table grows by in one entry into the kernel.
const QUANTUM_BLOCKS: usize = 16;

/// One half of a table: dense numbers, lowest free first.
#[derive(Debug, Default)]
pub(crate) struct Half {
    pub(crate) entries: Blocks<Entry, BLOCK>,
    /// A set bit is a number in use.
    pub(crate) used: Blocks<u64, BLOCK>,
    /// A set bit is a word of `used` that is full.
    pub(crate) full: [u64; WORDS / 64],
    /// Numbers in use.
    pub(crate) live: u32,
}

impl Half {
    fn lowest_free(&self) -> Option<usize> {
        for (index, full) in self.full.iter().enumerate() {
            if *full != u64::MAX {
                let word = index * 64 + full.trailing_ones() as usize;
                let used = self.used.get(word).copied().unwrap_or(0);
                return Some(word * 64 + used.trailing_ones() as usize);
            }
        }
        None
    }

    /// Adds a block of entries.
    fn grow<M: Machine>(&mut self, machine: &mut M) -> Result<(), NoMemory> {
        if self.used.len() <= self.entries.len() / 64 {
            self.used.grow(machine, || 0)?;
        }
        let blank = || Entry { state: State::Free, generation: 0, registration: None };
        self.entries.grow(machine, blank)
    }

    fn mark(&mut self, index: usize, in_use: bool) {
        let Some(word) = self.used.get_mut(index / 64) else { return };
        let bit = 1u64 << (index % 64);
        *word = if in_use { *word | bit } else { *word & !bit };
        self.live = self.live.wrapping_add_signed(if in_use { 1 } else { -1 });
        let is_full = *word == u64::MAX;
        if let Some(full) = self.full.get_mut(index / 64 / 64) {
            let bit = 1u64 << (index / 64 % 64);
            *full = if is_full { *full | bit } else { *full & !bit };
        }
    }
}

/// A table. It is an object of its own: it can outlive a process and be given to the next.
#[derive(Debug, Default)]
pub struct HandleTable {
    pub(crate) lower: Half,
    pub(crate) upper: Half,
    /// Handles and processes that use it.
    pub refs: u32,
    /// Who pays for its handles.
    pub account: AccountId,
    /// The number of the process that used it last.
    pub(crate) process: u32,
    /// Bytes of its entries, charged as they were made.
    pub(crate) grown: u64,
    /// The most that a handle in it can have: rights, inherit mask; and the flags that each has.
    pub(crate) most: (Rights, Rights, u8),
    /// Free numbers are taken at random.
    pub(crate) scattered: bool,
    /// Where taking it apart goes on: numbers below are closed.
    cursor: usize,
    dead: Link<HandleTable>,
}

links!(HandleTable, HandleTable, [], 0 => dead);

/// A place in a table that was kept for a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// The table.
    pub table: TableId,
    /// The number.
    pub number: usize,
}

/// Splits a number into half, index and (for upper ones) generation.
#[inline]
fn split(number: usize) -> Option<(bool, usize, u32)> {
    if number & UPPER_TAG != 0 {
        let index = number & ((1 << UPPER_INDEX_BITS) - 1);
        let generation = (number & !UPPER_TAG) >> UPPER_INDEX_BITS;
        Some((true, index, u32::try_from(generation).ok()?))
    } else if number < limits::TABLE_HANDLES {
        Some((false, number, 0))
    } else {
        None
    }
}

impl HandleTable {
    fn half(&self, upper: bool) -> &Half {
        if upper { &self.upper } else { &self.lower }
    }

    fn half_mut(&mut self, upper: bool) -> &mut Half {
        if upper { &mut self.upper } else { &mut self.lower }
    }

    /// Makes a number free. It is still paid for.
    fn forget(&mut self, number: usize) {
        let Some((upper, index, _)) = split(number) else { return };
        let half = self.half_mut(upper);
        if let Some(entry) = half.entries.get_mut(index) {
            entry.state = State::Free;
            entry.registration = None;
            if upper {
                entry.generation = next_generation(entry.generation);
            }
        }
        half.mark(index, false);
    }

    /// Numbers in use.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.lower.live.wrapping_add(self.upper.live)
    }

    #[inline]
    pub(crate) fn entry(&self, number: usize) -> Option<&Entry> {
        let (upper, index, generation) = split(number)?;
        let entry = self.half(upper).entries.get(index)?;
        (!upper || entry.generation == generation).then_some(entry)
    }

    fn entry_mut(&mut self, number: usize) -> Option<&mut Entry> {
        let (upper, index, generation) = split(number)?;
        let entry = self.half_mut(upper).entries.get_mut(index)?;
        (!upper || entry.generation == generation).then_some(entry)
    }

    /// The handle with that number.
    #[must_use]
    #[inline]
    pub fn get(&self, number: usize) -> Option<&Handle> {
        match &self.entry(number)?.state {
            State::Live(handle) => Some(handle),
            State::Free | State::Reserved | State::Tombstone => None,
        }
    }

    /// The handle with that number.
    pub fn get_mut(&mut self, number: usize) -> Option<&mut Handle> {
        match &mut self.entry_mut(number)?.state {
            State::Live(handle) => Some(handle),
            State::Free | State::Reserved | State::Tombstone => None,
        }
    }

    /// Narrows a handle to the most that one in the table can have.
    pub(crate) fn narrow(&mut self, number: usize) {
        let (rights, inherit, flags) = self.most;
        if let Some(handle) = self.get_mut(number) {
            *handle = handle.narrowed(rights, inherit, flags);
        }
    }

    /// The head of the registrations made through a handle.
    pub fn registration_mut(&mut self, number: usize) -> Option<&mut Option<RegistrationId>> {
        Some(&mut self.entry_mut(number)?.registration)
    }

    /// The first live handle whose place is at least `cursor` (lower numbers first, then upper
    /// ones), its number, and the cursor behind it.
    #[must_use]
    pub fn next(&self, cursor: usize) -> Option<(usize, Handle, usize)> {
        let mut at = cursor;
        while at < limits::TABLE_HANDLES * 2 {
            let upper = at >= limits::TABLE_HANDLES;
            let index = at % limits::TABLE_HANDLES;
            let half = self.half(upper);
            let word = half.used.get(index / 64).filter(|_| index < half.entries.len());
            let Some(word) = word else {
                if upper {
                    return None;
                }
                at = limits::TABLE_HANDLES;
                continue;
            };
            let free = (word >> (index % 64)).trailing_zeros() as usize;
            if free > 0 {
                at += free.min(64 - index % 64);
                continue;
            }
            if let Some(Entry { state: State::Live(handle), generation, .. }) =
                half.entries.get(index)
            {
                let number = if upper { upper_number(index as u16, *generation) } else { index };
                return Some((number, *handle, at + 1));
            }
            at += 1;
        }
        None
    }
}

/// A free number by chance, among at least twice as many as are in use; rarely none is found.
#[cold]
fn scattered_free<M: Machine>(machine: &mut M, half: &Half) -> Option<usize> {
    let mut bytes = [0; 32];
    machine.random(&mut bytes);
    let room = (half.live as usize * 2).next_power_of_two().max(SCATTER);
    let tries = bytes.as_chunks().0.iter().map(|pair| usize::from(u16::from_ne_bytes(*pair)));
    let word = |index: usize| half.used.get(index / 64).copied().unwrap_or(0);
    tries.map(|index| index % room).find(|index| word(*index) >> (index % 64) & 1 == 0)
}

/// The generation after `generation`. One whose low 16 bits are all ones is skipped: a number with
/// it would read as an error in `redox_syscall`.
fn next_generation(generation: u32) -> u32 {
    let next = generation.wrapping_add(1);
    if next & 0xFFFF == 0xFFFF { next.wrapping_add(1) } else { next }
}

impl<M: Machine> Kernel<M> {
    /// Makes an empty table with one reference.
    pub(crate) fn table_create(&mut self, account: AccountId) -> Result<TableId> {
        self.tables.reserve(&mut self.machine)?;
        self.charge_object::<HandleTable>(account)?;
        let table = HandleTable {
            refs: 1,
            account,
            most: (Rights::all(), Rights::all(), 0),
            ..HandleTable::default()
        };
        Ok(self.tables.insert(&mut self.machine, table)?)
    }

    /// Keeps a number for a handle: `OUT_LOWEST`, `OUT_UPPER`, or exactly `number`.
    ///
    /// # Errors
    /// `EEXIST` when the number is in use, `EMFILE` at the table's or the account's bound,
    /// `EINVAL` for numbers that cannot be.
    pub(crate) fn number_reserve(&mut self, id: TableId, number: usize) -> Result<Reserved> {
        let Self { tables, accounts, machine, .. } = self;
        let table = &mut tables[id];
        let (upper, index, generation) = match number {
            OUT_LOWEST | OUT_UPPER => {
                let upper = number == OUT_UPPER;
                let half = table.half(upper);
                let any = if table.scattered { scattered_free(machine, half) } else { None };
                (upper, any.or_else(|| half.lowest_free()).ok_or(Error::new(EMFILE))?, None)
            }
            number => {
                let (upper, index, generation) = split(number).ok_or(Error::new(EINVAL))?;
                (upper, index, Some(generation))
            }
        };
        if index >= table.half(upper).entries.len() {
            self.table_grow(id, upper, index)?;
            return self.number_reserve(id, number);
        }
        let account = table.account;
        let half = table.half_mut(upper);
        let entry = half.entries.get_mut(index).ok_or(Error::new(EMFILE))?;
        refuse_if(entry.state != State::Free, EEXIST)?;
        refuse_if(
            upper && generation.is_some_and(|generation| generation != entry.generation),
            EINVAL,
        )?;
        let number = if upper { upper_number(index as u16, entry.generation) } else { index };
        charge(accounts, account, Resource::Handles, 1)?;
        entry.state = State::Reserved;
        half.mark(index, true);
        Ok(Reserved { table: id, number })
    }

    /// Gives the upper numbers of a new table the generations that another one has: a number that
    /// is stale there is stale here. A quantum of them, then [`AGAIN`].
    pub(crate) fn generations_copy(&mut self, from: TableId, to: TableId) -> Result<()> {
        let first = self.tables[to].upper.entries.len();
        let Some(last) = self.tables[from].upper.entries.len().checked_sub(1) else {
            return Ok(());
        };
        let grown = if last < first { Ok(()) } else { self.table_grow(to, true, last) };
        let mut entries = core::mem::take(&mut self.tables[to].upper.entries);
        let old = self.tables[from].upper.entries.iter().skip(first);
        for (new, old) in entries.iter_mut().skip(first).zip(old) {
            new.generation = old.generation;
        }
        self.tables[to].upper.entries = entries;
        grown
    }

    /// Has two tables of one payer trade their upper numbers.
    pub(crate) fn uppers_trade(&mut self, one: TableId, other: TableId) {
        let [a, b] = [one, other].map(|id| {
            let table = &mut self.tables[id];
            let upper = core::mem::take(&mut table.upper);
            let grown = upper.entries.len().saturating_mul(size_of::<Entry>()) as u64;
            table.grown = table.grown.wrapping_sub(grown);
            (upper, grown)
        });
        for (id, (upper, grown)) in [(one, b), (other, a)] {
            let table = &mut self.tables[id];
            table.upper = upper;
            table.grown = table.grown.wrapping_add(grown);
        }
    }

    /// Makes the entries of a table up to an index that has none, and charges them: [`AGAIN`] after
    /// a quantum.
    #[cold]
    fn table_grow(&mut self, id: TableId, upper: bool, index: usize) -> Result<()> {
        let account = self.tables[id].account;
        let bytes = (BLOCK * size_of::<Entry>()) as u64;
        for _ in 0..QUANTUM_BLOCKS {
            self.charge(account, Resource::KernelBytes, bytes)?;
            if let Err(error) = self.tables[id].half_mut(upper).grow(&mut self.machine) {
                self.uncharge(account, Resource::KernelBytes, bytes);
                return Err(error.into());
            }
            let table = &mut self.tables[id];
            table.grown = table.grown.wrapping_add(bytes);
            if index < table.half(upper).entries.len() {
                return Ok(());
            }
        }
        Err(Error::new(AGAIN))
    }

    /// Puts a handle at the number kept for it. The handle's reference moves in.
    pub(crate) fn number_fill(&mut self, reserved: Reserved, handle: Handle) {
        let table = &mut self.tables[reserved.table];
        let (rights, inherit, flags) = table.most;
        if let Some(entry) = table.entry_mut(reserved.number) {
            debug_assert!(entry.state == State::Reserved);
            entry.state = State::Live(handle.narrowed(rights, inherit, flags));
        }
    }

    /// Keeps a number for a handle, makes that, and puts it there.
    ///
    /// # Errors
    /// As [`Kernel::number_reserve`]; why there is no handle.
    pub(crate) fn number_with(
        &mut self,
        table: TableId,
        number: usize,
        make: impl FnOnce(&mut Self) -> Result<Handle>,
    ) -> Result<usize> {
        let reserved = self.number_reserve(table, number)?;
        match make(self) {
            Ok(handle) => {
                self.number_fill(reserved, handle);
                Ok(reserved.number)
            }
            Err(error) => {
                self.number_cancel(reserved);
                Err(error)
            }
        }
    }

    /// Gives a kept number back.
    pub(crate) fn number_cancel(&mut self, reserved: Reserved) {
        self.number_free(reserved.table, reserved.number);
    }

    fn number_free(&mut self, id: TableId, number: usize) {
        let table = &mut self.tables[id];
        table.forget(number);
        let account = table.account;
        self.uncharge(account, Resource::Handles, 1);
    }

    /// Takes a handle out of its table; its reference moves to the caller. Its event registrations
    /// die.
    ///
    /// # Errors
    /// `EBADF`.
    pub(crate) fn handle_take(&mut self, id: TableId, number: usize) -> Result<Handle> {
        let handle = *self.tables[id].get(number).ok_or(Error::new(EBADF))?;
        self.registrations_drop(id, number);
        self.number_free(id, number);
        Ok(handle)
    }

    /// Takes a handle out of its table, but leaves its number taken until that is closed.
    ///
    /// # Errors
    /// `EBADF`.
    pub(crate) fn handle_entomb(&mut self, id: TableId, number: usize) -> Result<Handle> {
        let handle = *self.tables[id].get(number).ok_or(Error::new(EBADF))?;
        self.registrations_drop(id, number);
        if let Some(entry) = self.tables[id].entry_mut(number) {
            entry.state = State::Tombstone;
        }
        Ok(handle)
    }

    /// The lowest free number that is at least `least`.
    pub(crate) fn number_reserve_from(&mut self, id: TableId, least: usize) -> Result<Reserved> {
        let mut number = least;
        loop {
            refuse_if(number >= limits::TABLE_HANDLES, EMFILE)?;
            let used = self.tables[id].lower.used.get(number / 64).copied().unwrap_or(0);
            if used & (1 << (number % 64)) == 0 {
                return self.number_reserve(id, number);
            }
            number += 1;
        }
    }

    /// Closes a handle. Needs no memory and waits for nobody.
    pub(crate) fn handle_close(&mut self, id: TableId, number: usize) -> Result<()> {
        let entry = self.tables[id].entry(number).ok_or(Error::new(EBADF))?;
        let handle = match entry.state {
            State::Live(handle) => Some(handle),
            State::Tombstone => None,
            State::Free | State::Reserved => return Err(Error::new(EBADF)),
        };
        if entry.registration.is_some() {
            self.registrations_drop(id, number);
        }
        self.number_free(id, number);
        if let Some(handle) = handle {
            self.handle_release(id, handle);
        }
        Ok(())
    }

    /// One reference less; the last one leaves the table to be emptied piece by piece.
    pub(crate) fn table_release(&mut self, id: TableId) {
        if self.tables.release(id) {
            self.work.dead_tables.push_back(&mut self.tables, id);
        }
    }

    /// Closes a quantum of a dead table's handles; true when the table is gone.
    pub(crate) fn table_reap(&mut self, id: TableId) -> bool {
        let HandleTable { account, grown, .. } = self.tables[id];
        let paid = self.tables[id].live();
        for _ in 0..limits::QUANTUM_HANDLES {
            let Some((number, handle, next)) = self.tables[id].next(self.tables[id].cursor) else {
                // Numbers kept for calls in flight went back when their threads ended; what is
                // left are numbers that a server answered with and never closed.
                self.tables.remove(id);
                self.uncharge(account, Resource::Handles, u64::from(paid));
                self.uncharge(account, Resource::KernelBytes, grown);
                self.uncharge_object::<HandleTable>(account);
                return true;
            };
            self.tables[id].cursor = next;
            self.registrations_drop(id, number);
            self.tables[id].forget(number);
            self.handle_release(id, handle);
        }
        let closed = paid.wrapping_sub(self.tables[id].live());
        self.uncharge(account, Resource::Handles, u64::from(closed));
        false
    }
}
