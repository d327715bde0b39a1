//! A kernel on the simulated machine, and the programs that are its threads.
use crate::authority::Authority;
use crate::machine::{ContextName, PAGE, SimMachine, Target, Work};
use crate::program::{Act, Program, User};
use clavis_abi::Rights;
use clavis_abi::call::Call;
use clavis_abi::error::demux;
use clavis_abi::limits;
use clavis_abi::syscall::flag::F_DUPFD;
use clavis_core::handle::Handle;
use clavis_core::machine::{Cpu, Machine, Next, Start};
use clavis_core::memory::Protection;
use clavis_core::{Boot, Kernel};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The only CPU.
pub const CPU: Cpu = Cpu(0);
/// Where the data pages of every process of the simulation lie.
pub const DATA: u64 = 0x40_0000;
/// Data pages of init.
pub const DATA_PAGES: usize = 256;
/// Bytes of data that one thread of a process uses as its own.
pub const ARENA: u64 = 0x1_0000;
/// What the boot image says at its start.
pub const IMAGE: &[u8] = b"the boot image";

type Again = Rc<dyn Fn(Start) -> Box<dyn Program>>;
type Made = Box<dyn FnOnce(Start) -> Box<dyn Program>>;

/// Programs that threads will run, by entry address.
#[derive(Clone, Default)]
pub struct Programs(Rc<RefCell<Registry>>);

#[derive(Default)]
struct Registry {
    next: u64,
    made: HashMap<u64, Made>,
    fallback: Option<Again>,
    forgiving: bool,
}

impl Programs {
    /// Registers a program for one thread; the address that the thread is to start at.
    pub fn add(&self, program: impl FnOnce(Start) -> Box<dyn Program> + 'static) -> u64 {
        let mut registry = self.0.borrow_mut();
        registry.next += 16;
        let entry = 0x10_0000 + registry.next;
        registry.made.insert(entry, Box::new(program));
        entry
    }

    /// Sets what threads run whose entry address is not registered.
    pub fn otherwise(&self, program: impl Fn(Start) -> Box<dyn Program> + 'static) {
        self.0.borrow_mut().fallback = Some(Rc::new(program));
    }

    /// From now on plain code that panics ends its process instead of the test: where memory fails
    /// and processes are killed, what it expects need not come.
    pub fn forgive(&self) {
        self.0.borrow_mut().forgiving = true;
    }

    pub(crate) fn is_forgiving(&self) -> bool {
        self.0.borrow().forgiving
    }

    fn take(&self, start: Start) -> Box<dyn Program> {
        let made = self.0.borrow_mut().made.remove(&start.entry);
        if let Some(made) = made {
            return made(start);
        }
        let fallback = self.0.borrow().fallback.clone();
        match fallback {
            Some(fallback) => fallback(start),
            None => panic!("a thread starts at {:#x}, where there is no program", start.entry),
        }
    }
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Something was done.
    Busy,
    /// Nothing runs and nothing will, unless something happens from outside.
    Idle,
}

/// Everything.
pub struct World {
    /// The kernel.
    pub kernel: Box<Kernel<SimMachine>>,
    /// Programs that threads will run.
    pub programs: Programs,
    running: HashMap<ContextName, Box<dyn Program>>,
    next: Next<ContextName>,
    /// Entries into the kernel so far.
    pub entries: u64,
    /// Check everything every so many entries; 0: never.
    pub check_every: u64,
    /// Objects that were destroyed before the current entry.
    destroyed: u64,
    /// System calls so far.
    pub calls: u64,
    /// Nanoseconds that pass at each entry.
    pub pace: u64,
    /// Looks at every entry whether authority grew, if anything does.
    pub authority: Option<Authority>,
    /// What the calls under way may give at most: rights and inherit mask.
    claims: HashMap<ContextName, Claim>,
}

/// What a call may give.
#[derive(Debug)]
struct Claim {
    call: Call,
    /// Its handle was taken back: nothing.
    ended: bool,
    /// The most that comes of its handle.
    source: Handle,
}

/// Bytes that an entry may copy beyond its quantum: what it decodes and what it answers.
const SMALL_BYTES: usize = 3 * limits::PATH_MAX + 64 * 128;

/// Pages that an entry may enter, take out, take and free. One that a fork shares is entered twice,
/// one that goes is taken out and freed; a mapping that is made shows a quantum; and an entry may
/// take some quanta of dead memory apart beside what it is for.
const PAGES_MOST: usize = 10 * limits::QUANTUM_PAGES;
/// Objects that an entry may destroy: a handle goes with its description and its registrations.
const OBJECTS_MOST: u64 = 6 * limits::QUANTUM_HANDLES as u64;

