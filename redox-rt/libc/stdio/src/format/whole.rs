//! Whole numbers.
use super::output::{Output, Sized};
use super::{Failure, Flags, Length, Sink};

/// Room for the digits of 64 bits in base eight.
const DIGITS: usize = 22;

/// Writes a whole number as its letter says.
pub(super) fn put<S: Sink>(
    word: u64,
    letter: u8,
    flags: Flags,
    precision: Option<usize>,
    length: Length,
    field: Sized,
    output: &mut Output<'_, S>,
) -> Result<(), Failure> {
    let signed = matches!(letter, b'd' | b'i');
    let value = match (length, signed) {
        (Length::Byte, true) => i64::from(word as i8),
        (Length::Short, true) => i64::from(word as i16),
        (Length::Normal, true) => i64::from(word as i32),
        (Length::Byte, false) => i64::from(word as u8),
        (Length::Short, false) => i64::from(word as u16),
        (Length::Normal, false) => i64::from(word as u32),
        (Length::Long | Length::Extended, _) => word as i64,
    };
    let magnitude = if signed { value.unsigned_abs() } else { value as u64 };
    let base = match letter {
        b'o' => 8,
        b'x' | b'X' => 16,
        _ => 10,
    };
    let mut room = [0; DIGITS];
    let digits = digits(magnitude, base, letter == b'X', &mut room);
    let mut zeroes = precision.unwrap_or(1).saturating_sub(digits.len());
    let front: &[u8] = match letter {
        b'd' | b'i' if value < 0 => b"-",
        b'd' | b'i' if flags.plus => b"+",
        b'd' | b'i' if flags.space => b" ",
        b'x' if flags.alternate && magnitude != 0 => b"0x",
        b'X' if flags.alternate && magnitude != 0 => b"0X",
        b'o' if flags.alternate && zeroes == 0 => {
            zeroes = 1;
            b""
        }
        _ => b"",
    };
    let padded = flags.zero && precision.is_none();
    output.number(front, zeroes.saturating_add(digits.len()), padded, field, |output| {
        output.fill(b'0', zeroes)?;
        output.put(digits)
    })
}

/// The digits; none for zero.
fn digits(mut value: u64, base: u64, upper: bool, room: &mut [u8; DIGITS]) -> &[u8] {
    let mut start = DIGITS;
    while value > 0 {
        start -= 1;
        let digit = char::from_digit((value % base) as u32, 16).unwrap_or('0') as u8;
        if let Some(place) = room.get_mut(start) {
            *place = if upper { digit.to_ascii_uppercase() } else { digit };
        }
        value /= base;
    }
    room.get(start..).unwrap_or_default()
}
