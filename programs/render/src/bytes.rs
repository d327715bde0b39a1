//! Bytes as text: dumps and sizes.
use alloc::format;
use alloc::string::String;
use core::fmt::Write;

/// One line of a dump: offset, up to sixteen bytes in hexadecimal, the printable ones.
#[must_use]
pub fn dump_line(offset: u64, bytes: &[u8]) -> String {
    let mut line = format!("{offset:08x} ");
    for index in 0..16 {
        if index == 8 {
            line.push(' ');
        }
        match bytes.get(index) {
            // Writing to a String cannot fail.
            Some(byte) => _ = write!(line, " {byte:02x}"),
            None => line.push_str("   "),
        }
    }
    line.push_str("  |");
    for byte in bytes.iter().take(16) {
        line.push(if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' });
    }
    line.push('|');
    line
}

/// A number of bytes with a binary unit, exact below 10 KiB.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: &[(u32, &str)] = &[(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    if bytes < 10 << 10 {
        return format!("{bytes} B");
    }
    let (shift, unit) = UNITS.iter().find(|row| bytes >> row.0 > 0).unwrap_or(&(0, "B"));
    let tenths = (u128::from(bytes) * 10) >> shift;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_line_shows_numbers_and_characters() {
        let line = dump_line(16, b"Hello\n");
        assert_eq!(line.len(), dump_line(0, &[0; 16]).len() - 10);
        assert!(line.starts_with("00000010  48 65 6c 6c 6f 0a "), "{line}");
        assert!(line.ends_with("|Hello.|"), "{line}");
    }

    #[test]
    fn sizes_have_one_digit_after_the_point() {
        assert_eq!(size(10_239), "10239 B");
        assert_eq!(size(10_240), "10.0 KiB");
        assert_eq!(size(128 << 20), "128.0 MiB");
        assert_eq!(size(u64::MAX), "16777215.9 TiB");
    }
}
