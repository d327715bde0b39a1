//! Jobs that run beside the shell or stand still, and waiting for those that do not.
use crate::builtins::{done, failed};
use crate::state::{Flow, NOT_RUNNABLE, Shell, Talk};
use crate::system::{self, Job};
use clavis::process::signal;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Status of what was stopped, as for the signal of Ctrl-Z.
pub(crate) const STOPPED: i32 = 128 + 20;
/// The signal of a terminal that is gone.
const HANG_UP: usize = 1;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Stopped,
    /// It ended, with that status.
    Done(i32),
}

/// The state of a job, as whoever waits for its processes knows it.
pub(crate) struct Watch {
    state: Mutex<State>,
    changed: Condvar,
}

impl Watch {
    /// Of a job that runs.
    pub(crate) fn new() -> Arc<Watch> {
        Arc::new(Watch { state: Mutex::new(State::Running), changed: Condvar::new() })
    }

    pub(crate) fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        self.changed.notify_all();
    }

    pub(crate) fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it does not run; the status.
    pub(crate) fn wait(&self) -> i32 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let running = |state: &mut State| *state == State::Running;
        let state = self.changed.wait_while(state, running);
        match *state.unwrap_or_else(PoisonError::into_inner) {
            State::Done(status) => status,
            State::Stopped | State::Running => STOPPED,
        }
    }
}

/// What a shell does when a process that it waits for is stopped.
#[derive(Clone)]
pub(crate) enum Waits {
    /// It goes on waiting; nobody could give the prompt back.
    Plain,
    /// It says so and goes on waiting: it waits beside the shell.
    Report(Arc<Watch>),
    /// It leaves waiting to a thread and goes back to the prompt.
    Leave(Arc<Watch>),
}

impl Waits {
    /// For what runs beside a shell that waits like this.
    pub(crate) fn beside(&self) -> Waits {
        match self {
            Waits::Plain => Waits::Plain,
            Waits::Report(watch) | Waits::Leave(watch) => Waits::Report(Arc::clone(watch)),
        }
    }

    /// Whether the job in the foreground was stopped.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self, Waits::Leave(watch) if watch.state() == State::Stopped)
    }
}

/// A job beside the shell.
pub(crate) struct Entry {
    number: usize,
    /// The line that it was typed in.
    text: String,
    job: Arc<Job>,
    watch: Arc<Watch>,
}

impl Entry {
    fn line(&self) -> String {
        let state = match self.watch.state() {
            State::Running => "Running".to_owned(),
            State::Stopped => "Stopped".to_owned(),
            State::Done(0) => "Done".to_owned(),
            State::Done(status) => format!("Exit {status}"),
        };
        format!("[{}] {state:<10} {}\n", self.number, self.text)
    }

    fn is_done(&self) -> bool {
        matches!(self.watch.state(), State::Done(_))
    }
}

/// Puts a job into the list; its number.
pub(crate) fn add(shell: &mut Shell, job: Arc<Job>, watch: Arc<Watch>) -> usize {
    let number = shell.jobs.iter().map(|entry| entry.number).max().unwrap_or(0) + 1;
    let text = shell.typed.clone();
    shell.jobs.push(Entry { number, text, job, watch });
    number
}

/// The job in the foreground was stopped: it stays beside the shell.
pub(crate) fn leave(shell: &mut Shell, job: Arc<Job>, watch: Arc<Watch>) {
    let number = add(shell, job, watch);
    shell.tell(&format!("\n[{number}] Stopped    {}\n", shell.typed));
    shell.status = STOPPED;
}

/// Tells what ended beside the shell since the last prompt, and forgets it.
pub(crate) fn report(shell: &mut Shell) {
    let (done, rest) = std::mem::take(&mut shell.jobs).into_iter().partition(Entry::is_done);
    shell.jobs = rest;
    let ended: Vec<Entry> = done;
    ended.iter().for_each(|entry| shell.tell(&entry.line()));
}

