//! What was added: `software.toml` in the target folder, and the programs beside it.
use std::path::PathBuf;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::image::{Extra, Kind};
use crate::software::build::Built;
use crate::software::recipe::{Recipe, Source};
use crate::workspace::Workspace;

/// Everything that was added.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Store {
    /// Where it lies.
    #[serde(skip)]
    folder: PathBuf,
    /// The packages, by name.
    #[serde(default, rename = "package")]
    pub(crate) packages: Vec<Package>,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    version: String,
    /// Its programs.
    programs: Vec<String>,
    /// Bytes that they have together in the image.
    bytes: u64,
    /// Which C library they were linked with.
    pub(crate) libraries: String,
    /// How it is built again.
    pub(crate) recipe: Recipe,
}

impl Package {
    /// A line for a person.
    pub(crate) fn describe(&self) -> String {
        let from = match &self.recipe.source {
            Source::Published { .. } => String::new(),
            Source::Folder(folder) => format!(" ({})", folder.display()),
        };
        let names: Vec<&str> = self.names().map(String::as_str).collect();
        format!("{} {}: {}{from}", self.name, self.version, names.join(" "))
    }

    /// Its programs, and what else they are called.
    fn names(&self) -> impl Iterator<Item = &String> {
        self.programs.iter().chain(&self.recipe.names)
    }
}

impl Store {
    /// Reads it; nothing was added if it does not exist.
    pub(crate) fn read(workspace: &Workspace) -> anyhow::Result<Store> {
        Store::read_from(workspace.output()?.join("software"))
    }

