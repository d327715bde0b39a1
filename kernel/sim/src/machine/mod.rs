//! The simulated machine: page tables as maps, frames as bytes of the host, a clock that only
//! moves when it is told to.
mod contract;

use crate::failure::Failures;
use clavis_core::machine::{Copied, Cpu, Machine, NoMemory, Start};
use clavis_core::memory::Protection;
use std::collections::{BTreeMap, HashMap};

/// Bytes in a page.
pub const PAGE: usize = clavis_abi::PAGE_SIZE;

/// A frame. Cannot be copied: whoever has it owns the page.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame(u32);

/// A space. Cannot be copied.
#[derive(Debug)]
pub struct Space(u32);

/// A context. Cannot be copied.
#[derive(Debug)]
pub struct Context(ContextName);

/// Name of a context: never used twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContextName(pub u64);

impl Frame {
    /// Which frame it is.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.0
    }
}

/// What a page table entry leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A frame of RAM.
    Frame(u32),
    /// A page of device memory.
    Device(u64),
}

/// A page table entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageEntry {
    /// Where it leads.
    pub target: Target,
    /// What it permits.
    pub protection: Protection,
}

#[derive(Debug, Default)]
struct Tables {
    pages: BTreeMap<u64, PageEntry>,
    /// Lowest-level tables that exist: the numbers of the runs of 512 pages.
    leaves: HashMap<u64, u32>,
    /// Frames of all its tables, the root included.
    frames: Vec<u32>,
}

/// The registers of a thread that tests look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// What it started with.
    pub start: Start,
    /// What its last call returned; `None` while it has made none.
    pub result: Option<usize>,
    /// Base of its local storage.
    pub tls: u64,
    /// Nanoseconds for which it ran.
    pub time: u64,
    /// It was sent elsewhere, to an entry with an argument, and has not acted since.
    pub diverted: Option<(u64, u64)>,
    /// It began anew, and has not acted since.
    pub restarted: bool,
}

/// Work done since the last entry into the kernel, and the most that one entry ever did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Bytes copied between user memory and frames or the kernel.
    pub bytes: usize,
    /// Pages mapped, unmapped, taken or freed.
    pub pages: usize,
}

/// The machine.
#[derive(Debug)]
pub struct SimMachine {
    memory: Vec<u8>,
    /// How many entries lead to each frame; `None`: the frame is free.
    frames: Vec<Option<u32>>,
    /// By frame: its owners beyond the first.
    shares: Vec<u32>,
    free: Vec<u32>,
    spaces: HashMap<u32, Tables>,
    next_space: u32,
    contexts: BTreeMap<ContextName, Registers>,
    next_context: u64,
    loaded: Option<u32>,
    random: fastrand::Rng,
    now: u64,
    /// The context that ran last, unless the CPU idles.
    pub running: Option<ContextName>,
    /// What the one-shot timer is armed for.
    pub timer: Option<u64>,
    /// Interrupt lines and whether they are masked.
    pub masked: BTreeMap<u32, bool>,
    /// What was written to the ports.
    pub ports: Vec<(u16, u8)>,
    /// What the kernel logged.
    pub logged: Vec<u8>,
    /// What was asked of the power switch.
    pub power: Option<u8>,
    /// Which requests for memory are refused.
    pub failures: Failures,
    /// Work of the current entry.
    pub work: Work,
    /// The most that one entry did.
    pub most: Work,
}

impl SimMachine {
    /// A machine with that many frames, whose random generator starts from that seed.
    #[must_use]
    pub fn new(frames: usize, seed: u64) -> Self {
        Self {
            memory: vec![0; frames * PAGE],
            frames: vec![None; frames],
            shares: vec![0; frames],
            free: (0..frames as u32).rev().collect(),
            spaces: HashMap::new(),
            next_space: 0,
            contexts: BTreeMap::new(),
            next_context: 0,
            loaded: None,
            random: fastrand::Rng::with_seed(seed),
            now: 1_000_000_000,
            running: None,
            timer: None,
            masked: BTreeMap::new(),
            ports: Vec::new(),
            logged: Vec::new(),
            power: None,
            failures: Failures::default(),
            work: Work::default(),
            most: Work::default(),
        }
    }

