//! Numbers with fractions: decimal by the standard library's exact parser where it has the format.
use super::binary::{Beyond, Binary, binary};
use super::{Front, Read, front, sign};
use crate::extended::Extended;

/// A binary format.
pub trait Format: Copy {
    /// Bits of the significand, the highest among them.
    const PRECISION: i32;
    /// Exponent of the smallest normal number.
    const LEAST: i32;
    /// A positive number: the exponent's field, and the significand without its highest bit.
    fn from_bits(bits: u128) -> Self;
    /// The number with the other sign.
    #[must_use]
    fn negated(self) -> Self;
    /// Whether it is infinite, or zero.
    fn is_extreme(self) -> bool;
    /// Of digits, a point, an exponent.
    fn decimal(text: &[u8]) -> Option<Self>;
}

macro_rules! native {
    ($($kind:ident $bits:ident $precision:literal $least:literal;)*) => {$(
        impl Format for $kind {
            const PRECISION: i32 = $precision;
            const LEAST: i32 = $least;

            fn from_bits(bits: u128) -> $kind {
                $kind::from_bits(bits as $bits)
            }

            fn negated(self) -> $kind {
                -self
            }

            fn is_extreme(self) -> bool {
                self.is_infinite() || self == 0.0
            }

            fn decimal(text: &[u8]) -> Option<$kind> {
                core::str::from_utf8(text).ok()?.parse().ok()
            }
        }
    )*};
}
native! {
    f32 u32 24 -126;
    f64 u64 53 -1022;
}

impl Format for Extended {
    const PRECISION: i32 = 64;
    const LEAST: i32 = -16382;

    fn from_bits(bits: u128) -> Extended {
        let high = (bits >> 63) as u16;
        let significand = bits as u64 & !(1 << 63) | u64::from(high > 0) << 63;
        Extended { significand, high }
    }

    fn negated(self) -> Extended {
        Extended { high: self.high ^ 1 << 15, ..self }
    }

    fn is_extreme(self) -> bool {
        self.special() || self.significand == 0
    }

    fn decimal(text: &[u8]) -> Option<Extended> {
        let mantissa = text.iter().take_while(|byte| !byte.eq_ignore_ascii_case(&b'e')).count();
        let (mantissa, tail) = text.split_at_checked(mantissa)?;
        let whole = mantissa.iter().take_while(|byte| **byte != b'.').count();
        let behind = mantissa.len().saturating_sub(whole + 1);
        let power = exponent(tail, b'e').1.saturating_sub_unsigned(behind as u32);
        let digits = mantissa.iter().copied().filter(|byte| *byte != b'.');
        let bits = match binary(digits, power) {
            Ok(Binary { significand, exponent, sticky }) => {
                rounded::<Extended>(significand, sticky, exponent)
            }
            Err(Beyond::Large) => infinity::<Extended>(),
            Err(Beyond::Small) => 0,
        };
        Some(Extended::from_bits(bits))
    }
}

/// Bits of positive infinity.
const fn infinity<F: Format>() -> u128 {
    let exponents = 2 * (1 - F::LEAST) as u128 + 1;
    exponents << (F::PRECISION - 1)
}

/// Reads a number as `strtod` does.
#[must_use]
pub fn real<F: Format>(text: &[u8]) -> Read<F> {
    let nothing = Read { value: F::from_bits(0), length: 0, fits: true };
    let Front { length: start, negative, rest: body } = front(text);
    let read = word::<F>(body).or_else(|| hexadecimal(body)).or_else(|| decimal(body));
    let Some(read) = read else { return nothing };
    let value = if negative { read.value.negated() } else { read.value };
    Read { value, length: start + read.length, ..read }
}

/// `inf`, `infinity`, `nan`, `nan(anything)`.
fn word<F: Format>(text: &[u8]) -> Option<Read<F>> {
    let starts = |word: &[u8]| text.get(..word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word));
    let (bits, length) = if starts(b"infinity") {
        (infinity::<F>(), 8)
    } else if starts(b"inf") {
        (infinity::<F>(), 3)
    } else if starts(b"nan") {
        let inner = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let behind = text.get(4..).unwrap_or_default();
        let inside = behind.iter().take_while(inner).count();
        let closed = text.get(3) == Some(&b'(') && behind.get(inside) == Some(&b')');
        let quiet = infinity::<F>() | 1 << (F::PRECISION - 2);
        (quiet, if closed { inside + 5 } else { 3 })
    } else {
        return None;
    };
    Some(Read { value: F::from_bits(bits), length, fits: true })
}

