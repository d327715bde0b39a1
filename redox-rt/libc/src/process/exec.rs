//! The `exec` family: the program changes, the process stays.
//!
//! The new program is built beside the caller by the same means as any child, from the handles
//! that this process was given: its namespace, current directory, account and whatever else its
//! startup block names. Then the kernel puts it in the caller's place.
use crate::env;
use crate::errno::{error, fail};
use crate::pointer::{fd, text};
use crate::promises::{Operation, promised, unveiled};
use alloc::string::String;
use alloc::vec::Vec;
use clavis_abi::error::{Error, Result};
use clavis_rt::{spawn, sys};
use core::ffi::{CStr, c_char, c_int};
use libc::{E2BIG, EACCES, EFAULT, ENOENT, ENOEXEC, ENOTDIR};
use program_search::{FIRST_LINE, named};

/// Where programs are looked for when PATH is not set.
const DEFAULT_PATH: &str = "/scheme/initfs/bin";
/// Greatest number of arguments, and of variables.
const STRINGS: usize = 1 << 16;

/// The strings of an array that ends with null.
///
/// # Safety
/// Null, or an array of strings that ends with null, all of which outlive the answer.
unsafe fn strings<'a>(array: *const *const c_char) -> Result<Vec<&'a [u8]>> {
    let mut all = Vec::new();
    for index in 0..STRINGS {
        if array.is_null() {
            return Ok(all);
        }
        // SAFETY: the caller's promise: no null was met yet.
        let string = unsafe { array.wrapping_add(index).read() };
        if string.is_null() {
            return Ok(all);
        }
        // SAFETY: the caller's promise.
        all.push(unsafe { CStr::from_ptr(string) }.to_bytes());
    }
    Err(error(E2BIG))
}

/// Becomes the program at a path; a script's interpreter, if it names one.
fn become_path(path: &str, args: &[&[u8]], envs: &[&[u8]]) -> Error {
    let file = match unveiled(None, path, spawn::open_program(path)) {
        Ok(file) => file,
        Err(problem) => return problem,
    };
    let problem = spawn::replace(file.number(), path, args, envs);
    if problem.errno != ENOEXEC {
        return problem;
    }
    let mut line = [0; FIRST_LINE];
    let length = sys::file::read_at(file.number(), &mut line, 0).unwrap_or(0);
    let Some((program, argument)) = named(line.get(..length).unwrap_or(&[])) else {
        return problem;
    };
    let mut all = Vec::from([program.as_bytes()]);
    all.extend(argument);
    all.push(path.as_bytes());
    all.extend(args.get(1..).unwrap_or(&[]));
    match unveiled(None, program, spawn::open_program(program)) {
        Ok(file) => spawn::replace(file.number(), program, &all, envs),
        Err(problem) => problem,
    }
}

/// Becomes a program that is looked for in PATH, if its name has no slash.
fn become_found(name: &str, args: &[&[u8]], envs: &[&[u8]]) -> Error {
    if name.contains('/') {
        return become_path(name, args, envs);
    }
    if name.is_empty() {
        return error(ENOENT);
    }
    let path = envs.iter().find_map(|variable| variable.strip_prefix(b"PATH="));
    let path = path.and_then(|path| core::str::from_utf8(path).ok()).unwrap_or(DEFAULT_PATH);
    let mut refused = error(ENOENT);
    for folder in path.split(':') {
        let mut whole = String::from(if folder.is_empty() { "." } else { folder });
        whole.push('/');
        whole.push_str(name);
        match become_path(&whole, args, envs) {
            problem if matches!(problem.errno, ENOENT | ENOTDIR) => {}
            problem if problem.errno == EACCES => refused = problem,
            problem => return problem,
        }
    }
    refused
}

pub(super) type Become = fn(&str, &[&[u8]], &[&[u8]]) -> Error;

/// # Safety
/// `name` is a string; both arrays are null or hold strings up to a null.
pub(super) unsafe fn replace(
    name: *const c_char,
    args: *const *const c_char,
    envs: *const *const c_char,
    by: Become,
) -> Error {
    if let Err(refused) = promised(Operation::Execute) {
        return refused;
    }
    if args.is_null() {
        return error(EFAULT);
    }
    // SAFETY: the caller's promise.
    let name = unsafe { text(name) };
    // SAFETY: as above.
    let args = unsafe { strings(args) };
    // SAFETY: as above.
    let envs = unsafe { strings(envs) };
    match (name, args, envs) {
        (Ok(name), Ok(args), Ok(envs)) => by(name, &args, &envs),
        (Err(problem), ..) | (_, Err(problem), _) | (.., Err(problem)) => problem,
    }
}

/// For a path, as it is.
pub(super) const AT: Become = become_path;
/// For a name that is looked for.
pub(super) const FOUND: Become = become_found;

/// Becomes the program at a path. Descriptors stay but for those with `FD_CLOEXEC`; signals that
/// are caught get their default effect. `EPERM` when this process was given no account to create
/// processes in; `ENOEXEC` for what is neither a static program nor a script.
///
/// # Safety
/// C contract: a string, and arrays of strings that end with null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execve(
    path: *const c_char,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) -> c_int {
    // SAFETY: the contract.
    fail(unsafe { replace(path, arguments, environment, become_path) }.errno)
}

/// As [`execve`] with the environment of this program.
///
/// # Safety
/// C contract: as [`execve`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execv(path: *const c_char, arguments: *const *const c_char) -> c_int {
    // SAFETY: the same contract.
    unsafe { execve(path, arguments, env::current().cast()) }
}

/// As [`execv`], but a name without a slash is looked for in PATH.
///
/// # Safety
/// C contract: as [`execve`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execvp(file: *const c_char, arguments: *const *const c_char) -> c_int {
    // SAFETY: the same contract.
    unsafe { execvpe(file, arguments, env::current().cast()) }
}

/// As [`execvp`] with another environment, whose PATH counts.
///
/// # Safety
/// C contract: as [`execve`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn execvpe(
    file: *const c_char,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) -> c_int {
    // SAFETY: the contract.
    fail(unsafe { replace(file, arguments, environment, become_found) }.errno)
}

/// Becomes the program in an open file (which needs EXEC or MAP_EXEC).
///
/// # Safety
/// C contract: as [`execve`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fexecve(
    file: c_int,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) -> c_int {
    // SAFETY: the contract.
    let args = unsafe { strings(arguments) };
    // SAFETY: the contract.
    let envs = unsafe { strings(environment) };
    let start = || {
        promised(Operation::Execute)?;
        Ok::<Error, Error>(spawn::replace(fd(file)?, "fexecve", &args?, &envs?))
    };
    fail(start().unwrap_or_else(|problem| problem).errno)
}
