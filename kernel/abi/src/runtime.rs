//! The C interface of the runtime: what libc.a exports under `clavis_*`, and the safe crate
//! `clavis` wraps.
//!
//! Every function answers as a system call does: a value, or a negated error number (see
//! [`crate::error::demux`]). A *place* is where a new handle goes: a number,
//! [`crate::params::OUT_LOWEST`] or [`crate::params::OUT_UPPER`].
pub use crate::namespace::EntryInfo;
pub use crate::params::{
    AccountLimits, AccountUsage, Denial, ExitStatus, HandleInfo, InspectRow, LeaseParams,
    MapParams, MintParams, RequestInfo,
};

/// Instead of a handle number: none.
pub const NONE: u64 = u64::MAX;
/// Instead of a handle number: what the calling process itself has.
pub const OWN: u64 = u64::MAX - 1;

/// A string by address and length.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Bytes {
    /// First byte; ignored when there are none.
    pub start: *const u8,
    /// How many.
    pub length: usize,
}

impl Bytes {
    /// The bytes of a slice.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Bytes {
        Bytes { start: bytes.as_ptr(), length: bytes.len() }
    }
}

/// A handle for a child.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct GivenHandle {
    /// What the calling process holds.
    pub source: u64,
    /// Number in the child; [`NONE`]: a free upper one.
    pub number: u64,
    /// [`crate::startup::EntryKind`]; 0: without a meaning.
    pub kind: u64,
    /// Mask for its rights.
    pub rights: u64,
    /// Mask for its inherit mask.
    pub inherit: u64,
    /// Handle flags to set.
    pub flags: u64,
}

/// A child to be built.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct SpawnParams {
    /// Handle of the program's file, or [`NONE`]: open `path`.
    pub file: u64,
    /// Path of the program.
    pub path: Bytes,
    /// Image name; empty: the path.
    pub name: Bytes,
    /// Arguments, program name first.
    pub args: *const Bytes,
    /// How many.
    pub arg_count: usize,
    /// Environment strings, `NAME=value`.
    pub envs: *const Bytes,
    /// How many.
    pub env_count: usize,
    /// Namespace: a handle, [`NONE`] or [`OWN`].
    pub namespace: u64,
    /// Current directory: a handle, [`NONE`] or [`OWN`].
    pub cwd: u64,
    /// The path that the current directory is shown under.
    pub cwd_path: Bytes,
    /// Account that the child is created in: a handle or [`OWN`].
    pub account: u64,
    /// Account that the child creates its own children in: a handle, [`NONE`], or [`OWN`] for
    /// the one that it is created in.
    pub child_account: u64,
    /// Rights of the child's handle to itself; 0: it gets none.
    pub self_rights: u64,
    /// Further handles; standard streams are numbers 0, 1, 2.
    pub handles: *const GivenHandle,
    /// How many.
    pub handle_count: usize,
    /// Bytes of the first stack; 0: the usual.
    pub stack_size: usize,
    /// Priority; [`NONE`]: the creator's.
    pub priority: u64,
    /// [`crate::params::process_flags`].
    pub flags: u64,
    /// Where the process handle goes.
    pub place: usize,
}

/// A name of a namespace that a fork keeps, narrows or hides.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ForkName {
    /// The name.
    pub name: Bytes,
    /// [`crate::namespace::entry_flags`].
    pub flags: u64,
    /// Mask for the rights of what is opened through it.
    pub rights: u64,
    /// Mask for their inherit mask.
    pub inherit: u64,
}

/// How a name is bound.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct BindParams {
    /// The name.
    pub name: Bytes,
    /// Put before each path.
    pub prefix: Bytes,
    /// [`crate::namespace::entry_flags`].
    pub flags: u64,
    /// Mask for the rights of what is opened through it.
    pub rights: u64,
    /// Mask for their inherit mask.
    pub inherit: u64,
}

