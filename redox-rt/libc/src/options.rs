//! `getopt` and `getsubopt`.
use core::ffi::{CStr, c_char, c_int};
use core::ptr;
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering};

/// The argument of the last option.
#[unsafe(no_mangle)]
pub static optarg: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());
/// The index of the next argument.
#[unsafe(no_mangle)]
pub static optind: AtomicI32 = AtomicI32::new(1);
/// Whether `getopt` says what is wrong on the standard error (unless 0).
#[unsafe(no_mangle)]
pub static opterr: AtomicI32 = AtomicI32::new(1);
/// The last option letter that was unknown or lacked its argument.
#[unsafe(no_mangle)]
pub static optopt: AtomicI32 = AtomicI32::new(0);
/// How many letters of the present argument were taken.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

const UNKNOWN: c_int = b'?' as c_int;

/// What the caller's list says of an option letter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Not,
    Alone,
    WithArgument,
}

fn known(letters: &[u8], letter: u8) -> Known {
    let found = letters.iter().position(|known| *known == letter && *known != b':');
    match found.map(|at| letters.get(at + 1)) {
        None => Known::Not,
        Some(Some(b':')) => Known::WithArgument,
        Some(_) => Known::Alone,
    }
}

/// The next option letter of the arguments; -1 behind the last, `?` for an unknown one or one that
/// lacks its argument (`:` if the list starts with that).
///
/// # Safety
/// C contract: `arguments` are `count` strings, `letters` is NUL-terminated; one thread at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getopt(
    count: c_int,
    arguments: *const *mut c_char,
    letters: *const c_char,
) -> c_int {
    // SAFETY: the contract.
    let letters = unsafe { CStr::from_ptr(letters) }.to_bytes();
    let argument = |index: c_int| {
        if !(0..count).contains(&index) {
            return None;
        }
        // SAFETY: the contract: one of the strings.
        let place = unsafe { arguments.wrapping_add(index as usize).read() };
        (!place.is_null()).then_some(place)
    };
    // SAFETY: the contract.
    let bytes = |place: *mut c_char| unsafe { CStr::from_ptr(place) }.to_bytes();
    let index = optind.load(Ordering::Relaxed);
    let Some(place) = argument(index) else { return -1 };
    let present = bytes(place);
    let taken = match TAKEN.load(Ordering::Relaxed) {
        0 => match present {
            [b'-', b'-'] => {
                optind.store(index + 1, Ordering::Relaxed);
                return -1;
            }
            [b'-', _, ..] => 1,
            _ => return -1,
        },
        taken => taken,
    };
    let Some(&letter) = present.get(taken) else {
        // The arguments were changed under way: start with the next.
        TAKEN.store(0, Ordering::Relaxed);
        optind.store(index + 1, Ordering::Relaxed);
        return UNKNOWN;
    };
    let last = taken + 1 == present.len();
    let next = |index: c_int, taken: usize| {
        optind.store(index, Ordering::Relaxed);
        TAKEN.store(taken, Ordering::Relaxed);
    };
    match known(letters, letter) {
        Known::WithArgument if !last => {
            next(index + 1, 0);
            optarg.store(place.wrapping_add(taken + 1), Ordering::Relaxed);
            c_int::from(letter)
        }
        Known::WithArgument => match argument(index + 1) {
            Some(value) => {
                next(index + 2, 0);
                optarg.store(value, Ordering::Relaxed);
                c_int::from(letter)
            }
            None => {
                next(index + 1, 0);
                wrong(letters, letter, "the option needs an argument");
                if letters.first() == Some(&b':') { c_int::from(b':') } else { UNKNOWN }
            }
        },
        kind => {
            if last {
                next(index + 1, 0)
            } else {
                next(index, taken + 1)
            }
            if kind == Known::Not {
                wrong(letters, letter, "unknown option");
                return UNKNOWN;
            }
            c_int::from(letter)
        }
    }
}

fn wrong(letters: &[u8], letter: u8, what: &str) {
    optopt.store(c_int::from(letter), Ordering::Relaxed);
    if opterr.load(Ordering::Relaxed) != 0 && letters.first() != Some(&b':') {
        let line = alloc::format!("{what}: -{}\n", char::from(letter));
        // There is nobody to be told that the standard error is closed.
        let _ = clavis_rt::sys::file::write_all(clavis_rt::Number::from_raw(2), line.as_bytes());
    }
}

/// The next suboption of `name=value,name,…`: its index among the names, -1 for none of them. The
/// text is cut at the comma and the place moved behind it.
///
/// # Safety
/// C contract: `option` points to a writable string, `names` are strings up to a null, `value` is
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getsubopt(
    option: *mut *mut c_char,
    names: *const *mut c_char,
    value: *mut *mut c_char,
) -> c_int {
    // SAFETY: the contract.
    let start = unsafe { option.read() };
    // SAFETY: the contract.
    let text = unsafe { CStr::from_ptr(start) }.to_bytes();
    let comma = text.iter().position(|byte| *byte == b',');
    let own = text.get(..comma.unwrap_or(text.len())).unwrap_or_default();
    let equals = own.iter().position(|byte| *byte == b'=');
    let name = own.get(..equals.unwrap_or(own.len())).unwrap_or_default();
    let mut index = 0;
    let found = loop {
        // SAFETY: the contract: no null came before.
        let candidate = unsafe { names.wrapping_add(index).read() };
        if candidate.is_null() {
            break -1;
        }
        // SAFETY: the contract.
        if unsafe { CStr::from_ptr(candidate) }.to_bytes() == name {
            break index as c_int;
        }
        index += 1;
    };
    let behind = equals.map_or(ptr::null_mut(), |at| start.wrapping_add(at + 1));
    // SAFETY: the contract. Of what is no known name, the whole is the value.
    unsafe { value.write(if found < 0 { start } else { behind }) };
    let end = start.wrapping_add(own.len());
    let next = if comma.is_some() {
        // SAFETY: the contract: the comma's place in a writable string.
        unsafe { end.write(0) };
        end.wrapping_add(1)
    } else {
        end
    };
    // SAFETY: the contract.
    unsafe { option.write(next) };
    found
}
