//! Why something failed, as a person reads it: `cat: /nope: no such file or directory`.
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
#[cfg(feature = "std")]
use alloc::string::ToString;
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::error;
use clavis_abi::params::{Denial, DenialRule};

const REASONS: &[(i32, &str)] = &[
    (error::EPERM, "not permitted"),
    (error::ENOENT, "no such file or directory"),
    (error::ESRCH, "no such process"),
    (error::EINTR, "interrupted"),
    (error::EIO, "input/output error"),
    (error::ENXIO, "no such device or address"),
    (error::E2BIG, "too many arguments"),
    (error::ENOEXEC, "not a program for this system"),
    (error::EBADF, "no such handle"),
    (error::EAGAIN, "not ready, try again"),
    (error::EWOULDBLOCK, "not ready, try again"),
    (error::ENOMEM, "out of memory"),
    (error::EACCES, "access denied"),
    (error::EFAULT, "bad address"),
    (error::EBUSY, "busy"),
    (error::EEXIST, "it exists already"),
    (error::EXDEV, "on another file system"),
    (error::ENODEV, "the service is not there"),
    (error::ENOTDIR, "not a directory"),
    (error::EISDIR, "is a directory"),
    (error::EINVAL, "invalid argument"),
    (error::EMFILE, "too many open handles"),
    (error::ENFILE, "too many open handles in the system"),
    (error::ENOTTY, "not a terminal"),
    (error::EFBIG, "file too large"),
    (error::ENOSPC, "no space left"),
    (error::ESPIPE, "it has no offset"),
    (error::EROFS, "read-only file system"),
    (error::EMLINK, "too many links"),
    (error::EPIPE, "nobody reads the other end"),
    (error::ERANGE, "result too large"),
    (error::EDEADLK, "it would wait for itself"),
    (error::ENAMETOOLONG, "name too long"),
    (error::ENOSYS, "not supported by this system"),
    (error::ENOTEMPTY, "directory not empty"),
    (error::ELOOP, "too many symbolic links"),
    (error::EOVERFLOW, "value too large"),
    (error::EMSGSIZE, "message too long"),
    (error::EOPNOTSUPP, "not supported by this service"),
    (error::ETIMEDOUT, "timed out"),
    (error::EDQUOT, "the account's limit is reached"),
    (error::ECANCELED, "cancelled"),
    (error::EOWNERDEAD, "the service died, the call may have had effect"),
    (error::ENOTCAPABLE, "the handle lacks a right"),
    (error::EREVOKED, "the handle was revoked"),
    (error::EEXPIRED, "the handle expired"),
    (error::ECAPMODE, "this process has no namespace or no current directory"),
];

/// The reason behind an error number.
#[must_use]
pub fn of_number(number: i32) -> String {
    match REASONS.iter().find(|row| row.0 == number) {
        Some((_, reason)) => (*reason).to_owned(),
        None => format!("error {number}"),
    }
}

/// The reason behind a refusal: which right was missing, or which rule refused.
#[must_use]
pub fn of_denial(denial: &Denial) -> String {
    let names: Vec<&str> = Rights::from_bits_truncate(denial.missing).names().collect();
    let names = names.join(" ");
    match denial.rule {
        rule if rule == DenialRule::Beneath as u64 => "the path leaves the directory".into(),
        rule if rule == DenialRule::NotStructural as u64 => {
            "its service cannot keep paths beneath a directory".into()
        }
        rule if rule == DenialRule::AppendLocked as u64 => "it can only be appended to".into(),
        rule if rule == DenialRule::NotSealed as u64 => {
            "the memory is not sealed and the process lacks JIT".into()
        }
        rule if rule == DenialRule::Revoked as u64 => of_number(error::EREVOKED),
        rule if rule == DenialRule::Expired as u64 => of_number(error::EEXPIRED),
        rule if rule == DenialRule::Name as u64 => "the namespace has no such name".into(),
        rule if rule == DenialRule::Permission as u64 => {
            "the handle to the namespace does not permit it".into()
        }
        rule if rule == DenialRule::Policy as u64 => "a rule of its server refused it".into(),
        _ if names.is_empty() => of_number(error::ENOTCAPABLE),
        rule if rule == DenialRule::Inherit as u64 => {
            format!("what is opened here cannot have {names}")
        }
        _ => format!("the handle lacks {names}"),
    }
}

/// The reason behind an error of std. `denial` is asked for when a right was missing.
#[cfg(feature = "std")]
#[must_use]
pub fn of_error(error: &std::io::Error, denial: impl FnOnce() -> Option<Denial>) -> String {
    match error.raw_os_error() {
        Some(error::ENOTCAPABLE) => match denial() {
            Some(denial) => of_denial(&denial),
            None => of_number(error::ENOTCAPABLE),
        },
        Some(number) => of_number(number),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_named() {
        let missing = (Rights::WRITE | Rights::TRUNCATE).bits();
        let denial = Denial { missing, ..Denial::default() };
        assert_eq!(of_denial(&denial), "the handle lacks WRITE TRUNCATE");
        let error = std::io::Error::from_raw_os_error(error::ENOTCAPABLE);
        assert_eq!(of_error(&error, || Some(denial)), "the handle lacks WRITE TRUNCATE");
        assert_eq!(of_error(&error, || None), "the handle lacks a right");
        let denial = Denial { rule: DenialRule::Inherit as u64, ..denial };
        assert_eq!(of_denial(&denial), "what is opened here cannot have WRITE TRUNCATE");
    }

    #[test]
    fn every_error_number_has_a_text() {
        assert_eq!(of_number(error::ENOENT), "no such file or directory");
        assert_eq!(of_number(999), "error 999");
        let error = std::io::Error::other("own words");
        assert_eq!(of_error(&error, || None), "own words");
    }
}
