//! The parts of the system and how each is built.
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::build::cargo::{Artifact, Build, Triple};
use crate::build::flags;
use crate::image::manifest::{Freestanding, Manifest, ProgramTarget};
use crate::workspace::Workspace;

/// The kernel, linked at its place. The compiler's defaults for its target (no red zone, no vector
/// registers, code in the last 2 GiB) hold; only position independence is taken away.
pub(crate) fn kernel(workspace: &Workspace, part: &Freestanding) -> anyhow::Result<PathBuf> {
    let built = Build {
        triple: Triple::None,
        profile: "kernel",
        packages: vec![&part.package],
        bins: vec![&part.bin],
        features: part.features(),
        flags: words(&["-Crelocation-model=static"]),
    }
    .run(workspace)?;
    find(built, &part.bin)
}

/// The UEFI application. Its file would hold a time stamp and the path of its symbols.
pub(crate) fn bootloader(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let built = Build {
        triple: Triple::Uefi,
        profile: "kernel",
        packages: vec!["clavis-bootloader"],
        bins: vec!["clavis-bootloader"],
        features: vec!["clavis-bootloader/firmware".into()],
        flags: words(&["-Clink-arg=/Brepro", "-Clink-arg=/DEBUG:NONE", "-Cdebuginfo=0"]),
    }
    .run(workspace)?;
    find(built, "clavis-bootloader")
}

/// The archives that userland programs link against: `libc.a` and `libgcc_eh.a`, put into one
/// folder, which is returned.
pub(crate) fn libraries(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let folder = workspace.output()?.join("lib");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut changed = false;
    for (package, archive) in [("clavis-libc", "c"), ("clavis-unwind", "gcc_eh")] {
        let built = Build {
            triple: Triple::Redox,
            profile: "libc",
            packages: vec![package],
            bins: vec![],
            features: vec![],
            flags: words(&["-Crelocation-model=pic"]),
        }
        .run(workspace)?;
        changed |=
            copy_if_changed(&find(built, archive)?, &folder.join(format!("lib{archive}.a")))?;
    }
    if changed {
        forget_programs(&workspace.target.join("x86_64-unknown-redox/guest"))?;
    }
    Ok(folder)
}

/// Removes what was linked against earlier archives: cargo does not know that programs depend on
/// them, but links what is missing. The folder is one profile's.
pub(crate) fn forget_programs(folder: &Path) -> anyhow::Result<()> {
    let Ok(entries) = std::fs::read_dir(folder.join("deps")) else { return Ok(()) };
    // Programs alone have no extension; a build that was ended may have left folders there.
    let is_program = |path: &PathBuf| path.extension().is_none() && path.is_file();
    for path in entries.flatten().map(|entry| entry.path()).filter(is_program) {
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// A program on the runtime alone: a static position-independent executable that relocates itself,
/// as the compiler's defaults for its target make it, with relocations as bitmaps and one part to write.
pub(crate) fn freestanding(workspace: &Workspace, part: &Freestanding) -> anyhow::Result<PathBuf> {
    let built = Build {
        triple: Triple::None,
        profile: "guest",
        packages: vec![&part.package],
        bins: vec![&part.bin],
        features: part.features(),
        flags: words(&[
            "-Cstrip=symbols",
            "-Clink-arg=--pack-dyn-relocs=relr",
            "-Crelro-level=off",
            "-Clink-arg=-zseparate-loadable-segments",
        ]),
    }
    .run(workspace)?;
    find(built, &part.bin)
}

/// The programs of the boot image.
pub(crate) fn programs(
    workspace: &Workspace,
    manifest: &Manifest,
    libraries: &Path,
) -> anyhow::Result<Vec<PathBuf>> {
    let std_programs = || manifest.programs.iter().filter(|p| p.target == ProgramTarget::Std);
    let mut flags = flags::link(workspace, libraries)?;
    flags.push("-Cstrip=symbols".into());
    let mut packages: Vec<&str> = std_programs().map(|p| p.package.as_str()).collect();
    packages.sort_unstable();
    packages.dedup();
    let mut bins: Vec<&str> = std_programs().map(|p| p.bin.as_str()).collect();
    bins.sort_unstable();
    bins.dedup();
    let mut features: Vec<String> = std_programs().flat_map(|p| p.features()).collect();
    features.sort_unstable();
    features.dedup();
    let built = if packages.is_empty() {
        Vec::new()
    } else {
        Build { triple: Triple::Redox, profile: "guest", packages, bins, features, flags }
            .run(workspace)?
    };
    manifest
        .programs
        .iter()
        .map(|program| match program.target {
            ProgramTarget::None => freestanding(workspace, &program.freestanding()),
            ProgramTarget::Std => built
                .iter()
                .find(|artifact| artifact.name == program.bin)
                .map(|artifact| artifact.path.clone())
                .with_context(|| format!("cargo built no program {}", program.bin)),
        })
        .collect()
}

fn find(built: Vec<Artifact>, name: &str) -> anyhow::Result<PathBuf> {
    match built.into_iter().find(|artifact| artifact.name == name) {
        Some(artifact) => Ok(artifact.path),
        None => bail!("cargo built nothing that is called {name}"),
    }
}

/// Copies an archive only if it is another; answers whether it was.
fn copy_if_changed(from: &Path, to: &Path) -> anyhow::Result<bool> {
    let new = std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if std::fs::read(to).is_ok_and(|old| old == new) {
        return Ok(false);
    }
    std::fs::write(to, new).with_context(|| format!("cannot write {}", to.display()))?;
    Ok(true)
}

fn words(flags: &[&str]) -> Vec<String> {
    flags.iter().map(ToString::to_string).collect()
}
