//! Structures behind the pointers of Clavis's own calls. All are plain words without padding.
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// Open flags beyond the 32 bits of `redox_syscall`; valid in the flags word of OPENAT_INTO2.
pub mod open_flags {
    /// Refuse absolute paths and any step that leaves the directory.
    pub const BENEATH: u64 = 1 << 32;
    /// Take the directory as the root: absolute paths and `..` stay inside.
    pub const IN_ROOT: u64 = 1 << 33;
    /// Follow no symbolic link in any component.
    pub const NO_SYMLINKS: u64 = 1 << 34;
    /// Do not cross into another file system.
    pub const NO_XDEV: u64 = 1 << 35;
    /// Open for execution.
    pub const EXEC: u64 = 1 << 36;
    /// Refuse a directory (`EISDIR`), as far as the server knows this flag.
    pub const NOT_DIRECTORY: u64 = 1 << 37;
    /// Pass the path on to nobody: who judges paths walks name by name. The kernel asks for it where
    /// [`OR_WALK`] led to a link or a directory.
    pub const WALK: u64 = 1 << 38;
    /// All that a program can ask for.
    pub const ALL: u64 = BENEATH | IN_ROOT | NO_SYMLINKS | NO_XDEV | EXEC | NOT_DIRECTORY | WALK;
    /// In a forward alone: if the next server answers `ELOOP`, `ENOTDIR` or `EISDIR`, the open is made
    /// anew from its start, with [`WALK`].
    pub const OR_WALK: u64 = 1 << 39;
    /// What a forward can ask of the next server beyond what the open does.
    pub const FORWARDED: u64 = BENEATH | NO_SYMLINKS | NO_XDEV | NOT_DIRECTORY | OR_WALK;

    /// What a handle's flags ask of every open through it.
    #[must_use]
    pub const fn of_handle(flags: u64) -> u64 {
        let apart = flags & (super::handle_flags::NO_SYMLINKS | super::handle_flags::NO_XDEV);
        (flags & super::handle_flags::BENEATH) << 31 | apart << 32
    }
}

/// Flags of a handle (not of the description behind it).
pub mod handle_flags {
    /// Closed by exec and not given to children.
    pub const CLOEXEC: u64 = 1 << 0;
    /// Sticky and inherited: opens through this handle stay beneath it.
    pub const BENEATH: u64 = 1 << 1;
    /// Sticky and inherited: opens through this handle follow no symbolic links.
    pub const NO_SYMLINKS: u64 = 1 << 2;
    /// Sticky and inherited: opens through this handle stay in one file system.
    pub const NO_XDEV: u64 = 1 << 3;
    /// Flags that pass to every handle obtained through the handle.
    pub const STICKY: u64 = BENEATH | NO_SYMLINKS | NO_XDEV;

    /// What an open's flags ask of the handle that it gives.
    #[must_use]
    pub const fn of_open(flags: u64) -> u64 {
        flags >> 31 & BENEATH | flags >> 32 & (NO_SYMLINKS | NO_XDEV)
    }
}

const _: () = {
    let open = open_flags::BENEATH | open_flags::NO_SYMLINKS | open_flags::NO_XDEV;
    assert!(open_flags::of_handle(handle_flags::STICKY) == open);
    assert!(handle_flags::of_open(open_flags::ALL) == handle_flags::STICKY);
    assert!(handle_flags::of_open(open_flags::NO_XDEV) == handle_flags::NO_XDEV);
    assert!(open_flags::of_handle(handle_flags::NO_XDEV) == open_flags::NO_XDEV);
};

/// Flags that an endpoint declares ([`crate::call::Call::Declare`]).
pub mod endpoint_flags {
    /// The server walks by node and keeps BENEATH by construction.
    pub const STRUCTURAL: u64 = 1 << 0;
    /// A successor may continue the epoch: the server vouches for old numbers, and what its
    /// predecessor had taken and not answered is delivered to it again, under the same tags. It
    /// receives in one thread.
    pub const ADOPT: u64 = 1 << 1;
}

/// Out number: the lowest free one.
pub const OUT_LOWEST: usize = usize::MAX;
/// Out number: any free one of the upper table. (`usize::MAX - 2` is `EVENT_TIMEOUT_ID`.)
pub const OUT_UPPER: usize = usize::MAX - 3;
/// Own flag of CALL where it receives handles: the payload holds the out numbers that are wanted.
pub const CALL_CHOSEN: usize = 1 << 32;
/// In a [`Grant`]: the new process itself.
pub const GRANT_SELF: u64 = u64::MAX;
/// In [`crate::call::Call::Map`]: the calling process.
pub const MAP_SELF: usize = usize::MAX;

/// In [`crate::call::Call::Signal`]: the calling process.
pub const SIGNAL_SELF: usize = usize::MAX;