    fn read_from(folder: PathBuf) -> anyhow::Result<Store> {
        let path = folder.join("software.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let store: Store = toml::from_str(&text).with_context(|| {
            format!("{} is malformed; without it nothing counts as added", path.display())
        })?;
        Ok(Store { folder, ..store })
    }

    /// Writes it.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        let path = self.folder.join("software.toml");
        let new = self.folder.join("software.toml.new");
        std::fs::create_dir_all(&self.folder)
            .and_then(|()| std::fs::write(&new, toml::to_string(self).unwrap_or_default()))
            .and_then(|()| std::fs::rename(&new, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Keeps what was built, in the place of what had its name.
    pub(crate) fn put(&mut self, built: Built, libraries: &str) -> anyhow::Result<Package> {
        let folder = self.folder.join(&built.name);
        self.discard(&built.name)?;
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        for program in &built.programs {
            let path = folder.join(&program.name);
            std::fs::write(&path, &program.bytes)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let package = Package {
            bytes: built.loaded_bytes(),
            name: built.name,
            version: built.version,
            programs: built.programs.into_iter().map(|program| program.name).collect(),
            libraries: libraries.to_owned(),
            recipe: built.recipe,
        };
        self.packages.retain(|other| other.name != package.name);
        self.packages.push(package.clone());
        self.packages.sort_by(|a, b| a.name.cmp(&b.name));
        self.write()?;
        Ok(package)
    }

    /// Takes a package out.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Package> {
        let index = self.packages.iter().position(|package| package.name == name)?;
        Some(self.packages.remove(index))
    }

    /// Removes the programs of a package.
    pub(crate) fn discard(&self, name: &str) -> anyhow::Result<()> {
        let folder = self.folder.join(name);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", folder.display()))
            }
            _ => Ok(()),
        }
    }

    /// The package that has a program of that name.
    pub(crate) fn owner(&self, program: &str) -> Option<&str> {
        let has = |package: &&Package| package.names().any(|name| name == program);
        self.packages.iter().find(has).map(|package| package.name.as_str())
    }

    /// Whether all programs of a package are there.
    pub(crate) fn is_whole(&self, package: &Package) -> bool {
        self.files(package).iter().all(|extra| extra.file.is_file())
    }

    /// Every program.
    pub(crate) fn programs(&self) -> Vec<Extra> {
        self.packages.iter().flat_map(|package| self.files(package)).collect()
    }

    /// Bytes in the image of all programs except those of one package.
    pub(crate) fn bytes_without(&self, name: &str) -> u64 {
        let others = self.packages.iter().filter(|package| package.name != name);
        others.map(|package| package.bytes).sum()
    }

    /// One line for each package.
    pub(crate) fn describe(&self) -> String {
        if self.packages.is_empty() {
            return "nothing was added\n".into();
        }
        self.packages.iter().map(|package| format!("{}\n", package.describe())).collect()
    }

    fn files(&self, package: &Package) -> Vec<Extra> {
        let folder = self.folder.join(&package.name);
        let extra = |name: &String, program: &String| Extra {
            path: format!("bin/{name}"),
            file: folder.join(program),
            kind: Kind::Program,
        };
        let programs = package.programs.iter().map(|name| extra(name, name));
        let only = package.programs.first().into_iter();
        let further =
            only.flat_map(|program| package.recipe.names.iter().map(|name| extra(name, program)));
        programs.chain(further).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Chosen;
    use crate::software::build::Program;

    fn built(name: &str, programs: &[&str]) -> Built {
        Built {
            name: name.into(),
            version: "1.2.3".into(),
            programs: programs
                .iter()
                .map(|program| Program {
                    name: (*program).into(),
                    bytes: vec![1; 15],
                    loaded_bytes: 10,
                })
                .collect(),
            recipe: Recipe::new(Source::published(name, true).unwrap(), &Chosen::default()),
        }
    }

    #[test]
    fn what_was_put_is_there_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Store::read_from(folder.path().to_owned()).unwrap();
        assert_eq!(open().describe(), "nothing was added\n");
        open().put(built("b", &["x", "y"]), "1").unwrap();
        open().put(built("a", &["z"]), "1").unwrap();
        let mut store = open();
        assert_eq!(store.describe(), "a 1.2.3: z\nb 1.2.3: x y\n");
        assert_eq!((store.owner("y"), store.owner("b")), (Some("b"), None));
        assert_eq!(store.bytes_without("a"), 20);
        assert!(store.is_whole(&store.packages[1]));
        let package = store.remove("b").unwrap();
        assert!(store.remove("b").is_none());
        store.write().unwrap();
        store.discard(&package.name).unwrap();
        let paths: Vec<String> = open().programs().into_iter().map(|extra| extra.path).collect();
        assert_eq!(paths, ["bin/z"]);
        assert!(!store.is_whole(&package));
    }

    #[test]
    fn a_program_is_found_under_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::read_from(folder.path().to_owned()).unwrap();
        let mut many = built("many", &["all"]);
        many.recipe.names = vec!["one".into(), "two".into()];
        store.put(many, "1").unwrap();
        let store = Store::read_from(folder.path().to_owned()).unwrap();
        assert_eq!(store.describe(), "many 1.2.3: all one two\n");
        assert_eq!((store.owner("two"), store.owner("three")), (Some("many"), None));
        let extras = store.programs();
        let paths: Vec<&str> = extras.iter().map(|extra| extra.path.as_str()).collect();
        assert_eq!(paths, ["bin/all", "bin/one", "bin/two"]);
        assert!(extras.iter().all(|extra| extra.file == folder.path().join("many/all")));
    }

    #[test]
    fn a_package_takes_the_place_of_its_former_self() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::read_from(folder.path().to_owned()).unwrap();
        store.put(built("a", &["x", "y"]), "1").unwrap();
        let package = store.put(built("a", &["x"]), "2").unwrap();
        assert_eq!((store.packages.len(), package.libraries.as_str()), (1, "2"));
        assert!(!folder.path().join("a/y").exists());
    }

    #[test]
    fn a_malformed_file_is_an_error_and_not_an_empty_list() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("software.toml"), "package = 3").unwrap();
        let error = Store::read_from(folder.path().to_owned()).unwrap_err().to_string();
        assert!(error.contains("is malformed"), "{error}");
    }
}
