//! Tokens to a program, by recursive descent with a bounded depth.
use crate::lexer::{Lexer, Redirector, Token};
mod compound;

use crate::syntax::{
    Assignment, Chain, Command, Connector, How, Item, Mode, Part, Pipeline, Program, Quoting,
    Redirection, Sense, Simple, Target, Word,
};
use std::fmt;

/// Greatest depth of nested compounds and substitutions.
pub const MAX_DEPTH: usize = 64;

/// Why a text is no program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong, for a person.
    pub message: String,
    /// Byte offset near which it was noticed.
    pub at: usize,
    /// Whether more text could mend it: an interactive shell asks for another line.
    pub unfinished: bool,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "syntax error at character {}: {}", self.at + 1, self.message)
    }
}

impl std::error::Error for SyntaxError {}

/// Parses a whole text.
///
/// # Errors
/// What is wrong with it, where, and whether more text could mend it.
pub fn parse(text: &str) -> Result<Program, SyntaxError> {
    Parser::whole(text, 0)
}

/// Words that end a list where a command could stand.
const CLOSERS: &[&str] = &["then", "elif", "else", "fi", "do", "done", "esac", "}"];

pub(crate) struct Parser<'a> {
    lexer: Lexer<'a>,
    peeked: Option<Token>,
    depth: usize,
}

type Parsed<T> = Result<T, SyntaxError>;

impl<'a> Parser<'a> {
    /// Parses all of a text.
    pub(crate) fn whole(text: &'a str, depth: usize) -> Parsed<Program> {
        let mut parser = Self::at(text, 0, depth)?;
        let program = parser.list()?;
        match parser.next()? {
            Token::End => Ok(program),
            other => Err(parser.unexpected(&other)),
        }
    }

    /// Parses up to the `)` that closes a substitution; gives the offset after it.
    pub(crate) fn nested(text: &'a str, at: usize, depth: usize) -> Parsed<(Program, usize)> {
        let mut parser = Self::at(text, at, depth)?;
        let program = parser.list()?;
        match parser.next()? {
            Token::Close => Ok((program, parser.lexer.position())),
            other => Err(parser.wanted("`)`", &other)),
        }
    }

    fn at(text: &'a str, at: usize, depth: usize) -> Parsed<Self> {
        let parser = Self { lexer: Lexer::new(text, at, depth), peeked: None, depth };
        parser.check_depth()?;
        Ok(parser)
    }

    fn check_depth(&self) -> Parsed<()> {
        if self.depth > MAX_DEPTH { Err(self.wrong("too deeply nested".into())) } else { Ok(()) }
    }

    fn wrong(&self, message: String) -> SyntaxError {
        SyntaxError { message, at: self.lexer.position(), unfinished: false }
    }

    fn unexpected(&self, token: &Token) -> SyntaxError {
        let unfinished = *token == Token::End;
        let message = format!("{} is not expected here", token.shown());
        SyntaxError { message, at: self.lexer.position(), unfinished }
    }

    fn wanted(&self, what: &str, token: &Token) -> SyntaxError {
        let unfinished = *token == Token::End;
        let message = format!("{what} is missing before {}", token.shown());
        SyntaxError { message, at: self.lexer.position(), unfinished }
    }

    fn peek(&mut self) -> Parsed<&Token> {
        if self.peeked.is_none() {
            self.peeked = Some(self.lexer.token()?);
        }
        Ok(self.peeked.as_ref().unwrap_or(&Token::End))
    }

    fn next(&mut self) -> Parsed<Token> {
        match self.peeked.take() {
            Some(token) => Ok(token),
            None => self.lexer.token(),
        }
    }

    fn skip_newlines(&mut self) -> Parsed<()> {
        while *self.peek()? == Token::Newline {
            self.next()?;
        }
        Ok(())
    }

    fn keyword(&mut self, keyword: &str) -> Parsed<bool> {
        let found = matches!(self.peek()?, Token::Word(word) if word.bare() == Some(keyword));
        if found {
            self.next()?;
        }
        Ok(found)
    }

    fn demand(&mut self, keyword: &str) -> Parsed<()> {
        if self.keyword(keyword)? {
            return Ok(());
        }
        let token = self.next()?;
        Err(self.wanted(&format!("`{keyword}`"), &token))
    }

    /// Chains up to something that cannot begin one, which stays unread.
    fn list(&mut self) -> Parsed<Program> {
        let mut program = Program::default();
        loop {
            self.skip_newlines()?;
            let ends = match self.peek()? {
                Token::End | Token::Close | Token::EndOfArm => true,
                Token::Word(word) => word.bare().is_some_and(|text| CLOSERS.contains(&text)),
                _ => false,
            };
            if ends {
                return Ok(program);
            }
            let chain = self.chain()?;
            let mode = match self.peek()? {
                Token::Background => Mode::Background,
                _ => Mode::Foreground,
            };
            program.items.push(Item { chain, mode });
            match self.peek()? {
                Token::Semicolon | Token::Background | Token::Newline => {
                    self.next()?;
                }
                _ => return Ok(program),
            }
        }
    }

