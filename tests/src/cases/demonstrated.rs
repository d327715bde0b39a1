//! docs/demonstration.md says what happens, and so does the README.
use super::support::check;
use crate::demonstration::{BOOK, PROMPT, Played};
use crate::run::{Case, Verdict};

pub(crate) const CASES: &[Case] =
    &[Case { name: "the_demonstration_of_the_docs_is_what_happens", run: happens }];

const README: &str = include_str!("../../../README.md");
/// Where the README has it.
const SECTION: &str = "## What it is for";
const CAST: &str = include_str!("../../../docs/demonstration.cast");
const PICTURES: [&str; 2] = [
    include_str!("../../../docs/demonstration-given.svg"),
    include_str!("../../../docs/demonstration-revoked.svg"),
];

fn happens() -> Verdict {
    let played = Played::now()?;
    same("the page", BOOK.lines(), played.page().lines())?;
    let cast = played.cast();
    same("the recording", CAST.lines().map(untimed), cast.lines().map(untimed))?;
    for (kept, drawn) in PICTURES.iter().zip(&played.pictures) {
        let (kept, drawn) = (shown(kept), shown(drawn));
        check(drawn.len() > 5, &format!("nothing is drawn: {drawn:?}"))?;
        same("a picture", kept.iter().map(String::as_str), drawn.iter().map(String::as_str))?;
    }
    // What was revoked makes the difference between the pictures.
    let [given, revoked] = PICTURES.map(|picture| shown(picture).len());
    check(given > revoked, "the second picture shows no less")?;
    readme()
}

/// The README's lines are some of the page's, in their order.
fn readme() -> Verdict {
    let section = README.split_once(SECTION).ok_or("the README has no such section")?.1;
    let session = section.split("```").nth(1).ok_or("the README has no session")?;
    let mut lines = BOOK.lines();
    let mut commands = 0;
    for line in session.lines().skip(1) {
        check(lines.any(|one| one == line), &format!("the README alone has {line:?}"))?;
        commands += usize::from(line.starts_with(PROMPT));
    }
    check(commands > 5, "the README has no session")
}

fn same<'a>(
    what: &str,
    written: impl Iterator<Item = &'a str>,
    happens: impl Iterator<Item = &'a str>,
) -> Verdict {
    let (mut written, mut happens) = (written, happens);
    loop {
        match (written.next(), happens.next()) {
            (None, None) => return Ok(()),
            (one, other) if one == other => {}
            (one, other) => return Err(format!("{what}: {other:?} happens instead of {one:?}")),
        }
    }
}

/// An event without its time, which differs from run to run.
fn untimed(event: &str) -> &str {
    event.split_once(", ").map_or("", |(_, rest)| rest)
}

/// What a picture shows, in an order of its own: numbers differ from run to run, and with them places.
fn shown(picture: &str) -> Vec<String> {
    let titles = picture.split("<title>").skip(1).filter_map(|rest| rest.split_once("</title>"));
    let mut shown: Vec<String> = titles.map(|(title, _)| without_numbers(title)).collect();
    shown.sort();
    shown
}

/// Each number as `#`.
fn without_numbers(text: &str) -> String {
    let mut without = String::new();
    for character in text.chars() {
        match character {
            '0'..='9' if without.ends_with('#') => {}
            '0'..='9' => without.push('#'),
            character => without.push(character),
        }
    }
    without
}
