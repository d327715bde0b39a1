//! Rights as text and back.
//!
//! Compact: groups that are there as a whole by their name in lower case (with few missing, minus
//! those), what remains by its own name: `base+reading-EXEC+SIGNAL`.
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::string::ToString;
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::rights::TABLE;

/// What a directory needs beyond reading to be changed.
const CHANGING: Rights = Rights::CREATE
    .union(Rights::REMOVE)
    .union(Rights::RENAME)
    .union(Rights::LINK)
    .union(Rights::SET_ATTR);

/// Open, read, list and run, but change nothing.
pub const READ_ONLY: Rights = Rights::BASE.difference(CHANGING).union(Rights::READING);

/// Sets that have a name of their own.
pub const GROUPS: &[(&str, Rights)] = &[
    ("all", Rights::all()),
    ("read-only", READ_ONLY),
    ("base", Rights::BASE),
    ("reading", Rights::READING),
    ("writing", Rights::WRITING),
];

/// What comes with every letter: to find a thing, look at it and hand it on.
const FOUND: Rights = Rights::STAT
    .union(Rights::NAME)
    .union(Rights::LOOKUP)
    .union(Rights::EVENT)
    .union(Rights::DUP)
    .union(Rights::TRANSFER)
    .union(Rights::FORWARD);

/// Sets by a letter, as `unveil` has them, and `a`.
pub const LETTERS: &[(char, Rights, &str)] = &[
    (
        'r',
        FOUND
            .union(Rights::READ)
            .union(Rights::SEEK)
            .union(Rights::MAP_READ)
            .union(Rights::LIST)
            .union(Rights::LOCK),
        "read files, list directories",
    ),
    (
        'w',
        FOUND
            .union(Rights::WRITE)
            .union(Rights::APPEND)
            .union(Rights::SEEK)
            .union(Rights::MAP_WRITE)
            .union(Rights::TRUNCATE)
            .union(Rights::SET_ATTR)
            .union(Rights::SYNC)
            .union(Rights::LOCK),
        "change what files hold, and their attributes",
    ),
    ('x', FOUND.union(Rights::EXEC).union(Rights::MAP_EXEC), "run programs (with r)"),
    (
        'c',
        FOUND.union(Rights::CREATE).union(Rights::REMOVE).union(Rights::RENAME).union(Rights::LINK),
        "make, remove, rename and link names",
    ),
    ('a', FOUND.union(Rights::APPEND).union(Rights::SYNC), "write at the end of files only"),
];

/// The rights of a word of letters; `None` if it is none.
fn letters(word: &str) -> Option<Rights> {
    let one = |letter| LETTERS.iter().find(|row| row.0 == letter).map(|row| row.1);
    let sets: Option<Vec<Rights>> = word.chars().map(one).collect();
    sets.filter(|sets| !sets.is_empty())
        .map(|sets| sets.into_iter().fold(Rights::empty(), Rights::union))
}

/// Most rights that a group may lack and still be named.
const MAX_MISSING: usize = 3;

fn count(rights: Rights) -> usize {
    rights.bits().count_ones() as usize
}

/// The rights by name in few words; `none` if there are none.
#[must_use]
pub fn compact(rights: Rights) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rest = rights;
    for (name, group) in GROUPS {
        let missing = group.difference(rights);
        let new = group.intersection(rest);
        if *name == "read-only" || count(missing) > MAX_MISSING {
            continue;
        }
        if count(new) <= count(missing) + 1 {
            continue;
        }
        let mut word = (*name).to_owned();
        for right in missing.names() {
            word.push('-');
            word.push_str(right);
        }
        words.push(word);
        rest -= *group;
    }
    words.extend(rest.names().map(str::to_owned));
    if words.is_empty() { "none".into() } else { words.join("+") }
}

