//! What the files on the disk hold.
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use boot_image::Builder;
use clavis_elf::Place;

use crate::image::manifest::Manifest;
use crate::image::{Extra, Kind};
use crate::workspace::Workspace;

/// Where init finds its manifest.
const SERVICES: &str = "etc/services.conf";

/// The boot image. Programs that the loader would refuse are refused here.
pub(crate) fn archive(
    workspace: &Workspace,
    manifest: &Manifest,
    programs: &[PathBuf],
    extra: &[Extra],
) -> anyhow::Result<Vec<u8>> {
    let mut builder = Builder::new();
    for (program, path) in manifest.programs.iter().zip(programs) {
        let bytes = read(path)?;
        let head = bytes.get(..clavis_elf::HEAD).unwrap_or(&bytes);
        if let Err(why) = clavis_elf::Image::parse(head, bytes.len() as u64, Place::USER) {
            bail!("the program {} (package {}) {why}", program.bin, program.package);
        }
        let is_taken = |name: &String| extra.iter().any(|extra| extra.path == *name);
        for name in program.also.iter().filter(|name| !is_taken(name)) {
            builder.add(name, true, bytes.clone())?;
        }
        builder.add(&program.path, true, bytes)?;
    }
    for file in &manifest.files {
        let path = workspace.root.join(&file.source);
        let bytes = std::fs::read(&path)
            .with_context(|| format!("image.toml names {}, which cannot be read", file.source))?;
        if file.path == SERVICES {
            check_services(manifest, &file.source, &bytes)?;
        }
        builder.add(&file.path, false, bytes)?;
    }
    for Extra { path, file, kind } in extra {
        let bytes = read(file)?;
        let bytes = match kind {
            Kind::Program => without_symbols(bytes, Place::USER)
                .with_context(|| format!("the program {}", file.display()))?,
            Kind::Plain => bytes,
        };
        builder.add(path, *kind == Kind::Program, bytes)?;
    }
    if !manifest.files.iter().any(|file| file.path == SERVICES) {
        bail!("image.toml names no service manifest ({SERVICES})");
    }
    Ok(builder.build()?)
}

/// Refuses a service manifest that could not work: init would refuse it at every boot.
fn check_services(manifest: &Manifest, source: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let text = std::str::from_utf8(bytes).with_context(|| format!("{source} is not text"))?;
    let programs = manifest.programs.iter().flat_map(|p| p.also.iter().chain([&p.path]));
    let paths: Vec<&String> = programs.chain(manifest.files.iter().map(|f| &f.path)).collect();
    let exists = |path: &str| paths.iter().any(|known| *known == path.trim_start_matches('/'));
    service_manifest::check(text, exists).map(drop).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|problem| format!("  {problem}")).collect();
        anyhow::anyhow!("{source} cannot work:\n{}", lines.join("\n"))
    })
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A program up to the end of its last segment: symbols and debug information lie behind it.
pub(crate) fn without_symbols(mut bytes: Vec<u8>, place: Place) -> anyhow::Result<Vec<u8>> {
    let head = bytes.get(..clavis_elf::HEAD).unwrap_or(&bytes);
    let image = clavis_elf::Image::parse(head, bytes.len() as u64, place)
        .map_err(|why| anyhow::anyhow!("{why}"))?;
    let end = image.segments().iter().map(|s| s.file_offset + s.file_size).max().unwrap_or(0);
    bytes.truncate(usize::try_from(end)?);
    // The section headers lay behind the end.
    if let Some(fields) = bytes.get_mut(0x28..0x30) {
        fields.fill(0);
    }
    if let Some(fields) = bytes.get_mut(0x3C..0x40) {
        fields.fill(0);
    }
    Ok(bytes)
}
