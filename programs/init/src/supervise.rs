//! Watching: one event queue on which init hears of every process that ended and every name that
//! was registered, and the moments at which what ended starts again.
use crate::given::Given;
use crate::journal::say;
use crate::service::{Holdings, start_manager};
use crate::world::World;
use crate::{Fatal, file};
use alloc::string::String;
use alloc::vec::Vec;
use boot_image::Image;
use clavis_rt::abi::error::{EINTR, ENOENT, ETIMEDOUT};
use clavis_rt::abi::params::{ExitKind, ExitStatus, power};
use clavis_rt::abi::startup::EntryKind;
use clavis_rt::process::{self, SIGKILL};
use clavis_rt::sys::time::{Clock, now, set_deadline};
use clavis_rt::{Error, Handle, Number, Place, Result, object, sys};
use service_manifest::{Backoff, End, Manifest, Restart, Selection, Service};
use syscall::data::Event;
use syscall::flag::EventFlags;

/// Path of the namespace manager in the boot image.
const MANAGER: &str = "bin/nsmgr";
/// Event data: the namespace manager's process.
const MANAGER_EVENT: usize = usize::MAX;
/// Event data: set for a slot, whose index lies in the other bits.
const SLOT_EVENT: usize = 1 << 32;
/// Events read at once.
const EVENTS: usize = 16;

/// Where a service is in its life.
enum Stage {
    /// It was not asked for.
    Unwanted,
    /// It waits for names to be registered.
    Waiting,
    /// It runs.
    Running { process: Handle, since: u64 },
    /// It starts at that moment.
    Pausing { until: u64 },
    /// It ended for good.
    Ended,
}

/// A process under supervision.
struct Watched {
    stage: Stage,
    backoff: Backoff,
    argument: Option<String>,
    holdings: Option<Holdings>,
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
}

impl Watched {
    fn new(stage: Stage) -> Watched {
        Watched { stage, backoff: Backoff::default(), argument: None, holdings: None }
    }
}