/// Bytes of an exponent (`e-5`) at the start: 0 when there is none. Its value is bounded.
fn exponent(text: &[u8], letter: u8) -> (usize, i32) {
    if !text.first().is_some_and(|byte| byte.eq_ignore_ascii_case(&letter)) {
        return (0, 0);
    }
    let (signs, negative) = sign(text.get(1..).unwrap_or_default());
    let digits = text.get(1 + signs..).unwrap_or_default();
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let (mut count, mut value) = (0, 0i32);
    for digit in digits {
        count += 1;
        value = value.saturating_mul(10).saturating_add(i32::from(digit - b'0')).min(1 << 28);
    }
    let value = if negative { -value } else { value };
    if count == 0 { (0, 0) } else { (1 + signs + count, value) }
}

fn decimal<F: Format>(text: &[u8]) -> Option<Read<F>> {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let whole = digits(0);
    let fraction = if text.get(whole) == Some(&b'.') { digits(whole + 1) } else { 0 };
    if whole + fraction == 0 {
        return None;
    }
    let point = usize::from(text.get(whole) == Some(&b'.'));
    let mantissa = whole + point + fraction;
    let length = mantissa + exponent(text.get(mantissa..).unwrap_or_default(), b'e').0;
    let bytes = text.get(..length)?;
    let value = F::decimal(bytes)?;
    let nonzero = bytes.iter().take(mantissa).any(|byte| matches!(byte, b'1'..=b'9'));
    Some(Read { value, length, fits: !(nonzero && value.is_extreme()) })
}

fn hexadecimal<F: Format>(text: &[u8]) -> Option<Read<F>> {
    let [b'0', b'x' | b'X', digits @ ..] = text else { return None };
    let (mut mantissa, mut sticky, mut scale) = (0u128, false, 0i32);
    let (mut length, mut count, mut point) = (2, 0, false);
    for byte in digits {
        match char::from(*byte).to_digit(16) {
            Some(digit) => {
                count += 1;
                if mantissa >> 124 == 0 {
                    mantissa = mantissa << 4 | u128::from(digit);
                    scale -= if point { 4 } else { 0 };
                } else {
                    sticky |= digit != 0;
                    scale = scale.saturating_add(if point { 0 } else { 4 });
                }
            }
            None if *byte == b'.' && !point => point = true,
            None => break,
        }
        length += 1;
    }
    if count == 0 {
        return None;
    }
    let (more, power) = exponent(text.get(length..).unwrap_or_default(), b'p');
    let bits = rounded::<F>(mantissa, sticky, scale.saturating_add(power));
    let value = F::from_bits(bits);
    let fits = mantissa == 0 || !value.is_extreme();
    Some(Read { value, length: length + more, fits })
}

