//! `cargo xtask bench`.
use crate::options::BenchOptions;
use crate::workspace::Workspace;
use std::process::ExitCode;
pub(crate) fn bench(_: &Workspace, _: &BenchOptions) -> anyhow::Result<ExitCode> {
    anyhow::bail!("x")
}
