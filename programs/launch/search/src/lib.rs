//! Which program a command's name means: pure, tested on the host.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// What runs a text file that names nothing.
const SHELL: &str = "sh";

/// What the first line of a file begins with that names what runs it.
const MARK: &[u8] = b"#!";

/// Bytes of a file that its first line has to end in.
pub const FIRST_LINE: usize = 256;

/// Where a program may lie: the name itself if it holds a slash, else in each directory of `path`.
#[must_use]
pub fn candidates(name: &str, path: &str) -> Vec<String> {
    if name.contains('/') {
        return vec![name.to_owned()];
    }
    if name.is_empty() {
        return Vec::new();
    }
    path.split(':').filter(|part| !part.is_empty()).map(|part| format!("{part}/{name}")).collect()
}

/// The words that run a file which is no program of the machine, judged by its first bytes: what
/// its first line names after `#!` (a program and at most one argument), else the shell. Nothing
/// for what is no text, and for a first line that names something and does not end in those bytes:
/// what is left of it may name another program.
#[must_use]
pub fn interpreter(head: &[u8]) -> Option<Vec<String>> {
    if head.is_empty() || head.contains(&0) {
        return None;
    }
    if !head.starts_with(MARK) {
        return Some(vec![SHELL.to_owned()]);
    }
    let (program, argument) = named(head)?;
    let argument = argument.map(|argument| String::from_utf8_lossy(argument).into_owned());
    Some([Some(program.to_owned()), argument].into_iter().flatten().collect())
}

/// The program that a file's first line names after `#!`, and its one argument. Nothing for other
/// files, and for a line that does not end in the first [`FIRST_LINE`] bytes: what is left of it
/// may name another program.
#[must_use]
pub fn named(head: &[u8]) -> Option<(&str, Option<&[u8]>)> {
    let end = head.iter().position(|byte| *byte == b'\n');
    let end = end.or_else(|| (head.len() < FIRST_LINE).then_some(head.len()))?;
    let line = head.get(..end)?.strip_prefix(MARK)?.trim_ascii();
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let (program, argument) = line.split_at_checked(end)?;
    let program = core::str::from_utf8(program).ok().filter(|program| !program.is_empty())?;
    Some((program, Some(argument.trim_ascii()).filter(|argument| !argument.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_in_each_directory_of_the_path() {
        assert_eq!(candidates("ls", "/a:/b"), ["/a/ls", "/b/ls"]);
        assert_eq!(candidates("ls", "::"), Vec::<String>::new());
        assert_eq!(candidates("./ls", "/a"), ["./ls"]);
        assert_eq!(candidates("", "/a"), Vec::<String>::new());
    }

    #[test]
    fn a_text_names_its_interpreter() {
        assert_eq!(interpreter(b"#!/bin/sh -e  x\nrest").unwrap(), ["/bin/sh", "-e  x"]);
        assert_eq!(interpreter(b"#! /bin/cat").unwrap(), ["/bin/cat"]);
        assert_eq!(interpreter(b"#!/bin/cat\t-n \n").unwrap(), ["/bin/cat", "-n"]);
        assert_eq!(interpreter(b"echo hello\n").unwrap(), ["sh"]);
    }

    #[test]
    fn a_first_line_that_does_not_fit_names_nothing() {
        let long = format!("#!/bin/{}", "./".repeat(FIRST_LINE));
        let head = |length: usize| interpreter(&long.as_bytes()[..length]);
        assert_eq!(head(FIRST_LINE), None);
        assert!(head(FIRST_LINE - 1).is_some());
        assert!(interpreter(format!("#!/bin/cat\n{long}").as_bytes()).is_some());
        assert_eq!(interpreter("x".repeat(FIRST_LINE).as_bytes()).unwrap(), ["sh"]);
    }

    #[test]
    fn what_is_no_text_has_none() {
        assert_eq!(interpreter(b""), None);
        assert_eq!(interpreter(b"\x7fELF\0"), None);
        assert_eq!(interpreter(b"#!\n"), None);
    }
}
