//! `cargo xtask run`.
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clavis_results::request::word;

use crate::image::{self, Extra};
use crate::options::RunOptions;
use crate::qemu::frames::Frame;
use crate::qemu::trace::{Of, Stream, Style, Trace};
use crate::qemu::{self, Config, Console, End, Outcome};
use crate::setup;
use crate::software;
use crate::workspace::Workspace;

/// Seconds that a command may take if nothing else was said.
const EXEC_LIMIT: u64 = 600;
/// The guest's shell.
const SHELL: &str = "/scheme/initfs/bin/sh";

/// Boots; with `--exec` runs one command, else gives the person a shell.
pub(crate) fn run(workspace: &Workspace, options: &RunOptions) -> anyhow::Result<ExitCode> {
    let style = Style::asked();
    let command_line = command_line(options.exec.as_deref(), style)?;
    setup::for_booting(&options.machine)?;
    let image = image::to_boot(workspace, &options.machine, || software::programs(workspace))?;
    let limit = options
        .machine
        .timeout
        .map(u64::from)
        .or(options.exec.as_ref().map(|_| EXEC_LIMIT))
        .filter(|_| !options.gdb);
    if options.gdb {
        eprintln!(
            "QEMU waits: gdb {} -ex 'target remote :1234' -ex continue",
            image.kernel.display()
        );
    }
    let config = Config {
        machine: &options.machine,
        disk: &image.disk,
        command_line,
        console: if options.exec.is_some() { Console::Log } else { Console::Person },
        log: workspace.output()?.join("run.log"),
        display: options.display,
        gdb: options.gdb,
        counted: false,
        stick: false,
        limit: limit.map(Duration::from_secs),
    };
    let added = software::kept(workspace)?;
    let mut printer = Printer::new(Trace::new(style, added.into_iter().filter_map(named)));
    let outcome = qemu::run(&config, &mut |frame| printer.print(frame))?;
    printer.finish()?;
    Ok(match &options.exec {
        Some(_) => exec_status(&outcome, &image.kernel, limit),
        None => shell_status(&outcome, &image.kernel, limit),
    })
}

/// A program by its name in the guest.
fn named(program: Extra) -> Option<(String, PathBuf)> {
    Some((program.path.rsplit('/').next()?.to_owned(), program.file))
}

/// What the guest is told.
fn command_line(exec: Option<&str>, style: Style) -> anyhow::Result<String> {
    let mut lines = String::from("qemu-exit\n");
    if let Some(command) = exec {
        if command.contains('\n') || command.contains('\0') {
            bail!("--exec takes one line; join commands with ';'");
        }
        if style == Style::Off {
            lines.push_str(&format!("start results exec {command}\n"));
        } else {
            let environment = style.environment(Of::All);
            lines.push_str(&request(&environment, SHELL, &["-c".to_owned(), command.to_owned()]));
        }
    }
    if lines.len() > 4096 {
        bail!("the command is longer than the 4096 bytes that the guest's command line holds");
    }
    Ok(lines)
}

/// The line that makes the guest run a program.
fn request(environment: &[(String, String)], program: &str, arguments: &[String]) -> String {
    format!("start results run{}", words(environment, program, arguments))
}

/// Variables, a program and its arguments, as a request for the guest has them behind its verb.
pub(crate) fn words(
    environment: &[(String, String)],
    program: &str,
    arguments: &[String],
) -> String {
    let mut line = String::new();
    for (name, value) in environment {
        line.push_str(&format!(" {}={}", word(name), word(value)));
    }
    line.push_str(&format!(" -- {}", word(program)));
    for argument in arguments {
        line.push_str(&format!(" {}", word(argument)));
    }
    line.push('\n');
    line
}

/// Passes the guest's output on, with names in its back traces.
#[derive(Debug)]
pub(crate) struct Printer {
    trace: Trace,
    out: Stream,
    err: Stream,
}

impl Printer {
    /// With the programs whose names are known.
    pub(crate) fn new(trace: Trace) -> Printer {
        Printer { trace, out: Stream::default(), err: Stream::default() }
    }

    /// Prints what a frame holds.
    pub(crate) fn print(&mut self, frame: &Frame) -> anyhow::Result<()> {
        match frame {
            Frame::Out(bytes) => print_out(&self.trace.feed(&mut self.out, bytes)),
            Frame::Err(bytes) => print_err(&self.trace.feed(&mut self.err, bytes)),
            Frame::Test(line) => {
                eprintln!("{line}");
                Ok(())
            }
            Frame::Garbage(what) => {
                eprintln!("xtask: the results channel carried {what}");
                Ok(())
            }
            Frame::Status(_) => Ok(()),
        }
    }

    /// Prints what has no end of line.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        print_out(&self.trace.finish(&mut self.out))?;
        print_err(&self.trace.finish(&mut self.err))
    }
}

fn print_out(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    out.write_all(bytes).and_then(|()| out.flush()).context("cannot print")
}

fn print_err(bytes: &[u8]) -> anyhow::Result<()> {
    std::io::stderr().write_all(bytes).context("cannot print to stderr")
}

pub(crate) fn exec_status(
    outcome: &Outcome,
    kernel: &std::path::Path,
    limit: Option<u64>,
) -> ExitCode {
    match (outcome.end, outcome.status) {
        (End::PowerOff, Some(status)) => exit_code(status),
        (End::Interrupted, _) => ExitCode::from(130),
        _ => {
            qemu::explain(outcome, kernel, limit);
            ExitCode::FAILURE
        }
    }
}

fn shell_status(outcome: &Outcome, kernel: &std::path::Path, limit: Option<u64>) -> ExitCode {
    match outcome.end {
        End::PowerOff | End::Restarted | End::Interrupted => ExitCode::SUCCESS,
        _ => {
            qemu::explain(outcome, kernel, limit);
            ExitCode::FAILURE
        }
    }
}

/// The guest's status as ours. What does not fit a byte is no success.
fn exit_code(status: i32) -> ExitCode {
    match u8::try_from(status & 0xFF) {
        Ok(0) if status != 0 => ExitCode::FAILURE,
        Ok(code) => ExitCode::from(code),
        Err(_) => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_for_back_traces_reaches_the_commands_environment() {
        let line = command_line(Some("a b"), Style::Short).unwrap();
        let want = "qemu-exit\nstart results run RUST_BACKTRACE=full CLAVIS_SHOW_IMAGE=1 -- \
                    /scheme/initfs/bin/sh -c a%20b\n";
        assert_eq!(line, want);
    }

    #[test]
    fn a_command_is_one_line_for_the_results_service() {
        let off = |exec| command_line(exec, Style::Off);
        assert_eq!(off(None).unwrap(), "qemu-exit\n");
        let with = off(Some("ls /scheme && echo 'a b'")).unwrap();
        assert_eq!(with, "qemu-exit\nstart results exec ls /scheme && echo 'a b'\n");
        assert!(off(Some("a\nb")).is_err());
        assert!(off(Some(&"x".repeat(4096))).is_err());
    }
}
