//! One command of a pipeline: what it is, and how it starts beside the others.
use crate::builtins::{self, Builtin};
use crate::execute::{self, Descriptors, arguments, descriptors};
use crate::jobs::{self, State, Waits};
use crate::state::{Flow, INTERRUPTED, NOT_FOUND, NOT_RUNNABLE, Shell};
use crate::system::{self, Launch};
use clavis::process::{Change, signal};
use clavis::{Child, ExitStatus};
use shell_language::expand::single;
use shell_language::syntax::{Command, Simple};
use shell_language::wire::Place;
use std::fs::File;
use std::sync::Arc;
use std::thread::JoinHandle;

/// A simple command after expansion.
pub(crate) enum Stage {
    /// Only assignments and redirections; they are done.
    Nothing,
    /// The shell does it itself, or has a function for it.
    Builtin(BuiltinCall),
    /// A program does it.
    Program(ProgramCall),
}

/// What the shell does itself.
#[derive(Clone)]
enum Own {
    Builtin(Builtin),
    Function(Arc<Command>),
}

/// A builtin or function to be run.
pub(crate) struct BuiltinCall {
    own: Own,
    arguments: Vec<String>,
    assignments: Vec<(String, String)>,
    descriptors: Descriptors,
}

impl BuiltinCall {
    /// Runs it in a shell. Its assignments hold while it runs.
    pub(crate) fn run(self, shell: &mut Shell) -> Flow {
        let outer = std::mem::replace(&mut shell.descriptors, self.descriptors);
        let mut before = Vec::new();
        for (name, value) in &self.assignments {
            before.push((name.clone(), shell.variables.get(name).cloned()));
            shell.set(name, value);
        }
        let flow = match &self.own {
            Own::Builtin(builtin) => builtin(shell, &self.arguments),
            Own::Function(body) => execute::call(shell, body, &self.arguments),
        };
        for (name, variable) in before.into_iter().rev() {
            match variable {
                Some(variable) => _ = shell.variables.insert(name, variable),
                None => _ = shell.variables.remove(&name),
            }
        }
        shell.descriptors = outer;
        flow
    }
}

/// A program to be started.
pub(crate) struct ProgramCall {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    descriptors: Descriptors,
}

impl ProgramCall {
    /// Starts it in the shell's job. An error was told and is the status.
    pub(crate) fn start(self, shell: &Shell) -> Result<Running, i32> {
        let name = self.arguments.first().cloned().unwrap_or_default();
        let launch = Launch {
            arguments: self.arguments,
            environment: self.environment,
            descriptors: &self.descriptors,
            directory: &shell.directory,
            job: shell.job.as_deref(),
        };
        match launch.start(&shell.path()) {
            Ok(process) => Ok(Running { process, name }),
            Err(system::LaunchError::NotFound) => {
                let why =
                    if name.contains('/') { "no such file or directory" } else { "not found" };
                shell.complain(&format!("{name}: {why}"));
                Err(NOT_FOUND)
            }
            Err(error) => {
                shell.complain(&format!("{name}: {}", error.reason()));
                Err(NOT_RUNNABLE)
            }
        }
    }
}

/// A process that runs.
pub(crate) struct Running {
    process: Child,
    name: String,
}

/// Waits for a process that was started, or takes the status of the failure.
pub(crate) fn wait(shell: &Shell, started: Result<Running, i32>) -> i32 {
    match started {
        Ok(running) => wait_for(shell, vec![Part::Process(running)]),
        Err(status) => status,
    }
}

/// Waits for parts of a pipeline, or leaves that to a thread as the shell is to do when they are
/// stopped; the status.
fn wait_for(shell: &Shell, parts: Vec<Part>) -> i32 {
    match &shell.waits {
        Waits::Leave(watch) => {
            jobs::leaving(shell, watch, move |shell| wait_to_the_end(shell, parts))
        }
        Waits::Plain | Waits::Report(_) => wait_to_the_end(shell, parts),
    }
}

/// Waits for parts of a pipeline; the status of the last, or that of a Ctrl-C.
fn wait_to_the_end(shell: &Shell, parts: Vec<Part>) -> i32 {
    let mut status = 0;
    let mut interrupted = false;
    for part in parts {
        status = match part {
            Part::Process(running) => running.wait(shell),
            Part::Thread(runner) => runner.join().unwrap_or(NOT_RUNNABLE),
            Part::Done(status) => status,
        };
        interrupted |= status == INTERRUPTED;
    }
    if interrupted { INTERRUPTED } else { status }
}

impl Running {
    fn wait(&self, shell: &Shell) -> i32 {
        let status = loop {
            match (self.process.wait_change(), &shell.waits) {
                (Ok(Change::Ended(status)), _) => break status,
                (Ok(Change::Stopped(_)), Waits::Report(watch)) => watch.set(State::Stopped),
                (Ok(Change::Stopped(_)), _) => {
                    // At a terminal nobody could let it go on again.
                    if let Some(job) = shell.job.as_ref().filter(|job| job.terminal().is_some()) {
                        // If that fails it has ended, which is told next.
                        _ = job.signal(signal::CONTINUE);
                    }
                }
                (Ok(Change::Continued), Waits::Report(watch)) => watch.set(State::Running),
                (Ok(Change::Continued), _) => {}
                (Err(error), _) => {
                    shell.complain(&format!("{}: {}", self.name, system::reason(&error.into())));
                    return NOT_RUNNABLE;
                }
            }
        };
        let code = status.shell_code();
        // What a person did with Ctrl-C, and a closed pipe, need no word.
        const PIPE_CLOSED: i32 = 128 + 13;
        if !matches!(status, ExitStatus::Exit(_)) && code != INTERRUPTED && code != PIPE_CLOSED {
            shell.complain(&format!("{}: {status}", self.name));
        }
        code
    }
}

