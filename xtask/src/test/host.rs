//! The tests of the host crates: `cargo test`, its output turned into one line per case.
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::test::tally::Tally;
use crate::workspace::{Workspace, cargo};

fn cargo_test(workspace: &Workspace) -> Command {
    let mut command = Command::new(cargo());
    command
        .current_dir(&workspace.root)
        .args(["test", "--locked", "--no-fail-fast", "--target-dir"])
        .arg(&workspace.target);
    command
}

/// Names them.
pub(crate) fn list(workspace: &Workspace, filter: &str) -> anyhow::Result<()> {
    name(cargo_test(workspace).args(["--", "--list", filter]), "host ")
}

/// Runs those whose name contains the filter.
pub(crate) fn run(workspace: &Workspace, filter: &str, tally: &mut Tally) -> anyhow::Result<()> {
    report(cargo_test(workspace).args(["--", filter]), "host ", tally)
}

/// Prints the names of the cases that a `cargo test … -- --list` tells.
pub(super) fn name(command: &mut Command, prefix: &str) -> anyhow::Result<()> {
    let output = command
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo test")?;
    if !output.status.success() {
        bail!("the tests cannot be built");
    }
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some(name) = line.strip_suffix(": test") {
            println!("{prefix}{name}");
        }
    }
    Ok(())
}

/// Runs a `cargo test` and tells of each case. A panic's message goes with its case, not with
/// cargo's words about it.
pub(super) fn report(command: &mut Command, prefix: &str, tally: &mut Tally) -> anyhow::Result<()> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo test")?;
    let mut failed = 0_u32;
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines() {
            let line = line.context("cannot read the tests' output")?;
            match Line::read(&line) {
                Line::Passed(name) => tally.pass(&format!("{prefix}{name}")),
                Line::Failed(name) => {
                    failed += 1;
                    tally.fail(&format!("{prefix}{name}"), "");
                }
                Line::Ignored(name) => tally.skip(&format!("{prefix}{name}"), "ignored"),
                Line::Noise => {}
                Line::Other => println!("{line}"),
            }
        }
    }
    if !child.wait().context("cannot wait for cargo test")?.success() && failed == 0 {
        tally.fail(prefix.trim_end(), "cargo test failed outside of any test (see above)");
    }
    Ok(())
}

/// A line of the test harness.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Passed(&'a str),
    Failed(&'a str),
    Ignored(&'a str),
    /// What the sum at the end says better.
    Noise,
    /// What belongs to a failure.
    Other,
}

impl Line<'_> {
    fn read(line: &str) -> Line<'_> {
        if line.is_empty()
            || line.starts_with("test result: ")
            || (line.starts_with("running ") && line.trim_end_matches('s').ends_with(" test"))
        {
            return Line::Noise;
        }
        let Some((name, result)) =
            line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... "))
        else {
            return Line::Other;
        };
        match result {
            "ok" => Line::Passed(name),
            "FAILED" => Line::Failed(name),
            ignored if ignored.starts_with("ignored") => Line::Ignored(name),
            _ => Line::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn the_harness_is_understood() {
        assert_eq!(Line::read("test a::b ... ok"), Line::Passed("a::b"));
        assert_eq!(
            Line::read("test a::b - should panic ... ok"),
            Line::Passed("a::b - should panic")
        );
        assert_eq!(Line::read("test x ... FAILED"), Line::Failed("x"));
        assert_eq!(Line::read("test x ... ignored, slow"), Line::Ignored("x"));
        assert_eq!(Line::read("running 12 tests"), Line::Noise);
        assert_eq!(Line::read("running 1 test"), Line::Noise);
        assert_eq!(Line::read("test result: ok. 1 passed"), Line::Noise);
        assert_eq!(Line::read("thread 'x' panicked at src/lib.rs:1:1:"), Line::Other);
    }
}
