//! The startup block: what a new process finds at the address in `rdi`. It is mapped read-only;
//! its builder writes it (the kernel for init, the runtime's spawn for everybody else).
//!
//! Layout: [`Header`], then `entries` × [`Entry`], then the strings. Offsets count from the block.
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// First word of a startup block.
pub const MAGIC: u64 = u64::from_le_bytes(*b"CLAVIS01");

/// Head of the block.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: u64,
    /// Bytes of the whole block.
    pub size: u64,
    /// How many [`Entry`] follow.
    pub entries: u64,
    /// How many arguments there are; they lie NUL-terminated one after the other.
    pub argc: u64,
    /// Offset of the first argument.
    pub args: u64,
    /// How many environment strings (`NAME=value`) there are.
    pub envc: u64,
    /// Offset of the first environment string.
    pub envs: u64,
    /// Offset of the path of the current directory (for getcwd).
    pub cwd: u64,
    /// Its bytes.
    pub cwd_len: u64,
    /// Address where the image lies (its first segment's page).
    pub image_base: u64,
    /// Address of the program headers in the mapped image, or 0.
    pub program_headers: u64,
    /// How many program headers.
    pub program_header_count: u64,
    /// Address of the TLS template, or 0.
    pub tls_template: u64,
    /// Bytes of the template.
    pub tls_file_size: u64,
    /// Bytes of the thread's TLS block.
    pub tls_memory_size: u64,
    /// Alignment of the TLS block.
    pub tls_align: u64,
    /// Lowest address of the first thread's stack.
    pub stack_base: u64,
    /// Bytes of the first thread's stack, without its guard page.
    pub stack_size: u64,
    /// Promises of `pledge` that the program begins without, as a word of the runtime's; 0: none.
    pub given_up: u64,
}

/// A handle that the process was given with a meaning.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Entry {
    /// [`EntryKind`].
    pub kind: u64,
    /// The handle's number.
    pub number: u64,
}

/// What a startup handle is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum EntryKind {
    /// The process itself.
    SelfProcess = 1,
    /// Its namespace.
    Namespace = 2,
    /// Its current directory.
    Cwd = 3,
    /// The account that children are created in.
    Account = 4,
    /// The job handle of a shell's console, service-defined.
    Console = 5,
    /// The boot image (init, initfs).
    BootImage = 6,
    /// The kernel log.
    Log = 7,
    /// Power control.
    Power = 8,
    /// Counters.
    Counters = 9,
    /// The framebuffer window, if there is one.
    Framebuffer = 10,
    /// The memory that a service keeps its state in.
    State = 11,
    /// A service's own handle table.
    Table = 12,
    /// A service's endpoint socket.
    Socket = 13,
    /// The wall clock, for whoever may set it.
    Clock = 14,
    /// What init tells of the services: memory that it writes.
    Board = 15,
    /// The audit ring, to read.
    Audit = 16,
    /// The audit ring, to write to: for servers that refuse by rules of their own.
    Report = 17,
    /// Factory of scheme endpoints.
    FactoryScheme = 32,
    /// Factory of slots.
    FactorySlot = 33,
    /// Factory of memory.
    FactoryMemory = 34,
    /// Factory of event queues.
    FactoryEvent = 35,
    /// Factory of pipes.
    FactoryPipe = 36,
    /// Factory of timers.
    FactoryTime = 37,
    /// Factory of process handles.
    FactoryProcess = 38,
    /// Factory of interrupt lines.
    FactoryIrq = 39,
    /// Factory of port ranges.
    FactoryPort = 40,
    /// Factory of windows.
    FactoryWindow = 41,
    /// Factory of handle tables.
    FactoryTable = 42,
    /// First of the endpoints' sockets that outlive a service's instances: the one of the n-th
    /// name that its manifest lets it register lies under `Endpoint + n`.
    Endpoint = 128,
    /// First of the service-defined kinds: a manifest gives a service its handles under
    /// `Custom + n`, in the order in which its `give` lines stand.
    Custom = 256,
}
