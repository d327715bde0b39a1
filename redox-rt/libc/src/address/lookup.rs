//! Addresses and ports that are written as numbers, and the machine's own name. Pure.
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address, and the interface that it belongs to (0: any).
pub(crate) type Scoped = (IpAddr, u32);

/// A whole number as C writes it: decimal, octal behind `0`, hexadecimal behind `0x`.
fn part(text: &str) -> Option<u32> {
    let (digits, base) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (text.get(2..)?, 16),
        [b'0', _, ..] => (text.get(1..)?, 8),
        _ => (text, 10),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, base).ok()
}

/// An address of version 4 in one to four parts, the last of which fills what is left.
fn version4(text: &str) -> Option<Ipv4Addr> {
    let (mut address, mut bits) = (0u32, 32);
    let mut parts = text.split('.').peekable();
    while let Some(text) = parts.next() {
        let value = part(text)?;
        if parts.peek().is_some() {
            bits = u32::checked_sub(bits, 8).filter(|bits| *bits >= 8)?;
            address |= u32::from(u8::try_from(value).ok()?) << bits;
        } else if bits < 32 && value >> bits != 0 {
            return None;
        } else {
            address |= value;
        }
    }
    Some(Ipv4Addr::from_bits(address))
}

/// The address that a text is, without asking anybody.
pub(crate) fn numeric(text: &str) -> Option<Scoped> {
    if let Some(address) = version4(text) {
        return Some((IpAddr::V4(address), 0));
    }
    let (address, scope) = match text.split_once('%') {
        Some((address, scope)) if scope.bytes().all(|byte| byte.is_ascii_digit()) => {
            (address, scope.parse().ok()?)
        }
        Some(_) => return None,
        None => (text, 0),
    };
    Some((IpAddr::V6(address.parse::<Ipv6Addr>().ok()?), scope))
}

/// Whether a name is this machine's own wherever it is (RFC 6761, 6.3).
pub(crate) fn is_own(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

/// A port that is written as a decimal number.
pub(crate) fn port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn numbers_are_addresses_in_every_form_that_c_knows() {
        for (text, expected) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("10.258", "10.0.1.2"),
            ("1.2.772", "1.2.3.4"),
            ("0x7f.0.0.010", "127.0.0.8"),
            ("2130706433", "127.0.0.1"),
            ("0", "0.0.0.0"),
            ("::1", "::1"),
            ("fe80::1%3", "fe80::1"),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
        ] {
            assert_eq!(numeric(text).unwrap().0.to_string(), expected, "{text}");
        }
        assert_eq!(numeric("fe80::1%3").unwrap().1, 3);
    }

    #[test]
    fn everything_else_is_none() {
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "1..2",
            "256.1.1.1",
            "1.2.3.256",
            "1.2.3.4.5",
            "1.2.65536",
            "4294967296",
            "08",
            "0x",
            "+1",
            "1.-2",
            "fe80::1%eth0",
            "::1%",
            ":",
            "localhost",
            "1.2.3.4 ",
        ] {
            assert_eq!(numeric(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_machine_has_a_name_for_itself() {
        for name in ["localhost", "LocalHost.", "a.localhost"] {
            assert!(is_own(name));
        }
        for name in ["", "localhosts", "localhost.example"] {
            assert!(!is_own(name));
        }
    }

    #[test]
    fn a_port_is_a_number_of_sixteen_bits() {
        assert_eq!((port("0"), port("65535"), port("0080")), (Some(0), Some(65535), Some(80)));
        for text in ["", "65536", "-1", "+1", "http", "8 0"] {
            assert_eq!(port(text), None);
        }
    }
}
