//! What acts on the calling process.
use crate::{CapRights, held, kept, permits};
use clavis::handle::{limit as narrow, query};
use clavis::{AsNumber, Error, Result, confinement, handle_flags};
use clavis_abi::error::ENOTCAPABLE;

/// Enters capability mode: no path leads anywhere any more but from a handle, and beneath it.
///
/// # Errors
/// None known.
pub fn enter() -> Result<()> {
    confinement::enter()
}

/// Whether the process is in capability mode.
#[must_use]
pub fn is_entered() -> bool {
    confinement::is_entered()
}

/// Limits a handle to a set of rights, and what is obtained through it.
///
/// # Errors
/// `ENOTCAPABLE`: the set has more than the handle. `EBADF`.
pub fn limit(handle: &impl AsNumber, set: &CapRights) -> Result<()> {
    let info = query(handle)?;
    if !permits(info.rights | info.inherit, set) {
        return Err(Error::from_errno(ENOTCAPABLE));
    }
    let rights = kept(set);
    narrow(handle, rights, rights, if *set == CapRights::ALL { 0 } else { handle_flags::BENEATH })
}

/// The rights of a handle, those included that only what is obtained through it can have.
///
/// # Errors
/// `EBADF`.
pub fn get(handle: &impl AsNumber) -> Result<CapRights> {
    let info = query(handle)?;
    Ok(held(info.rights | info.inherit))
}

/// Has a process end with the last handle to it that others have: a process descriptor.
///
/// # Errors
/// Refused without SIGNAL.
pub fn tie(process: &impl AsNumber) -> Result<()> {
    confinement::tie(process)
}
