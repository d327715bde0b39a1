//! Formats, through calls with variable arguments as crates make them.
use super::support::check;
use crate::run::{Case, Verdict};
use std::arch::asm;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::hint::black_box;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::ptr;

pub(crate) const CASES: &[Case] = &[
    Case { name: "c_prints_arguments_of_any_kind_and_number", run: arguments },
    Case { name: "c_prints_no_more_than_there_is_room_for", run: room },
    Case { name: "c_prints_extended_numbers", run: extended },
    Case { name: "c_prints_into_new_memory_and_to_descriptors", run: elsewhere },
    Case { name: "c_refuses_what_is_no_format", run: refused },
    Case { name: "c_scans_what_it_printed", run: scanned },
];

unsafe extern "C" {
    fn asprintf(place: *mut *mut c_char, format: *const c_char, ...) -> c_int;
    fn dprintf(descriptor: c_int, format: *const c_char, ...) -> c_int;
    fn vsnprintf(to: *mut c_char, room: usize, format: *const c_char, list: *mut List) -> c_int;
    fn strtold(text: *const c_char, end: *mut *mut c_char);
}

/// A `va_list`.
#[repr(C)]
struct List {
    general: u32,
    vector: u32,
    stack: *const c_void,
    saved: *const c_void,
}

/// The text in a buffer.
fn text(buffer: &[u8]) -> &str {
    CStr::from_bytes_until_nul(buffer).ok().and_then(|text| text.to_str().ok()).unwrap_or("?")
}

/// What was printed must be that.
fn is(buffer: &[u8], count: c_int, expected: &str) -> Verdict {
    let found = text(buffer);
    let right = found == expected && usize::try_from(count) == Ok(expected.len());
    check(right, &format!("{count} bytes: {found:?} instead of {expected:?}"))
}

fn error() -> Option<i32> {
    std::io::Error::last_os_error().raw_os_error()
}

fn arguments() -> Verdict {
    let mut buffer = [0; 512];
    let to: *mut c_char = buffer.as_mut_ptr().cast();
    // SAFETY: room, a format, and what it asks for.
    let count = unsafe {
        libc::snprintf(
            to,
            512,
            c"%d %u %x %c %ld %hhd %zu %lld %#o".as_ptr(),
            -1,
            2u32,
            0xABCu32,
            c_int::from(b'z'),
            i64::MIN,
            300,
            usize::MAX,
            7i64,
            8,
        )
    };
    is(&buffer, count, "-1 2 abc z -9223372036854775808 44 18446744073709551615 7 010")?;
    // More than travel in registers, of both kinds, mixed.
    // SAFETY: as above.
    let count = unsafe {
        libc::sprintf(
            to,
            c"%d%.1f%d%.1f%d%.1f%d%.1f%d%.1f%d%.1f%d%.1f%d%.1f%d%.1f%d%.1f".as_ptr(),
            0,
            0.5f64,
            1,
            1.5f64,
            2,
            2.5f64,
            3,
            3.5f64,
            4,
            4.5f64,
            5,
            5.5f64,
            6,
            6.5f64,
            7,
            7.5f64,
            8,
            8.5f64,
            9,
            9.5f64,
        )
    };
    is(&buffer, count, "00.511.522.533.544.555.566.577.588.599.5")?;
    // SAFETY: as above.
    let count = unsafe {
        libc::snprintf(
            to,
            512,
            c"%2$s|%1$-*3$s|%2$.3s|%4$g".as_ptr(),
            c"one".as_ptr(),
            c"twotwo".as_ptr(),
            5,
            1e100f64,
        )
    };
    is(&buffer, count, "twotwo|one  |two|1e+100")?;
    let wide = [0x61, 0x20AC, 0i32];
    let mut counted = -1;
    // SAFETY: as above, and a place for a count.
    let count = unsafe {
        libc::snprintf(to, 512, c"%ls%n%s".as_ptr(), wide.as_ptr(), &raw mut counted, c"!".as_ptr())
    };
    is(&buffer, count, "a€!")?;
    check(counted == 4, &format!("it counted {counted}"))
}

fn room() -> Verdict {
    let mut buffer = [b'#'; 8];
    let to = buffer.as_mut_ptr().cast();
    // The compiler knows the function, and would do it itself with what it knows.
    let [format, text] = black_box([c"%s", c"long"]).map(CStr::as_ptr);
    // SAFETY: three bytes of room, a format, and what it asks for.
    let count = unsafe { libc::snprintf(to, 3, format, text) };
    check(count == 4 && buffer == *b"lo\0#####", &format!("{count}: {buffer:?}"))?;
    // SAFETY: no room.
    let count = unsafe { libc::snprintf(ptr::null_mut(), 0, c"%05d".as_ptr(), -7) };
    check(count == 5, &format!("without room: {count}"))
}

