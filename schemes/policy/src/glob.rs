//! Patterns: read, put in order, printed.
//!
//! `/scheme/NAME/…` is a place in that scheme and every other path one in `file`, so a pattern
//! begins with the scheme here, and no glob for files matches in another scheme.
use crate::limits;
use crate::mistake::At;
use std::fmt::Write;

/// What a pattern is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Element {
    /// This character; `/` begins a component.
    Char(char),
    /// `?`: one character of a name.
    Any,
    /// `[…]`: one character of a name.
    Class(Class),
    /// `*`: any characters of a name, or none.
    Star,
    /// `**`: whole components, or none.
    Run,
}

/// A set of characters, without `/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Class {
    /// In order, apart from each other.
    pub(crate) ranges: Vec<(char, char)>,
    /// Those that are not in the ranges.
    pub(crate) inverted: bool,
}

impl Class {
    fn new(mut ranges: Vec<(char, char)>, inverted: bool) -> Class {
        ranges.sort_unstable();
        let mut merged: Vec<(char, char)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if u32::from(low) <= u32::from(last.1).saturating_add(1) => {
                    last.1 = last.1.max(high);
                }
                _ => merged.push((low, high)),
            }
        }
        Class { ranges: merged, inverted }
    }

    /// Whether it has the character.
    pub(crate) fn has(&self, one: char) -> bool {
        let after = self.ranges.partition_point(|range| range.1 < one);
        let inside = self.ranges.get(after).is_some_and(|range| range.0 <= one);
        one != '/' && inside != self.inverted
    }
}

/// What comes after the last component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Below {
    /// Nothing.
    Nothing,
    /// `/**`: everything below, and not the path itself.
    Only,
    /// `/***`: everything below, and the path itself.
    Too,
}

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Glob {
    /// Without the ending; no two stars and no two runs follow each other.
    pub(crate) elements: Vec<Element>,
    pub(crate) below: Below,
}

/// A character as it is written, or one that was quoted or came out of a variable.
pub(crate) type Written = (char, Quoted);

/// Whether a character stands for itself whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoted {
    Yes,
    No,
}

impl Glob {
    /// Reads a pattern; columns count in what is given.
    pub(crate) fn read(text: &[Written]) -> Result<Glob, At> {
        let bytes: usize = text.iter().map(|written| written.0.len_utf8()).sum();
        if bytes > limits::PATTERN {
            return Err(At::new(0, format!("a pattern has at most {} bytes", limits::PATTERN)));
        }
        if text.first().is_none_or(|written| written.0 != '/') {
            return Err(At::new(0, "write an absolute path: `/home/me/***`"));
        }
        if let Some(column) = text.iter().position(|written| written.0.is_control()) {
            return Err(At::new(column, "a pattern has no control characters"));
        }
        let mut glob = Glob { elements: Vec::new(), below: Below::Nothing };
        let mut first = true;
        let mut start = 0;
        for part in text.split(|written| written.0 == '/') {
            let column = start;
            start += part.len() + 1;
            if part.is_empty() || is(part, ".") {
                continue;
            }
            if glob.below == Below::Too {
                return Err(At::new(column, "nothing follows `***`"));
            }
            if first {
                first = false;
                if is(part, "scheme") {
                    continue;
                }
                glob.elements.push(Element::Char('/'));
                glob.elements.extend("file".chars().map(Element::Char));
            }
            glob.component(part).map_err(|at| at.within(column))?;
        }
        if first {
            glob.elements.push(Element::Char('/'));
            glob.elements.extend("file".chars().map(Element::Char));
        }
        Ok(glob)
    }

    fn component(&mut self, part: &[Written]) -> Result<(), At> {
        if is(part, "..") {
            return Err(At::new(0, "a pattern does not climb"));
        }
        let stars = part.iter().all(|written| *written == ('*', Quoted::No));
        match part.len() {
            2 if stars => self.below = Below::Only,
            3 if stars => self.below = Below::Too,
            _ => {
                if self.below == Below::Only {
                    self.below = Below::Nothing;
                    self.elements.push(Element::Run);
                }
                self.elements.push(Element::Char('/'));
                let mut rest = part;
                while let Some((element, after)) =
                    next(rest).map_err(|at| at.within(part.len() - rest.len()))?
                {
                    if element == Element::Star && self.elements.last() == Some(&Element::Star) {
                        let column = part.len() - rest.len();
                        return Err(At::new(column, "`**` and `***` stand alone between slashes"));
                    }
                    self.elements.push(element);
                    rest = after;
                }
            }
        }
        Ok(())
    }

    /// The pattern in its one form: two patterns have the same exactly if they are the same.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for element in &self.elements {
            match element {
                Element::Char('/') => text.push('/'),
                Element::Char(one) => quote(&mut text, *one),
                Element::Any => text.push('?'),
                Element::Star => text.push('*'),
                Element::Run => text.push_str("/**"),
                Element::Class(class) => {
                    text.push_str(if class.inverted { "[!" } else { "[" });
                    for (low, high) in &class.ranges {
                        // Nothing can go wrong where a string is written to.
                        let _ = write!(text, "\\{low}-\\{high}");
                    }
                    text.push(']');
                }
            }
        }
        text.push_str(match self.below {
            Below::Nothing => "",
            Below::Only => "/**",
            Below::Too => "/***",
        });
        text
    }
}

fn is(part: &[Written], text: &str) -> bool {
    part.iter().map(|written| written.0).eq(text.chars())
}

/// The first element of a component, and what follows it.
fn next(part: &[Written]) -> Result<Option<(Element, &[Written])>, At> {
    let Some((first, rest)) = part.split_first() else { return Ok(None) };
    Ok(Some(match *first {
        ('*', Quoted::No) => (Element::Star, rest),
        ('?', Quoted::No) => (Element::Any, rest),
        ('[', Quoted::No) => class(rest)?,
        (one, _) => (Element::Char(one), rest),
    }))
}

/// A class whose `[` was read; columns count from that.
fn class(part: &[Written]) -> Result<(Element, &[Written]), At> {
    let inverted = matches!(part.first(), Some((first, Quoted::No)) if matches!(first, '!' | '^'));
    let mut rest = part.get(usize::from(inverted)..).unwrap_or_default();
    let mut ranges = Vec::new();
    loop {
        let column = part.len() - rest.len() + 1;
        let (low, after) = match rest {
            [(']', Quoted::No), after @ ..] if !ranges.is_empty() => {
                return Ok((Element::Class(Class::new(ranges, inverted)), after));
            }
            [(low, _), after @ ..] => (*low, after),
            [] => return Err(At::new(0, "`[` without `]` in the same component")),
        };
        match after {
            // A `-` before the end is one.
            [('-', Quoted::No), (']', Quoted::No), ..] => {
                ranges.push((low, low));
                rest = after;
            }
            [('-', Quoted::No), (high, _), after @ ..] => {
                if *high < low {
                    return Err(At::new(column, format!("`{low}-{high}` is no range")));
                }
                ranges.push((low, *high));
                rest = after;
            }
            _ => {
                ranges.push((low, low));
                rest = after;
            }
        }
    }
}

fn quote(text: &mut String, one: char) {
    if matches!(one, '*' | '?' | '[' | ']' | '\\' | '$' | '#') || one.is_whitespace() {
        text.push('\\');
    }
    text.push(one);
}

/// A path as a pattern that matches it alone.
#[must_use]
pub fn quoted(path: &str) -> String {
    let mut text = String::new();
    path.chars().for_each(|one| quote(&mut text, one));
    text
}
