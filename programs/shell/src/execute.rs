//! Programs run: lists, chains, pipelines, compounds.
use crate::jobs::{self, State, Waits, Watch};
use crate::stage::{self, Stage};
use crate::state::{Flow, INTERRUPTED, Shell};
use crate::system::{self, Job};
use shell_language::expand::{ExpandError, fields, pattern, single};
use shell_language::glob;
use shell_language::syntax::{
    Chain, Command, Compound, Connector, Mode, Pipeline, Program, Redirection, Sense, Word,
};
use shell_language::wire::{End, Place, Source, wire};
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

/// Functions that may be under way at once.
const MAX_CALLS: u32 = 100;

/// The descriptors of a command.
pub(crate) type Descriptors = BTreeMap<u32, Arc<File>>;

/// Runs a program in its own copy of a shell, to the end, and gives its status.
pub(crate) fn to_end(mut shell: Shell, inner: &Program) -> i32 {
    match program(&mut shell, inner) {
        Flow::Exit(status) | Flow::Return(status) => status,
        Flow::Interrupted => INTERRUPTED,
        _ => shell.status,
    }
}

/// Runs a program.
pub(crate) fn program(shell: &mut Shell, program: &Program) -> Flow {
    for item in &program.items {
        let flow = match item.mode {
            Mode::Foreground => chain(shell, &item.chain),
            Mode::Background => background(shell, &item.chain),
        };
        if flow != Flow::Next {
            return flow;
        }
    }
    Flow::Next
}

/// Runs a chain beside the shell, in a copy of it and a job of its own. Without a terminal it has
/// nothing to read; with one it waits there until it comes to the foreground.
fn background(shell: &mut Shell, inner: &Chain) -> Flow {
    let terminal = shell.terminal.as_ref().map(|(terminal, _)| &**terminal);
    let job = match Job::create(terminal) {
        Ok(job) => Arc::new(job),
        Err(error) => return no_job(shell, &error),
    };
    let watch = Watch::new();
    let mut copy = shell.beside();
    copy.waits = Waits::Report(Arc::clone(&watch));
    copy.job = Some(Arc::clone(&job));
    match (job.terminal(), system::nothing()) {
        (Some(_), _) => _ = on_terminal(shell, &job, &mut copy.descriptors),
        (None, Ok(file)) => _ = copy.descriptors.insert(0, Arc::new(file)),
        (None, Err(_)) => _ = copy.descriptors.remove(&0),
    }
    let (inner, told) = (inner.clone(), Arc::clone(&watch));
    let runner = std::thread::Builder::new().spawn(move || {
        let status = match chain(&mut copy, &inner) {
            Flow::Exit(status) | Flow::Return(status) => status,
            _ => copy.status,
        };
        told.set(State::Done(status));
    });
    shell.status = match runner {
        Ok(_) => {
            let number = jobs::add(shell, job, watch);
            shell.tell(&format!("[{number}]\n"));
            0
        }
        Err(error) => {
            shell.complain(&format!("&: {}", system::reason(&error)));
            1
        }
    };
    Flow::Next
}

fn no_job(shell: &mut Shell, error: &std::io::Error) -> Flow {
    shell.complain(&format!("no job: {}", system::reason(error)));
    shell.status = 1;
    Flow::Next
}

/// Puts a job's handle of the terminal where the shell has its own; what was there before.
fn on_terminal(shell: &Shell, job: &Job, descriptors: &mut Descriptors) -> Descriptors {
    let before = descriptors.clone();
    if let (Some(terminal), Some((_, numbers))) = (job.terminal(), &shell.terminal) {
        for number in numbers {
            descriptors.insert(*number, Arc::clone(terminal));
        }
    }
    before
}

fn chain(shell: &mut Shell, chain: &Chain) -> Flow {
    let mut flow = pipeline(shell, &chain.first);
    for (connector, next) in &chain.rest {
        if flow != Flow::Next {
            return flow;
        }
        let wanted = match connector {
            Connector::And => shell.status == 0,
            Connector::Or => shell.status != 0,
        };
        if wanted {
            flow = pipeline(shell, next);
        }
    }
    flow
}

/// Runs a pipeline in a job: its own if the shell is in none.
fn pipeline(shell: &mut Shell, pipeline: &Pipeline) -> Flow {
    let alone = shell.job.is_none() && pipeline.commands.iter().any(stage::may_start_processes);
    let flow = if alone {
        let terminal = shell.terminal.as_ref().map(|(terminal, _)| &**terminal);
        match Job::create(terminal) {
            Ok(job) => in_job(shell, pipeline, Arc::new(job)),
            Err(error) => return no_job(shell, &error),
        }
    } else {
        stages(shell, pipeline)
    };
    if pipeline.sense == Sense::Negated {
        shell.status = i32::from(shell.status == 0);
    }
    flow
}

