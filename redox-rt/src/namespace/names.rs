//! New names for what has one: rename and link.
//!
//! A server that names things beneath directory handles is asked with the handles of the two
//! directories. One that knows paths alone (`redoxfs` 0.9) is asked by the object's own handle, with
//! the path from the server's root, as Redox's own library did.
use super::{OpenFlags, open_once, open_parent, resolve};
use crate::handle::{Handle, Number, Place};
use crate::sys;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use clavis_abi::error::{EINVAL, ENOSYS, EOPNOTSUPP, Error, Result};
use clavis_abi::limits::PATH_MAX;
use syscall::StdFsCallKind;
use syscall::flag::{O_NOFOLLOW, O_STAT};

/// Renames `old` to `new`.
///
/// # Errors
/// `EXDEV` when the two lie with different servers; as [`super::open`].
pub fn rename(
    old_from: Option<Number>,
    old: &str,
    new_from: Option<Number>,
    new: &str,
) -> Result<()> {
    let (old_dir, old_name) = open_parent(old_from, old)?;
    let (new_dir, new_name) = open_parent(new_from, new)?;
    let mut payload = Vec::with_capacity(old_name.len() + new_name.len() + 1);
    payload.extend_from_slice(old_name.as_bytes());
    payload.push(0);
    payload.extend_from_slice(new_name.as_bytes());
    let pair = [old_dir.number(), new_dir.number()];
    match sys::call::std_fs_two(pair, StdFsCallKind::Frenameat, &payload, 0, 0) {
        Err(error) if is_unknown(error) => {
            let object = object(Some(old_dir.number()), old_name)?;
            let target = from_root(new_dir.number()).map_err(|_| error)?;
            let source = from_root(object.number()).map_err(|_| error)?;
            // A directory cannot go into itself: that is what the server knew very well.
            if lies_in(&target, &source) {
                return Err(error);
            }
            sys::file::frename(object.number(), &joined(&target, new_name))
        }
        answer => answer.map(drop),
    }
}

/// Makes a further name for an object.
///
/// # Errors
/// `EXDEV` when the two lie with different servers; as [`super::open`].
pub fn link(
    old_from: Option<Number>,
    old: &str,
    new_from: Option<Number>,
    new: &str,
) -> Result<()> {
    let object = object(old_from, old)?;
    let (new_dir, new_name) = open_parent(new_from, new)?;
    let pair = [object.number(), new_dir.number()];
    let kind = StdFsCallKind::Flinkat;
    match sys::call::std_fs_two(pair, kind, new_name.as_bytes(), 0, 0) {
        Err(error) if is_unknown(error) => {
            let target = from_root(new_dir.number()).map_err(|_| error)?;
            sys::file::flink(object.number(), &joined(&target, new_name))
        }
        answer => answer.map(drop),
    }
}

/// What servers answer that do not know the request (`EINVAL`: `redox-scheme` 0.11).
fn is_unknown(error: Error) -> bool {
    [ENOSYS, EOPNOTSUPP, EINVAL].contains(&error.errno)
}

/// The object itself, without following a link.
fn object(from: Option<Number>, path: &str) -> Result<Handle> {
    let flags = (O_STAT | O_NOFOLLOW) as OpenFlags;
    resolve(from, path, flags, &|dir, path| open_once(dir, path, flags, Place::Upper))
}

/// The path of an object from the root of its server.
fn from_root(number: Number) -> Result<String> {
    let mut path = vec![0; PATH_MAX];
    let length = sys::file::fpath(number, &mut path)?;
    let path = path.get(..length).and_then(|path| core::str::from_utf8(path).ok());
    let below = path.and_then(|path| path.strip_prefix("/scheme/")).ok_or(Error::new(EINVAL))?;
    let path = below.split_once('/').map_or("", |(_, path)| path);
    Ok(path.trim_matches('/').into())
}

/// A name in the directory of a path.
fn joined(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.into() } else { format!("{directory}/{name}") }
}

/// Whether a path is that of a directory or of something in it.
fn lies_in(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_holds_itself_and_what_is_below() {
        for (path, directory, expected) in [
            ("a/b", "a/b", true),
            ("a/b/c", "a/b", true),
            ("a/bc", "a/b", false),
            ("a", "a/b", false),
            ("", "a", false),
        ] {
            assert_eq!(lies_in(path, directory), expected, "{path} in {directory}");
        }
        assert_eq!((joined("", "x").as_str(), joined("a/b", "x").as_str()), ("x", "a/b/x"));
    }
}
