//! `scanf`.
use crate::memory::{Arguments, freed, vsscanf};
use c_stdio::scan::{Input, scan};
use fastrand::Rng;
use std::ffi::CString;

/// Room for what one conversion stores: all of the longest input, in wide characters.
const ROOM: usize = 1024;

struct Bytes<'b>(&'b [u8], usize);

impl Input for Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.0.get(self.1).copied();
        self.1 += usize::from(byte.is_some());
        byte
    }

    fn back(&mut self, byte: u8) {
        self.1 -= 1;
        assert_eq!(self.0[self.1], byte, "another byte came back");
    }
}

/// What a conversion stores.
#[derive(Clone, Copy, PartialEq)]
enum Stored {
    Bytes,
    /// Only the first ten bytes count.
    Extended,
    Pointer,
}

/// A conversion, something that it may read, and what it stores. Bytes and characters are not mixed:
/// what a byte leaves of a character is none.
fn conversion(random: &mut Rng, position: &str, wide: bool) -> (String, String, Option<Stored>) {
    let suppressed = random.u8(..8) == 0;
    let star = if suppressed { "*" } else { position };
    let width = match random.u8(..4) {
        0 => [1, 4, 5, 6, 7, 12][random.usize(..6)].to_string(),
        _ => String::new(),
    };
    let (letters, input, stored) = match random.u8(..8) {
        0..3 => {
            let letter = ["d", "i", "o", "u", "x", "X"][random.usize(..6)];
            let length = ["", "hh", "h", "l", "ll", "j", "z"][random.usize(..7)];
            let number = random.i64(..) >> random.u32(..64);
            let input = match random.u8(..10) {
                0 => format!("{number:x}"),
                1 => format!("0x{number:X}"),
                2 => format!("0{number:o}"),
                3 => format!("+{}", number.unsigned_abs()),
                4 => "99999999999999999999999".into(),
                5 => ["0x", "-", "+0x", "0xg", "08", "-0x1f", "0"][random.usize(..7)].into(),
                _ => number.to_string(),
            };
            (format!("{length}{letter}"), input, Stored::Bytes)
        }
        3 | 4 => {
            let letter = ["a", "e", "f", "g", "E", "G"][random.usize(..6)];
            let length = ["", "l", "L"][random.usize(..3)];
            let number = f64::from_bits(random.u64(..));
            let input = match random.u8(..9) {
                0 => format!("{number:e}"),
                1 => format!("{}", random.i32(-9999..9999)),
                2 => format!("{:.3}", f64::from(random.i32(-99999..99999)) / 7.0),
                3 => {
                    format!("0x{:x}.{:x}p{}", random.u8(..), random.u64(..), random.i16(-999..999))
                }
                4 => format!("{}{}e{}", random.u64(..), random.u64(..), random.i16(-4990..4960)),
                5 => [
                    "inf", "INFINITY", "nan", "-inf", "infi", "na", ".", "-.", "0x", "1.e5", ".5",
                    "1e5000", "1e-5000",
                ][random.usize(..13)]
                .into(),
                _ => format!("{}", f64::from(random.i16(..)) / 8.0),
            };
            let stored = if length == "L" { Stored::Extended } else { Stored::Bytes };
            (format!("{length}{letter}"), input, stored)
        }
        5 => {
            let memory = ["", "m"][random.usize(..if wide { 1 } else { 2 })];
            let stored = if memory.is_empty() { Stored::Bytes } else { Stored::Pointer };
            let input = ["word", "", "a", if wide { "na\u{EF}ve" } else { "s" }][random.usize(..4)];
            (format!("{memory}{}s", if wide { "l" } else { "" }), input.into(), stored)
        }
        6 => {
            let set = ["[a-f0-9]", "[^ ]", "[]x]", "[^]]", "[-+]", "[a-]", "[0-9.]", "[%d]"]
                [random.usize(..8)];
            let input = ["abc", "0fg", "]]x", "+-+", "z", "%d", "a-b"][random.usize(..7)];
            (format!("{}{set}", if wide { "l" } else { "" }), input.into(), Stored::Bytes)
        }
        _ => {
            let letters = ["ls", "lc", "l[^,]", if wide { "C" } else { "c" }, "S", "p"];
            let inputs = ["x", "(nil)", "0x1234", ",", "a\u{20AC}b", "\u{1F511}"];
            let input = inputs[random.usize(..if wide { 6 } else { 4 })];
            (letters[random.usize(..6)].into(), input.into(), Stored::Bytes)
        }
    };
    // A width of `c` must be had, and digits behind `0x` and of exponents; the host does not ask
    // for them.
    // Of characters that it only passes over it counts the bytes.
    let free = letters.ends_with(['c', 'a', 'e', 'f', 'g', 'E', 'G'])
        || letters.ends_with('C')
        || suppressed && letters.starts_with(['l', 'S']);
    let width = if free { String::new() } else { width };
    // The host stores nothing where memory is not wanted.
    let letters = if suppressed { letters.replace('m', "") } else { letters };
    (format!("%{star}{width}{letters}"), input, (!suppressed).then_some(stored))
}

