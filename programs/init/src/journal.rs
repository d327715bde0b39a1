//! Lines for the kernel log.
use clavis_rt::entry::LastWords;
use core::fmt::{self, Write};

/// Writes a line to the kernel log.
macro_rules! say {
    ($($text:tt)*) => { $crate::journal::write(format_args!($($text)*)) };
}
pub(crate) use say;

/// Bytes of a line; what is longer is cut.
const LINE: usize = 240;

pub(crate) fn write(text: fmt::Arguments<'_>) {
    let mut line = Line { bytes: [0; LINE], used: 0 };
    let _ = write!(line, "init: {text}");
    // The line goes out in one piece; there is nobody to tell of a failure.
    if let Some(last) = line.bytes.get_mut(line.used) {
        *last = b'\n';
    }
    let bytes = line.bytes.get(..=line.used).unwrap_or_default();
    let _ = LastWords::new().write_str(core::str::from_utf8(bytes).unwrap_or("init: ...\n"));
}

struct Line {
    bytes: [u8; LINE],
    used: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let end = self.used.saturating_add(character.len_utf8());
            // One byte is left for the end of the line.
            if end >= LINE {
                return Err(fmt::Error);
            }
            if let Some(place) = self.bytes.get_mut(self.used..end) {
                character.encode_utf8(place);
            }
            self.used = end;
        }
        Ok(())
    }
}
