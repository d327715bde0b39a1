//! The promises of `pledge`.
use crate::operations::by_name;
use crate::permissions::{CREATING, FOUND, READING, RUNNING, WRITING};
use clavis_abi::Rights;

macro_rules! define {
    ($($name:ident = $word:literal $bit:literal $meaning:literal;)*) => {
        impl Promises {
            $(#[doc = concat!("`", $word, "`: ", $meaning)] pub const $name: Promises = Promises(1 << $bit);)*
        }

        /// Every promise, and what is taken from a process that gives it up.
        pub const PROMISES: &[(&str, Promises, &str)] =
            &[$(($word, Promises::$name, $meaning),)*];
    };
}

/// A set of promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promises(u64);

define! {
    STDIO = "stdio" 0 "the names of memory, pipes, event queues, timers, random bytes, null, zero and the log";
    RPATH = "rpath" 1 "the rights to read, in all that is opened by a path";
    WPATH = "wpath" 2 "the rights to write, in all that is opened by a path";
    CPATH = "cpath" 3 "the rights to make, remove, rename and link names, in every handle";
    DPATH = "dpath" 4 "what cpath takes, as far as it makes names";
    FATTR = "fattr" 5 "with chown: the right to change attributes, in every handle";
    CHOWN = "chown" 6 "with fattr: the right to change attributes, in every handle";
    FLOCK = "flock" 7 "the right to take locks, in every handle";
    UNIX = "unix" 8 "the name of sockets";
    INET = "inet" 9 "nothing: there is no network";
    MCAST = "mcast" 10 "nothing: there is no network";
    DNS = "dns" 11 "nothing: there is no network";
    ROUTE = "route" 12 "nothing: there is no network";
    WROUTE = "wroute" 13 "nothing: there is no network";
    BPF = "bpf" 14 "nothing: there is no network";
    PF = "pf" 15 "nothing: there is no network";
    GETPW = "getpw" 16 "nothing: the files are read by rpath";
    SENDFD = "sendfd" 17 "with unveil, which binds names by it: the right to send handles, in every handle";
    RECVFD = "recvfd" 18 "the right to receive handles, in every handle";
    TAPE = "tape" 19 "nothing: there are no tapes";
    TTY = "tty" 20 "the names of the console and of pseudo terminals; terminals that are open stay what they are";
    PROC = "proc" 21 "the right to signal others, and with exec the account that processes are made in";
    EXEC = "exec" 22 "the right to start programs, in every handle, and with proc the account";
    PROT_EXEC = "prot_exec" 23 "with exec: the right to map for execution, in every handle";
    SETTIME = "settime" 24 "the right to set the clock";
    PS = "ps" 25 "with proc: the name of processes";
    VMINFO = "vminfo" 26 "with ps and settime: the name of the system's figures";
    ID = "id" 27 "nothing: there are no users";
    AUDIO = "audio" 28 "nothing: there is no sound";
    VIDEO = "video" 29 "nothing: there are no cameras";
    UNVEIL = "unveil" 30 "the namespace that unveil opens paths in";
    ERROR = "error" 31 "nothing: what is missing answers `ENOSYS` with it, and ends the process without";
    DISKLABEL = "disklabel" 32 "nothing: there are no disks";
    DRM = "drm" 33 "nothing: there are no graphics devices";
    VMM = "vmm" 34 "nothing: there are no virtual machines";
}

/// What becomes of a name of the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// It stays.
    Whole,
    /// It stays; what is opened has these rights at most.
    Narrowed(Rights),
    /// It goes.
    Gone,
}

impl Promises {
    /// Every promise: what a process has that never pledged.
    pub const ALL: Promises = Promises((1 << PROMISES.len()) - 1);
    /// No promise.
    pub const NONE: Promises = Promises(0);

    /// The set that is left when those of a word are given up; bits that mean nothing count for nothing.
    #[must_use]
    pub const fn left(given_up: u64) -> Promises {
        Promises(Promises::ALL.0 & !given_up)
    }

    /// What was given up, as a word: 0 for who has all.
    #[must_use]
    pub const fn given_up(self) -> u64 {
        Promises::ALL.0 & !self.0
    }

