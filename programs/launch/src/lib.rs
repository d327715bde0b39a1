//! Starting a program as a shell does: found on a path, given an explicit list of handles.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use clavis::abi::error;
use clavis::abi::params::{Denial, open_flags};
use clavis::abi::syscall::flag::O_RDONLY;
use clavis::{Child, Command, EntryKind, Error, Give, Handle, Number, Rights};
use clavis_render::reason::{of_denial, of_number};
use program_search::{FIRST_LINE, candidates, interpreter};

/// What a process may do with the handle to itself: show what it holds.
const SELF: Rights = Rights::INSPECT.union(Rights::NAME).union(Rights::DUP);

/// Startup handles that a program at the console hands on to the programs it starts.
const POWERS: &[EntryKind] = &[
    EntryKind::Console,
    EntryKind::Log,
    EntryKind::Power,
    EntryKind::Counters,
    EntryKind::Audit,
    EntryKind::FactoryProcess,
];

/// Where programs are looked for when nothing else says so.
pub const DEFAULT_PATH: &str = "/scheme/initfs/bin";

/// Whether a program also gets the startup handles in which its starter's special powers lie:
/// power control, counters, processes, the kernel log, the audit ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Powers {
    /// It gets those that the starter has.
    Handed,
    /// It gets none.
    Kept,
}

/// Where a program's current directory is.
#[derive(Clone, Copy, Debug)]
pub struct Directory<'a> {
    /// The directory.
    pub handle: Give,
    /// The path that it is shown under; its own where it is the starter's own.
    pub path: &'a str,
}

/// Descriptors 0 to 2 of the process, for the same numbers of a program.
#[must_use]
pub fn standard_descriptors() -> [(u16, Number); 3] {
    [0, 1, 2].map(|number| (number, Number::from_raw(usize::from(number))))
}

/// What a program gets.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// Its arguments; the first says which program.
    pub arguments: &'a [String],
    /// Its environment.
    pub environment: &'a [(String, String)],
    /// Its descriptors: number there, handle here.
    pub descriptors: &'a [(u16, Number)],
    /// Its namespace.
    pub namespace: Give,
    /// Its current directory.
    pub directory: Directory<'a>,
    /// The account it runs in; `None`: its starter's own.
    pub account: Option<Number>,
    /// What else it gets.
    pub powers: Powers,
}

/// Why a program did not start.
#[derive(Debug)]
pub enum LaunchError {
    /// There is no such file.
    NotFound,
    /// There is, but it cannot be started.
    Failed(Error),
    /// There is, but its starter has nothing to build processes with.
    NoFactory,
}

impl LaunchError {
    /// The status that a shell gives it.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            LaunchError::NotFound => 127,
            LaunchError::Failed(_) | LaunchError::NoFactory => 126,
        }
    }

    /// Why, for a person.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            LaunchError::NotFound => "not found".into(),
            LaunchError::Failed(error) => reason_of(error),
            LaunchError::NoFactory => "starting a program needs the name `memory`".into(),
        }
    }
}

impl From<Error> for LaunchError {
    fn from(error: Error) -> Self {
        LaunchError::Failed(error)
    }
}

/// Why a call failed, for a person; a missing right is named.
#[cfg(feature = "std")]
#[must_use]
pub fn reason(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => reason_of(error),
        None => clavis_render::reason::of_error(error, clavis::error::last_denial),
    }
}

/// Why a call of the client crate failed, for a person; a missing right is named.
#[must_use]
pub fn reason_of(error: &Error) -> String {
    let denial: Option<&Denial> = error.denial();
    denial.map_or_else(|| of_number(error.errno()), of_denial)
}

/// Opens a path. What is a directory is refused with `EISDIR`, as far as its server can tell.
pub type Open<'a> = &'a dyn Fn(&str) -> clavis::Result<Handle>;

/// Finds the program that `name` means and opens it; gives its path too.
///
/// # Errors
/// It is nowhere, or what is there cannot be opened.
pub fn find(name: &str, path: &str, open: Open<'_>) -> Result<(Handle, String), LaunchError> {
    let mut failure = LaunchError::NotFound;
    for candidate in candidates(name, path) {
        match open(&candidate) {
            Ok(file) => return Ok((file, candidate)),
            Err(error) if [error::ENOENT, error::ENOTDIR].contains(&error.errno()) => {}
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}

/// Opens a path in the process's own namespace and directory.
///
/// # Errors
/// Of the open.
pub fn open(path: &str) -> clavis::Result<Handle> {
    Handle::open(path, O_RDONLY as u64 | open_flags::NOT_DIRECTORY)
}

/// Finds and starts a program. A text file is given to its interpreter (`#! PROGRAM ARGUMENT`),
/// or else to the shell.
///
/// # Errors
/// It is not found, or cannot be started.
pub fn start(launch: &Launch<'_>, path: &str, open: Open<'_>) -> Result<Child, LaunchError> {
    let Some(name) = launch.arguments.first() else { return Err(LaunchError::NotFound) };
    let (file, found) = find(name, path, open)?;
    match spawn(launch, &file, &found) {
        Err(failure) if failure.errno() == error::ENOEXEC => {
            let Some(mut words) = words_of(&file) else { return Err(failure.into()) };
            let program = words.first().cloned().unwrap_or_default();
            // Where programs lie elsewhere than the script believes, the name alone decides.
            let (file, at) = find(&program, path, open).or_else(|failure| {
                let last = program.rsplit('/').next().unwrap_or_default();
                find(last, path, open).map_err(|_| failure)
            })?;
            words.push(found);
            words.extend(launch.arguments.iter().skip(1).cloned());
            let launch = Launch { arguments: &words, ..*launch };
            Ok(spawn(&launch, &file, &at)?)
        }
        // The file is open already: what is missing is a factory to build the process from.
        Err(failure) if failure.errno() == error::ENOENT => Err(LaunchError::NoFactory),
        outcome => Ok(outcome?),
    }
}

/// The words that run a text file, from its first bytes.
fn words_of(file: &Handle) -> Option<Vec<String>> {
    let mut head = vec![0; FIRST_LINE];
    let length = file.read_at(&mut head, 0).ok()?;
    head.truncate(length);
    interpreter(&head)
}

fn spawn(launch: &Launch<'_>, file: &Handle, path: &str) -> clavis::Result<Child> {
    let mut command = Command::from_file(file, path)
        .namespace(launch.namespace)
        .cwd(launch.directory.handle, launch.directory.path)
        .child_account(Give::Own)
        .self_rights(SELF);
    if let Some((first, rest)) = launch.arguments.split_first() {
        command = command.arg0(first).args(rest);
    }
    for (name, value) in launch.environment {
        command = command.env(name, value);
    }
    for (number, handle) in launch.descriptors {
        command = command.handle_at(Number::from_raw(usize::from(*number)), handle);
    }
    if let Some(account) = &launch.account {
        command = command.account(account);
    }
    if launch.powers == Powers::Handed {
        for kind in POWERS {
            command = command.own_startup(*kind);
        }
    }
    command.spawn()
}
