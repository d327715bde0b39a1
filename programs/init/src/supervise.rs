//! Watching: one event queue on which init hears of every process and account that ended and every
//! name that was registered or lost, and the moments at which what ended starts again.
use crate::board::Board;
use crate::ending::{Ended, is_alive};
use crate::given::Given;
use crate::journal::say;
use crate::service::{Holdings, start_manager};
use crate::world::World;
use crate::{Fatal, file};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use boot_image::Image;
use clavis_rt::abi::error::{EINTR, ENOENT, ETIMEDOUT};
use clavis_rt::abi::params::power;
use clavis_rt::abi::startup::EntryKind;
use clavis_rt::object::Echo;
use clavis_rt::process::SIGKILL;
use clavis_rt::sys::time::{Clock, now, set_deadline};
use clavis_rt::{Error, Handle, Number, Place, Result, object, sys};
use service_manifest::{
    End, Ending, FAILURES, Life, Manifest, Next, Restart, Row, Selection, Service, Supervise,
};
use syscall::data::Event;
use syscall::flag::EventFlags;

/// Path of the namespace manager in the boot image.
const MANAGER: &str = "bin/nsmgr";
/// Event data: the namespace manager's process.
const MANAGER_EVENT: usize = usize::MAX;
/// Event data: set for a slot, whose index lies in the other bits.
const SLOT_EVENT: usize = 1 << 32;
/// Event data: set for the account of the service whose index lies in the other bits.
const ACCOUNT_EVENT: usize = 1 << 33;
/// Events read at once.
const EVENTS: usize = 16;

/// A process under supervision.
struct Watched {
    life: Life,
    /// The process that init started, until it ends.
    process: Option<Handle>,
    /// It is not fit to go on: a service lost a name, the namespace manager its state.
    broken: bool,
    argument: Option<String>,
    holdings: Option<Holdings>,
    /// How the last instance ended.
    last: String,
}

/// The supervisor.
pub(crate) struct Supervisor<'m> {
    given: &'m Given,
    image: Image<'static>,
    manifest: &'m Manifest,
    world: World,
    queue: Handle,
    /// Which names are registered, as far as the events told.
    filled: Vec<bool>,
    manager: Watched,
    services: Vec<Watched>,
    board: Board,
}

impl Watched {
    fn new(life: Life) -> Watched {
        let (process, argument, holdings) = (None, None, None);
        Watched { life, process, broken: false, argument, holdings, last: String::new() }
    }

    /// What is told of it.
    fn row(&self, name: &str) -> Row {
        let process = self.process.as_ref().map_or(0, |process| number_of(process.number()));
        let (stage, starts) = (self.life.stage(), self.life.starts());
        Row { name: name.into(), stage, starts, process, last: self.last.clone() }
    }

    /// An instance was started, or not.
    fn started(&mut self, name: &str, started: Result<Handle>, now: u64) {
        match started {
            Ok(process) => {
                self.process = Some(process);
                self.life.started(now);
            }
            Err(error) => {
                let how = format_args!("did not start: {error}");
                self.ended(name, Ending::Failure, &how, Restart::Always, now);
            }
        }
    }

    /// An instance ended: what is left of it ends too. Answers whether another one will start.
    fn ended(
        &mut self,
        name: &str,
        ending: Ending,
        how: &dyn core::fmt::Display,
        restart: Restart,
        now: u64,
    ) -> bool {
        self.process = None;
        self.last = how.to_string();
        if let Some(holdings) = &self.holdings {
            // What it started goes with it; an account without processes answers ESRCH.
            let _ = sys::clavis::signal(holdings.account(), SIGKILL);
        }
        let ending = if self.broken { Ending::Failure } else { ending };
        self.broken = false;
        match self.life.ended(ending, restart, now) {
            Next::Again { pause, afresh } => {
                let word = if afresh { "; afresh" } else { "; again" };
                say!("{name} {how}{word} in {} ms", pause / 1_000_000);
                match &mut self.holdings {
                    Some(holdings) if afresh => holdings.forget(),
                    Some(_) => {}
                    // The namespace manager: there is no other state for it.
                    None => self.broken = afresh,
                }
                true
            }
            Next::Done => {
                if ending != Ending::Success {
                    say!("{name} {how}");
                }
                false
            }
        }
    }
}

