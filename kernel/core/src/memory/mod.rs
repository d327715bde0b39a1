//! Memory: objects made of frames, spaces made of regions over them, faults, and mappings.
pub mod copy;
pub mod fault;
pub mod object;
pub mod region;
pub mod space;
pub mod user;

use clavis_abi::error::{EINVAL, Error, Result};

bitflags::bitflags! {
    /// What a mapping permits. Never both WRITE and EXEC.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Protection: u8 {
        /// Readable.
        const READ = 1;
        /// Writable.
        const WRITE = 2;
        /// Executable.
        const EXEC = 4;
    }
}

/// First address that a user mapping may have: page 0 stays unmapped for ever.
pub const USER_START: u64 = 0x1_0000;
/// Behind the last address that a user mapping may have. The last page below the canonical hole
/// stays unmapped: SYSRET to its end would fault in the kernel.
pub const USER_END: u64 = 0x0000_7FFF_FFFF_F000;
/// Bytes in a page.
pub const PAGE: u64 = clavis_abi::PAGE_SIZE as u64;

/// Number of the page that holds an address.
#[must_use]
pub const fn page_of(address: u64) -> u64 {
    address / PAGE
}

/// Pages that hold so many bytes.
///
/// # Errors
/// `EINVAL`: none, or more than can be counted.
pub fn pages_for(bytes: u64) -> Result<u64> {
    let sum = bytes.checked_add(PAGE - 1).filter(|_| bytes > 0).ok_or(Error::new(EINVAL))?;
    Ok(sum / PAGE)
}
