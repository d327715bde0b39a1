//! The results channel: frames {channel u8, length u16 little endian, bytes} on COM2, behind the
//! preamble that ends what the firmware wrote there.
use clavis_results::PREAMBLE;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Bytes of standard output.
    Out(Vec<u8>),
    /// Bytes of standard error.
    Err(Vec<u8>),
    /// The exit status: the last frame.
    Status(i32),
    /// A line about a test.
    Test(String),
    /// Something that is no frame.
    Garbage(String),
}

/// Puts frames together from whatever pieces arrive.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    pending: Vec<u8>,
    /// The preamble was seen.
    started: bool,
}

impl Decoder {
    /// Takes bytes and gives the frames that are complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Frame> {
        self.pending.extend_from_slice(bytes);
        let mut frames = Vec::new();
        if !self.started {
            let found = self.pending.windows(PREAMBLE.len()).position(|part| part == PREAMBLE);
            let Some(start) = found else { return frames };
            self.pending.drain(..start + PREAMBLE.len());
            self.started = true;
        }
        while let [channel, low, high, rest @ ..] = self.pending.as_slice() {
            let len = usize::from(u16::from_le_bytes([*low, *high]));
            let Some(payload) = rest.get(..len) else { break };
            frames.push(decode(*channel, payload));
            self.pending.drain(..3 + len);
        }
        frames
    }
}

fn decode(channel: u8, payload: &[u8]) -> Frame {
    match (channel, payload) {
        (0, bytes) => Frame::Out(bytes.to_vec()),
        (1, bytes) => Frame::Err(bytes.to_vec()),
        (2, &[a, b, c, d]) => Frame::Status(i32::from_le_bytes([a, b, c, d])),
        (3, bytes) => Frame::Test(String::from_utf8_lossy(bytes).trim_end().to_owned()),
        (channel, bytes) => {
            Frame::Garbage(format!("a frame of {} bytes on channel {channel}", bytes.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let mut bytes = b"\x1b[2JBdsDxe: loading\0clavis".to_vec();
        bytes.extend(PREAMBLE);
        bytes.extend([0, 3, 0]);
        bytes.extend(b"abc");
        bytes.extend([3, 7, 0]);
        bytes.extend(b"begin x");
        bytes.extend([0, 0, 0, 9, 1, 0, 7, 2, 4, 0, 0xFE, 0xFF, 0xFF, 0xFF]);
        bytes
    }

    #[test]
    fn frames_come_out_whole_however_they_arrive() {
        let want = [
            Frame::Out(b"abc".to_vec()),
            Frame::Test("begin x".into()),
            Frame::Out(vec![]),
            Frame::Garbage("a frame of 1 bytes on channel 9".into()),
            Frame::Status(-2),
        ];
        for size in 1..=stream().len() {
            let mut decoder = Decoder::default();
            let frames: Vec<Frame> =
                stream().chunks(size).flat_map(|piece| decoder.feed(piece)).collect();
            assert_eq!(frames, want, "in pieces of {size}");
        }
    }
}
