//! What stands at a `$` or a backquote.
use super::{Lexer, push};
use crate::parser::{Parser, SyntaxError};
use crate::syntax::{Empty, End, Form, Otherwise, Part, Quoting, Word};

/// What cuts a value: the operator, at which end, and whether as much as possible.
const TRIMS: &[(&str, End, bool)] = &[
    ("##", End::Front, true),
    ("#", End::Front, false),
    ("%%", End::Back, true),
    ("%", End::Back, false),
];

impl Lexer<'_> {
    /// What stands at a `$` or a backquote.
    pub(super) fn dollar(&mut self, word: &mut Word, quoting: Quoting) -> Result<(), SyntaxError> {
        if self.take("`") {
            let program = self.backquoted()?;
            word.parts.push(Part::Substitution { program, quoting });
            return Ok(());
        }
        if self.take("$((") {
            let expression = self.expression()?;
            word.parts.push(Part::Arithmetic { expression, quoting });
            return Ok(());
        }
        if self.take("$(") {
            let (program, end) = Parser::nested(self.text, self.at, self.depth + 1)?;
            self.at = end;
            word.parts.push(Part::Substitution { program, quoting });
            return Ok(());
        }
        if self.take("${") {
            let part = self.braced(quoting)?;
            word.parts.push(part);
            return Ok(());
        }
        self.next();
        let name = self.name();
        if name.is_empty() {
            push(word, '$', quoting);
        } else {
            word.parts.push(Part::Variable { name, form: Form::Value, quoting });
        }
        Ok(())
    }

    /// What stands between `$((` and `))`: text in which variables and substitutions have their
    /// values.
    fn expression(&mut self) -> Result<Word, SyntaxError> {
        self.depth += 1;
        if self.depth > crate::MAX_DEPTH {
            return Err(self.wrong("too deeply nested"));
        }
        let mut word = Word::default();
        let mut open = 0;
        loop {
            match self.peek() {
                None => return Err(self.unfinished("`$((`")),
                Some('$' | '`') => self.dollar(&mut word, Quoting::Quoted)?,
                Some(')') if open == 0 => {
                    if !self.take("))") {
                        return Err(self.wrong("`$((` ends with `))`"));
                    }
                    self.depth -= 1;
                    return Ok(word);
                }
                Some(c) => {
                    self.next();
                    open += i32::from(c == '(') - i32::from(c == ')');
                    push(&mut word, c, Quoting::Quoted);
                }
            }
        }
    }

    /// A variable's name or a special parameter; empty if there is none.
    fn name(&mut self) -> String {
        match self.peek() {
            Some(c @ ('?' | '$' | '#' | '!' | '@' | '*' | '0'..='9')) => {
                self.next();
                c.to_string()
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                self.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_owned()
            }
            _ => String::new(),
        }
    }

    fn braced(&mut self, quoting: Quoting) -> Result<Part, SyntaxError> {
        if self.rest().starts_with('#') && !self.rest().starts_with("#}") {
            self.next();
            let name = self.braced_name();
            if name.is_empty() || !self.take("}") {
                return Err(self.bad_brace());
            }
            return Ok(Part::Variable { name, form: Form::Length, quoting });
        }
        let name = self.braced_name();
        if name.is_empty() {
            return Err(self.bad_brace());
        }
        if self.take("}") {
            return Ok(Part::Variable { name, form: Form::Value, quoting });
        }
        for (operator, end, longest) in TRIMS {
            if self.take(operator) {
                let pattern = self.brace_word(quoting)?;
                let form = Form::Trimmed { end: *end, longest: *longest, pattern };
                return Ok(Part::Variable { name, form, quoting });
            }
        }
        let empty = if self.take(":") { Empty::Counts } else { Empty::IsValue };
        let otherwise = match self.next() {
            Some('-') => Otherwise::Use,
            Some('=') => Otherwise::Assign,
            Some('?') => Otherwise::Fail,
            Some('+') => Otherwise::Replace,
            _ => return Err(self.bad_brace()),
        };
        let word = self.brace_word(quoting)?;
        Ok(Part::Variable { name, form: Form::Otherwise(otherwise, empty, word), quoting })
    }

    fn bad_brace(&self) -> SyntaxError {
        if self.rest().contains('}') {
            self.wrong("`${` is not followed by a name, or asks for something unsupported")
        } else {
            self.unfinished("`${`")
        }
    }

    fn braced_name(&mut self) -> String {
        if self.peek().is_some_and(|c| c.is_ascii_digit()) {
            return self.take_while(|c| c.is_ascii_digit()).to_owned();
        }
        self.name()
    }

    /// The word of `${NAME-word}`, up to its closing brace.
    fn brace_word(&mut self, quoting: Quoting) -> Result<Word, SyntaxError> {
        self.depth += 1;
        if self.depth > crate::MAX_DEPTH {
            return Err(self.wrong("too deeply nested"));
        }
        let mut word = Word::default();
        loop {
            match self.peek() {
                None => return Err(self.unfinished("`${`")),
                Some('}') => {
                    self.next();
                    self.depth -= 1;
                    return Ok(word);
                }
                Some('\'') if quoting == Quoting::Bare => {
                    self.next();
                    let text = self.take_while(|c| c != '\'').to_owned();
                    if !self.take("'") {
                        return Err(self.unfinished("a single quote"));
                    }
                    word.parts.push(Part::Text { text, quoting: Quoting::Quoted });
                }
                Some('"') => {
                    self.next();
                    self.double_quoted(&mut word)?;
                }
                Some('$' | '`') => self.dollar(&mut word, quoting)?,
                Some('\\') => {
                    self.next();
                    match self.next() {
                        Some(c) => push(&mut word, c, Quoting::Quoted),
                        None => return Err(self.unfinished("`${`")),
                    }
                }
                Some(c) => {
                    self.next();
                    push(&mut word, c, quoting);
                }
            }
        }
    }

    fn backquoted(&mut self) -> Result<crate::Program, SyntaxError> {
        let mut inner = String::new();
        loop {
            match self.next() {
                None => return Err(self.unfinished("a backquote")),
                Some('`') => break,
                Some('\\') => match self.next() {
                    Some(c @ ('`' | '\\' | '$')) => inner.push(c),
                    Some(c) => {
                        inner.push('\\');
                        inner.push(c);
                    }
                    None => return Err(self.unfinished("a backquote")),
                },
                Some(c) => inner.push(c),
            }
        }
        Parser::whole(&inner, self.depth + 1).map_err(|error| SyntaxError {
            at: self.at,
            unfinished: false,
            ..error
        })
    }
}