    /// Moves the clock, at the expense of what runs. It stops at the end of time, up to which a
    /// program may sleep.
    pub fn advance(&mut self, nanoseconds: u64) {
        self.now = self.now.saturating_add(nanoseconds);
        let running = self.running.and_then(|name| self.contexts.get_mut(&name));
        if let Some(registers) = running {
            registers.time = registers.time.saturating_add(nanoseconds);
        }
    }

    /// The registers of a live context.
    #[must_use]
    pub fn registers(&self, name: ContextName) -> Option<&Registers> {
        self.contexts.get(&name)
    }

    /// Takes note of where a context was sent: the entry and argument, and whether it began anew.
    pub fn arrived(&mut self, name: ContextName) -> (Option<(u64, u64)>, bool) {
        let Some(registers) = self.contexts.get_mut(&name) else { return (None, false) };
        (registers.diverted.take(), std::mem::take(&mut registers.restarted))
    }

    /// The contexts that live.
    pub fn live_contexts(&self) -> impl Iterator<Item = ContextName> {
        self.contexts.keys().copied()
    }

    /// Live spaces, contexts, and frames in use.
    #[must_use]
    pub fn in_use(&self) -> (usize, usize, usize) {
        (self.spaces.len(), self.contexts.len(), self.frames.len() - self.free.len())
    }

    /// The entry for a page number in a space.
    #[must_use]
    pub fn entry(&self, space: &Space, page: u64) -> Option<PageEntry> {
        self.spaces.get(&space.0)?.pages.get(&page).copied()
    }

    /// All entries of a space, by page number.
    pub fn entries(&self, space: &Space) -> impl Iterator<Item = (u64, PageEntry)> {
        self.spaces.get(&space.0).into_iter().flat_map(|t| t.pages.iter().map(|(p, e)| (*p, *e)))
    }

    /// Begins a new entry into the kernel.
    pub fn enter(&mut self) {
        self.most.bytes = self.most.bytes.max(self.work.bytes);
        self.most.pages = self.most.pages.max(self.work.pages);
        self.work = Work::default();
    }

    /// Reads as the user of the loaded space would; the address that faults, if one does.
    ///
    /// # Errors
    /// The address that faulted.
    pub fn user_read(&self, address: u64, bytes: &mut [u8]) -> Result<(), u64> {
        self.each_page(address, bytes.len(), Protection::READ, |at, frame, range| {
            let from = frame as usize * PAGE + (at as usize % PAGE);
            let len = range.len();
            bytes[range].copy_from_slice(&self.memory[from..from + len]);
        })
    }

    /// Writes as the user of the loaded space would.
    ///
    /// # Errors
    /// The address that faulted.
    pub fn user_write(&mut self, address: u64, bytes: &[u8]) -> Result<(), u64> {
        let mut pieces = Vec::new();
        let done = self.each_page(address, bytes.len(), Protection::WRITE, |at, frame, range| {
            pieces.push((frame as usize * PAGE + (at as usize % PAGE), range));
        });
        for (to, range) in pieces {
            let len = range.len();
            self.memory[to..to + len].copy_from_slice(&bytes[range]);
        }
        done
    }

    fn each_page(
        &self,
        address: u64,
        len: usize,
        need: Protection,
        mut piece: impl FnMut(u64, u32, core::ops::Range<usize>),
    ) -> Result<(), u64> {
        let tables = self.loaded.and_then(|space| self.spaces.get(&space));
        let mut done = 0;
        while done < len {
            let at = address.wrapping_add(done as u64);
            let n = (len - done).min(PAGE - at as usize % PAGE);
            let entry = tables.and_then(|tables| tables.pages.get(&(at / PAGE as u64)));
            match entry {
                Some(PageEntry { target: Target::Frame(frame), protection })
                    if protection.contains(need) =>
                {
                    piece(at, *frame, done..done + n);
                }
                // Devices read as zeroes and swallow what is written.
                Some(PageEntry { target: Target::Device(_), protection })
                    if protection.contains(need) => {}
                _ => return Err(at),
            }
            done += n;
        }
        Ok(())
    }

