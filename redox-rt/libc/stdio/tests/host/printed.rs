//! `printf`.
use crate::memory::{Arguments, vsnprintf};
use c_stdio::extended::Extended;
use c_stdio::format::{Sink, print};
use fastrand::Rng;
use std::ffi::CString;

const ROOM: usize = 64 << 10;

/// Strings that formats show; the addresses stay.
const TEXTS: [&std::ffi::CStr; 4] = [c"", c"a", c"some words", c"na\xC3\xAFve \xE2\x82\xAC"];
const WIDE: [&[u32]; 3] = [&[0], &[0x61, 0x20AC, 0x1F511, 0x62, 0], &[0x41, 0xD800, 0]];

struct Bytes(Vec<u8>);

impl Sink for Bytes {
    fn put(&mut self, bytes: &[u8]) -> Result<(), i32> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// A format and its arguments.
struct Case {
    format: Vec<u8>,
    arguments: Arguments,
}

/// One argument.
enum Value {
    Word(u64),
    Extended(Extended),
}

fn integer(random: &mut Rng) -> u64 {
    match random.u8(..4) {
        0 => random.u64(..10),
        1 => random.u64(..) >> random.u32(..64),
        2 => (random.i64(..) >> random.u32(..64)) as u64,
        _ => [0, u64::MAX, 1 << 63, 1 << 31, 0x80, 0x7FFF][random.usize(..6)],
    }
}

fn double(random: &mut Rng) -> f64 {
    match random.u8(..8) {
        0 => f64::from_bits(random.u64(..)),
        1 => random.i32(-1000..1000).into(),
        2 => f64::from(random.i32(-100_000..100_000)) / 8.0,
        3 => f64::from(random.i32(-100_000..100_000)) / 1000.0,
        4 => 10f64.powi(random.i32(-25..25)),
        5 => f64::from_bits(random.u64(..1 << 52)),
        6 => 10f64.powi(random.i32(-10..20)) - random.f64(),
        _ => [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.5, 9.5][random.usize(..7)],
    }
}

fn extended(random: &mut Rng) -> Extended {
    let high = random.u16(..);
    let significand = random.u64(..) | 1 << 63;
    match random.u8(..6) {
        // The host is wrong about a whole part with the exponent of small numbers.
        0 => Extended { significand, high: high | 1 },
        1 => Extended { significand, high: random.u16(16360..16420) },
        2 => Extended { significand: significand & !0 << random.u32(40..64), high: 16383 + 20 },
        3 => Extended { significand: random.u64(..1 << 63), high: high & 0x8000 },
        4 => Extended { significand: 1 << 63 | random.u64(..) & 0x1FF, high: 16383 },
        _ => Extended {
            significand: [1 << 63, 0xC << 60, u64::MAX][random.usize(..3)],
            high: [0x7FFF, 0xFFFF, 16383, 16384][random.usize(..4)],
        },
    }
}

/// Adds an argument; what says its number where they are numbered.
fn next(values: &mut Vec<Value>, value: Value, numbered: &mut usize) -> String {
    values.push(value);
    if *numbered == 0 {
        return String::new();
    }
    *numbered += 1;
    format!("{}$", *numbered - 1)
}

/// A conversion without its position, and the values that it takes.
fn conversion(random: &mut Rng, numbered: &mut usize) -> (String, Vec<Value>) {
    let mut values = Vec::new();
    let mut text = String::new();
    let letters = "diouxXcsCSpn%aAeEfFgGaAeEfFgGm";
    let letter = letters.as_bytes()[random.usize(..letters.len())] as char;
    if letter == '%' {
        return ("%%".into(), values);
    }
    for flag in "-+ #0'".chars() {
        // The host groups digits by the locale, which says nothing here.
        // The host names an error by its symbol with `#`; C has no signs of addresses, and no
        // zeroes before text; with `#` the host forgets zeroes that rounding makes.
        let without = matches!((letter, flag), ('m' | 'g' | 'G', '#') | ('p', '+' | ' '))
            || matches!((letter, flag), ('c' | 's' | 'C' | 'S' | 'm', '0'));
        if random.u8(..5) == 0 && !without {
            text.push(flag);
        }
    }
    match random.u8(..6) {
        0 => text += &random.u8(1..40).to_string(),
        1 => {
            // The host fills a numbered field to the left with zeroes where C says none.
            let least = if *numbered == 0 { -30 } else { 0 };
            let value = Value::Word(random.i32(least..30) as u32 as u64 | 0xABCD << 32);
            text += &format!("*{}", next(&mut values, value, numbered));
        }
        _ => {}
    }
    match random.u8(..8) {
        0 | 1 => text += &format!(".{}", random.u8(..30)),
        2 => text.push('.'),
        3 => {
            let value = Value::Word(random.i32(-3..30) as u32 as u64 | 0xABCD << 32);
            text += &format!(".*{}", next(&mut values, value, numbered));
        }
        4 if random.u8(..20) == 0 => text += &format!(".{}", random.u16(..13_000)),
        _ => {}
    }
    let (length, value) = match letter {
        'd' | 'i' | 'o' | 'u' | 'x' | 'X' => {
            let lengths = ["", "hh", "h", "l", "ll", "j", "z", "t"];
            (lengths[random.usize(..8)], Value::Word(integer(random)))
        }
        'c' => match random.bool() {
            true => ("", Value::Word(random.u64(0x20..0x7F))),
            false => ("l", Value::Word([0x41, 0xE4, 0x20AC, 0x1F511, 0xD800][random.usize(..5)])),
        },
        'C' => ("", Value::Word([0x41, 0xE4, 0x20AC, 0xDFFF][random.usize(..4)])),
        's' | 'S' => {
            let wide = letter == 'S' || random.bool();
            let address = match wide {
                _ if random.u8(..8) == 0 => 0,
                false => TEXTS[random.usize(..TEXTS.len())].as_ptr().expose_provenance(),
                true => WIDE[random.usize(..WIDE.len())].as_ptr().expose_provenance(),
            };
            (if wide && letter == 's' { "l" } else { "" }, Value::Word(address as u64))
        }
        'p' => ("", Value::Word(if random.bool() { 0 } else { integer(random) })),
        'n' => ("", Value::Word(0)),
        'm' => ("", Value::Word(0)),
        _ if random.u8(..3) == 0 => ("L", Value::Extended(extended(random))),
        _ => (["", "l"][random.usize(..2)], Value::Word(double(random).to_bits())),
    };
    // Where counts go is another test's.
    let letter = if letter == 'n' { 'd' } else { letter };
    let position = match letter {
        'm' => String::new(),
        _ => next(&mut values, value, numbered),
    };
    (format!("%{position}{text}{length}{letter}"), values)
}

fn case(random: &mut Rng) -> Case {
    let mut numbered = usize::from(random.u8(..4) == 0);
    let mut format = Vec::new();
    let mut all = Vec::new();
    for _ in 0..random.usize(1..5) {
        let words: [&[u8]; 3] = [b"", b" and ", b"\xFF"];
        format.extend_from_slice(words[random.usize(..3)]);
        let (text, values) = conversion(random, &mut numbered);
        format.extend_from_slice(text.as_bytes());
        all.extend(values);
    }
    let mut arguments = Arguments::default();
    for value in all {
        match value {
            Value::Word(word) => arguments.word(word),
            Value::Extended(number) => arguments.extended(number),
        }
    }
    arguments.word(0);
    Case { format, arguments }
}

/// What the host prints; `None`: it refuses.
fn host(case: &Case) -> Option<Vec<u8>> {
    let format = CString::new(case.format.clone()).unwrap();
    let mut room = vec![0u8; ROOM];
    let mut list = case.arguments.list();
    // SAFETY: it takes nothing.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the address of the thread's error number.
    unsafe { errno.write(libc::ENOENT) };
    let to = room.as_mut_ptr().cast();
    // SAFETY: that many bytes, a string, and the arguments that it asks for.
    let length = unsafe { vsnprintf(to, ROOM, format.as_ptr(), &raw mut list) };
    room.truncate(usize::try_from(length).ok()?);
    assert!(room.len() < ROOM, "the test needs more room");
    Some(room)
}

fn ours(case: &Case) -> Option<Vec<u8>> {
    let mut bytes = Bytes(Vec::new());
    let count = print(&case.format, &mut case.arguments.clone(), &mut bytes).ok()?;
    assert_eq!(count, bytes.0.len());
    Some(bytes.0)
}

#[test]
fn what_is_printed_is_what_the_host_prints() {
    crate::locale();
    let (mut random, seed) = crate::random();
    for index in 0..crate::CASES {
        let case = case(&mut random);
        let (host, ours) = (host(&case), ours(&case));
        let show = |text: &Option<Vec<u8>>| {
            text.as_ref().map(|text| String::from_utf8_lossy(text).into_owned())
        };
        let format = String::from_utf8_lossy(&case.format);
        assert!(
            host == ours,
            "STDIO_SEED={seed}, case {index}: {format:?}\n host {:?}\n ours {:?}",
            show(&host),
            show(&ours)
        );
    }
}

#[test]
fn all_digits_are_written_where_they_are_asked_for() {
    for (number, expected) in
        [(999_999.99, "1.00000e+06"), (1.0, "1.00000"), (0.0, "0.00000"), (0.000_12, "0.000120000")]
    {
        let mut arguments = Arguments::default();
        arguments.word(f64::to_bits(number));
        let case = Case { format: b"%#g".to_vec(), arguments };
        assert_eq!(ours(&case).as_deref(), Some(expected.as_bytes()), "{number}");
    }
}

#[test]
fn a_count_is_stored_in_its_size() {
    for (format, expected) in [
        (c"12345%hhn", 0x_AAAA_AAAA_AAAA_AA05u64),
        (c"12345%hn", 0x_AAAA_AAAA_AAAA_0005),
        (c"12345%n", 0x_AAAA_AAAA_0000_0005),
        (c"12345%lln678", 5),
        (c"12345%2$zn%1$s", 5),
    ] {
        let mut place = 0x_AAAA_AAAA_AAAA_AAAAu64;
        let address = (&raw mut place).expose_provenance() as u64;
        let mut arguments = Arguments::default();
        if format.to_bytes().contains(&b'$') {
            arguments.word(TEXTS[1].as_ptr().expose_provenance() as u64);
        }
        arguments.word(address);
        let case = Case { format: format.to_bytes().to_vec(), arguments };
        assert!(ours(&case).is_some());
        // SAFETY: a live local, which `print` wrote to by its address.
        assert_eq!(unsafe { (&raw const place).read_volatile() }, expected, "{format:?}");
    }
}

#[test]
fn what_is_no_format_is_refused() {
    for format in
        ["%", "%5", "%y", "%0$d", "%1$d %d", "%65$d", "%-", "%.", "%l", "%99999999999d", "%1$*d"]
    {
        let mut arguments = Arguments::default();
        (0..70).for_each(|_| arguments.word(0));
        let case = Case { format: format.as_bytes().to_vec(), arguments };
        assert_eq!(ours(&case), None, "{format}");
    }
}

#[test]
fn more_than_an_int_can_count_is_refused_before_it_is_written() {
    struct Count(u64);
    impl Sink for Count {
        fn put(&mut self, bytes: &[u8]) -> Result<(), i32> {
            self.0 += bytes.len() as u64;
            Ok(())
        }
    }
    let mut arguments = Arguments::default();
    (0..4).for_each(|_| arguments.word(0));
    let mut count = Count(0);
    let long = print(b"12%2147483646d", &mut arguments.clone(), &mut count);
    assert_eq!((long, count.0), (Err(c_stdio::format::Failure::TooLong), 2));
    let most = print(b"1%2147483646d", &mut arguments.clone(), &mut count);
    assert_eq!(most, Ok(2_147_483_647));
    let digits = print(b"%.2147483647f", &mut arguments, &mut count);
    assert_eq!(digits, Err(c_stdio::format::Failure::TooLong));
}

#[test]
fn an_error_of_the_sink_ends_it() {
    struct Full;
    impl Sink for Full {
        fn put(&mut self, _: &[u8]) -> Result<(), i32> {
            Err(28)
        }
    }
    let failure = print(b"x", &mut Arguments::default(), &mut Full);
    assert_eq!(failure, Err(c_stdio::format::Failure::Sink(28)));
}
