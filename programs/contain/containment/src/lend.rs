//! The one place where handles for the contained program are made: all of them, and all that is
//! opened through them, lie under one lease.
use clavis::{AsNumber, Handle, Lease, Result, Rights};

/// Makes handles for one program. When it is gone, and at the latest with this process, they are.
#[derive(Debug)]
pub(crate) struct Lender {
    lease: Lease,
}

impl Lender {
    pub(crate) fn new() -> Result<Lender> {
        Ok(Lender { lease: Lease::new()? })
    }

    /// A handle for the program, with what `own` has of the rights.
    pub(crate) fn lend(&self, own: &impl AsNumber, most: Rights) -> Result<Handle> {
        self.lease.lend(own, most, most)
    }
}
