//! One call of cargo for a guest target.
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::build::flags;
use crate::progress;
use crate::workspace::{Workspace, cargo};

/// A built-in target of the stable compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Triple {
    /// Kernel, init, nsmgr.
    None,
    /// The bootloader.
    Uefi,
    /// The userland.
    Redox,
}

impl Triple {
    /// All of them.
    pub(crate) const ALL: [Triple; 3] = [Triple::None, Triple::Uefi, Triple::Redox];

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Triple::None => "x86_64-unknown-none",
            Triple::Uefi => "x86_64-unknown-uefi",
            Triple::Redox => "x86_64-unknown-redox",
        }
    }
}

/// A call of `cargo build`.
#[derive(Debug)]
pub(crate) struct Build<'a> {
    /// For which target.
    pub(crate) triple: Triple,
    /// Under which profile.
    pub(crate) profile: &'a str,
    /// The packages.
    pub(crate) packages: Vec<&'a str>,
    /// Their programs; empty for libraries.
    pub(crate) bins: Vec<&'a str>,
    /// Features, as `package/feature`.
    pub(crate) features: Vec<String>,
    /// Compiler flags beside those that every build has.
    pub(crate) flags: Vec<String>,
}

/// Something that cargo built.
#[derive(Debug)]
pub(crate) struct Artifact {
    /// The name of its target.
    pub(crate) name: String,
    /// The identifier of its package.
    pub(crate) package: String,
    /// Whether it is a program, not an archive.
    pub(crate) is_program: bool,
    /// Where it lies.
    pub(crate) path: PathBuf,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    target: Option<MessageTarget>,
    executable: Option<PathBuf>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct MessageTarget {
    name: String,
    kind: Vec<String>,
}

impl Build<'_> {
    /// Runs cargo; its own progress and errors go to stderr.
    pub(crate) fn run(&self, workspace: &Workspace) -> anyhow::Result<Vec<Artifact>> {
        let (built, succeeded) = collect(&mut self.command(workspace))?;
        if !succeeded {
            bail!("{} cannot be built for {}", self.packages.join(", "), self.triple.name());
        }
        Ok(built)
    }

    /// The call. Its environment is the same for every target and whoever calls (another Cargo, where
    /// the runner does): build scripts that all targets share are run again when it changes, and
    /// whatever comes after them is built again.
    fn command(&self, workspace: &Workspace) -> Command {
        let mut command = Command::new(cargo());
        command
            .current_dir(&workspace.root)
            .args(["build", "--locked", "--message-format=json-render-diagnostics"])
            .args(["--target", self.triple.name(), "--profile", self.profile])
            .arg("--target-dir")
            .arg(&workspace.target)
            .env_remove("RUSTFLAGS")
            .envs(flags::guest_environment())
            .env("CARGO_ENCODED_RUSTFLAGS", flags::encode(workspace, &self.flags));
        if !progress::is_watched() {
            command.arg("--quiet");
        }
        for package in &self.packages {
            command.args(["-p", package]);
        }
        for bin in &self.bins {
            command.args(["--bin", bin]);
        }
        if self.bins.is_empty() {
            command.arg("--lib");
        }
        if !self.features.is_empty() {
            command.args(["--features", &self.features.join(",")]);
        }
        command
    }
}

/// Runs a cargo that tells in JSON what it builds: its programs and archives, and whether it
/// succeeded. Its own progress and errors go to stderr.
pub(crate) fn collect(command: &mut Command) -> anyhow::Result<(Vec<Artifact>, bool)> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let mut built = Vec::new();
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines() {
            built.extend(artifacts(&line.context("cannot read cargo's messages")?));
        }
    }
    Ok((built, child.wait().context("cannot wait for cargo")?.success()))
}

fn artifacts(line: &str) -> Vec<Artifact> {
    let Ok(message) = serde_json::from_str::<Message>(line) else { return Vec::new() };
    let (Some(target), "compiler-artifact") = (message.target, message.reason.as_str()) else {
        return Vec::new();
    };
    let is = |kind: &str| target.kind.iter().any(|name| name == kind);
    let (is_program, is_archive) = (is("bin"), is("staticlib"));
    let archives = message
        .filenames
        .into_iter()
        .filter(|path| is_archive && path.extension().is_some_and(|extension| extension == "a"));
    let programs = message.executable.into_iter().filter(|_| is_program);
    programs
        .chain(archives)
        .map(|path| Artifact {
            name: target.name.clone(),
            package: message.package_id.clone(),
            is_program,
            path,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the environment of a build for this target has whoever calls.
    fn bootstrap(triple: Triple) -> Option<String> {
        let folder = PathBuf::from("/none");
        let workspace = Workspace { root: folder.clone(), target: folder, packages: Vec::new() };
        let (packages, bins, features, flags) = (vec!["p"], Vec::new(), Vec::new(), Vec::new());
        let build = Build { triple, profile: "guest", packages, bins, features, flags };
        let command = build.command(&workspace);
        let (_, value) = command.get_envs().find(|(name, _)| *name == "RUSTC_BOOTSTRAP")?;
        value.and_then(|value| value.to_str()).map(str::to_owned)
    }

    #[test]
    fn builds_for_all_targets_have_one_environment() {
        let (_, allowed) = flags::guest_environment()[0];
        for triple in Triple::ALL {
            assert_eq!(bootstrap(triple).as_deref(), Some(allowed), "{}", triple.name());
        }
    }
}
