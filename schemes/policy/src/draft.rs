//! Policy text, read line by line.
use crate::compile::compile;
use crate::decision::Verdict;
use crate::glob::{Glob, Quoted, Written};
use crate::limits;
use crate::mistake::{At, Mistake};
use crate::policy::Policy;
use crate::profiles;
use crate::rule::{Effect, Rule, given, taken};
use std::collections::BTreeMap;

/// How the text of a file that is included is found: by its name, as it was written.
pub type Include<'a> = dyn FnMut(&str) -> Result<String, String> + 'a;

/// A policy that is being written. Text with a mistake uses it up: nothing half read is sealed.
#[derive(Debug, Default)]
pub struct Draft {
    pub(crate) rules: Vec<Rule>,
    pub(crate) files: Vec<String>,
    variables: BTreeMap<String, String>,
    /// Lines that would give something are mistakes.
    takes_only: bool,
    bytes: usize,
    characters: usize,
}

impl Draft {
    /// Gives nothing.
    #[must_use]
    pub fn new() -> Draft {
        Draft::default()
    }

    /// Defines a variable for the text that is read after this.
    ///
    /// # Errors
    /// No name of a variable, or too many or too long ones.
    pub fn define(mut self, name: &str, value: &str) -> Result<Draft, Mistake> {
        let place = Place { file: name.into(), line: 0 };
        self.set(name, value.into()).map_err(|what| place.mistake(At::new(0, what)))?;
        Ok(self)
    }

    /// Reads text after what was read before; `file` is what mistakes call it.
    ///
    /// # Errors
    /// The first thing that makes no sense.
    pub fn read(mut self, file: &str, text: &str, include: &mut Include) -> Result<Draft, Mistake> {
        self.file(file, text, include, 0)?;
        Ok(self)
    }

    /// From now on lines only take away.
    pub(crate) fn taking_only(self) -> Draft {
        Draft { takes_only: true, ..self }
    }

    /// Compiles it. Nothing changes it any more.
    ///
    /// # Errors
    /// The line whose pattern makes it larger than it may be.
    pub fn seal(self) -> Result<Policy, Mistake> {
        compile(self)
    }

