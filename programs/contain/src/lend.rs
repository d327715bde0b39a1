//! The one place where handles for the contained program are made.
use clavis::{AsNumber, Handle, Place, Result, Rights};

/// Makes handles for one program.
#[derive(Debug)]
pub(crate) struct Lender;

impl Lender {
    pub(crate) fn new() -> Result<Lender> {
        Ok(Lender)
    }

    /// A handle for the program, with what `own` has of the rights.
    pub(crate) fn lend(
        &self,
        own: &impl AsNumber,
        rights: Rights,
        inherit: Rights,
        flags: u64,
    ) -> Result<Handle> {
        Handle::derive_with(own, rights, inherit, flags, Place::Upper)
    }
}
