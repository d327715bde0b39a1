//! Numbers with fractions, exact to the last digit.
use super::output::{Output, Sized};
use super::{Failure, Flags, Sink};
use crate::decimal::Decimal;
use crate::extended::Extended;

/// A number, whatever format it came in.
#[derive(Clone, Copy)]
pub(super) struct Number {
    negative: bool,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Infinity,
    NaN,
    Finite(Finite),
}

/// `significand` times two to the `exponent`.
#[derive(Clone, Copy)]
struct Finite {
    significand: u64,
    exponent: i32,
    /// Hexadecimal digits behind the first, when it is written with all.
    digits: u32,
}

impl Number {
    pub(super) fn double(value: f64) -> Number {
        let bits = value.to_bits();
        let (field, fraction) = (bits >> 52 & 0x7FF, bits & ((1 << 52) - 1));
        let kind = match field {
            0x7FF if fraction == 0 => Kind::Infinity,
            0x7FF => Kind::NaN,
            0 => Kind::Finite(Finite { significand: fraction, exponent: -1074, digits: 13 }),
            field => Kind::Finite(Finite {
                significand: fraction | 1 << 52,
                exponent: field as i32 - 1075,
                digits: 13,
            }),
        };
        Number { negative: value.is_sign_negative(), kind }
    }

    pub(super) fn extended(value: Extended) -> Number {
        let Extended { significand, .. } = value;
        let kind = if value.special() {
            if significand << 1 == 0 { Kind::Infinity } else { Kind::NaN }
        } else {
            let exponent = i32::from(value.field().max(1)) - 16383 - 63;
            Kind::Finite(Finite { significand, exponent, digits: 15 })
        };
        Number { negative: value.negative(), kind }
    }
}

/// Writes a number as its letter says.
pub(super) fn put<S: Sink>(
    number: Number,
    letter: u8,
    flags: Flags,
    precision: Option<usize>,
    field: Sized,
    output: &mut Output<'_, S>,
) -> Result<(), Failure> {
    let upper = letter.is_ascii_uppercase();
    let sign = match number.negative {
        true => Some(b'-'),
        false if flags.plus => Some(b'+'),
        false if flags.space => Some(b' '),
        false => None,
    };
    let front: &[u8] = sign.as_slice();
    let finite = match number.kind {
        Kind::Finite(finite) => finite,
        other => {
            let word: &[u8; 3] = match (other, upper) {
                (Kind::Infinity, false) => b"inf",
                (Kind::Infinity, true) => b"INF",
                (_, false) => b"nan",
                (_, true) => b"NAN",
            };
            return output.number(front, 3, false, field, |output| output.put(word));
        }
    };
    let zero = flags.zero;
    if letter.eq_ignore_ascii_case(&b'a') {
        return hexadecimal(finite, front, upper, flags, precision, field, output);
    }
    let mut decimal = Decimal::new(finite.significand, finite.exponent);
    let precision = precision.unwrap_or(6);
    let (scientific, digits) = match letter.to_ascii_lowercase() {
        b'f' => (false, precision),
        b'e' => (true, precision),
        _ => short(&mut decimal, precision.max(1), flags.alternate),
    };
    let point = flags.alternate || digits > 0;
    if scientific {
        decimal.round(decimal.power().saturating_sub_unsigned(digits));
        let power = decimal.power();
        let mut room = [0; 8];
        let tail = exponent(if upper { b'E' } else { b'e' }, power as i32, 2, &mut room);
        let length = digits.saturating_add(1 + usize::from(point) + tail.len());
        output.number(front, length, zero, field, |output| {
            output.put(&[decimal.digit(power)])?;
            fraction(&decimal, power, digits, point, output)?;
            output.put(tail)
        })
    } else {
        decimal.round(0isize.saturating_sub_unsigned(digits));
        let power = decimal.power().max(0);
        let length = digits.saturating_add(1 + power as usize + usize::from(point));
        output.number(front, length, zero, field, |output| {
            output.each((0..=power).rev().map(|power| decimal.digit(power)))?;
            fraction(&decimal, 0, digits, point, output)
        })
    }
}

