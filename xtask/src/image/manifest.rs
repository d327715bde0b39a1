//! `xtask/image.toml`: what goes into the boot image.
use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::workspace::Workspace;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The kernel.
    pub(crate) kernel: Freestanding,
    /// The first process.
    pub(crate) init: Freestanding,
    /// Programs.
    #[serde(default, rename = "program")]
    pub(crate) programs: Vec<Program>,
    /// Plain files.
    #[serde(default, rename = "file")]
    pub(crate) files: Vec<PlainFile>,
}

/// A program without std.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Freestanding {
    /// Its package.
    pub(crate) package: String,
    /// The program in it.
    pub(crate) bin: String,
    /// Features of the package.
    #[serde(default)]
    features: Vec<String>,
}

/// A program of the boot image.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Program {
    /// Its package.
    pub(crate) package: String,
    /// The program in it.
    pub(crate) bin: String,
    /// Its path in the image.
    pub(crate) path: String,
    /// Further names of the same program.
    #[serde(default)]
    pub(crate) also: Vec<String>,
    /// What it is built for.
    #[serde(default)]
    pub(crate) target: ProgramTarget,
    /// Features of the package.
    #[serde(default)]
    features: Vec<String>,
}

/// What a program is built for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProgramTarget {
    /// std on the C library.
    #[default]
    Std,
    /// The runtime alone.
    None,
}

/// A plain file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlainFile {
    /// Where it lies in the repository.
    pub(crate) source: String,
    /// Its path in the image.
    pub(crate) path: String,
}

impl Freestanding {
    /// A package that the manifest does not name, with features.
    pub(crate) fn new(package: &str, features: &[&str]) -> Freestanding {
        Freestanding {
            package: package.to_owned(),
            bin: package.to_owned(),
            features: features.iter().map(ToString::to_string).collect(),
        }
    }

    /// Its features as cargo wants them.
    pub(crate) fn features(&self) -> Vec<String> {
        self.features.iter().map(|feature| format!("{}/{feature}", self.package)).collect()
    }
}

impl Program {
    /// Its features as cargo wants them.
    pub(crate) fn features(&self) -> Vec<String> {
        self.freestanding().features()
    }

    /// The same as a program without std.
    pub(crate) fn freestanding(&self) -> Freestanding {
        Freestanding {
            package: self.package.clone(),
            bin: self.bin.clone(),
            features: self.features.clone(),
        }
    }
}

impl Manifest {
    /// Whether a path of the image is that of a program of the system. Its tools, which are one
    /// program of many names, give way to others of their names.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.programs.iter().any(|program| program.path == path)
    }

    /// Reads it, and checks that every package and program that it names exists.
    pub(crate) fn read(workspace: &Workspace) -> anyhow::Result<Manifest> {
        let path = workspace.package("xtask")?.folder().join("image.toml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: Manifest =
            toml::from_str(&text).with_context(|| format!("{} is malformed", path.display()))?;
        let freestanding = [&manifest.kernel, &manifest.init].map(|p| (&p.package, &p.bin));
        let programs = manifest.programs.iter().map(|p| (&p.package, &p.bin));
        for (package, bin) in freestanding.into_iter().chain(programs) {
            let found = workspace.package(package).with_context(|| path.display().to_string())?;
            let is_bin =
                |kind: &[String], name: &str| name == bin && kind.iter().any(|k| k == "bin");
            if !found.targets.iter().any(|target| is_bin(&target.kind, &target.name)) {
                bail!("{}: the package {package} has no program {bin}", path.display());
            }
        }
        Ok(manifest)
    }
}
