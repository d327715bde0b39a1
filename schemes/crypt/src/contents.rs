//! Files. Below, a file is a header (its number, and its length under a seal) and blocks that are
//! always whole: each has a nonce of its own, and its seal covers the file's number and its place.
//!
//! What makes a file longer writes blocks before the header, what makes it shorter the header
//! before it cuts: one that somebody else cut has fewer blocks than its header says.
use crate::keys::{Keys, NONCE, TAG};
use crate::{Chance, MAGIC};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use clavis_view::store::{Store, read_whole, write_whole};
use syscall::error::{EFBIG, EIO, Error, Result};

/// Bytes of a block.
pub const BLOCK: usize = 4096;
/// Bytes of a block below.
pub const SEALED: usize = NONCE + BLOCK + TAG;
/// Bytes before the first block below.
pub const HEADER: usize = MAGIC.len() + NUMBER + NONCE + LENGTH + TAG;
/// Bytes of zeros that one call writes at most, to come to where it begins: there are no holes.
pub const GAP: u64 = 16 << 20;
/// The longest file.
pub const LONGEST: u64 = 1 << 48;

const NUMBER: usize = 16;
const LENGTH: usize = 8;
/// Blocks that are read at once.
const AT_ONCE: usize = 16;

/// The number of a file, which it keeps under all its names.
type Number = [u8; NUMBER];

/// The contents of files under a key.
pub struct Contents {
    cipher: XChaCha20Poly1305,
}

/// What is known of an open file.
#[derive(Clone, Copy)]
struct File {
    number: Number,
    length: u64,
}

impl Contents {
    /// Under the key for contents.
    #[must_use]
    pub fn new(keys: &Keys) -> Contents {
        Contents { cipher: XChaCha20Poly1305::new((&*keys.contents).into()) }
    }

    /// Makes an empty file of one in which nothing is yet.
    ///
    /// # Errors
    /// What the file system and the source of chance answer.
    pub fn make<S: Store>(&self, store: &S, of: &S::Handle, chance: &impl Chance) -> Result<()> {
        let mut number = [0; NUMBER];
        chance.fill(&mut number)?;
        self.set(store, of, File { number, length: 0 }, chance)
    }

    /// How long a file is.
    ///
    /// # Errors
    /// `EIO`: the header is not what was written there.
    pub fn length<S: Store>(&self, store: &S, of: &S::Handle) -> Result<u64> {
        self.header(store, of).map(|file| file.length)
    }

