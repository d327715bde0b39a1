//! Bytes, words and sets.
use super::directive::{Conversion, Kind, Length};
use super::field::Field;
use super::{Caller, Failure, Input, Stop};
use crate::number::is_blank;
use alloc::vec::Vec;

/// Reads text and stores it, where it is asked for.
pub(super) fn convert<I: Input>(
    field: &mut Field<'_, I>,
    conversion: &Conversion,
    address: Option<u64>,
    caller: &mut impl Caller,
) -> Result<(), Stop> {
    let bytes = matches!(conversion.kind, Kind::Bytes);
    let most = conversion.width.unwrap_or(if bytes { 1 } else { usize::MAX });
    let wide = conversion.length == Length::Long;
    let wanted = |byte: u8| match &conversion.kind {
        Kind::Set(set) => set.has(byte),
        Kind::Word => !is_blank(byte),
        _ => true,
    };
    field.begin(None);
    let (mut text, mut count) = (Vec::new(), 0);
    while count < most {
        let Some(byte) = field.take_if(wanted) else { break };
        let character = if wide { character(field, byte)?.to_le_bytes() } else { [byte, 0, 0, 0] };
        count += 1;
        if address.is_some() {
            keep(&mut text, character.get(..if wide { 4 } else { 1 }).unwrap_or_default())?;
        }
    }
    if count == 0 || bytes && count < most {
        return Err(field.missing());
    }
    let Some(address) = address else { return Ok(()) };
    if !bytes {
        keep(&mut text, if wide { &[0; 4] } else { &[0] })?;
    }
    if conversion.allocated {
        let memory = caller.allocate(&text).ok_or(Failure::NoMemory)?;
        caller.store(address, &memory.to_le_bytes());
    } else {
        caller.store(address, &text);
    }
    Ok(())
}

fn keep(text: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Failure> {
    text.try_reserve(bytes.len()).map_err(|_| Failure::NoMemory)?;
    text.extend_from_slice(bytes);
    Ok(())
}

/// The rest of a character in UTF-8 that begins with a byte.
fn character<I: Input>(field: &mut Field<'_, I>, first: u8) -> Result<u32, Failure> {
    let length = match first {
        0..0x80 => return Ok(u32::from(first)),
        0xC2..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..0xF5 => 4,
        _ => return Err(Failure::NoCharacter),
    };
    let mut bytes = [first, 0, 0, 0];
    for place in bytes.iter_mut().take(length).skip(1) {
        *place = field.take_if(|byte| byte & 0xC0 == 0x80).ok_or(Failure::NoCharacter)?;
    }
    let text = core::str::from_utf8(bytes.get(..length).unwrap_or_default());
    text.ok().and_then(|text| text.chars().next()).map(u32::from).ok_or(Failure::NoCharacter)
}
