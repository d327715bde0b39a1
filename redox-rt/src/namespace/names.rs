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
            let path = path_from_root(new_dir.number(), new_name).map_err(|_| error)?;
            sys::file::frename(object.number(), &path)
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
            let path = path_from_root(new_dir.number(), new_name).map_err(|_| error)?;
            sys::file::flink(object.number(), &path)
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

/// The path of a name in a directory, from the root of the directory's server.
fn path_from_root(directory: Number, name: &str) -> Result<String> {
    let mut path = vec![0; PATH_MAX];
    let length = sys::file::fpath(directory, &mut path)?;
    let path = path.get(..length).and_then(|path| core::str::from_utf8(path).ok());
    let below = path.and_then(|path| path.strip_prefix("/scheme/")).ok_or(Error::new(EINVAL))?;
    let directory = below.split_once('/').map_or("", |(_, directory)| directory);
    Ok(format!("{}/{name}", directory.trim_end_matches('/')).trim_start_matches('/').into())
}
