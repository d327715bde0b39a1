//! Where things are.
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// The folders of the workspace and what cargo knows of it.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// Its packages.
    pub(crate) packages: Vec<Package>,
}

/// A package of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its identifier.
    id: String,
    /// Its `Cargo.toml`.
    pub(crate) manifest_path: PathBuf,
    /// What it builds.
    pub(crate) targets: Vec<Target>,
    #[serde(skip)]
    /// Whether it is built and tested on the host.
    pub(crate) is_default: bool,
}

/// Something that a package builds.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: String,
    /// What it is: `lib`, `bin`, `test`, …
    pub(crate) kind: Vec<String>,
    /// Its root source file.
    pub(crate) src_path: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
    workspace_default_members: Vec<String>,
}

#[derive(Deserialize)]
struct Dependencies {
    packages: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    manifest_path: PathBuf,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn find() -> anyhow::Result<Workspace> {
        let output = Command::new(cargo())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .context("cannot start cargo to read the workspace")?;
        if !output.status.success() {
            bail!(
                "cargo cannot read the workspace:\n{}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        let mut metadata: Metadata = serde_json::from_slice(&output.stdout)
            .context("cargo's description of the workspace is not understood")?;
        for package in &mut metadata.packages {
            package.is_default = metadata.workspace_default_members.contains(&package.id);
        }
        Ok(Workspace {
            root: metadata.workspace_root,
            target: metadata.target_directory,
            packages: metadata.packages,
        })
    }

    /// The folder that xtask puts its own results into.
    pub(crate) fn output(&self) -> anyhow::Result<PathBuf> {
        let folder = self.target.join("clavis");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(folder)
    }

    /// The folder of a published crate that the workspace depends on, in its locked version.
    pub(crate) fn source_of(&self, name: &str) -> anyhow::Result<PathBuf> {
        let output = Command::new(cargo())
            .args(["metadata", "--locked", "--format-version", "1"])
            .current_dir(&self.root)
            .output()
            .context("cannot start cargo to read the dependencies")?;
        let all: Dependencies = serde_json::from_slice(&output.stdout)
            .context("cargo's description of the dependencies is not understood")?;
        let found = all.packages.into_iter().find(|package| package.name == name);
        let manifest = found.with_context(|| format!("nothing depends on {name}"))?.manifest_path;
        Ok(manifest.parent().unwrap_or(&manifest).to_path_buf())
    }

    /// The package of that name.
    pub(crate) fn package(&self, name: &str) -> anyhow::Result<&Package> {
        self.packages
            .iter()
            .find(|package| package.name == name)
            .with_context(|| format!("the workspace has no package {name}"))
    }
}

impl Package {
    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }
}

/// The cargo that started us.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
