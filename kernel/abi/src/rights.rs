//! Rights: what a handle permits. Each names an operation, not a mode.
//!
//! A handle carries two sets: `rights`, what may be done with it, and `inherit`, the most that a
//! handle obtained *through* it can have. Both only ever shrink.
use bitflags::bitflags;
use syscall::flag;

/// Calls `$m!` with the table of rights: `(NAME, bit, "what it permits")`.
#[macro_export]
macro_rules! with_rights {
    ($m:ident) => {
        $m! {
            (READ, 0, "read bytes; receive requests from a scheme socket; read events"),
            (WRITE, 1, "write bytes anywhere; answer requests on a scheme socket; register events"),
            (APPEND, 2, "write bytes at the end only (alone on append-locked descriptions)"),
            (SEEK, 3, "move the offset; read or write at an explicit offset"),
            (MAP_READ, 4, "map for reading"),
            (MAP_WRITE, 5, "map shared for writing"),
            (MAP_EXEC, 6, "map for execution"),
            (STAT, 7, "read metadata and statistics of the file system"),
            (SET_ATTR, 8, "change mode, owner and times"),
            (TRUNCATE, 9, "change the length; open with O_TRUNC"),
            (SYNC, 10, "flush to the medium"),
            (LOCK, 11, "take and query advisory locks"),
            (LOOKUP, 12, "open names beneath this directory"),
            (LIST, 13, "list the names in this directory or namespace"),
            (CREATE, 14, "create names; make objects from a factory"),
            (REMOVE, 15, "remove names"),
            (RENAME, 16, "rename this object, or names in this directory"),
            (LINK, 17, "make a hard link to this object, or in this directory"),
            (EXEC, 18, "start a program from this file"),
            (EVENT, 19, "be told of readiness"),
            (CONTROL, 20, "fcntl that reaches the server; settings of a kernel object"),
            (CALL, 21, "send calls with server-defined meaning"),
            (DERIVE, 22, "dup with a message: obtain server-defined handles"),
            (NAME, 23, "learn the path (fpath, relpathat)"),
            (SEND_HANDLE, 24, "send handles through this channel"),
            (RECV_HANDLE, 25, "receive handles through this channel"),
            (DUP, 26, "make another handle to the same description"),
            (TRANSFER, 27, "be sent, handed over or given to a new process"),
            (FORWARD, 28, "be the target of a forwarded request"),
            (SIGNAL, 29, "send a signal to, or end, a process or account"),
            (WAIT, 30, "read the exit status"),
            (INSPECT, 31, "list the handles of a process; read counters"),
            (MANAGE, 32, "map into, give handles to, start; create accounts and processes"),
            (DEBUG, 33, "keep MANAGE on a started process"),
            (JIT, 34, "map memory executable that is not sealed (process right)"),
            (FILL, 35, "put a root handle into a slot, or empty it"),
        }
    };
}

macro_rules! define_rights {
    ($(($name:ident, $bit:literal, $doc:literal),)*) => {
        bitflags! {
            /// A set of rights; bits 48 and up are reserved and always zero.
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
            pub struct Rights: u64 {
                $(#[doc = $doc] const $name = 1 << $bit;)*
            }
        }

        /// Name, bit and meaning of each right, in bit order.
        pub static TABLE: &[(&str, Rights, &str)] = &[
            $((stringify!($name), Rights::$name, $doc),)*
        ];

        /// The names alone, in that order, each with a space behind it: text without addresses,
        /// which nobody has to relocate.
        const NAMES: &str = concat!($(stringify!($name), " "),*);
        /// The rights of the names.
        const NAMED: &[Rights] = &[$(Rights::$name),*];
    };
}
with_rights!(define_rights);

/// Every right with its name.
fn named() -> impl Iterator<Item = (&'static str, Rights)> {
    NAMES.split_ascii_whitespace().zip(NAMED.iter().copied())
}

impl Rights {
    /// Implied by any open, whatever its access mode: published daemons open with mode 0 and then
    /// stat, call and duplicate. The directory operations do not depend on the access mode.
    pub const BASE: Rights = Rights::STAT
        .union(Rights::NAME)
        .union(Rights::SYNC)
        .union(Rights::DUP)
        .union(Rights::DERIVE)
        .union(Rights::CALL)
        .union(Rights::LOOKUP)
        .union(Rights::EVENT)
        .union(Rights::CONTROL)
        .union(Rights::TRANSFER)
        .union(Rights::FORWARD)
        .union(Rights::CREATE)
        .union(Rights::REMOVE)
        .union(Rights::RENAME)
        .union(Rights::LINK)
        .union(Rights::SET_ATTR);
    /// Added by opening for reading.
    pub const READING: Rights = Rights::READ
        .union(Rights::SEEK)
        .union(Rights::MAP_READ)
        .union(Rights::MAP_EXEC)
        .union(Rights::LIST)
        .union(Rights::EXEC)
        .union(Rights::LOCK)
        .union(Rights::RECV_HANDLE);
    /// Added by opening for writing.
    pub const WRITING: Rights = Rights::WRITE
        .union(Rights::APPEND)
        .union(Rights::SEEK)
        .union(Rights::MAP_WRITE)
        .union(Rights::TRUNCATE)
        .union(Rights::LOCK)
        .union(Rights::SEND_HANDLE);
    /// What a scheme socket is born with.
    pub const SOCKET: Rights = Rights::READ
        .union(Rights::WRITE)
        .union(Rights::CALL)
        .union(Rights::DERIVE)
        .union(Rights::STAT)
        .union(Rights::EVENT)
        .union(Rights::CONTROL)
        .union(Rights::DUP)
        .union(Rights::TRANSFER)
        .union(Rights::SEND_HANDLE)
        .union(Rights::RECV_HANDLE);

    /// The rights that open flags ask for: what the new handle can have at most.
    #[must_use]
    pub fn implied(flags: u64) -> Rights {
        let mode = flags as usize & flag::O_ACCMODE;
        let mut rights = Rights::BASE;
        if mode & flag::O_RDONLY != 0 {
            rights |= Rights::READING;
        }
        if mode & flag::O_WRONLY != 0 {
            rights |= Rights::WRITING;
            if flags as usize & flag::O_APPEND != 0 {
                rights -= Rights::WRITE | Rights::TRUNCATE | Rights::MAP_WRITE;
            }
        }
        rights
    }

    /// What an open with these flags demands of the `inherit` masks on its way: an open that
    /// demands more than the masks allow is refused before the server hears of it.
    #[must_use]
    pub fn demanded(flags: u64) -> Rights {
        let mode = flags as usize & flag::O_ACCMODE;
        let mut rights = Rights::empty();
        if mode & flag::O_RDONLY != 0 {
            rights |= Rights::READ;
        }
        if mode & flag::O_WRONLY != 0 {
            rights |=
                if flags as usize & flag::O_APPEND != 0 { Rights::APPEND } else { Rights::WRITE };
        }
        if flags as usize & flag::O_TRUNC != 0 {
            rights |= Rights::TRUNCATE;
        }
        if flags as usize & flag::O_CREAT != 0 {
            rights |= Rights::CREATE;
        }
        if flags & crate::params::open_flags::EXEC != 0 {
            rights |= Rights::EXEC;
        }
        rights
    }

    /// The rights as names separated by `|`, for people.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        named().filter(move |row| self.contains(row.1)).map(|row| row.0)
    }

    /// The right of that name, as the tables spell it.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Rights> {
        named().find(|row| row.0 == name).map(|row| row.1)
    }
}
