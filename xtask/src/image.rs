//! The disk image: GPT, one EFI system partition, everything on it.
mod contents;
mod disk;
mod esp;
pub(crate) mod manifest;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clavis_elf::Place;

use crate::build;
use crate::options::{ImageOptions, MachineOptions};
use crate::progress;
use crate::setup;
use crate::software;
use crate::workspace::Workspace;
use manifest::Manifest;

pub(crate) use contents::without_symbols;

/// Something in the boot image beside what the manifest names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extra {
    /// Its path in the image.
    pub(crate) path: String,
    /// Where it lies, with its symbols.
    pub(crate) file: PathBuf,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a file of the boot image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A program: its symbols stay behind.
    Program,
    /// Anything.
    Plain,
}

/// Path and content of a file on the system partition.
pub(crate) type PartitionFile = (&'static str, Vec<u8>);

/// What was made.
#[derive(Debug)]
pub(crate) struct Image {
    /// The disk.
    pub(crate) disk: PathBuf,
    /// The kernel with its symbols, for back traces.
    pub(crate) kernel: PathBuf,
    /// What lies on its system partition; empty if it was not built now.
    pub(crate) files: Vec<PartitionFile>,
}

/// `cargo xtask image`.
pub(crate) fn command(workspace: &Workspace, options: &ImageOptions) -> anyhow::Result<ExitCode> {
    if options.setup {
        setup::for_building()?;
    }
    let image = make(workspace, options.output.as_deref(), &software::programs(workspace)?)?;
    println!("{}", image.disk.display());
    Ok(ExitCode::SUCCESS)
}

/// Builds everything and puts it on a disk.
pub(crate) fn make(
    workspace: &Workspace,
    output: Option<&Path>,
    extra: &[Extra],
) -> anyhow::Result<Image> {
    let (files, kernel) = files(workspace, extra)?;
    progress::step("making the disk image");
    let disk = match output {
        Some(path) => path.to_owned(),
        None => workspace.output()?.join("clavis.img"),
    };
    write(&files, &disk)?;
    Ok(Image { disk, kernel, files })
}

/// The image to boot: built now, or the one of the last build.
pub(crate) fn to_boot(
    workspace: &Workspace,
    options: &MachineOptions,
    extra: impl FnOnce() -> anyhow::Result<Vec<Extra>>,
) -> anyhow::Result<Image> {
    if !options.no_build {
        return make(workspace, None, &extra()?);
    }
    let disk = workspace.output()?.join("clavis.img");
    if !disk.is_file() {
        bail!("there is no image of an earlier build ({}): leave --no-build away", disk.display());
    }
    let kernel = workspace.target.join("x86_64-unknown-none/kernel/clavis-kernel");
    Ok(Image { disk, kernel, files: Vec::new() })
}

/// Builds everything: the files of the system partition, and the kernel with its symbols.
fn files(workspace: &Workspace, extra: &[Extra]) -> anyhow::Result<(Vec<PartitionFile>, PathBuf)> {
    setup::require_toolchain()?;
    let manifest = Manifest::read(workspace)?;
    let built = build::everything(workspace, &manifest)?;
    let archive = contents::archive(workspace, &manifest, &built.programs, extra)?;
    let read = |path: &Path| {
        std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let kernel = contents::without_symbols(read(&built.kernel)?, Place::KERNEL)
        .with_context(|| format!("the kernel {}", built.kernel.display()))?;
    let files = vec![
        ("EFI/BOOT/BOOTX64.EFI", read(&built.bootloader)?),
        ("clavis/kernel", kernel),
        ("clavis/init", read(&built.init)?),
        ("clavis/image", archive),
    ];
    Ok((files, built.kernel))
}

/// Writes a disk with one system partition that holds these files.
pub(crate) fn write(files: &[PartitionFile], path: &Path) -> anyhow::Result<()> {
    let partition = esp::format(files).context("cannot make the EFI system partition")?;
    let disk = disk::partition(&partition).context("cannot make the partition table")?;
    disk::write_sparse(path, &disk)
        .with_context(|| format!("cannot write the disk image {}", path.display()))
}