fn extended() -> Verdict {
    // One third, to the last of its 64 bits.
    let number: [u64; 2] = [0xAAAA_AAAA_AAAA_AAAB, 0x3FFD];
    let mut stack = [1u64, 0, number[0], number[1], 5, 0];
    stack[1] = 0x5555;
    let pairs: Vec<u128> =
        stack.chunks(2).map(|pair| u128::from(pair[0]) | u128::from(pair[1]) << 64).collect();
    let place = pairs.as_ptr().cast();
    let mut list = List { general: 48, vector: 176, stack: place, saved: ptr::null() };
    let mut buffer = [0; 128];
    let to = buffer.as_mut_ptr().cast();
    let format = c"%d %.25Lf %d";
    // SAFETY: room, a format, and what it asks for, all of it on the stack of the list.
    let count = unsafe { vsnprintf(to, 128, format.as_ptr(), &raw mut list) };
    is(&buffer, count, "1 0.3333333333333333333423684 5")?;
    let mut bytes = [0xAAu8; 16];
    // SAFETY: a text, a format, a place for an extended number.
    let read = unsafe {
        libc::sscanf(c"0.33333333333333333334".as_ptr(), c"%Lf".as_ptr(), bytes.as_mut_ptr())
    };
    check(read == 1 && bytes[..8] == number[0].to_le_bytes(), &format!("{read}: {bytes:x?}"))?;
    let mut answered = [0u8; 16];
    // SAFETY: the function answers in st(0), which is taken off; all that C clobbers is named.
    unsafe {
        asm!(
            "call {function}",
            "fstp tbyte ptr [r12]",
            function = sym strtold,
            in("rdi") c"0x1.8p3".as_ptr(),
            in("rsi") 0,
            in("r12") answered.as_mut_ptr(),
            clobber_abi("C"),
        );
    }
    check(answered[..10] == [0, 0, 0, 0, 0, 0, 0, 0xC0, 2, 0x40], &format!("{answered:x?}"))
}

fn elsewhere() -> Verdict {
    let mut place = ptr::null_mut();
    // SAFETY: a place for an address, a format, and what it asks for.
    let count = unsafe { asprintf(&raw mut place, c"%s %5000d".as_ptr(), c"a".as_ptr(), 1) };
    check(count == 5002 && !place.is_null(), &format!("asprintf answered {count}"))?;
    // SAFETY: the string that was made.
    let length = unsafe { libc::strlen(place) };
    // SAFETY: allocated by `asprintf`, and nobody else's.
    unsafe { libc::free(place.cast()) };
    check(length == 5002, &format!("{length} bytes were made"))?;
    let (mut from, to) = std::io::pipe().map_err(|error| format!("pipe: {error}"))?;
    // SAFETY: a descriptor, a format, and what it asks for.
    let count = unsafe { dprintf(to.as_raw_fd(), c"%9000s%d".as_ptr(), c"x".as_ptr(), 12) };
    check(count == 9002, &format!("dprintf answered {count}"))?;
    drop(to);
    let mut said = String::new();
    from.read_to_string(&mut said).map_err(|error| format!("read: {error}"))?;
    check(said.len() == 9002 && said.ends_with(" x12"), "the pipe has something else")?;
    let number = from.as_raw_fd();
    drop(from);
    // SAFETY: no descriptor is there.
    let count = unsafe { dprintf(number, c"x".as_ptr()) };
    check((count, error()) == (-1, Some(libc::EBADF)), &format!("closed: {count} {:?}", error()))
}

fn refused() -> Verdict {
    for (format, expected) in [
        (c"%y", libc::EINVAL),
        (c"%", libc::EINVAL),
        (c"%1$d %d", libc::EINVAL),
        (c"%2147483647d%d", libc::EOVERFLOW),
        (c"%lc", libc::EILSEQ),
    ] {
        // SAFETY: nothing is stored, and the words are there that the formats ask for.
        let count = unsafe { libc::snprintf(ptr::null_mut(), 0, format.as_ptr(), 0xD800, 1) };
        check((count, error()) == (-1, Some(expected)), &format!("{format:?}: {:?}", error()))?;
    }
    Ok(())
}

fn scanned() -> Verdict {
    let (mut whole, mut long, mut short) = (0i32, 0i64, 0i16);
    let (mut double, mut float, mut taken) = (0f64, 0f32, 0i32);
    let (mut word, mut set) = ([0u8; 16], [0u8; 16]);
    // SAFETY: a text, and a place of its kind for every conversion.
    let count = unsafe {
        libc::sscanf(
            c" -12 0x7fffffffffff 7 1.5e3 .25 word [abc]de rest".as_ptr(),
            c"%d%li%hd%lf%f%15s [%15[a-c]]%*c%*s%n".as_ptr(),
            &raw mut whole,
            &raw mut long,
            &raw mut short,
            &raw mut double,
            &raw mut float,
            word.as_mut_ptr(),
            set.as_mut_ptr(),
            &raw mut taken,
        )
    };
    let numbers = (whole, long, short) == (-12, 0x7FFF_FFFF_FFFF, 7);
    let reals = double.to_bits() == 1500f64.to_bits() && float.to_bits() == 0.25f32.to_bits();
    check(count == 7 && numbers && reals, &format!("{count}: {whole} {long} {short} {double}"))?;
    check((text(&word), text(&set)) == ("word", "abc"), &format!("{:?}", text(&word)))?;
    check(taken == 44, &format!("{taken} bytes were taken"))?;
    let mut made: *mut c_char = ptr::null_mut();
    // SAFETY: a text, and a place for an address.
    let count = unsafe {
        libc::sscanf(c"made x".as_ptr(), c"%ms%d".as_ptr(), &raw mut made, ptr::null::<i32>())
    };
    check(count == 1 && !made.is_null(), &format!("%ms: {count}"))?;
    // SAFETY: the string that was made.
    let length = unsafe { libc::strlen(made) };
    // SAFETY: allocated by `sscanf`, and nobody else's.
    unsafe { libc::free(made.cast()) };
    check(length == 4, &format!("{length} bytes were made"))?;
    // SAFETY: nothing is stored.
    let end = unsafe { libc::sscanf(c"".as_ptr(), c"%d".as_ptr(), ptr::null::<i32>()) };
    check(end == -1, &format!("the end: {end}"))
}
