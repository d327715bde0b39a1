//! Numbers.
use super::directive::Length;
use super::field::Field;
use super::{Caller, Failure, Input, Stop};
use crate::extended::Extended;
use crate::number::real;
use alloc::vec::Vec;

/// Reads a whole number; 0 as a base: as its prefix says. One that does not fit is the nearest of 64
/// bits.
pub(super) fn whole<I: Input>(
    field: &mut Field<'_, I>,
    width: Option<usize>,
    mut base: u32,
    signed: bool,
) -> Result<u64, Stop> {
    field.begin(width);
    let negative = field.take_if(|byte| matches!(byte, b'-' | b'+')) == Some(b'-');
    let mut digits = 0usize;
    if field.take_if(|byte| byte == b'0').is_some() {
        digits = 1;
        let marked = matches!(base, 0 | 16);
        if marked && field.take_if(|byte| matches!(byte, b'x' | b'X')).is_some() {
            (base, digits) = (16, 0);
        } else if base == 0 {
            base = 8;
        }
    } else if base == 0 {
        base = 10;
    }
    let (mut magnitude, mut fits) = (0u64, true);
    while let Some(byte) = field.take_if(|byte| char::from(byte).is_digit(base)) {
        let digit = char::from(byte).to_digit(base).unwrap_or(0);
        digits += 1;
        let more = magnitude.checked_mul(u64::from(base));
        match more.and_then(|more| more.checked_add(u64::from(digit))) {
            Some(more) => magnitude = more,
            None => fits = false,
        }
    }
    if digits == 0 {
        return Err(field.missing());
    }
    Ok(match (signed, negative) {
        _ if !fits && !signed => u64::MAX,
        (true, true) if !fits || magnitude > 1 << 63 => i64::MIN as u64,
        (true, false) if !fits || magnitude >= 1 << 63 => i64::MAX as u64,
        (_, true) => magnitude.wrapping_neg(),
        (_, false) => magnitude,
    })
}

/// Reads an address, as `%p` writes it.
pub(super) fn pointer<I: Input>(
    field: &mut Field<'_, I>,
    width: Option<usize>,
) -> Result<u64, Stop> {
    field.begin(width);
    if field.take_if(|byte| byte == b'(').is_some() {
        for wanted in *b"nil)" {
            field.take_if(|byte| byte == wanted).ok_or(Stop::Mismatch)?;
        }
        return Ok(0);
    }
    whole(field, width, 16, false)
}

/// The text of a number with a fraction.
struct Text(Vec<u8>);

impl Text {
    /// Takes a byte if it is wanted; whether it was.
    fn take<I: Input>(
        &mut self,
        field: &mut Field<'_, I>,
        wanted: impl FnOnce(u8) -> bool,
    ) -> Result<bool, Stop> {
        let Some(byte) = field.take_if(wanted) else { return Ok(false) };
        self.0.try_reserve(1).map_err(|_| Failure::NoMemory)?;
        self.0.push(byte);
        Ok(true)
    }

    /// Takes as many as are wanted; how many there were.
    fn run<I: Input>(
        &mut self,
        field: &mut Field<'_, I>,
        wanted: impl Fn(u8) -> bool,
    ) -> Result<usize, Stop> {
        let mut count = 0;
        while self.take(field, &wanted)? {
            count += 1;
        }
        Ok(count)
    }

    /// Takes the rest of a word, which must come.
    fn word<I: Input>(&mut self, field: &mut Field<'_, I>, rest: &[u8]) -> Result<(), Stop> {
        for wanted in rest {
            if !self.take(field, |byte| byte.eq_ignore_ascii_case(wanted))? {
                return Err(field.missing());
            }
        }
        Ok(())
    }
}

/// Reads the text of a number with a fraction: the longest that one can begin with, which must be
/// one.
pub(super) fn real<I: Input>(
    field: &mut Field<'_, I>,
    width: Option<usize>,
) -> Result<Vec<u8>, Stop> {
    field.begin(width);
    let mut text = Text(Vec::new());
    text.take(field, |byte| matches!(byte, b'-' | b'+'))?;
    let is = |wanted: u8| move |byte: u8| byte.eq_ignore_ascii_case(&wanted);
    if text.take(field, is(b'n'))? {
        text.word(field, b"an")?;
        return Ok(text.0);
    }
    if text.take(field, is(b'i'))? {
        text.word(field, b"nf")?;
        if text.take(field, is(b'i'))? {
            text.word(field, b"nity")?;
        }
        return Ok(text.0);
    }
    let mut digits = text.run(field, |byte| byte == b'0')?;
    let hexadecimal = digits == 1 && text.take(field, is(b'x'))?;
    let (radix, letter) = if hexadecimal { (16, b'p') } else { (10, b'e') };
    let digit = |byte: u8| char::from(byte).is_digit(radix);
    if hexadecimal {
        digits = 0;
    }
    digits += text.run(field, digit)?;
    if text.take(field, |byte| byte == b'.')? {
        digits += text.run(field, digit)?;
    }
    if digits == 0 {
        return Err(field.missing());
    }
    if text.take(field, is(letter))? {
        text.take(field, |byte| matches!(byte, b'-' | b'+'))?;
        if text.run(field, |byte| byte.is_ascii_digit())? == 0 {
            return Err(field.missing());
        }
    }
    Ok(text.0)
}

/// Stores the number that a text says.
pub(super) fn store_real(text: &[u8], length: Length, address: u64, caller: &mut impl Caller) {
    match length {
        Length::Long => {
            caller.store(address, &real::real::<f64>(text).value.to_bits().to_le_bytes());
        }
        Length::Extended => caller.store(address, &real::real::<Extended>(text).value.to_bytes()),
        _ => caller.store(address, &real::real::<f32>(text).value.to_bits().to_le_bytes()),
    }
}
