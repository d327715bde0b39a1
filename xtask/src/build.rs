//! Building everything that goes onto the disk, in order: each step needs the one before.
mod cargo;
mod flags;
mod parts;

use std::path::PathBuf;

use crate::image::manifest::Manifest;
use crate::progress;
use crate::workspace::Workspace;

pub(crate) use cargo::{Artifact, Triple, collect};
pub(crate) use flags::{encode, guest_environment, link};
pub(crate) use parts::{forget_programs, libraries};

/// The files that were built.
#[derive(Debug)]
pub(crate) struct Built {
    /// The UEFI application.
    pub(crate) bootloader: PathBuf,
    /// The kernel, with symbols.
    pub(crate) kernel: PathBuf,
    /// Init.
    pub(crate) init: PathBuf,
    /// The programs of the boot image: where each lies, in the order of the manifest.
    pub(crate) programs: Vec<PathBuf>,
}

/// Builds everything that the manifest names.
pub(crate) fn everything(workspace: &Workspace, manifest: &Manifest) -> anyhow::Result<Built> {
    progress::step("building the kernel");
    let kernel = parts::kernel(workspace, &manifest.kernel)?;
    progress::step("building the bootloader");
    let bootloader = parts::bootloader(workspace)?;
    progress::step("building the C library");
    let libraries = parts::libraries(workspace)?;
    progress::step("building init and the core services");
    let init = parts::freestanding(workspace, &manifest.init)?;
    progress::step("building daemons and programs");
    let programs = parts::programs(workspace, manifest, &libraries)?;
    Ok(Built { bootloader, kernel, init, programs })
}
