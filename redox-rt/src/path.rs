//! Where a path leads. Pure.
//!
//! An absolute path is turned into one of the namespace; a relative one goes to the current
//! directory as it is, untouched: only its server knows what `..` means there.
use alloc::borrow::Cow;
use alloc::string::String;
use clavis_abi::error::{EINVAL, ENAMETOOLONG, ENOENT, Error, Result};
use clavis_abi::limits::{COMPONENT_MAX, PATH_MAX};

/// The name behind which absolute paths without a scheme lie.
pub const ROOT_SCHEME: &str = "file";

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// To the namespace handle, with this path (`/scheme/NAME/REST`, or `/scheme` for its list).
    Namespace(Cow<'a, str>),
    /// To the handle of the current directory, with the path as it is.
    Cwd(&'a str),
}

/// Devices under their POSIX names.
const DEVICES: &[(&str, &str)] = &[
    ("null", "/scheme/null"),
    ("zero", "/scheme/zero"),
    ("urandom", "/scheme/rand"),
    ("random", "/scheme/rand"),
    ("tty", "/scheme/console"),
];

/// The standard streams under their POSIX names, by descriptor.
const STREAMS: [&str; 3] = ["stdin", "stdout", "stderr"];

/// The descriptor of the process itself that a path names: `/dev/stdin`, `/dev/stdout`, `/dev/stderr`
/// and `/dev/fd/NUMBER`.
#[must_use]
pub fn own_descriptor(path: &str) -> Option<i32> {
    let name = path.strip_prefix("/dev/")?;
    if let Some(number) = STREAMS.iter().position(|stream| *stream == name) {
        return i32::try_from(number).ok();
    }
    let digits = name.strip_prefix("fd/")?;
    digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Where a path leads.
///
/// # Errors
/// `ENOENT` for the empty path, `EINVAL` for one with a NUL, `ENAMETOOLONG` beyond the limits.
pub fn place(path: &str) -> Result<Place<'_>> {
    if path.is_empty() {
        return Err(Error::new(ENOENT));
    }
    if path.contains('\0') {
        return Err(Error::new(EINVAL));
    }
    check_length(path)?;
    if !path.starts_with('/') {
        return Ok(Place::Cwd(path));
    }
    let mapped = map_absolute(path);
    if mapped.len() > PATH_MAX {
        return Err(Error::new(ENAMETOOLONG));
    }
    Ok(Place::Namespace(mapped))
}

fn check_length(path: &str) -> Result<()> {
    let long = |part: &str| part.len() > COMPONENT_MAX;
    let fits = path.len() <= COMPONENT_MAX || path.len() <= PATH_MAX && !path.split('/').any(long);
    if fits { Ok(()) } else { Err(Error::new(ENAMETOOLONG)) }
}

/// The path in the namespace that an absolute path means.
fn map_absolute(path: &str) -> Cow<'_, str> {
    if path.starts_with("/scheme/") {
        return Cow::Borrowed(path);
    }
    let rest = path.trim_start_matches('/');
    let (first, below) = rest.split_once('/').unwrap_or((rest, ""));
    match first {
        "scheme" if rest.len() + 1 == path.len() => Cow::Borrowed(path),
        "scheme" => Cow::Owned(joined("/", rest)),
        "dev" => match DEVICES.iter().find(|device| device.0 == below.trim_matches('/')) {
            Some(device) => Cow::Borrowed(device.1),
            None => Cow::Owned(joined("/scheme/file/", rest)),
        },
        _ => Cow::Owned(joined("/scheme/file/", rest)),
    }
}

fn joined(start: &str, rest: &str) -> String {
    let mut path = String::with_capacity(start.len() + rest.len());
    path.push_str(start);
    path.push_str(rest);
    path
}

/// The path that `getcwd` shall show after `chdir(path)` from `cwd`: absolute, without `.`, empty
/// components and, lexically, `..`. A name for people: nothing is opened by it.
#[must_use]
pub fn shown(cwd: &str, path: &str) -> String {
    let start = if path.starts_with('/') { "" } else { cwd };
    let mut parts = alloc::vec::Vec::new();
    for part in start.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    joined("/", &parts.join("/"))
}

/// Splits a path into its directory and its last component, as `mkdir`, `rename` and `unlink`
/// need it. Trailing slashes are ignored. The directory is empty for a single relative component.
///
/// # Errors
/// `EINVAL` when the last component is `.` or `..` or missing.
pub fn split_last(path: &str) -> Result<(&str, &str)> {
    let path = path.trim_end_matches('/');
    let at = path.rfind('/').map_or(0, |at| at + 1);
    let (dir, name) = path.split_at(at);
    if matches!(name, "" | "." | "..") {
        return Err(Error::new(EINVAL));
    }
    Ok((dir, name))
}

