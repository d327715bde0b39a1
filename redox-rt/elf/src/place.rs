//! Where a program may lie.

/// The range of addresses that a program's segments must lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Lowest address of a program with fixed addresses.
    pub start: u64,
    /// Address behind the highest.
    pub end: u64,
}

impl Place {
    /// The user half: never the first page, never the last one below the canonical hole.
    pub const USER: Place = Place { start: 0x1000, end: 0x7FFF_FFFF_F000 };

    /// The last 2 GiB, where the kernel is linked (the last page stays free).
    pub const KERNEL: Place = Place { start: 0xFFFF_FFFF_8000_0000, end: 0xFFFF_FFFF_FFFF_F000 };

    /// Whether `start..end` lies inside.
    pub(crate) const fn holds(self, start: u64, end: u64) -> bool {
        self.start <= start && start <= end && end <= self.end
    }

    /// Greatest size of a program that can be placed anywhere inside.
    pub(crate) const fn size(self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}
