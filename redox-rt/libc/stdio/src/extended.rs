//! The 80-bit number of the x87 unit: C's `long double` on this machine.

/// An extended number, as its ten bytes in memory have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extended {
    /// The significand; its highest bit, the whole part, is stored.
    pub significand: u64,
    /// The sign in the highest bit, and the exponent with 16383 added.
    pub high: u16,
}

/// The exponent field of infinities and NaNs.
const TOP: u16 = 0x7FFF;

impl Extended {
    /// Of its place in memory, where only the first ten bytes count.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Extended {
        let bits = u128::from_le_bytes(bytes);
        Extended { significand: bits as u64, high: (bits >> 64) as u16 }
    }

    /// The ten bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 10] {
        let [a, b, c, d, e, f, g, h] = self.significand.to_le_bytes();
        let [i, j] = self.high.to_le_bytes();
        [a, b, c, d, e, f, g, h, i, j]
    }

    pub(crate) fn negative(self) -> bool {
        self.high & !TOP != 0
    }

    /// The exponent field.
    pub(crate) fn field(self) -> u16 {
        self.high & TOP
    }

    pub(crate) fn special(self) -> bool {
        self.field() == TOP
    }
}
