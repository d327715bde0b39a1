//! What every tool has: a name for its complaints, a status, an output.
use std::ffi::OsString;
use std::fmt::Display;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Status of a wrong use.
pub(crate) const MISUSE: u8 = 2;

/// A tool: gets its arguments without the name.
pub(crate) type Applet = fn(&mut Tool, lexopt::Parser) -> Result<(), Stop>;

/// Why a tool ends early.
pub(crate) enum Stop {
    /// Arguments that it does not understand.
    Misuse(String),
    /// Its output cannot be written.
    Output(io::Error),
    /// With this status, all being said.
    Status(u8),
}

impl From<lexopt::Error> for Stop {
    fn from(error: lexopt::Error) -> Self {
        Stop::Misuse(error.to_string())
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop::Output(error)
    }
}

/// Name and status of a running tool.
pub(crate) struct Tool {
    name: &'static str,
    failed: bool,
}

impl Tool {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, failed: false }
    }

    /// Says that something went wrong with a subject: `cat: /nope: no such file or directory`.
    pub(crate) fn complain(&mut self, subject: impl Display, error: &io::Error) {
        self.say(subject, &clavis_launch::reason(error));
    }

    /// Says what is wrong with a subject, in own words.
    pub(crate) fn say(&mut self, subject: impl Display, reason: &str) {
        // In one piece: standard error has no buffer, and others write there too.
        let line = format!("{}: {subject}: {reason}\n", self.name);
        eprint!("{line}");
        self.failed = true;
    }

    /// Whether something went wrong.
    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    /// The status at the end.
    pub(crate) fn status(&self) -> ExitCode {
        if self.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// The name that a program was started under.
pub(crate) fn own_name(argument: Option<&OsString>) -> String {
    argument
        .and_then(|argument| Path::new(argument).file_name())
        .map_or_else(|| "tools".into(), |name| name.to_string_lossy().into_owned())
}

/// Options of single letters, and the words.
pub(crate) struct Options {
    letters: String,
    /// What is no option.
    pub(crate) words: Vec<OsString>,
}

impl Options {
    /// Reads arguments; only the known letters are options.
    pub(crate) fn read(mut parser: lexopt::Parser, known: &str) -> Result<Self, Stop> {
        let mut options = Options { letters: String::new(), words: Vec::new() };
        while let Some(argument) = parser.next()? {
            match argument {
                lexopt::Arg::Short(letter) if known.contains(letter) => {
                    options.letters.push(letter)
                }
                lexopt::Arg::Value(word) => options.words.push(word),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }

    /// Whether a letter was given.
    pub(crate) fn has(&self, letter: char) -> bool {
        self.letters.contains(letter)
    }

    /// At least one word.
    pub(crate) fn some_words(self) -> Result<Vec<OsString>, Stop> {
        if self.words.is_empty() {
            return Err(Stop::Misuse("an argument is missing".into()));
        }
        Ok(self.words)
    }
}
