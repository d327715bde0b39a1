//! `cargo xtask runner`: what `cargo run` and `cargo test` of a project for the guest's target
//! call. It boots the system with that one program beside everything else.
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::image::{self, Extra};
use crate::options::RunnerOptions;
use crate::qemu::trace::{Style, Trace};
use crate::qemu::{self, Config, Console};
use crate::run;
use crate::setup;
use crate::software;
use crate::workspace::Workspace;

/// Bytes that the guest's command line holds.
const LINE_MAX: usize = 4096;
/// Seconds that the program may take if nothing else was said.
const LIMIT: u64 = 1200;
/// Variables of this name are handed on: what the test harness, logging and threads read.
const HANDED: &str = "RUST_";
/// Except these: they are rustup's and the tracer's own.
const KEPT: [&str; 2] = ["RUST_RECURSION_COUNT", "RUST_BACKTRACE"];

/// Boots, runs the program with its arguments, passes its output and its status on.
pub(crate) fn run(workspace: &Workspace, options: &RunnerOptions) -> anyhow::Result<ExitCode> {
    if options.machine.no_build {
        bail!("--no-build: the image of the last build does not hold this program");
    }
    let program = std::path::absolute(&options.program).context("where is the program?")?;
    let name = program
        .file_name()
        .and_then(|name| name.to_str())
        .with_context(|| format!("{} has no name that could be used", program.display()))?;
    let style = Style::asked();
    let command_line = command_line(name, &options.arguments, &environment(options, style)?)?;
    setup::for_booting(&options.machine)?;
    let mut extra = software::programs(workspace)?;
    extra.push(Extra { path: format!("run/{name}"), file: program.clone() });
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let disk = folder.path().join("disk.img");
    let image = image::make(workspace, Some(&disk), &extra)?;
    let limit = options.machine.timeout.map_or(LIMIT, u64::from);
    let config = Config {
        machine: &options.machine,
        disk: &disk,
        command_line,
        console: Console::Log,
        log: workspace.output()?.join("runner.log"),
        display: false,
        gdb: false,
        counted: false,
        stick: false,
        limit: Some(std::time::Duration::from_secs(limit)),
    };
    let trace = Trace::new(style, [(name.to_owned(), program.clone())]);
    let mut printer = run::Printer::new(trace);
    let outcome = qemu::run(&config, &mut |frame| printer.print(frame))?;
    printer.finish()?;
    Ok(run::exec_status(&outcome, &image.kernel, Some(limit)))
}

/// The variables for the guest.
fn environment(options: &RunnerOptions, style: Style) -> anyhow::Result<Vec<(String, String)>> {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut all: Vec<(String, String)> = style.environment().iter().map(pair).collect();
    let own = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        (name.starts_with(HANDED) && !KEPT.contains(&name.as_str()))
            .then_some((name, value.into_string().ok()?))
    });
    all.extend(own);
    for given in &options.env {
        let Some((name, value)) = given.split_once('=') else {
            bail!("--env {given}: it must be NAME=VALUE");
        };
        all.push((name.to_owned(), value.to_owned()));
    }
    Ok(all)
}

/// What the guest is told.
fn command_line(
    name: &str,
    arguments: &[String],
    environment: &[(String, String)],
) -> anyhow::Result<String> {
    let program = format!("/scheme/initfs/run/{name}");
    let mut line = String::from("qemu-exit\n");
    line.push_str(&run::request(environment, &program, arguments));
    if line.len() > LINE_MAX {
        bail!(
            "the arguments and variables are longer than the {LINE_MAX} bytes that the guest's \
             command line holds"
        );
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::command_line;

    #[test]
    fn the_guest_gets_arguments_and_variables_as_words() {
        let set = [("A".to_owned(), "b c".to_owned())];
        let line = command_line("x-1", &["--exact".into(), "a b\n".into()], &set).unwrap();
        let want = "qemu-exit\nstart results run A=b%20c -- /scheme/initfs/run/x-1 --exact \
                    a%20b%0a\n";
        assert_eq!(line, want);
        assert!(command_line("x", &["y".repeat(4096)], &[]).is_err());
    }
}
