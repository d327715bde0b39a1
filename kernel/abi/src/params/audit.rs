//! What is said of refusals that others met.
use super::Denial;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// The handle in a refusal that was not about one, but about a name.
pub const NO_HANDLE: u64 = u64::MAX;

wire! {
    /// A refusal, as it is read from the audit ring. Who writes one to the ring fills `process`,
    /// `denial` and `name`; the rest is the kernel's.
    pub struct AuditRecord {
        /// How many there were before. What a reader finds missing was overwritten.
        pub number: u64,
        /// When: monotonic nanoseconds.
        pub time: u64,
        /// Number of the process that was refused.
        pub process: u64,
        /// Number of the process that says so; 0: the kernel itself.
        pub reporter: u64,
        /// What was refused, and why. From others than the kernel: what the reporter says.
        pub denial: Denial,
        /// Label of the slot that the handle was opened through, or the name that was refused:
        /// zero-padded.
        pub name: [u8; 64],
    }
}