    /// A list that must not be empty.
    fn body(&mut self) -> Parsed<Program> {
        let program = self.list()?;
        if program.items.is_empty() {
            let token = self.next()?;
            return Err(self.wanted("a command", &token));
        }
        Ok(program)
    }

    fn chain(&mut self) -> Parsed<Chain> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            let connector = match self.peek()? {
                Token::And => Connector::And,
                Token::Or => Connector::Or,
                _ => return Ok(Chain { first, rest }),
            };
            self.next()?;
            self.skip_newlines()?;
            rest.push((connector, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Parsed<Pipeline> {
        let mut sense = Sense::Plain;
        while self.keyword("!")? {
            sense = if sense == Sense::Plain { Sense::Negated } else { Sense::Plain };
        }
        let mut commands = vec![self.command()?];
        while *self.peek()? == Token::Pipe {
            self.next()?;
            self.skip_newlines()?;
            commands.push(self.command()?);
        }
        Ok(Pipeline { sense, commands })
    }

    fn command(&mut self) -> Parsed<Command> {
        self.depth += 1;
        self.check_depth()?;
        self.lexer.set_depth(self.depth);
        let command = match self.compound()? {
            Some(compound) => self.redirected(compound)?,
            None => {
                let simple = self.simple()?;
                match function_name(&simple) {
                    Some(name) if *self.peek()? == Token::Open => {
                        let function = self.function(name)?;
                        Command::Compound(function, Vec::new())
                    }
                    _ => Command::Simple(simple),
                }
            }
        };
        self.depth -= 1;
        self.lexer.set_depth(self.depth);
        Ok(command)
    }

    fn simple(&mut self) -> Parsed<Simple> {
        let mut simple = Simple::default();
        loop {
            if self.redirection(&mut simple.redirections)? {
                continue;
            }
            if !matches!(self.peek()?, Token::Word(_)) {
                break;
            }
            let Token::Word(word) = self.next()? else { break };
            match assignment(&word) {
                Some(assignment) if simple.words.is_empty() => simple.assignments.push(assignment),
                _ => simple.words.push(word),
            }
        }
        let token = self.peek()?.clone();
        if simple == Simple::default() {
            return Err(self.unexpected(&token));
        }
        Ok(simple)
    }

    /// Reads one redirection if one stands here.
    fn redirection(&mut self, into: &mut Vec<Redirection>) -> Parsed<bool> {
        let Token::Redirect { descriptor, operator } = *self.peek()? else { return Ok(false) };
        self.next()?;
        let word = match self.next()? {
            Token::Word(word) => word,
            other => return Err(self.wanted("the target of a redirection", &other)),
        };
        let descriptor = descriptor.unwrap_or(1);
        match operator {
            Redirector::File(how) => {
                into.push(Redirection { descriptor, target: Target::File(how, word) });
            }
            Redirector::Duplicate => {
                let target = match word.bare().map(|text| (text, text.parse())) {
                    Some(("-", _)) => Target::Closed,
                    Some((_, Ok(number))) => Target::Descriptor(number),
                    _ => {
                        let message = "`>&` needs a descriptor's number or `-` after it";
                        return Err(self.wrong(message.into()));
                    }
                };
                into.push(Redirection { descriptor, target });
            }
            Redirector::Here { untabbed } => {
                let text = self.lexer.document(&word, untabbed)?;
                into.push(Redirection { descriptor, target: Target::Text(text) });
            }
            Redirector::Both => {
                let target = Target::File(How::Write, word);
                into.push(Redirection { descriptor: 1, target });
                into.push(Redirection { descriptor: 2, target: Target::Descriptor(1) });
            }
        }
        Ok(true)
    }
}

/// Whether a text can name a variable.
pub(crate) fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The name, if the command is one word that can name a function.
fn function_name(simple: &Simple) -> Option<String> {
    let Simple { assignments, words, redirections } = simple;
    let [word] = words.as_slice() else { return None };
    let name = word.bare().filter(|name| is_name(name))?;
    (assignments.is_empty() && redirections.is_empty()).then(|| name.to_owned())
}

/// The word as an assignment, if its first, unquoted text begins with `NAME=`.
fn assignment(word: &Word) -> Option<Assignment> {
    let (first, rest) = word.parts.split_first()?;
    let Part::Text { text, quoting: Quoting::Bare } = first else { return None };
    let (name, value) = text.split_once('=')?;
    if !is_name(name) {
        return None;
    }
    let mut parts = Vec::with_capacity(word.parts.len());
    if !value.is_empty() {
        parts.push(Part::Text { text: value.to_owned(), quoting: Quoting::Bare });
    }
    parts.extend_from_slice(rest);
    Some(Assignment { name: name.to_owned(), value: Word { parts } })
}