    fn file(
        &mut self,
        name: &str,
        text: &str,
        include: &mut Include,
        depth: usize,
    ) -> Result<(), Mistake> {
        let mut place = Place { file: name.into(), line: 0 };
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > limits::TEXT {
            let what = format!("more than {} bytes of policy", limits::TEXT);
            return Err(place.mistake(At::new(0, what)));
        }
        let file = self.files.len() as u32;
        self.files.push(name.into());
        for line in text.lines() {
            place.line = place.line.saturating_add(1);
            let wrong = |at| place.mistake(at);
            match self.line(line, file, place.line).map_err(wrong)? {
                None => {}
                Some((column, _)) if depth >= limits::DEPTH => {
                    let what = format!("files include each other more than {} deep", limits::DEPTH);
                    return Err(wrong(At::new(column, what)));
                }
                Some((_, More::Profile(name, text))) => {
                    self.file(&format!("profile {name}"), text, include, depth + 1)?;
                }
                Some((column, More::File(name))) => {
                    let text = include(&name).map_err(|why| {
                        wrong(At::new(column, format!("{name} cannot be read: {why}")))
                    })?;
                    self.file(&name, &text, include, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &str, file: u32, number: u32) -> Result<Option<(usize, More)>, At> {
        let words = words(line);
        let mut words = words.iter();
        let Some(verb) = words.next() else { return Ok(None) };
        if self.takes_only && matches!(verb.text, "allow" | "include" | "profile") {
            return Err(verb.at("a sandbox only gets less: write `deny`, `hide` or `mask`"));
        }
        let end = line.trim_end().chars().count();
        let first = words.next().ok_or_else(|| At::new(end, verb.wants()))?;
        let second = words.next();
        if let Some(third) = words.next() {
            return Err(third.at("the line goes on; a blank in a path is written `\\ `"));
        }
        let one = |what: &str| match second {
            None => Ok(first),
            Some(more) => Err(more.at(&format!("{what}; a blank in a path is written `\\ `"))),
        };
        let effect = |word: &Word, rights: Result<_, String>| rights.map_err(|why| word.at(&why));
        let (effect, pattern) = match (verb.text, second) {
            ("allow", None) => return Err(At::new(end, verb.wants())),
            ("allow", Some(pattern)) => {
                let rights = effect(first, given(first.text))?;
                (Effect::Is(Verdict::Allow(rights)), pattern)
            }
            ("deny", Some(pattern)) => {
                (Effect::Without(effect(first, taken(first.text))?), pattern)
            }
            ("deny", None) => (Effect::Is(Verdict::Deny), first),
            ("hide", _) => (Effect::Is(Verdict::Hide), one("`hide` takes one pattern")?),
            ("mask", _) => (Effect::Is(Verdict::Mask), one("`mask` takes one pattern")?),
            ("let", None) => return Err(At::new(end, verb.wants())),
            ("let", Some(value)) => {
                let value = self.plain(value)?;
                self.set(first.text, value).map_err(|why| first.at(&why))?;
                return Ok(None);
            }
            ("include", _) => {
                let name = one("`include` takes one file")?;
                return Ok(Some((name.column, More::File(self.plain(name)?))));
            }
            ("profile", _) => {
                let name = one("`profile` takes one name")?;
                let text = profiles::text(name.text).ok_or_else(|| {
                    name.at(&format!("no such profile; there are {}", profiles::names()))
                })?;
                return Ok(Some((name.column, More::Profile(name.text.into(), text))));
            }
            _ => return Err(verb.at(VERBS)),
        };
        if self.rules.len() >= limits::RULES {
            return Err(verb.at(&format!("a policy has at most {} such lines", limits::RULES)));
        }
        let glob = self.pattern(pattern)?;
        self.characters = self.characters.saturating_add(glob.elements.len());
        if self.characters > limits::PATTERNS {
            let most = limits::PATTERNS;
            return Err(pattern.at(&format!("patterns of more than {most} characters together")));
        }
        self.rules.push(Rule { effect, glob, file, number });
        Ok(None)
    }

    /// A pattern, its variables put in.
    fn pattern(&self, word: &Word) -> Result<Glob, At> {
        let (text, columns) = self.written(word)?;
        Glob::read(&text).map_err(|at| {
            let column = columns.get(at.column).or(columns.last()).copied();
            At { column: column.unwrap_or(word.column), ..at }
        })
    }

    /// Text that is no pattern.
    fn plain(&self, word: &Word) -> Result<String, At> {
        Ok(self.written(word)?.0.into_iter().map(|written| written.0).collect())
    }

    /// The characters of a word, its variables put in, and the column where each was written.
    fn written(&self, word: &Word) -> Result<(Vec<Written>, Vec<usize>), At> {
        let mut text = Vec::new();
        let mut columns = Vec::new();
        let mut rest = word.text.char_indices().zip(word.column..).peekable();
        while let Some(((start, one), column)) = rest.next() {
            match one {
                '\\' => {
                    let quoted = rest.next().ok_or_else(|| {
                        At::new(column, "nothing follows `\\`, which quotes what follows")
                    })?;
                    text.push((quoted.0.1, Quoted::Yes));
                    columns.push(column);
                }
                '$' if rest.peek().is_some_and(|next| next.0.1 == '{') => {
                    let name = word.text.get(start + 2..).unwrap_or_default();
                    let (name, _) =
                        name.split_once('}').ok_or_else(|| At::new(column, "`${` without `}`"))?;
                    let value = self.variables.get(name).ok_or_else(|| {
                        At::new(column, format!("{name} is not defined: write `let {name} VALUE`"))
                    })?;
                    text.extend(value.chars().map(|one| (one, Quoted::Yes)));
                    columns.resize(text.len(), column);
                    // The brace, the name and the other brace.
                    rest.nth(name.chars().count() + 1);
                }
                _ => {
                    text.push((one, Quoted::No));
                    columns.push(column);
                }
            }
            if text.len() > limits::VALUE {
                let most = limits::VALUE;
                return Err(At::new(column, format!("longer than {most} characters")));
            }
        }
        Ok((text, columns))
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        let letter = |one: char| one.is_ascii_alphanumeric() || one == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(letter) {
            return Err("a variable's name has letters, digits and `_`, at most 64".into());
        }
        if value.len() > limits::VALUE {
            return Err(format!("a variable has at most {} bytes", limits::VALUE));
        }
        if self.variables.len() >= limits::VARIABLES && !self.variables.contains_key(name) {
            return Err(format!("at most {} variables", limits::VARIABLES));
        }
        self.variables.insert(name.into(), value);
        Ok(())
    }
}

const VERBS: &str = "a line begins with allow, deny, hide, mask, let, include, profile or #";

/// What a line asks to be read.
enum More {
    File(String),
    Profile(String, &'static str),
}

/// The line that is being read.
struct Place {
    file: String,
    line: u32,
}

impl Place {
    fn mistake(&self, at: At) -> Mistake {
        let column = u32::try_from(at.column).unwrap_or(u32::MAX).saturating_add(1);
        Mistake { file: self.file.clone(), line: self.line, column, what: at.what }
    }
}

/// A word of a line, and where it begins.
struct Word<'a> {
    text: &'a str,
    column: usize,
}

impl Word<'_> {
    fn at(&self, what: &str) -> At {
        At::new(self.column, what)
    }

    /// What a line that begins with it lacks.
    fn wants(&self) -> String {
        match self.text {
            "allow" => "write `allow RIGHTS PATTERN`".into(),
            "deny" => "write `deny PATTERN` or `deny RIGHTS PATTERN`".into(),
            "hide" | "mask" => format!("write `{} PATTERN`", self.text),
            "let" => "write `let NAME VALUE`".into(),
            "include" => "write `include FILE`".into(),
            "profile" => "write `profile NAME`".into(),
            _ => VERBS.into(),
        }
    }
}

/// The words of a line; none of a comment. A quoted blank belongs to its word.
fn words(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    if line.trim_start().starts_with('#') {
        return words;
    }
    let mut begun: Option<(usize, usize)> = None;
    let mut quoted = false;
    for (column, (index, one)) in line.char_indices().enumerate() {
        if one.is_whitespace() && !quoted {
            if let Some((start, column)) = begun.take() {
                words.push(Word { text: line.get(start..index).unwrap_or_default(), column });
            }
        } else if begun.is_none() {
            begun = Some((index, column));
        }
        quoted = one == '\\' && !quoted;
    }
    if let Some((start, column)) = begun {
        words.push(Word { text: line.get(start..).unwrap_or_default(), column });
    }
    words
}
