//! Format, clippy and rustdoc, as errors.
use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::build::{self, Triple};
use crate::image::manifest::{Freestanding, Manifest, Program, ProgramTarget};
use crate::progress;
use crate::workspace::{Workspace, cargo};

/// The tests of published crates: a workspace of their own.
const CRATES: &str = "tests/crates";

/// `cargo fmt --check`.
pub(crate) fn format(workspace: &Workspace) -> anyhow::Result<()> {
    let mut command = call(workspace, "fmt");
    command.args(["--all", "--check"]);
    succeed(command, "the sources are not formatted: cargo fmt --all")?;
    let mut command = call(workspace, "fmt");
    command.current_dir(workspace.root.join(CRATES)).args(["--all", "--check"]);
    succeed(command, "the tests of published crates are not formatted: cargo fmt there")
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
    let of = |target: ProgramTarget| manifest.programs.iter().filter(move |p| p.target == target);
    let mut freestanding = vec![manifest.kernel.clone(), manifest.init.clone()];
    freestanding.extend(of(ProgramTarget::None).map(Program::freestanding));
    let programs = of(ProgramTarget::Std).map(Program::freestanding).collect();
    let bootloader = Freestanding::new("clavis-bootloader", &["firmware"]);
    let libraries = ["clavis-libc", "clavis-unwind"].map(|name| Freestanding::new(name, &[]));
    // The archives have panic handlers of their own, which only a build without unwinding accepts.
    let groups = [
        (Triple::None, "dev", freestanding),
        (Triple::Uefi, "dev", vec![bootloader]),
        (Triple::Redox, "libc", libraries.into()),
        (Triple::Redox, "dev", programs),
    ];
    for (triple, profile, parts) in groups {
        let mut command = call(workspace, "clippy");
        command.args(["--locked", "--keep-going", "--target", triple.name()]);
        command.args(["--profile", profile]).envs(build::guest_environment());
        let packages: BTreeSet<&str> = parts.iter().map(|part| part.package.as_str()).collect();
        for package in packages {
            command.args(["-p", package]);
        }
        let features: Vec<String> = parts.iter().flat_map(Freestanding::features).collect();
        if !features.is_empty() {
            command.args(["--features", &features.join(",")]);
        }
        command.args(["--", "-Dwarnings"]);
        succeed(command, &format!("clippy found something for {} (see above)", triple.name()))?;
    }
    let mut command = call(workspace, "clippy");
    command.current_dir(workspace.root.join(CRATES)).envs(build::guest_environment());
    command.env("CARGO_TARGET_DIR", workspace.target.join("crates"));
    command.args([
        "--workspace",
        "--locked",
        "--keep-going",
        "--all-targets",
        "--target",
        Triple::Redox.name(),
    ]);
    command.args(["--", "-Dwarnings"]);
    succeed(command, "clippy found something in the tests of published crates (see above)")
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
