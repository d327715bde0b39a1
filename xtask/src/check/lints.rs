//! Format, clippy and rustdoc, as errors.
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::build::{self, Triple};
use crate::image::manifest::{Manifest, ProgramTarget};
use crate::progress;
use crate::workspace::{Workspace, cargo};

/// `cargo fmt --check`.
pub(crate) fn format(workspace: &Workspace) -> anyhow::Result<()> {
    let mut command = call(workspace, "fmt");
    command.args(["--all", "--check"]);
    succeed(command, "the sources are not formatted: cargo fmt --all")
}

/// Clippy over everything that is built on the host, tests included.
pub(crate) fn host(workspace: &Workspace) -> anyhow::Result<()> {
    let mut command = call(workspace, "clippy");
    command.args(["--locked", "--keep-going", "--all-targets", "--", "-Dwarnings"]);
    succeed(command, "clippy found something (see above)")
}

/// Clippy over what each guest target gets.
pub(crate) fn guest(workspace: &Workspace) -> anyhow::Result<()> {
    let manifest = Manifest::read(workspace)?;
    for triple in Triple::ALL {
        let (mut packages, mut features) = (Vec::new(), Vec::new());
        match triple {
            Triple::Uefi => {
                packages.push("clavis-bootloader".to_owned());
                features.push("clavis-bootloader/firmware".to_owned());
            }
            Triple::None => {
                let own = manifest.programs.iter().filter(|p| p.target == ProgramTarget::None);
                let own = own.map(|program| program.freestanding());
                for part in [manifest.kernel.clone(), manifest.init.clone()].into_iter().chain(own)
                {
                    features.extend(part.features());
                    packages.push(part.package);
                }
            }
            Triple::Redox => {
                packages.extend(["clavis-libc".to_owned(), "clavis-unwind".to_owned()]);
                for program in manifest.programs.iter().filter(|p| p.target == ProgramTarget::Std) {
                    features.extend(program.features());
                    packages.push(program.package.clone());
                }
            }
        }
        packages.sort_unstable();
        packages.dedup();
        let mut command = call(workspace, "clippy");
        command.args(["--locked", "--keep-going", "--target", triple.name()]);
        if triple == Triple::Redox {
            command.envs(build::guest_environment());
        }
        for package in &packages {
            command.args(["-p", package]);
        }
        if !features.is_empty() {
            command.args(["--features", &features.join(",")]);
        }
        command.args(["--", "-Dwarnings"]);
        succeed(command, &format!("clippy found something for {} (see above)", triple.name()))?;
    }
    Ok(())
}

/// rustdoc over the host crates.
pub(crate) fn documentation(workspace: &Workspace) -> anyhow::Result<()> {
    let mut command = call(workspace, "doc");
    command.args(["--locked", "--keep-going", "--no-deps", "--document-private-items"]);
    command.env("RUSTDOCFLAGS", "-Dwarnings -Arustdoc::private-intra-doc-links");
    succeed(command, "rustdoc found something (see above)")
}

fn call(workspace: &Workspace, what: &str) -> Command {
    let mut command = Command::new(cargo());
    command.current_dir(&workspace.root).arg(what).env("CARGO_TARGET_DIR", &workspace.target);
    if !progress::is_watched() {
        command.arg("--quiet");
    }
    command
}

fn succeed(mut command: Command, wrong: &str) -> anyhow::Result<()> {
    let status = command.status().context("cannot start cargo")?;
    if !status.success() {
        bail!("{wrong}");
    }
    Ok(())
}
