//! What acts on the calling process.
use clavis::{Result, confinement};

/// Makes a path visible with permissions out of `rwxc`; the first call hides all others.
///
/// # Errors
/// `EPERM`: locked, or more than before. `E2BIG`, `EINVAL`, `ENOENT`; `EOPNOTSUPP`: it lies in an
/// unveiled directory that permits more.
pub fn unveil(path: &str, permissions: &str) -> Result<()> {
    confinement::unveil(Some((path, permissions)))
}

/// Ends the time of [`unveil`]: from now on it is `EPERM`.
///
/// # Errors
/// What the namespace manager answers.
pub fn lock() -> Result<()> {
    confinement::unveil(None)
}

/// Restricts the process to promises, and with the second set the program that it becomes by exec.
/// `None` leaves a set as it is.
///
/// # Errors
/// `EINVAL`: an unknown promise. `EPERM`: one that was given up before.
pub fn pledge(promises: Option<&str>, exec_promises: Option<&str>) -> Result<()> {
    confinement::pledge(promises, exec_promises)
}