    /// Reads; fewer bytes than asked for at the end alone.
    ///
    /// # Errors
    /// `EIO`: there is not what was written there.
    pub fn read<S: Store>(
        &self,
        store: &S,
        of: &S::Handle,
        offset: u64,
        into: &mut [u8],
    ) -> Result<usize> {
        let file = self.header(store, of)?;
        let rest = usize::try_from(file.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let asked = rest.min(into.len());
        let mut into = into.get_mut(..asked).unwrap_or_default();
        let mut at = offset;
        let mut sealed = Vec::new();
        while !into.is_empty() {
            let skip = within(at);
            let blocks = skip.saturating_add(into.len()).div_ceil(BLOCK).min(AT_ONCE);
            sealed.resize(blocks.saturating_mul(SEALED), 0);
            read_whole(store, of, place(block_of(at)), &mut sealed)?;
            for block in sealed.chunks_exact_mut(SEALED) {
                let plain = self.open(&file, block_of(at), block)?;
                let part = plain.get(within(at)..).unwrap_or_default();
                let count = part.len().min(into.len());
                let (to, after) = into.split_at_mut(count);
                to.copy_from_slice(part.get(..count).unwrap_or_default());
                into = after;
                at = at.saturating_add(count as u64);
            }
        }
        Ok(asked)
    }

    /// Writes everything at an offset, or at the end; the answer is where it ends. What lies between
    /// the end and the offset is zeros then.
    ///
    /// # Errors
    /// `EFBIG` beyond the longest file or the widest gap; `EIO`: there is not what was written; what
    /// the file system answers, and then a part may be written.
    pub fn write<S: Store>(
        &self,
        store: &S,
        of: &S::Handle,
        offset: Option<u64>,
        from: &[u8],
        chance: &impl Chance,
    ) -> Result<u64> {
        let mut file = self.header(store, of)?;
        let start = offset.unwrap_or(file.length);
        let end = start.checked_add(from.len() as u64).ok_or(Error::new(EFBIG))?;
        if from.is_empty() {
            return Ok(start);
        }
        let length = file.length;
        self.reach(store, of, &mut file, start, end, chance)?;
        let (mut at, mut rest) = (start, from);
        while !rest.is_empty() {
            let part = rest.len().min(BLOCK.saturating_sub(within(at)));
            let (now, after) = rest.split_at(part);
            self.change(store, of, &file, at, now, chance)?;
            at = at.saturating_add(part as u64);
            file.length = file.length.max(at);
            rest = after;
        }
        if end > length {
            self.set(store, of, File { length: end, ..file }, chance)?;
        }
        Ok(end)
    }

    /// Makes a file that long; what is new is zeros.
    ///
    /// # Errors
    /// As [`Contents::write`].
    pub fn truncate<S: Store>(
        &self,
        store: &S,
        of: &S::Handle,
        length: u64,
        chance: &impl Chance,
    ) -> Result<()> {
        let mut file = self.header(store, of)?;
        let was = file.length;
        if length > was {
            self.reach(store, of, &mut file, length, length, chance)?;
        }
        if length != was {
            self.set(store, of, File { length, ..file }, chance)?;
        }
        if length < was { store.cut(of, place(length.div_ceil(BLOCK as u64))) } else { Ok(()) }
    }

    /// Writes zeros from the end of a file to where a write begins.
    fn reach<S: Store>(
        &self,
        store: &S,
        of: &S::Handle,
        file: &mut File,
        start: u64,
        end: u64,
        chance: &impl Chance,
    ) -> Result<()> {
        if end > LONGEST || start.saturating_sub(file.length) > GAP {
            return Err(Error::new(EFBIG));
        }
        while file.length < start {
            let left = BLOCK.saturating_sub(within(file.length)) as u64;
            let part = left.min(start.saturating_sub(file.length));
            let zeros = [0; BLOCK];
            let zeros = zeros.get(..part as usize).unwrap_or_default();
            self.change(store, of, file, file.length, zeros, chance)?;
            file.length = file.length.saturating_add(part);
        }
        Ok(())
    }

    /// Puts bytes into one block. What of it lies beyond the end of the file means nothing.
    fn change<S: Store>(
        &self,
        store: &S,
        of: &S::Handle,
        file: &File,
        at: u64,
        from: &[u8],
        chance: &impl Chance,
    ) -> Result<()> {
        let number = block_of(at);
        let begin = number.saturating_mul(BLOCK as u64);
        let skip = within(at);
        let behind = skip.saturating_add(from.len());
        let there = file.length.saturating_sub(begin).min(BLOCK as u64) as usize;
        let mut sealed = vec![0; SEALED];
        if there > 0 && (skip > 0 || behind < there) {
            read_whole(store, of, place(number), &mut sealed)?;
            self.open(file, number, &mut sealed)?;
        }
        let (nonce, rest) = sealed.split_at_mut(NONCE);
        let (plain, tag) = rest.split_at_mut(BLOCK);
        plain.get_mut(skip..behind).ok_or(Error::new(EIO))?.copy_from_slice(from);
        self.seal(&bound(file, number), nonce, plain, tag, chance)?;
        write_whole(store, of, place(number), &sealed)
    }

    /// Opens a block where it lies.
    fn open<'b>(&self, file: &File, number: u64, sealed: &'b mut [u8]) -> Result<&'b mut [u8]> {
        let (nonce, rest) = sealed.split_at_mut_checked(NONCE).ok_or(Error::new(EIO))?;
        let (plain, tag) = rest.split_at_mut_checked(BLOCK).ok_or(Error::new(EIO))?;
        self.unseal(&bound(file, number), nonce, plain, tag)?;
        Ok(plain)
    }

    fn seal(
        &self,
        about: &[u8],
        nonce: &mut [u8],
        plain: &mut [u8],
        tag: &mut [u8],
        chance: &impl Chance,
    ) -> Result<()> {
        chance.fill(nonce)?;
        let under = XNonce::try_from(&*nonce).map_err(|_| Error::new(EIO))?;
        let sealed = self.cipher.encrypt_inout_detached(&under, about, plain.into());
        tag.copy_from_slice(&sealed.map_err(|_| Error::new(EIO))?);
        Ok(())
    }

    fn unseal(&self, about: &[u8], nonce: &[u8], plain: &mut [u8], tag: &[u8]) -> Result<()> {
        let wrong = || Error::new(EIO);
        let nonce = XNonce::try_from(nonce).map_err(|_| wrong())?;
        let tag = Tag::try_from(tag).map_err(|_| wrong())?;
        let opened = self.cipher.decrypt_inout_detached(&nonce, about, plain.into(), &tag);
        opened.map_err(|_| wrong())
    }

    fn header<S: Store>(&self, store: &S, of: &S::Handle) -> Result<File> {
        let mut header = [0; HEADER];
        read_whole(store, of, 0, &mut header)?;
        let (open, rest) = header.split_at_mut(MAGIC.len().saturating_add(NUMBER));
        let (nonce, rest) = rest.split_at_mut(NONCE);
        let (length, tag) = rest.split_at_mut(LENGTH);
        if !open.starts_with(MAGIC) {
            return Err(Error::new(EIO));
        }
        self.unseal(open, nonce, length, tag)?;
        let number = *open.last_chunk().ok_or(Error::new(EIO))?;
        let length = *length.first_chunk().ok_or(Error::new(EIO))?;
        Ok(File { number, length: u64::from_le_bytes(length) })
    }

    fn set<S: Store>(
        &self,
        store: &S,
        of: &S::Handle,
        file: File,
        chance: &impl Chance,
    ) -> Result<()> {
        let mut header = [0; HEADER];
        let (open, rest) = header.split_at_mut(MAGIC.len().saturating_add(NUMBER));
        let (nonce, rest) = rest.split_at_mut(NONCE);
        let (length, tag) = rest.split_at_mut(LENGTH);
        let (magic, number) = open.split_at_mut(MAGIC.len());
        magic.copy_from_slice(MAGIC);
        number.copy_from_slice(&file.number);
        length.copy_from_slice(&file.length.to_le_bytes());
        self.seal(open, nonce, length, tag, chance)?;
        write_whole(store, of, 0, &header)
    }
}

/// The block that an offset lies in.
fn block_of(offset: u64) -> u64 {
    offset >> BLOCK.trailing_zeros()
}

/// Where an offset lies in its block.
fn within(offset: u64) -> usize {
    (offset & (BLOCK as u64).wrapping_sub(1)) as usize
}

/// Where a block lies below.
fn place(number: u64) -> u64 {
    number.saturating_mul(SEALED as u64).saturating_add(HEADER as u64)
}

/// What a block is bound to. The header's is longer: one never stands for the other.
fn bound(file: &File, number: u64) -> [u8; NUMBER + LENGTH] {
    let mut bound = [0; NUMBER + LENGTH];
    let (of, place) = bound.split_at_mut(NUMBER);
    of.copy_from_slice(&file.number);
    place.copy_from_slice(&number.to_le_bytes());
    bound
}
