//! Every published crate that the workspace names is explained in `docs/dependencies.md`.
use anyhow::{Context as _, bail};

use crate::workspace::Workspace;

/// Compares the root manifest with the document.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let manifest = std::fs::read_to_string(workspace.root.join("Cargo.toml"))
        .context("cannot read the root Cargo.toml")?;
    let document = std::fs::read_to_string(workspace.root.join("docs/dependencies.md"))
        .context("cannot read docs/dependencies.md")?;
    let manifest: toml::Table = toml::from_str(&manifest)?;
    let table = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(toml::Value::as_table)
        .context("the root Cargo.toml has no [workspace.dependencies]")?;
    let published = table.iter().filter(|(_, value)| value.get("path").is_none());
    let missing: Vec<&str> = published
        .map(|(name, _)| name.as_str())
        .filter(|name| !document.contains(&format!("| `{name}` |")))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        bail!("docs/dependencies.md does not explain {}", missing.join(", "))
    }
}
