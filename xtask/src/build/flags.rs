//! Compiler flags of guest builds.
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use crate::setup;
use crate::workspace::Workspace;

/// How std programs are linked; the C library's package says it, in `link.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    /// Compiler flags.
    flags: Vec<String>,
}

/// The flags that every std program is linked with, ours and anybody's: those of the C library's
/// `link.toml`, and the folder where the archives lie.
pub(crate) fn link(workspace: &Workspace, libraries: &Path) -> anyhow::Result<Vec<String>> {
    let path = workspace.package("clavis-libc")?.folder().join("link.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let link: Link =
        toml::from_str(&text).with_context(|| format!("{} is malformed", path.display()))?;
    let mut flags = link.flags;
    flags.push(format!("-Lnative={}", libraries.display()));
    Ok(flags)
}

/// What the environment of guest builds has: `redox-scheme` and `redox-daemon` use features of the
/// compiler that are not stable yet, and they alone are let.
pub(crate) fn guest_environment() -> [(&'static str, &'static str); 1] {
    [("RUSTC_BOOTSTRAP", "redox_scheme,redox_daemon")]
}

/// All flags, in the form that `CARGO_ENCODED_RUSTFLAGS` wants. Paths of this machine are replaced
/// so that the same sources give the same bytes in any folder.
pub(crate) fn encode(workspace: &Workspace, own: &[String]) -> String {
    let mut flags: Vec<String> = own.to_vec();
    flags.push(remap(&workspace.root, "/clavis"));
    if let Some((source, name)) = library_source() {
        flags.push(remap(&source, &name));
    }
    for registry in registries() {
        flags.push(remap(&registry, "/crates"));
    }
    flags.join("\x1f")
}

fn remap(from: &Path, to: &str) -> String {
    format!("--remap-path-prefix={}={to}", from.display())
}

/// Where rustup puts the source of the standard library, and the name that its prebuilt parts have
/// for it: with the component installed, the compiler would use the former.
fn library_source() -> Option<(PathBuf, String)> {
    let sysroot = setup::output("rustc", &["--print", "sysroot"])?;
    let version = setup::output("rustc", &["-vV"])?;
    let hash = version.lines().find_map(|line| line.strip_prefix("commit-hash: "))?;
    let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
    Some((source, format!("/rustc/{}", hash.trim())))
}

/// The folders that hold the sources of published crates.
fn registries() -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default();
    let Ok(entries) = std::fs::read_dir(home.join("registry/src")) else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders
}
