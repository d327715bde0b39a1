//! Whole numbers in any base.
use super::{Front, Read, front};

/// Reads a whole number in base 2 to 36, or 0: as its prefix (`0x`, `0`) says. `None` for another
/// base. The value is the magnitude, which fits 64 bits or is the greatest; the flag says *minus*.
#[must_use]
pub fn magnitude(text: &[u8], base: i32) -> Option<(Read<u64>, bool)> {
    let Front { length: start, negative, rest: digits } = front(text);
    let digit = |byte: &u8, base: u32| char::from(*byte).to_digit(base);
    let hexadecimal = matches!(digits, [b'0', b'x' | b'X', next, ..] if digit(next, 16).is_some());
    let (base, prefix) = match base {
        0 | 16 if hexadecimal => (16, 2),
        0 if digits.first() == Some(&b'0') => (8, 0),
        0 => (10, 0),
        2..=36 => (base.unsigned_abs(), 0),
        _ => return None,
    };
    let mut read = Read { value: 0u64, length: 0, fits: true };
    let digits = digits.get(prefix..).unwrap_or_default();
    for (index, value) in digits.iter().map_while(|byte| digit(byte, base)).enumerate() {
        let more = read.value.checked_mul(u64::from(base));
        match more.and_then(|more| more.checked_add(u64::from(value))) {
            Some(more) if read.fits => read.value = more,
            _ => (read.value, read.fits) = (u64::MAX, false),
        }
        read.length = start + prefix + index + 1;
    }
    Some((read, negative))
}

/// As `strtol` reads it.
#[must_use]
pub fn signed(text: &[u8], base: i32) -> Option<Read<i64>> {
    let (Read { value, length, fits }, negative) = magnitude(text, base)?;
    let (exact, bound) = match negative {
        true => (0i64.checked_sub_unsigned(value), i64::MIN),
        false => (value.try_into().ok(), i64::MAX),
    };
    let exact = exact.filter(|_| fits);
    Some(Read { value: exact.unwrap_or(bound), length, fits: exact.is_some() })
}

/// As `strtoul` reads it: a minus negates in 64 bits.
#[must_use]
pub fn unsigned(text: &[u8], base: i32) -> Option<Read<u64>> {
    let (read, negative) = magnitude(text, base)?;
    let negate = negative && read.fits;
    Some(Read { value: if negate { read.value.wrapping_neg() } else { read.value }, ..read })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, base: i32) -> (i64, usize, bool) {
        let read = signed(text.as_bytes(), base).unwrap();
        (read.value, read.length, read.fits)
    }

    #[test]
    fn whole_numbers_are_read_in_any_base() {
        for (text, base, value, length) in [
            ("42", 10, 42, 2),
            (" \t\n-17rest", 10, -17, 6),
            ("+5", 0, 5, 2),
            ("0x1F", 0, 31, 4),
            ("0X1fg", 16, 31, 4),
            ("0x", 0, 0, 1),
            ("0xg", 16, 0, 1),
            ("0755", 0, 493, 4),
            ("089", 0, 0, 1),
            ("zz", 36, 1295, 2),
            ("102", 2, 2, 2),
            ("", 10, 0, 0),
            ("-", 10, 0, 0),
            ("  x", 10, 0, 0),
        ] {
            assert_eq!(read(text, base), (value, length, true), "{text:?} in base {base}");
        }
        assert_eq!(signed(b"1", 1), None);
        assert_eq!(signed(b"1", 37), None);
        assert_eq!(signed(b"1", -2), None);
    }

    #[test]
    fn what_does_not_fit_is_the_nearest_and_said_so() {
        assert_eq!(read("9223372036854775807", 10), (i64::MAX, 19, true));
        assert_eq!(read("9223372036854775808", 10), (i64::MAX, 19, false));
        assert_eq!(read("-9223372036854775808", 10), (i64::MIN, 20, true));
        assert_eq!(read("-9223372036854775809", 10), (i64::MIN, 20, false));
        assert_eq!(read("99999999999999999999999 ", 10), (i64::MAX, 23, false));
        let all = unsigned(b"-1", 10).unwrap();
        assert_eq!((all.value, all.fits), (u64::MAX, true));
        let most = unsigned(b"18446744073709551616", 10).unwrap();
        assert_eq!((most.value, most.fits), (u64::MAX, false));
    }
}
