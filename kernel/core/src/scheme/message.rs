//! Validation: a server only meets well-formed requests.
use crate::prelude::*;
use clavis_abi::limits::COMPONENT_MAX;

/// Checks a path as any class carries it: UTF-8, no NUL, within bounds.
///
/// # Errors
/// `ENAMETOOLONG` or `EINVAL`.
pub fn check_path(path: &[u8]) -> Result<()> {
    refuse_if(path.len() > PATH_MAX, ENAMETOOLONG)?;
    if !is_plain(path) {
        core::str::from_utf8(path).map_err(|_| Error::new(EINVAL))?;
        refuse_if(path.contains(&0), EINVAL)?;
    }
    refuse_if(
        path.len() > COMPONENT_MAX
            && path.split(|byte| *byte == b'/').any(|component| component.len() > COMPONENT_MAX),
        ENAMETOOLONG,
    )?;
    Ok(())
}

/// Whether bytes are ASCII without NUL, eight at a time.
fn is_plain(bytes: &[u8]) -> bool {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks::<8>();
    // A byte of 0 borrows into its own high bit; one above 127 has it set.
    let odd = words.iter().fold(0, |odd, word| {
        let word = u64::from_le_bytes(*word);
        odd | word.wrapping_sub(LOW) | word
    });
    odd & HIGH == 0 && rest.iter().all(|byte| (1..0x80).contains(byte))
}

/// How far a directory handle, or one open through it, lets a path go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// Anywhere that the server resolves to.
    Free,
    /// Nowhere outside, as far as the text of the path can tell; the server does the rest.
    Beneath,
    /// One component, since the server does not resolve structurally.
    Single,
}

/// What confinement a handle's flags and an open's flags ask for.
#[must_use]
pub fn confinement(handle: u32, open: u64, structural: bool) -> Confinement {
    let beneath = u64::from(handle) & handle_flags::BENEATH != 0 || open & open_flags::BENEATH != 0;
    // What leads up from a root ends there: only who walks can tell.
    let in_root = open & open_flags::IN_ROOT != 0;
    match structural {
        true if beneath => Confinement::Beneath,
        false if beneath || in_root => Confinement::Single,
        _ => Confinement::Free,
    }
}

/// Refuses a path that leaves its directory by its text alone.
///
/// # Errors
/// `ENOTCAPABLE`.
pub fn check_confined(path: &[u8], confinement: Confinement) -> Result<()> {
    let refused = match confinement {
        Confinement::Free => false,
        Confinement::Single => path.contains(&b'/') || path == b"..",
        Confinement::Beneath => {
            let mut depth = 0i32;
            path.starts_with(b"/")
                || path.split(|byte| *byte == b'/').any(|component| {
                    depth += match component {
                        b"" | b"." => 0,
                        b".." => -1,
                        _ => 1,
                    };
                    depth < 0
                })
        }
    };
    if refused { Err(Error::new(ENOTCAPABLE)) } else { Ok(()) }
}

/// Checks a payload and arguments of a standard file system call by its form.
///
/// # Errors
/// `EINVAL` or `ENAMETOOLONG`.
pub fn check_form(form: Form, payload: &[u8], arguments: [u64; 2]) -> Result<()> {
    let wrong = Err(Error::new(EINVAL));
    match form {
        Form::Free => Ok(()),
        Form::Exact(size) => {
            if payload.len() == size {
                Ok(())
            } else {
                wrong
            }
        }
        Form::Path => check_path(payload),
        Form::TwoPaths => {
            let mut parts = payload.split(|byte| *byte == 0);
            match (parts.next(), parts.next(), parts.next()) {
                (Some(first), Some(second), None) => {
                    check_path(first)?;
                    check_path(second)
                }
                _ => wrong,
            }
        }
        Form::LockRange(size) => {
            const TOP: u64 = 1 << 63;
            // Bit 63 of the start says whose lock it is, bit 63 of the length which kind.
            let (start, length) = (arguments[0] & !TOP, arguments[1] & !TOP);
            let fits = start.checked_add(length).is_some_and(|end| end < TOP);
            if fits && payload.len() == size { Ok(()) } else { wrong }
        }
    }
}

/// Canonical metadata of a standard file system call: only the kind byte of the first word is set.
///
/// # Errors
/// `EINVAL` for reserved bits.
pub fn check_kind(word: u64) -> Result<u8> {
    if word > 0xFF { Err(Error::new(EINVAL)) } else { Ok(word as u8) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requirement: R18
    #[test]
    fn a_confined_path_never_leaves_its_directory() {
        for path in ["/", "/a", "..", "a/../..", "./..", "a/b/../../..", "../a", "a//../../b"] {
            assert!(check_confined(path.as_bytes(), Confinement::Beneath).is_err(), "{path}");
        }
        for path in ["", ".", "a", "a/..", "a/./b/..", "a/../b", "...", "a/..b"] {
            assert!(check_confined(path.as_bytes(), Confinement::Beneath).is_ok(), "{path}");
        }
    }

    /// Requirement: R18
    #[test]
    fn a_server_that_does_not_resolve_structurally_gets_single_components() {
        for path in ["a/b", "/", "..", "a/", "./a"] {
            assert!(check_confined(path.as_bytes(), Confinement::Single).is_err(), "{path}");
        }
        assert!(check_confined(b"a", Confinement::Single).is_ok());
    }

    /// Requirement: R11
    #[test]
    fn a_path_is_text_without_nul_and_within_bounds() {
        assert!(check_path(b"a\0b").is_err());
        assert!(check_path(&[0xFF]).is_err());
        assert!(check_path(&[b'a'; PATH_MAX + 1]).is_err());
        assert!(check_path(&[b'a'; COMPONENT_MAX + 1]).is_err());
        assert!(check_path("über/b".as_bytes()).is_ok());
    }

    #[test]
    fn bytes_are_plain_where_each_of_them_is() {
        for len in 0..20 {
            for at in 0..len {
                for byte in 0..=255 {
                    let mut bytes = [b'a'; 20];
                    bytes[at] = byte;
                    let plain = byte != 0 && byte.is_ascii();
                    assert_eq!(is_plain(&bytes[..len]), plain, "{byte} at {at} of {len}");
                }
            }
        }
    }

    /// Requirement: R32
    #[test]
    fn a_rename_carries_exactly_two_paths() {
        assert!(check_form(Form::TwoPaths, b"a\0b", [0; 2]).is_ok());
        assert!(check_form(Form::TwoPaths, b"a", [0; 2]).is_err());
        assert!(check_form(Form::TwoPaths, b"a\0b\0c", [0; 2]).is_err());
    }

    /// Requirement: R37
    #[test]
    fn a_lock_range_never_overflows() {
        let form = Form::LockRange(0);
        assert!(check_form(form, b"", [1 << 62, (1 << 62) - 1]).is_ok());
        assert!(check_form(form, b"", [1 << 62, 1 << 62]).is_err());
        assert!(check_form(form, b"", [(1 << 63) | 5, (1 << 63) | 10]).is_ok());
    }
}
