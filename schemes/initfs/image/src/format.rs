//! The bytes of the index, shared by reader and writer.

/// First bytes of an image: name and version.
pub(crate) const MAGIC: [u8; 8] = *b"CLVIMG01";
/// Bytes of the head: magic, files (u32), bytes of paths (u32), total bytes (u64), checksum (u64).
pub(crate) const HEAD: usize = 32;
/// Bytes of a record: offset (u64), length (u64), path offset (u32), path length (u16), mode (u16).
pub(crate) const RECORD: usize = 24;
/// Mode bit of a program.
pub(crate) const EXECUTABLE: u16 = 1;

/// The head without magic and checksum.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) files: u32,
    pub(crate) path_bytes: u32,
    pub(crate) total: u64,
    pub(crate) checksum: u64,
}

/// One file's record.
#[derive(Clone, Copy)]
pub(crate) struct Record {
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) path: u32,
    pub(crate) path_len: u16,
    pub(crate) mode: u16,
}

impl Record {
    pub(crate) fn read(bytes: &[u8; RECORD]) -> Record {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x] = *bytes;
        Record {
            offset: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            len: u64::from_le_bytes([i, j, k, l, m, n, o, p]),
            path: u32::from_le_bytes([q, r, s, t]),
            path_len: u16::from_le_bytes([u, v]),
            mode: u16::from_le_bytes([w, x]),
        }
    }

    #[cfg(feature = "std")]
    pub(crate) fn write(&self, to: &mut std::vec::Vec<u8>) {
        to.extend(self.offset.to_le_bytes());
        to.extend(self.len.to_le_bytes());
        to.extend(self.path.to_le_bytes());
        to.extend(self.path_len.to_le_bytes());
        to.extend(self.mode.to_le_bytes());
    }
}

impl Head {
    /// The head after its magic.
    pub(crate) fn read(bytes: &[u8; HEAD]) -> Head {
        let [_, _, _, _, _, _, _, _, a, b, c, d, e, f, g, h, rest @ ..] = *bytes;
        let [i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x] = rest;
        Head {
            files: u32::from_le_bytes([a, b, c, d]),
            path_bytes: u32::from_le_bytes([e, f, g, h]),
            total: u64::from_le_bytes([i, j, k, l, m, n, o, p]),
            checksum: u64::from_le_bytes([q, r, s, t, u, v, w, x]),
        }
    }

    #[cfg(feature = "std")]
    pub(crate) fn write(&self, to: &mut std::vec::Vec<u8>) {
        to.extend(MAGIC);
        to.extend(self.files.to_le_bytes());
        to.extend(self.path_bytes.to_le_bytes());
        to.extend(self.total.to_le_bytes());
        to.extend(self.checksum.to_le_bytes());
    }
}

/// FNV-1a, 64 bits, over records and paths: tells damage, not malice.
pub(crate) fn checksum(index: &[u8]) -> u64 {
    index.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}
