//! The command line.
use crate::Operation;
use lexopt::{Arg, ValueExt};
use std::fmt;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The file that the lines go to; `None`: standard error.
    pub output: Option<String>,
    /// The operations that are told; `None`: all.
    pub only: Option<Vec<Operation>>,
    /// A table in the place of lines.
    pub counts: bool,
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// What makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misuse(pub String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<lexopt::Error> for Misuse {
    fn from(error: lexopt::Error) -> Misuse {
        Misuse(error.to_string())
    }
}

impl Options {
    /// Whether an operation is told.
    #[must_use]
    pub fn tells(&self, operation: Operation) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&operation))
    }

    fn add(&mut self, operation: Operation) {
        self.only.get_or_insert_default().push(operation);
    }
}

/// Reads the words after the program's own name.
///
/// # Errors
/// What makes no sense.
pub fn read(words: &[String]) -> Result<Options, Misuse> {
    let mut options = Options::default();
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('o') | Arg::Long("output") => {
                if options.output.replace(parser.value()?.string()?).is_some() {
                    return Err(Misuse("one file at a time".into()));
                }
            }
            Arg::Short('e') | Arg::Long("only") => {
                for name in parser.value()?.string()?.split(',') {
                    let operation = Operation::by_name(name)
                        .ok_or_else(|| Misuse(format!("{name}: no such operation")))?;
                    options.add(operation);
                }
            }
            Arg::Short('p') | Arg::Long("paths") => {
                let named = Operation::ALL.iter().filter(|operation| operation.names());
                named.for_each(|operation| options.add(*operation));
            }
            Arg::Short('c') | Arg::Long("count") => options.counts = true,
            Arg::Value(word) => {
                options.command.push(word.string()?);
                for word in parser.raw_args()? {
                    options.command.push(word.string()?);
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if options.command.is_empty() {
        return Err(Misuse("a program is missing".into()));
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Options, Misuse> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        read(&words)
    }

    #[test]
    fn options_stand_before_the_program_and_what_follows_is_its_own() {
        let options = of("-c -o /log -e openat,read ls -c -o x").unwrap();
        assert_eq!(options.command, ["ls", "-c", "-o", "x"]);
        assert!(options.counts && options.output.as_deref() == Some("/log"));
        assert!(options.tells(Operation::Read) && !options.tells(Operation::Write));
        let all = of("ls").unwrap();
        assert!(Operation::ALL.iter().all(|operation| all.tells(*operation)));
    }

    #[test]
    fn paths_are_told_by_what_has_names() {
        let options = of("-p ls").unwrap();
        assert!(options.tells(Operation::Open) && options.tells(Operation::Rename));
        assert!(!options.tells(Operation::Read));
        assert!(of("-p -e read ls").unwrap().tells(Operation::Read));
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        assert_eq!(of(""), Err(Misuse("a program is missing".into())));
        assert_eq!(of("-e nothing ls"), Err(Misuse("nothing: no such operation".into())));
        assert!(of("--what ls").is_err() && of("-o a -o b ls").is_err() && of("-e").is_err());
    }
}
