//! The same verdicts as `fnmatch` of the C library and as the crate `globset`, wherever they mean
//! the same by a pattern.
//!
//! Where they differ: `fnmatch` has no `**` and looks at bytes here; in `globset` an inverted set
//! takes a slash. A pattern that both take in some way and we refuse (`[` without `]`, `a**`) is no
//! case, and neither is a directory that `/***` means too.

use crate::reference::{policy, seeded};
use clavis_policy::Policy;
use globset::GlobBuilder;
use std::ffi::CString;

const CASES: usize = 2_000_000;
const EACH: usize = 100;

const LETTERS: &[&str] = &["a", "b", "ab", "c-", "-", "x.", "."];
const GLOBS: &[&str] = &["*", "?", "[ab]", "[a-c]", "[]b]", "[b-]", "\\*", "\\a", "[*?]"];

/// A path that begins with a component that no pattern puts in question: the file system's root.
fn path(random: &mut fastrand::Rng) -> String {
    let mut path = String::from("/r");
    for _ in 0..=random.usize(..4) {
        path.push('/');
        for _ in 0..=random.usize(..3) {
            path.push_str(LETTERS[random.usize(..LETTERS.len())]);
        }
        if matches!(path.rsplit('/').next(), Some("." | "..")) {
            path.push('a');
        }
    }
    path
}

fn pattern(random: &mut fastrand::Rng, more: &[&str]) -> String {
    let mut pattern = String::from("/r");
    for _ in 0..=random.usize(..4) {
        pattern.push('/');
        if more.contains(&"**") && random.usize(..4) == 0 {
            // Two in a row are one.
            pattern.push_str(if pattern.ends_with("**/") { "a" } else { "**" });
            continue;
        }
        for _ in 0..=random.usize(..3) {
            let piece = match random.usize(..LETTERS.len() + GLOBS.len() + more.len()) {
                index if index < LETTERS.len() => LETTERS[index],
                index if index < LETTERS.len() + GLOBS.len() => GLOBS[index - LETTERS.len()],
                index => more[index - LETTERS.len() - GLOBS.len()],
            };
            if !(piece.ends_with('*') && pattern.ends_with('*')) && piece != "**" {
                pattern.push_str(piece);
            }
        }
        match pattern.rsplit('/').next() {
            Some("." | "..") => pattern.push('a'),
            Some("") => pattern.push('*'),
            _ => {}
        }
    }
    pattern
}

/// A path that the pattern may match, if not quite.
fn like(random: &mut fastrand::Rng, pattern: &str) -> String {
    let mut path = String::new();
    let mut rest = pattern.chars();
    while let Some(one) = rest.next() {
        match one {
            '*' => (0..random.usize(..3))
                .for_each(|_| path.push(*random.choice(b"ab-").unwrap() as char)),
            '?' => path.push('b'),
            '[' => {
                // A `]` that comes first is in the set.
                let set: Vec<char> = rest.by_ref().skip(1).take_while(|one| *one != ']').collect();
                path.push(if set.contains(&'a') { 'c' } else { 'a' });
            }
            '\\' => path.extend(rest.next()),
            one => path.push(one),
        }
    }
    let names = path.split('/').skip(1).map(|name| match name {
        "" | "." | ".." => "/a".to_owned(),
        name => format!("/{name}"),
    });
    names.collect()
}

fn matches(policy: &Policy, path: &str) -> bool {
    policy.decide(path).line.is_some()
}

#[test]
fn two_million_verdicts_are_those_of_fnmatch() {
    let mut random = seeded();
    let mut matched = 0;
    for _ in 0..CASES / EACH {
        let pattern = pattern(&mut random, &["[!a]", "[!]a-b]", "[^b]"]);
        let ours = policy(&[format!("allow r {pattern}")]);
        let theirs = CString::new(pattern.clone()).unwrap();
        for _ in 0..EACH {
            let path = if random.bool() { like(&mut random, &pattern) } else { path(&mut random) };
            let text = CString::new(path.clone()).unwrap();
            // SAFETY: both are strings that end in NUL, which live for the call.
            let found =
                unsafe { libc::fnmatch(theirs.as_ptr(), text.as_ptr(), libc::FNM_PATHNAME) };
            assert_eq!(matches(&ours, &path), found == 0, "{pattern} {path}");
            matched += usize::from(found == 0);
        }
    }
    println!("{matched} of {CASES} match");
    assert!(matched > CASES / 20);
}

#[test]
fn two_million_verdicts_are_those_of_globset() {
    let mut random = seeded();
    let mut matched = 0;
    for _ in 0..CASES / EACH {
        let pattern = pattern(&mut random, &["**"]);
        let ours = policy(&[format!("allow r {pattern}")]);
        let theirs = GlobBuilder::new(&pattern).literal_separator(true).build().unwrap();
        let theirs = theirs.compile_matcher();
        for _ in 0..EACH {
            let path = if random.bool() { like(&mut random, &pattern) } else { path(&mut random) };
            let found = theirs.is_match(&path);
            assert_eq!(matches(&ours, &path), found, "{pattern} {path}");
            matched += usize::from(found);
        }
    }
    println!("{matched} of {CASES} match");
    assert!(matched > CASES / 20);
}
