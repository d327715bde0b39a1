//! Leases: what is lent is taken back, wherever it went and whatever came of it.
//!
//! A handle that is lent ends with its lease, and so does everything obtained through it: copies in
//! any process, what was opened through them, mappings, event registrations and calls on their way.
//!
//! ```no_run
//! use clavis::{Lease, Rights};
//!
//! fn lend(file: &std::fs::File) -> clavis::Result<()> {
//!     let lease = Lease::new()?;
//!     let lent = lease.lend(file, Rights::READ | Rights::STAT, Rights::empty())?;
//!     // … give `lent` to somebody …
//!     lease.revoke()
//! }
//! ```
#![expect(unsafe_code, reason = "calls into libc.a")]

use crate::c;
use crate::error::{Error, Result, check};
use crate::handle::{self, AsNumber, Handle, Number, Place, owned};
use clavis_abi::Rights;
use clavis_abi::error::EIO;
use clavis_abi::params::{LeaseInfo, LeaseParams, LeaseState, OFFSET_OWN, OUT_UPPER};
use zerocopy::IntoBytes;

/// A lease. It ends when it is revoked, when what bounds it is used up, when one that it depends on
/// ends, and when nobody holds a handle to it any more: dropping the last one takes all back.
#[derive(Debug)]
pub struct Lease {
    handle: Handle,
}

impl AsNumber for Lease {
    fn number(&self) -> Number {
        self.handle.number()
    }
}

/// How a lease is bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// When it expires, in nanoseconds of the monotonic clock.
    pub until: Option<u64>,
    /// How many calls may be made through what it lends.
    pub uses: Option<u64>,
    /// How many bytes reads, writes and mappings of what it lends may ask for altogether.
    pub bytes: Option<u64>,
}

/// What a lease is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Whether it holds.
    pub state: LeaseState,
    /// What is left of its bounds.
    pub left: Bounds,
}

impl Lease {
    /// A lease that holds until it is revoked.
    ///
    /// # Errors
    /// `ENOMEM`, `EMFILE`, `EDQUOT`: the account has no more.
    pub fn new() -> Result<Lease> {
        Lease::with(&[], Bounds::default())
    }

    /// A lease with bounds that ends with any of at most two others.
    ///
    /// # Errors
    /// As [`Lease::new`]; that one of the others has ended; `EKEYREJECTED` without DERIVE on it;
    /// `ELOOP` where too many are above it; `EINVAL` for a time that is past.
    pub fn with(others: &[&Lease], bounds: Bounds) -> Result<Lease> {
        let mut params = LeaseParams {
            until: bounds.until.unwrap_or(0),
            uses: bounds.uses.unwrap_or(u64::MAX),
            bytes: bounds.bytes.unwrap_or(u64::MAX),
            ..LeaseParams::unbounded()
        };
        for (parent, other) in params.parents.iter_mut().zip(others) {
            *parent = other.number().raw() as u64;
        }
        if others.len() > params.parents.len() {
            return Err(Error::from_errno(clavis_abi::error::EINVAL));
        }
        // SAFETY: it reads one LeaseParams.
        let handle = owned(unsafe { c::clavis_lease_create(&raw const params, OUT_UPPER) })?;
        Ok(Lease { handle })
    }

    /// The lease that a handle stands for, as another process gave it.
    #[must_use]
    pub const fn from_handle(handle: Handle) -> Lease {
        Lease { handle }
    }

    /// A narrower copy of a handle that ends with this lease.
    ///
    /// # Errors
    /// Refused without DUP on the handle or DERIVE on the lease; that the lease has ended.
    pub fn lend(&self, of: &impl AsNumber, rights: Rights, inherit: Rights) -> Result<Handle> {
        self.lend_to(of, rights, inherit, Place::Upper)
    }

    /// As [`Lease::lend`], at a place.
    ///
    /// # Errors
    /// As [`Lease::lend`].
    pub fn lend_to(
        &self,
        of: &impl AsNumber,
        rights: Rights,
        inherit: Rights,
        place: Place,
    ) -> Result<Handle> {
        let (of, lease) = (of.number().raw(), self.number().raw());
        // SAFETY: no memory is involved.
        owned(unsafe { c::clavis_lend(of, lease, rights.bits(), inherit.bits(), place.raw()) })
    }

    /// Takes everything back. Nothing under the lease acts any more when this returns; who touches
    /// memory that was mapped under it has a fault.
    ///
    /// # Errors
    /// Refused without MANAGE.
    pub fn revoke(&self) -> Result<()> {
        // SAFETY: it writes no memory; what is unmapped faults and is never something else's.
        check(unsafe { c::clavis_revoke(self.number().raw()) }).map(drop)
    }

    /// What it is now.
    ///
    /// # Errors
    /// Refused without READ.
    pub fn info(&self) -> Result<Info> {
        let mut info = LeaseInfo::default();
        let length = handle::read(self.number(), info.as_mut_bytes(), OFFSET_OWN)?;
        if length != size_of::<LeaseInfo>() {
            return Err(Error::from_errno(EIO));
        }
        let state = match info.state {
            0 => LeaseState::Holds,
            2 => LeaseState::Expired,
            _ => LeaseState::Revoked,
        };
        let bounded = |left: u64| (left != u64::MAX).then_some(left);
        let until = (info.until != 0).then_some(info.until);
        let left = Bounds { until, uses: bounded(info.uses), bytes: bounded(info.bytes) };
        Ok(Info { state, left })
    }
}
