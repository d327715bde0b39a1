//! The configuration with which Cargo builds a project for the guest and runs it there.
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::build::{self, Triple};
use crate::options::ConfigOptions;
use crate::setup;
use crate::software::project;
use crate::workspace::Workspace;

/// `cargo xtask config`.
pub(crate) fn write(workspace: &Workspace, options: &ConfigOptions) -> anyhow::Result<ExitCode> {
    setup::require_toolchain()?;
    let libraries = build::libraries(workspace)?;
    let flags = build::link(workspace, &libraries)?;
    let runner = std::env::current_exe().context("cannot tell where xtask lies")?;
    let text = text(&flags, &runner);
    let Some(folder) = &options.write else {
        print!("{text}");
        return Ok(ExitCode::SUCCESS);
    };
    let file = project::folder(folder)?.join(".cargo/config.toml");
    if std::fs::read_to_string(&file).is_ok_and(|old| old != text && !old.starts_with(HEAD)) {
        bail!(
            "{} exists and is somebody else's: put into it what is printed without --write",
            file.display()
        );
    }
    let parent = file.parent().unwrap_or(&file);
    std::fs::create_dir_all(parent)
        .and_then(|()| std::fs::write(&file, text))
        .with_context(|| format!("cannot write {}", file.display()))?;
    println!("{}", file.display());
    Ok(ExitCode::SUCCESS)
}

/// The first line tells a file of ours from others.
const HEAD: &str =
    "# Written by `cargo xtask config` of Clavis: cargo run and cargo test happen there.";

fn text(flags: &[String], runner: &Path) -> String {
    let triple = Triple::Redox.name();
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let list: String = flags.iter().map(|flag| format!("    {},\n", quoted(flag))).collect();
    let environment: String = build::guest_environment()
        .iter()
        .map(|(name, value)| format!("{name} = {}\n", quoted(value)))
        .collect();
    format!(
        "{HEAD}\n[build]\ntarget = {}\n\n[target.{triple}]\nrunner = [{}, \"runner\"]\n\
         rustflags = [\n{list}]\nrustdocflags = [\n{list}]\n\n[env]\n{environment}",
        quoted(triple),
        quoted(&runner.display().to_string()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_stay_whole() {
        let flags = ["-Lnative=/a \"b\"\\c".to_owned()];
        let text = text(&flags, Path::new("/x y/\"xtask\""));
        let table: toml::Table = toml::from_str(&text).unwrap();
        let target = &table["target"]["x86_64-unknown-redox"];
        assert_eq!(target["rustflags"][0].as_str(), Some(flags[0].as_str()));
        assert_eq!(target["runner"][0].as_str(), Some("/x y/\"xtask\""));
        assert_eq!(table["build"]["target"].as_str(), Some("x86_64-unknown-redox"));
        assert!(text.starts_with(HEAD));
    }
}
