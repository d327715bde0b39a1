//! What handles point to.
use crate::startup::EntryKind;

/// What a handle points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum ObjectType {
    /// An object of a scheme.
    Scheme = 1,
    /// The server's end of an endpoint.
    Socket = 2,
    /// Memory.
    Memory = 3,
    /// An event queue.
    EventQueue = 4,
    /// The read end of a pipe.
    PipeReader = 5,
    /// The write end of a pipe.
    PipeWriter = 6,
    /// A timer.
    Timer = 7,
    /// An interrupt line.
    Irq = 8,
    /// A range of I/O ports.
    PortRange = 9,
    /// A process.
    Process = 10,
    /// An account.
    Account = 11,
    /// A handle table.
    HandleTable = 12,
    /// A slot.
    Slot = 13,
    /// A factory; its kind is in the label.
    Factory = 14,
    /// The null object.
    Null = 15,
    /// Random bytes.
    Random = 16,
    /// The kernel log.
    Log = 17,
    /// Power control.
    Power = 18,
    /// Counters.
    Counters = 19,
    /// A window over device memory.
    Window = 20,
    /// The image name of a process.
    Name = 21,
    /// The wall clock: a write of a `TimeSpec` sets it.
    Clock = 22,
    /// A lease.
    Lease = 23,
    /// The audit ring: refusals that anybody met.
    Audit = 24,
}

impl ObjectType {
    /// What FPATH says of such an object. `None` where it says something else of each.
    #[must_use]
    pub const fn path(self) -> Option<&'static str> {
        Some(match self {
            Self::Socket => "[socket]",
            Self::Memory => "[memory]",
            Self::EventQueue => "[event]",
            Self::PipeReader | Self::PipeWriter => "[pipe]",
            Self::Timer => "[time]",
            Self::Irq => "[irq]",
            Self::PortRange => "[ports]",
            Self::Account => "[account]",
            Self::HandleTable => "[table]",
            Self::Slot => "[slot]",
            Self::Lease => "[lease]",
            Self::Null => "[null]",
            Self::Random => "[random]",
            Self::Log => "[log]",
            Self::Power => "[power]",
            Self::Counters => "[counters]",
            Self::Audit => "[audit]",
            Self::Clock => "[clock]",
            Self::Scheme | Self::Process | Self::Factory | Self::Window | Self::Name => {
                return None;
            }
        })
    }
}

/// Kinds of factories. Each is a handle; the name in parentheses is the name it is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum FactoryKind {
    /// Scheme endpoints (`namespace`): openat of `scheme-creation-cap`, dup with `create-scheme`.
    Scheme = 1,
    /// Slots: CREATE(label address, label length).
    Slot = 2,
    /// Memory (`memory`): CREATE(bytes, 0).
    Memory = 3,
    /// Event queues (`event`): openat of any path.
    Event = 4,
    /// Pipes (`pipe`): openat gives the read end; dup of it with `write` the write end.
    Pipe = 5,
    /// Timers (`time`): openat of the clock number.
    Time = 6,
    /// Processes (`proc`): openat of a process number gives a handle to it; lists numbers. Openat of
    /// `proc-creds-capability` gives a null handle: processes have no users.
    Process = 7,
    /// Interrupt lines: CREATE(line, 0).
    Irq = 8,
    /// Port ranges: CREATE(first port, count).
    Port = 9,
    /// Windows over device memory: CREATE(physical address, bytes).
    Window = 10,
    /// Handle tables: CREATE(0, 0).
    Table = 11,
}

impl FactoryKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Scheme,
        Self::Slot,
        Self::Memory,
        Self::Event,
        Self::Pipe,
        Self::Time,
        Self::Process,
        Self::Irq,
        Self::Port,
        Self::Window,
        Self::Table,
    ];

    /// What one is called in a startup block.
    #[must_use]
    pub const fn entry(self) -> EntryKind {
        match self {
            Self::Scheme => EntryKind::FactoryScheme,
            Self::Slot => EntryKind::FactorySlot,
            Self::Memory => EntryKind::FactoryMemory,
            Self::Event => EntryKind::FactoryEvent,
            Self::Pipe => EntryKind::FactoryPipe,
            Self::Time => EntryKind::FactoryTime,
            Self::Process => EntryKind::FactoryProcess,
            Self::Irq => EntryKind::FactoryIrq,
            Self::Port => EntryKind::FactoryPort,
            Self::Window => EntryKind::FactoryWindow,
            Self::Table => EntryKind::FactoryTable,
        }
    }

    /// What FPATH says of one.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Scheme => "[factory scheme]",
            Self::Slot => "[factory slot]",
            Self::Memory => "[factory memory]",
            Self::Event => "[factory event]",
            Self::Pipe => "[factory pipe]",
            Self::Time => "[factory time]",
            Self::Process => "[factory proc]",
            Self::Irq => "[factory irq]",
            Self::Port => "[factory port]",
            Self::Window => "[factory window]",
            Self::Table => "[factory table]",
        }
    }
}