/// A request that a server has, to be made once more on a handle of its own.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RelayParams {
    /// The handle.
    pub handle: u64,
    /// The second one of a call across two, or [`NONE`].
    pub second: u64,
    /// `Opcode` of `redox_syscall`.
    pub opcode: u64,
    /// What goes in, comes out, or both; of Recvfd the numbers of the handles that came.
    pub payload: *mut u8,
    /// Its bytes.
    pub length: usize,
    /// The arguments behind the payload. Of Read and Write: offset, flags, and whether the handle's
    /// own offset is set and used.
    pub words: [u64; 3],
    /// Where a new handle goes.
    pub place: usize,
}

/// Calls `$m!` with the functions: `"meaning" name(argument: type, …);`. All of them are
/// `unsafe extern "C"` and answer a `usize`; the pointers must be valid for what the meaning says.
#[macro_export]
macro_rules! with_runtime_functions {
    ($m:ident) => {
        $m! {
            "Builds and starts a process; answers its handle."
            clavis_spawn(params: *const SpawnParams);
            "Reads how a process ended, or what `wait_flags` say."
            clavis_wait(process: usize, flags: u64, status: *mut ExitStatus);
            "Nanoseconds that a process (or OWN) has spent on a CPU, or what else `cpu_time` has."
            clavis_cpu_time(process: u64, which: usize);
            "Sends a signal to a process or account."
            clavis_signal(target: usize, signal: usize);
            "Sends a signal to the processes of an account that are in a group (0: to all)."
            clavis_signal_group(account: usize, group: usize, signal: usize);
            "The handle number that this process was given under a kind, or ENOENT."
            clavis_startup_handle(kind: u64);
            "Opens a path, from a directory or, with NONE, as the process does."
            clavis_open(dir: u64, path: *const u8, length: usize, flags: u64, place: usize);
            "Closes a handle."
            clavis_close(handle: usize);
            "Duplicates a handle, with a message if there is one."
            clavis_dup(handle: usize, message: *const u8, length: usize, place: usize);
            "Reads bytes, at an offset or, with `u64::MAX`, at the handle's own."
            clavis_read(handle: usize, buffer: *mut u8, length: usize, offset: u64);
            "Writes bytes, at an offset or, with `u64::MAX`, at the handle's own."
            clavis_write(handle: usize, bytes: *const u8, length: usize, offset: u64);
            "Makes a request once more; answers what it yields."
            clavis_relay(params: *const RelayParams);
            "Moves the handle's own offset; answers it."
            clavis_seek(handle: usize, offset: isize, whence: usize);
            "A control command."
            clavis_control(handle: usize, command: usize, argument: usize);
            "CALL with flags and words of metadata."
            clavis_call(handle: usize, payload: *mut u8, length: usize, flags: usize, words: *const u64, count: usize);
            "Narrows a handle for ever."
            clavis_limit(handle: usize, rights: u64, inherit: u64, flags: u64);
            "A narrower handle to the same description."
            clavis_derive(handle: usize, rights: u64, inherit: u64, flags: u64, place: usize);
            "Makes a lease."
            clavis_lease_create(params: *const LeaseParams, place: usize);
            "A narrower handle to the same description, which ends with a lease."
            clavis_lend(handle: usize, lease: usize, rights: u64, inherit: u64, place: usize);
            "Ends a lease, and with it all that is under it."
            clavis_revoke(lease: usize);
            "What a handle is."
            clavis_query(handle: usize, info: *mut HandleInfo);
            "The last refusal that this thread met: 1 if there was one."
            clavis_last_denial(denial: *mut Denial);
            "Rows of a process' handles from a cursor; answers how many."
            clavis_inspect(process: usize, cursor: u64, rows: *mut InspectRow, count: usize);
            "A handle with NAME only to a number of another process."
            clavis_borrow(process: usize, number: usize, place: usize);
            "The path of an object as people write it; answers its bytes."
            clavis_path(handle: usize, buffer: *mut u8, length: usize);
            "Makes an object from the process' factory of a kind (`EntryKind`)."
            clavis_create(kind: u64, first: u64, second: u64, place: usize);
            "Makes a pipe: read end, write end."
            clavis_pipe(flags: usize, place: usize, ends: *mut usize);
            "Makes an account beneath one (or OWN)."
            clavis_account(parent: u64, limits: *const AccountLimits, place: usize);
            "What an account (or OWN, or that of a process) may use and uses."
            clavis_usage(account: u64, usage: *mut AccountUsage);
            "A handle of its own to the namespace of this process."
            clavis_namespace(place: usize);
            "Replaces the namespace of this process; it owns the handle from now on. NONE: no namespace."
            clavis_namespace_set(handle: u64);
            "Forks a namespace."
            clavis_namespace_fork(namespace: usize, flags: u64, permissions: u64, names: *const ForkName, count: usize, place: usize);
            "A handle to the same namespace with fewer permissions."
            clavis_namespace_shrink(namespace: usize, permissions: u64, place: usize);
            "Binds a name to a handle, of which the namespace gets a copy."
            clavis_namespace_bind(namespace: usize, target: usize, params: *const BindParams);
            "Removes a name."
            clavis_namespace_unbind(namespace: usize, name: *const u8, length: usize);
            "A ticket on which the root of a service is sent."
            clavis_namespace_register(namespace: usize, name: *const u8, length: usize, place: usize);
            "A listing of the names within a place."
            clavis_namespace_within(namespace: usize, name: *const u8, length: usize, place: usize);
            "Fixes names and masks for ever."
            clavis_namespace_seal(namespace: usize);
            "What is known of a name."
            clavis_namespace_entry(namespace: usize, name: *const u8, length: usize, entry: *mut EntryInfo);
            "Enters capability mode: no namespace, no current directory, nothing above a directory, for ever."
            clavis_confine();
            "1 in capability mode, else 0."
            clavis_confined();
            "Makes a path visible with letters out of `rwxc` and, the first time, hides the others; two nulls: locks that."
            clavis_unveil(path: *const Bytes, letters: *const Bytes);
            "Restricts the process to promises, and the program that it becomes; null: as it is."
            clavis_pledge(own: *const Bytes, exec: *const Bytes);
            "Makes a directory handle (a copy of it) the current directory."
            clavis_cwd_set(handle: usize);
            "Sends handles through a channel; with `copy` 0 they leave this process."
            clavis_send(channel: usize, handles: *const usize, count: usize, copy: usize, words: *const u64, word_count: usize);
            "Receives up to `count` handles through a channel; answers how many were written."
            clavis_receive(channel: usize, handles: *mut usize, count: usize, upper: usize);
            "Declares properties of the endpoint behind a socket."
            clavis_declare(socket: usize, flags: u64);
            "Makes a handle to an object of the server behind a socket."
            clavis_mint(socket: usize, params: *const MintParams, place: usize);
            "What a server may know of a request beyond its Sqe."
            clavis_request_info(socket: usize, tag: u32, info: *mut RequestInfo);
            "Puts a further handle into a handle table."
            clavis_table_put(table: usize, handle: usize, number: usize, rights: u64, inherit: u64);
            "A handle to the memory behind an object."
            clavis_memory_of(handle: usize, offset: u64, length: u64, protection: usize, place: usize);
            "Maps memory into this process; answers the address."
            clavis_map(params: *const MapParams);
            "Unmaps whole pages."
            clavis_unmap(address: usize, length: usize);
            "Freezes the content of a memory object."
            clavis_seal(memory: usize);
            "The number of this process (0) or thread (1)."
            clavis_identity(which: usize);
            "When this thread's blocking calls end with ETIMEDOUT, in monotonic nanoseconds; 0: never."
            clavis_set_deadline(instant: u64);
        }
    };
}