/// The bits of `mantissa` times two to the `scale`, rounded to nearest, ties to even; `sticky`: a
/// little more than the mantissa says.
fn rounded<F: Format>(mantissa: u128, sticky: bool, scale: i32) -> u128 {
    if mantissa == 0 {
        return 0;
    }
    let zeros = mantissa.leading_zeros() as i32;
    let mantissa = mantissa << zeros;
    // The value is between two to the `top` and twice that.
    let top = scale.saturating_sub(zeros).saturating_add(127);
    if top > 1 - F::LEAST {
        return infinity::<F>();
    }
    let normal = 128 - F::PRECISION;
    let drop = normal.saturating_add(F::LEAST.saturating_sub(top).max(0));
    let (kept, half, below) = match drop {
        ..128 => {
            let rest = mantissa << (128 - drop);
            (mantissa >> drop, rest >> 127 == 1, rest << 1 != 0)
        }
        128 => (0, mantissa >> 127 == 1, mantissa << 1 != 0),
        _ => (0, false, true),
    };
    let up = half && (below || sticky || kept & 1 == 1);
    let kept = kept + u128::from(up);
    let exponent = (top - F::LEAST).max(0) as u128;
    // The hidden bit of a normal number, and a carry out of the significand, add to the exponent.
    (exponent << (F::PRECISION - 1)) + kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> (f64, usize, bool) {
        let read = real::<f64>(text.as_bytes());
        (read.value, read.length, read.fits)
    }

    #[test]
    fn decimal_numbers_end_where_they_end() {
        for (text, value, length) in [
            ("1.5", 1.5, 3),
            (" -2.5e3x", -2500.0, 7),
            (".5", 0.5, 2),
            ("5.", 5.0, 2),
            ("1e", 1.0, 1),
            ("1e+", 1.0, 1),
            ("1.2.3", 1.2, 3),
            ("-", 0.0, 0),
            (".", 0.0, 0),
            ("e5", 0.0, 0),
        ] {
            assert_eq!(read(text), (value, length, true), "{text:?}");
        }
    }

    #[test]
    fn infinities_and_nans_have_names() {
        assert_eq!(read("-INFINITYx"), (f64::NEG_INFINITY, 9, true));
        assert_eq!(read("infin"), (f64::INFINITY, 3, true));
        for (text, length) in [("nan", 3), ("NaN(abc_1)", 10), ("nan(a-b)", 3), ("nan(", 3)] {
            let read = real::<f64>(text.as_bytes());
            assert!(read.value.is_nan() && read.length == length, "{text}");
        }
        assert!(real::<f32>(b"nan").value.is_nan());
        assert_eq!(real::<f32>(b"inf").value, f32::INFINITY);
    }

    #[test]
    fn too_large_and_too_small_is_said() {
        assert_eq!(read("1e400"), (f64::INFINITY, 5, false));
        assert_eq!(read("-1e400"), (f64::NEG_INFINITY, 6, false));
        assert_eq!(read("1e-400"), (0.0, 6, false));
        assert_eq!(read("0e-400"), (0.0, 6, true));
        assert_eq!(read("0x1p99999999999"), (f64::INFINITY, 15, false));
        assert_eq!(read("0x1p-99999999999"), (0.0, 16, false));
        assert_eq!(real::<f32>(b"1e39").value, f32::INFINITY);
    }

    #[test]
    fn hexadecimal_numbers_are_rounded_once() {
        for (text, value) in [
            ("0x1p0", 1.0),
            ("0x.8", 0.5),
            ("0x1.8p1", 3.0),
            ("0xAp-1", 5.0),
            ("0x1.fffffffffffff8p0", 2.0),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.000000000000081p0", 1.0000000000000002),
            ("0x1.0000000000000800000000000000001p0", 1.0000000000000002),
            ("0x1p-1074", 5e-324),
            ("0x1p-1075", 0.0),
            ("0x1.8p-1075", 5e-324),
            ("0x1.fffffffffffffp1023", f64::MAX),
            ("0x0.0000000000001p-1022", 5e-324),
        ] {
            let read = read(text);
            assert_eq!((read.0, read.1), (value, text.len()), "{text}");
        }
        assert_eq!(read("0x"), (0.0, 1, true));
        assert_eq!(read("0x.p1"), (0.0, 1, true));
        assert_eq!(real::<f32>(b"0x1.ffffffp0").value, 2.0);
    }

    proptest! {
        #[test]
        fn every_finite_number_survives_its_hexadecimal_form(bits in any::<u64>()) {
            let value = f64::from_bits(bits & !(1 << 63));
            prop_assume!(value.is_finite());
            let biased = (bits >> 52 & 0x7FF) as i32;
            let fraction = bits & ((1 << 52) - 1);
            let (lead, power) = if biased == 0 { (0, -1022) } else { (1, biased - 1023) };
            let text = std::format!("0x{lead}.{fraction:013x}p{power}");
            prop_assert_eq!(read(&text).0, value, "{}", text);
        }

        #[test]
        fn any_bytes_are_read_without_harm(text in proptest::collection::vec(any::<u8>(), 0..24)) {
            let length = real::<f64>(&text).length;
            prop_assert!(length <= text.len());
        }

        #[test]
        fn likely_bytes_are_read_without_harm(text in "[ +-]?(0x|0|inf|nan)?[0-9a-fp.(+-]{0,30}") {
            prop_assert!(real::<f64>(text.as_bytes()).length <= text.len());
            prop_assert!(real::<f32>(text.as_bytes()).length <= text.len());
        }
    }
}
