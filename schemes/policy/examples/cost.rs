//! What a decision costs, beside `fnmatch` and `globset`: `cargo run --release --example cost`
//! prints nanoseconds; `cost NAME ROUNDS` only decides, for a tool that counts instructions.
use clavis_policy::{Draft, Policy};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::ffi::CString;
use std::hint::black_box;
use std::time::Instant;

/// Rules of one kind, and a path of 200 bytes that the last of them matches.
struct Case {
    name: &'static str,
    patterns: Vec<String>,
    path: String,
}

fn cases() -> Vec<Case> {
    let deep = |end: &str| {
        let mut path = String::from("/srv/data");
        while path.len() + end.len() < 184 {
            path.push_str("/some-directory");
        }
        let short = 200 - path.len() - end.len() - 1;
        path + "/" + &"x".repeat(short) + end
    };
    let numbered = |of: &dyn Fn(usize) -> String| (0..1000).map(of).collect::<Vec<_>>();
    let literal = deep("/item999/file");
    let start = literal.trim_end_matches("/item999/file").to_owned();
    vec![
        Case {
            name: "literal",
            patterns: numbered(&|n| format!("{start}/item{n}/file")),
            path: literal,
        },
        Case {
            name: "endings",
            patterns: numbered(&|n| format!("/srv/**/*.kind{n}")),
            path: deep(".kind999"),
        },
        Case {
            name: "names",
            patterns: numbered(&|n| format!("/*/data/**/a?[0-9]*-{n}/**")),
            path: deep("/ab7-z-999/x"),
        },
        Case { name: "one", patterns: vec!["/srv/data/**/*.rs".into()], path: deep("/main.rs") },
    ]
}

fn policy(patterns: &[String]) -> Policy {
    let text: String = patterns.iter().map(|pattern| format!("allow r {pattern}\n")).collect();
    let none = &mut |_: &str| Err("nothing is included".to_owned());
    let draft = Draft::new().read("cost", &text, none);
    draft.and_then(Draft::seal).unwrap_or_else(|mistake| panic!("{mistake}"))
}

fn set(patterns: &[String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        set.add(glob.unwrap_or_else(|error| panic!("{error}")));
    }
    set.build().unwrap_or_else(|error| panic!("{error}"))
}

/// The last pattern that matches. `fnmatch` knows no `**`: it gets `*` for it, which does less.
fn last(patterns: &[CString], path: &CString) -> Option<usize> {
    // SAFETY: both are strings that end in NUL, which live for the call.
    let matches = |pattern: &CString| unsafe {
        libc::fnmatch(pattern.as_ptr(), path.as_ptr(), libc::FNM_PATHNAME) == 0
    };
    patterns.iter().rposition(matches)
}

fn strings(patterns: &[String]) -> Vec<CString> {
    let string = |pattern: &String| CString::new(pattern.replace("**", "*"));
    patterns.iter().filter_map(|pattern| string(pattern).ok()).collect()
}

fn time(rounds: u32, mut what: impl FnMut()) -> u128 {
    let start = Instant::now();
    (0..rounds).for_each(|_| what());
    start.elapsed().as_nanos() / u128::from(rounds)
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [name, matcher, rounds] = words.as_slice() {
        let rounds: u32 = rounds.parse().unwrap_or(1);
        for case in cases().iter().filter(|case| case.name == name) {
            run(case, matcher, rounds);
        }
        return;
    }
    println!("ns per path of 200 bytes  ours: first  seen  same directory  globset  fnmatch");
    for case in cases() {
        let policy = policy(&case.patterns);
        let first = time(1, || {
            black_box(policy.decide(&case.path));
        });
        let apart = time(10_000, || {
            black_box(policy.decide(black_box(&case.path)));
            black_box(policy.decide(black_box("/a")));
        });
        let ours = time(20_000, || {
            black_box(policy.decide(black_box(&case.path)));
        });
        let set = set(&case.patterns);
        let mut found = Vec::new();
        set.matches_into(&case.path, &mut found);
        let theirs = time(2_000, || set.matches_into(black_box(&case.path), &mut found));
        assert_eq!(found.last().is_some(), policy.decide(&case.path).line.is_some());
        let (patterns, path) = (strings(&case.patterns), CString::new(case.path.clone()));
        let path = path.unwrap_or_default();
        let libc = time(200, || {
            black_box(last(&patterns, &path));
        });
        let (name, count) = (case.name, case.patterns.len());
        println!("{name:8} {count:4} rules {first:17} {apart:5} {ours:15} {theirs:8} {libc:8}");
    }
}

fn run(case: &Case, matcher: &str, rounds: u32) {
    match matcher {
        "ours" => {
            let policy = policy(&case.patterns);
            (0..rounds).for_each(|_| {
                black_box(policy.decide(black_box(&case.path)));
            });
        }
        "apart" => {
            let policy = policy(&case.patterns);
            (0..rounds).for_each(|_| {
                black_box(policy.decide(black_box(&case.path)));
                black_box(policy.decide(black_box("/a")));
            });
        }
        "globset" => {
            let (set, mut found) = (set(&case.patterns), Vec::new());
            (0..rounds).for_each(|_| set.matches_into(black_box(&case.path), &mut found));
        }
        _ => {
            let (patterns, path) = (strings(&case.patterns), CString::new(case.path.clone()));
            let path = path.unwrap_or_default();
            (0..rounds).for_each(|_| {
                black_box(last(&patterns, &path));
            });
        }
    }
}
