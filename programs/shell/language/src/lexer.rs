//! Text to tokens. Quotes, variables and substitutions are resolved into the parts of a word here;
//! a substitution hands the text on to a parser one level deeper.
use crate::parser::{Parser, SyntaxError};
use crate::syntax::{Empty, Form, How, Otherwise, Part, Quoting, Word};

/// Greatest descriptor number that a redirection may name.
const MAX_DESCRIPTOR: u32 = 255;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Word(Word),
    And,
    Or,
    Pipe,
    Semicolon,
    Background,
    Open,
    Close,
    Newline,
    Redirect { descriptor: Option<u32>, operator: Redirector },
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
}

#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str, at: usize, depth: usize) -> Self {
        Self { text, at, depth }
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
            if self.take("<<") {
                return Err(self.wrong("here-documents (`<<`) are not supported"));
            }
            const REDIRECTORS: &[(&str, Redirector)] = &[
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
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
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
        loop {
            match self.peek() {
                None => return Err(self.unfinished("a double quote")),
                Some('"') => {
                    self.next();
                    return Ok(());
                }
                Some('$' | '`') => self.dollar(word, Quoting::Quoted)?,
                Some('\\') => {
                    self.next();
                    match self.next() {
                        Some('\n') => {}
                        Some(c @ ('"' | '\\' | '$' | '`')) => push(word, c, Quoting::Quoted),
                        Some(c) => {
                            push(word, '\\', Quoting::Quoted);
                            push(word, c, Quoting::Quoted);
                        }
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

    /// What stands at a `$` or a backquote.
    fn dollar(&mut self, word: &mut Word, quoting: Quoting) -> Result<(), SyntaxError> {
        if self.take("`") {
            let program = self.backquoted()?;
            word.parts.push(Part::Substitution { program, quoting });
            return Ok(());
        }
        if self.rest().starts_with("$((") {
            return Err(self.wrong("arithmetic (`$((`) is not supported"));
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

/// Appends a character to the last part if that is text of the same quoting.
fn push(word: &mut Word, c: char, quoting: Quoting) {
    match word.parts.last_mut() {
        Some(Part::Text { text, quoting: last }) if *last == quoting => text.push(c),
        _ => word.parts.push(Part::Text { text: c.to_string(), quoting }),
    }
}