impl<'m> Supervisor<'m> {
    pub(crate) fn new(
        given: &'m Given,
        image: Image<'static>,
        manifest: &'m Manifest,
        world: World,
    ) -> core::result::Result<Supervisor<'m>, Fatal> {
        let queue = object::event_queue(Place::Upper).map_err(|error| {
            say!("there is no event queue: {error}");
            Fatal
        })?;
        let filled = world.names.iter().map(|_| false).collect();
        let services = manifest.services.iter().map(|_| Watched::new(Stage::Unwanted)).collect();
        let manager = Watched::new(Stage::Pausing { until: 0 });
        let mut supervisor =
            Supervisor { given, image, manifest, world, queue, filled, manager, services };
        supervisor.watch_slots();
        Ok(supervisor)
    }

    /// Wants these services.
    pub(crate) fn select(&mut self, selected: &[Selection]) {
        for one in selected {
            if let Some(watched) = self.services.get_mut(one.service) {
                watched.stage = Stage::Waiting;
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
            let next = self.start_due(now(Clock::Monotonic));
            if let Err(error) = self.wait(next) {
                say!("waiting failed: {error}");
                return Err(Fatal);
            }
        }
    }

    fn watch_slots(&mut self) {
        for (index, named) in self.world.names.iter().enumerate() {
            let awaited =
                self.manifest.services.iter().any(|service| service.waits.contains(&named.name));
            let Some(slot) = named.slot.as_ref().filter(|_| awaited) else { continue };
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
    fn start_due(&mut self, now: u64) -> Option<u64> {
        let mut next = None;
        let mut later = |moment| next = Some(next.map_or(moment, |next: u64| next.min(moment)));
        match self.manager.stage {
            Stage::Pausing { until } if until <= now => {
                let started = self.start_manager();
                self.manager.stage = self.started("nsmgr", started, MANAGER_EVENT, now, None);
            }
            _ => {}
        }
        if let Stage::Pausing { until } = self.manager.stage {
            later(until);
        }
        for (index, service) in self.manifest.services.iter().enumerate() {
            let due = match self.services.get(index).map(|watched| &watched.stage) {
                Some(Stage::Waiting) => self.is_ready(service),
                Some(Stage::Pausing { until }) => *until <= now,
                _ => false,
            };
            if due {
                let started = self.start(index, service);
                let stage = self.started(&service.name, started, index, now, Some(index));
                if let Some(watched) = self.services.get_mut(index) {
                    watched.stage = stage;
                }
            }
            if let Some(Watched { stage: Stage::Pausing { until }, .. }) = self.services.get(index)
            {
                later(*until);
            }
        }
        next
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
        start_manager(self.given, &file, &self.world)
    }

    fn start(&mut self, index: usize, service: &Service) -> Result<Handle> {
        let missing = Error::new(ENOENT);
        let file = file(&self.image, &service.program).ok_or(missing)?;
        let watched = self.services.get_mut(index).ok_or(missing)?;
        let holdings = match watched.holdings.take() {
            Some(holdings) => holdings,
            None => Holdings::new(self.given, service)?,
        };
        let holdings = watched.holdings.insert(holdings);
        let namespace = self.world.namespaces.get(index).ok_or(missing)?;
        holdings.start(self.given, &file, service, namespace, watched.argument.as_ref())
    }

    /// The stage after an attempt to start.
    fn started(
        &mut self,
        name: &str,
        started: Result<Handle>,
        data: usize,
        now: u64,
        index: Option<usize>,
    ) -> Stage {
        let watched = started.and_then(|process| {
            self.watch(process.number(), EventFlags::EVENT_READ, data).map(|()| process)
        });
        match watched {
            Ok(process) => Stage::Running { process, since: now },
            Err(error) => {
                let watched = match index {
                    Some(index) => self.services.get_mut(index),
                    None => Some(&mut self.manager),
                };
                let pause = watched.map_or(0, |watched| watched.backoff.pause(0));
                say!("{name} did not start: {error}; again in {} ms", pause / 1_000_000);
                Stage::Pausing { until: now.saturating_add(pause) }
            }
        }
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
        if event.data == MANAGER_EVENT {
            if let Some(status) = ended(&mut self.manager.stage) {
                let pause = self.manager.backoff.pause(now.saturating_sub(status.since));
                say!("nsmgr {}; again in {} ms", status.how, pause / 1_000_000);
                let _ = sys::clavis::signal(self.world.account.number(), SIGKILL);
                self.manager.stage = Stage::Pausing { until: now.saturating_add(pause) };
            }
        } else if event.data & SLOT_EVENT != 0 {
            self.look_at_slot(event.data & !SLOT_EVENT);
        } else {
            self.ended(event.data, now);
        }
    }

    /// Finds out whether a name is registered now: an event may tell of several changes.
    fn look_at_slot(&mut self, index: usize) {
        let slot = self.world.names.get(index).and_then(|named| named.slot.as_ref());
        let (Some(slot), Some(filled)) = (slot, self.filled.get_mut(index)) else { return };
        let ready = sys::file::fevent(slot.number(), EventFlags::EVENT_READ);
        *filled = ready.is_ok_and(|ready| ready.contains(EventFlags::EVENT_READ));
    }

    /// Decides what happens to a service that ended.
    fn ended(&mut self, index: usize, now: u64) {
        let Some(service) = self.manifest.services.get(index) else { return };
        let Some(watched) = self.services.get_mut(index) else { return };
        let Some(status) = ended(&mut watched.stage) else { return };
        if let Some(holdings) = &watched.holdings {
            // What it started goes with it; an account without processes answers ESRCH.
            let _ = sys::clavis::signal(holdings.account(), SIGKILL);
        }
        let again = match service.restart {
            Restart::Always => true,
            Restart::OnFailure => !status.success,
            Restart::Never => false,
        };
        if again {
            let pause = watched.backoff.pause(now.saturating_sub(status.since));
            say!("{} {}; again in {} ms", service.name, status.how, pause / 1_000_000);
            watched.stage = Stage::Pausing { until: now.saturating_add(pause) };
            return;
        }
        if !status.success {
            say!("{} {}", service.name, status.how);
        }
        if service.end == End::PowerOff {
            self.power_off();
        }
    }
}

/// How a process ended.
struct Ending {
    how: How,
    success: bool,
    since: u64,
}

/// Takes the status of a process that ended; `None`: it has not.
fn ended(stage: &mut Stage) -> Option<Ending> {
    let Stage::Running { process, since } = stage else { return None };
    let status = process::wait(process.number()).ok()?;
    let since = *since;
    let success = status.kind == ExitKind::Exit as u64 && status.code == 0;
    *stage = Stage::Ended;
    Some(Ending { how: How(status), success, since })
}

/// An exit status in words.
struct How(ExitStatus);

impl core::fmt::Display for How {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let code = self.0.code;
        match self.0.kind {
            kind if kind == ExitKind::Exit as u64 => write!(f, "exited with {code}"),
            kind if kind == ExitKind::Signal as u64 => write!(f, "was ended by signal {code}"),
            kind if kind == ExitKind::Fault as u64 => write!(f, "faulted at {code:#x}"),
            kind if kind == ExitKind::OutOfMemory as u64 => f.write_str("ran out of memory"),
            _ => f.write_str("was killed"),
        }
    }
}
