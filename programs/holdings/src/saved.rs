//! A picture as a file: lines of words, the first says the form.
use crate::{Held, Process, Snapshot, State};
use clavis_abi::Rights;
use std::fmt::Write;

/// The first line.
const HEAD: &str = "clavis holdings 2";
/// Of a handle that is good for something.
const HOLDS: &str = "holds";
/// Of one whose lease has ended.
const ENDED: &str = "ended";
/// Longest line that is read.
const LINE: usize = 4096;

/// The picture as text.
#[must_use]
pub fn write(snapshot: &Snapshot) -> String {
    let mut text = format!("{HEAD}\n");
    for process in &snapshot.processes {
        let Process { number, parent, account, .. } = process;
        let name = quoted(&process.name);
        // Writing to a string does not fail.
        let _ = writeln!(text, "process {number} {parent} {account} {name}");
        for held in &process.handles {
            let Held { number, kind, lease, object, maker, step, from, via, .. } = held;
            let (rights, inherit) = (held.rights.bits(), held.inherit.bits());
            let (label, path) = (quoted(&held.label), quoted(&held.path));
            let state = if held.state == State::Ended { ENDED } else { HOLDS };
            let _ = writeln!(
                text,
                "handle {number} {kind} {rights:x} {inherit:x} {lease} {object} {maker} {step} \
                 {from} {via} {label} {state} {path}"
            );
        }
    }
    text
}

/// The picture that text is of.
///
/// # Errors
/// The number of the line that is none of ours, and what is wrong with it.
pub fn read(text: &str) -> Result<Snapshot, String> {
    let mut lines = text.lines().zip(1..);
    match lines.next() {
        Some((HEAD, _)) => {}
        _ => return Err(format!("it does not begin with `{HEAD}`")),
    }
    let mut processes: Vec<Process> = Vec::new();
    for (line, number) in lines {
        let wrong = |what: &str| format!("line {number}: {what}");
        if line.len() > LINE {
            return Err(wrong("it is too long"));
        }
        let mut words = line.split(' ');
        match words.next() {
            Some("process") => {
                let process = process(&mut words).ok_or_else(|| wrong("this is no process"))?;
                if processes.last().is_some_and(|last| last.number >= process.number) {
                    return Err(wrong("processes are not in order"));
                }
                processes.push(process);
            }
            Some("handle") => {
                let held = held(&mut words).ok_or_else(|| wrong("this is no handle"))?;
                let process = processes.last_mut().ok_or_else(|| wrong("it is nobody's handle"))?;
                if process.handles.last().is_some_and(|last| last.number >= held.number) {
                    return Err(wrong("handles are not in order"));
                }
                process.handles.push(held);
            }
            _ => return Err(wrong("it begins with an unknown word")),
        }
        if words.next().is_some() {
            return Err(wrong("something is left at its end"));
        }
    }
    Ok(Snapshot { processes })
}

fn process<'t>(words: &mut impl Iterator<Item = &'t str>) -> Option<Process> {
    Some(Process {
        number: decimal(words)?,
        parent: decimal(words)?,
        account: decimal(words)?,
        name: unquoted(words.next()?)?,
        handles: Vec::new(),
    })
}

fn held<'t>(words: &mut impl Iterator<Item = &'t str>) -> Option<Held> {
    Some(Held {
        number: decimal(words)?,
        kind: decimal(words)?,
        rights: rights(words)?,
        inherit: rights(words)?,
        lease: decimal(words)?,
        object: decimal(words)?,
        maker: decimal(words)?,
        step: decimal(words)?,
        from: decimal(words)?,
        via: decimal(words)?,
        label: unquoted(words.next()?)?,
        state: match words.next()? {
            HOLDS => State::Holds,
            ENDED => State::Ended,
            _ => return None,
        },
        path: unquoted(words.next()?)?,
    })
}

fn decimal<'t>(words: &mut impl Iterator<Item = &'t str>) -> Option<u64> {
    words.next()?.parse().ok()
}

fn rights<'t>(words: &mut impl Iterator<Item = &'t str>) -> Option<Rights> {
    Rights::from_bits(u64::from_str_radix(words.next()?, 16).ok()?)
}

/// A name as one word of ordinary characters: others by number.
fn quoted(text: &str) -> String {
    let mut word = String::from("'");
    for c in text.chars() {
        if c.is_ascii_graphic() && c != '%' {
            word.push(c);
        } else {
            let _ = write!(word, "%{:x};", u32::from(c));
        }
    }
    word
}

fn unquoted(word: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = word.strip_prefix('\'')?;
    while let Some((before, after)) = rest.split_once('%') {
        let (number, behind) = after.split_once(';')?;
        text.push_str(before);
        text.push(char::from_u32(u32::from_str_radix(number, 16).ok()?)?);
        rest = behind;
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn what_is_written_is_read_again() {
        sample::each(200, |snapshot, _| {
            assert_eq!(read(&write(snapshot)).as_ref(), Ok(snapshot));
        });
    }

    #[test]
    fn damaged_text_is_refused_or_read_but_never_more() {
        sample::each(300, |snapshot, chance| {
            let mut bytes = write(snapshot).into_bytes();
            for _ in 0..chance.usize(1..5) {
                let at = chance.usize(..bytes.len());
                match chance.u8(..3) {
                    0 => bytes[at] = chance.u8(..),
                    1 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, chance.u8(b' '..b'~')),
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            if let Ok(read_again) = read(&text) {
                // What was read is a picture: it can be written and read.
                assert_eq!(read(&write(&read_again)), Ok(read_again));
            }
        });
    }

    #[test]
    fn a_line_that_is_wrong_is_named() {
        assert_eq!(read("nonsense"), Err(format!("it does not begin with `{HEAD}`")));
        let text = format!("{HEAD}\nprocess 3 1 1 'a\nhandle 1 2 3\n");
        assert_eq!(read(&text), Err("line 3: this is no handle".into()));
        let text = format!("{HEAD}\nprocess 3 1 1 'a\nprocess 3 1 1 'b\n");
        assert_eq!(read(&text), Err("line 3: processes are not in order".into()));
    }
}
