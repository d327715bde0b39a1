//! Why a broker gave nothing.
use std::fmt;
use syscall::error::{
    EACCES, EBUSY, EKEYEXPIRED, EKEYREJECTED, EKEYREVOKED, EMFILE, ENETDOWN, ENODEV, ENOENT, ENXIO,
    EOWNERDEAD, ETIMEDOUT,
};

/// Why a broker gave nothing. Each is an error number on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The policy or the person says no, or what was asked for is more than may be had.
    Denied,
    /// There is no such thing, as far as this program is concerned.
    Absent,
    /// A person would have to decide, and there is none.
    NobodyToAsk,
    /// Too many questions wait for the person already, or too many limits were set.
    Busy,
    /// There is no network here.
    NoNetwork,
    /// No answer came in time; nothing was given.
    TimedOut,
    /// What the broker gives was taken back.
    Revoked,
    /// The broker is gone, or there was none.
    Gone,
    /// Something else, by its number.
    Other(i32),
}

impl Refusal {
    /// What an error of a broker means.
    #[must_use]
    pub fn of(errno: i32) -> Refusal {
        match errno {
            EACCES | EKEYREJECTED => Refusal::Denied,
            ENOENT => Refusal::Absent,
            ENXIO => Refusal::NobodyToAsk,
            EBUSY | EMFILE => Refusal::Busy,
            ENETDOWN => Refusal::NoNetwork,
            ETIMEDOUT => Refusal::TimedOut,
            EKEYREVOKED | EKEYEXPIRED => Refusal::Revoked,
            ENODEV | EOWNERDEAD => Refusal::Gone,
            other => Refusal::Other(other),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Denied => "denied",
            Refusal::Absent => "there is no such thing",
            Refusal::NobodyToAsk => "there is nobody to ask",
            Refusal::Busy => "too much was asked already",
            Refusal::NoNetwork => "there is no network",
            Refusal::TimedOut => "no answer in time",
            Refusal::Revoked => "what was given was taken back",
            Refusal::Gone => "there is no broker",
            Refusal::Other(errno) => return write!(f, "error {errno}"),
        })
    }
}

impl std::error::Error for Refusal {}
