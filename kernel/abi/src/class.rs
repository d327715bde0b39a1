//! Message classes: what can be asked of a scheme, how its payload travels, which right it needs.
//!
//! The kernel canonicalises and validates every message by this table before a server sees it, so
//! a server only meets well-formed, permitted requests.
use crate::Rights;
use syscall::StdFsCallKind;
use syscall::schemev2::Opcode;

/// How the payload of a class travels between client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// There is none.
    None,
    /// Nothing goes in; `min(result, length)` bytes come out. A result above the length is `EIO`.
    Length,
    /// All of it goes in; nothing comes out.
    In,
    /// All of it goes in, and must be UTF-8 without NUL, at most `PATH_MAX` bytes.
    Path,
    /// A zeroed structure of exactly this many bytes goes in and comes out whole.
    Structure(usize),
    /// All of it goes in; the whole comes out exactly when the call carries `READ`.
    Both,
}

/// The form a payload must have beyond its length rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any bytes.
    Free,
    /// Exactly this many bytes.
    Exact(usize),
    /// Two paths separated by exactly one NUL.
    TwoPaths,
    /// One path.
    Path,
    /// A lock range: `start` and `start + length` at most `i63`; 16 bytes of payload for queries.
    LockRange(usize),
}

/// Calls `$m!` with the table: `(Class, opcode, payload, right, "meaning")`.
#[macro_export]
macro_rules! with_classes {
    ($m:ident) => {
        $m! {
            (OpenAt, OpenAt, Path, LOOKUP, "open a name beneath a directory"),
            (UnlinkAt, UnlinkAt, Path, REMOVE, "remove a name beneath a directory"),
            (Dup, Dup, In, DERIVE, "obtain a server-defined handle by a message"),
            (Read, Read, Length, READ, "read bytes"),
            (Write, Write, In, WRITE, "write bytes"),
            (Fsize, Fsize, None, SEEK, "the length of the object"),
            (Fchown, Fchown, None, SET_ATTR, "change owner and group"),
            (Fcntl, Fcntl, None, CONTROL, "server-defined control; F_SETFL as a notice"),
            (Fevent, Fevent, None, EVENT, "which events are of interest; the answer is current readiness"),
            (Fpath, Fpath, Length, NAME, "the path of the object"),
            (Flink, Flink, Path, LINK, "make a link to the object"),
            (Frename, Frename, Path, RENAME, "rename the object"),
            (Fstat, Fstat, (Structure 104), STAT, "metadata"),
            (Fsync, Fsync, None, SYNC, "flush"),
            (MmapPrep, MmapPrep, None, MAP_READ, "memory for a mapping"),
            (Call, Call, Both, CALL, "server-defined call"),
            (StdFs, StdFsCall, Both, CALL, "standard file system call, by kind"),
            (SendFd, Sendfd, None, SEND_HANDLE, "handles for the server"),
            (RecvFd, Recvfd, None, RECV_HANDLE, "handles from the server"),
        }
    };
}

macro_rules! payload {
    ((Structure $size:literal)) => {
        Payload::Structure($size)
    };
    ($rule:ident) => {
        Payload::$rule
    };
}

macro_rules! define_classes {
    ($(($name:ident, $opcode:ident, $payload:tt, $right:ident, $doc:literal),)*) => {
        /// A class of messages that await an answer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Class { $(#[doc = $doc] $name,)* }

        impl Class {
            /// Every class, in table order.
            pub const ALL: &[Class] = &[$(Class::$name,)*];

            /// The opcode it is sent with.
            #[must_use]
            pub fn opcode(self) -> Opcode {
                match self { $(Class::$name => Opcode::$opcode,)* }
            }

            /// How its payload travels.
            #[must_use]
            pub fn payload(self) -> Payload {
                match self { $(Class::$name => payload!($payload),)* }
            }

            /// The right it needs on the handle it is sent through.
            #[must_use]
            pub fn right(self) -> Rights {
                match self { $(Class::$name => Rights::$right,)* }
            }

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Class::$name => stringify!($name),)* }
            }

            /// What it means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Class::$name => $doc,)* }
            }
        }
    };
}
with_classes!(define_classes);

/// What a standard file system call demands: rights on its first and second handle, and its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StdFsRule {
    /// The kind.
    pub kind: StdFsCallKind,
    /// Right on the first handle.
    pub right: Rights,
    /// Right on the second handle; `None` for calls on one handle.
    pub second: Option<Rights>,
    /// Form of the payload.
    pub form: Form,
    /// Whether the payload comes back.
    pub output: bool,
}

const fn rule(kind: StdFsCallKind, right: Rights, form: Form, output: bool) -> StdFsRule {
    StdFsRule { kind, right, second: None, form, output }
}

/// The standard file system calls.
pub const STD_FS: &[StdFsRule] = &[
    rule(StdFsCallKind::Fchmod, Rights::SET_ATTR, Form::Exact(0), false),
    rule(StdFsCallKind::Fchown, Rights::SET_ATTR, Form::Exact(0), false),
    rule(StdFsCallKind::Getdents, Rights::LIST, Form::Free, true),
    rule(StdFsCallKind::Fstat, Rights::STAT, Form::Exact(104), true),
    rule(StdFsCallKind::Fstatvfs, Rights::STAT, Form::Exact(32), true),
    rule(StdFsCallKind::Fsync, Rights::SYNC, Form::Exact(0), false),
    rule(StdFsCallKind::Ftruncate, Rights::TRUNCATE, Form::Exact(0), false),
    rule(StdFsCallKind::Futimens, Rights::SET_ATTR, Form::Exact(32), false),
    rule(StdFsCallKind::Unlinkat, Rights::REMOVE, Form::Path, false),
    StdFsRule {
        kind: StdFsCallKind::Relpathat,
        right: Rights::NAME,
        second: Some(Rights::NAME),
        form: Form::Free,
        output: true,
    },
    rule(StdFsCallKind::Lock, Rights::LOCK, Form::LockRange(0), false),
    rule(StdFsCallKind::Unlock, Rights::LOCK, Form::LockRange(0), false),
    rule(StdFsCallKind::GetLock, Rights::LOCK, Form::LockRange(16), true),
    StdFsRule {
        kind: StdFsCallKind::Frenameat,
        right: Rights::RENAME,
        second: Some(Rights::RENAME),
        form: Form::TwoPaths,
        output: false,
    },
    StdFsRule {
        kind: StdFsCallKind::Flinkat,
        right: Rights::LINK,
        second: Some(Rights::LINK),
        form: Form::Path,
        output: false,
    },
];

/// The rule of a kind byte.
#[must_use]
pub fn std_fs_rule(kind: u8) -> Option<&'static StdFsRule> {
    STD_FS.iter().find(|row| row.kind as u8 == kind)
}

/// Clavis's own answer opcode: *forward*. `result` is the address of a
/// [`crate::params::ForwardParams`].
pub const CQE_FORWARD: u8 = 7;
