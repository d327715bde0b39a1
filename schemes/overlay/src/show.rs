//! What became of the directory, in words and lines for a person.
//!
//! Names and texts come from a program that is not trusted: whatever would do something to a terminal,
//! or look like something else than it is, is written as its number.
use crate::difference::{Act, Change, Step, What};
use crate::node::{Body, Place, Ref};
use crate::overlay::Overlay;
use beneath::Kind;
use clavis_abi::Rights;
use clavis_view::store::Store;
use similar::{ChangeTag, TextDiff};
use std::fmt::Write;
use syscall::error::Result;
use syscall::flag::{O_NOFOLLOW, O_RDONLY};

/// Bytes and lines of a text that is compared with another at most.
const BYTES: usize = 128 << 10;
const LINES: usize = 4096;
/// Lines around what changed.
const AROUND: usize = 3;

/// What cannot be printed as it is, with its number.
fn printed(text: &str, as_they_are: &[char]) -> String {
    let mut said = String::with_capacity(text.len());
    for character in text.chars() {
        if as_they_are.contains(&character) {
            said.push(character);
        } else {
            said.extend(character.escape_debug());
        }
    }
    said
}

/// A path as it is printed.
#[must_use]
pub fn path(path: &str) -> String {
    printed(path, &['\'', '"'])
}

fn text(line: &str) -> String {
    printed(line, &['\'', '"', '\\', '\t'])
}

fn thing(kind: Kind, length: u64) -> String {
    match kind {
        Kind::Directory => "a directory".to_owned(),
        Kind::Link => "a link".to_owned(),
        Kind::File if length == 1 => "a file of 1 byte".to_owned(),
        Kind::File => format!("a file of {length} bytes"),
    }
}

/// One line about a change; paths follow `front`.
#[must_use]
pub fn line(change: &Change, front: &str) -> String {
    let whole = |tail: &str| path(&[front, tail].concat());
    let at = whole(&change.path);
    match &change.what {
        What::Made(kind, length) => format!("made {at}, {}", thing(*kind, *length)),
        What::Replaced((Kind::File, from), (Kind::File, to)) => {
            format!("replaced {at}, {from} -> {to} bytes")
        }
        What::Replaced((from, one), (to, two)) => {
            format!("replaced {at}, {} -> {}", thing(*from, *one), thing(*to, *two))
        }
        What::Changed(from, to, said) => {
            let said: String = said.iter().flat_map(|word| [", ", word]).collect();
            format!("changed {at}, {from} -> {to} bytes{said}")
        }
        What::Set(said) => format!("set {at}, {}", said.join(", ")),
        What::Renamed(to) => format!("renamed {at} -> {}", whole(to)),
        What::Named(to) => format!("named {at} also {}", whole(to)),
        What::Removed(kind, length) => format!("removed {at}, {}", thing(*kind, *length)),
    }
}

/// What a file holds, if it is a text of bounded length.
enum Held {
    Text(String),
    /// Some bytes are none of a text.
    Binary,
    Long,
}

fn held(bytes: Vec<u8>) -> Held {
    if bytes.len() > BYTES {
        return Held::Long;
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.contains('\0') => Held::Binary,
        Ok(text) if text.lines().count() > LINES => Held::Long,
        Ok(text) => Held::Text(text),
        Err(_) => Held::Binary,
    }
}

