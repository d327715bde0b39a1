//! What the shell asks of the system: directories as handles, jobs, pipes, programs.
use crate::execute::Descriptors;
use clavis::abi::error::{EBADF, ECAPMODE};
use clavis::abi::syscall::flag;
use clavis::account::{Account, UNLIMITED};
use clavis::handle::{AsNumber, Payload, Place, call, send_away};
use clavis::{Child, Give, Handle, Number, Rights, open_flags};
use clavis_launch::{Directory as Home, Launch as Start, Powers};
use shell_language::glob;
use shell_language::syntax::How;
use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

pub(crate) use clavis_launch::LaunchError;

/// Most bytes of a script.
const MAX_SCRIPT: u64 = 16 << 20;
/// The message that asks a terminal for a handle of a new job.
const NEW_JOB: &[u8] = b"job";
/// The word that tells a terminal: this handle is the processes of the job.
const JOB_PROCESSES: u64 = 1;
/// The word that tells a terminal: the job of this handle is in the foreground.
const TO_FRONT: u64 = 2;

/// Why a call failed, for a person.
pub(crate) fn reason(error: &io::Error) -> String {
    clavis_launch::reason(error)
}

/// The error of a descriptor that is not there.
pub(crate) fn closed() -> io::Error {
    io::Error::from_raw_os_error(EBADF)
}

/// A file that is always at its end.
pub(crate) fn nothing() -> io::Result<File> {
    OpenOptions::new().read(true).open("/dev/null")
}

/// A pipe: its read end and its write end.
pub(crate) fn pipe() -> io::Result<(File, File)> {
    let (reader, writer) = io::pipe()?;
    Ok((File::from(OwnedFd::from(reader)), File::from(OwnedFd::from(writer))))
}

/// The read end of a pipe that says a text and then ends.
pub(crate) fn saying(text: String) -> io::Result<File> {
    let (reader, mut writer) = pipe()?;
    // Beside the reader: the pipe may be too small for it. Who does not read to the end wants no more.
    std::thread::Builder::new().spawn(move || _ = writer.write_all(text.as_bytes()))?;
    Ok(reader)
}

/// The process's descriptors 0 to 2, as copies that the shell may hand on.
pub(crate) fn standard_descriptors() -> BTreeMap<u32, Arc<File>> {
    let standard = [
        (0, io::stdin().as_fd().try_clone_to_owned()),
        (1, io::stdout().as_fd().try_clone_to_owned()),
        (2, io::stderr().as_fd().try_clone_to_owned()),
    ];
    let open = standard.into_iter().filter_map(|(number, copy)| Some((number, copy.ok()?)));
    open.map(|(number, copy)| (number, Arc::new(File::from(copy)))).collect()
}

/// A directory as a handle, with the path that it was reached by.
#[derive(Clone)]
pub(crate) struct Directory {
    handle: Option<Arc<Handle>>,
    /// The path, for people.
    pub(crate) path: String,
}

impl Directory {
    /// The process's own.
    pub(crate) fn current() -> Self {
        let path = std::env::current_dir().unwrap_or_default().to_string_lossy().into_owned();
        let handle = Handle::open(".", (flag::O_RDONLY | flag::O_DIRECTORY) as u64).ok();
        Self { handle: handle.map(Arc::new), path: if path.is_empty() { "/".into() } else { path } }
    }

    /// The directory of that name, seen from this one.
    pub(crate) fn enter(&self, name: &str) -> io::Result<Directory> {
        let path = joined(&self.path, name);
        // A step upwards is meant along the path that is shown.
        let absolute = name.starts_with('/') || name.split('/').any(|part| part == "..");
        let flags = flag::O_RDONLY | flag::O_DIRECTORY;
        let asked = if absolute { path.as_str() } else { name };
        let handle = self.open_at(asked, flags as u64)?;
        Ok(Directory { handle: Some(Arc::new(handle)), path })
    }

    fn open_at(&self, path: &str, flags: u64) -> clavis::Result<Handle> {
        match &self.handle {
            _ if path.starts_with('/') => Handle::open(path, flags),
            Some(handle) => Handle::open_at(&**handle, path, flags),
            None => Err(clavis::Error::from_errno(ECAPMODE)),
        }
    }

    /// Opens a program to start it.
    fn program(&self, path: &str) -> clavis::Result<Handle> {
        self.open_at(path, flag::O_RDONLY as u64 | open_flags::NOT_DIRECTORY)
    }

