//! From a directory of the image and a path to a path in the image.
use boot_image::{Image, Node};
use clavis_abi::error::ENOTCAPABLE;
use clavis_abi::limits::{COMPONENT_MAX, PATH_MAX};
use clavis_abi::params::open_flags;
use syscall::error::{ENAMETOOLONG, ENOENT, ENOTDIR, Error, Result};

/// Follows `path` from the directory `start` step by step: every step up needs a directory to
/// step up from, and the boundary that the flags set holds at each of them. Gives the path that it
/// ends at and what lies there.
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `ENAMETOOLONG`; `ENOTCAPABLE` where a step leaves the boundary.
pub fn resolve<'a>(
    image: &Image<'a>,
    start: &str,
    path: &str,
    flags: u64,
) -> Result<(String, Node<'a>)> {
    let in_root = flags & open_flags::IN_ROOT != 0;
    // Both together, as on a handle that always keeps beneath: nothing leaves either way.
    let beneath = flags & open_flags::BENEATH != 0 && !in_root;
    if path.len() > PATH_MAX {
        return Err(Error::new(ENAMETOOLONG));
    }
    if path.starts_with('/') && (beneath || !(in_root || start.is_empty())) {
        return Err(Error::new(ENOTCAPABLE));
    }
    let mut here = start.to_owned();
    let mut node = image.find(&here).ok_or(Error::new(ENOENT))?;
    for component in path.split('/') {
        if component.is_empty() && here == start {
            continue;
        }
        if let Node::File(_) = node {
            return Err(Error::new(ENOTDIR));
        }
        match component {
            "" | "." => {}
            ".." if here == start && beneath => return Err(Error::new(ENOTCAPABLE)),
            ".." if here == start && in_root => {}
            ".." => here.truncate(here.rfind('/').unwrap_or(0)),
            name if name.len() > COMPONENT_MAX => return Err(Error::new(ENAMETOOLONG)),
            name => {
                if !here.is_empty() {
                    here.push('/');
                }
                here.push_str(name);
                node = image.find(&here).ok_or(Error::new(ENOENT))?;
            }
        }
    }
    Ok((here, node))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_image(test: impl FnOnce(&Image<'_>)) {
        let mut builder = boot_image::Builder::new();
        for path in ["bin/sh", "etc/motd", "etc/conf/a"] {
            builder.add(path, false, b"x".to_vec()).unwrap();
        }
        let bytes = builder.build().unwrap();
        test(&Image::parse(&bytes).unwrap());
    }

    #[test]
    fn a_path_is_followed_step_by_step() {
        with_image(|image| {
            for (start, path, end) in [
                ("", "etc/motd", "etc/motd"),
                ("", "/etc//motd", "etc/motd"),
                ("etc", "conf/../motd", "etc/motd"),
                ("etc/conf", "../../bin/sh", "bin/sh"),
                ("", "../../bin", "bin"),
                ("etc", ".", "etc"),
                ("etc", "", "etc"),
                ("bin/sh", "", "bin/sh"),
                ("", "etc/", "etc"),
            ] {
                let (found, _) = resolve(image, start, path, 0).unwrap();
                assert_eq!(found, end, "{start} {path}");
            }
            for (start, path, error) in [
                ("", "nope", ENOENT),
                ("", "nope/../etc", ENOENT),
                ("", "bin/sh/", ENOTDIR),
                ("", "bin/sh/..", ENOTDIR),
                ("bin/sh", "x", ENOTDIR),
                ("bin/sh", "..", ENOTDIR),
                ("etc", "/etc/motd", ENOTCAPABLE),
            ] {
                let error_of = resolve(image, start, path, 0).err().unwrap().errno;
                assert_eq!(error_of, error, "{start} {path}");
            }
            let long = resolve(image, "", &"x".repeat(256), 0);
            assert_eq!(long.err().unwrap().errno, ENAMETOOLONG);
        });
    }

    #[test]
    fn nothing_leaves_a_directory_that_was_opened_beneath() {
        with_image(|image| {
            for path in ["..", "conf/../..", "/", "/motd", "conf/../../etc/motd"] {
                let result = resolve(image, "etc", path, open_flags::BENEATH);
                assert_eq!(result.err().unwrap().errno, ENOTCAPABLE, "{path}");
            }
            let inside = resolve(image, "etc", "conf/../motd", open_flags::BENEATH);
            assert_eq!(inside.unwrap().0, "etc/motd");
            let rooted = resolve(image, "etc", "/../../motd", open_flags::IN_ROOT);
            assert_eq!(rooted.unwrap().0, "etc/motd");
        });
    }
}
