//! What travels on the results channel: [`PREAMBLE`], then frames of a channel byte, a length of
//! two bytes (little endian) and that many bytes.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod place;
pub mod request;

/// What comes before the first frame: firmware writes its messages to every serial line it finds,
/// so a reader skips everything before this.
pub const PREAMBLE: &[u8] = b"\0clavis results\0";

/// Bytes that a frame carries at most.
pub const PAYLOAD_MAX: usize = u16::MAX as usize;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Channel {
    /// Bytes that the command wrote to its standard output.
    Output = 0,
    /// Bytes that it wrote to its standard error.
    Error = 1,
    /// How it ended: four bytes, a signed number, little endian.
    Status = 2,
    /// A line about a test, UTF-8.
    Event = 3,
}

/// Appends the frames that carry `data`; none for no data, except for an event, which may be an
/// empty line.
pub fn frames(channel: Channel, data: &[u8], out: &mut Vec<u8>) {
    let mut frame = |payload: &[u8]| {
        let len = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        out.push(channel as u8);
        out.extend(len.to_le_bytes());
        out.extend(payload);
    };
    if data.is_empty() && channel == Channel::Event {
        frame(&[]);
    }
    data.chunks(PAYLOAD_MAX).for_each(frame);
}

/// Cuts what comes in pieces into lines.
#[derive(Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Takes bytes; `sink` gets every line that they complete, without its end.
    pub fn take(&mut self, data: &[u8], mut sink: impl FnMut(&[u8])) {
        for byte in data {
            if *byte == b'\n' || self.partial.len() >= PAYLOAD_MAX {
                sink(&self.partial);
                self.partial.clear();
            }
            if *byte != b'\n' {
                self.partial.push(*byte);
            }
        }
    }

    /// The last line, if it had no end.
    pub fn finish(&mut self, mut sink: impl FnMut(&[u8])) {
        if !self.partial.is_empty() {
            sink(&self.partial);
            self.partial.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_becomes_frames_of_bounded_length() {
        let mut out = Vec::new();
        frames(Channel::Error, b"oops", &mut out);
        assert_eq!(out, b"\x01\x04\x00oops");
        out.clear();
        frames(Channel::Output, &[], &mut out);
        assert!(out.is_empty());
        frames(Channel::Output, &vec![7; PAYLOAD_MAX + 1], &mut out);
        assert_eq!(out.len(), PAYLOAD_MAX + 1 + 6);
        assert_eq!(out[..3], [0, 0xFF, 0xFF]);
        assert_eq!(out[PAYLOAD_MAX + 3..], [0, 1, 0, 7]);
    }

    #[test]
    fn an_empty_event_is_still_a_frame() {
        let mut out = Vec::new();
        frames(Channel::Event, b"", &mut out);
        assert_eq!(out, [3, 0, 0]);
    }

    #[test]
    fn lines_come_whole_whatever_pieces_they_arrived_in() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for part in [&b"sta"[..], b"rt a\n\npa", b"ss"] {
            lines.take(part, |line| seen.push(line.to_vec()));
        }
        lines.finish(|line| seen.push(line.to_vec()));
        assert_eq!(seen, [&b"start a"[..], b"", b"pass"]);
    }
}
