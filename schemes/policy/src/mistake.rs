//! Why text is no policy.
use std::fmt;

/// What makes no sense, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file, as it was named.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// The character in that line, from 1.
    pub column: u32,
    /// What is wrong there, and what to write.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)
    }
}

impl std::error::Error for Mistake {}

/// Something wrong at a character of a line, or of a part of one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct At {
    /// From 0.
    pub(crate) column: usize,
    pub(crate) what: String,
}

impl At {
    pub(crate) fn new(column: usize, what: impl Into<String>) -> At {
        At { column, what: what.into() }
    }

    /// The same, in what the part is a part of.
    pub(crate) fn within(self, start: usize) -> At {
        At { column: self.column + start, ..self }
    }
}