/// Places that arguments point to.
struct Places(Vec<[u8; ROOM]>);

impl Places {
    fn new(count: usize) -> Places {
        Places(vec![[0xAA; ROOM]; count])
    }

    fn arguments(&mut self) -> Arguments {
        let mut arguments = Arguments::default();
        for place in &mut self.0 {
            arguments.word(place.as_mut_ptr().expose_provenance() as u64);
        }
        arguments
    }

    /// What was stored, so that both sides can be compared.
    fn found(mut self, stored: &[Stored]) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for (place, stored) in self.0.iter_mut().zip(stored) {
            let address = u64::from_le_bytes(place[..8].try_into().unwrap());
            let untouched = address == u64::from_le_bytes([0xAA; 8]);
            all.push(match stored {
                // The host leaves null where it found nothing.
                Stored::Pointer if untouched || address == 0 => Vec::new(),
                Stored::Pointer => freed(address),
                Stored::Extended => place[..10].to_vec(),
                Stored::Bytes => place.to_vec(),
            });
        }
        all
    }
}

#[test]
fn what_is_read_is_what_the_host_reads() {
    crate::locale();
    let (mut random, seed) = crate::random();
    for index in 0..crate::CASES {
        let (numbered, wide) = (random.u8(..6) == 0, random.bool());
        let (mut format, mut input, mut stored) = (String::new(), String::new(), Vec::new());
        for _ in 0..random.usize(1..4) {
            let blank = ["", " ", "\n", ",", "x", "%%"][random.usize(..6)];
            format += blank;
            input += ["", " ", "  \t", ",", "x", "%"][random.usize(..6)];
            if random.bool() {
                input += blank.trim_end_matches('%');
            }
            let position = match numbered {
                true => format!("{}$", stored.len() + 1),
                false => String::new(),
            };
            let (text, example, what) = conversion(&mut random, &position, wide);
            format += &text;
            input += &example;
            stored.extend(what);
        }
        if random.u8(..3) == 0 {
            format += ["%n", "%hhn", "%ln"][random.usize(..3)]
                .replace(
                    '%',
                    &if numbered { format!("%{}$", stored.len() + 1) } else { "%".into() },
                )
                .as_str();
            stored.push(Stored::Bytes);
        }
        assert!(4 * (input.len() + 1) <= ROOM, "the test needs more room");
        if half_a_number(input.as_bytes()) {
            continue;
        }
        let (mut mine, mut hosts) = (Places::new(stored.len()), Places::new(stored.len()));
        let mut arguments = mine.arguments();
        let ours = scan(format.as_bytes(), &mut Bytes(input.as_bytes(), 0), &mut arguments);
        // An input failure for C, which the host answers 0.
        if ours == Err(c_stdio::scan::Failure::NoCharacter) {
            continue;
        }
        let ours = ours.map_or(-1, |count| count as i32);
        let arguments = hosts.arguments();
        let texts = [&input, &format].map(|text| CString::new(text.as_str()).unwrap());
        let mut list = arguments.list();
        // SAFETY: two strings, and an address with room for each conversion.
        let host = unsafe { vsscanf(texts[0].as_ptr(), texts[1].as_ptr(), &raw mut list) };
        let told = format!("STDIO_SEED={seed}, case {index}: {format:?} of {input:?}");
        assert_eq!(ours, host, "{told}");
        let (mine, hosts) = (mine.found(&stored), hosts.found(&stored));
        // Where it stopped the host may have stored the beginning of a text.
        for (number, (mine, host)) in mine.iter().zip(&hosts).enumerate() {
            let differs = (0..mine.len().max(host.len())).find(|at| mine.get(*at) != host.get(*at));
            let done = number < usize::try_from(host_count(ours, &format)).unwrap_or(0);
            assert!(
                differs.is_none() || !done,
                "{told}: argument {number}: {:?} and {:?}",
                mine.get(..16),
                host.get(..16)
            );
        }
    }
}

