//! `cargo xtask new-scheme NAME`: a working daemon to begin with, built and started like those that
//! are here. It is `schemes/greet`, by another name.
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::workspace::Workspace;

/// The name of the daemon that others are made from.
const MODEL: &str = "greet";
/// Its files.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../schemes/greet/Cargo.toml")),
    ("src/main.rs", include_str!("../../schemes/greet/src/main.rs")),
    ("src/lib.rs", include_str!("../../schemes/greet/src/lib.rs")),
    ("src/daemon.rs", include_str!("../../schemes/greet/src/daemon.rs")),
];

/// Lays it out, and says what comes next.
pub(crate) fn command(workspace: &Workspace, name: &str) -> anyhow::Result<ExitCode> {
    lay_out(&workspace.root, name)?;
    println!("schemes/{name} is a member of the workspace, a program of the image and a service.");
    println!("Its tests:  cargo test -p clavis-{name}");
    println!("See it run: cargo xtask run --exec 'cat /scheme/{name}/you'");
    Ok(ExitCode::SUCCESS)
}

fn lay_out(root: &Path, name: &str) -> anyhow::Result<()> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !is_plain || !name.starts_with(|first: char| first.is_ascii_lowercase()) || name.len() > 32 {
        bail!("\"{name}\" is no name for a scheme: lower-case letters and digits, a letter first");
    }
    let folder = root.join("schemes").join(name);
    if folder.exists() {
        bail!("{} exists already", folder.display());
    }
    // What is changed is made first, so that nothing is half done when it cannot be.
    let changed = [
        ("Cargo.toml", members as fn(&str, &str) -> anyhow::Result<String>),
        ("xtask/image.toml", program),
        ("programs/init/services.conf", service),
    ]
    .into_iter()
    .map(|(file, change)| {
        let path = root.join(file);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        anyhow::Ok((path, change(&text, name)?))
    })
    .collect::<anyhow::Result<Vec<_>>>()?;
    std::fs::create_dir_all(folder.join("src"))
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for (file, text) in FILES {
        write(&folder.join(file), &text.replace(MODEL, name))?;
    }
    for (path, text) in changed {
        write(&path, &text)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The workspace with one member more, which is built and tested on the host too.
fn members(text: &str, name: &str) -> anyhow::Result<String> {
    let model = format!("    \"schemes/{MODEL}\",\n");
    if text.matches(&model).count() != 2 {
        bail!("Cargo.toml does not name schemes/{MODEL} as a member and as a default member");
    }
    Ok(text.replace(&model, &format!("{model}    \"schemes/{name}\",\n")))
}

/// The image with one program more.
fn program(text: &str, name: &str) -> anyhow::Result<String> {
    if text.contains(&format!("\"bin/{name}\"")) {
        bail!("the image has a program bin/{name} already");
    }
    let entry = format!(
        "[[program]]\npackage = \"clavis-{name}\"\nbin = \"clavis-{name}\"\npath = \"bin/{name}\"\n"
    );
    Ok(format!("{}\n\n{entry}", text.trim_end()))
}

/// The services with one more, which may register its name and make an endpoint, and no more.
fn service(text: &str, name: &str) -> anyhow::Result<String> {
    if text.lines().any(|line| line.trim() == format!("service {name}")) {
        bail!("there is a service {name} already");
    }
    let entry = format!(
        "service {name}\n  program /bin/{name}\n  register {name}\n  use namespace\n  \
         limit frames 2048\n  limit handles 4096\n"
    );
    Ok(format!("{}\n\n{entry}", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with the files that are changed, as they are here.
    fn root() -> tempfile::TempDir {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let root = tempfile::tempdir().unwrap();
        for file in ["Cargo.toml", "xtask/image.toml", "programs/init/services.conf"] {
            std::fs::create_dir_all(root.path().join(file).parent().unwrap()).unwrap();
            std::fs::copy(here.join(file), root.path().join(file)).unwrap();
        }
        root
    }

    #[test]
    fn a_new_scheme_is_a_package_a_program_and_a_service() {
        let root = root();
        lay_out(root.path(), "weather").unwrap();
        let read = |file: &str| std::fs::read_to_string(root.path().join(file)).unwrap();
        let workspace: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
        for list in ["members", "default-members"] {
            let list = workspace["workspace"][list].as_array().unwrap();
            assert!(list.iter().any(|member| member.as_str() == Some("schemes/weather")));
        }
        let package: toml::Table = toml::from_str(&read("schemes/weather/Cargo.toml")).unwrap();
        assert_eq!(package["package"]["name"].as_str(), Some("clavis-weather"));
        let image: toml::Table = toml::from_str(&read("xtask/image.toml")).unwrap();
        let programs = image["program"].as_array().unwrap();
        assert!(programs.iter().any(|program| program["path"].as_str() == Some("bin/weather")));
        let services = read("programs/init/services.conf");
        service_manifest::check(&services, |_| true).map_err(|_| "it cannot work").unwrap();
        assert!(services.contains("service weather\n  program /bin/weather\n  register weather\n"));
        for (file, _) in FILES {
            let text = read(&format!("schemes/weather/{file}"));
            assert!(!text.contains(MODEL), "{file} speaks of {MODEL}");
        }
    }

    #[test]
    fn what_is_no_name_or_is_taken_changes_nothing() {
        let root = root();
        let before = std::fs::read(root.path().join("Cargo.toml")).unwrap();
        for name in ["", "1a", "A", "a-b", "a/b", "..", "ramfs", "null"] {
            assert!(lay_out(root.path(), name).is_err(), "{name}");
        }
        assert_eq!(std::fs::read(root.path().join("Cargo.toml")).unwrap(), before);
        assert!(!root.path().join("schemes/null").exists());
    }
}
