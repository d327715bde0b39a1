//! Building a process from an explicit list.
#![expect(unsafe_code, reason = "calls into libc.a")]

use crate::c;
use crate::error::Result;
use crate::handle::{AsNumber, Handle, Number, owned};
use crate::process::Child;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::params::OUT_UPPER;
use clavis_abi::runtime::{Bytes, GivenHandle, NONE, OWN, SpawnParams};
use clavis_abi::startup::EntryKind;
use core::marker::PhantomData;
#[cfg(feature = "std")]
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// What arguments are without std.
#[cfg(not(feature = "std"))]
type OsStr = str;

/// Whether a child gets something, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Give {
    /// It gets none.
    None,
    /// It gets what this process itself has.
    Own,
    /// It gets this.
    This(Number),
}

impl Give {
    fn raw(self) -> u64 {
        match self {
            Give::None => NONE,
            Give::Own => OWN,
            Give::This(number) => number.raw() as u64,
        }
    }
}

/// A child to be built. Nothing is inherited that is not listed: a fresh command gives only its
/// arguments; [`Command::ordinary`] gives what programs of a shell get.
///
/// ```no_run
/// # fn main() -> clavis::Result<()> {
/// let status = clavis::Command::new("/bin/ls").arg("/scheme").ordinary().spawn()?.wait()?;
/// # let _ = status;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Command<'a> {
    file: Option<Number>,
    path: String,
    name: String,
    args: Vec<Vec<u8>>,
    envs: Vec<Vec<u8>>,
    namespace: Give,
    cwd: Give,
    cwd_path: String,
    account: Give,
    child_account: Give,
    self_rights: Rights,
    handles: Vec<GivenHandle>,
    stack_size: usize,
    priority: u64,
    flags: u64,
    borrowed: PhantomData<&'a Handle>,
}

