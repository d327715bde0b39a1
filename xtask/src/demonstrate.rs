//! `cargo xtask demonstrate`: plays docs/demonstration.md in the guest, and writes what came of it.
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::image;
use crate::options::MachineOptions;
use crate::qemu::frames::Frame;
use crate::qemu::{self, Config, Console, End};
use crate::setup;
use crate::workspace::Workspace;

/// Seconds that it may take if nothing else was said.
const LIMIT: u64 = 300;
/// Plays, and prints each file behind its path.
const COMMAND: &str = "/scheme/initfs/bin/suite --act demonstrate";
/// In front of a path.
const MARK: &str = "@@@ ";
/// How every path begins that is written to.
const BEGIN: &str = "docs/demonstration";

/// Plays, and writes the page, the pictures and the recording.
pub(crate) fn write(workspace: &Workspace, options: &MachineOptions) -> anyhow::Result<ExitCode> {
    setup::for_booting(options)?;
    let image = image::to_boot(workspace, options, || Ok(Vec::new()))?;
    let limit = options.timeout.map_or(LIMIT, u64::from);
    let config = Config {
        machine: options,
        disk: &image.disk,
        command_line: format!("qemu-exit\nstart results exec {COMMAND}\n"),
        console: Console::Log,
        log: workspace.output()?.join("demonstrate.log"),
        display: false,
        gdb: false,
        counted: false,
        stick: false,
        limit: Some(Duration::from_secs(limit)),
    };
    let mut said = Vec::new();
    let outcome = qemu::run(&config, &mut |frame| {
        match frame {
            Frame::Out(bytes) => said.extend_from_slice(bytes),
            Frame::Err(bytes) => eprint!("{}", String::from_utf8_lossy(bytes)),
            _ => {}
        }
        Ok(())
    })?;
    if outcome.end != End::PowerOff || outcome.status != Some(0) {
        qemu::explain(&outcome, &image.kernel, Some(limit));
        bail!("the guest did not play the demonstration");
    }
    let said = String::from_utf8(said).context("the guest printed what is no text")?;
    let files = files(&said);
    if files.is_empty() {
        bail!("the guest printed no file");
    }
    for (path, text) in files {
        if !path.starts_with(BEGIN) || path.contains("..") {
            bail!("the guest printed a file {path:?}");
        }
        std::fs::write(workspace.root.join(Path::new(path)), text)
            .with_context(|| format!("cannot write {path}"))?;
        println!("{path}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The files that were printed: paths and texts.
fn files(said: &str) -> Vec<(&str, &str)> {
    let starts: Vec<usize> = std::iter::once(0)
        .chain(said.match_indices('\n').map(|(end, _)| end + 1))
        .filter(|start| said[*start..].starts_with(MARK))
        .collect();
    let ends = starts.iter().skip(1).copied().chain(std::iter::once(said.len()));
    starts
        .iter()
        .zip(ends)
        .filter_map(|(start, end)| said[start + MARK.len()..end].split_once('\n'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_lies_behind_its_path() {
        let said = "@@@ docs/a\none\n@@@not a mark\n@@@ docs/b\n@@@ docs/c\nx @@@ y";
        let expected =
            vec![("docs/a", "one\n@@@not a mark\n"), ("docs/b", ""), ("docs/c", "x @@@ y")];
        assert_eq!(files(said), expected);
        assert_eq!(files("nothing"), vec![]);
    }
}
