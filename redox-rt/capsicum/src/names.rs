//! The rights by name, with FreeBSD's numbers.
use crate::Right;

macro_rules! define {
    ($($name:ident = $word:literal: $bits:expr;)*) => {
        impl Right {
            $(
                #[doc = concat!("`CAP_", stringify!($name), "`.")]
                pub const $name: Right = Right::new($word, $bits);
            )*
        }

        /// Every right by its name without `CAP_`.
        pub const NAMES: &[(&str, Right)] = &[$((stringify!($name), Right::$name),)*];
    };
}

const SEEK: u64 = 0xC;
const LOOKUP: u64 = 0x400;

define! {
    READ = 0: 0x1;
    WRITE = 0: 0x2;
    RECV = 0: 0x1;
    SEND = 0: 0x2;
    SEEK_TELL = 0: 0x4;
    SEEK = 0: SEEK;
    PREAD = 0: SEEK | 0x1;
    PWRITE = 0: SEEK | 0x2;
    MMAP = 0: 0x10;
    MMAP_R = 0: 0x10 | SEEK | 0x1;
    MMAP_W = 0: 0x10 | SEEK | 0x2;
    MMAP_X = 0: 0x10 | SEEK | 0x20;
    CREATE = 0: 0x40;
    FEXECVE = 0: 0x80;
    FSYNC = 0: 0x100;
    FTRUNCATE = 0: 0x200;
    LOOKUP = 0: LOOKUP;
    FCHDIR = 0: 0x800;
    FCHFLAGS = 0: 0x1000;
    FCHMOD = 0: 0x2000;
    FCHOWN = 0: 0x4000;
    FCNTL = 0: 0x8000;
    FLOCK = 0: 0x1_0000;
    FPATHCONF = 0: 0x2_0000;
    FSCK = 0: 0x4_0000;
    FSTAT = 0: 0x8_0000;
    FSTATAT = 0: 0x8_0000 | LOOKUP;
    FSTATFS = 0: 0x10_0000;
    FUTIMES = 0: 0x20_0000;
    LINKAT_TARGET = 0: 0x40_0000 | LOOKUP;
    MKDIRAT = 0: 0x80_0000 | LOOKUP;
    MKFIFOAT = 0: 0x100_0000 | LOOKUP;
    MKNODAT = 0: 0x200_0000 | LOOKUP;
    RENAMEAT_SOURCE = 0: 0x400_0000 | LOOKUP;
    SYMLINKAT = 0: 0x800_0000 | LOOKUP;
    UNLINKAT = 0: 0x1000_0000 | LOOKUP;
    ACCEPT = 0: 0x2000_0000;
    BIND = 0: 0x4000_0000;
    CONNECT = 0: 0x8000_0000;
    GETPEERNAME = 0: 0x1_0000_0000;
    GETSOCKNAME = 0: 0x2_0000_0000;
    GETSOCKOPT = 0: 0x4_0000_0000;
    LISTEN = 0: 0x8_0000_0000;
    PEELOFF = 0: 0x10_0000_0000;
    SETSOCKOPT = 0: 0x20_0000_0000;
    SHUTDOWN = 0: 0x40_0000_0000;
    BINDAT = 0: 0x80_0000_0000 | LOOKUP;
    CONNECTAT = 0: 0x100_0000_0000 | LOOKUP;
    LINKAT_SOURCE = 0: 0x200_0000_0000 | LOOKUP;
    RENAMEAT_TARGET = 0: 0x400_0000_0000 | LOOKUP;
    MAC_GET = 1: 0x1;
    MAC_SET = 1: 0x2;
    SEM_GETVALUE = 1: 0x4;
    SEM_POST = 1: 0x8;
    SEM_WAIT = 1: 0x10;
    EVENT = 1: 0x20;
    KQUEUE_EVENT = 1: 0x40;
    IOCTL = 1: 0x80;
    TTYHOOK = 1: 0x100;
    PDGETPID = 1: 0x200;
    PDWAIT = 1: 0x400;
    PDKILL = 1: 0x800;
    EXTATTR_DELETE = 1: 0x1000;
    EXTATTR_GET = 1: 0x2000;
    EXTATTR_LIST = 1: 0x4000;
    EXTATTR_SET = 1: 0x8000;
    ACL_CHECK = 1: 0x1_0000;
    ACL_DELETE = 1: 0x2_0000;
    ACL_GET = 1: 0x4_0000;
    ACL_SET = 1: 0x8_0000;
    KQUEUE_CHANGE = 1: 0x10_0000;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CapRights;

    #[test]
    fn together_they_are_all() {
        let all: std::vec::Vec<Right> = NAMES.iter().map(|row| row.1).collect();
        assert_eq!(CapRights::of(&all), CapRights::ALL);
    }
}