impl<'a> Command<'a> {
    /// A program by its path, which is also its first argument.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Command<'a> {
        let path = path.into();
        let args = vec![path.clone().into_bytes()];
        Command {
            file: None,
            path,
            name: String::new(),
            args,
            envs: Vec::new(),
            namespace: Give::None,
            cwd: Give::None,
            cwd_path: String::new(),
            account: Give::Own,
            child_account: Give::None,
            self_rights: Rights::empty(),
            handles: Vec::new(),
            stack_size: 0,
            priority: NONE,
            flags: 0,
            borrowed: PhantomData,
        }
    }

    /// A program by a handle of its file, under a name for people.
    #[must_use]
    pub fn from_file(file: &'a impl AsNumber, name: impl Into<String>) -> Command<'a> {
        Command { file: Some(file.number()), ..Command::new(name) }
    }

    /// Gives what programs of a shell get: this process' namespace, current directory, account,
    /// environment and standard streams, and a handle to itself for inspection.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn ordinary(self) -> Command<'a> {
        self.namespace(Give::Own)
            .cwd(Give::Own, "")
            .child_account(Give::Own)
            .self_rights(Rights::INSPECT | Rights::NAME)
            .own_env()
            .own_streams()
    }

    /// Replaces the first argument.
    #[must_use]
    pub fn arg0(mut self, arg: impl AsRef<OsStr>) -> Command<'a> {
        if let Some(first) = self.args.first_mut() {
            *first = arg.as_ref().as_bytes().to_vec();
        }
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Command<'a> {
        self.args.push(arg.as_ref().as_bytes().to_vec());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Command<'a> {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().as_bytes().to_vec()));
        self
    }

    /// Sets an environment variable; replaces an earlier one of that name.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Command<'a> {
        let mut string = name.as_ref().as_bytes().to_vec();
        string.push(b'=');
        let start = string.clone();
        self.envs.retain(|env| !env.starts_with(&start));
        string.extend_from_slice(value.as_ref().as_bytes());
        self.envs.push(string);
        self
    }

    /// Adds this process' environment.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn own_env(self) -> Command<'a> {
        std::env::vars_os().fold(self, |command, (name, value)| command.env(name, value))
    }

    /// Removes all environment variables.
    #[must_use]
    pub fn clear_env(mut self) -> Command<'a> {
        self.envs.clear();
        self
    }

    /// Sets the namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: Give) -> Command<'a> {
        self.namespace = namespace;
        self
    }

    /// Sets the current directory and, unless it is this process' own, the path that it is shown
    /// under.
    #[must_use]
    pub fn cwd(mut self, cwd: Give, path: impl Into<String>) -> Command<'a> {
        self.cwd = cwd;
        self.cwd_path = path.into();
        self
    }

    /// Sets the account that the child is created in (this process' own unless set).
    #[must_use]
    pub fn account(mut self, account: &'a impl AsNumber) -> Command<'a> {
        self.account = Give::This(account.number());
        self
    }

    /// Sets the account that the child creates its own children in; [`Give::Own`] is the one that
    /// it is created in itself.
    #[must_use]
    pub fn child_account(mut self, account: Give) -> Command<'a> {
        self.child_account = account;
        self
    }

    /// Sets the rights of the child's handle to itself; empty: it gets none.
    #[must_use]
    pub fn self_rights(mut self, rights: Rights) -> Command<'a> {
        self.self_rights = rights;
        self
    }

    /// Gives a handle at a number; it replaces what was to go there.
    #[must_use]
    pub fn handle_at(self, number: Number, handle: &'a impl AsNumber) -> Command<'a> {
        self.give(handle.number(), number.raw() as u64, 0, Rights::all(), Rights::all())
    }

    /// Gives a handle with a meaning ([`EntryKind`] as a number), narrowed by masks.
    #[must_use]
    pub fn handle_as(
        self,
        kind: u64,
        handle: &'a impl AsNumber,
        rights: Rights,
        inherit: Rights,
    ) -> Command<'a> {
        self.give(handle.number(), NONE, kind, rights, inherit)
    }

    /// Gives a startup handle of this process on under its meaning, if it has one.
    #[must_use]
    pub fn own_startup(self, kind: EntryKind) -> Command<'a> {
        match crate::startup::number(kind) {
            Some(number) => self.give(number, NONE, kind as u64, Rights::all(), Rights::all()),
            None => self,
        }
    }

    /// Sets standard input.
    #[must_use]
    pub fn stdin(self, handle: &'a impl AsNumber) -> Command<'a> {
        self.handle_at(Number::from_raw(0), handle)
    }

    /// Sets standard output.
    #[must_use]
    pub fn stdout(self, handle: &'a impl AsNumber) -> Command<'a> {
        self.handle_at(Number::from_raw(1), handle)
    }

    /// Sets standard error.
    #[must_use]
    pub fn stderr(self, handle: &'a impl AsNumber) -> Command<'a> {
        self.handle_at(Number::from_raw(2), handle)
    }

    /// Gives this process' standard streams where no others were set.
    #[must_use]
    pub fn own_streams(self) -> Command<'a> {
        (0..3).fold(self, |command, stream| {
            if command.handles.iter().any(|given| given.number == stream) {
                return command;
            }
            let number = Number::from_raw(stream as usize);
            command.give(number, stream, 0, Rights::all(), Rights::all())
        })
    }

    fn give(
        mut self,
        source: Number,
        number: u64,
        kind: u64,
        rights: Rights,
        inherit: Rights,
    ) -> Command<'a> {
        if number != NONE {
            self.handles.retain(|given| given.number != number);
        }
        let (source, rights, inherit) = (source.raw() as u64, rights.bits(), inherit.bits());
        self.handles.push(GivenHandle { source, number, kind, rights, inherit, flags: 0 });
        self
    }

    /// Sets the bytes of the first thread's stack.
    #[must_use]
    pub fn stack_size(mut self, bytes: usize) -> Command<'a> {
        self.stack_size = bytes;
        self
    }

    /// Sets the priority; at most this process' own.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Command<'a> {
        self.priority = u64::from(priority);
        self
    }

    /// Sets [`clavis_abi::params::process_flags`].
    #[must_use]
    pub fn flags(mut self, flags: u64) -> Command<'a> {
        self.flags = flags;
        self
    }

    /// Sets the image name; otherwise it is the path.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Command<'a> {
        self.name = name.into();
        self
    }

    /// Builds and starts it.
    ///
    /// # Errors
    /// `ENOENT` and other reasons why the file cannot be opened; `ENOEXEC` for a file that is no
    /// static program; refusals of the kernel. After an error nothing is left of the child.
    pub fn spawn(&self) -> Result<Child> {
        let args: Vec<Bytes> = self.args.iter().map(|arg| Bytes::of(arg)).collect();
        let envs: Vec<Bytes> = self.envs.iter().map(|env| Bytes::of(env)).collect();
        let params = SpawnParams {
            file: self.file.map_or(NONE, |file| file.raw() as u64),
            path: Bytes::of(self.path.as_bytes()),
            name: Bytes::of(self.name.as_bytes()),
            args: args.as_ptr(),
            arg_count: args.len(),
            envs: envs.as_ptr(),
            env_count: envs.len(),
            namespace: self.namespace.raw(),
            cwd: self.cwd.raw(),
            cwd_path: Bytes::of(self.cwd_path.as_bytes()),
            account: self.account.raw(),
            child_account: self.child_account.raw(),
            self_rights: self.self_rights.bits(),
            handles: self.handles.as_ptr(),
            handle_count: self.handles.len(),
            stack_size: self.stack_size,
            priority: self.priority,
            flags: self.flags,
            place: OUT_UPPER,
        };
        // SAFETY: all that it points to lives until the end of this function.
        owned(unsafe { c::clavis_spawn(&raw const params) }).map(Child::from_handle)
    }
}
