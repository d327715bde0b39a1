//! Building somebody's project with the flags of our own programs.
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::process::Command;

use anyhow::{Context as _, bail};
use clavis_elf::Place;

use crate::build::{self, Artifact, Triple};
use crate::image;
use crate::progress;
use crate::software::project;
use crate::software::recipe::{Recipe, Source};
use crate::workspace::{Workspace, cargo};

/// What was built.
#[derive(Debug)]
pub(crate) struct Built {
    /// The package.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its programs.
    pub(crate) programs: Vec<Program>,
    /// How the same is built again.
    pub(crate) recipe: Recipe,
}

/// A program.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its name.
    pub(crate) name: String,
    /// The file, with what it has of symbols.
    pub(crate) bytes: Vec<u8>,
    /// Its bytes in the image.
    pub(crate) loaded_bytes: u64,
}

impl Built {
    /// Bytes of all programs in the image.
    pub(crate) fn loaded_bytes(&self) -> u64 {
        self.programs.iter().map(|program| program.loaded_bytes).sum()
    }
}

/// What programs are linked with.
#[derive(Debug)]
pub(crate) struct Linked {
    /// Compiler flags.
    flags: Vec<String>,
    /// Changes when the archives do.
    pub(crate) fingerprint: String,
}

impl Linked {
    /// Builds the archives.
    pub(crate) fn with(workspace: &Workspace) -> anyhow::Result<Linked> {
        let folder = build::libraries(workspace)?;
        let flags = build::link(workspace, &folder)?;
        let mut hasher = DefaultHasher::new();
        flags.hash(&mut hasher);
        for archive in ["libc.a", "libgcc_eh.a"] {
            let path = folder.join(archive);
            std::fs::read(&path)
                .with_context(|| format!("cannot read {}", path.display()))?
                .hash(&mut hasher);
        }
        Ok(Linked { flags, fingerprint: format!("{:016x}", hasher.finish()) })
    }
}

/// Builds it. Cargo's own words go to stderr.
pub(crate) fn run(
    workspace: &Workspace,
    linked: &Linked,
    recipe: &Recipe,
) -> anyhow::Result<Built> {
    let target = workspace.target.join("software");
    build::forget_programs(&target.join(Triple::Redox.name()).join("release"))?;
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut command = Command::new(cargo());
    let name = match &recipe.source {
        Source::Published { name, version, newest } => {
            // Cargo moves the programs to a folder that is thrown away. Where it starts decides
            // which configuration it reads: ours.
            command.current_dir(&workspace.root).args(["install", "--force", "--no-track"]);
            command.arg("--root").arg(scratch.path()).arg(name);
            if let Some(version) = version {
                command.arg(format!("--version={version}"));
            }
            if !newest {
                command.arg("--locked");
            }
            name.clone()
        }
        Source::Folder(folder) => {
            let name = project::name(folder)?;
            command.current_dir(folder).args(["build", "--release"]);
            name
        }
    };
    command
        .args(["--target", Triple::Redox.name(), "--message-format=json-render-diagnostics"])
        .arg("--target-dir")
        .arg(&target)
        .args(recipe.arguments())
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", build::encode(workspace, &linked.flags))
        .envs(build::guest_environment());
    if !progress::is_watched() {
        command.arg("--quiet");
    }
    let (mut artifacts, succeeded) = build::collect(&mut command)?;
    if !succeeded {
        bail!("{name} cannot be built for {} (cargo says why, above)", Triple::Redox.name());
    }
    if matches!(recipe.source, Source::Published { .. }) {
        for artifact in &mut artifacts {
            artifact.path = scratch.path().join("bin").join(&artifact.name);
        }
    }
    gather(name, recipe, &artifacts)
}

/// Takes the programs out of what cargo built.
fn gather(name: String, recipe: &Recipe, artifacts: &[Artifact]) -> anyhow::Result<Built> {
    let mut programs: Vec<Program> = Vec::new();
    let mut version = None;
    for artifact in artifacts.iter().filter(|artifact| artifact.is_program) {
        if programs.iter().any(|program| program.name == artifact.name) {
            bail!("{name} has two programs {}: choose with --bin", artifact.name);
        }
        version = version.or(version_of(&artifact.package));
        programs.push(read(artifact)?);
    }
    if programs.is_empty() {
        bail!("{name} has no programs that cargo built (features may be needed: --features)");
    }
    let version = version.unwrap_or_default();
    let mut recipe = recipe.clone();
    if let Source::Published { version: wanted, .. } = &mut recipe.source {
        // Built again, it is the same.
        *wanted = Some(format!("={version}"));
    }
    Ok(Built { name, version, programs, recipe })
}

/// A program, judged as the loader will.
fn read(artifact: &Artifact) -> anyhow::Result<Program> {
    let path = artifact.path.display();
    let bytes = std::fs::read(&artifact.path).with_context(|| format!("cannot read {path}"))?;
    let loaded = image::without_symbols(bytes.clone(), Place::USER)
        .with_context(|| format!("the program {path}"))?;
    Ok(Program { name: artifact.name.clone(), bytes, loaded_bytes: loaded.len() as u64 })
}

/// The version in the identifier of a package: behind its last `@` or `#`.
fn version_of(package: &str) -> Option<String> {
    package.rsplit(['@', '#']).next().map(str::to_owned).filter(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::version_of;

    #[test]
    fn the_version_stands_at_the_end_of_an_identifier() {
        let registry = "registry+https://github.com/rust-lang/crates.io-index#hexyl@0.17.0";
        assert_eq!(version_of(registry).as_deref(), Some("0.17.0"));
        assert_eq!(version_of("path+file:///home/x/a#0.1.0").as_deref(), Some("0.1.0"));
        assert_eq!(version_of(""), None);
    }
}
