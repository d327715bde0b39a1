//! What a manifest says.
use alloc::string::String;
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::startup::EntryKind;
use core::fmt;

/// Services that a manifest can hold.
pub const SERVICES: usize = 64;

/// Names that are bound to factories of the kernel: no service provides them.
pub const FACTORIES: &[(&str, EntryKind)] = &[
    ("event", EntryKind::FactoryEvent),
    ("memory", EntryKind::FactoryMemory),
    ("namespace", EntryKind::FactoryScheme),
    ("pipe", EntryKind::FactoryPipe),
    ("proc", EntryKind::FactoryProcess),
    ("time", EntryKind::FactoryTime),
];

/// All services, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The services.
    pub services: Vec<Service>,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name, for people and for `start` lines.
    pub name: String,
    /// Line of the text where it begins, from 1.
    pub line: usize,
    /// Path of its program in the boot image.
    pub program: String,
    /// Its arguments, without the program's name.
    pub args: Vec<String>,
    /// Its environment, `NAME=value`.
    pub envs: Vec<String>,
    /// When it starts.
    pub start: Start,
    /// What happens when it ends.
    pub restart: Restart,
    /// What happens when it has ended and does not start again.
    pub end: End,
    /// What tells that it has ended.
    pub supervise: Supervise,
    /// What init keeps for it from one instance to the next.
    pub keep: Keep,
    /// Priority of its threads; `None`: init's.
    pub priority: Option<u8>,
    /// Names that it may register.
    pub registers: Vec<String>,
    /// Names that its namespace has beside those.
    pub uses: Vec<Use>,
    /// Startup handles.
    pub gives: Vec<Give>,
    /// Names that must be registered before it starts.
    pub waits: Vec<String>,
    /// Limits of its account.
    pub limits: Limits,
}

impl Service {
    /// What its namespace says of a name: masks and flags. `None`: it lacks the name.
    #[must_use]
    pub fn use_of(&self, name: &str) -> Option<&Use> {
        let named = self.uses.iter().find(|using| using.name == UseName::Name(name.into()));
        named.or_else(|| self.uses.iter().find(|using| using.name == UseName::All))
    }
}

/// When a service starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At boot.
    Always,
    /// At boot, unless the command line asks for a service.
    Interactive,
    /// When the command line asks for it.
    Optional,
}

/// Whether a service that ended starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Whatever happened.
    Always,
    /// When it ended in any other way than by exiting with 0.
    OnFailure,
    /// Never.
    Never,
}

/// What tells that a service has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervise {
    /// The end of the process that init started.
    Process,
    /// The end of the last process in its account: the first one may go and leave another behind.
    Account,
}

/// What init keeps for a service from one instance to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// The endpoints of the names that it registers.
    pub endpoints: bool,
    /// Memory of so many bytes.
    pub memory: Option<u64>,
}

/// What follows when a service has ended for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing.
    Ignore,
    /// The machine is switched off.
    PowerOff,
}

/// Names of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Which.
    pub name: UseName,
    /// Mask for the rights of what is opened through them, and for their inherit mask.
    pub rights: Rights,
    /// Whether what is opened stays beneath.
    pub flags: u64,
}

/// Which names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UseName {
    /// Every name of the manifest and every factory.
    All,
    /// This one.
    Name(String),
}

/// A startup handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Give {
    /// A handle of init's, under the same kind.
    Entry(EntryKind),
    /// The service's own account, to create children in.
    Account,
    /// A handle to the service's own process.
    SelfProcess,
    /// An interrupt line, under `Custom + n`.
    Irq(u32),
    /// I/O ports, under `Custom + n`.
    Ports {
        /// The first.
        first: u16,
        /// How many.
        count: u16,
    },
    /// Device memory, under `Custom + n`.
    Window {
        /// Physical address.
        address: u64,
        /// Bytes.
        bytes: u64,
    },
}

impl Give {
    /// Whether it counts for `Custom + n`.
    #[must_use]
    pub fn is_custom(self) -> bool {
        matches!(self, Give::Irq(_) | Give::Ports { .. } | Give::Window { .. })
    }
}

/// Limits of an account; `None`: only what is above bounds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Frames of memory.
    pub frames: Option<u64>,
    /// Handles.
    pub handles: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Abandoned requests.
    pub requests: Option<u64>,
    /// Bytes of kernel objects.
    pub kernel_bytes: Option<u64>,
}

/// What is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line of the text, from 1; 0: the whole.
    pub line: usize,
    /// What is wrong, for people.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.message),
            line => write!(f, "line {line}: {}", self.message),
        }
    }
}
