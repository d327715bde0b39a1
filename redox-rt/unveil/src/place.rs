//! Absolute paths as places of a namespace.
use alloc::string::String;
use clavis_abi::namespace::valid_place;

/// The name behind which absolute paths without a scheme lie.
const ROOT: &str = "file";

/// The place that an absolute path means: `/home/me` is `file/home/me`, `/scheme/initfs/bin` is
/// `initfs/bin`, `/dev/null` is `null`. `None`: it is not absolute, climbs, names no scheme, or has a
/// component that cannot be a name (longer than 64 bytes, or with `*` or control characters).
#[must_use]
pub fn place_of(path: &str) -> Option<String> {
    let below = path.strip_prefix('/')?;
    let mut parts = below.split('/').filter(|part| !matches!(*part, "" | ".")).peekable();
    let mut place = String::new();
    match parts.peek().copied() {
        Some("scheme") => {
            parts.next();
        }
        Some("dev") => {
            parts.next();
            place.push_str(match (parts.next()?, parts.next()) {
                ("null", None) => "null",
                ("zero", None) => "zero",
                ("random" | "urandom", None) => "rand",
                ("tty", None) => "console",
                _ => return None,
            });
        }
        _ => place.push_str(ROOT),
    }
    for part in parts {
        if !place.is_empty() {
            place.push('/');
        }
        place.push_str(part);
    }
    valid_place(&place).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;

    #[test]
    fn an_absolute_path_is_a_place() {
        for (path, place) in [
            ("/", "file"),
            ("/home/me", "file/home/me"),
            ("//home/./me/", "file/home/me"),
            ("/scheme/initfs/bin", "initfs/bin"),
            ("/scheme/log", "log"),
            ("/schemes", "file/schemes"),
            ("/dev/null", "null"),
            ("/dev/urandom", "rand"),
            ("/dev/tty", "console"),
        ] {
            assert_eq!(place_of(path).as_deref(), Some(place), "{path}");
        }
        for path in [
            "",
            "home",
            "./x",
            "/a/../b",
            "/..",
            "/scheme",
            "/scheme/",
            "/a*",
            "/dev",
            "/dev/null/x",
        ] {
            assert_eq!(place_of(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_place_means_itself(path in "(/{0,2}(scheme|dev|null|\\.|\\.\\.|[a-c*]{0,2})){0,6}/?") {
            if let Some(place) = place_of(&path) {
                prop_assert!(path.starts_with('/') && valid_place(&place));
                prop_assert_eq!(place_of(&format!("/scheme/{place}")), Some(place));
            }
        }
    }
}
