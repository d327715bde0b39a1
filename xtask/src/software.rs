//! Programs that are not part of the system: built from the registry or from a folder, and kept
//! in the image until they are removed. What is kept lies in the target folder, beside the
//! programs themselves; `cargo clean` forgets it.
mod build;
mod config;
mod project;
mod recipe;
mod store;
mod userland;

use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::image::Extra;
use crate::image::manifest::Manifest;
use crate::options::{AddOptions, BuildOptions, Chosen, RemoveOptions};
use crate::progress;
use crate::setup;
use crate::workspace::Workspace;
pub(crate) use config::write as configure;
use recipe::{Recipe, Source};
use store::Store;

/// Most bytes that added programs may have together in the image. It lies in the guest's memory
/// (256 MiB unless `--mem` says otherwise).
const ROOM: u64 = 96 << 20;

/// `cargo xtask add`.
pub(crate) fn add(workspace: &Workspace, options: &AddOptions) -> anyhow::Result<ExitCode> {
    if options.userland {
        return userland(workspace);
    }
    let Some(spec) = options.spec.as_deref() else {
        print!("{}", Store::read(workspace)?.describe());
        return Ok(ExitCode::SUCCESS);
    };
    let source = Source::published(spec, options.newest)?;
    keep(workspace, source, &options.chosen)
}

/// `cargo xtask add --userland`: what does not build keeps nothing else away.
fn userland(workspace: &Workspace) -> anyhow::Result<ExitCode> {
    let mut missing = Vec::new();
    for (name, source, chosen) in userland::read(workspace)? {
        if let Err(why) = keep(workspace, source, &chosen) {
            eprintln!("{name}: {why:#}");
            missing.push(name);
        }
    }
    match missing.as_slice() {
        [] => Ok(ExitCode::SUCCESS),
        missing => bail!("not added: {}", missing.join(" ")),
    }
}

/// `cargo xtask build`.
pub(crate) fn build(workspace: &Workspace, options: &BuildOptions) -> anyhow::Result<ExitCode> {
    keep(workspace, Source::Folder(project::folder(&options.path)?), &options.chosen)
}

/// `cargo xtask remove`.
pub(crate) fn remove(workspace: &Workspace, options: &RemoveOptions) -> anyhow::Result<ExitCode> {
    let mut store = Store::read(workspace)?;
    let Some(package) = store.remove(&options.name) else {
        bail!("nothing that is called {} was added; there is:\n{}", options.name, store.describe());
    };
    store.write()?;
    store.discard(&package.name)?;
    println!("removed {}", package.describe());
    Ok(ExitCode::SUCCESS)
}

/// The programs that were added, as they lie there.
pub(crate) fn kept(workspace: &Workspace) -> anyhow::Result<Vec<Extra>> {
    Ok(Store::read(workspace)?.programs())
}

/// The programs that were added. Those that were linked against an earlier C library are built
/// again first.
pub(crate) fn programs(workspace: &Workspace) -> anyhow::Result<Vec<Extra>> {
    let mut store = Store::read(workspace)?;
    if store.packages.is_empty() {
        return Ok(Vec::new());
    }
    let linked = build::Linked::with(workspace)?;
    for index in 0..store.packages.len() {
        let Some(package) = store.packages.get(index) else { break };
        if package.libraries == linked.fingerprint && store.is_whole(package) {
            continue;
        }
        progress::step(&format!("building {} for the changed C library", package.name));
        let again = build::run(workspace, &linked, &package.recipe).with_context(|| {
            format!("if it is not wanted any more: cargo xtask remove {}", package.name)
        })?;
        store.put(again, &linked.fingerprint)?;
    }
    Ok(store.programs())
}

/// Builds something and keeps its programs.
fn keep(workspace: &Workspace, source: Source, chosen: &Chosen) -> anyhow::Result<ExitCode> {
    setup::require_toolchain()?;
    let manifest = Manifest::read(workspace)?;
    let mut store = Store::read(workspace)?;
    let linked = build::Linked::with(workspace)?;
    let recipe = Recipe::new(source, chosen);
    recipe.check_names()?;
    let built = build::run(workspace, &linked, &recipe)?;
    if !built.recipe.names.is_empty() && built.programs.len() != 1 {
        bail!("{} has several programs: choose the one that has --names with --bin", built.name);
    }
    let programs = built.programs.iter().map(|program| &program.name);
    if let Some(name) = programs.clone().find(|name| built.recipe.names.contains(name)) {
        bail!("{name} is what the program is called already: no further name");
    }
    for name in programs.chain(&built.recipe.names) {
        if manifest.has(&format!("bin/{name}")) {
            bail!(
                "{} has a program {name}, and so has the system: choose others with --bin",
                built.name
            );
        }
        if let Some(other) = store.owner(name)
            && other != built.name
        {
            bail!(
                "{} has a program {name}, and so has {other}, which was added before: choose \
                 others with --bin, or: cargo xtask remove {other}",
                built.name
            );
        }
    }
    let all = store.bytes_without(&built.name).saturating_add(built.loaded_bytes());
    if all > ROOM {
        bail!(
            "{} is too big for the image: added programs would have {} MiB together, and there is \
             room for {} MiB",
            built.name,
            all >> 20,
            ROOM >> 20
        );
    }
    let package = store.put(built, &linked.fingerprint)?;
    println!("{}", package.describe());
    Ok(ExitCode::SUCCESS)
}
