//! `cargo xtask run`.
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::image;
use crate::options::RunOptions;
use crate::qemu::frames::Frame;
use crate::qemu::{self, Config, Console, End, Outcome};
use crate::setup;
use crate::software;
use crate::workspace::Workspace;

/// Seconds that a command may take if nothing else was said.
const EXEC_LIMIT: u64 = 600;

/// Boots; with `--exec` runs one command, else gives the person a shell.
pub(crate) fn run(workspace: &Workspace, options: &RunOptions) -> anyhow::Result<ExitCode> {
    let command_line = command_line(options.exec.as_deref())?;
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
        limit: limit.map(Duration::from_secs),
    };
    let outcome = qemu::run(&config, &mut print)?;
    Ok(match &options.exec {
        Some(_) => exec_status(&outcome, &image.kernel, limit),
        None => shell_status(&outcome, &image.kernel, limit),
    })
}

/// What the guest is told.
fn command_line(exec: Option<&str>) -> anyhow::Result<String> {
    let mut lines = String::from("qemu-exit\n");
    if let Some(command) = exec {
        if command.contains('\n') || command.contains('\0') {
            bail!("--exec takes one line; join commands with ';'");
        }
        lines.push_str("start results exec ");
        lines.push_str(command);
        lines.push('\n');
    }
    if lines.len() > 4096 {
        bail!("the command is longer than the 4096 bytes that the guest's command line holds");
    }
    Ok(lines)
}

/// Passes the guest's output on.
fn print(frame: &Frame) -> anyhow::Result<()> {
    match frame {
        Frame::Out(bytes) => {
            let mut out = std::io::stdout();
            out.write_all(bytes).and_then(|()| out.flush()).context("cannot print")
        }
        Frame::Err(bytes) => std::io::stderr().write_all(bytes).context("cannot print to stderr"),
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

fn exec_status(outcome: &Outcome, kernel: &std::path::Path, limit: Option<u64>) -> ExitCode {
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
        End::PowerOff | End::Interrupted => ExitCode::SUCCESS,
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
    use super::command_line;

    #[test]
    fn a_command_is_one_line_for_the_results_service() {
        assert_eq!(command_line(None).unwrap(), "qemu-exit\n");
        let with = command_line(Some("ls /scheme && echo 'a b'")).unwrap();
        assert_eq!(with, "qemu-exit\nstart results exec ls /scheme && echo 'a b'\n");
        assert!(command_line(Some("a\nb")).is_err());
        assert!(command_line(Some(&"x".repeat(4096))).is_err());
    }
}
