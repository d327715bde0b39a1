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
pub(crate) fn compare(a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> Ordering {
    // The end of a component comes before every byte of a longer one.
    let rank = |byte: u8| if byte == b'/' { 0 } else { u16::from(byte) + 1 };
    let (a, b) = (a.as_ref(), b.as_ref());
    match a.iter().zip(b).find(|(a, b)| a != b) {
        Some((a, b)) => rank(*a).cmp(&rank(*b)),
        None => a.len().cmp(&b.len()),
    }
}

/// The rest of `path` below `directory` (`""`: the root); `None` if it does not lie there.
pub(crate) fn below<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    if directory.is_empty() {
        return Some(path);
    }
    path.strip_prefix(directory)?.strip_prefix('/')
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn paths_are_ordered_component_by_component() {
        let paths =
            ["", "a", "a/b", "a/b/c", "a/b-c", "a/\u{1}", "a-b", "a.b", "a0", "b", "é/a", "/"];
        for a in paths {
            for b in paths {
                assert_eq!(compare(a, b), a.split('/').cmp(b.split('/')), "{a:?} {b:?}");
            }
        }
    }
}