impl<'m> Supervisor<'m> {
    pub(crate) fn new(
        given: &'m Given,
        image: Image<'static>,
        manifest: &'m Manifest,
        world: World,
        board: Board,
    ) -> core::result::Result<Supervisor<'m>, Fatal> {
        let queue = object::event_queue(Place::Upper).map_err(|error| {
            say!("there is no event queue: {error}");
            Fatal
        })?;
        let filled = world.names.iter().map(|_| false).collect();
        let services = manifest.services.iter().map(|_| Watched::new(Life::unwanted())).collect();
        let manager = Watched::new(Life::wanted());
        let supervisor =
            Supervisor { given, image, manifest, world, queue, filled, manager, services, board };
        supervisor.watch_slots();
        Ok(supervisor)
    }

    /// Wants these services.
    pub(crate) fn select(&mut self, selected: &[Selection]) {
        for one in selected {
            if let Some(watched) = self.services.get_mut(one.service) {
                watched.life = Life::wanted();
                watched.argument.clone_from(&one.argument);
            }
        }
    }

    /// Switches the machine off.
    pub(crate) fn power_off(&self) {
        let off = match self.given.entry(EntryKind::Power) {
            Some(number) => object::power(number, power::OFF),
            None => Err(Error::new(ENOENT)),
        };
        if let Err(error) = off {
            say!("the machine cannot be switched off: {error}");
        }
    }

    /// Supervises for ever.
    pub(crate) fn run(&mut self) -> core::result::Result<(), Fatal> {
        loop {
            let next = self.start_due(now(Clock::Monotonic))?;
            self.tell();
            if let Err(error) = self.wait(next) {
                self.raise_voice();
                say!("waiting failed: {error}");
                return Err(Fatal);
            }
        }
    }

    /// Tells what is news about the services.
    fn tell(&mut self) {
        let names = self.manifest.services.iter().map(|service| service.name.as_str());
        let all = core::iter::once(("nsmgr", &self.manager)).chain(names.zip(&self.services));
        for (place, (name, watched)) in all.enumerate() {
            if let Err(error) = self.board.tell(place, &watched.row(name)) {
                say!("what there is to say of {name} cannot be told: {error}");
            }
        }
    }

    /// Lets the log's lines appear on the serial line, whoever has it: they are init's last.
    fn raise_voice(&self) {
        // If that fails, the kernel still tells that init has ended.
        let _ = object::log_echo(self.given.log, Echo::On);
    }

    fn watch_slots(&self) {
        for (index, named) in self.world.names.iter().enumerate() {
            let Some(slot) = &named.slot else { continue };
            let flags = EventFlags::EVENT_READ | EventFlags::EVENT_WRITE;
            if let Err(error) = self.watch(slot.number(), flags, SLOT_EVENT | index) {
                say!("`{}` cannot be watched: {error}", named.name);
            }
        }
    }

    fn watch(&self, number: Number, flags: EventFlags, data: usize) -> Result<()> {
        let event = Event { id: number.raw(), flags, data };
        sys::file::write_all(self.queue.number(), &event)
    }

    /// Starts what is due. Answers when the next start is due.
    fn start_due(&mut self, now: u64) -> core::result::Result<Option<u64>, Fatal> {
        if self.manager.life.is_due(now, || true) {
            let started = self.start_manager();
            self.manager.started("nsmgr", started, now);
        }
        if self.manager.broken {
            self.raise_voice();
            say!("nsmgr ended {FAILURES} times in a row: its state cannot be relied on");
            return Err(Fatal);
        }
        for (index, service) in self.manifest.services.iter().enumerate() {
            let watched = self.services.get(index);
            if watched.is_some_and(|watched| watched.life.is_due(now, || self.is_ready(service))) {
                let started = self.start(index, service);
                if let Some(watched) = self.services.get_mut(index) {
                    watched.started(&service.name, started, now);
                }
            }
        }
        let all = self.services.iter().chain([&self.manager]);
        Ok(all.filter_map(|watched| watched.life.moment()).min())
    }

    /// Whether the names that a service waits for are registered.
    fn is_ready(&self, service: &Service) -> bool {
        let registered = |wait: &String| {
            let mut named = self.world.names.iter().zip(&self.filled);
            named.any(|(named, filled)| *filled && named.name == *wait)
        };
        service.waits.iter().all(registered)
    }

    fn start_manager(&self) -> Result<Handle> {
        let file = file(&self.image, MANAGER).ok_or(Error::new(ENOENT))?;
        let process = start_manager(self.given, &file, &self.world)?;
        self.watch(process.number(), EventFlags::EVENT_READ, MANAGER_EVENT)?;
        Ok(process)
    }

    fn start(&mut self, index: usize, service: &Service) -> Result<Handle> {
        let missing = Error::new(ENOENT);
        let file = file(&self.image, &service.program).ok_or(missing)?;
        let held = self.services.get_mut(index).and_then(|watched| watched.holdings.take());
        let mut holdings = match held {
            Some(holdings) => holdings,
            None => {
                let holdings = Holdings::new(self.given, service)?;
                if service.supervise == Supervise::Account {
                    let account = holdings.account();
                    self.watch(account, EventFlags::EVENT_READ, ACCOUNT_EVENT | index)?;
                }
                holdings
            }
        };
        let namespace = self.world.namespaces.get(index).ok_or(missing)?;
        let watched = self.services.get_mut(index).ok_or(missing)?;
        let world = (self.world.names.as_slice(), namespace);
        let argument = watched.argument.as_ref();
        let started = holdings.start(self.given, &file, service, world, argument);
        watched.holdings = Some(holdings);
        let process = started?;
        self.watch(process.number(), EventFlags::EVENT_READ, index)?;
        Ok(process)
    }

    /// Waits for events until a moment.
    fn wait(&mut self, until: Option<u64>) -> Result<()> {
        set_deadline(until)?;
        let mut bytes = [0; EVENTS * size_of::<Event>()];
        let read = sys::file::read(self.queue.number(), &mut bytes);
        set_deadline(None)?;
        let length = match read {
            Ok(length) => length,
            Err(error) if matches!(error.errno, ETIMEDOUT | EINTR) => return Ok(()),
            Err(error) => return Err(error),
        };
        for chunk in bytes.get(..length).unwrap_or_default().chunks_exact(size_of::<Event>()) {
            let mut event = Event::default();
            event.copy_from_slice(chunk);
            self.hear(&event);
        }
        Ok(())
    }

    fn hear(&mut self, event: &Event) {
        let now = now(Clock::Monotonic);
        let index = event.data & !(SLOT_EVENT | ACCOUNT_EVENT);
        if event.data == MANAGER_EVENT {
            self.manager_ended(now);
        } else if event.data & SLOT_EVENT != 0 {
            self.look_at_slot(index);
        } else if event.data & ACCOUNT_EVENT != 0 {
            self.account_ended(index, now);
        } else {
            self.process_ended(index, now);
        }
    }

    /// Finds out whether a name is registered now: an event may tell of several changes. A service
    /// that lost one serves nobody through it any more, so it ends.
    fn look_at_slot(&mut self, index: usize) {
        let Some(named) = self.world.names.get(index) else { return };
        let (Some(slot), Some(filled)) = (&named.slot, self.filled.get_mut(index)) else { return };
        let ready = sys::file::fevent(slot.number(), EventFlags::EVENT_READ);
        let before = *filled;
        *filled = ready.is_ok_and(|ready| ready.contains(EventFlags::EVENT_READ));
        if !before || *filled {
            return;
        }
        for (service, watched) in self.manifest.services.iter().zip(&mut self.services) {
            let account = watched.holdings.as_ref().map(Holdings::account);
            if let Some(account) = account
                && service.registers.contains(&named.name)
                && watched.life.runs()
                && is_alive(account)
            {
                say!("{} lost `{}`", service.name, named.name);
                watched.broken = true;
                let _ = sys::clavis::signal(account, SIGKILL);
            }
        }
    }

    fn manager_ended(&mut self, now: u64) {
        let Some(status) = self.manager.process.as_ref().and_then(Ended::of) else { return };
        let _ = sys::clavis::signal(self.world.account.number(), SIGKILL);
        self.manager.ended("nsmgr", status.ending(), &status, Restart::Always, now);
    }

    /// The process that init started has ended, and with it the service, unless that is supervised
    /// by its account and the process left another one behind.
    fn process_ended(&mut self, index: usize, now: u64) {
        let Some(service) = self.manifest.services.get(index) else { return };
        let Some(watched) = self.services.get_mut(index) else { return };
        let Some(status) = watched.process.as_ref().and_then(Ended::of) else { return };
        let account = watched.holdings.as_ref().map(Holdings::account);
        let goes_on = service.supervise == Supervise::Account
            && status.ending() == Ending::Success
            && account.is_some_and(is_alive);
        if goes_on {
            watched.process = None;
        } else {
            self.finish(index, status.ending(), &status, now);
        }
    }

    /// The last process of an account that is supervised has ended.
    fn account_ended(&mut self, index: usize, now: u64) {
        let Some(watched) = self.services.get(index) else { return };
        let account = watched.holdings.as_ref().map(Holdings::account);
        let is_over = watched.process.is_none() && !account.is_some_and(is_alive);
        if watched.life.runs() && is_over {
            self.finish(index, Ending::Failure, &"has no process left", now);
        }
    }

    /// Decides what happens to a service that ended.
    fn finish(&mut self, index: usize, ending: Ending, how: &dyn core::fmt::Display, now: u64) {
        let Some(service) = self.manifest.services.get(index) else { return };
        let Some(watched) = self.services.get_mut(index) else { return };
        let again = watched.ended(&service.name, ending, how, service.restart, now);
        if !again && service.end == End::PowerOff {
            self.power_off();
        }
    }
}

/// The number of a process, which its handle tells as its name.
fn number_of(process: Number) -> u64 {
    let mut name = [0; 20];
    let length = sys::file::fpath(process, &mut name).unwrap_or(0);
    let digits = name.get(..length).and_then(|digits| core::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
