//! `fnmatch`: whether a name is what a pattern of the shell means. Pure but for the C function.
use core::ffi::c_int;

/// A slash is matched only by a slash.
const PATHNAME: c_int = 1 << 0;
/// A backslash stands for itself.
const NOESCAPE: c_int = 1 << 1;
/// A leading dot is matched only by a dot.
const PERIOD: c_int = 1 << 2;
/// Large and small letters are the same.
const CASEFOLD: c_int = 1 << 4;

/// Whether a name is matched. Linear in both but for each star: a star that was passed is never
/// taken up again before the last one.
pub(crate) fn matches(pattern: &[u8], name: &[u8], flags: c_int) -> bool {
    let (mut at, mut from) = (0, 0);
    // Where to go on when something does not fit: behind the last star, one byte further.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(at), name.get(from)) {
            (None, None) => return true,
            (Some(b'*'), _) if !hidden(name, from, flags) => {
                retry = Some((at + 1, from));
                at += 1;
                continue;
            }
            (Some(_), Some(&byte)) => one(pattern.get(at..).unwrap_or_default(), name, from, flags)
                .filter(|_| byte != 0)
                .map(|length| (at + length, from + 1)),
            _ => None,
        };
        match (step, retry) {
            (Some(next), _) => (at, from) = next,
            (None, Some((behind, start))) => {
                let passes =
                    name.get(start).is_some_and(|byte| *byte != b'/' || flags & PATHNAME == 0);
                if !passes {
                    return false;
                }
                retry = Some((behind, start + 1));
                (at, from) = (behind, start + 1);
            }
            (None, None) => return false,
        }
    }
}

/// Whether the byte there is a dot that only a dot matches.
fn hidden(name: &[u8], from: usize, flags: c_int) -> bool {
    let before = from.checked_sub(1).and_then(|before| name.get(before));
    let leads = before.is_none() || (flags & PATHNAME != 0 && before == Some(&b'/'));
    flags & PERIOD != 0 && leads && name.get(from) == Some(&b'.')
}

/// Matches one byte of the name; answers how long the part of the pattern is.
fn one(pattern: &[u8], name: &[u8], from: usize, flags: c_int) -> Option<usize> {
    let byte = *name.get(from)?;
    let wild = !(hidden(name, from, flags) || (byte == b'/' && flags & PATHNAME != 0));
    match pattern {
        [b'?', ..] => wild.then_some(1),
        [b'[', set @ ..] => match bracket(set, byte, flags) {
            Some((inside, length)) => (inside && wild).then_some(1 + length),
            // A bracket that is never closed stands for itself.
            None => (byte == b'[').then_some(1),
        },
        [b'\\', literal, ..] if flags & NOESCAPE == 0 => same(*literal, byte, flags).then_some(2),
        [literal, ..] => same(*literal, byte, flags).then_some(1),
        [] => None,
    }
}

fn same(a: u8, b: u8, flags: c_int) -> bool {
    a == b || (flags & CASEFOLD != 0 && a.eq_ignore_ascii_case(&b))
}

/// Whether a set (behind its opening bracket) holds a byte, and the bytes up to and with its
/// closing one. `None`: it is never closed.
fn bracket(set: &[u8], byte: u8, flags: c_int) -> Option<(bool, usize)> {
    let negated = matches!(set.first(), Some(b'!' | b'^'));
    let (mut at, mut inside) = (usize::from(negated), false);
    let first = at;
    loop {
        match set.get(at..)? {
            [b']', ..] if at > first => return Some((inside != negated, at + 1)),
            [b'[', b':', rest @ ..] if rest.windows(2).any(|pair| pair == b":]") => {
                let length = rest.windows(2).position(|pair| pair == b":]")?;
                inside |= class(rest.get(..length)?, byte, flags);
                at += length + 4;
            }
            rest => {
                let (low, length) = literal(rest, flags)?;
                at += length;
                let high = match set.get(at..)? {
                    [b'-', next, ..] if *next != b']' => {
                        let (high, length) = literal(set.get(at + 1..)?, flags)?;
                        at += 1 + length;
                        high
                    }
                    _ => low,
                };
                let within = |byte: u8| (low..=high).contains(&byte);
                inside |= within(byte);
                if flags & CASEFOLD != 0 {
                    inside |=
                        within(byte.to_ascii_lowercase()) || within(byte.to_ascii_uppercase());
                }
            }
        }
    }
}