/// The path that a symbolic link with `target`, found at `link` (of the namespace or the current
/// directory), continues to with `rest` behind it.
#[must_use]
pub fn through_link(link: &str, target: &str, rest: &str) -> String {
    let mut path = String::new();
    if !target.starts_with('/') {
        let dir = link.rfind('/').and_then(|at| link.get(..=at));
        path.push_str(dir.unwrap_or(""));
    }
    path.push_str(target);
    let rest = rest.trim_start_matches('/');
    if !rest.is_empty() {
        path.push('/');
        path.push_str(rest);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mapped(path: &str) -> String {
        match place(path).unwrap() {
            Place::Namespace(path) => path.into_owned(),
            Place::Cwd(path) => panic!("{path} is relative"),
        }
    }

    #[test]
    fn a_process_names_its_own_descriptors() {
        let named = [
            ("/dev/stdin", Some(0)),
            ("/dev/stdout", Some(1)),
            ("/dev/stderr", Some(2)),
            ("/dev/fd/17", Some(17)),
            ("/dev/fd/", None),
            ("/dev/fd/-1", None),
            ("/dev/fd/+1", None),
            ("/dev/fd/99999999999", None),
            ("/dev/fd/1/x", None),
            ("/dev/null", None),
            ("dev/stdin", None),
        ];
        for (path, number) in named {
            assert_eq!(own_descriptor(path), number, "{path}");
        }
    }

    #[test]
    fn absolute_paths_lie_in_the_namespace() {
        for (path, expected) in [
            ("/scheme/log", "/scheme/log"),
            ("/scheme", "/scheme"),
            ("//scheme/initfs/etc/motd", "/scheme/initfs/etc/motd"),
            ("/", "/scheme/file/"),
            ("/a/b", "/scheme/file/a/b"),
            ("/schemes/x", "/scheme/file/schemes/x"),
            ("/dev/null", "/scheme/null"),
            ("/dev/zero", "/scheme/zero"),
            ("/dev/urandom", "/scheme/rand"),
            ("/dev/tty", "/scheme/console"),
            ("/dev", "/scheme/file/dev"),
            ("/dev/nullx", "/scheme/file/dev/nullx"),
            ("/a/../scheme", "/scheme/file/a/../scheme"),
        ] {
            assert_eq!(mapped(path), expected);
        }
    }

    #[test]
    fn relative_paths_are_not_touched() {
        for path in ["a", ".", "..", "../../x", "a//b/", "scheme/log"] {
            assert_eq!(place(path), Ok(Place::Cwd(path)));
        }
    }

    #[test]
    fn paths_beyond_the_limits_are_refused() {
        let long = |length: usize| "a".repeat(length);
        assert_eq!(place(""), Err(Error::new(ENOENT)));
        assert_eq!(place("a\0b"), Err(Error::new(EINVAL)));
        assert!(place(&long(COMPONENT_MAX)).is_ok());
        assert_eq!(place(&long(COMPONENT_MAX + 1)), Err(Error::new(ENAMETOOLONG)));
        let deep = "/a".repeat(PATH_MAX / 2);
        assert_eq!(place(&deep), Err(Error::new(ENAMETOOLONG)));
        assert!(place(&deep[1..]).is_ok());
    }

    #[test]
    fn the_shown_directory_has_no_dots() {
        for (cwd, path, expected) in [
            ("/a/b", "..", "/a"),
            ("/a", "../../..", "/"),
            ("/a", "./b//c/", "/a/b/c"),
            ("/a", "/x/../y", "/y"),
            ("", "b", "/b"),
        ] {
            assert_eq!(shown(cwd, path), expected);
        }
    }

    #[test]
    fn the_last_component_is_a_name() {
        assert_eq!(split_last("/a/b/"), Ok(("/a/", "b")));
        assert_eq!(split_last("b"), Ok(("", "b")));
        assert_eq!(split_last("/b"), Ok(("/", "b")));
        for path in ["", "/", "a/..", "."] {
            assert_eq!(split_last(path), Err(Error::new(EINVAL)));
        }
    }

    #[test]
    fn a_link_continues_from_its_own_directory() {
        assert_eq!(through_link("/a/l", "b", "c"), "/a/b/c");
        assert_eq!(through_link("/a/l", "/scheme/x", "/c"), "/scheme/x/c");
        assert_eq!(through_link("l", "b", ""), "b");
    }

    proptest! {
        #[test]
        fn any_path_is_placed_or_refused(path in "(/{0,2}(scheme|dev|null|\\.\\.|[a-c\u{e9}]{0,3})){0,6}/?") {
            match place(&path) {
                Ok(Place::Namespace(mapped)) => {
                    prop_assert!(path.starts_with('/'));
                    prop_assert!(mapped == "/scheme" || mapped.starts_with("/scheme/"));
                    prop_assert!(mapped.len() <= PATH_MAX);
                }
                Ok(Place::Cwd(same)) => prop_assert_eq!(same, path.as_str()),
                Err(_) => prop_assert!(path.is_empty()),
            }
        }

        #[test]
        fn a_shown_path_stays_as_it_is(cwd in "(/[a-c.]{1,3}){0,4}", path in "(/?[a-c.]{0,3}){0,5}") {
            let once = shown(&cwd, &path);
            prop_assert!(once.starts_with('/'));
            prop_assert_eq!(&shown("/", &once), &once);
            prop_assert!(once.split('/').all(|part| part != "." && part != ".."));
        }
    }
}
