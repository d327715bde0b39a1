//! The mode that `fopen` is given.
use super::Access;

/// A mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// What the stream may do.
    pub access: Access,
    /// Whether a file is made where there is none.
    pub create: bool,
    /// Whether what is in the file goes away.
    pub truncate: bool,
    /// `x`: there must be none.
    pub exclusive: bool,
    /// `e`: programs that the process becomes have it not.
    pub close_on_exec: bool,
}

impl Mode {
    /// Reads `r`, `w` or `a`, and any of `+`, `b`, `x`, `e` behind it. What else stands there says
    /// nothing.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Mode> {
        let (first, rest) = text.split_first()?;
        if !matches!(first, b'r' | b'w' | b'a') {
            return None;
        }
        let rest = rest.split(|byte| *byte == b',').next().unwrap_or_default();
        let has = |letter: u8| rest.contains(&letter);
        let access = Access {
            read: *first == b'r' || has(b'+'),
            write: *first != b'r' || has(b'+'),
            append: *first == b'a',
        };
        Some(Mode {
            access,
            create: *first != b'r',
            truncate: *first == b'w',
            exclusive: has(b'x'),
            close_on_exec: has(b'e'),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_says_what_may_be_done_and_what_is_done_first() {
        let all = |text: &str| {
            let Mode { access, create, truncate, exclusive, close_on_exec } =
                Mode::read(text.as_bytes()).unwrap();
            let Access { read, write, append } = access;
            [read, write, append, create, truncate, exclusive, close_on_exec].map(u8::from)
        };
        assert_eq!(all("r"), [1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(all("rb+"), [1, 1, 0, 0, 0, 0, 0]);
        assert_eq!(all("w"), [0, 1, 0, 1, 1, 0, 0]);
        assert_eq!(all("w+xe"), [1, 1, 0, 1, 1, 1, 1]);
        assert_eq!(all("ab"), [0, 1, 1, 1, 0, 0, 0]);
        assert_eq!(all("a+e,ccs=UTF-8x"), [1, 1, 1, 1, 0, 0, 1]);
        assert_eq!(Mode::read(b""), None);
        assert_eq!(Mode::read(b"+r"), None);
    }
}
