//! The table of system calls. Convention: `syscall`; `rax` = number, then result; arguments in
//! `rdi rsi rdx r10 r8`; every register but `rax`, `rcx`, `r11` is preserved.

/// Class bits of Clavis's own calls. A number that is not in the table is `ENOSYS`.
pub const CLASS_CLAVIS: usize = 0x4000_0000;

/// Calls `$m!` with the table:
/// `(Variant, number, "arguments", "returns", "rights", "errors beyond EBADF and EFAULT")`.
#[macro_export]
macro_rules! with_calls {
    ($m:ident) => {
        $m! {
            // The calls of redox_syscall 0.9, with its numbers.
            (OpenAt, syscall::SYS_OPENAT_INTO2, "dir, path, length | fcntl flags, flags (64 bit), out number", "the number of the new handle", "LOOKUP on dir; what the flags demand of its inherit mask (READ, WRITE or APPEND, TRUNCATE, CREATE, EXEC)", "EKEYREJECTED ENOENT ENODEV EOWNERDEAD EMFILE EEXIST ENAMETOOLONG EINVAL; what the server answers"),
            (UnlinkAt, syscall::SYS_UNLINKAT, "dir, path, length, flags", "0", "LOOKUP and REMOVE on dir", "EKEYREJECTED ENODEV EOWNERDEAD ENAMETOOLONG; what the server answers"),
            (Close, syscall::SYS_CLOSE, "fd", "0", "none", "only EBADF"),
            (DupInto, syscall::SYS_DUP_INTO, "fd, message, length, out number", "the number of the new handle", "DUP; with a message DERIVE", "EKEYREJECTED EMFILE EEXIST; what the server answers"),
            (Dup2, syscall::SYS_DUP2, "fd, new number, message, length", "the new number", "DUP; with a message DERIVE", "EKEYREJECTED EMFILE; what the server answers"),
            (Read, syscall::SYS_READ, "fd, buffer, length", "bytes read", "READ (WAIT on a process)", "EKEYREJECTED EAGAIN EINTR; what the server answers"),
            (Read2, syscall::SYS_READ2, "fd, buffer, length, offset (-1: own), flags", "bytes read", "READ, SEEK with an offset", "as READ, ESPIPE"),
            (Write, syscall::SYS_WRITE, "fd, buffer, length", "bytes written", "WRITE or APPEND", "EKEYREJECTED EAGAIN EINTR EPIPE; what the server answers"),
            (Write2, syscall::SYS_WRITE2, "fd, buffer, length, offset (-1: own), flags", "bytes written", "WRITE, SEEK with an offset", "as WRITE, ESPIPE"),
            (Lseek, syscall::SYS_LSEEK, "fd, offset, whence", "the new offset", "SEEK", "ESPIPE EINVAL EOVERFLOW"),
            (Fchown, syscall::SYS_FCHOWN, "fd, uid, gid", "0", "SET_ATTR", "EKEYREJECTED; what the server answers"),
            (Fcntl, syscall::SYS_FCNTL, "fd, command, argument", "by command", "DUP for F_DUPFD, CONTROL for F_SETFL and unknown commands, none for F_GETFL F_GETFD F_SETFD", "EKEYREJECTED EINVAL EMFILE"),
            (Fevent, syscall::SYS_FEVENT, "fd, mask", "0", "EVENT", "EKEYREJECTED EPERM"),
            (Call, syscall::SYS_CALL, "fd (or two), payload, length, flags | metadata words, metadata", "what the server answers", "by message class", "EKEYREJECTED EINVAL EMSGSIZE EXDEV; what the server answers"),
            (Fmap, syscall::SYS_FMAP, "fd (-1: anonymous), Map, size of Map", "the address", "MAP_READ, MAP_WRITE (shared), MAP_EXEC by protection", "EKEYREJECTED EINVAL ENOMEM EEXIST EACCES (writable and executable) ENODEV"),
            (Funmap, syscall::SYS_FUNMAP, "address, length", "0", "none", "EINVAL ENOMEM"),
            (Mremap, syscall::SYS_MREMAP, "old address, old size, new address, new size, flags", "the address", "none", "EINVAL ENOMEM EEXIST"),
            (Mprotect, syscall::SYS_MPROTECT, "address, length, protection", "0", "what the mapping's handle had", "EKEYREJECTED EINVAL ENOMEM EACCES"),
            (Flink, syscall::SYS_FLINK, "fd, path, length", "0", "LINK", "EKEYREJECTED; what the server answers"),
            (Fpath, syscall::SYS_FPATH, "fd, buffer, length", "bytes of the path", "NAME", "EKEYREJECTED; what the server answers"),
            (Frename, syscall::SYS_FRENAME, "fd, path, length", "0", "RENAME", "EKEYREJECTED; what the server answers"),
            (Fstat, syscall::SYS_FSTAT, "fd, Stat, size of Stat", "0", "STAT", "EKEYREJECTED EINVAL; what the server answers"),
            (Fsync, syscall::SYS_FSYNC, "fd", "0", "SYNC", "EKEYREJECTED; what the server answers"),
            (ClockGettime, syscall::SYS_CLOCK_GETTIME, "clock, TimeSpec", "0", "none", "EINVAL"),
            (Futex, syscall::SYS_FUTEX, "word, operation, value, relative time-out or count, second word", "0, or how many were woken", "none", "only EINVAL EINTR EAGAIN ETIMEDOUT EFAULT"),
            (Nanosleep, syscall::SYS_NANOSLEEP, "TimeSpec to sleep, TimeSpec for the rest or null", "0", "none", "EINVAL EINTR"),
            (Yield, syscall::SYS_YIELD, "", "0", "none", ""),
            // Clavis's own calls.
            (Exit, 0x4000_0001, "code", "does not return", "none", ""),
            (ThreadExit, 0x4000_0002, "word to clear and wake (0: none), base and length to unmap (0: none)", "does not return", "none", "EINVAL"),
            (ThreadCreate, 0x4000_0003, "ThreadParams, size", "the thread's number", "none", "ENOMEM EAGAIN EINVAL"),
            (SetTls, 0x4000_0004, "base of the thread's local storage (fs)", "0", "none", "EINVAL"),
            (SetDeadline, 0x4000_0005, "monotonic nanoseconds (0: none)", "0", "none", ""),
            (Limit, 0x4000_0006, "fd (-1: every handle that the process has or gets, and those of what it makes), rights, inherit, handle flags to set", "0", "none: it only shrinks", "EINVAL"),
            (Derive, 0x4000_0007, "fd, rights, inherit, handle flags to set, out number", "the number of the new handle", "DUP", "EKEYREJECTED EMFILE EEXIST"),
            (Query, 0x4000_0008, "fd, HandleInfo, size", "0", "none", "EINVAL"),
            (LastDenial, 0x4000_0009, "Denial, size", "1 if there was one, else 0", "none", "EINVAL"),
            (Create, 0x4000_000A, "factory (memory, slot, account, table, irq, port, window), argument, argument, out number", "the number of the new handle", "CREATE on the factory, MANAGE on an account", "EKEYREJECTED EINVAL ENOMEM EBUSY EMFILE EDQUOT"),
            (ProcessCreate, 0x4000_000B, "account, ProcessParams, size, out number", "the number of the process handle", "MANAGE on the account; DUP and TRANSFER on each handle given", "EKEYREJECTED EINVAL ENOMEM EMFILE EDQUOT"),
            (ProcessStart, 0x4000_000C, "process, entry address, stack pointer, argument", "0", "MANAGE", "EKEYREJECTED EINVAL EBUSY"),
            (Map, 0x4000_000D, "process (-1: own), MapParams, size", "the address", "MANAGE on the process; MAP_* on the memory", "EKEYREJECTED EINVAL ENOMEM EEXIST EACCES"),
            (MemoryOf, 0x4000_000E, "fd, offset, length, protection, out number", "the number of a memory handle", "MAP_READ or MAP_EXEC", "EKEYREJECTED; what the server answers"),
            (Seal, 0x4000_000F, "memory", "0", "MAP_WRITE", "EKEYREJECTED EBUSY (it is mapped writable)"),
            (Signal, 0x4000_0010, "process or account (-1: own process), signal (0: none), thread number (0: the process), group of an account's processes that are meant (0: all)", "0", "SIGNAL; none for the own process", "EKEYREJECTED EINVAL ESRCH"),
            (Inspect, 0x4000_0011, "process (-1: own), cursor, InspectRow array, bytes", "rows written; the next cursor is in the last row", "INSPECT; none for the own process", "EKEYREJECTED EINVAL"),
            (Borrow, 0x4000_0012, "process, number, out number", "the number of a handle with NAME only", "INSPECT and NAME on the process", "EKEYREJECTED EMFILE"),
            (Declare, 0x4000_0013, "socket, endpoint flags; or process, 8: it ends with the last handle to it that others have", "0", "CONTROL; SIGNAL on a process", "EKEYREJECTED EINVAL"),
            (Mint, 0x4000_0014, "socket, MintParams, size, out number", "the number of the new handle", "DERIVE", "EKEYREJECTED EINVAL EMFILE"),
            (RequestInfo, 0x4000_0015, "socket, tag, RequestInfo, size", "0", "READ", "EKEYREJECTED EINVAL ENOENT"),
            (Identity, 0x4000_0016, "0: process, 1: thread", "the number", "none", "EINVAL"),
            (TablePut, 0x4000_0017, "table, fd, number in the table, rights, inherit", "0", "MANAGE on the table; DUP and TRANSFER on fd", "EKEYREJECTED EEXIST EMFILE"),
            (Usage, 0x4000_0018, "account or process (its account), AccountUsage, size", "0", "INSPECT", "EKEYREJECTED EINVAL"),
            (Fork, 0x4000_0019, "account, entry address, stack pointer, argument of the child's thread, out number", "the number of the process handle", "MANAGE on the account", "EKEYREJECTED EINVAL ENOMEM EMFILE EEXIST EDQUOT EAGAIN"),
            (Exec, 0x4000_001A, "process that was built in the same account, entry address, stack pointer, argument", "does not return: the caller has the space, the image name and the upper handles of what was built, and of its own the lower ones without CLOEXEC", "MANAGE", "EKEYREJECTED EINVAL EBUSY"),
            (SignalActions, 0x4000_001B, "entry address, offset of the SignalFrame from the thread's local storage, mask of caught signals, mask of ignored signals", "0", "none", "EINVAL"),
            (SignalMask, 0x4000_001C, "mask of blocked signals, SignalInfo or null", "0; with a SignalInfo the number of a caught signal that the mask lets through: it is taken, and the mask stays as it was", "none", ""),
            (SignalWait, 0x4000_001D, "mask of signals to take, SignalInfo, monotonic nanoseconds (0: for ever)", "the number of the signal taken; 0: the time came, or the mask is empty", "none", "EINTR"),
            (Wait, 0x4000_001E, "process, ExitStatus, size, what is told beside its end: 1 that it was stopped, 2 that it goes on, 4 without forgetting that; 8: do not wait", "bytes of ExitStatus", "WAIT", "EKEYREJECTED EINVAL EAGAIN EINTR"),
            (Group, 0x4000_001F, "process (-1: own), number of the group that it goes into, and of the session (0: it stays in its own)", "the number of its group, and in the high half of its session", "none; SIGNAL to change them", "EKEYREJECTED EINVAL"),
            (CpuTime, 0x4000_0020, "process (-1: own), which time: 0 its own, 1 its ended children's, 2 the calling thread's", "nanoseconds on a CPU", "INSPECT; none for the own process", "EKEYREJECTED EINVAL"),
            (LeaseCreate, 0x4000_0021, "LeaseParams, size, out number", "the number of the lease's handle", "DERIVE on each parent", "EKEYREJECTED EKEYREVOKED EKEYEXPIRED EINVAL ELOOP (too many leases above it) ENOMEM EMFILE EEXIST EDQUOT"),
            (Lend, 0x4000_0022, "fd, lease, rights, inherit, out number", "the number of the new handle, which ends with the lease", "DUP on fd, DERIVE on the lease", "EKEYREJECTED EKEYREVOKED EKEYEXPIRED EINVAL ELOOP ENOMEM EMFILE EEXIST EDQUOT"),
            (Revoke, 0x4000_0023, "lease", "0; nothing under the lease acts any more", "MANAGE", "EKEYREJECTED EINVAL"),
        }
    };
}

