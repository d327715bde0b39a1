//! The least policy for what a program did.
use crate::glob::quoted;
use crate::policy::places;
use clavis_abi::Rights;
use clavis_render::rights;
use std::collections::BTreeMap;

/// A path, and the rights that were used there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Absolute, without `..`.
    pub path: String,
    /// What was used.
    pub rights: Rights,
}

/// What came of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// Policy text: a line for each path.
    pub text: String,
    /// Paths that no policy can name: not absolute, with `..`, or with control characters.
    pub left_out: Vec<String>,
}

/// The policy that allows every use of a record, and nothing else: a line for each path, with the
/// rights that were used there.
#[must_use]
pub fn learn(uses: &[Use]) -> Learned {
    let mut lines: BTreeMap<String, Rights> = BTreeMap::new();
    let mut left_out = Vec::new();
    for one in uses {
        match written(&one.path) {
            None => left_out.push(one.path.clone()),
            Some(_) if one.rights.is_empty() => {}
            Some(path) => *lines.entry(path).or_default() |= one.rights,
        }
    }
    let mut text = String::new();
    for (path, rights) in lines {
        text.push_str(&format!("allow {} {}\n", shortest(rights), quoted(&path)));
    }
    Learned { text, left_out }
}

/// A path as policies write it: files without their scheme.
fn written(path: &str) -> Option<String> {
    if path.chars().any(char::is_control) {
        return None;
    }
    let mut names = places(path)?.peekable();
    let file = names.next_if_eq(&"file").is_some();
    // A file named `scheme` at the top would be read as the schemes.
    let front = match names.peek() {
        None if file => "/",
        Some(&"scheme") if file => "/scheme/file",
        _ if file => "",
        _ => "/scheme",
    };
    Some(names.fold(front.to_owned(), |path, name| path + "/" + name))
}

/// Letters if they mean exactly these rights, otherwise names.
fn shortest(wanted: Rights) -> String {
    let letters = rights::LETTERS;
    for choice in 1..1_u32 << letters.len() {
        let chosen = || letters.iter().enumerate().filter(|(bit, _)| choice & 1 << bit != 0);
        if chosen().fold(Rights::empty(), |sum, (_, letter)| sum | letter.1) == wanted {
            return chosen().map(|(_, letter)| letter.0).collect();
        }
    }
    rights::compact(wanted)
}
