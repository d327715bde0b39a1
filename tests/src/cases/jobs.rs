//! Stopping processes and letting them go on, process groups, and the shell's jobs.
#![expect(unsafe_code, reason = "the C functions that this is about")]
use super::support::check;
use crate::run::{Case, PROGRAM, Verdict};
use std::ffi::c_int;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) const CASES: &[Case] = &[
    Case { name: "a_stopped_child_is_waited_for_and_goes_on", run: stops },
    Case { name: "a_stopped_child_says_nothing_until_it_goes_on", run: silent },
    Case { name: "a_stopped_child_can_be_killed", run: killed },
    Case { name: "a_signal_to_a_group_reaches_its_processes_and_nobody_else", run: groups },
    Case { name: "the_shell_runs_jobs_beside_itself_and_lists_them", run: shell },
];

fn said<T>(what: &str, result: std::io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error}"))
}

fn kill(process: i32, signal: c_int) -> Result<(), String> {
    // SAFETY: a signal to a child.
    let sent = unsafe { libc::kill(process, signal) };
    check(sent == 0, &format!("kill {process}: {}", std::io::Error::last_os_error()))
}

fn wait(process: i32, options: c_int) -> Result<(i32, c_int), String> {
    let mut status = 0;
    // SAFETY: the place takes a status.
    let found = unsafe { libc::waitpid(process, &raw mut status, options) };
    check(found >= 0, &format!("waitpid: {}", std::io::Error::last_os_error()))?;
    Ok((found, status))
}

/// A program that answers each byte it reads with the same.
struct Echo {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Echo {
    fn start() -> Result<Echo, String> {
        let mut command = Command::new(PROGRAM);
        command.args(["--act", "echo-bytes"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = said("spawn", command.spawn())?;
        let input = child.stdin.take().ok_or("no input")?;
        let output = child.stdout.take().ok_or("no output")?;
        let mut echo = Echo { child, input, output };
        echo.say()?;
        Ok(echo)
    }

    fn id(&self) -> i32 {
        self.child.id() as i32
    }

    fn say(&mut self) -> Verdict {
        said("write", self.input.write_all(b"x"))?;
        said("read", self.output.read_exact(&mut [0]))
    }
}

fn stops() -> Verdict {
    let mut echo = Echo::start()?;
    let id = echo.id();
    let all = libc::WUNTRACED | libc::WCONTINUED;
    check(wait(id, all | libc::WNOHANG)? == (0, 0), "nothing happened yet")?;
    for signal in [libc::SIGSTOP, libc::SIGTSTP] {
        kill(id, signal)?;
        let (found, status) = wait(id, libc::WUNTRACED)?;
        check(found == id && libc::WIFSTOPPED(status), &format!("it was stopped: {status:#x}"))?;
        check(libc::WSTOPSIG(status) == signal, &format!("by {signal}: {status:#x}"))?;
        check(wait(id, all | libc::WNOHANG)? == (0, 0), "that is told once")?;
        kill(id, libc::SIGCONT)?;
        let (found, status) = wait(-1, libc::WCONTINUED)?;
        check(found == id && libc::WIFCONTINUED(status), &format!("it goes on: {status:#x}"))?;
        echo.say()?;
    }
    drop(echo.input);
    let (found, status) = wait(id, all)?;
    check(found == id && libc::WIFEXITED(status), &format!("it ended: {status:#x}"))
}

fn silent() -> Verdict {
    let mut echo = Echo::start()?;
    kill(echo.id(), libc::SIGSTOP)?;
    wait(echo.id(), libc::WUNTRACED)?;
    said("write", echo.input.write_all(b"x"))?;
    let mut pipe = libc::pollfd {
        fd: std::os::fd::AsRawFd::as_raw_fd(&echo.output),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one descriptor to ask about.
    let ready = unsafe { libc::poll(&raw mut pipe, 1, 100) };
    check(ready == 0, "a stopped process answered")?;
    kill(echo.id(), libc::SIGCONT)?;
    said("read", echo.output.read_exact(&mut [0]))?;
    said("kill", echo.child.kill())?;
    said("wait", echo.child.wait()).map(drop)
}

fn killed() -> Verdict {
    let echo = Echo::start()?;
    kill(echo.id(), libc::SIGSTOP)?;
    kill(echo.id(), libc::SIGTERM)?;
    check(wait(echo.id(), libc::WNOHANG)? == (0, 0), "what would end it waits")?;
    kill(echo.id(), libc::SIGKILL)?;
    let (_, status) = wait(echo.id(), 0)?;
    check(libc::WTERMSIG(status) == libc::SIGKILL, &format!("it was killed: {status:#x}"))
}

fn groups() -> Verdict {
    use std::os::unix::process::CommandExt;
    // SAFETY: it only asks.
    let own = unsafe { libc::getpgrp() };
    // SAFETY: as above.
    let mine = unsafe { libc::getpgid(0) };
    check(own == mine && own > 0, "a process has a group")?;
    let start = |group: i32| {
        said("spawn", Command::new(PROGRAM).args(["--act", "sleep"]).process_group(group).spawn())
    };
    let mut first = start(0)?;
    let group = first.id() as i32;
    let mut second = start(group)?;
    let mut other = start(0)?;
    // SAFETY: it only asks.
    let found = unsafe { libc::getpgid(second.id() as i32) };
    check(found == group, &format!("the second is in group {found}, not {group}"))?;
    // SAFETY: a signal to children.
    check(unsafe { libc::killpg(group, libc::SIGTERM) } == 0, "killpg")?;
    let (found, _) = wait(-group, 0)?;
    let (next, _) = wait(-group, 0)?;
    let mut ended = [found, next];
    ended.sort_unstable();
    let mut wanted = [group, second.id() as i32];
    wanted.sort_unstable();
    check(ended == wanted, &format!("{ended:?} ended, not {wanted:?}"))?;
    check(matches!(other.try_wait(), Ok(None)), "the other runs")?;
    said("kill", other.kill())?;
    said("wait", other.wait())?;
    // SAFETY: as above.
    check(unsafe { libc::killpg(group, 0) } == -1, "nobody is left to be found")?;
    _ = (first.try_wait(), second.try_wait());
    Ok(())
}

fn shell() -> Verdict {
    let run = |text: &str| {
        let output = said("sh", Command::new("sh").args(["-c", text]).output())?;
        Ok::<_, String>(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let listed = run("sleep 100 & jobs; exit 0")?;
    check(listed.starts_with("[1] Running"), &format!("a job runs: {listed:?}"))?;
    let waited = run("(exit 3) & wait; echo $?; jobs")?;
    check(waited == "3\n", &format!("it was waited for: {waited:?}"))?;
    let fore = run("(sleep 0.1; echo late) & fg; echo $?")?;
    check(fore.ends_with("late\n0\n"), &format!("it came to the foreground: {fore:?}"))
}