impl World {
    /// Boots a kernel whose first thread runs `init`.
    ///
    /// # Panics
    /// When the machine is too small.
    #[must_use]
    pub fn boot(machine: SimMachine, programs: Programs, init: u64) -> Self {
        Self::try_boot(machine, programs, init).expect("the machine is large enough to boot")
    }

    /// Boots, unless memory fails.
    #[must_use]
    pub fn try_boot(mut machine: SimMachine, programs: Programs, init: u64) -> Option<Self> {
        let failures = std::mem::take(&mut machine.failures);
        let both = Protection::READ | Protection::WRITE;
        let mut pages = Vec::new();
        for _ in 0..DATA_PAGES {
            pages.push(machine.frame_alloc()?);
        }
        let mut first = machine.frame_alloc()?;
        machine.frame_write(&mut first, 0, IMAGE);
        let image = vec![first, machine.frame_alloc()?];
        machine.failures = failures;
        let mut kernel = Kernel::new(machine).ok()?;
        kernel
            .boot(Boot {
                init: &mut std::iter::once((DATA, both, pages)),
                init_entry: init,
                image: &mut image.into_iter(),
                image_len: 2 * PAGE as u64,
                command_line: "one\ntwo three\n",
                framebuffer: Some((0xF000_0000, 4)),
            })
            .ok()?;
        Some(Self {
            kernel,
            programs,
            running: HashMap::new(),
            next: Next::Again,
            entries: 0,
            destroyed: 0,
            check_every: 1,
            calls: 0,
            pace: 1_000,
            authority: None,
            claims: HashMap::new(),
        })
    }

    /// The machine.
    pub fn machine(&mut self) -> &mut SimMachine {
        self.kernel.machine()
    }

    /// Threads that have run and live.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Lets the kernel look again, after something happened from outside.
    pub fn nudge(&mut self) {
        self.next = Next::Again;
    }

    fn enter(&mut self) {
        self.entries += 1;
        self.destroyed = self.kernel.destroyed();
        let pace = self.pace;
        let machine = self.machine();
        machine.advance(pace);
        machine.enter();
    }

    /// Ends what an entry began: looks at its work, and at everything from time to time.
    fn leave(&mut self) {
        let Work { bytes, pages } = self.machine().work;
        assert!(
            bytes <= limits::QUANTUM_BYTES + SMALL_BYTES,
            "one entry copied {bytes} bytes, more than a quantum"
        );
        assert!(pages <= PAGES_MOST, "one entry worked on {pages} pages");
        let destroyed = self.kernel.destroyed().wrapping_sub(self.destroyed);
        assert!(destroyed <= OBJECTS_MOST, "one entry destroyed {destroyed} objects");
        if let Some(authority) = &mut self.authority {
            authority.look(&self.kernel);
        }
        if self.check_every > 0 && self.entries.is_multiple_of(self.check_every) {
            self.check();
        }
    }

    /// Checks every invariant.
    ///
    /// # Panics
    /// When one is broken, with what it was.
    pub fn check(&mut self) {
        let pages = self.kernel.check_pages(
            |machine, space, see| {
                for (page, entry) in machine.entries(space) {
                    see(page, entry.target, entry.protection);
                }
            },
            |target, frame| match (target, frame) {
                (Target::Frame(number), Some(frame)) => frame.number() == number,
                (Target::Device(_), None) => true,
                _ => false,
            },
        );
        if let Err(broken) = self.kernel.check().and(pages) {
            panic!("invariant broken after entry {}: {broken}", self.entries);
        }
    }

    /// One step of whatever runs.
    pub fn step(&mut self) -> Progress {
        match self.next {
            Next::Idle => {
                let machine = self.kernel.machine();
                machine.running = None;
                let Some(when) = machine.timer.take() else { return Progress::Idle };
                let now = machine.now();
                machine.advance(when.saturating_sub(now));
                self.enter();
                self.kernel.tick(CPU);
                self.next = self.kernel.run(CPU);
            }
            Next::Again => {
                self.enter();
                self.next = self.kernel.run(CPU);
            }
            Next::User(name) => {
                self.check_timer();
                if self.next == Next::Again {
                    return Progress::Busy;
                }
                self.machine().running = Some(name);
                let act = self.act(name);
                self.enter();
                self.next = match act {
                    Act::Call(number, args) => {
                        self.calls += 1;
                        self.claim(name, number, args);
                        self.kernel.syscall(CPU, number, args)
                    }
                    Act::Fault(fault) => {
                        // A page that cannot be had ends a process: too often for random failures.
                        let one_in = std::mem::take(&mut self.machine().failures.one_in);
                        let next = self.kernel.fault(CPU, fault);
                        self.machine().failures.one_in = one_in;
                        next
                    }
                };
            }
        }
        self.leave();
        self.bury();
        Progress::Busy
    }