impl<S: Store> Overlay<S> {
    /// What a change does to what is in something, in lines: of a text what differs. Empty where
    /// the line about it says everything.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn shown(&self, index: usize, front: &str) -> Result<String> {
        let steps = self.plan()?;
        let Some(step) = steps.get(index) else { return Ok(String::new()) };
        let (old, new) = match &step.change.what {
            What::Made(Kind::File, _) => (None, self.now_in(step)?),
            What::Replaced((one, _), (two, _)) => {
                let old = step.target().filter(|_| *one == Kind::File);
                let old = old.map(|place| self.was_in(place)).transpose()?.flatten();
                let new = if *two == Kind::File { self.now_in(step)? } else { None };
                (old, new)
            }
            What::Changed(..) => {
                let node = step.node.as_ref();
                (node.map(|node| self.below_in(node)).transpose()?.flatten(), self.now_in(step)?)
            }
            What::Removed(Kind::File, _) => match &step.act {
                Act::Remove(place, _) => (self.was_in(place)?, None),
                _ => (None, None),
            },
            _ => (None, None),
        };
        let link = step.node.as_ref().filter(|node| node.kind == Kind::Link && node.is_filled());
        if let Some(link) = link {
            return Ok(format!("-> {}\n", path(&self.target_of(link)?)));
        }
        if old.is_none() && new.is_none() {
            return Ok(String::new());
        }
        let at = path(&[front, &step.change.path].concat());
        let names = [&old, &new].map(|side| if side.is_some() { at.as_str() } else { "nothing" });
        let sides = [old, new].map(|side| side.map_or(Held::Text(String::new()), held));
        Ok(match sides {
            [Held::Text(old), Held::Text(new)] => unified(&old, &new, names),
            [Held::Binary, _] | [_, Held::Binary] => "binary\n".to_owned(),
            _ => "too long to be shown\n".to_owned(),
        })
    }

    /// The first bytes of what a file holds, a byte more than a text may have.
    fn some(&self, mut read: impl FnMut(u64, &mut [u8]) -> Result<usize>) -> Result<Vec<u8>> {
        let mut bytes = vec![0; BYTES.saturating_add(1)];
        let mut length = 0;
        while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match read(length as u64, rest)? {
                0 => break,
                count => length = length.saturating_add(count),
            }
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    fn now_in(&self, step: &Step<S::Handle>) -> Result<Option<Vec<u8>>> {
        let Some(node) = &step.node else { return Ok(None) };
        self.some(|at, into| self.read_of(node, at, into)).map(Some)
    }

    fn below_in(&self, node: &Ref<S::Handle>) -> Result<Option<Vec<u8>>> {
        match (&node.below, &*node.body.borrow()) {
            (Some(below), Body::File { .. }) => self.opened(below).map(Some),
            _ => Ok(None),
        }
    }

    fn was_in(&self, place: &Place<S::Handle>) -> Result<Option<Vec<u8>>> {
        let found = self.look(&place.directory, &place.name)?;
        found.map(|(below, _)| self.opened(&below)).transpose()
    }

    fn opened(&self, below: &S::Handle) -> Result<Vec<u8>> {
        let flags = (O_RDONLY | O_NOFOLLOW) as u64;
        let file = self.store.open(below, "", flags, Rights::all())?;
        self.some(|at, into| self.store.read(&file, at, into))
    }
}

/// What differs between two texts, as `diff -u` writes it.
fn unified(old: &str, new: &str, names: [&str; 2]) -> String {
    let difference = TextDiff::from_lines(old, new);
    let mut unified = difference.unified_diff();
    let mut said = String::new();
    for hunk in unified.context_radius(AROUND).iter_hunks() {
        if said.is_empty() {
            let [old, new] = names;
            // Writing to a string does not fail.
            _ = writeln!(said, "--- {old}\n+++ {new}");
        }
        _ = writeln!(said, "{}", hunk.header());
        for change in hunk.iter_changes() {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let line = change.value();
            _ = writeln!(said, "{sign}{}", text(line.strip_suffix('\n').unwrap_or(line)));
            if change.missing_newline() {
                said.push_str("\\ No newline at end of file\n");
            }
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_shown_as_its_number() {
        assert_eq!(path("/a b'\"\u{e9}"), "/a b'\"\u{e9}");
        assert_eq!(path("/\x1b[2J\\\n\u{202e}"), "/\\u{1b}[2J\\\\\\n\\u{202e}");
        assert_eq!(text("\tif a \\ b\r\x07"), "\tif a \\ b\\r\\u{7}");
    }

    #[test]
    fn lines_that_differ_are_shown_with_those_around() {
        let old: String = (1..=9).map(|line| format!("{line}\n")).collect();
        let new = old.replace("5\n", "five\n") + "ten";
        let expected = "--- /a\n+++ /a\n@@ -2,8 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n\
                        +ten\n\\ No newline at end of file\n";
        assert_eq!(unified(&old, &new, ["/a", "/a"]), expected);
        assert_eq!(unified(&old, &old, ["/a", "/a"]), "");
    }
}
