//! Classes of characters in the *C* locale: those of ASCII. Whatever is no byte is in none.
use core::ffi::c_int;

macro_rules! classes {
    ($($name:ident: $test:expr, $what:literal;)*) => {$(
        #[doc = concat!("Whether a character is ", $what, ".")]
        #[cfg_attr(target_os = "redox", unsafe(no_mangle))]
        pub extern "C" fn $name(character: c_int) -> c_int {
            let test: fn(&u8) -> bool = $test;
            c_int::from(u8::try_from(character).is_ok_and(|byte| test(&byte)))
        }
    )*};
}
classes! {
    isalnum: u8::is_ascii_alphanumeric, "a letter or a digit";
    isalpha: u8::is_ascii_alphabetic, "a letter";
    isblank: |byte| matches!(byte, b' ' | b'\t'), "a blank or a tab";
    iscntrl: u8::is_ascii_control, "a control character";
    isdigit: u8::is_ascii_digit, "a digit";
    isgraph: u8::is_ascii_graphic, "printed and seen";
    islower: u8::is_ascii_lowercase, "a small letter";
    isprint: |byte| matches!(byte, b' '..=b'~'), "printed";
    ispunct: u8::is_ascii_punctuation, "printed and neither letter, digit nor blank";
    isspace: |byte| matches!(byte, b' ' | b'\t'..=b'\r'), "white space";
    isupper: u8::is_ascii_uppercase, "a capital letter";
    isxdigit: u8::is_ascii_hexdigit, "a hexadecimal digit";
}

/// A letter as a small one; everything else as it is.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub extern "C" fn tolower(character: c_int) -> c_int {
    if isupper(character) == 1 { character + 32 } else { character }
}

/// A letter as a capital one; everything else as it is.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub extern "C" fn toupper(character: c_int) -> c_int {
    if islower(character) == 1 { character - 32 } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_in_the_classes_that_c_says() {
        for character in -1..=300 {
            let is = |test: extern "C" fn(c_int) -> c_int| test(character) != 0;
            assert_eq!(is(isalnum), is(isalpha) || is(isdigit));
            assert_eq!(is(isgraph), is(isalnum) || is(ispunct));
            assert_eq!(is(isprint), is(isgraph) || character == 32);
            assert_eq!(is(isalpha), is(isupper) != is(islower));
            assert_eq!(is(iscntrl), (0..32).contains(&character) || character == 127);
            assert_eq!(is(isspace), matches!(character, 9..=13 | 32));
            assert_eq!(toupper(tolower(character)), toupper(character));
        }
        assert_eq!((tolower(i32::from(b'Z')), toupper(-1)), (i32::from(b'z'), -1));
    }
}
