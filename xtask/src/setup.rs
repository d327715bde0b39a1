//! Installing what is missing, when asked; saying what is missing, when not.
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::build::Triple;
use crate::options::MachineOptions;
use crate::progress;
use crate::qemu::firmware;

/// Something that this machine lacks.
#[derive(Debug)]
pub(crate) struct Missing {
    /// What it is.
    pub(crate) what: String,
    /// The command that installs it, word by word; empty if there is none known.
    pub(crate) command: Vec<String>,
}

impl Missing {
    fn new(what: String, command: &[&str]) -> Missing {
        Missing { what, command: command.iter().map(ToString::to_string).collect() }
    }

    /// The command as a person types it.
    pub(crate) fn line(&self) -> String {
        if self.command.is_empty() {
            "install it with your system's package manager".into()
        } else {
            let quoted = |word: &String| {
                if word.contains(' ') { format!("'{word}'") } else { word.clone() }
            };
            self.command.iter().map(quoted).collect::<Vec<_>>().join(" ")
        }
    }
}

/// Makes sure that everything for booting is there; installs it if `--setup` was given.
pub(crate) fn for_booting(options: &MachineOptions) -> anyhow::Result<()> {
    if options.setup {
        install(toolchain(&["rustfmt", "clippy"]))?;
        install(emulator(options.ovmf.as_deref()))?;
    }
    require(emulator(options.ovmf.as_deref()))
}

/// Makes sure that everything for building is there, installing it.
pub(crate) fn for_building() -> anyhow::Result<()> {
    install(toolchain(&["rustfmt", "clippy"]))
}

/// Says so if the compiler lacks a target.
pub(crate) fn require_toolchain() -> anyhow::Result<()> {
    require(toolchain(&[]))
}

/// Everything that this machine lacks.
pub(crate) fn everything_missing() -> Vec<Missing> {
    let mut missing = toolchain(&["rustfmt", "clippy"]);
    missing.extend(emulator(None));
    missing
}

fn require(missing: Vec<Missing>) -> anyhow::Result<()> {
    let Some(first) = missing.first() else { return Ok(()) };
    let list: Vec<String> =
        missing.iter().map(|m| format!("  {} is missing: {}", m.what, m.line())).collect();
    bail!(
        "this machine lacks {}:\n{}\nor let xtask do it with --setup",
        if missing.len() == 1 { first.what.as_str() } else { "several things" },
        list.join("\n")
    )
}

fn install(missing: Vec<Missing>) -> anyhow::Result<()> {
    for thing in missing {
        let Some((program, arguments)) = thing.command.split_first() else {
            bail!("{} is missing: {}", thing.what, thing.line());
        };
        progress::note(&format!("{} is missing; running: {}", thing.what, thing.line()));
        let status = Command::new(program)
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            // stdout belongs to the guest.
            .stdout(std::io::stderr())
            .status()
            .with_context(|| format!("cannot start {program}"))?;
        if !status.success() {
            bail!("\"{}\" failed ({status})", thing.line());
        }
    }
    Ok(())
}

/// Targets and components of the toolchain that rustup has not installed.
fn toolchain(components: &[&str]) -> Vec<Missing> {
    let mut missing = Vec::new();
    let installed = output("rustup", &["target", "list", "--installed"]);
    for triple in Triple::ALL {
        let name = triple.name();
        let there = match &installed {
            Some(list) => list.lines().any(|line| line.trim() == name),
            None => sysroot_has(name),
        };
        if !there {
            let what = format!("Rust's target {name}");
            missing.push(match installed {
                Some(_) => Missing::new(what, &["rustup", "target", "add", name]),
                None => Missing::new(what, &[]),
            });
        }
    }
    let installed = output("rustup", &["component", "list", "--installed"]);
    for component in components {
        let there = match &installed {
            Some(list) => list.lines().any(|line| line.starts_with(component)),
            None => output("cargo", &[component.trim_start_matches("rust"), "--version"]).is_some(),
        };
        if !there {
            let what = format!("Rust's component {component}");
            missing.push(Missing::new(what, &["rustup", "component", "add", component]));
        }
    }
    missing
}

fn sysroot_has(target: &str) -> bool {
    output("rustc", &["--print", "sysroot"])
        .is_some_and(|root| Path::new(root.trim()).join("lib/rustlib").join(target).is_dir())
}

/// QEMU and OVMF, if they are not found.
fn emulator(ovmf: Option<&Path>) -> Vec<Missing> {
    let mut packages = Vec::new();
    let mut what = Vec::new();
    if output("qemu-system-x86_64", &["--version"]).is_none() {
        packages.push("qemu-system-x86");
        what.push("QEMU");
    }
    if firmware::find(ovmf).is_err() && ovmf.is_none() {
        packages.push("ovmf");
        what.push("OVMF (UEFI for QEMU)");
    }
    if packages.is_empty() {
        return Vec::new();
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        return what.into_iter().map(|what| Missing::new(what.into(), &[])).collect();
    }
    let shell = format!(
        "apt-get update -q && apt-get install -q -y --no-install-recommends {}",
        packages.join(" ")
    );
    let as_root = output("id", &["-u"]).is_some_and(|id| id.trim() == "0");
    let command: &[&str] =
        if as_root { &["sh", "-c", &shell] } else { &["sudo", "sh", "-c", &shell] };
    vec![Missing::new(what.join(" and "), command)]
}

/// What a program prints, if it runs and succeeds.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