macro_rules! define_calls {
    ($(($name:ident, $number:expr, $args:literal, $returns:literal, $rights:literal, $errors:literal),)*) => {
        /// A system call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum Call { $(#[doc = concat!("Takes: ", $args)] $name = $number,)* }

        impl Call {
            /// The call with that number.
            #[must_use]
            #[inline(always)]
            pub fn from_number(number: usize) -> Option<Call> {
                #[expect(non_upper_case_globals, reason = "named like the calls they number")]
                mod numbers { $(pub(super) const $name: usize = $number;)* }
                match number {
                    $(numbers::$name => Some(Call::$name),)*
                    _ => None,
                }
            }
        }

        /// One row of the reference.
        #[derive(Clone, Copy, Debug)]
        pub struct Row {
            /// The call.
            pub call: Call,
            /// Its name.
            pub name: &'static str,
            /// Its arguments, in register order.
            pub arguments: &'static str,
            /// What it returns.
            pub returns: &'static str,
            /// The rights it needs.
            pub rights: &'static str,
            /// Its errors, beyond `EBADF` for a bad handle and `EFAULT` for a bad pointer.
            pub errors: &'static str,
        }

        /// All calls, in table order.
        pub const TABLE: &[Row] = &[$(Row {
            call: Call::$name,
            name: stringify!($name),
            arguments: $args,
            returns: $returns,
            rights: $rights,
            errors: $errors,
        },)*];
    };
}
with_calls!(define_calls);
