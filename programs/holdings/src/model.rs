//! The picture itself.
use clavis_abi::Rights;
use clavis_abi::params::{FactoryKind, ObjectType, Step};
use clavis_render::handle;

/// All processes at one moment, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// In the order of their numbers, each once.
    pub processes: Vec<Process>,
}

/// A process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub number: u64,
    /// Its image name.
    pub name: String,
    /// The number of who made it; 0: the kernel.
    pub parent: u64,
    /// The number of its account.
    pub account: u64,
    /// Its handles, in the order of their numbers, each once.
    pub handles: Vec<Held>,
}

/// A handle of a process: what INSPECT tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its number.
    pub number: u64,
    /// [`ObjectType`] of what it points to.
    pub kind: u64,
    /// What may be done with it.
    pub rights: Rights,
    /// The most that can be had through it.
    pub inherit: Rights,
    /// Number of the lease that it is under; 0: none.
    pub lease: u64,
    /// Whether it is good for anything still.
    pub state: State,
    /// Number of the object, among those of its type; 0: none is told.
    pub object: u64,
    /// The process that made or opened what it points to; 0: the kernel.
    pub maker: u64,
    /// [`Step`].
    pub step: u64,
    /// The process that it came from; 0: none.
    pub from: u64,
    /// Its number there or, of what was opened, here, in two bytes.
    pub via: u64,
    /// Label of the slot that it was opened through.
    pub label: String,
    /// Where what it points to lies, if that was asked; else empty.
    pub path: String,
}

/// Whether a handle is good for anything still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// As far as its rights go.
    #[default]
    Holds,
    /// Its lease has ended: it is a number and nothing else.
    Ended,
}

impl Snapshot {
    /// A picture of these processes, put in order. Of two with one number the first counts.
    #[must_use]
    pub fn new(mut processes: Vec<Process>) -> Self {
        processes.sort_by_key(|process| process.number);
        processes.dedup_by_key(|process| process.number);
        for process in &mut processes {
            process.handles.sort_by_key(|held| held.number);
            process.handles.dedup_by_key(|held| held.number);
        }
        Self { processes }
    }

    /// The process of that number.
    #[must_use]
    pub fn process(&self, number: u64) -> Option<&Process> {
        let at = self.processes.binary_search_by_key(&number, |process| process.number).ok()?;
        self.processes.get(at)
    }
}

impl Process {
    /// The handle of that number. Upper ones are found without their generation, too.
    #[must_use]
    pub fn handle(&self, number: u64) -> Option<&Held> {
        if let Ok(at) = self.handles.binary_search_by_key(&number, |held| held.number) {
            return self.handles.get(at);
        }
        let short = short(number);
        let is_upper = short.starts_with('u');
        self.handles.iter().find(|held| is_upper && self::short(held.number) == short)
    }

    /// As people see it: number and name.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} ({})", self.number, handle::printable(short_name(&self.name)))
    }
}

/// A number as people read it.
pub(crate) fn short(number: u64) -> String {
    handle::number(usize::try_from(number).unwrap_or(usize::MAX))
}

/// The last part of a program's path.
fn short_name(name: &str) -> &str {
    let name = name.trim_end_matches('\0');
    name.rsplit('/').find(|part| !part.is_empty()).unwrap_or("?")
}

impl Held {
    /// What it points to, if this program knows that type.
    #[must_use]
    pub fn kind(&self) -> Option<ObjectType> {
        let known = |value: u64| (value == self.kind).then_some(());
        KINDS.into_iter().find(|kind| known(*kind as u64).is_some())
    }

    /// How it came to its number, if this program knows that step.
    #[must_use]
    pub fn step(&self) -> Option<Step> {
        Step::ALL.into_iter().find(|step| *step as u64 == self.step)
    }

    /// Whether another handle looks like a copy of the same one.
    #[must_use]
    pub fn is_like(&self, other: &Held) -> bool {
        (self.kind, self.object, self.maker) == (other.kind, other.object, other.maker)
            && self.label == other.label
    }

    /// In a few words: type and label.
    #[must_use]
    pub fn title(&self) -> String {
        let label = handle::printable(&self.label);
        match self.kind() {
            Some(ObjectType::Factory) => factory_name(&self.label)
                .map_or_else(|| format!("factory {label}"), |name| format!("factory of {name}")),
            Some(ObjectType::Scheme) if !label.is_empty() => format!("an object of {label}"),
            Some(ObjectType::Process) => format!("process {}", self.object),
            Some(ObjectType::Account) => format!("account {}", self.object),
            kind if label.is_empty() => kind_name(kind).to_owned(),
            kind => format!("{} {label}", kind_name(kind)),
        }
    }
}

/// The types that this program knows.
const KINDS: [ObjectType; 24] = [
    ObjectType::Scheme,
    ObjectType::Socket,
    ObjectType::Memory,
    ObjectType::EventQueue,
    ObjectType::PipeReader,
    ObjectType::PipeWriter,
    ObjectType::Timer,
    ObjectType::Irq,
    ObjectType::PortRange,
    ObjectType::Process,
    ObjectType::Account,
    ObjectType::HandleTable,
    ObjectType::Slot,
    ObjectType::Factory,
    ObjectType::Null,
    ObjectType::Random,
    ObjectType::Log,
    ObjectType::Power,
    ObjectType::Counters,
    ObjectType::Window,
    ObjectType::Name,
    ObjectType::Clock,
    ObjectType::Lease,
    ObjectType::Audit,
];

/// The type in a word.
#[must_use]
pub fn kind_name(kind: Option<ObjectType>) -> &'static str {
    handle::object(kind)
}

/// What a factory makes, from its label (`factory 05`).
pub(crate) fn factory_name(label: &str) -> Option<&'static str> {
    let number: u64 = label.strip_prefix("factory ")?.parse().ok()?;
    const NAMES: [(FactoryKind, &str); 11] = [
        (FactoryKind::Scheme, "schemes"),
        (FactoryKind::Slot, "slots"),
        (FactoryKind::Memory, "memory"),
        (FactoryKind::Event, "event queues"),
        (FactoryKind::Pipe, "pipes"),
        (FactoryKind::Time, "timers"),
        (FactoryKind::Process, "process handles"),
        (FactoryKind::Irq, "interrupt lines"),
        (FactoryKind::Port, "ports"),
        (FactoryKind::Window, "device memory"),
        (FactoryKind::Table, "handle tables"),
    ];
    NAMES.into_iter().find(|(kind, _)| *kind as u64 == number).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::held;
    use clavis_abi::params::upper_number;

    #[test]
    fn every_type_is_known_by_its_value_and_has_a_name() {
        for kind in KINDS {
            let held = Held { kind: kind as u64, ..held(3) };
            assert_eq!(held.kind(), Some(kind));
            assert_ne!(kind_name(Some(kind)), "unknown");
        }
        assert_eq!(Held { kind: 99, ..held(3) }.kind(), None);
    }

    #[test]
    fn an_upper_handle_is_found_without_its_generation() {
        let number = upper_number(9, 7) as u64;
        let process = Process { handles: vec![held(3), held(number)], ..Process::default() };
        assert_eq!(process.handle(upper_number(9, 0) as u64).unwrap().number, number);
        assert_eq!(process.handle(3).unwrap().number, 3);
        assert!(process.handle(9).is_none());
    }

    #[test]
    fn names_of_processes_cannot_move_the_cursor() {
        let name = "/bin/\x1b[2Jcat\0".to_owned();
        let process = Process { number: 8, name, ..Process::default() };
        assert_eq!(process.title(), "8 (?[2Jcat)");
    }
}