/// Runs a pipeline in a job, which has the terminal meanwhile.
fn in_job(shell: &mut Shell, pipeline: &Pipeline, job: Arc<Job>) -> Flow {
    if let Err(error) = job.to_front() {
        shell.complain(&format!("terminal: {}", system::reason(&error)));
    }
    let mut descriptors = shell.descriptors.clone();
    let outer = on_terminal(shell, &job, &mut descriptors);
    shell.descriptors = descriptors;
    let watch = Watch::new();
    if shell.terminal.is_some() {
        shell.waits = Waits::Leave(Arc::clone(&watch));
    }
    shell.job = Some(Arc::clone(&job));
    let flow = stages(shell, pipeline);
    shell.job = None;
    let stopped = shell.waits.is_stopped();
    shell.waits = Waits::Plain;
    shell.descriptors = outer;
    shell.take_terminal();
    if stopped {
        jobs::leave(shell, job, watch);
        return Flow::Interrupted;
    }
    flow
}

fn stages(shell: &mut Shell, pipeline: &Pipeline) -> Flow {
    let flow = match pipeline.commands.as_slice() {
        [only] => command(shell, only),
        commands => stage::together(shell, commands),
    };
    if shell.waits.is_stopped() { Flow::Interrupted } else { flow }
}

/// Runs a command that stands alone in its pipeline: builtins change the shell itself.
pub(crate) fn command(shell: &mut Shell, command: &Command) -> Flow {
    let place = Place { index: 0, count: 1 };
    match command {
        Command::Simple(simple) => match stage::prepare(shell, simple, place, None, None) {
            Ok(Stage::Nothing) => Flow::Next,
            Ok(Stage::Builtin(call)) => call.run(shell),
            Ok(Stage::Program(launch)) => {
                let started = launch.start(shell);
                shell.status = stage::wait(shell, started);
                if shell.status == INTERRUPTED { Flow::Interrupted } else { Flow::Next }
            }
            Err(status) => {
                shell.status = status;
                Flow::Next
            }
        },
        Command::Compound(inner, redirections) => {
            match descriptors(shell, place, redirections, None, None) {
                Ok(wired) => {
                    let outer = std::mem::replace(&mut shell.descriptors, wired);
                    let flow = compound(shell, inner);
                    shell.descriptors = outer;
                    flow
                }
                Err(status) => {
                    shell.status = status;
                    Flow::Next
                }
            }
        }
    }
}

/// Runs a compound command with the shell's descriptors as they are.
pub(crate) fn compound(shell: &mut Shell, compound: &Compound) -> Flow {
    match compound {
        Compound::Group(inner) => program(shell, inner),
        Compound::Subshell(inner) => {
            shell.status = to_end(shell.subshell(), inner);
            Flow::Next
        }
        Compound::If { branches, otherwise } => {
            for (condition, body) in branches {
                let flow = program(shell, condition);
                if flow != Flow::Next {
                    return flow;
                }
                if shell.status == 0 {
                    return program(shell, body);
                }
            }
            shell.status = 0;
            otherwise.as_ref().map_or(Flow::Next, |body| program(shell, body))
        }
        Compound::Loop { sense, condition, body } => {
            let mut status = 0;
            loop {
                let mut flow = program(shell, condition);
                if flow == Flow::Next {
                    if (shell.status == 0) != (*sense == Sense::Plain) {
                        shell.status = status;
                        return Flow::Next;
                    }
                    flow = program(shell, body);
                    status = shell.status;
                }
                if let Some(flow) = after_turn(flow) {
                    return flow;
                }
            }
        }
        Compound::For { name, words, body } => {
            let values = match words {
                Some(words) => match arguments(shell, words) {
                    Ok(values) => values,
                    Err(status) => {
                        shell.status = status;
                        return Flow::Next;
                    }
                },
                None => shell.arguments.clone(),
            };
            shell.status = 0;
            for value in values {
                shell.set(name, &value);
                if let Some(flow) = after_turn(program(shell, body)) {
                    return flow;
                }
            }
            Flow::Next
        }
        Compound::Case { word, arms } => match chosen(shell, word, arms) {
            Ok(Some(body)) => program(shell, body),
            Ok(None) => {
                shell.status = 0;
                Flow::Next
            }
            Err(error) => {
                shell.complain(&error.to_string());
                shell.status = 1;
                Flow::Next
            }
        },
        Compound::Function { name, body } => {
            shell.functions.insert(name.clone(), Arc::clone(body));
            shell.status = 0;
            Flow::Next
        }
    }
}