    /// Copies between the loaded space and kernel bytes at `kernel`, as the copy routines do.
    fn copy(
        &mut self,
        address: u64,
        len: usize,
        need: Protection,
        mut piece: impl FnMut(&mut [u8], usize, core::ops::Range<usize>),
    ) -> Copied {
        let mut pieces = Vec::new();
        let result = self.each_page(address, len, need, |at, frame, range| {
            pieces.push((frame as usize * PAGE + (at as usize % PAGE), range));
        });
        for (at, range) in pieces {
            piece(&mut self.memory, at, range);
        }
        let done = result.map_or_else(|fault| (fault - address) as usize, |()| len);
        self.work.bytes += done;
        Copied { done, fault: result.err() }
    }

    /// Copies frame by frame, up to a fault or the first that is missing. `copy` gets the frame, where
    /// its bytes lie, how many were copied before, and how many are to be.
    fn each_frame(
        &mut self,
        frames: &[Option<Frame>],
        offset: usize,
        len: usize,
        mut copy: impl FnMut(&mut Self, &Frame, usize, u64, usize) -> Copied,
    ) -> Copied {
        let (mut done, mut offset) = (0, offset);
        for frame in frames.iter().map_while(Option::as_ref) {
            let part = (len - done).min(PAGE - offset);
            let at = self.frame_range(frame, core::mem::take(&mut offset), part).start;
            let copied = copy(self, frame, at, done as u64, part);
            done += copied.done;
            if copied.fault.is_some() || done == len {
                return Copied { done, ..copied };
            }
        }
        Copied { done, fault: None }
    }

    fn frame_range(&self, frame: &Frame, offset: usize, len: usize) -> core::ops::Range<usize> {
        assert!(self.frames[frame.0 as usize].is_some(), "a free frame is used");
        assert!(offset + len <= PAGE, "bytes behind the end of a frame");
        let from = frame.0 as usize * PAGE + offset;
        from..from + len
    }

    fn take_frame(&mut self) -> Option<u32> {
        let number = self.free.pop()?;
        let place = &mut self.frames[number as usize];
        assert!(place.is_none(), "a frame in use lies among the free ones");
        *place = Some(0);
        self.memory[number as usize * PAGE..][..PAGE].fill(0);
        Some(number)
    }

    fn give_frame(&mut self, number: u32) {
        let place = &mut self.frames[number as usize];
        assert_eq!(*place, Some(0), "a frame is freed twice, or while it is mapped");
        *place = None;
        self.free.push(number);
    }

    fn unlink(&mut self, entry: PageEntry) {
        if let Target::Frame(number) = entry.target {
            let count = self.frames[number as usize].as_mut().expect("a mapped frame is free");
            *count -= 1;
        }
    }

    fn enter_page(&mut self, space: &Space, address: u64, entry: PageEntry) {
        assert_eq!(address % PAGE as u64, 0, "an unaligned page is mapped");
        let both = Protection::WRITE | Protection::EXEC;
        assert!(!entry.protection.contains(both), "a page is writable and executable");
        let page = address / PAGE as u64;
        if let Target::Frame(number) = entry.target {
            let count = self.frames[number as usize].as_mut().expect("a free frame is mapped");
            *count += 1;
        }
        let tables = self.spaces.get_mut(&space.0).expect("a freed space is changed");
        assert!(tables.leaves.contains_key(&(page / 512)), "a page is mapped without tables");
        let old = tables.pages.insert(page, entry);
        if let Some(old) = old {
            self.unlink(old);
        }
        self.work.pages += 1;
    }
}
