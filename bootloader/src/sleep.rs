//! How the machine is switched off, as the firmware's byte code says.

/// The two sleep types of "soft off": the first two numbers of the package `_S5_`.
///
/// To run the firmware's byte code for one constant would take an interpreter. Every firmware
/// declares the package by the same few bytes (ACPI 6.5, 20.2.5): NameOp, the name, PackageOp,
/// a length of 1 to 4 bytes, the count, then numbers; so this looks for those bytes, once, from
/// start to end of the table.
#[must_use]
pub fn sleep_types(code: &[u8]) -> Option<[u8; 2]> {
    let at = code.windows(4).position(|name| name == b"_S5_")?;
    let is_named =
        |back: usize, byte: u8| at.checked_sub(back).and_then(|at| code.get(at)) == Some(&byte);
    if !(is_named(1, 0x08) || is_named(1, b'\\') && is_named(2, 0x08)) {
        return None;
    }
    let mut bytes = code.get(at.checked_add(4)?..)?.iter().copied();
    if bytes.next()? != 0x12 {
        return None;
    }
    let more = bytes.next()? >> 6;
    let mut bytes = bytes.skip(usize::from(more).saturating_add(1));
    let mut number = || match bytes.next()? {
        0x0A => bytes.next(),
        0x0B => {
            let low = bytes.next();
            bytes.next()?;
            low
        }
        constant @ (0 | 1) => Some(constant),
        _ => None,
    };
    Some([number()? & 7, number()? & 7])
}

#[cfg(test)]
mod tests {
    use super::sleep_types;

    #[test]
    fn the_package_is_found_however_its_numbers_are_written() {
        let bytes = b"junk\x08_S5_\x12\x08\x04\x0A\x05\x0A\x06\x00\x00";
        assert_eq!(sleep_types(bytes), Some([5, 6]));
        let rooted = b"\x08\\_S5_\x12\x06\x04\x01\x00\x00\x00";
        assert_eq!(sleep_types(rooted), Some([1, 0]));
        let words = b"\x08_S5_\x12\x4A\x00\x04\x0B\x07\x00\x0B\x03\x00\x00\x00";
        assert_eq!(sleep_types(words), Some([7, 3]));
    }

    #[test]
    fn what_is_no_such_package_has_no_types() {
        let whole = b"\x08_S5_\x12\x08\x04\x0A\x05\x0A\x06";
        for end in 0..whole.len() {
            assert_eq!(sleep_types(&whole[..end]), None, "cut at {end}");
        }
        assert_eq!(sleep_types(b"\x14_S5_\x12\x08\x04\x0A\x05\x0A\x06"), None, "a method");
        assert_eq!(sleep_types(b"\x08_S5_\x11\x08\x04\x0A\x05\x0A\x06"), None, "a buffer");
        assert_eq!(sleep_types(b"\x08_S5_\x12\x08\x04\x0D\x05\x0A\x06"), None, "a string");
    }
}
