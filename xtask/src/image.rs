//! The disk image: GPT, one EFI system partition, everything on it.
mod contents;
mod disk;
mod esp;
pub(crate) mod manifest;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::build::{self, Built};
use crate::options::ImageOptions;
use crate::progress;
use crate::setup;
use crate::workspace::Workspace;
use manifest::Manifest;

/// What was made.
#[derive(Debug)]
pub(crate) struct Image {
    /// The disk.
    pub(crate) disk: PathBuf,
    /// The kernel with its symbols, for back traces.
    pub(crate) kernel: PathBuf,
}

/// `cargo xtask image`.
pub(crate) fn command(workspace: &Workspace, options: &ImageOptions) -> anyhow::Result<ExitCode> {
    if options.setup {
        setup::for_building()?;
    }
    let image = make(workspace, options.output.as_deref())?;
    println!("{}", image.disk.display());
    Ok(ExitCode::SUCCESS)
}

/// Builds everything and puts it on a disk.
pub(crate) fn make(workspace: &Workspace, output: Option<&Path>) -> anyhow::Result<Image> {
    setup::require_toolchain()?;
    let manifest = Manifest::read(workspace)?;
    let built = build::everything(workspace, &manifest)?;
    progress::step("making the disk image");
    let disk = match output {
        Some(path) => path.to_owned(),
        None => workspace.output()?.join("clavis.img"),
    };
    let bytes = assemble(workspace, &manifest, &built)?;
    disk::write_sparse(&disk, &bytes)
        .with_context(|| format!("cannot write the disk image {}", disk.display()))?;
    Ok(Image { disk, kernel: built.kernel })
}

fn assemble(workspace: &Workspace, manifest: &Manifest, built: &Built) -> anyhow::Result<Vec<u8>> {
    let archive = contents::archive(workspace, manifest, &built.programs)?;
    let read = |path: &Path| {
        std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let files = [
        ("EFI/BOOT/BOOTX64.EFI", read(&built.bootloader)?),
        ("clavis/kernel", contents::without_symbols(&built.kernel)?),
        ("clavis/init", read(&built.init)?),
        ("clavis/image", archive),
    ];
    let partition = esp::format(&files).context("cannot make the EFI system partition")?;
    disk::partition(&partition).context("cannot make the partition table")
}
