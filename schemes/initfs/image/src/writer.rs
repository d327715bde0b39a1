//! Building an image.
use core::fmt;
use std::borrow::ToOwned;
use std::collections::BTreeMap;
use std::string::String;
use std::vec::Vec;

use crate::format::{EXECUTABLE, HEAD, Head, RECORD, Record, checksum};
use crate::{Error, FILES, PAGE, path};

/// Why an image cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// The path is malformed.
    Path(String),
    /// The path is named twice, or once as a file and once as a directory.
    Twice(String),
    /// There are more files than an image holds, or their sizes do not fit its numbers.
    TooLarge,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Path(path) => write!(f, "{path:?} is no path for a boot image"),
            BuildError::Twice(path) => write!(f, "{path:?} is in the boot image twice"),
            BuildError::TooLarge => write!(f, "a boot image holds at most {FILES} files"),
        }
    }
}

impl std::error::Error for BuildError {}

/// Collects files and writes an image. The order of the calls does not matter.
#[derive(Debug, Default)]
pub struct Builder {
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    path: String,
    executable: bool,
    data: Vec<u8>,
}

impl Builder {
    /// An image without files.
    #[must_use]
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Adds a file.
    ///
    /// # Errors
    /// [`BuildError::Path`].
    pub fn add(&mut self, path: &str, executable: bool, data: Vec<u8>) -> Result<(), BuildError> {
        path::check(path).map_err(|_: Error| BuildError::Path(path.to_owned()))?;
        self.files.push(File { path: path.to_owned(), executable, data });
        Ok(())
    }

    /// Writes the image.
    ///
    /// # Errors
    /// [`BuildError::Twice`], [`BuildError::TooLarge`].
    pub fn build(mut self) -> Result<Vec<u8>, BuildError> {
        self.files.sort_by(|a, b| path::compare(&a.path, &b.path));
        for pair in self.files.windows(2) {
            if let [a, b] = pair
                && (a.path == b.path || path::below(&b.path, &a.path).is_some())
            {
                return Err(BuildError::Twice(b.path.clone()));
            }
        }
        if self.files.len() > FILES {
            return Err(BuildError::TooLarge);
        }
        self.write().ok_or(BuildError::TooLarge)
    }

    fn write(&self) -> Option<Vec<u8>> {
        let paths: String = self.files.iter().map(|file| file.path.as_str()).collect();
        let records_len = self.files.len().checked_mul(RECORD)?;
        let index_len = records_len.checked_add(paths.len())?;
        let mut end = index_len.checked_add(HEAD)?.checked_next_multiple_of(PAGE)?;
        let (mut index, mut path) = (Vec::new(), 0_u32);
        let mut placed: BTreeMap<&[u8], usize> = BTreeMap::new();
        for file in &self.files {
            let path_len = u16::try_from(file.path.len()).ok()?;
            // An empty file has no pages to share.
            let known = placed.get(file.data.as_slice()).copied().filter(|_| !file.data.is_empty());
            let offset = known.unwrap_or(end);
            Record {
                offset: offset as u64,
                len: file.data.len() as u64,
                path,
                path_len,
                mode: if file.executable { EXECUTABLE } else { 0 },
            }
            .write(&mut index);
            path = path.checked_add(u32::from(path_len))?;
            if known.is_none() {
                placed.insert(&file.data, end);
                end = end.checked_add(file.data.len())?.checked_next_multiple_of(PAGE)?;
            }
        }
        index.extend(paths.as_bytes());
        let mut image = Vec::with_capacity(end);
        Head {
            files: u32::try_from(self.files.len()).ok()?,
            path_bytes: path,
            total: end as u64,
            checksum: checksum(&index),
        }
        .write(&mut image);
        image.extend(index);
        image.resize(image.len().checked_next_multiple_of(PAGE)?, 0);
        let mut content: Vec<(usize, &[u8])> =
            placed.into_iter().map(|(data, at)| (at, data)).collect();
        content.sort_unstable();
        for (_, data) in content {
            image.extend(data);
            image.resize(image.len().checked_next_multiple_of(PAGE)?, 0);
        }
        Some(image)
    }
}