/// Reads or writes at the description's own offset.
pub const OFFSET_OWN: u64 = u64::MAX;

/// Index bits of an upper number; the generation lies above them.
pub const UPPER_INDEX_BITS: u32 = 16;
/// The tag that marks an upper number.
pub const UPPER_TAG: usize = syscall::UPPER_FDTBL_TAG;

/// The upper number with that index and generation.
#[must_use]
pub const fn upper_number(index: u16, generation: u32) -> usize {
    UPPER_TAG | (generation as usize) << UPPER_INDEX_BITS | index as usize
}

/// Birth handle: reads end of file, swallows writes.
pub const BIRTH_NULL: usize = upper_number(0, 0);
/// Birth handle: random bytes.
pub const BIRTH_RANDOM: usize = upper_number(1, 0);
/// Birth handle: the program's own image name, as readable bytes.
pub const BIRTH_NAME: usize = upper_number(2, 0);
/// First upper index that a builder may choose for a grant.
pub const FIRST_GRANT_INDEX: u16 = 8;

macro_rules! wire {
    ($(#[$outer:meta])* pub struct $name:ident { $($(#[$inner:meta])* pub $field:ident: $ty:ty,)* }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C)]
        pub struct $name { $($(#[$inner])* pub $field: $ty,)* }

        impl Default for $name {
            fn default() -> Self {
                FromZeros::new_zeroed()
            }
        }
    };
}

mod account;
mod audit;
mod ending;
mod lease;
mod object;
mod origin;
pub use account::*;
pub use audit::*;
pub use ending::*;
pub use lease::*;
pub use object::*;
pub use origin::*;

wire! {
    /// A new thread of the calling process.
    pub struct ThreadParams {
        /// Address of its first instruction.
        pub entry: u64,
        /// Its stack pointer.
        pub stack: u64,
        /// Its first argument (`rdi`).
        pub argument: u64,
        /// Base of its local storage (`fs`).
        pub tls: u64,
    }
}

wire! {
    /// A new process.
    pub struct ProcessParams {
        /// Address of the grants.
        pub grants: u64,
        /// How many, at most `SPAWN_GRANTS`.
        pub grant_count: u64,
        /// Address of its image name (what BIRTH_NAME reads).
        pub name: u64,
        /// Bytes of the name, at most `PATH_MAX`.
        pub name_len: u64,
        /// Handle table to use (a table handle with MANAGE), or `u64::MAX` for a new one.
        pub table: u64,
        /// Priority of its threads; at most the creator's. `u64::MAX`: the creator's.
        pub priority: u64,
        /// See [`process_flags`].
        pub flags: u64,
    }
}

/// Flags of a new process.
pub mod process_flags {
    /// The builder keeps MANAGE after the start.
    pub const DEBUG: u64 = 1 << 0;
    /// The process may map unsealed memory executable (the creator needs JIT on the account).
    pub const JIT: u64 = 1 << 1;
    /// Free handle numbers are taken at random, not the lowest first; its forks' too.
    pub const SCATTERED: u64 = 1 << 2;
    /// It ends with the last handle to it that others have. Its forks are not tied.
    pub const TIED: u64 = 1 << 3;
}

wire! {
    /// A handle given to a new process.
    pub struct Grant {
        /// Handle of the creator, or [`GRANT_SELF`].
        pub source: u64,
        /// Number in the new process: a lower number, or an upper one of generation 0 with an
        /// index of at least [`FIRST_GRANT_INDEX`].
        pub number: u64,
        /// Mask for the rights.
        pub rights: u64,
        /// Mask for the inherit mask.
        pub inherit: u64,
        /// Handle flags to set.
        pub flags: u64,
    }
}

wire! {
    /// A mapping into a process.
    pub struct MapParams {
        /// Memory handle of the caller, or `u64::MAX` for anonymous memory.
        pub memory: u64,
        /// Offset in the memory, page-aligned bytes.
        pub offset: u64,
        /// Address, page-aligned; 0: the kernel chooses.
        pub address: u64,
        /// Bytes, rounded up to pages.
        pub length: u64,
        /// `MapFlags` of redox_syscall: protection, MAP_SHARED or MAP_PRIVATE, MAP_FIXED_NOREPLACE.
        pub flags: u64,
    }
}

wire! {
    /// What a handle is.
    pub struct HandleInfo {
        /// What may be done with it.
        pub rights: u64,
        /// The most that a handle obtained through it can have.
        pub inherit: u64,
        /// [`handle_flags`].
        pub flags: u64,
        /// [`ObjectType`].
        pub object: u64,
        /// Open flags of the description.
        pub open_flags: u64,
        /// Number of the lease that it is under, the same for all that are; 0: none.
        pub lease: u64,
        /// Label of the slot it was opened through, zero-padded: information, never authority.
        pub label: [u8; 64],
    }
}

wire! {
    /// One handle of an inspected process.
    pub struct InspectRow {
        /// Its number there.
        pub number: u64,
        /// Where to continue: pass it as the next cursor. 0: this was the last.
        pub next: u64,
        /// What it is.
        pub info: HandleInfo,
        /// Number of the object: the same for all handles to it, among objects of its type. Of
        /// processes and accounts it is the one that they are known by; all of a scheme's objects
        /// and its sockets have that of the endpoint, and so has a slot that one of them fills. 0: none
        /// is told.
        pub object: u64,
        /// Number of the process that opened or made what it points to; 0: the kernel.
        pub maker: u64,
        /// [`Step`]: how it came to this number.
        pub step: u64,
        /// Number of the process that it came from, where it came from another; else 0.
        pub from: u64,
        /// [`short_number`] of the handle there that it is a copy of; of what was opened, the one here
        /// that it was opened through.
        pub via: u64,
    }
}

wire! {
    /// The last refusal that the calling thread met.
    pub struct Denial {
        /// Number of the system call.
        pub call: u64,
        /// The handle.
        pub handle: u64,
        /// The rights that were missing (`Rights` bits); 0 when a rule refused.
        pub missing: u64,
        /// [`DenialRule`].
        pub rule: u64,
    }
}

/// Why the door refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum DenialRule {
    /// The handle lacks a right.
    Rights = 0,
    /// The open flags demand more than the handle's inherit mask allows.
    Inherit = 1,
    /// The path leaves the directory.
    Beneath = 2,
    /// The file system of the directory does not resolve structurally.
    NotStructural = 3,
    /// The description is append-locked.
    AppendLocked = 4,
    /// A process without JIT asked for unsealed executable memory.
    NotSealed = 5,
    /// The lease of the handle was revoked.
    Revoked = 6,
    /// The lease of the handle has expired.
    Expired = 7,
    /// The namespace has no such name. (Said by the namespace manager, never by the kernel.)
    Name = 8,
    /// The namespace's handle does not permit that. (Said by the namespace manager.)
    Permission = 9,
    /// A rule of the server's own. (Said by servers.)
    Policy = 10,
}

wire! {
    /// A handle minted by a server for one of its own objects.
    pub struct MintParams {
        /// The server's number of the object.
        pub number: u64,
        /// Initial offset.
        pub offset: u64,
        /// Open flags of the description.
        pub flags: u64,
        /// `NewFdFlags`.
        pub internal_flags: u64,
        /// Badge that arrives with requests on it.
        pub badge: u64,
        /// Rights.
        pub rights: u64,
        /// Inherit mask.
        pub inherit: u64,
    }
}

wire! {
    /// What a server may know of a request beyond its Sqe.
    pub struct RequestInfo {
        /// Badge of the handle it was sent through.
        pub badge: u64,
        /// Number of the calling process: information, never authority.
        pub process: u64,
        /// Rights of the handle it was sent through, after all masks.
        pub rights: u64,
        /// Its open flags of 64 bits, for OpenAt.
        pub flags: u64,
        /// 1: a server that died had it before.
        pub again: u64,
    }
}

wire! {
    /// The answer *ask that handle instead*. The kernel reads it and the path from the answering
    /// process before anything changes.
    pub struct ForwardParams {
        /// Handle of the answering process to ask instead (LOOKUP and FORWARD).
        pub fd: u64,
        /// Address of the path to ask for.
        pub path: u64,
        /// Its bytes.
        pub path_len: u64,
        /// Mask for the rights of the result.
        pub rights: u64,
        /// Mask for the inherit mask of the result.
        pub inherit: u64,
        /// Handle flags that the result shall carry (sticky ones), and above bit 31 open flags
        /// ([`open_flags::FORWARDED`]) for the server that is asked instead.
        pub flags: u64,
    }
}

/// Operations that a write to the power handle asks for: one byte.
pub mod power {
    /// Switch the machine off.
    pub const OFF: u8 = b'0';
    /// Restart the machine.
    pub const RESTART: u8 = b'r';
    /// Restart the machine because init has ended: for the kernel alone.
    pub const INIT_ENDED: u8 = b'i';
}

/// Command of `fcntl` on the kernel log (needs CONTROL): the argument 0 stops the kernel writing
/// to the serial line and screen by itself, 1 lets it start again.
pub const LOG_ECHO: usize = 0x4000_0001;

wire! {
    /// One row of the counters object: how many objects of a type were made and destroyed.
    pub struct CounterRow {
        /// Zero-padded name.
        pub name: [u8; 16],
        /// Made since boot.
        pub created: u64,
        /// Destroyed since boot.
        pub destroyed: u64,
    }
}