/// One byte in a set, perhaps behind a backslash, and how long it is.
fn literal(set: &[u8], flags: c_int) -> Option<(u8, usize)> {
    match set {
        [b'\\', byte, ..] if flags & NOESCAPE == 0 => Some((*byte, 2)),
        [byte, ..] => Some((*byte, 1)),
        [] => None,
    }
}

fn class(name: &[u8], byte: u8, flags: c_int) -> bool {
    let folded = flags & CASEFOLD != 0;
    match name {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => matches!(byte, b' ' | b'\t'),
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase() || (folded && byte.is_ascii_uppercase()),
        b"print" => matches!(byte, b' '..=b'~'),
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => matches!(byte, b' ' | b'\t'..=b'\r'),
        b"upper" => byte.is_ascii_uppercase() || (folded && byte.is_ascii_lowercase()),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => false,
    }
}

/// Whether a name is what a pattern means: 0, or 1 when it is not.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[cfg(target_os = "redox")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fnmatch(
    pattern: *const core::ffi::c_char,
    name: *const core::ffi::c_char,
    flags: c_int,
) -> c_int {
    // SAFETY: the contract.
    let pattern = unsafe { core::ffi::CStr::from_ptr(pattern) }.to_bytes();
    // SAFETY: the contract.
    let name = unsafe { core::ffi::CStr::from_ptr(name) }.to_bytes();
    c_int::from(!matches(pattern, name, flags))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(flags: c_int, cases: &[(&str, &str, bool)]) {
        for (pattern, name, expected) in cases {
            let found = matches(pattern.as_bytes(), name.as_bytes(), flags);
            assert_eq!(found, *expected, "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_match_names() {
        all(
            0,
            &[
                ("", "", true),
                ("*", "", true),
                ("a*b*c", "a__b_bc", true),
                ("a*b*c", "a__b_b", false),
                ("?", "", false),
                ("a?c", "abc", true),
                ("[a-c]x", "bx", true),
                ("[!a-c]x", "bx", false),
                ("[]x]", "]", true),
                ("[a-]", "-", true),
                ("[[:digit:]_]", "7", true),
                ("[[:digit:]_]", "x", false),
                ("[a", "[a", true),
                ("\\*", "*", true),
                ("\\*", "a", false),
                ("a/b*", "a/b/c", true),
                ("*", ".x", true),
                ("[a\\]b]", "]", true),
            ],
        );
    }

    #[test]
    fn flags_keep_slashes_dots_and_backslashes_apart() {
        all(
            PATHNAME,
            &[
                ("*", "a/b", false),
                ("a/*", "a/b", true),
                ("a?b", "a/b", false),
                ("[/]", "/", false),
            ],
        );
        all(
            PERIOD,
            &[
                ("*", ".x", false),
                (".*", ".x", true),
                ("?x", ".x", false),
                ("a*", "a.x", true),
                ("[.]x", ".x", false),
            ],
        );
        all(PERIOD | PATHNAME, &[("*/*", "a/.b", false), ("*/.*", "a/.b", true)]);
        all(NOESCAPE, &[("\\*", "\\x", true), ("\\*", "*", false)]);
        all(CASEFOLD, &[("aB", "Ab", true), ("[A-C]", "b", true), ("[[:upper:]]", "b", true)]);
    }

    proptest! {
        #[test]
        fn any_pattern_is_matched_without_harm(
            pattern in "[ab*?\\[\\]!:\\\\/.-]{0,16}",
            name in "[ab\\]/.]{0,16}",
            flags in 0..32,
        ) {
            matches(pattern.as_bytes(), name.as_bytes(), flags);
            prop_assert!(matches(b"*", name.as_bytes(), 0));
        }

        #[test]
        fn an_escaped_name_matches_itself_alone(name in "[ab*?\\[\\]\\\\]{0,8}", other in "[ab*]{0,8}") {
            let pattern: std::string::String =
                name.chars().flat_map(|letter| ['\\', letter]).collect();
            let found = matches(pattern.as_bytes(), other.as_bytes(), 0);
            prop_assert_eq!(found, name == other);
            prop_assert!(matches(pattern.as_bytes(), name.as_bytes(), 0));
        }
    }
}