/// What follows the first pattern that matches.
fn chosen<'a>(
    shell: &mut Shell,
    word: &Word,
    arms: &'a [(Vec<Word>, Program)],
) -> Result<Option<&'a Program>, ExpandError> {
    let text = single(word, shell)?;
    for (patterns, body) in arms {
        for word in patterns {
            if glob::text_matches(&pattern(word, shell)?, &text) {
                return Ok(Some(body));
            }
        }
    }
    Ok(None)
}

/// Calls a function: the arguments are its own, all else is the shell's.
pub(crate) fn call(shell: &mut Shell, body: &Command, arguments: &[String]) -> Flow {
    if shell.calls >= MAX_CALLS {
        shell.complain(&format!("more than {MAX_CALLS} functions call each other"));
        shell.status = 1;
        return Flow::Interrupted;
    }
    let own = arguments.get(1..).unwrap_or_default().to_vec();
    let outer = std::mem::replace(&mut shell.arguments, own);
    shell.calls += 1;
    let flow = command(shell, body);
    shell.calls -= 1;
    shell.arguments = outer;
    match flow {
        Flow::Return(status) => {
            shell.status = status;
            Flow::Next
        }
        flow => flow,
    }
}

/// What a loop hands on after a turn; `None`: it goes on.
fn after_turn(flow: Flow) -> Option<Flow> {
    match flow {
        Flow::Next | Flow::Continue(0 | 1) => None,
        Flow::Continue(levels) => Some(Flow::Continue(levels - 1)),
        Flow::Break(0 | 1) => Some(Flow::Next),
        Flow::Break(levels) => Some(Flow::Break(levels - 1)),
        Flow::Interrupted | Flow::Return(_) | Flow::Exit(_) => Some(flow),
    }
}

/// Words to arguments, globs matched. An error was told and is the status.
pub(crate) fn arguments(shell: &mut Shell, words: &[Word]) -> Result<Vec<String>, i32> {
    let fields = fields(words, shell).map_err(|error| {
        shell.complain(&error.to_string());
        1
    })?;
    let mut arguments = Vec::with_capacity(fields.len());
    for field in fields {
        let found =
            if field.wild { glob::matches(&field.pattern, &shell.directory) } else { Vec::new() };
        if found.is_empty() {
            arguments.push(field.text);
        } else {
            arguments.extend(found);
        }
    }
    Ok(arguments)
}

/// A command's descriptors: the shell's own, pipes, then redirections. An error was told and is
/// the status.
pub(crate) fn descriptors(
    shell: &mut Shell,
    place: Place,
    redirections: &[Redirection],
    pipe_in: Option<&Arc<File>>,
    pipe_out: Option<&Arc<File>>,
) -> Result<Descriptors, i32> {
    let own: Vec<u32> = shell.descriptors.keys().copied().collect();
    let wiring = wire(place, own, redirections).map_err(|number| {
        shell.complain(&format!("{number}: no such descriptor"));
        1
    })?;
    let mut files = Vec::with_capacity(wiring.sources.len());
    for source in wiring.sources {
        files.push(Arc::new(open(shell, source)?));
    }
    let mut wired = Descriptors::new();
    for (number, end) in wiring.descriptors {
        let file = match end {
            End::Shell(number) => shell.descriptors.get(&number),
            End::PipeIn => pipe_in,
            End::PipeOut => pipe_out,
            End::Source(index) => files.get(index),
        };
        if let Some(file) = file {
            wired.insert(number, Arc::clone(file));
        }
    }
    Ok(wired)
}

fn open(shell: &mut Shell, source: Source<'_>) -> Result<File, i32> {
    let (Source::File(_, word) | Source::Text(word)) = source;
    let value = single(word, shell).map_err(|error| {
        shell.complain(&error.to_string());
        1
    })?;
    let (opened, name) = match source {
        Source::File(how, _) => (shell.directory.open(&value, how), value.as_str()),
        Source::Text(_) => (system::saying(value.clone()), "<<"),
    };
    opened.map_err(|error| {
        shell.complain(&format!("{name}: {}", system::reason(&error)));
        1
    })
}
