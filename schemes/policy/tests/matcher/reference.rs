//! A slow, obvious reading of docs/policy.md: every line is tried, by trying every way in which
//! its pattern could match. And texts to try it with.
use clavis_abi::Rights;
use clavis_policy::{Draft, Policy, Verdict};
use clavis_render::rights;

/// What lines say about a path.
pub(crate) fn decide(lines: &[String], path: &str) -> Verdict {
    let Some(names) = names(path) else { return Verdict::Hide };
    let mut verdict = Verdict::Hide;
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        if !matches(&parts(words[words.len() - 1]), &names) {
            continue;
        }
        verdict = match (words[0], words.len()) {
            ("allow", _) => Verdict::Allow(rights::parse(words[1]).unwrap()),
            ("hide", _) => Verdict::Hide,
            ("mask", _) => Verdict::Mask,
            ("deny", 2) => Verdict::Deny,
            _ => match verdict {
                Verdict::Allow(rights) => without(rights, words[1]),
                other => other,
            },
        };
    }
    verdict
}

fn without(given: Rights, letters: &str) -> Verdict {
    // What is in all of `r`, `w` and in `x` too: finding a thing, and its offset and locks.
    let of = |letter: &str| rights::parse(letter).unwrap();
    let common = (of("r") & of("w")) | (of("r") & of("x"));
    let rest = given - (of(letters) - common);
    if (rest - common).is_empty() { Verdict::Deny } else { Verdict::Allow(rest) }
}

/// Whether something below a directory is visible, as far as these names can tell.
pub(crate) fn something_below(lines: &[String], path: &str, names: &[&str], deep: usize) -> bool {
    names.iter().any(|name| {
        let inner = format!("{}/{name}", path.trim_end_matches('/'));
        decide(lines, &inner) != Verdict::Hide
            || deep > 0 && something_below(lines, &inner, names, deep - 1)
    })
}

fn names(path: &str) -> Option<Vec<&str>> {
    let parts = parts(path);
    (!parts.contains(&"..")).then_some(parts)
}

/// Components, the scheme first.
fn parts(path: &str) -> Vec<&str> {
    let mut parts: Vec<&str> =
        path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    match parts.first() {
        Some(&"scheme") => drop(parts.remove(0)),
        _ => parts.insert(0, "file"),
    }
    parts
}

fn matches(pattern: &[&str], names: &[&str]) -> bool {
    match pattern {
        [] => names.is_empty(),
        ["***"] => true,
        ["**"] => !names.is_empty(),
        ["**", rest @ ..] => (0..=names.len()).any(|taken| matches(rest, &names[taken..])),
        [first, rest @ ..] => match names {
            [] => false,
            [name, names @ ..] => {
                let (glob, text): (Vec<char>, Vec<char>) =
                    (first.chars().collect(), name.chars().collect());
                component(&glob, &text) && matches(rest, names)
            }
        },
    }
}

fn component(glob: &[char], text: &[char]) -> bool {
    match glob {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|taken| component(rest, &text[taken..])),
        ['?', rest @ ..] => !text.is_empty() && component(rest, &text[1..]),
        ['\\', one, rest @ ..] => text.first() == Some(one) && component(rest, &text[1..]),
        ['[', rest @ ..] => {
            let Some(one) = text.first() else { return false };
            let inverted = rest[0] == '!';
            let rest = if inverted { &rest[1..] } else { rest };
            let end = 1 + rest[1..].iter().position(|one| *one == ']').unwrap();
            in_class(&rest[..end], *one) != inverted && component(&rest[end + 1..], &text[1..])
        }
        [one, rest @ ..] => text.first() == Some(one) && component(rest, &text[1..]),
    }
}

fn in_class(class: &[char], one: char) -> bool {
    match class {
        [] => false,
        [low, '-', high, rest @ ..] => (*low..=*high).contains(&one) || in_class(rest, one),
        [first, rest @ ..] => *first == one || in_class(rest, one),
    }
}

/// A seed from the environment, or a new one; printed.
pub(crate) fn seeded() -> fastrand::Rng {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

pub(crate) const NAMES: &[&str] = &["a", "b", "ab", "é", "aa-b", "ba", "bé", "abab", "-", "*"];
const PIECES: &[&str] =
    &["a", "b", "é", "*", "?", "[ab]", "[!a]", "[a-é]", "[]b]", "[!-é]", "\\*", "-", "[*]"];

pub(crate) fn path(random: &mut fastrand::Rng) -> String {
    let mut path = String::new();
    for _ in 0..random.usize(..6) {
        path.push('/');
        path.push_str(match random.usize(..24) {
            0 => "scheme",
            1 => "file",
            2 => ".",
            3 => "",
            4 => "..",
            5 => "schemes",
            _ => NAMES[random.usize(..NAMES.len())],
        });
    }
    if path.is_empty() { "/".into() } else { path }
}

pub(crate) fn pattern(random: &mut fastrand::Rng) -> String {
    let mut pattern = String::new();
    for _ in 0..random.usize(..5) {
        pattern.push('/');
        match random.usize(..12) {
            0 => pattern.push_str("scheme"),
            1 => pattern.push_str("file"),
            2 | 3 => pattern.push_str("**"),
            4 | 5 => pattern.push('*'),
            _ => {
                for _ in 0..=random.usize(..3) {
                    let piece = PIECES[random.usize(..PIECES.len())];
                    if !(piece == "*" && pattern.ends_with('*') && !pattern.ends_with("\\*")) {
                        pattern.push_str(piece);
                    }
                }
            }
        }
    }
    if random.usize(..4) == 0 || pattern.is_empty() {
        pattern.push_str("/***");
    }
    pattern
}

pub(crate) fn lines(random: &mut fastrand::Rng, most: usize) -> Vec<String> {
    let line = |random: &mut fastrand::Rng| {
        let verb = ["allow rw", "allow r", "allow a", "hide", "deny", "mask", "deny w", "deny r"];
        format!("{} {}", verb[random.usize(..verb.len())], pattern(random))
    };
    (0..=random.usize(..most)).map(|_| line(random)).collect()
}

pub(crate) fn policy(lines: &[String]) -> Policy {
    let none = &mut |_: &str| Err("nothing is included".to_owned());
    let draft = Draft::new().read("test", &lines.join("\n"), none);
    draft.and_then(Draft::seal).unwrap_or_else(|mistake| panic!("{mistake}\n{lines:#?}"))
}
