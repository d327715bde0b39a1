//! What a shell is: variables, descriptors, directory, status. A copy of it is a subshell.
use crate::execute;
use crate::jobs::{Entry, Waits};
use crate::system::{self, Directory, Job};
use shell_language::Program;
use shell_language::expand::{Environment, ExpandError};
use shell_language::syntax::Command;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;

/// Where programs are looked for when PATH is not set.
pub(crate) const DEFAULT_PATH: &str = "/scheme/initfs/bin";
/// Status of a command that does not exist.
pub(crate) const NOT_FOUND: i32 = 127;
/// Status of a command that exists but cannot be run.
pub(crate) const NOT_RUNNABLE: i32 = 126;
/// Status of what a Ctrl-C ended.
pub(crate) const INTERRUPTED: i32 = 130;

/// A variable.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) value: String,
    pub(crate) scope: Scope,
}

/// Who sees a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// This shell alone.
    Shell,
    /// Its commands too.
    Exported,
}

/// Where control goes after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// To the next command.
    Next,
    /// Out of so many loops.
    Break(u32),
    /// To the next turn of the loop so many levels up.
    Continue(u32),
    /// To the prompt: Ctrl-C ended a command.
    Interrupted,
    /// Out of the function or the file that is read, with a status.
    Return(i32),
    /// Out of the shell, with a status.
    Exit(i32),
}

/// Whether a shell talks with a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    /// With a person at the console: jobs get Ctrl-C.
    Interactive,
    /// With nobody.
    Silent,
}

/// The whole state of a shell.
pub(crate) struct Shell {
    /// `$0`.
    pub(crate) name: String,
    /// `$1` and so on.
    pub(crate) arguments: Vec<String>,
    /// `$?`.
    pub(crate) status: i32,
    /// The variables.
    pub(crate) variables: BTreeMap<String, Variable>,
    /// What its commands have under each number.
    pub(crate) descriptors: BTreeMap<u32, Arc<File>>,
    /// The current directory.
    pub(crate) directory: Directory,
    /// Where `cd -` goes.
    pub(crate) previous: Option<Directory>,
    /// The job that commands run in; made by the outermost pipeline.
    pub(crate) job: Option<Arc<Job>>,
    /// Whether a person talks with it.
    pub(crate) talk: Talk,
    /// What runs beside it (`&`) or was stopped.
    pub(crate) jobs: Vec<Entry>,
    /// What it does when something that it waits for is stopped.
    pub(crate) waits: Waits,
    /// The terminal, when it talks with a person, and which descriptors are on it.
    pub(crate) terminal: Option<(Arc<File>, Vec<u32>)>,
    /// The line that is run, as it was typed.
    pub(crate) typed: String,
    /// What names do that a person defined.
    pub(crate) functions: BTreeMap<String, Arc<Command>>,
    /// Functions that are under way.
    pub(crate) calls: u32,
    /// What a person has typed.
    pub(crate) history: Vec<String>,
}

impl Shell {
    /// A shell with the process's environment, descriptors 0 to 2 and directory.
    pub(crate) fn new(name: String) -> Self {
        let variables = std::env::vars().map(|(name, value)| {
            let scope = Scope::Exported;
            (name, Variable { value, scope })
        });
        Self {
            name,
            arguments: Vec::new(),
            status: 0,
            variables: variables.collect(),
            descriptors: system::standard_descriptors(),
            directory: Directory::current(),
            previous: None,
            job: None,
            talk: Talk::Silent,
            jobs: Vec::new(),
            waits: Waits::Plain,
            terminal: None,
            typed: String::new(),
            functions: BTreeMap::new(),
            calls: 0,
            history: Vec::new(),
        }
    }

    /// A copy whose changes stay with it.
    pub(crate) fn subshell(&self) -> Shell {
        Shell {
            name: self.name.clone(),
            arguments: self.arguments.clone(),
            status: self.status,
            variables: self.variables.clone(),
            descriptors: self.descriptors.clone(),
            directory: self.directory.clone(),
            previous: self.previous.clone(),
            job: self.job.clone(),
            talk: Talk::Silent,
            jobs: Vec::new(),
            waits: self.waits.clone(),
            terminal: None,
            typed: String::new(),
            functions: self.functions.clone(),
            calls: self.calls,
            history: self.history.clone(),
        }
    }

