//! Numbers in text, as `strtol` and `strtod` read them.
mod binary;
pub mod integer;
pub mod real;

/// What was read at the start of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Read<T> {
    /// The number; the nearest one there is when it does not fit.
    pub value: T,
    /// Bytes that it took; 0: there was none.
    pub length: usize,
    /// Whether it fits.
    pub fits: bool,
}

/// What stands before a number's digits.
struct Front<'a> {
    /// Bytes of white space and of the sign.
    length: usize,
    /// Whether the sign is a minus.
    negative: bool,
    /// What follows.
    rest: &'a [u8],
}

/// Passes over white space, as C counts it, and a sign.
fn front(text: &[u8]) -> Front<'_> {
    let blanks = text.iter().take_while(|byte| is_blank(**byte)).count();
    let (signs, negative) = sign(text.get(blanks..).unwrap_or_default());
    let length = blanks + signs;
    Front { length, negative, rest: text.get(length..).unwrap_or_default() }
}

/// White space as C counts it.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The sign at the start: its bytes, and whether it is a minus.
fn sign(text: &[u8]) -> (usize, bool) {
    match text.first() {
        Some(b'-') => (1, true),
        Some(b'+') => (1, false),
        _ => (0, false),
    }
}
