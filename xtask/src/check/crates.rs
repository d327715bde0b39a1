//! What every crate has: the workspace's lints, and no unsafe code unless it is named here.
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::workspace::{Package, Workspace};

/// Packages with unsafe code; `docs/soundness.md` says why each and where.
const UNSAFE: &[&str] = &[
    "clavis-kernel",
    "clavis-bootloader",
    "clavis-rt",
    "clavis-libc",
    "clavis-unwind",
    "clavis-init",
    "clavis-nsmgr",
    "clavis",
    "clavis-suite",
];

/// Checks each crate.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for package in &workspace.packages {
        judge(package, &mut wrong)
            .with_context(|| format!("cannot judge the package {}", package.name))?;
    }
    if wrong.is_empty() { Ok(()) } else { bail!("\n      {}", wrong.join("\n      ")) }
}

fn judge(package: &Package, wrong: &mut Vec<String>) -> anyhow::Result<()> {
    let manifest: toml::Table = toml::from_str(&read(&package.manifest_path)?)?;
    let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    if inherits.and_then(toml::Value::as_bool) != Some(true) {
        wrong.push(format!("{} lacks [lints] workspace = true", package.name));
    }
    if UNSAFE.contains(&package.name.as_str()) {
        return Ok(());
    }
    let is_code = |kind: &String| matches!(kind.as_str(), "lib" | "bin" | "staticlib");
    for target in package.targets.iter().filter(|target| target.kind.iter().any(is_code)) {
        if !read(&target.src_path)?.contains("#![forbid(unsafe_code)]") {
            wrong.push(format!("{} ({}) lacks #![forbid(unsafe_code)]", package.name, target.name));
        }
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