    /// A copy that runs beside it.
    pub(crate) fn beside(&self) -> Shell {
        Shell { waits: self.waits.beside(), ..self.subshell() }
    }

    /// Makes this shell the one that reads from the terminal.
    pub(crate) fn take_terminal(&self) {
        if let Some((terminal, _)) = &self.terminal
            && let Err(error) = system::to_front(terminal)
        {
            self.complain(&format!("terminal: {}", system::reason(&error)));
        }
    }

    /// Tells the person at the terminal, if there is one.
    pub(crate) fn tell(&self, text: &str) {
        if self.talk == Talk::Interactive
            && let Some(file) = self.descriptors.get(&2)
        {
            let mut file: &File = file;
            // There is nobody else to tell.
            _ = file.write_all(text.as_bytes());
        }
    }

    /// Sets a variable and keeps its scope; new ones are the shell's own.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        match self.variables.get_mut(name) {
            Some(variable) => variable.value = value.to_owned(),
            None => {
                let variable = Variable { value: value.to_owned(), scope: Scope::Shell };
                self.variables.insert(name.to_owned(), variable);
            }
        }
    }

    /// Writes a line about a failure to descriptor 2: `sh: …`.
    pub(crate) fn complain(&self, why: &str) {
        if let Some(file) = self.descriptors.get(&2) {
            let mut file: &File = file;
            // There is nobody to tell that nothing can be told.
            _ = file.write_all(format!("sh: {why}\n").as_bytes());
        }
    }

    /// Writes to descriptor 1.
    ///
    /// # Errors
    /// Of the write, or that the descriptor is closed.
    pub(crate) fn print(&self, text: &str) -> std::io::Result<()> {
        let file = self.descriptors.get(&1).ok_or_else(system::closed)?;
        let mut file: &File = file;
        file.write_all(text.as_bytes())
    }

    /// What `PATH` says.
    pub(crate) fn path(&self) -> String {
        self.variable("PATH").unwrap_or_else(|| DEFAULT_PATH.into())
    }

    /// The environment of a command.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        self.variables
            .iter()
            .filter(|(_, variable)| variable.scope == Scope::Exported)
            .map(|(name, variable)| (name.clone(), variable.value.clone()))
            .collect()
    }
}

impl Environment for Shell {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "?" => Some(self.status.to_string()),
            "$" => Some(std::process::id().to_string()),
            "#" => Some(self.arguments.len().to_string()),
            "0" => Some(self.name.clone()),
            "PWD" => Some(self.directory.path.clone()),
            "@" | "*" => Some(self.arguments.join(" ")).filter(|text| !text.is_empty()),
            _ => match name.parse::<usize>() {
                Ok(number) => self.arguments.get(number.checked_sub(1)?).cloned(),
                Err(_) => self.variables.get(name).map(|variable| variable.value.clone()),
            },
        }
    }

    fn arguments(&self) -> Vec<String> {
        self.arguments.clone()
    }

    fn assign(&mut self, name: &str, value: &str) {
        self.set(name, value);
    }

    fn substitute(&mut self, program: &Program) -> Result<String, ExpandError> {
        let failed = |error: std::io::Error| ExpandError(system::reason(&error));
        let (mut reader, writer) = system::pipe().map_err(failed)?;
        let mut inner = self.subshell();
        // The shell waits for its output, not for its processes.
        inner.waits = Waits::Plain;
        inner.descriptors.insert(1, Arc::new(writer));
        let mut output = Vec::new();
        let (read, status) = std::thread::scope(|scope| {
            // The copy dies with its thread, and with it the last write end of the pipe.
            let runner = scope.spawn(move || execute::to_end(inner, program));
            let read = reader.read_to_end(&mut output);
            // Without its reader, a program that still writes learns that nobody listens.
            drop(reader);
            (read, runner.join().unwrap_or(NOT_RUNNABLE))
        });
        read.map_err(failed)?;
        self.status = status;
        // Arguments cannot hold a NUL.
        Ok(String::from_utf8_lossy(&output).replace('\0', ""))
    }
}