/// Whether a command could start a process, and so needs a job.
pub(crate) fn may_start_processes(command: &Command) -> bool {
    match command {
        Command::Compound(..) => true,
        Command::Simple(simple) => match simple.words.first() {
            // Substitutions in words or assignments start what they like.
            Some(word) => {
                let builtin = word.bare().is_some_and(|name| builtins::find(name).is_some());
                !builtin || !is_plain(simple)
            }
            None => !is_plain(simple),
        },
    }
}

fn is_plain(simple: &Simple) -> bool {
    use shell_language::syntax::{Form, Part, Target};
    let assigned = simple.assignments.iter().map(|assignment| &assignment.value);
    let targets = simple.redirections.iter().filter_map(|redirection| match &redirection.target {
        Target::File(_, word) | Target::Text(word) => Some(word),
        Target::Descriptor(_) | Target::Closed => None,
    });
    simple.words.iter().chain(assigned).chain(targets).all(|word| {
        word.parts.iter().all(|part| {
            matches!(
                part,
                Part::Text { .. }
                    | Part::Home
                    | Part::Variable { form: Form::Value | Form::Length, .. }
            )
        })
    })
}

/// Expands a simple command and opens its redirections. An error was told and is the status.
pub(crate) fn prepare(
    shell: &mut Shell,
    simple: &Simple,
    place: Place,
    pipe_in: Option<&Arc<File>>,
    pipe_out: Option<&Arc<File>>,
) -> Result<Stage, i32> {
    let words = arguments(shell, &simple.words)?;
    let mut assignments = Vec::with_capacity(simple.assignments.len());
    let mut substituted = 0;
    for assignment in &simple.assignments {
        let value = single(&assignment.value, shell).map_err(|error| {
            shell.complain(&error.to_string());
            1
        })?;
        substituted = shell.status;
        assignments.push((assignment.name.clone(), value));
    }
    let descriptors = descriptors(shell, place, &simple.redirections, pipe_in, pipe_out)?;
    let Some(name) = words.first() else {
        for (name, value) in &assignments {
            shell.set(name, value);
        }
        // The status of `X=$(…)` is that of the substitution.
        shell.status = if is_plain(simple) { 0 } else { substituted };
        return Ok(Stage::Nothing);
    };
    let function = shell.functions.get(name).map(|body| Own::Function(Arc::clone(body)));
    if let Some(own) = function.or_else(|| builtins::find(name).map(Own::Builtin)) {
        let arguments = words;
        return Ok(Stage::Builtin(BuiltinCall { own, arguments, assignments, descriptors }));
    }
    let mut environment = shell.environment();
    for (name, value) in assignments {
        environment.retain(|(known, _)| *known != name);
        environment.push((name, value));
    }
    Ok(Stage::Program(ProgramCall { arguments: words, environment, descriptors }))
}

/// One stage of a pipeline that has been started.
enum Part {
    Process(Running),
    Thread(JoinHandle<i32>),
    Done(i32),
}

/// Runs the commands of a pipeline side by side; the status is the last one's.
pub(crate) fn together(shell: &mut Shell, commands: &[Command]) -> Flow {
    let count = commands.len();
    let mut parts = Vec::with_capacity(count);
    let mut pipe_in = None;
    for (index, command) in commands.iter().enumerate() {
        let place = Place { index, count };
        let (next_in, pipe_out) = if index + 1 < count {
            match system::pipe() {
                Ok((reader, writer)) => (Some(Arc::new(reader)), Some(Arc::new(writer))),
                Err(error) => {
                    shell.complain(&format!("pipe: {}", system::reason(&error)));
                    parts.push(Part::Done(1));
                    break;
                }
            }
        } else {
            (None, None)
        };
        parts.push(start(shell, command, place, pipe_in.as_ref(), pipe_out.as_ref()));
        // The ends that the commands hold are theirs alone: who reads to the end sees it.
        pipe_in = next_in;
    }
    drop(pipe_in);
    shell.status = wait_for(shell, parts);
    if shell.status == INTERRUPTED { Flow::Interrupted } else { Flow::Next }
}

fn start(
    shell: &mut Shell,
    command: &Command,
    place: Place,
    pipe_in: Option<&Arc<File>>,
    pipe_out: Option<&Arc<File>>,
) -> Part {
    // What runs in a thread runs in a copy of the shell.
    let run: Box<dyn FnOnce(&mut Shell) -> Flow + Send> = match command {
        Command::Simple(simple) => match prepare(shell, simple, place, pipe_in, pipe_out) {
            Ok(Stage::Nothing) => return Part::Done(shell.status),
            Ok(Stage::Program(call)) => {
                return call.start(shell).map_or_else(Part::Done, Part::Process);
            }
            Ok(Stage::Builtin(call)) => Box::new(move |shell| call.run(shell)),
            Err(status) => return Part::Done(status),
        },
        Command::Compound(compound, redirections) => {
            match descriptors(shell, place, redirections, pipe_in, pipe_out) {
                Ok(wired) => {
                    let compound = compound.clone();
                    Box::new(move |shell| {
                        shell.descriptors = wired;
                        execute::compound(shell, &compound)
                    })
                }
                Err(status) => return Part::Done(status),
            }
        }
    };
    let mut copy = shell.beside();
    copy.descriptors.clear();
    let runner = std::thread::Builder::new().spawn(move || match run(&mut copy) {
        Flow::Exit(status) | Flow::Return(status) => status,
        Flow::Interrupted => INTERRUPTED,
        _ => copy.status,
    });
    match runner {
        Ok(runner) => Part::Thread(runner),
        Err(error) => {
            shell.complain(&system::reason(&error));
            Part::Done(NOT_RUNNABLE)
        }
    }
}
