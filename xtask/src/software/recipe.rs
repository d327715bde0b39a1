//! What is built, and how: all that is needed to build it again.
use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::bail;
use serde::{Deserialize, Serialize};

use crate::options::Chosen;

/// Where sources come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// The registry.
    Published {
        /// The crate's name.
        name: String,
        /// Its version, or what the version must be; none: the newest.
        version: Option<String>,
        /// Whether dependencies are the newest ones and not those of the crate's own `Cargo.lock`.
        newest: bool,
    },
    /// A folder with a `Cargo.toml`.
    Folder(PathBuf),
}

/// Sources and choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recipe {
    /// Programs; empty: all.
    #[serde(default)]
    pub(crate) bins: Vec<String>,
    /// Features.
    #[serde(default)]
    pub(crate) features: Vec<String>,
    /// Whether the package's default features are left away.
    #[serde(default)]
    pub(crate) no_default_features: bool,
    /// Further names of its program.
    #[serde(default)]
    pub(crate) names: Vec<String>,
    /// Where the sources come from.
    pub(crate) source: Source,
}

impl Source {
    /// Reads `CRATE` or `CRATE@VERSION`.
    pub(crate) fn published(spec: &str, newest: bool) -> anyhow::Result<Source> {
        let (name, version) = match spec.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (spec, None),
        };
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !is_name {
            bail!(
                "\"{name}\" cannot be the name of a published crate (letters, digits, - and _); \
                 a folder is built with: cargo xtask build PATH"
            );
        }
        if version.is_some_and(|version| version.trim().is_empty()) {
            bail!("behind the @ of \"{spec}\" there is no version");
        }
        Ok(Source::Published { name: name.to_owned(), version: version.map(str::to_owned), newest })
    }
}

impl Recipe {
    /// What a person asked for.
    pub(crate) fn new(source: Source, chosen: &Chosen) -> Recipe {
        Recipe {
            source,
            bins: chosen.bins.clone(),
            features: chosen.features.clone(),
            no_default_features: chosen.no_default_features,
            names: chosen.names.clone(),
        }
    }

    /// Refuses further names that cannot be those of programs.
    pub(crate) fn check_names(&self) -> anyhow::Result<()> {
        let mut seen = BTreeSet::new();
        for name in &self.names {
            if name.contains('/') || boot_image::check_path(&format!("bin/{name}")).is_err() {
                bail!("\"{name}\" cannot be the name of a program");
            }
            if !seen.insert(name) {
                bail!("the name {name} is there twice");
            }
        }
        Ok(())
    }

    /// The arguments of cargo that say the choices.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let bins = self.bins.iter().map(|bin| format!("--bin={bin}"));
        let features = self.features.iter().map(|feature| format!("--features={feature}"));
        let defaults = self.no_default_features.then(|| "--no-default-features".to_owned());
        bins.chain(features).chain(defaults).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_a_name_and_perhaps_a_version() {
        let published = |name: &str, version: Option<&str>| Source::Published {
            name: name.into(),
            version: version.map(str::to_owned),
            newest: false,
        };
        let read = |spec| Source::published(spec, false).unwrap();
        assert_eq!(read("hexyl"), published("hexyl", None));
        assert_eq!(read("fd-find@8.7.1"), published("fd-find", Some("8.7.1")));
        assert_eq!(read("a_b@>=1, <3"), published("a_b", Some(">=1, <3")));
    }

    #[test]
    fn what_no_crate_can_be_called_never_reaches_cargo() {
        for spec in
            ["", "@1", "-Z", "--path=/", "a b", "../a", "a/b", "é", "a;b", "a@", "a@ ", "9a"]
        {
            assert!(Source::published(spec, false).is_err(), "{spec}");
        }
    }

    #[test]
    fn further_names_are_names_of_programs_and_there_once() {
        let named = |names: &[&str]| Recipe {
            source: Source::published("a", false).unwrap(),
            bins: Vec::new(),
            features: Vec::new(),
            no_default_features: false,
            names: names.iter().map(|name| name.to_string()).collect(),
        };
        assert!(named(&["ls", "["]).check_names().is_ok());
        for names in [&["a/b"][..], &[".."], &[""], &["a", "a"]] {
            assert!(named(names).check_names().is_err(), "{names:?}");
        }
    }

    #[test]
    fn choices_become_single_words_for_cargo() {
        let recipe = Recipe {
            source: Source::published("a", false).unwrap(),
            bins: vec!["x".into(), "--y".into()],
            features: vec!["f".into()],
            no_default_features: true,
            names: vec!["n".into()],
        };
        let words = ["--bin=x", "--bin=--y", "--features=f", "--no-default-features"];
        assert_eq!(recipe.arguments(), words);
    }
}
