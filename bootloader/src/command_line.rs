//! The command line: lines of text.
use alloc::string::String;

use crate::Problem;

/// Greatest length in bytes.
pub const MAX: usize = 4096;

/// Checks a command line and brings it into the form the kernel gets: one instruction per line,
/// no empty lines, `\n` between them.
///
/// # Errors
/// [`Problem::CommandLine`].
pub fn normalise(bytes: &[u8]) -> Result<String, Problem> {
    if bytes.len() > MAX {
        return Err(Problem::CommandLine("is longer than 4096 bytes"));
    }
    let text =
        core::str::from_utf8(bytes).map_err(|_| Problem::CommandLine("is not UTF-8 text"))?;
    if text.contains('\0') {
        return Err(Problem::CommandLine("contains a NUL byte"));
    }
    let mut lines = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(line);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::{MAX, normalise};
    use alloc::vec;

    #[test]
    fn empty_lines_and_blanks_at_the_ends_go() {
        assert_eq!(
            normalise(b"\r\n quiet \r\n\n start results exec ls  -l\n").as_deref(),
            Ok("quiet\nstart results exec ls  -l")
        );
        assert_eq!(normalise(b"").as_deref(), Ok(""));
    }

    #[test]
    fn what_is_not_text_is_refused() {
        assert!(normalise(b"\xFF\xFE").is_err());
        assert!(normalise(b"a\0b").is_err());
        assert!(normalise(&vec![b'a'; MAX + 1]).is_err());
    }
}
