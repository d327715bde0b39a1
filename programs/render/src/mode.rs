//! File modes as `ls -l` shows them.
use alloc::string::String;

const TYPES: &[(u32, char)] = &[
    (0o040_000, 'd'),
    (0o120_000, 'l'),
    (0o100_000, '-'),
    (0o020_000, 'c'),
    (0o060_000, 'b'),
    (0o010_000, 'p'),
    (0o140_000, 's'),
];

/// Type and permissions in ten characters.
#[must_use]
pub fn text(mode: u32) -> String {
    let kind = TYPES.iter().find(|row| row.0 == mode & 0o170_000).map_or('?', |row| row.1);
    let mut text = String::from(kind);
    for (shift, special, sign) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & 1 != 0, mode & special != 0) {
            (true, true) => sign,
            (false, true) => sign.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_reads_like_ls() {
        assert_eq!(text(0o040_755), "drwxr-xr-x");
        assert_eq!(text(0o100_644), "-rw-r--r--");
        assert_eq!(text(0o104_711), "-rws--x--x");
        assert_eq!(text(0o041_776), "drwxrwxrwT");
        assert_eq!(text(0), "?---------");
    }
}
