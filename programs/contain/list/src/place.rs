//! Absolute paths as places of a namespace.
use alloc::string::String;
use alloc::vec::Vec;
use clavis_abi::namespace::valid_place;

/// The name behind which absolute paths without a scheme lie.
const ROOT: &str = "file";

/// The place that an absolute path means: `/home/me` is `file/home/me`, `/scheme/initfs/bin` is
/// `initfs/bin`. `None`: it is not absolute, climbs, names no scheme, or has a component that
/// cannot be a name (longer than 64 bytes, or with `*` or control characters).
#[must_use]
pub fn place_of(path: &str) -> Option<String> {
    let below = path.strip_prefix('/')?;
    let parts = || below.split('/').filter(|part| !matches!(*part, "" | "."));
    let place = match parts().next() {
        Some("scheme") => parts().skip(1).collect::<Vec<_>>().join("/"),
        // The devices there are names of their own: `/scheme/null`.
        Some("dev") => return None,
        _ => core::iter::once(ROOT).chain(parts()).collect::<Vec<_>>().join("/"),
    };
    valid_place(&place).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use std::println;

    #[test]
    fn an_absolute_path_is_a_place() {
        for (path, place) in [
            ("/", "file"),
            ("/home/me", "file/home/me"),
            ("//home/./me/", "file/home/me"),
            ("/scheme/initfs/bin", "initfs/bin"),
            ("/scheme/log", "log"),
            ("/schemes", "file/schemes"),
        ] {
            assert_eq!(place_of(path).as_deref(), Some(place), "{path}");
        }
        for path in ["", "home", "./x", "/a/../b", "/..", "/scheme", "/scheme/", "/a*", "/dev/null"]
        {
            assert_eq!(place_of(path), None, "{path}");
        }
        assert_eq!(place_of(&format!("/{}", "x".repeat(65))), None);
    }

    #[test]
    fn no_path_leads_to_something_that_is_no_place() {
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| fastrand::u64(..));
        println!("SEED={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let parts = ["/", "..", ".", "a", "scheme", "dev", "*", "\0", "\n", "home", "é"];
        for _ in 0..50_000 {
            let path: String =
                (0..random.usize(..9)).map(|_| parts[random.usize(..parts.len())]).collect();
            if let Some(place) = place_of(&path) {
                assert!(path.starts_with('/') && valid_place(&place), "{path:?}");
                // It means the same place when it is written as one.
                assert_eq!(place_of(&format!("/scheme/{place}")), Some(place), "{path:?}");
            }
        }
    }
}