/// Reads what [`compact`] writes; names may be joined by `+`, `|` or `,` and are not
/// case-sensitive, groups are `all read-only base reading writing`, `-NAME` takes away. A word of
/// [`LETTERS`] is all that they mean: `rx`, `rwc+CALL`.
///
/// # Errors
/// The word that is no right.
pub fn parse(text: &str) -> Result<Rights, String> {
    let mut rights = Rights::empty();
    for sum in text.split(['+', '|', ',']) {
        if let Some(set) = letters(sum) {
            rights |= set;
            continue;
        }
        let (group, rest) = GROUPS
            .iter()
            .filter_map(|(name, group)| {
                let rest = strip_prefix_ignoring_case(sum, name)?;
                (rest.is_empty() || rest.starts_with('-')).then_some((*group, rest))
            })
            .next()
            .unwrap_or((Rights::empty(), sum));
        let mut set = group;
        for (index, word) in rest.split('-').enumerate() {
            if word.is_empty() && (index == 0 || rest.is_empty()) {
                continue;
            }
            let right = match word {
                "none" => Rights::empty(),
                _ => Rights::by_name(&word.to_ascii_uppercase()).ok_or(word)?,
            };
            set = if index == 0 { set | right } else { set - right };
        }
        rights |= set;
    }
    Ok(rights)
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Every right, with its meaning, one per line.
#[must_use]
pub fn legend() -> String {
    let mut table = crate::table::Table::new([crate::table::Align::Left; 2]);
    for (name, group) in GROUPS {
        let names: Vec<&str> = group.names().collect();
        table.row([(*name).into(), names.join(" ")]);
    }
    for (letter, set, meaning) in LETTERS {
        let names: Vec<&str> = set.names().collect();
        table.row([letter.to_string(), format!("{meaning}: {}", names.join(" "))]);
    }
    for (name, _, meaning) in TABLE {
        table.row([(*name).into(), (*meaning).into()]);
    }
    table.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_shorten_what_is_common() {
        assert_eq!(compact(Rights::empty()), "none");
        assert_eq!(compact(Rights::all()), "all");
        assert_eq!(compact(Rights::READ | Rights::STAT), "READ+STAT");
        assert_eq!(compact(Rights::BASE | Rights::READING), "base+reading");
        let rights = Rights::BASE | (Rights::READING - Rights::EXEC) | Rights::SIGNAL;
        assert_eq!(compact(rights), "base+reading-EXEC+SIGNAL");
        assert_eq!(compact(Rights::implied(0)), "base");
    }

    #[test]
    fn what_is_no_right_is_named() {
        assert_eq!(parse("READ+FLY"), Err("FLY".into()));
        assert_eq!(parse(""), Ok(Rights::empty()));
        assert_eq!(parse("read|Write"), Ok(Rights::READ | Rights::WRITE));
        assert_eq!(parse("reading-EXEC"), Ok(Rights::READING - Rights::EXEC));
        assert_eq!(parse("read-only"), Ok(READ_ONLY));
        assert_eq!(parse("read-only-NAME"), Ok(READ_ONLY - Rights::NAME));
    }

    #[test]
    fn letters_add_up() {
        let (r, w) = (parse("r").unwrap(), parse("w").unwrap());
        assert!(r.contains(Rights::READ | Rights::LIST | Rights::LOOKUP));
        assert!(!r.intersects(Rights::WRITE | Rights::CREATE | Rights::EXEC | Rights::SET_ATTR));
        assert_eq!(parse("rw"), Ok(r | w));
        assert_eq!(parse("r+CALL"), Ok(r | Rights::CALL));
        assert!(!parse("a").unwrap().intersects(Rights::WRITE | Rights::TRUNCATE | Rights::SEEK));
        assert_eq!(parse("rq"), Err("rq".into()));
        assert_eq!(parse("rwxca").unwrap() & Rights::CALL, Rights::empty());
    }

    #[test]
    fn every_set_reads_back_as_itself() {
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| fastrand::u64(..));
        std::println!("SEED={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..20_000 {
            let mut rights = Rights::from_bits_truncate(random.u64(..));
            if random.bool() {
                rights |= Rights::from_bits_truncate(random.u64(..) | random.u64(..));
            }
            let text = compact(rights);
            assert_eq!(parse(&text), Ok(rights), "{text}");
        }
    }
}
