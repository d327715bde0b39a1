//! The same verdicts as `fnmatch` of the C library and as the crate `globset`, wherever they mean
//! the same by a pattern.
//!
//! Where they differ: `fnmatch` has no `**` and looks at bytes here; in `globset` an inverted set
//! takes a slash. A pattern that both take in some way and we refuse (`[` without `]`, `a**`) is no
//! case, and neither is a directory that `/***` means too.

use crate::reference::{policy, seeded};
use globset::{GlobBuilder, GlobSetBuilder};
use std::ffi::CString;
use std::time::{Duration, Instant};

const CASES: usize = 2_000_000;
/// Paths that are put to each policy.
const EACH: usize = 1000;

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

/// Lines of each policy.
const LINES: usize = 20;

fn patterns(random: &mut fastrand::Rng, more: &[&str]) -> Vec<String> {
    (0..LINES).map(|_| pattern(random, more)).collect()
}

fn paths(random: &mut fastrand::Rng, patterns: &[String]) -> Vec<String> {
    let mut one = || match random.bool() {
        true => {
            let pattern = &patterns[random.usize(..LINES)];
            like(random, pattern)
        }
        false => path(random),
    };
    (0..EACH).map(|_| one()).collect()
}

/// Two that tell the last pattern that matches, and how long each took: which is said, and decides
/// nothing.
#[derive(Default)]
struct Both {
    matched: usize,
    ours: Duration,
    theirs: Duration,
}

impl Both {
    /// Compares them; `texts` are the paths as the other one takes them.
    fn compare<T>(
        &mut self,
        patterns: &[String],
        paths: &[String],
        texts: &[T],
        last: impl FnMut(&T) -> Option<usize>,
    ) {
        let lines: Vec<String> =
            patterns.iter().map(|pattern| format!("allow r {pattern}")).collect();
        let policy = policy(&lines);
        let start = Instant::now();
        let ours: Vec<_> = paths.iter().map(|path| policy.decide(path).line).collect();
        let between = Instant::now();
        let theirs: Vec<Option<usize>> = texts.iter().map(last).collect();
        self.theirs += between.elapsed();
        self.ours += between - start;
        for ((path, ours), theirs) in paths.iter().zip(ours).zip(theirs) {
            let ours = ours.and_then(|line| policy.origin(line)).map(|origin| origin.number);
            let theirs = theirs.map(|index| u32::try_from(index).unwrap() + 1);
            assert_eq!(ours, theirs, "{lines:#?} {path}");
            self.matched += usize::from(ours.is_some());
        }
    }

    fn end(self, other: &str) {
        let Both { matched, ours, theirs } = self;
        println!("{matched} of {CASES} match; ours took {ours:?}, {other} {theirs:?}");
        assert!(matched > CASES / 20);
    }
}

#[test]
fn two_million_verdicts_are_those_of_fnmatch() {
    let mut random = seeded();
    let mut both = Both::default();
    for _ in 0..CASES / EACH {
        let patterns = patterns(&mut random, &["[!a]", "[!]a-b]", "[^b]"]);
        let paths = paths(&mut random, &patterns);
        let text = |text: &String| CString::new(text.clone()).unwrap();
        let theirs: Vec<CString> = patterns.iter().map(text).collect();
        let texts: Vec<CString> = paths.iter().map(text).collect();
        both.compare(&patterns, &paths, &texts, |text| {
            // SAFETY: both are strings that end in NUL, which live for the call.
            let matches = |theirs: &CString| unsafe {
                libc::fnmatch(theirs.as_ptr(), text.as_ptr(), libc::FNM_PATHNAME) == 0
            };
            theirs.iter().rposition(matches)
        });
    }
    both.end("fnmatch");
}

#[test]
fn two_million_verdicts_are_those_of_globset() {
    let mut random = seeded();
    let mut both = Both::default();
    for _ in 0..CASES / EACH {
        let patterns = patterns(&mut random, &["**"]);
        let mut theirs = GlobSetBuilder::new();
        for pattern in &patterns {
            theirs.add(GlobBuilder::new(pattern).literal_separator(true).build().unwrap());
        }
        let (theirs, mut found) = (theirs.build().unwrap(), Vec::new());
        let paths = paths(&mut random, &patterns);
        both.compare(&patterns, &paths, &paths, |path| {
            theirs.matches_into(path, &mut found);
            found.last().copied()
        });
    }
    both.end("globset");
}
