//! Bytes and names as they are shown: everything that a program chose itself, on one line.

/// Most bytes that are shown of what was read or written.
const SHOWN: usize = 48;

/// Some bytes between quotes.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    let (shown, more) = match bytes.get(..SHOWN) {
        Some(first) if bytes.len() > SHOWN => (first, "..."),
        _ => (bytes, ""),
    };
    format!("\"{}\"{more}", shown.escape_ascii())
}

/// A name between quotes.
pub(crate) fn text(name: &str) -> String {
    let plain = clavis_render::handle::printable(name);
    format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_stays_on_its_line_and_is_short() {
        assert_eq!(bytes(b"a\n\x1b\xff\""), r#""a\n\x1b\xff\"""#);
        assert_eq!(bytes(&[b'x'; SHOWN]).len(), SHOWN + 2);
        assert_eq!(bytes(&[b'x'; SHOWN + 1]).len(), SHOWN + 5);
        assert_eq!(text("a\"b\\c\nd\u{202E}"), r#""a\"b\\c?d?""#);
    }
}
