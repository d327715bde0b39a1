//! Lines for the kernel log, at a bounded rate: no client can flood it.
use clavis_rt::abi::error::{EDQUOT, EMFILE, ENOMEM};
use clavis_rt::{Error, Number, sys};
use core::fmt::{self, Write};

/// Lines of one burst.
const BURST: u32 = 8;
/// Requests after which another burst is allowed.
const PAUSE: u32 = 4096;

/// Where the daemon says what a person should know.
#[derive(Debug)]
pub(crate) struct Journal {
    log: Option<Number>,
    left: u32,
    suppressed: u32,
}

impl Journal {
    pub(crate) fn new(log: Option<Number>) -> Journal {
        Journal { log, left: BURST, suppressed: 0 }
    }

    /// Writes a line.
    pub(crate) fn write(&self, text: fmt::Arguments<'_>) {
        let Some(log) = self.log else { return };
        let mut line = Line::default();
        // What does not fit is cut.
        let _ = writeln!(line, "nsmgr: {text}");
        let bytes = line.bytes.get(..line.used).unwrap_or_default();
        // There is nobody left to tell of a failure.
        let _ = sys::file::write_all(log, bytes);
    }

    /// Notes a refusal that points to a shortage rather than to a mistake of the client.
    pub(crate) fn refused(&mut self, error: Error) {
        if !matches!(error.errno, EDQUOT | ENOMEM | EMFILE) {
            return;
        }
        if self.left > 0 {
            self.left = self.left.saturating_sub(1);
            self.write(format_args!("a request was refused: {error}"));
            return;
        }
        self.suppressed = self.suppressed.saturating_add(1);
        if self.suppressed >= PAUSE {
            let count = core::mem::take(&mut self.suppressed);
            self.write(format_args!("{count} more requests were refused"));
            self.left = BURST;
        }
    }
}

struct Line {
    bytes: [u8; 160],
    used: usize,
}

impl Default for Line {
    fn default() -> Line {
        Line { bytes: [0; 160], used: 0 }
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            let Some(place) = self.bytes.get_mut(self.used) else { return Err(fmt::Error) };
            *place = byte;
            self.used = self.used.saturating_add(1);
        }
        Ok(())
    }
}
