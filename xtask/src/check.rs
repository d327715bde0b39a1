//! `cargo xtask check`.
use crate::workspace::Workspace;
use std::process::ExitCode;
pub(crate) fn check(_: &Workspace) -> anyhow::Result<ExitCode> {
    anyhow::bail!("x")
}