    /// Opens a file.
    pub(crate) fn open(&self, path: &str, how: How) -> io::Result<File> {
        /// Who may read and write a file that a redirection makes.
        const MODE: usize = 0o644;
        let flags = match how {
            How::Read => flag::O_RDONLY,
            How::Write => flag::O_WRONLY | flag::O_CREAT | flag::O_TRUNC | MODE,
            How::Append => flag::O_WRONLY | flag::O_CREAT | flag::O_APPEND | MODE,
            How::ReadWrite => flag::O_RDWR | flag::O_CREAT | MODE,
        };
        Ok(File::from(self.open_at(path, flags as u64)?.into_fd()?))
    }

    /// The text of a file.
    pub(crate) fn read(&self, path: &str) -> io::Result<String> {
        let mut text = String::new();
        self.open(path, How::Read)?.take(MAX_SCRIPT).read_to_string(&mut text)?;
        Ok(text)
    }

    /// What is known of a path.
    pub(crate) fn metadata(&self, path: &str) -> io::Result<Metadata> {
        File::from(self.open_at(path, flag::O_STAT as u64)?.into_fd()?).metadata()
    }
}

impl glob::Directory for Directory {
    fn names(&self, directory: &str) -> Vec<String> {
        let flags = flag::O_RDONLY | flag::O_DIRECTORY;
        let path = if directory.is_empty() { "." } else { directory };
        let Ok(handle) = self.open_at(path, flags as u64) else { return Vec::new() };
        clavis::object::list(&handle).unwrap_or_default()
    }

    fn exists(&self, path: &str) -> bool {
        self.metadata(path).is_ok()
    }
}

/// A path seen from a directory, without `.`, `..` and empty components.
fn joined(directory: &str, name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let start = if name.starts_with('/') { "" } else { directory };
    for part in start.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Puts the job that a handle of a terminal belongs to into the foreground.
pub(crate) fn to_front(terminal: &File) -> io::Result<()> {
    call(terminal, &mut [], Payload::In, &[TO_FRONT])?;
    Ok(())
}

/// A job: the account that the processes of a pipeline live in, and their handle of the terminal.
pub(crate) struct Job {
    account: Account,
    terminal: Option<Arc<File>>,
}

impl Job {
    /// A job beneath the shell's own account. The terminal gets a handle that can signal it, and
    /// see whether anything is left to be signalled.
    pub(crate) fn create(terminal: Option<&File>) -> io::Result<Self> {
        let account = Account::new(&UNLIMITED)?;
        let terminal = match terminal {
            Some(terminal) => {
                let terminal = File::from(Handle::ask(terminal, NEW_JOB, Place::Upper)?.into_fd()?);
                let rights = Rights::SIGNAL | Rights::INSPECT | Rights::TRANSFER;
                let job = Handle::derive(&account, rights, Rights::empty())?;
                send_away(&terminal, job, &[JOB_PROCESSES])?;
                Some(Arc::new(terminal))
            }
            None => None,
        };
        Ok(Self { account, terminal })
    }

    /// Its handle of the terminal.
    pub(crate) fn terminal(&self) -> Option<&Arc<File>> {
        self.terminal.as_ref()
    }

    /// Makes it the job that reads from the terminal and that keys are for.
    pub(crate) fn to_front(&self) -> io::Result<()> {
        self.terminal.as_ref().map_or(Ok(()), |terminal| to_front(terminal))
    }

    /// Signals all its processes.
    pub(crate) fn signal(&self, signal: usize) -> io::Result<()> {
        Ok(self.account.signal(signal)?)
    }
}

/// A program to be started.
pub(crate) struct Launch<'a> {
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) descriptors: &'a Descriptors,
    pub(crate) directory: &'a Directory,
    pub(crate) job: Option<&'a Job>,
}

impl Launch<'_> {
    /// Starts it.
    pub(crate) fn start(self, path: &str) -> Result<Child, LaunchError> {
        let descriptors: Vec<(u16, Number)> = self
            .descriptors
            .iter()
            .filter_map(|(number, file)| Some((u16::try_from(*number).ok()?, file.number())))
            .collect();
        let handle = self.directory.handle.as_ref();
        let launch = Start {
            arguments: &self.arguments,
            environment: &self.environment,
            descriptors: &descriptors,
            namespace: Give::Own,
            directory: Home {
                handle: handle.map_or(Give::None, |handle| Give::This(handle.number())),
                path: &self.directory.path,
            },
            account: self.job.map(|job| job.account.number()),
            powers: Powers::Handed,
        };
        clavis_launch::start(&launch, path, &|path| self.directory.program(path))
    }
}

/// Where the program of a name lies.
pub(crate) fn locate(name: &str, path: &str, directory: &Directory) -> Option<String> {
    clavis_launch::find(name, path, &|path| directory.program(path)).ok().map(|(_, path)| path)
}
