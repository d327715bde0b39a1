//! Parts of a case that give something up for good: each runs in a copy of the process.
use crate::run::Verdict;
use std::ffi::c_int;
use std::io::Read;

/// Runs something in a copy of this process, which ends with it.
pub(crate) fn apart(body: impl FnOnce() -> Verdict) -> Verdict {
    match ended(body)? {
        (_, 0) => Ok(()),
        (why, status) => Err(format!("{why} (status {status:#x})")),
    }
}

/// Runs something in a copy of this process; answers what it said was wrong, and how it ended, as
/// `waitpid` tells it.
pub(crate) fn ended(body: impl FnOnce() -> Verdict) -> Result<(String, c_int), String> {
    let (mut from, to) = std::io::pipe().map_err(|error| format!("pipe: {error}"))?;
    // SAFETY: the case has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(format!("fork: {}", std::io::Error::last_os_error())),
        0 => {
            drop(from);
            let code = match body() {
                Ok(()) => 0,
                Err(why) => {
                    use std::io::Write;
                    _ = (&to).write_all(why.as_bytes());
                    1
                }
            };
            // SAFETY: it ends this process.
            unsafe { libc::_exit(code) }
        }
        child => {
            drop(to);
            let mut why = String::new();
            from.read_to_string(&mut why).map_err(|error| format!("listen: {error}"))?;
            let mut status = 0;
            // SAFETY: it writes the status.
            let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
            if waited == child { Ok((why, status)) } else { Err(format!("{why}, and no end")) }
        }
    }
}

/// What a C function answered, or the error's number.
pub(crate) fn done(answer: impl Into<i64>) -> Result<i64, i32> {
    match answer.into() {
        -1 => Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)),
        value => Ok(value),
    }
}

/// The answer must be that error.
pub(crate) fn fails(what: &str, answer: impl Into<i64>, errno: i32) -> Verdict {
    match done(answer) {
        Err(error) if error == errno => Ok(()),
        other => Err(format!("{what}: {other:?} instead of error {errno}")),
    }
}

/// The answer must be no error.
pub(crate) fn works(what: &str, answer: impl Into<i64>) -> Result<i64, String> {
    done(answer).map_err(|error| format!("{what}: error {error}"))
}