/// The shell ends: what stands still would do so for ever.
pub(crate) fn hang_up(shell: &mut Shell) {
    for entry in shell.jobs.drain(..) {
        if entry.watch.state() == State::Stopped {
            // One that ended meanwhile needs neither.
            _ = entry.job.signal(HANG_UP).and(entry.job.signal(signal::CONTINUE));
        }
    }
}

/// The place of the job that `%2`, `2`, or nothing (the last one) means.
fn find(shell: &Shell, words: &[String]) -> Option<usize> {
    match words.get(1).map(|word| word.trim_start_matches('%')) {
        None | Some("" | "+" | "%") => shell.jobs.len().checked_sub(1),
        Some(number) => {
            let number: usize = number.parse().ok()?;
            shell.jobs.iter().position(|entry| entry.number == number)
        }
    }
}

/// `jobs`: shows them.
pub(crate) fn jobs(shell: &mut Shell, words: &[String]) -> Flow {
    let lines: String = shell.jobs.iter().map(Entry::line).collect();
    shell.jobs.retain(|entry| !entry.is_done());
    match shell.print(&lines) {
        Ok(()) => done(shell, 0),
        Err(error) => failed(shell, words, &system::reason(&error)),
    }
}

/// `fg`: lets a job go on in the foreground, and waits for it.
pub(crate) fn foreground(shell: &mut Shell, words: &[String]) -> Flow {
    let Some(place) = find(shell, words) else { return failed(shell, words, "no such job") };
    let entry = shell.jobs.remove(place);
    if shell.talk == Talk::Interactive
        && let Err(error) = entry.job.to_front()
    {
        shell.complain(&format!("terminal: {}", system::reason(&error)));
    }
    shell.tell(&format!("{}\n", entry.text));
    if let Err(error) = resume(&entry) {
        shell.complain(&format!("{}: {}", entry.text, system::reason(&error)));
    }
    shell.status = entry.watch.wait();
    shell.take_terminal();
    if entry.watch.state() == State::Stopped {
        shell.tell("\n");
        shell.tell(&entry.line());
        shell.jobs.push(entry);
    }
    Flow::Next
}

/// `bg`: lets a job go on beside the shell.
pub(crate) fn background(shell: &mut Shell, words: &[String]) -> Flow {
    let Some(place) = find(shell, words) else { return failed(shell, words, "no such job") };
    let Some(entry) = shell.jobs.get(place) else { return done(shell, 1) };
    match resume(entry) {
        Ok(line) => {
            shell.tell(&line);
            done(shell, 0)
        }
        Err(error) => failed(shell, words, &system::reason(&error)),
    }
}

/// Lets a job go on. The answer is its line as it does: it may be stopped again at once.
fn resume(entry: &Entry) -> std::io::Result<String> {
    let is_stopped = entry.watch.state() == State::Stopped;
    if is_stopped {
        entry.watch.set(State::Running);
    }
    let line = entry.line();
    if is_stopped {
        entry.job.signal(signal::CONTINUE)?;
    }
    Ok(line)
}

/// `wait`: waits for all that runs beside the shell; what stands still stays.
pub(crate) fn wait(shell: &mut Shell, _: &[String]) -> Flow {
    let mut status = 0;
    for entry in &shell.jobs {
        status = entry.watch.wait();
    }
    shell.jobs.retain(|entry| !entry.is_done());
    done(shell, status)
}

/// Runs something in a thread that the shell waits for until it ends or is stopped.
pub(crate) fn leaving(
    shell: &Shell,
    watch: &Arc<Watch>,
    run: impl FnOnce(&Shell) -> i32 + Send + 'static,
) -> i32 {
    let copy = shell.beside();
    watch.set(State::Running);
    let told = Arc::clone(watch);
    let waiter = std::thread::Builder::new().spawn(move || {
        let status = run(&copy);
        told.set(State::Done(status));
    });
    match waiter {
        Ok(_) => watch.wait(),
        Err(error) => {
            shell.complain(&system::reason(&error));
            NOT_RUNNABLE
        }
    }
}
