//! The guest's log: what came over COM1.
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// How much of it stays in memory, for the report at the end.
const KEPT: usize = 1 << 20;

/// A log that is written to a file as it comes.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    path: PathBuf,
    tail: Vec<u8>,
}

impl Log {
    /// Starts the log anew.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Log> {
        let file = File::create(path)
            .with_context(|| format!("cannot write the log {}", path.display()))?;
        Ok(Log { file, path: path.to_owned(), tail: Vec::new() })
    }

    /// Adds what came.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.file
            .write_all(bytes)
            .with_context(|| format!("cannot write the log {}", self.path.display()))?;
        self.tail.extend_from_slice(bytes);
        if self.tail.len() > 2 * KEPT {
            self.tail.drain(..self.tail.len() - KEPT);
        }
        Ok(())
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The last lines, without what terminals use to move the cursor.
    pub(crate) fn last_lines(&self, count: usize) -> Vec<String> {
        let text = plain(&String::from_utf8_lossy(&self.tail));
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let first = lines.len().saturating_sub(count);
        lines.into_iter().skip(first).map(|line| line.trim_end().to_owned()).collect()
    }
}

/// Takes escape sequences and carriage returns out.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => {
                if chars.next_if_eq(&'[').is_some() {
                    // Parameters, then one final letter (ECMA-48, 5.4).
                    while chars.next_if(|c| !('@'..='~').contains(c)).is_some() {}
                    chars.next();
                } else {
                    chars.next();
                }
            }
            '\r' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn escape_sequences_are_taken_out() {
        assert_eq!(plain("\x1b[2J\x1b[01;01H\x1b[=3hhello\r\n\x1b[0mworld"), "hello\nworld");
    }
}
