//! The published tools that take the place of our own at one command: `userland.toml`.
use anyhow::Context as _;
use serde::Deserialize;

use crate::options::Chosen;
use crate::software::recipe::Source;
use crate::workspace::Workspace;

/// What the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Userland {
    /// The packages.
    package: Vec<Package>,
}

/// A published package, in one version.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    bins: Vec<String>,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    no_default_features: bool,
    #[serde(default)]
    names: Vec<String>,
}

/// What is to be built, and how, by name.
pub(crate) fn read(workspace: &Workspace) -> anyhow::Result<Vec<(String, Source, Chosen)>> {
    let path = workspace.package("xtask")?.folder().join("userland.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| format!("{} is malformed", path.display()))
}

fn parse(text: &str) -> anyhow::Result<Vec<(String, Source, Chosen)>> {
    let userland: Userland = toml::from_str(text)?;
    let wanted = |package: Package| {
        let Package { name, version, bins, features, no_default_features, names } = package;
        let source = Source::published(&format!("{name}@={version}"), false)?;
        Ok((name, source, Chosen { bins, features, no_default_features, names }))
    };
    userland.package.into_iter().map(wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_one_version_and_no_name_is_there_twice() {
        let all = parse(include_str!("../../userland.toml")).unwrap();
        let mut names: Vec<&String> = all.iter().flat_map(|(.., chosen)| &chosen.names).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(parse("[[package]]\nname = \"a\"\n").is_err());
        assert!(parse("[[package]]\nname = \"../a\"\nversion = \"1\"\n").is_err());
    }
}