    /// Fires the timer when its time has come while a thread is in user mode.
    fn check_timer(&mut self) {
        let machine = self.kernel.machine();
        if machine.timer.is_some_and(|when| when <= machine.now()) {
            machine.timer = None;
            self.kernel.tick(CPU);
            self.next = Next::Again;
        }
    }

    /// Notes what a call may give its thread at most.
    fn claim(&mut self, name: ContextName, number: usize, args: [usize; 5]) {
        let source = self.kernel.current_handle(args[0]);
        let (Some(call), Some(source)) = (Call::from_number(number), source) else { return };
        let (rights, inherit) = (source.rights, source.inherit);
        let ended = self.kernel.has_ended(&source);
        let most = match call {
            Call::DupInto if args[2] == 0 => Some((rights, inherit)),
            Call::Dup2 if args[3] == 0 => Some((rights, inherit)),
            Call::Fcntl if args[1] == F_DUPFD => Some((rights, inherit)),
            Call::Derive | Call::Lend => Some((rights, inherit)),
            Call::OpenAt | Call::Create => Some((inherit, inherit)),
            Call::Fork => Some((Rights::all(), Rights::all())),
            Call::MemoryOf => Some((inherit, inherit)),
            Call::Borrow => Some((Rights::NAME, Rights::empty())),
            Call::Read | Call::Read2 | Call::Write | Call::Write2 | Call::Fstat | Call::Fpath
                if ended =>
            {
                Some((Rights::all(), Rights::all()))
            }
            _ => None,
        };
        if let Some((rights, inherit)) = most {
            self.claims
                .insert(name, Claim { call, ended, source: Handle { rights, inherit, ..source } });
        }
    }

    /// Checks that a call gave no more than its source permitted.
    fn check_claim(&mut self, name: ContextName, result: Option<usize>) {
        let Some(Claim { call, ended, source }) = self.claims.remove(&name) else { return };
        let Some(number) = result.and_then(|value| demux(value).ok()) else { return };
        if !self.kernel.current_is_alone() {
            // Another thread may have put something else at that number meanwhile.
            return;
        }
        assert!(!ended, "{call:?} went through a handle that was taken back");
        let Some(got) = self.kernel.current_handle(number) else { return };
        assert!(
            source.rights.contains(got.rights)
                && source.inherit.contains(got.inherit)
                && self.kernel.ends_with(&got, &source),
            "{call:?} gave {got:?}, which is more than comes of {source:?}"
        );
    }

    fn act(&mut self, name: ContextName) -> Act {
        let machine = self.kernel.machine();
        let registers = *machine.registers(name).expect("a freed context runs");
        let (told, restarted) = machine.arrived(name);
        if restarted {
            self.running.remove(&name);
        }
        self.check_claim(name, registers.result);
        let programs = &self.programs;
        let program = self.running.entry(name).or_insert_with(|| programs.take(registers.start));
        let told = told.map(|(_, frame)| frame);
        program.act(&mut User { result: registers.result, told, kernel: &mut self.kernel })
    }

    /// Lets go of programs whose threads are gone.
    fn bury(&mut self) {
        let machine = self.kernel.machine();
        if self.running.len() > machine.in_use().1 || self.entries.is_multiple_of(64) {
            self.running.retain(|name, _| machine.registers(*name).is_some());
            self.claims.retain(|name, _| machine.registers(*name).is_some());
        }
    }

    /// Runs until nothing runs any more.
    ///
    /// # Panics
    /// When it takes implausibly long.
    pub fn run(&mut self) {
        for _ in 0..20_000_000 {
            if self.step() == Progress::Idle {
                self.check();
                return;
            }
        }
        panic!("the simulation does not come to rest");
    }

    /// Ends every process and looks whether everything went back.
    ///
    /// # Panics
    /// When something is left.
    pub fn end(&mut self) {
        self.kernel.end_everything();
        self.machine().timer = None;
        self.next = Next::Again;
        self.run();
        let left = self.kernel.census();
        assert!(left.is_empty(), "left behind after the end: {left:?}");
        let (spaces, contexts, frames) = self.machine().in_use();
        assert_eq!((spaces, contexts, frames), (0, 0, 0), "spaces, contexts, frames left");
    }
}
