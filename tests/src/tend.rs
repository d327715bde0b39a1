//! A program that does what it is told line by line, so that others can act on it in between.
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::process::ExitCode;

/// Answers each line: `ok`, what a directory holds, or the number of the error.
pub(crate) fn tend() -> ExitCode {
    let mut files = Vec::new();
    for line in io::stdin().lines() {
        let Ok(line) = line else { return ExitCode::FAILURE };
        let words: Vec<&str> = line.split(' ').collect();
        let done = match words.as_slice() {
            ["read", path] => keep(&mut files, File::open(path)),
            ["write", path] => keep(&mut files, OpenOptions::new().write(true).open(path)),
            ["use", number] => used(&files, number),
            ["list", path] => list(path),
            _ => return ExitCode::from(2),
        };
        let said = done.unwrap_or_else(|error| error.raw_os_error().unwrap_or(-1).to_string());
        println!("{said}");
        if io::stdout().flush().is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn keep(files: &mut Vec<File>, opened: io::Result<File>) -> io::Result<String> {
    files.push(opened?);
    Ok("ok".into())
}

/// Reads from the file that was opened as the n-th, or writes where it cannot be read.
fn used(files: &[File], number: &str) -> io::Result<String> {
    let file = number.parse().ok().and_then(|number: usize| files.get(number));
    let file = file.ok_or(io::ErrorKind::InvalidInput)?;
    let mut byte = [0];
    match file.read_at(&mut byte, 0) {
        Err(error) if error.raw_os_error() == Some(clavis::abi::error::ENOTCAPABLE) => {
            file.write_at(b"x", 0).map(drop)?;
        }
        read => drop(read?),
    }
    Ok("ok".into())
}

fn list(path: &str) -> io::Result<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names.join(" "))
}
