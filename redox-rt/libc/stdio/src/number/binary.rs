//! Decimal digits as the nearest binary number, for formats that the standard library has not.
use core::cmp::Ordering;

/// Room for what the digits and powers of ten below can come to, and the quotient's bits.
const LIMBS: usize = 1850;
/// Digits that decide: no number half way between two extended ones has more.
const DIGITS: usize = 12_000;
/// Bits of a quotient; those below a significand of 64 say how it is rounded.
const QUOTIENT: u32 = 80;

/// A natural number: 32 bits in a limb, the lowest first.
struct Natural {
    limbs: [u32; LIMBS],
    used: usize,
}

impl Natural {
    fn new(value: u32) -> Natural {
        let mut number = Natural { limbs: [0; LIMBS], used: 0 };
        number.push(value);
        number
    }

    fn push(&mut self, limb: u32) {
        if limb > 0
            && let Some(place) = self.limbs.get_mut(self.used)
        {
            *place = limb;
            self.used += 1;
        }
    }

    fn multiply(&mut self, factor: u32, add: u32) {
        let mut carry = u64::from(add);
        for limb in self.limbs.iter_mut().take(self.used) {
            let value = u64::from(*limb) * u64::from(factor) + carry;
            *limb = value as u32;
            carry = value >> 32;
        }
        self.push(carry as u32);
    }

    /// Multiplies with a power of ten.
    fn scale(&mut self, power: u32) {
        (0..power / 9).for_each(|_| self.multiply(10u32.pow(9), 0));
        self.multiply(10u32.pow(power % 9), 0);
    }

    fn bits(&self) -> u32 {
        let top = self.used.checked_sub(1).and_then(|top| self.limbs.get(top));
        top.map_or(0, |top| self.used as u32 * 32 - top.leading_zeros())
    }

    /// Multiplies with a power of two.
    fn shift(&mut self, bits: u32) {
        let (whole, part) = ((bits / 32) as usize, bits % 32);
        self.multiply(1 << part, 0);
        if self.used > 0 {
            let end = (self.used + whole).min(LIMBS);
            self.limbs.copy_within(..end - whole, whole);
            self.limbs.iter_mut().take(whole).for_each(|limb| *limb = 0);
            self.used = end;
        }
    }

    fn digits(&self) -> impl Iterator<Item = &u32> {
        self.limbs.iter().take(self.used).rev()
    }

    fn compare(&self, other: &Natural) -> Ordering {
        self.used.cmp(&other.used).then_with(|| self.digits().cmp(other.digits()))
    }

    /// Takes away one that is not greater.
    fn subtract(&mut self, other: &Natural) {
        let mut borrow = false;
        for (limb, less) in self.limbs.iter_mut().zip(other.limbs).take(self.used) {
            let (value, one) = limb.overflowing_sub(less);
            let (value, two) = value.overflowing_sub(u32::from(borrow));
            (*limb, borrow) = (value, one || two);
        }
        while self.used > 0 && self.limbs.get(self.used - 1) == Some(&0) {
            self.used -= 1;
        }
    }
}

/// A binary number and whether it is a little less than what is meant.
pub(super) struct Binary {
    pub(super) significand: u128,
    /// The power of two that it counts.
    pub(super) exponent: i32,
    pub(super) sticky: bool,
}

/// What decimal digits say, of which the last counts a power of ten: exact in its highest bits, which
/// are more than an extended number has.
pub(super) fn binary(digits: impl Iterator<Item = u8>, mut power: i32) -> Result<Binary, Beyond> {
    let mut dividend = Natural::new(0);
    let (mut count, mut sticky) = (0usize, false);
    for digit in digits.skip_while(|digit| *digit == b'0') {
        count += 1;
        if count <= DIGITS {
            dividend.multiply(10, u32::from(digit - b'0'));
        } else {
            sticky |= digit != b'0';
            power = power.saturating_add(1);
        }
    }
    if count == 0 {
        return Ok(Binary { significand: 0, exponent: 0, sticky });
    }
    match power.saturating_add_unsigned(count.min(DIGITS) as u32) {
        ..-5000 => return Err(Beyond::Small),
        -5000..=4940 => {}
        _ => return Err(Beyond::Large),
    }
    let mut divisor = Natural::new(1);
    let to = if power < 0 { &mut divisor } else { &mut dividend };
    to.scale(power.unsigned_abs());
    // The quotient comes to lie between a half and two.
    let shift = divisor.bits() as i32 - dividend.bits() as i32;
    let to = if shift < 0 { &mut divisor } else { &mut dividend };
    to.shift(shift.unsigned_abs());
    let mut significand = 0;
    for _ in 0..QUOTIENT {
        significand <<= 1;
        if dividend.compare(&divisor).is_ge() {
            dividend.subtract(&divisor);
            significand |= 1;
        }
        dividend.shift(1);
    }
    sticky |= dividend.used > 0;
    Ok(Binary { significand, exponent: -shift - (QUOTIENT as i32 - 1), sticky })
}

/// A number that no extended one is near.
#[derive(Debug)]
pub(super) enum Beyond {
    /// It is too large.
    Large,
    /// It is too small.
    Small,
}
