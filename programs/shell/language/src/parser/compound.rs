//! Commands that are made of programs.
use super::{Parsed, Parser, is_name};
use crate::lexer::Token;
use crate::syntax::{Command, Compound, Program, Sense, Word};
use std::sync::Arc;

impl Parser<'_> {
    pub(super) fn compound(&mut self) -> Parsed<Option<Compound>> {
        let keyword = match self.peek()? {
            Token::Open => "(".to_owned(),
            Token::Word(word) => word.bare().unwrap_or("").to_owned(),
            _ => return Ok(None),
        };
        let compound = match keyword.as_str() {
            "(" => {
                self.next()?;
                let program = self.body()?;
                match self.next()? {
                    Token::Close => Compound::Subshell(program),
                    other => return Err(self.wanted("`)`", &other)),
                }
            }
            "{" => {
                self.next()?;
                let program = self.body()?;
                self.demand("}")?;
                Compound::Group(program)
            }
            "if" => self.conditional()?,
            "while" | "until" => {
                self.next()?;
                let sense = if keyword == "while" { Sense::Plain } else { Sense::Negated };
                let condition = self.body()?;
                let body = self.do_body()?;
                Compound::Loop { sense, condition, body }
            }
            "for" => self.for_loop()?,
            "case" => self.case()?,
            "function" | "select" | "[[" => {
                return Err(self.wrong(format!("`{keyword}` is not supported")));
            }
            _ => return Ok(None),
        };
        Ok(Some(compound))
    }

    fn do_body(&mut self) -> Parsed<Program> {
        self.demand("do")?;
        let body = self.body()?;
        self.demand("done")?;
        Ok(body)
    }

    fn conditional(&mut self) -> Parsed<Compound> {
        let mut branches = Vec::new();
        let mut otherwise = None;
        self.next()?;
        loop {
            let condition = self.body()?;
            self.demand("then")?;
            branches.push((condition, self.body()?));
            if self.keyword("elif")? {
                continue;
            }
            if self.keyword("else")? {
                otherwise = Some(self.body()?);
            }
            self.demand("fi")?;
            return Ok(Compound::If { branches, otherwise });
        }
    }

    fn for_loop(&mut self) -> Parsed<Compound> {
        self.next()?;
        let name = match self.next()? {
            Token::Word(word) if word.bare().is_some_and(is_name) => {
                word.bare().unwrap_or("").to_owned()
            }
            other => return Err(self.wanted("a variable's name", &other)),
        };
        self.skip_newlines()?;
        let mut words = None;
        if self.keyword("in")? {
            let mut list = Vec::new();
            while let Token::Word(_) = self.peek()? {
                if let Token::Word(word) = self.next()? {
                    list.push(word);
                }
            }
            words = Some(list);
        }
        if *self.peek()? == Token::Semicolon {
            self.next()?;
        }
        self.skip_newlines()?;
        let body = self.do_body()?;
        Ok(Compound::For { name, words, body })
    }

    /// A compound command with the redirections behind it.
    pub(super) fn redirected(&mut self, compound: Compound) -> Parsed<Command> {
        let mut redirections = Vec::new();
        while self.redirection(&mut redirections)? {}
        Ok(Command::Compound(compound, redirections))
    }

    /// What stands behind the name of a function that is being defined.
    pub(super) fn function(&mut self, name: String) -> Parsed<Compound> {
        self.next()?;
        match self.next()? {
            Token::Close => {}
            other => return Err(self.wanted("`)`", &other)),
        }
        self.skip_newlines()?;
        match self.compound()? {
            Some(body) => Ok(Compound::Function { name, body: Arc::new(self.redirected(body)?) }),
            None => {
                let token = self.next()?;
                Err(self.wanted("what the function does, as `{ … }`,", &token))
            }
        }
    }

    fn case(&mut self) -> Parsed<Compound> {
        self.next()?;
        let word = self.any_word("what is compared")?;
        self.skip_newlines()?;
        self.demand("in")?;
        let mut arms = Vec::new();
        loop {
            self.skip_newlines()?;
            if self.keyword("esac")? {
                return Ok(Compound::Case { word, arms });
            }
            if *self.peek()? == Token::Open {
                self.next()?;
            }
            let mut patterns = vec![self.any_word("a pattern")?];
            while *self.peek()? == Token::Pipe {
                self.next()?;
                patterns.push(self.any_word("a pattern")?);
            }
            match self.next()? {
                Token::Close => {}
                other => return Err(self.wanted("`)`", &other)),
            }
            arms.push((patterns, self.list()?));
            if *self.peek()? == Token::EndOfArm {
                self.next()?;
                continue;
            }
            self.demand("esac")?;
            return Ok(Compound::Case { word, arms });
        }
    }

    fn any_word(&mut self, what: &str) -> Parsed<Word> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            other => Err(self.wanted(what, &other)),
        }
    }
}
