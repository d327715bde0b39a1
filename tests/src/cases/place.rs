//! Directories that cases work in, and what they expect of std's results.
use super::support::check;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A directory of one case, empty at first and removed at the end.
pub(crate) struct Place(PathBuf);

impl Place {
    /// Makes one.
    pub(crate) fn new(name: &str) -> Result<Place, String> {
        let path = Path::new("/").join(format!("std-{name}-{}", std::process::id()));
        _ = fs::remove_dir_all(&path);
        self::io("create the directory", fs::create_dir(&path))?;
        Ok(Place(path))
    }

    /// The words of a line: `{}` stands for this directory, `_` for a blank within a word.
    pub(crate) fn words(&self, line: &str) -> Vec<String> {
        let own = self.0.display().to_string();
        line.split(' ').map(|word| word.replace("{}", &own).replace('_', " ")).collect()
    }

    /// A path in it.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

/// Adds what was attempted to an error.
pub(crate) fn io<T>(what: &str, result: io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error}"))
}

/// The result must be an error of that kind.
pub(crate) fn refused<T>(what: &str, result: io::Result<T>, kind: ErrorKind) -> Result<(), String> {
    match result {
        Ok(_) => Err(format!("{what}: it succeeded")),
        Err(error) => check(error.kind() == kind, &format!("{what}: {error}")),
    }
}
