//! Cargo projects in folders.
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::workspace::cargo;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_default_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    id: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

/// The folder of a project, absolute; a person may name its `Cargo.toml` too.
pub(crate) fn folder(path: &Path) -> anyhow::Result<PathBuf> {
    let folder = if path.file_name().is_some_and(|name| name == "Cargo.toml") && path.is_file() {
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    } else {
        path
    };
    let folder =
        folder.canonicalize().with_context(|| format!("there is no folder {}", path.display()))?;
    if !folder.join("Cargo.toml").is_file() {
        bail!("{} is no Cargo project: it has no Cargo.toml", folder.display());
    }
    Ok(folder)
}

/// What the project in a folder is called: its package, or its folder if it is a workspace
/// without a package of its own. A project without any program is refused.
pub(crate) fn name(folder: &Path) -> anyhow::Result<String> {
    let manifest = folder.join("Cargo.toml");
    let output = Command::new(cargo())
        .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
        .arg(&manifest)
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!(
            "cargo cannot read {}:\n{}",
            manifest.display(),
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)
        .context("cargo's description of the project is not understood")?;
    let here = |package: &&Package| {
        package.manifest_path.canonicalize().is_ok_and(|path| path == manifest)
    };
    let own = metadata.packages.iter().find(here);
    let is_built = |package: &&Package| match own {
        Some(own) => package.id == own.id,
        None => metadata.workspace_default_members.contains(&package.id),
    };
    let is_program = |target: &Target| target.kind.iter().any(|kind| kind == "bin");
    let mut built = metadata.packages.iter().filter(is_built);
    if !built.any(|package| package.targets.iter().any(is_program)) {
        bail!("{} has no programs (no [[bin]], no src/main.rs)", folder.display());
    }
    let name = match own {
        Some(package) => package.name.clone(),
        None => folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    if name.is_empty() || name.starts_with('.') {
        bail!("the project in {} has no name that could be kept", folder.display());
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(manifest: &str, files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "fn main() {}").unwrap();
        }
        folder
    }

    fn name_of(folder: &Path) -> anyhow::Result<String> {
        name(&super::folder(folder)?)
    }

    #[test]
    fn a_folder_without_a_manifest_is_no_project() {
        let empty = tempfile::tempdir().unwrap();
        assert!(folder(empty.path()).unwrap_err().to_string().contains("no Cargo.toml"));
        let none = empty.path().join("none");
        assert!(folder(&none).unwrap_err().to_string().contains("there is no folder"));
    }

    #[test]
    fn a_project_is_called_by_its_package() {
        let manifest = "[package]\nname = \"one\"\nedition = \"2024\"\n[workspace]\n";
        let with = project(manifest, &["src/main.rs"]);
        assert_eq!(name_of(with.path()).unwrap(), "one");
        assert_eq!(name_of(&with.path().join("Cargo.toml")).unwrap(), "one");
        let without = project(manifest, &["src/lib.rs"]);
        assert!(name_of(without.path()).unwrap_err().to_string().contains("no programs"));
    }

    #[test]
    fn a_member_inherits_and_is_built_alone() {
        let root =
            "[workspace]\nmembers = [\"a\", \"b\"]\n[workspace.package]\nedition = \"2024\"\n";
        let tree = project(root, &["a/src/main.rs", "b/src/lib.rs"]);
        for member in ["a", "b"] {
            let text = format!("[package]\nname = \"{member}\"\nedition.workspace = true\n");
            std::fs::write(tree.path().join(member).join("Cargo.toml"), text).unwrap();
        }
        assert_eq!(name_of(&tree.path().join("a")).unwrap(), "a");
        assert!(name_of(&tree.path().join("b")).unwrap_err().to_string().contains("no programs"));
        // The temporary folder's own name begins with a dot.
        assert!(name_of(tree.path()).is_err());
    }

    #[test]
    fn a_manifest_that_cargo_refuses_is_shown_with_cargos_words() {
        let broken = project("[package]\nname = 3\n", &[]);
        let told = name_of(broken.path()).unwrap_err().to_string();
        assert!(told.contains("cargo cannot read") && told.contains("name"), "{told}");
    }
}