/// Whether there is an exponent or `0x` without digits, with which the host is content.
fn half_a_number(input: &[u8]) -> bool {
    (0..input.len()).any(|at| {
        let behind = &input[at + 1..];
        let signs = usize::from(matches!(behind.first(), Some(b'+' | b'-')));
        let digits = behind.get(signs).is_some_and(u8::is_ascii_digit);
        let hexadecimal = behind.first().is_some_and(u8::is_ascii_hexdigit);
        match input[at] {
            b'e' | b'E' | b'p' => !digits,
            b'x' | b'X' => !hexadecimal,
            _ => false,
        }
    })
}

#[test]
fn what_has_a_mark_must_have_digits() {
    let mut places = Places::new(2);
    for text in ["0x", "0xg", "-0x"] {
        let mut arguments = places.arguments();
        assert_eq!(scan(b"%i", &mut Bytes(text.as_bytes(), 0), &mut arguments), Ok(0), "{text}");
    }
    for text in ["100ergs", "1e+", "0x1p", "0x1p-x"] {
        let mut arguments = places.arguments();
        assert_eq!(scan(b"%f", &mut Bytes(text.as_bytes(), 0), &mut arguments), Ok(0), "{text}");
    }
}

/// Arguments that were stored for certain: `%n` counts for none, but stands last.
fn host_count(count: i32, format: &str) -> i32 {
    count + i32::from(format.ends_with('n'))
}

#[test]
fn what_is_no_format_reads_nothing() {
    for format in ["%", "%5", "%y", "%[a", "%0$d", "%65$d", "%md", "%1$d%d"] {
        let mut places = Places::new(70);
        let mut arguments = places.arguments();
        let read = scan(format.as_bytes(), &mut Bytes(b"12 34", 0), &mut arguments);
        let first = format.starts_with("%1$d");
        let expected = if first { Ok(1) } else { Err(c_stdio::scan::Failure::Malformed) };
        assert_eq!(read, expected, "{format}");
    }
}

#[test]
fn a_width_of_bytes_must_be_had() {
    let mut places = Places::new(1);
    let mut arguments = places.arguments();
    arguments.word(0);
    let read = scan(b"%4c", &mut Bytes(b"abc", 0), &mut arguments);
    assert_eq!(read, Ok(0));
    let read = scan(b"%4c", &mut Bytes(b"", 0), &mut arguments);
    assert_eq!(read, Err(c_stdio::scan::Failure::Ended));
    assert_eq!(scan(b"%3c", &mut Bytes(b"abc", 0), &mut places.arguments()), Ok(1));
    assert_eq!(&places.0[0][..4], b"abc\xAA");
}
