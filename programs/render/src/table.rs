//! Columns of text.
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// To the left.
    Left,
    /// To the right, for numbers.
    Right,
}

/// Rows under a heading, printed with columns as wide as their widest cell.
#[derive(Clone, Debug)]
pub struct Table<const N: usize> {
    columns: [Align; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// An empty table without heading.
    #[must_use]
    pub fn new(columns: [Align; N]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// A table whose first row is a heading.
    #[must_use]
    pub fn with_heading(heading: [(&str, Align); N]) -> Self {
        let mut table = Self::new(heading.map(|(_, align)| align));
        table.row(heading.map(|(title, _)| title.to_owned()));
        table
    }

    /// Adds a row.
    pub fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// The table as lines, each with its line end and without trailing blanks.
    #[must_use]
    pub fn text(&self) -> String {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, width), align) in row.iter().zip(widths).zip(self.columns) {
                let blanks = " ".repeat(width.saturating_sub(cell.chars().count()));
                let (before, after) = match align {
                    Align::Left => ("", blanks.as_str()),
                    Align::Right => (blanks.as_str(), ""),
                };
                line.extend([before, cell, after, "  "]);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Names in columns, filled downwards, for lines of that many characters.
#[must_use]
pub fn columns(names: &[String], line: usize) -> String {
    let widest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) + 2;
    let columns = (line / widest).max(1);
    let lines = names.len().div_ceil(columns);
    let mut text = String::new();
    for index in 0..lines {
        let mut row = String::new();
        for name in names.iter().skip(index).step_by(lines) {
            row.push_str(name);
            row.push_str(&" ".repeat(widest - name.chars().count()));
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// Words after a title, broken into lines of that many characters that start under the first word.
#[must_use]
pub fn wrapped(title: &str, words: &[&str], line: usize) -> String {
    let indent = title.chars().count();
    let mut text = title.to_owned();
    let mut used = indent;
    for word in words {
        let length = word.chars().count() + 1;
        if used + length > line && used > indent {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            used = indent;
        }
        text.push(' ');
        text.push_str(word);
        used += length;
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_wrap_under_the_first_one() {
        assert_eq!(wrapped("t:", &["aa", "bb", "c"], 8), "t: aa bb\n   c\n");
        assert_eq!(wrapped("t:", &[], 8), "t:\n");
        assert_eq!(wrapped("", &["toolong", "x"], 3), " toolong\n x\n");
    }

    #[test]
    fn names_fill_columns_downwards() {
        let names: Vec<String> = ["a", "bb", "c", "d", "e"].map(String::from).into();
        assert_eq!(columns(&names, 8), "a   d\nbb  e\nc\n");
        assert_eq!(columns(&names, 1), "a\nbb\nc\nd\ne\n");
        assert_eq!(columns(&[], 80), "");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::with_heading([("n", Align::Right), ("name", Align::Left)]);
        table.row(["100".into(), "a".into()]);
        table.row(["7".into(), "élan".into()]);
        assert_eq!(table.text(), "  n  name\n100  a\n  7  élan\n");
    }
}
