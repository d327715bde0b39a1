//! Text to tokens. Quotes, variables and substitutions are resolved into the parts of a word here;
//! a substitution hands the text on to a parser one level deeper.
mod dollar;
mod here;

use crate::parser::SyntaxError;
use crate::syntax::{How, Part, Quoting, Word};
use here::Skip;

/// Greatest descriptor number that a redirection may name.
const MAX_DESCRIPTOR: u32 = 255;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Word(Word),
    And,
    Or,
    Pipe,
    Semicolon,
    /// `;;`.
    EndOfArm,
    Background,
    Open,
    Close,
    Newline,
    Redirect {
        descriptor: Option<u32>,
        operator: Redirector,
    },
    End,
}

impl Token {
    /// The token as a person wrote it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Token::Word(word) => match word.bare() {
                Some(text) => format!("`{text}`"),
                None => "a word".into(),
            },
            Token::And => "`&&`".into(),
            Token::Or => "`||`".into(),
            Token::Pipe => "`|`".into(),
            Token::Semicolon => "`;`".into(),
            Token::EndOfArm => "`;;`".into(),
            Token::Background => "`&`".into(),
            Token::Open => "`(`".into(),
            Token::Close => "`)`".into(),
            Token::Newline => "the end of the line".into(),
            Token::Redirect { .. } => "a redirection".into(),
            Token::End => "the end".into(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redirector {
    File(How),
    /// `<&` and `>&`.
    Duplicate,
    /// `&>`.
    Both,
    /// `<<` and `<<-`: the text on the following lines, with tabs before them or without.
    Here {
        /// Whether tabs at the front of its lines are left away.
        untabbed: bool,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Where the texts of here-documents lie, which are no commands.
    skip: Option<Skip>,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str, at: usize, depth: usize) -> Self {
        Self { text, at, depth, skip: None }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Nested programs count their depth from here.
    pub(crate) fn set_depth(&mut self, depth: usize) {
        self.depth = depth;
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn take(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    fn take_while(&mut self, test: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !test(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    fn unfinished(&self, what: &str) -> SyntaxError {
        SyntaxError { message: format!("{what} is not closed"), at: self.at, unfinished: true }
    }

    fn wrong(&self, message: &str) -> SyntaxError {
        SyntaxError { message: message.into(), at: self.at, unfinished: false }
    }

    /// The next token.
    pub(crate) fn token(&mut self) -> Result<Token, SyntaxError> {
        loop {
            self.take_while(|c| c == ' ' || c == '\t' || c == '\r');
            if self.rest().starts_with('#') {
                self.take_while(|c| c != '\n');
            }
            if !self.take("\\\n") {
                break;
            }
        }
        const OPERATORS: &[(&str, Token)] = &[
            ("&&", Token::And),
            ("||", Token::Or),
            ("&>", Token::Redirect { descriptor: None, operator: Redirector::Both }),
            ("|", Token::Pipe),
            (";;", Token::EndOfArm),
            (";", Token::Semicolon),
            ("&", Token::Background),
            ("(", Token::Open),
            (")", Token::Close),
            ("\n", Token::Newline),
        ];
        if self.peek().is_none() {
            return Ok(Token::End);
        }
        for (text, token) in OPERATORS {
            if self.take(text) {
                if *token == Token::Newline {
                    self.pass_over_documents();
                }
                return Ok(token.clone());
            }
        }
        if let Some(token) = self.redirection()? {
            return Ok(token);
        }
        Ok(Token::Word(self.word()?))
    }

    /// A redirection operator with the digits before it, or nothing consumed.
    fn redirection(&mut self) -> Result<Option<Token>, SyntaxError> {
        let start = self.at;
        let digits = self.take_while(|c| c.is_ascii_digit());
        let descriptor = digits.parse().ok().filter(|number| *number <= MAX_DESCRIPTOR);
        if digits.is_empty() == descriptor.is_none() {
            const REDIRECTORS: &[(&str, Redirector)] = &[
                ("<<-", Redirector::Here { untabbed: true }),
                ("<<", Redirector::Here { untabbed: false }),
                (">>", Redirector::File(How::Append)),
                ("<>", Redirector::File(How::ReadWrite)),
                (">&", Redirector::Duplicate),
                ("<&", Redirector::Duplicate),
                (">|", Redirector::File(How::Write)),
                (">", Redirector::File(How::Write)),
                ("<", Redirector::File(How::Read)),
            ];
            for (text, operator) in REDIRECTORS {
                let input = text.starts_with('<');
                if self.take(text) {
                    let descriptor = descriptor.or(Some(u32::from(!input)));
                    return Ok(Some(Token::Redirect { descriptor, operator: *operator }));
                }
            }
        }
        self.at = start;
        Ok(None)
    }

    fn word(&mut self) -> Result<Word, SyntaxError> {
        let mut word = Word::default();
        while let Some(next) = self.peek() {
            match next {
                c if ends_a_word(c) => break,
                '\'' => {
                    self.next();
                    let text = self.take_while(|c| c != '\'').to_owned();
                    if !self.take("'") {
                        return Err(self.unfinished("a single quote"));
                    }
                    word.parts.push(Part::Text { text, quoting: Quoting::Quoted });
                }
                '"' => {
                    self.next();
                    self.double_quoted(&mut word)?;
                }
                '\\' => {
                    self.next();
                    match self.next() {
                        Some('\n') => {}
                        Some(c) => push(&mut word, c, Quoting::Quoted),
                        None => return Err(self.unfinished("a backslash at the end")),
                    }
                }
                '$' | '`' => self.dollar(&mut word, Quoting::Bare)?,
                '~' if begins_a_path(&word) => {
                    self.next();
                    match self.peek() {
                        Some(c) if c != '/' && !ends_a_word(c) => {
                            push(&mut word, '~', Quoting::Bare)
                        }
                        _ => word.parts.push(Part::Home),
                    }
                }
                c => {
                    self.next();
                    push(&mut word, c, Quoting::Bare);
                }
            }
        }
        Ok(word)
    }

    fn double_quoted(&mut self, word: &mut Word) -> Result<(), SyntaxError> {
        // An empty pair of quotes is an empty argument, so the part stands even without text.
        word.parts.push(Part::Text { text: String::new(), quoting: Quoting::Quoted });
        self.quoted(word, Some('"'))
    }

    /// Text in which only variables, substitutions and some backslashes mean anything, up to a
    /// character; without one, up to the end.
    fn quoted(&mut self, word: &mut Word, end: Option<char>) -> Result<(), SyntaxError> {
        loop {
            match self.peek() {
                None if end.is_none() => return Ok(()),
                None => return Err(self.unfinished("a double quote")),
                Some(c) if Some(c) == end => {
                    self.next();
                    return Ok(());
                }
                Some('$' | '`') => self.dollar(word, Quoting::Quoted)?,
                Some('\\') => {
                    self.next();
                    match self.next() {
                        Some('\n') => {}
                        Some(c) if Some(c) == end || matches!(c, '\\' | '$' | '`') => {
                            push(word, c, Quoting::Quoted);
                        }
                        Some(c) => {
                            push(word, '\\', Quoting::Quoted);
                            push(word, c, Quoting::Quoted);
                        }
                        None if end.is_none() => push(word, '\\', Quoting::Quoted),
                        None => return Err(self.unfinished("a double quote")),
                    }
                }
                Some(c) => {
                    self.next();
                    push(word, c, Quoting::Quoted);
                }
            }
        }
    }
}

/// Whether a character that is not quoted ends a word.
fn ends_a_word(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>')
}

/// Whether a `~` behind this begins a path: at the front of a word, or of an assigned value.
fn begins_a_path(word: &Word) -> bool {
    let assigned = |text: &str| text.strip_suffix('=').is_some_and(crate::parser::is_name);
    word.parts.is_empty() || word.bare().is_some_and(assigned)
}

/// Appends a character to the last part if that is text of the same quoting.
fn push(word: &mut Word, c: char, quoting: Quoting) {
    match word.parts.last_mut() {
        Some(Part::Text { text, quoting: last }) if *last == quoting => text.push(c),
        _ => word.parts.push(Part::Text { text: c.to_string(), quoting }),
    }
}
