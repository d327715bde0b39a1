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

/// Looks at a file that may be looked at only, and tries to make more of that descriptor; and to
/// read what may be written only.
pub(crate) fn downgrade() -> ExitCode {
    use clavis::{Handle, Rights};
    use std::os::fd::AsRawFd;
    use syscall::flag::{O_RDONLY, O_RDWR, O_STAT, O_WRONLY};
    let words: Vec<String> = std::env::args().skip(3).collect();
    let [looked, written] = words.as_slice() else { return ExitCode::from(2) };
    let Ok(look) = Handle::open(looked, O_STAT as u64) else { return ExitCode::from(3) };
    let Ok(write) = Handle::open(written, O_WRONLY as u64) else { return ExitCode::from(4) };
    let mut byte = [0];
    let reads = |handle: &Handle| handle.read_at(&mut [0], 0).is_ok();
    for handle in [&look, &write] {
        if handle.read_at(&mut byte, 0).is_ok() {
            return ExitCode::from(5);
        }
        // Opened anew through itself, by its empty path and by its own directory entry.
        for flags in [O_RDONLY, O_RDWR] {
            for path in ["", ".", "./", "/"] {
                if Handle::open_at(handle, path, flags as u64).is_ok_and(|handle| reads(&handle)) {
                    return ExitCode::from(6);
                }
            }
        }
        let all = Rights::all();
        if Handle::derive(handle, all, all).is_ok_and(|handle| reads(&handle)) {
            return ExitCode::from(7);
        }
        // Flags of the descriptor give it nothing, nor does mapping it to read or to run.
        let copy = Handle::duplicate(handle, clavis::Place::Lowest).and_then(Handle::into_fd);
        let Ok(copy) = copy else { return ExitCode::from(9) };
        let number = copy.as_raw_fd();
        // SAFETY: no memory is involved.
        _ = unsafe { libc::fcntl(number, libc::F_SETFL, libc::O_RDWR) };
        if reads(handle) || is_mapped(number, libc::PROT_READ) || is_mapped(number, libc::PROT_EXEC)
        {
            return ExitCode::from(8);
        }
    }
    println!("looked at, and nothing more");
    ExitCode::SUCCESS
}

/// Whether a descriptor can be mapped so.
fn is_mapped(number: libc::c_int, access: libc::c_int) -> bool {
    let anywhere = std::ptr::null_mut();
    // SAFETY: without an address only free space is used.
    let mapped = unsafe { libc::mmap(anywhere, 4096, access, libc::MAP_PRIVATE, number, 0) };
    mapped != libc::MAP_FAILED
}
