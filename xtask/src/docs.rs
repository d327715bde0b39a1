//! `cargo xtask docs`: documentation that is generated from the tables of the ABI.
mod abi;
mod rights;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::workspace::Workspace;

/// A generated file.
#[derive(Debug)]
pub(crate) struct Generated {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// What it is to hold.
    pub(crate) text: String,
}

/// All generated files as they should be.
pub(crate) fn generate(workspace: &Workspace) -> Vec<Generated> {
    vec![
        Generated { path: workspace.root.join("docs/abi.md"), text: abi::reference() },
        Generated { path: workspace.root.join("docs/rights.md"), text: rights::reference() },
    ]
}

/// Writes them.
pub(crate) fn write(workspace: &Workspace) -> anyhow::Result<ExitCode> {
    for file in generate(workspace) {
        std::fs::write(&file.path, &file.text)
            .with_context(|| format!("cannot write {}", file.path.display()))?;
        println!("{}", file.path.display());
    }
    Ok(ExitCode::SUCCESS)
}
