//! Errors that say which right was missing.
use crate::c;
use clavis_abi::error::{ENOTCAPABLE, demux};
use clavis_abi::params::Denial;
use core::fmt;

/// The result of a call.
pub type Result<T> = core::result::Result<T, Error>;

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    errno: i32,
    denial: Option<Denial>,
}

impl Error {
    /// The error of that number.
    #[must_use]
    pub const fn from_errno(errno: i32) -> Error {
        Error { errno, denial: None }
    }

    /// Of the call that this thread just made.
    pub(crate) fn of_call(errno: i32) -> Error {
        Error { errno, denial: (errno == ENOTCAPABLE).then(last_denial).flatten() }
    }

    /// Its number.
    #[must_use]
    pub const fn errno(&self) -> i32 {
        self.errno
    }

    /// What the kernel recorded of a refusal: the call, the handle, the missing rights.
    #[must_use]
    pub const fn denial(&self) -> Option<&Denial> {
        self.denial.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.denial {
            Some(denial) => denial.fmt(f),
            None => errno_text(self.errno, f),
        }
    }
}

#[cfg(feature = "std")]
use crate::standard::errno_text;

/// A number, where nobody has a text for it.
#[cfg(not(feature = "std"))]
fn errno_text(errno: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "error {errno}")
}

/// The last refusal that this thread met, whatever came after it.
#[must_use]
#[expect(unsafe_code, reason = "calls into libc.a")]
pub fn last_denial() -> Option<Denial> {
    let mut denial = Denial::default();
    // SAFETY: it writes one Denial.
    let answer = unsafe { c::clavis_last_denial(&raw mut denial) };
    (answer == 1).then_some(denial)
}

/// Decodes an answer; a refusal takes its record along.
pub(crate) fn check(answer: usize) -> Result<usize> {
    demux(answer).map_err(|error| Error::of_call(error.errno))
}
