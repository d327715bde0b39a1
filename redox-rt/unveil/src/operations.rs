//! What programs do, and which promises let them: OpenBSD's answers, as a table.
use crate::{Promises, place_of};

macro_rules! define {
    ($($name:ident: any [$($any:ident)*] all [$($all:ident)*] $calls:literal;)*) => {
        /// What a program does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operation {
            $(#[doc = $calls] $name,)*
        }

        /// Every operation, the promises that it needs, and the calls that are it.
        pub const OPERATIONS: &[(Operation, Needs, &str)] = &[$((
            Operation::$name,
            Needs {
                any: Promises::NONE$(.or(Promises::$any))*,
                all: Promises::NONE$(.or(Promises::$all))*,
            },
            $calls,
        ),)*];
    };
}

/// Promises that something needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// One of these, if there are any.
    pub any: Promises,
    /// All of these.
    pub all: Promises,
}

define! {
    Stdio: any [] all [STDIO] "what uses an open descriptor, `pipe`, `socketpair`, `mmap`, `mprotect`, `munmap`, `poll`, `select`, `epoll_wait`, `nanosleep`, `wait`, `sigaction`, `sigprocmask`, `getrandom`, `pthread_create`, `getpid`";
    Look: any [] all [RPATH] "`stat`, `access`, `readlink`, `realpath`, `chdir`, `statvfs`, `readdir`";
    Where: any [RPATH WPATH] all [] "`getcwd`";
    Truncate: any [] all [WPATH] "`truncate`";
    Name: any [] all [CPATH] "`mkdir`, `rmdir`, `unlink`, `symlink`";
    Rename: any [] all [RPATH CPATH] "`rename`, `link`";
    Special: any [] all [DPATH] "`mkfifo`, `mknod`";
    Attributes: any [] all [FATTR] "`fchmod`, `futimens`";
    AttributesByPath: any [] all [FATTR RPATH] "`chmod`, `utimensat`, `utimes`";
    Owner: any [FATTR CHOWN] all [] "`fchown`";
    OwnerByPath: any [FATTR CHOWN] all [RPATH] "`chown`, `lchown`";
    Lock: any [] all [FLOCK] "`flock`, `lockf`, `fcntl` with `F_SETLK`, `open` with `O_EXLOCK`";
    Local: any [] all [UNIX] "`socket` with `AF_UNIX`";
    Network: any [INET DNS] all [] "`socket` with any other family";
    Address: any [INET UNIX DNS] all [] "`bind`, `connect`, `listen`, `accept`, `getsockname`, `getpeername`, `sendto` with an address";
    Send: any [] all [SENDFD] "`sendmsg` with descriptors";
    Receive: any [] all [RECVFD] "`recvmsg` that gets descriptors";
    Terminal: any [] all [TTY] "`tcgetattr`, `tcsetattr`, `tcgetpgrp`, `ioctl` but for `FIONBIO`";
    Foreground: any [] all [TTY PROC] "`tcsetpgrp`";
    NewTerminal: any [] all [TTY RPATH WPATH] "`posix_openpt`, `openpty`";
    Process: any [] all [PROC] "`fork`, `posix_spawn`, `pdfork`, `setpgid`, `setsid`, `kill` of others";
    Priority: any [PROC ID] all [] "`getpriority`, `setpriority`, `setrlimit`";
    Identity: any [] all [ID] "`setuid`, `setgid`, `setgroups` and their kin";
    Execute: any [] all [EXEC] "`execve`";
    MapExecutable: any [] all [PROT_EXEC] "`mmap` and `mprotect` with `PROT_EXEC`";
    SetTime: any [] all [SETTIME] "`clock_settime`";
    Unveil: any [] all [UNVEIL] "`unveil`";
    Users: any [GETPW RPATH] all [] "`getpwnam`, `getgrnam` and their kin";
}

/// A promise that something needs and that was given up: the first of them, as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing(pub &'static str);

impl Operation {
    /// What it needs.
    #[must_use]
    pub fn needs(self) -> Needs {
        let row = OPERATIONS.iter().find(|row| row.0 == self);
        row.map_or(Needs { any: Promises::NONE, all: Promises::ALL }, |row| row.1)
    }
}

impl Promises {
    /// Whether an operation is promised.
    ///
    /// # Errors
    /// The promise that is missing.
    pub fn allow(self, operation: Operation) -> Result<(), Missing> {
        self.satisfy(operation.needs())
    }

    /// Whether a path may be opened with an access out of `RPATH`, `WPATH` and `CPATH`. What other
    /// promises serve by a path is theirs: a device, a service, a file that the C library reads.
    ///
    /// # Errors
    /// The promise that is missing.
    pub fn allow_open(self, path: &str, access: Promises) -> Result<(), Missing> {
        if self.meet(served(path, access)) {
            return Ok(());
        }
        self.satisfy(Needs { any: Promises::NONE, all: access })
    }

    fn satisfy(self, needs: Needs) -> Result<(), Missing> {
        let missing = match needs {
            Needs { all, .. } if !self.contain(all) => all.without(self),
            Needs { any, .. } if any != Promises::NONE && !self.meet(any) => any,
            _ => return Ok(()),
        };
        Err(Missing(missing.first().unwrap_or("")))
    }
}

/// Files that C libraries read whoever calls them, and the promise that is for them.
const READ: &[(&str, Promises)] = &[
    ("file/etc/localtime", Promises::STDIO),
    ("file/etc/passwd", Promises::GETPW),
    ("file/etc/group", Promises::GETPW),
    ("file/etc/resolv.conf", Promises::DNS),
    ("file/etc/hosts", Promises::DNS),
    ("file/etc/services", Promises::DNS),
    ("file/etc/protocols", Promises::DNS),
];
/// The directory of time zones.
const ZONES: &str = "file/usr/share/zoneinfo/";

/// The promises any of which lets a path be opened so, whatever those of paths say.
fn served(path: &str, access: Promises) -> Promises {
    let reading = access == Promises::RPATH;
    if !Promises::RPATH.or(Promises::WPATH).contain(access) {
        return Promises::NONE;
    }
    let Some(place) = place_of(path) else { return Promises::NONE };
    if reading && place.starts_with(ZONES) {
        return Promises::STDIO;
    }
    if let Some((_, promise)) = READ.iter().find(|row| reading && row.0 == place) {
        return *promise;
    }
    let name = place.split('/').next().unwrap_or_default();
    by_name(name).unwrap_or(Promises::NONE)
}

/// The promises any of which keeps a name of the namespace; `None`: those of paths do.
#[must_use]
pub(crate) fn by_name(name: &str) -> Option<Promises> {
    Some(match name {
        "memory" | "pipe" | "event" | "time" | "null" | "zero" | "rand" | "log" => Promises::STDIO,
        "unix" => Promises::UNIX,
        "console" | "pty" => Promises::TTY,
        "proc" => Promises::PS.or(Promises::PROC),
        "sys" => Promises::SETTIME.or(Promises::PS).or(Promises::VMINFO),
        // Who serves a name is no promise's matter.
        "namespace" => Promises::NONE,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
