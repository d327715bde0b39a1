//! What writers write, cut into lines that are safe to show.

use serde::{Deserialize, Serialize};

/// Bytes that a line can take as it is shown, without its writer's name; a longer one is cut into
/// several. With the name it is one that the kernel's log takes at once.
pub const LINE_MAX: usize = 440;
/// Bytes that a mark takes.
const MARK: usize = char::REPLACEMENT_CHARACTER.len_utf8();

/// The line that a writer has not ended yet.
#[derive(Debug, Serialize, Deserialize)]
pub struct Writer {
    tag: String,
    partial: Vec<u8>,
    /// Bytes that it takes at most as it is shown.
    shown: usize,
}

/// Makes a line of a writer's bytes: control characters and what is no UTF-8 become marks, so a
/// service cannot paint the reader's screen.
fn line(tag: &str, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches('\r');
    let clean = text.chars().map(|char| match char {
        '\t' => ' ',
        char if char.is_control() => '\u{FFFD}',
        char => char,
    });
    let mut line = format!("{tag}: ");
    line.extend(clean);
    line.push('\n');
    line
}

impl Writer {
    /// A writer whose lines begin with `tag`.
    #[must_use]
    pub fn new(tag: &str) -> Self {
        Self { tag: tag.to_owned(), partial: Vec::new(), shown: 0 }
    }

    /// Takes bytes; every line that they complete goes to `sink`.
    pub fn write(&mut self, data: &[u8], mut sink: impl FnMut(&str)) {
        for byte in data {
            // A byte of a longer character may turn out to be one that is marked.
            let shown = if byte.is_ascii() && !byte.is_ascii_control() { 1 } else { MARK };
            if *byte == b'\n' || self.shown.saturating_add(shown) > LINE_MAX {
                sink(&line(&self.tag, &self.partial));
                self.partial.clear();
                self.shown = 0;
            }
            if *byte != b'\n' {
                self.partial.push(*byte);
                self.shown = self.shown.saturating_add(shown);
            }
        }
    }

    /// Ends the last line.
    pub fn finish(&mut self, sink: impl FnMut(&str)) {
        if !self.partial.is_empty() {
            self.write(b"\n", sink);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(parts: &[&[u8]]) -> Vec<String> {
        let mut writer = Writer::new("disk");
        let mut lines = Vec::new();
        for part in parts {
            writer.write(part, |line| lines.push(line.to_owned()));
        }
        writer.finish(|line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn a_line_carries_its_writer_whatever_pieces_it_came_in() {
        assert_eq!(lines(&[b"he", b"llo\nwor", b"ld"]), ["disk: hello\n", "disk: world\n"]);
    }

    #[test]
    fn a_line_cannot_paint_the_screen_or_forge_another() {
        assert_eq!(
            lines(&[b"a\x1b[2Jb\r\n\xFFc\n"]),
            ["disk: a\u{FFFD}[2Jb\n", "disk: \u{FFFD}c\n"]
        );
    }

    #[test]
    fn an_endless_line_is_cut() {
        let lines = lines(&[&[b'x'; 1200], &[0xFF; 1200], "é".repeat(500).as_bytes()]);
        assert_eq!(lines.iter().filter(|line| line.contains('x')).count(), 3);
        let marks = lines.iter().map(|line| line.matches('\u{FFFD}').count()).sum::<usize>();
        assert!(marks >= 1200, "{marks}");
        assert!(lines.iter().all(|line| line.len() <= LINE_MAX + "disk: \n".len()));
    }
}
