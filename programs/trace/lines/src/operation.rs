//! What a request is.

use syscall::flag::StdFsCallKind;
use syscall::schemev2::Opcode;

macro_rules! operations {
    ($($name:ident $text:literal,)*) => {
        /// An operation at the boundary, as the lines name it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Operation {
            $(#[doc = $text] $name,)*
        }

        impl Operation {
            /// All of them.
            pub const ALL: &[Operation] = &[$(Operation::$name,)*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Operation::$name => $text,)*
                }
            }
        }
    };
}
operations! {
    Open "openat",
    Unlink "unlinkat",
    Dup "dup",
    Read "read",
    Write "write",
    Size "size",
    Stat "stat",
    StatVfs "statvfs",
    Path "path",
    PathFrom "relpathat",
    List "getdents",
    Mode "chmod",
    Owner "chown",
    Times "times",
    Truncate "truncate",
    Sync "sync",
    Rename "rename",
    Link "link",
    Lock "lock",
    Control "fcntl",
    Events "fevent",
    Map "mmap",
    Call "call",
    Send "sendfd",
    Receive "recvfd",
    Close "close",
    Refused "refused",
}

impl Operation {
    /// The operation of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Operation> {
        Operation::ALL.iter().copied().find(|operation| operation.name() == name)
    }

    /// What a request with that opcode is; `kind` is its first word behind the payload.
    #[must_use]
    pub fn of(opcode: Opcode, kind: u64) -> Option<Operation> {
        Some(match opcode {
            Opcode::OpenAt => Operation::Open,
            Opcode::UnlinkAt => Operation::Unlink,
            Opcode::Dup => Operation::Dup,
            Opcode::Read => Operation::Read,
            Opcode::Write => Operation::Write,
            Opcode::Fsize => Operation::Size,
            Opcode::Fstat => Operation::Stat,
            Opcode::Fpath => Operation::Path,
            Opcode::Fchown => Operation::Owner,
            Opcode::Fsync => Operation::Sync,
            Opcode::Frename => Operation::Rename,
            Opcode::Flink => Operation::Link,
            Opcode::Fcntl => Operation::Control,
            Opcode::Fevent => Operation::Events,
            Opcode::MmapPrep => Operation::Map,
            Opcode::Call => Operation::Call,
            Opcode::Sendfd => Operation::Send,
            Opcode::Recvfd => Operation::Receive,
            Opcode::CloseMsg => Operation::Close,
            Opcode::StdFsCall => {
                return StdFsCallKind::try_from_raw(u8::try_from(kind).ok()?).map(of_kind);
            }
            _ => return None,
        })
    }

    /// Whether it has to do with a name.
    #[must_use]
    pub fn names(self) -> bool {
        matches!(self, Operation::Open | Operation::Unlink | Operation::Rename | Operation::Link)
    }
}

fn of_kind(kind: StdFsCallKind) -> Operation {
    match kind {
        StdFsCallKind::Fchmod => Operation::Mode,
        StdFsCallKind::Fchown => Operation::Owner,
        StdFsCallKind::Getdents => Operation::List,
        StdFsCallKind::Fstat => Operation::Stat,
        StdFsCallKind::Fstatvfs => Operation::StatVfs,
        StdFsCallKind::Fsync => Operation::Sync,
        StdFsCallKind::Ftruncate => Operation::Truncate,
        StdFsCallKind::Futimens => Operation::Times,
        StdFsCallKind::Unlinkat => Operation::Unlink,
        StdFsCallKind::Relpathat => Operation::PathFrom,
        StdFsCallKind::Lock | StdFsCallKind::Unlock | StdFsCallKind::GetLock => Operation::Lock,
        StdFsCallKind::Frenameat => Operation::Rename,
        StdFsCallKind::Flinkat => Operation::Link,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_operation() {
        for operation in Operation::ALL {
            assert_eq!(Operation::by_name(operation.name()), Some(*operation));
        }
        assert_eq!(Operation::by_name("nothing"), None);
    }

    #[test]
    fn a_standard_call_is_what_its_kind_says() {
        assert_eq!(Operation::of(Opcode::StdFsCall, 3), Some(Operation::List));
        assert_eq!(Operation::of(Opcode::StdFsCall, 15), Some(Operation::Rename));
        assert_eq!(Operation::of(Opcode::StdFsCall, 9), None);
        assert_eq!(Operation::of(Opcode::StdFsCall, 1 << 40), None);
        assert_eq!(Operation::of(Opcode::Fsync, 3), Some(Operation::Sync));
    }
}
