//! Limits of `fcntl`: which of four commands a descriptor takes.
//!
//! The kernel asks a right (CONTROL) for `F_SETFL` alone; `F_GETFL` needs none, and nobody owns a
//! descriptor here. So only `F_SETFL` can be taken away, and what cannot is told as held.
use clavis_abi::Rights;

/// `CAP_FCNTL_GETFL`.
pub const GETFL: u32 = 1 << 3;
/// `CAP_FCNTL_SETFL`.
pub const SETFL: u32 = 1 << 4;
/// `CAP_FCNTL_GETOWN`.
pub const GETOWN: u32 = 1 << 5;
/// `CAP_FCNTL_SETOWN`.
pub const SETOWN: u32 = 1 << 6;
/// `CAP_FCNTL_ALL`.
pub const ALL: u32 = GETFL | SETFL | GETOWN | SETOWN;

/// The limits of a handle with these rights.
#[must_use]
pub fn held(rights: Rights) -> u32 {
    if rights.contains(Rights::CONTROL) { ALL } else { ALL & !SETFL }
}

/// The rights that a limit takes; `None`: it has bits that are no command.
#[must_use]
pub fn taken(limit: u32) -> Option<Rights> {
    match limit {
        limit if limit & !ALL != 0 => None,
        limit if limit & SETFL == 0 => Some(Rights::CONTROL),
        _ => Some(Rights::empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_takes_what_the_kernel_can_take() {
        assert_eq!(taken(GETFL), Some(Rights::CONTROL));
        assert_eq!(taken(0), Some(Rights::CONTROL));
        assert_eq!(taken(ALL), Some(Rights::empty()));
        assert_eq!(taken(1), None);
        assert_eq!(held(Rights::all()), ALL);
        assert_eq!(held(Rights::all() - Rights::CONTROL), GETFL | GETOWN | SETOWN);
    }
}
