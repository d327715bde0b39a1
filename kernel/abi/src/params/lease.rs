//! What is said of leases: delegation that can be taken back.
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// No lease, among parents.
pub const NO_LEASE: u64 = u64::MAX;

wire! {
    /// How a lease begins ([`crate::call::Call::LeaseCreate`]).
    pub struct LeaseParams {
        /// Handles to leases that it ends with, or [`NO_LEASE`].
        pub parents: [u64; 2],
        /// When it ends by itself: monotonic nanoseconds; 0: not by time.
        pub until: u64,
        /// How many calls may be made through what it lends; `u64::MAX`: any number.
        pub uses: u64,
        /// How many bytes reads, writes and mappings of what it lends may ask for altogether;
        /// `u64::MAX`: any number.
        pub bytes: u64,
    }
}

wire! {
    /// What a lease is now: what a read of it gives.
    pub struct LeaseInfo {
        /// [`LeaseState`].
        pub state: u64,
        /// As in [`LeaseParams`].
        pub until: u64,
        /// Calls that are left.
        pub uses: u64,
        /// Bytes that are left.
        pub bytes: u64,
    }
}

impl LeaseParams {
    /// A lease that depends on no other and ends only by being revoked.
    #[must_use]
    pub fn unbounded() -> Self {
        Self { parents: [NO_LEASE; 2], until: 0, uses: u64::MAX, bytes: u64::MAX }
    }
}

/// Whether a lease still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum LeaseState {
    /// It holds.
    Holds = 0,
    /// It was revoked, or something that it depends on was.
    Revoked = 1,
    /// Its time, its calls or its bytes are used up.
    Expired = 2,
}
