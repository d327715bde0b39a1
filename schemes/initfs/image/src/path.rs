//! Paths in an image: relative, plain components, `/` between them.
use core::cmp::Ordering;

use crate::{COMPONENT_MAX, Error, PATH_MAX};

/// Checks a path.
///
/// # Errors
/// [`Error::Path`].
pub fn check(path: &str) -> Result<(), Error> {
    let good = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.len() <= COMPONENT_MAX
            && !part.bytes().any(|byte| byte == 0)
    };
    if path.len() <= PATH_MAX && path.split('/').all(good) { Ok(()) } else { Err(Error::Path) }
}

/// The order of paths in an image: component by component, so that what lies below a directory is
/// contiguous.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    a.split('/').cmp(b.split('/'))
}

/// The rest of `path` below `directory` (`""`: the root); `None` if it does not lie there.
pub(crate) fn below<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    if directory.is_empty() {
        return Some(path);
    }
    path.strip_prefix(directory)?.strip_prefix('/')
}
