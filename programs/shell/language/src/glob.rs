//! Globs: which names a pattern stands for. Matching one name is the `fast-glob` crate's work; the
//! walk over directories and the rules of a shell are here.
use crate::syntax::{End, Quoting};

/// Most names that one pattern expands to.
pub const MAX_MATCHES: usize = 65_536;

/// What a walk asks of the file system.
pub trait Directory {
    /// The names in a directory ("" is the current one); none if it cannot be listed.
    fn names(&self, directory: &str) -> Vec<String>;
    /// Whether something has that path.
    fn exists(&self, path: &str) -> bool;
}

/// Appends text to a pattern, escaped where it is not meant as a wildcard. Says whether it brought
/// an unquoted wildcard.
pub fn append(pattern: &mut String, text: &str, quoting: Quoting) -> bool {
    let mut wild = false;
    for c in text.chars() {
        let meta = matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '!' | '^' | '-' | '\\' | ',');
        // Braces are no wildcards in this language.
        let literal = quoting == Quoting::Quoted || matches!(c, '{' | '}' | '\\' | ',');
        if meta && literal {
            pattern.push('\\');
        }
        wild |= !literal && matches!(c, '*' | '?' | '[');
        pattern.push(c);
    }
    wild
}

/// The paths that a pattern stands for, sorted; none if nothing matches.
#[must_use]
pub fn matches(pattern: &str, directory: &dyn Directory) -> Vec<String> {
    let mut paths = vec![String::new()];
    let mut rest = pattern;
    let mut walked = false;
    while !rest.is_empty() {
        let end = rest.find('/').unwrap_or(rest.len());
        let (component, after) = rest.split_at(end);
        let slashes = after.len() - after.trim_start_matches('/').len();
        let separator = after.get(..slashes).unwrap_or("");
        rest = after.get(slashes..).unwrap_or("");
        let mut next = Vec::new();
        for path in &paths {
            if is_wild(component) {
                walked = true;
                for name in directory.names(path) {
                    if next.len() < MAX_MATCHES && name_matches(component, &name) {
                        next.push(format!("{path}{name}{separator}"));
                    }
                }
            } else {
                let path = format!("{path}{}", unescaped(component));
                if !walked || directory.exists(&path) {
                    next.push(format!("{path}{separator}"));
                }
            }
        }
        paths = next;
    }
    if !walked {
        return Vec::new();
    }
    paths.retain(|path| !path.ends_with('/') || directory.exists(path));
    paths.sort();
    paths
}

/// Whether a name matches one component of a pattern. A leading dot is matched only by a dot.
#[must_use]
pub fn name_matches(component: &str, name: &str) -> bool {
    if name.starts_with('.') && !component.starts_with('.') && !component.starts_with("\\.") {
        return false;
    }
    if component.starts_with('!') {
        // At the front, the crate would read it as a negation.
        return fast_glob::glob_match(format!("\\{component}"), name);
    }
    fast_glob::glob_match(component, name)
}

/// Whether a text matches a pattern as a whole. Dots and slashes in it are like any other
/// character.
#[must_use]
pub fn text_matches(pattern: &str, text: &str) -> bool {
    // The crate's wildcards stop at slashes. A NUL stands in no text of a shell.
    let plain = |text: &str| text.replace('/', "\0");
    let pattern = plain(pattern);
    let pattern = if pattern.starts_with('!') { format!("\\{pattern}") } else { pattern };
    fast_glob::glob_match(pattern, plain(text))
}

/// What is left of a text when what a pattern matches at one end is cut off.
#[must_use]
pub fn trimmed<'a>(text: &'a str, pattern: &str, end: End, longest: bool) -> &'a str {
    let cuts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let mut halves: Vec<(&str, &str)> = cuts.map(|at| text.split_at(at)).collect();
    // The shortest match is at the first cut from the front, and at the last one from the back.
    if longest == (end == End::Front) {
        halves.reverse();
    }
    let found = halves.into_iter().find_map(|(before, after)| {
        let (cut, left) = if end == End::Front { (before, after) } else { (after, before) };
        text_matches(pattern, cut).then_some(left)
    });
    found.unwrap_or(text)
}

fn is_wild(component: &str) -> bool {
    let mut escaped = false;
    component.chars().any(|c| {
        let wild = !escaped && matches!(c, '*' | '?' | '[');
        escaped = c == '\\' && !escaped;
        wild
    })
}

fn unescaped(component: &str) -> String {
    let mut text = String::with_capacity(component.len());
    let mut chars = component.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}
