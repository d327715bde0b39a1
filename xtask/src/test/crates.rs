//! The tests that use published crates: an ordinary project for the guest's target, built and run as
//! `cargo xtask config` has it. They lie in a workspace of their own.
use std::process::Command;

use anyhow::Context as _;

use crate::build::{self, Triple};
use crate::options::TestOptions;
use crate::test::host;
use crate::test::tally::Tally;
use crate::workspace::{Workspace, cargo};

/// What the names of all cases begin with.
pub(crate) const PREFIX: &str = "crates::";

/// Names the cases.
pub(crate) fn list(workspace: &Workspace, filter: &str) -> anyhow::Result<()> {
    host::name(cargo_test(workspace, None)?.args(["--", "--list", own(filter)]), &shown())
}

/// Runs the cases whose name contains the filter.
pub(crate) fn run(
    workspace: &Workspace,
    options: &TestOptions,
    filter: &str,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let limit = options.machine.timeout.map(u64::from);
    host::report(cargo_test(workspace, limit)?.args(["--", own(filter)]), &shown(), tally)
}

fn shown() -> String {
    format!("guest {PREFIX}")
}

/// The harness does not know the prefix.
fn own(filter: &str) -> &str {
    filter.strip_prefix(PREFIX).unwrap_or(filter)
}

fn cargo_test(workspace: &Workspace, limit: Option<u64>) -> anyhow::Result<Command> {
    let libraries = build::libraries(workspace)?;
    let flags = build::link(workspace, &libraries)?;
    let target = workspace.target.join("crates");
    build::forget_programs(&target.join(Triple::Redox.name()).join("debug"))?;
    let runner = std::env::current_exe().context("cannot tell where xtask lies")?;
    let mut words = vec![runner.display().to_string(), "runner".into()];
    if let Some(limit) = limit {
        words.push(format!("--timeout={limit}"));
    }
    let words: Vec<toml::Value> = words.into_iter().map(toml::Value::from).collect();
    let triple = Triple::Redox.name();
    let mut command = Command::new(cargo());
    command
        .current_dir(workspace.root.join("tests/crates"))
        .args([
            "test",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--target",
            triple,
            "--target-dir",
        ])
        .arg(&target)
        .arg("--config")
        .arg(format!("target.{triple}.runner={}", toml::Value::from(words)))
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTDOCFLAGS")
        .env("RUST_BACKTRACE", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", build::encode(workspace, &flags))
        // Tests in documentation are linked by rustdoc.
        .env("CARGO_ENCODED_RUSTDOCFLAGS", flags.join("\x1f"))
        .envs(build::guest_environment());
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::own;

    #[test]
    fn the_prefix_is_ours_alone() {
        assert_eq!((own("crates::files"), own("files"), own("")), ("files", "files", ""));
    }
}