    /// Reads promises, separated by blanks. `None`: there is an unknown one.
    #[must_use]
    pub fn read(text: &str) -> Option<Promises> {
        text.split(' ').filter(|word| !word.is_empty()).try_fold(Promises(0), |all, word| {
            let row = PROMISES.iter().find(|row| row.0 == word)?;
            Some(Promises(all.0 | row.1.0))
        })
    }

    /// Whether all of the others are among them.
    #[must_use]
    pub fn contain(self, other: Promises) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets at once.
    #[must_use]
    pub const fn or(self, other: Promises) -> Promises {
        Promises(self.0 | other.0)
    }

    /// Those that are in both sets.
    #[must_use]
    pub const fn and(self, other: Promises) -> Promises {
        Promises(self.0 & other.0)
    }

    /// Those that are not among the others.
    #[must_use]
    pub const fn without(self, other: Promises) -> Promises {
        Promises(self.0 & !other.0)
    }

    /// Whether any of the others is among them.
    #[must_use]
    pub const fn meet(self, other: Promises) -> bool {
        self.0 & other.0 != 0
    }

    /// The first of them, as a word.
    #[must_use]
    pub fn first(self) -> Option<&'static str> {
        PROMISES.iter().find(|row| self.contain(row.1)).map(|row| row.0)
    }

    fn any(self, others: &[Promises]) -> bool {
        others.iter().any(|other| self.contain(*other))
    }

    /// The most that each handle of the process can have, those to come included.
    #[must_use]
    pub fn most(self) -> Rights {
        let making = [Promises::PROC, Promises::EXEC];
        let taken = [
            (self.any(&[Promises::SENDFD, Promises::UNVEIL]), Rights::SEND_HANDLE),
            (self.contain(Promises::RECVFD), Rights::RECV_HANDLE),
            (self.any(&[Promises::FATTR, Promises::CHOWN]), Rights::SET_ATTR),
            (self.contain(Promises::FLOCK), Rights::LOCK),
            (self.contain(Promises::CPATH), Rights::REMOVE | Rights::RENAME | Rights::LINK),
            (self.contain(Promises::EXEC), Rights::EXEC),
            (self.any(&[Promises::EXEC, Promises::PROT_EXEC]), Rights::MAP_EXEC | Rights::JIT),
            (self.any(&making), Rights::MANAGE | Rights::DEBUG),
            (self.contain(Promises::PROC), Rights::SIGNAL),
            (
                // Memory for a program is made with the same right.
                self.any(&[Promises::CPATH, Promises::DPATH, Promises::PROC, Promises::EXEC]),
                Rights::CREATE,
            ),
        ];
        let lost = taken.iter().filter(|(kept, _)| !kept);
        lost.fold(Rights::all(), |most, (_, rights)| most - *rights)
    }

    /// The most that what is opened by a path, or through a directory, can have.
    #[must_use]
    pub fn paths(self) -> Rights {
        let granted = [
            (Promises::RPATH, READING - Rights::LOCK),
            (Promises::WPATH, WRITING - Rights::LOCK - Rights::SET_ATTR),
            (Promises::CPATH, CREATING),
            (Promises::DPATH, FOUND | Rights::CREATE),
            (Promises::EXEC, RUNNING),
            (Promises::PROT_EXEC, FOUND | Rights::MAP_EXEC),
            (Promises::FATTR, FOUND | Rights::SET_ATTR),
            (Promises::CHOWN, FOUND | Rights::SET_ATTR),
            (Promises::FLOCK, FOUND | Rights::LOCK),
        ];
        let granted = granted.iter().filter(|(promise, _)| self.contain(*promise));
        granted.fold(Rights::empty(), |paths, (_, rights)| paths | *rights)
    }

    /// What becomes of a name.
    #[must_use]
    pub fn name(self, name: &str) -> Name {
        let paths = self.paths();
        match by_name(name) {
            Some(promises) if !self.meet(promises) => Name::Gone,
            Some(_) => match name {
                "log" => Name::Narrowed(paths | FOUND | Rights::WRITE | Rights::APPEND),
                "sys" if !self.contain(Promises::SETTIME) => Name::Narrowed(READING),
                _ => Name::Whole,
            },
            None if paths.is_empty() => Name::Gone,
            None => Name::Narrowed(paths),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn set(text: &str) -> Promises {
        Promises::read(text).unwrap()
    }

    #[test]
    fn promises_are_words_and_unknown_ones_are_refused() {
        assert_eq!(set(""), Promises(0));
        assert_eq!(set(" stdio  rpath "), Promises::STDIO.or(Promises::RPATH));
        assert_eq!(Promises::read("stdio,rpath"), None);
        assert_eq!(Promises::read("STDIO"), None);
        assert_eq!(Promises::read("stdio\trpath"), None);
        // OpenBSD has it no longer.
        assert_eq!(Promises::read("tmppath"), None);
        let all: Vec<&str> = PROMISES.iter().map(|row| row.0).collect();
        assert_eq!(set(&all.join(" ")), Promises::ALL);
    }

    #[test]
    fn the_documentation_says_what_each_promise_takes() {
        let page = include_str!("../../../docs/confinement.md");
        for (word, _, meaning) in PROMISES {
            let told = page.lines().any(|line| {
                line.starts_with('|')
                    && line.contains(&std::format!("`{word}`"))
                    && line.ends_with(&std::format!("| {meaning} |"))
            });
            assert!(told, "{word}: {meaning}");
        }
    }

    #[test]
    fn who_promises_to_read_only_reads() {
        let promises = set("stdio rpath");
        assert_eq!(promises.name("file"), Name::Narrowed(READING - Rights::LOCK));
        assert_eq!(promises.name("initfs"), promises.name("file"));
        assert_eq!(promises.name("pipe"), Name::Whole);
        for gone in ["unix", "console", "pty", "proc", "sys", "namespace"] {
            assert_eq!(promises.name(gone), Name::Gone, "{gone}");
        }
        let most = promises.most();
        for lost in [Rights::EXEC, Rights::MAP_EXEC, Rights::MANAGE, Rights::REMOVE, Rights::CREATE]
        {
            assert!(!most.intersects(lost));
        }
        assert!(most.contains(Rights::READ | Rights::WRITE | Rights::DERIVE | Rights::LOOKUP));
    }

    #[test]
    fn who_promises_nothing_has_nothing_to_name() {
        for name in ["memory", "file", "log", "unix", "kv"] {
            assert_eq!(set("").name(name), Name::Gone, "{name}");
            assert_eq!(set("id error inet").name(name), Name::Gone, "{name}");
        }
        assert_eq!(set("stdio").name("file"), Name::Gone);
    }

    #[test]
    fn every_promise_that_takes_something_takes_it() {
        let names = ["memory", "file", "unix", "console", "proc", "sys", "log"];
        for (word, promise, meaning) in PROMISES {
            // With `unveil` the runtime's own handle goes.
            let nothing = meaning.starts_with("nothing") || *word == "unveil";
            let shared = meaning.starts_with("with ") || *word == "dpath";
            let without = Promises(Promises::ALL.0 & !promise.0);
            let same = without.most() == Promises::ALL.most()
                && names.iter().all(|name| without.name(name) == Promises::ALL.name(name));
            assert_eq!(same, nothing || shared, "{word}");
        }
    }

    proptest! {
        #[test]
        fn fewer_promises_give_less(a in 0..=Promises::ALL.0, b in 0..=Promises::ALL.0, name in "memory|log|file|unix|console|proc|sys|namespace|kv") {
            let (more, less) = (Promises(a), Promises(a & b));
            prop_assert!(more.contain(less));
            prop_assert!(more.most().contains(less.most()));
            prop_assert!(more.paths().contains(less.paths()));
            let rights = |promises: Promises| match promises.name(&name) {
                Name::Whole => Rights::all(),
                Name::Narrowed(rights) => rights,
                Name::Gone => Rights::empty(),
            };
            prop_assert!(rights(more).contains(rights(less)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a-z ]{0,20}") {
            let known = text.split(' ').filter(|word| !word.is_empty()).all(|word| PROMISES.iter().any(|row| row.0 == word));
            prop_assert_eq!(Promises::read(&text).is_some(), known);
        }
    }
}