/// The point and so many digits below a power of ten.
fn fraction<S: Sink>(
    decimal: &Decimal,
    power: isize,
    digits: usize,
    point: bool,
    output: &mut Output<'_, S>,
) -> Result<(), Failure> {
    if point {
        output.put(b".")?;
    }
    // What is below the last digit is zero.
    let there = power.saturating_add_unsigned(decimal.scale()).max(0) as usize;
    let own = digits.min(there);
    output.each((1..=own).map(|index| decimal.digit(power - index as isize)))?;
    output.fill(b'0', digits - own)
}

/// `%g`: whether an exponent is written, and how many digits behind the point, after rounding to so
/// many digits. Zeroes at the end are not written, unless `#` asks for them.
fn short(decimal: &mut Decimal, digits: usize, alternate: bool) -> (bool, usize) {
    decimal.round(decimal.power().saturating_sub_unsigned(digits - 1));
    let power = decimal.power();
    let scientific = power < -4 || power >= 0 && power.unsigned_abs() >= digits;
    let first = if scientific { power } else { 0 };
    let wanted = (digits - 1).saturating_add_signed(if scientific { 0 } else { -power });
    if alternate {
        return (scientific, wanted);
    }
    let there = first.saturating_add_unsigned(decimal.scale()).max(0) as usize;
    let mut kept = wanted.min(there);
    while kept > 0 && decimal.digit(first - kept as isize) == b'0' {
        kept -= 1;
    }
    (scientific, kept)
}

/// A letter, a sign, and at least `least` digits.
fn exponent(letter: u8, value: i32, least: usize, room: &mut [u8; 8]) -> &[u8] {
    let mut start = room.len();
    let mut left = value.unsigned_abs();
    let digits = (left.checked_ilog10().unwrap_or(0) as usize + 1).max(least);
    let sign = if value < 0 { b'-' } else { b'+' };
    for index in 0..digits + 2 {
        start -= 1;
        let byte = match index {
            index if index < digits => b'0' + (left % 10) as u8,
            index if index == digits => sign,
            _ => letter,
        };
        left /= 10;
        if let Some(place) = room.get_mut(start) {
            *place = byte;
        }
    }
    room.get(start..).unwrap_or_default()
}

/// `%a`: a double begins with 1 (0 when it is not normal), an extended number with its first four
/// bits.
fn hexadecimal<S: Sink>(
    number: Finite,
    sign: &[u8],
    upper: bool,
    flags: Flags,
    precision: Option<usize>,
    field: Sized,
    output: &mut Output<'_, S>,
) -> Result<(), Failure> {
    let Finite { significand, exponent: scale, digits } = number;
    let mut bits = u128::from(significand);
    let mut power = if significand == 0 { 0 } else { scale + 4 * digits as i32 };
    // What is not to be written is rounded into what is.
    if let Some(kept) = precision.and_then(|kept| u32::try_from(kept).ok())
        && kept < digits
    {
        let drop = 4 * (digits - kept);
        let half = 1 << (drop - 1);
        let odd = bits >> drop & 1;
        bits = (bits + half - 1 + odd) >> drop << drop;
    }
    if bits >> (4 * digits) > 0xF {
        (bits, power) = (bits >> 4, power + 4);
    }
    let digit = |index: u32| {
        let value = (bits >> (4 * (digits - index))) as u32 & 0xF;
        let digit = char::from_digit(value, 16).unwrap_or('0') as u8;
        if upper { digit.to_ascii_uppercase() } else { digit }
    };
    let own = (0..=digits).rev().find(|index| *index == 0 || digit(*index) != b'0').unwrap_or(0);
    let wanted = precision.unwrap_or(own as usize);
    let point = flags.alternate || wanted > 0;
    let mut room = [0; 8];
    let tail = exponent(if upper { b'P' } else { b'p' }, power, 1, &mut room);
    let mut front = [0; 3];
    let marks: &[u8; 2] = if upper { b"0X" } else { b"0x" };
    for (to, from) in front.iter_mut().zip(sign.iter().chain(marks)) {
        *to = *from;
    }
    let front = front.get(..sign.len() + 2).unwrap_or_default();
    let length = wanted.saturating_add(1 + usize::from(point) + tail.len());
    output.number(front, length, flags.zero, field, |output| {
        output.put(&[digit(0)])?;
        if point {
            output.put(b".")?;
        }
        let written = wanted.min(digits as usize);
        output.each((1..=written as u32).map(digit))?;
        output.fill(b'0', wanted - written)?;
        output.put(tail)
    })
}
