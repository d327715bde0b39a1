//! A finite binary number with all its decimal digits.

/// Digits in a limb.
const DIGITS: usize = 9;
/// What a limb counts to.
const BASE: u64 = 1_000_000_000;
/// Room for the longest there are, those of the smallest extended numbers: 64 bits times five to the
/// 16445.
const LIMBS: usize = 1290;

/// A whole number, and how many of its digits stand behind the point.
pub(crate) struct Decimal {
    /// Nine digits each, the lowest first.
    limbs: [u32; LIMBS],
    /// Limbs in use.
    used: usize,
    /// Digits behind the point.
    scale: usize,
}

impl Decimal {
    /// `significand` times two to the `exponent`.
    pub(crate) fn new(significand: u64, exponent: i32) -> Decimal {
        let mut number = Decimal { limbs: [0; LIMBS], used: 0, scale: 0 };
        if significand == 0 {
            return number;
        }
        // Fewer factors to multiply with.
        let zeros = significand.trailing_zeros();
        let exponent = exponent + zeros as i32;
        number.multiply(0, significand >> zeros);
        let left = exponent.unsigned_abs();
        if exponent > 0 {
            (0..left / 29).for_each(|_| number.multiply(1 << 29, 0));
            number.multiply(1 << (left % 29), 0);
        } else {
            (0..left / 13).for_each(|_| number.multiply(5u64.pow(13), 0));
            number.multiply(5u64.pow(left % 13), 0);
            number.scale = left as usize;
        }
        number
    }

    /// Multiplies with a factor below 2^31 and adds.
    fn multiply(&mut self, factor: u64, add: u64) {
        let mut carry = add;
        for limb in self.limbs.iter_mut().take(self.used) {
            let value = u64::from(*limb) * factor + carry;
            *limb = (value % BASE) as u32;
            carry = value / BASE;
        }
        self.push(carry);
    }

    /// Adds limbs at the top.
    fn push(&mut self, mut carry: u64) {
        while carry > 0 {
            let Some(limb) = self.limbs.get_mut(self.used) else { return };
            *limb = (carry % BASE) as u32;
            carry /= BASE;
            self.used += 1;
        }
    }

    /// How many digits it has; zero has one.
    pub(crate) fn len(&self) -> usize {
        match self.used.checked_sub(1) {
            None => 1,
            Some(full) => {
                let top = self.limbs.get(full).and_then(|limb| limb.checked_ilog10());
                full * DIGITS + 1 + top.unwrap_or(0) as usize
            }
        }
    }

    /// How many digits stand behind the point.
    pub(crate) fn scale(&self) -> usize {
        self.scale
    }

    /// The power of ten that its first digit counts.
    pub(crate) fn power(&self) -> isize {
        self.len() as isize - 1 - self.scale as isize
    }

    /// The digit that counts a power of ten.
    pub(crate) fn digit(&self, power: isize) -> u8 {
        match power.checked_add_unsigned(self.scale).map(usize::try_from) {
            Some(Ok(index)) => b'0' + self.at(index),
            _ => b'0',
        }
    }

    /// The value of the digit at an index, the lowest being 0.
    fn at(&self, index: usize) -> u8 {
        let limb = self.limbs.get(index / DIGITS).copied().unwrap_or(0);
        (limb / 10u32.pow((index % DIGITS) as u32) % 10) as u8
    }

    /// Rounds to the digit of a power of ten: to the nearest, ties to the even.
    pub(crate) fn round(&mut self, power: isize) {
        let drop = power.saturating_add_unsigned(self.scale);
        let Some(drop) = usize::try_from(drop).ok().filter(|drop| *drop > 0) else { return };
        if drop > self.len() {
            self.limbs.iter_mut().take(self.used).for_each(|limb| *limb = 0);
            self.used = 0;
            return;
        }
        let next = self.at(drop - 1);
        let odd = self.at(drop) % 2 == 1;
        let up = next > 5 || next == 5 && (odd || self.below(drop - 1));
        let (whole, part) = (drop / DIGITS, 10u32.pow((drop % DIGITS) as u32));
        self.limbs.iter_mut().take(whole).for_each(|limb| *limb = 0);
        if let Some(limb) = self.limbs.get_mut(whole) {
            *limb -= *limb % part;
        }
        // It may all have been dropped, and the one that is added then stands alone.
        self.used = self.used.max(if up { whole + 1 } else { 0 });
        let mut carry = if up { part } else { 0 };
        for limb in self.limbs.iter_mut().take(self.used).skip(whole) {
            let value = *limb + carry;
            *limb = value % BASE as u32;
            carry = value / BASE as u32;
        }
        self.push(u64::from(carry));
        while self.used > 0 && self.limbs.get(self.used - 1) == Some(&0) {
            self.used -= 1;
        }
    }

    /// Whether a digit below an index is not zero.
    fn below(&self, index: usize) -> bool {
        let (whole, part) = (index / DIGITS, 10u32.pow((index % DIGITS) as u32));
        self.limbs.iter().take(whole).any(|limb| *limb != 0)
            || self.limbs.get(whole).is_some_and(|limb| limb % part != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn all(number: &Decimal) -> String {
        let low = -(number.scale() as isize);
        (low..=number.power().max(0)).rev().map(|power| char::from(number.digit(power))).collect()
    }

    #[test]
    fn a_number_has_all_its_digits() {
        assert_eq!(all(&Decimal::new(1, -3)), "0125");
        assert_eq!(all(&Decimal::new(u64::MAX, 1)), "36893488147419103230");
        assert_eq!(all(&Decimal::new(0, -5)), "0");
        let least = Decimal::new(1, -16445);
        assert_eq!((least.scale(), least.power()), (16445, -4951));
        assert_eq!(least.digit(-16445), b'5');
        let deepest = Decimal::new(u64::MAX, -16445);
        assert_eq!(deepest.len(), 11514);
        let most = Decimal::new(u64::MAX, 16383 - 63);
        assert_eq!((most.len(), most.digit(4932)), (4933, b'1'));
    }

    #[test]
    fn rounding_goes_to_the_nearest_and_ties_to_the_even() {
        for (number, power, expected) in [
            ((5, -1), 0, "20"),
            ((7, -1), 0, "40"),
            ((1, -1), 0, "00"),
            ((3, -2), 0, "100"),
            ((999_999_999_999, 0), 1, "1000000000000"),
            ((1, -3), -2, "0120"),
            ((96, 0), 2, "100"),
            ((40, 0), 2, "0"),
            ((4, 0), 7, "0"),
        ] {
            let (significand, exponent) = number;
            let mut rounded = Decimal::new(significand, exponent);
            rounded.round(power);
            assert_eq!(all(&rounded), expected, "{number:?} at {power}");
        }
    }
}
