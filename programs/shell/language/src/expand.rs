//! Words to arguments: variables, substitutions, splitting at white space.
use crate::syntax::{Empty, Form, Otherwise, Part, Program, Quoting, Word};
use crate::{arithmetic, glob};
use std::fmt;

/// What expansion asks of the shell.
pub trait Environment {
    /// The value of a variable or special parameter (`? $ # ! 0 1 …`), if it is set.
    fn variable(&self, name: &str) -> Option<String>;
    /// The positional parameters, for `$@` and `$*`.
    fn arguments(&self) -> Vec<String>;
    /// Sets a variable, for `${NAME=word}`.
    fn assign(&mut self, name: &str, value: &str);
    /// Runs a program and gives what it printed.
    ///
    /// # Errors
    /// Why it could not be run.
    fn substitute(&mut self, program: &Program) -> Result<String, ExpandError>;
}

/// Why a word has no value; the text is for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpandError(pub String);

impl fmt::Display for ExpandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ExpandError {}

/// An argument before globs are matched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// The argument if nothing matches.
    pub text: String,
    /// The same as a glob pattern, in which all that stood in quotes is escaped.
    pub pattern: String,
    /// Whether the pattern has an unquoted wildcard.
    pub wild: bool,
}

/// Expands words to fields.
///
/// # Errors
/// A word that has no value.
pub fn fields(
    words: &[Word],
    environment: &mut dyn Environment,
) -> Result<Vec<Field>, ExpandError> {
    let mut builder = Builder { fields: Vec::new(), current: None, splitting: Splitting::AtSpace };
    for word in words {
        builder.word(word, environment, Origin::Argument)?;
        builder.finish();
    }
    Ok(builder.fields)
}

/// Expands a word to one text, as in assignments and targets of redirections: nothing is split.
///
/// # Errors
/// The word has no value.
pub fn single(word: &Word, environment: &mut dyn Environment) -> Result<String, ExpandError> {
    let mut builder = Builder { fields: Vec::new(), current: None, splitting: Splitting::Never };
    builder.word(word, environment, Origin::Argument)?;
    builder.finish();
    let texts: Vec<String> = builder.fields.into_iter().map(|field| field.text).collect();
    Ok(texts.join(" "))
}

/// Expands a word to a pattern, as in `case`: what stood in quotes is no wildcard.
///
/// # Errors
/// The word has no value.
pub fn pattern(word: &Word, environment: &mut dyn Environment) -> Result<String, ExpandError> {
    let mut builder = Builder { fields: Vec::new(), current: None, splitting: Splitting::Never };
    builder.word(word, environment, Origin::Argument)?;
    builder.finish();
    let patterns: Vec<String> = builder.fields.into_iter().map(|field| field.pattern).collect();
    Ok(patterns.join(" "))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Splitting {
    AtSpace,
    Never,
}

/// Where a word stands: the text of one inside `${…}` is split like a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Argument,
    Brace,
}

struct Builder {
    fields: Vec<Field>,
    current: Option<Field>,
    splitting: Splitting,
}

impl Builder {
    fn finish(&mut self) {
        self.fields.extend(self.current.take());
    }

    fn push(&mut self, text: &str, quoting: Quoting) {
        let field = self.current.get_or_insert_default();
        field.text.push_str(text);
        field.wild |= glob::append(&mut field.pattern, text, quoting);
    }

    /// A value: unquoted, it is split at white space.
    fn value(&mut self, value: &str, quoting: Quoting) {
        if quoting == Quoting::Quoted || self.splitting == Splitting::Never {
            // A quoted empty value is an argument, an unquoted one is none.
            if quoting == Quoting::Quoted || !value.is_empty() {
                self.push(value, quoting);
            }
            return;
        }
        let mut pieces = value.split(is_space);
        if let Some(first) = pieces.next()
            && !first.is_empty()
        {
            self.push(first, Quoting::Bare);
        }
        for piece in pieces {
            self.finish();
            if !piece.is_empty() {
                self.push(piece, Quoting::Bare);
            }
        }
    }

    fn word(
        &mut self,
        word: &Word,
        environment: &mut dyn Environment,
        origin: Origin,
    ) -> Result<(), ExpandError> {
        for (index, part) in word.parts.iter().enumerate() {
            match part {
                Part::Text { text, quoting } if origin == Origin::Brace => {
                    self.value(text, *quoting);
                }
                Part::Text { text, quoting } => self.push(text, *quoting),
                Part::Substitution { program, quoting } => {
                    let output = environment.substitute(program)?;
                    self.value(output.trim_end_matches('\n'), *quoting);
                }
                Part::Variable { name, form, quoting } => {
                    self.variable(name, form, *quoting, environment)?;
                }
                Part::Arithmetic { expression, quoting } => {
                    let text = single(expression, environment)?;
                    let value = arithmetic::evaluate(&text, environment).map_err(ExpandError)?;
                    self.value(&value.to_string(), *quoting);
                }
                Part::Home => {
                    let home = environment.variable("HOME").unwrap_or_else(|| "~".into());
                    // What follows begins with a slash.
                    let followed = index + 1 < word.parts.len();
                    let home = if followed { home.trim_end_matches('/') } else { &home };
                    self.push(home, Quoting::Quoted);
                }
            }
        }
        Ok(())
    }

    fn variable(
        &mut self,
        name: &str,
        form: &Form,
        quoting: Quoting,
        environment: &mut dyn Environment,
    ) -> Result<(), ExpandError> {
        match form {
            Form::Value if name == "@" || name == "*" => {
                self.all(name, quoting, &environment.arguments());
            }
            Form::Value => {
                self.value(&environment.variable(name).unwrap_or_default(), quoting);
            }
            Form::Length => {
                let length = environment.variable(name).unwrap_or_default().chars().count();
                self.value(&length.to_string(), quoting);
            }
            Form::Trimmed { end, longest, pattern: cut } => {
                let cut = pattern(cut, environment)?;
                let value = environment.variable(name).unwrap_or_default();
                self.value(glob::trimmed(&value, &cut, *end, *longest), quoting);
            }
            Form::Otherwise(otherwise, empty, word) => {
                let value = environment
                    .variable(name)
                    .filter(|value| !(value.is_empty() && *empty == Empty::Counts));
                match (otherwise, value) {
                    (Otherwise::Replace, Some(_)) | (Otherwise::Use, None) => {
                        self.word(word, environment, Origin::Brace)?;
                    }
                    (Otherwise::Replace, None) => self.value("", quoting),
                    (_, Some(value)) => self.value(&value, quoting),
                    (Otherwise::Assign, None) => {
                        let value = single(word, environment)?;
                        environment.assign(name, &value);
                        self.value(&value, quoting);
                    }
                    (Otherwise::Fail, None) => {
                        let message = single(word, environment)?;
                        let message =
                            if message.is_empty() { "it is not set" } else { message.as_str() };
                        return Err(ExpandError(format!("{name}: {message}")));
                    }
                }
            }
        }
        Ok(())
    }

    /// `$@` and `$*`: quoted, the first is one field for each argument, the second one for all.
    fn all(&mut self, name: &str, quoting: Quoting, arguments: &[String]) {
        if quoting == Quoting::Quoted && name == "*" {
            self.push(&arguments.join(" "), Quoting::Quoted);
            return;
        }
        for (index, argument) in arguments.iter().enumerate() {
            if index > 0 {
                self.finish();
            }
            self.value(argument, quoting);
        }
        // `"$@"` without arguments is no argument at all.
        let nothing = Field::default();
        if arguments.is_empty() && self.current.as_ref() == Some(&nothing) {
            self.current = None;
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n')
}
