use crate::disk::{Dice, dice, keys};
use crate::world::{Disk, Files, Handle, random};
use clavis_crypt::Store;
use clavis_crypt::contents::{BLOCK, Contents, GAP, HEADER, LONGEST, SEALED};
use clavis_view::{Lower, Walks};
use syscall::error::{EFBIG, EIO, Result};
use syscall::flag::{O_CREAT, O_RDWR};

/// A file system with one vault's contents in it.
struct Safe {
    files: Files,
    root: Handle,
    contents: Contents,
    dice: Dice,
}

impl Safe {
    fn new(seed: u64) -> Safe {
        let disk = Disk::new(Walks::ByNode);
        let root = disk.at("");
        Safe { files: Files(disk), root, contents: Contents::new(&keys(seed)), dice: dice(seed) }
    }

    fn file(&self, name: &str, text: &[u8]) -> Handle {
        let flags = (O_RDWR | O_CREAT) as u64;
        let file = self.files.open(&self.root, name, flags, clavis_abi::Rights::all()).unwrap();
        self.contents.make(&self.files, &file, &self.dice).unwrap();
        self.write(&file, Some(0), text).unwrap();
        file
    }

    fn write(&self, file: &Handle, at: Option<u64>, text: &[u8]) -> Result<u64> {
        self.contents.write(&self.files, file, at, text, &self.dice)
    }

    fn truncate(&self, file: &Handle, length: u64) -> Result<()> {
        self.contents.truncate(&self.files, file, length, &self.dice)
    }

    fn text(&self, file: &Handle) -> Result<Vec<u8>> {
        let mut text = vec![0; self.contents.length(&self.files, file)? as usize];
        let read = self.contents.read(&self.files, file, 0, &mut text)?;
        assert_eq!(read, text.len());
        Ok(text)
    }

    fn below(&self, file: &Handle) -> Vec<u8> {
        let mut bytes = vec![0; self.files.stat(file).unwrap().st_size as usize];
        assert_eq!(self.files.read(file, 0, &mut bytes).unwrap(), bytes.len());
        bytes
    }

    fn put_below(&self, file: &Handle, bytes: &[u8]) {
        self.files.cut(file, 0).unwrap();
        let mut at = 0;
        while at < bytes.len() {
            at += self.files.write(file, at as u64, &bytes[at..]).unwrap();
        }
    }

    /// Whether a file is refused as it is now, read as a whole.
    fn is_refused(&self, file: &Handle) -> bool {
        self.text(file).is_err_and(|error| error.errno == EIO)
    }
}

fn bytes(random: &mut fastrand::Rng, most: usize) -> Vec<u8> {
    let length = random.usize(..most);
    (0..length).map(|_| random.u8(1..)).collect()
}

#[test]
fn a_file_holds_what_an_array_of_bytes_would() {
    let mut random = random();
    for _ in 0..40 {
        let safe = Safe::new(random.u64(..));
        let file = safe.file("file", b"");
        let mut model: Vec<u8> = Vec::new();
        for _ in 0..30 {
            match random.u32(..6) {
                0 | 1 => {
                    let (at, text) = (random.usize(..20_000), bytes(&mut random, 9000));
                    let end = safe.write(&file, Some(at as u64), &text).unwrap();
                    assert_eq!(end, (at + text.len()) as u64);
                    if !text.is_empty() {
                        model.resize(model.len().max(at + text.len()), 0);
                        model[at..at + text.len()].copy_from_slice(&text);
                    }
                }
                2 => {
                    let text = bytes(&mut random, 6000);
                    safe.write(&file, None, &text).unwrap();
                    model.extend(text);
                }
                3 => {
                    let length = random.usize(..20_000);
                    safe.truncate(&file, length as u64).unwrap();
                    model.resize(length, 0);
                }
                _ => {
                    let (at, count) = (random.usize(..25_000), random.usize(..70_000));
                    let mut into = vec![0; count];
                    let read =
                        safe.contents.read(&safe.files, &file, at as u64, &mut into).unwrap();
                    let rest = model.get(at..).unwrap_or_default();
                    assert_eq!(&into[..read], &rest[..rest.len().min(count)]);
                }
            }
            assert_eq!(safe.text(&file).unwrap(), model);
        }
        let below = safe.below(&file);
        assert_eq!(below.len(), HEADER + model.len().div_ceil(BLOCK) * SEALED);
        for part in model.chunks_exact(16).step_by(97) {
            let zeros = part.contains(&0);
            assert!(zeros || !below.windows(16).any(|seen| seen == part), "it lies in plain below");
        }
    }
}

#[test]
fn every_other_bit_below_is_an_error() {
    let safe = Safe::new(1);
    let file = safe.file("file", &[7; BLOCK + 100]);
    let below = safe.below(&file);
    let mut tried = 0;
    for bit in 0..below.len() * 8 {
        let place = bit / 8;
        let in_block = place.saturating_sub(HEADER) % SEALED;
        // Of the text of blocks some bits; of what is beside it all.
        if place >= HEADER && (24..SEALED - 16).contains(&in_block) && bit % 61 != 0 {
            continue;
        }
        let byte = [below[place] ^ 1 << (bit % 8)];
        safe.files.write(&file, place as u64, &byte).unwrap();
        assert!(safe.is_refused(&file), "bit {bit}");
        safe.files.write(&file, place as u64, &below[place..=place]).unwrap();
        tried += 1;
    }
    assert!(tried > 2000);
    assert_eq!(safe.text(&file).unwrap(), [7; BLOCK + 100]);
}

#[test]
fn blocks_keep_their_place_and_their_file() {
    let safe = Safe::new(1);
    let text: Vec<u8> = (0..3 * BLOCK).map(|at| (at / BLOCK) as u8).collect();
    let (one, other) = (safe.file("one", &text), safe.file("other", &text));
    let (below, foreign) = (safe.below(&one), safe.below(&other));
    let block = |of: &[u8], n: usize| of[HEADER + n * SEALED..][..SEALED].to_vec();
    for to in 0..3 {
        for (from, source) in (0..3).flat_map(|from| [(from, &below), (from, &foreign)]) {
            let mut bytes = below.clone();
            bytes[HEADER + to * SEALED..][..SEALED].copy_from_slice(&block(source, from));
            let same = bytes == below;
            safe.put_below(&one, &bytes);
            assert_eq!(safe.is_refused(&one), !same, "{from} in the place of {to}");
        }
    }
    let mut bytes = below.clone();
    bytes[..HEADER].copy_from_slice(&foreign[..HEADER]);
    safe.put_below(&one, &bytes);
    assert!(safe.is_refused(&one), "the header of another file");
    // What lies behind the end is nothing.
    safe.put_below(&one, &[below, vec![9; 5000]].concat());
    assert_eq!(safe.text(&one).unwrap(), text);
}

#[test]
fn a_file_that_somebody_cut_is_an_error() {
    let safe = Safe::new(1);
    let file = safe.file("file", &[7; 2 * BLOCK]);
    let below = safe.below(&file);
    let ends = [0, 1, HEADER - 1, HEADER, HEADER + 1, HEADER + SEALED - 1, HEADER + SEALED];
    for end in ends.into_iter().chain((0..below.len()).step_by(97)).chain([below.len() - 1]) {
        safe.put_below(&file, &below[..end]);
        assert!(safe.is_refused(&file), "{end} bytes are left");
        if end < HEADER {
            assert!(safe.write(&file, Some(0), b"x").is_err_and(|error| error.errno == EIO));
        }
    }
}

#[test]
fn what_was_cut_off_does_not_come_back() {
    let safe = Safe::new(1);
    let file = safe.file("file", &[7; 3 * BLOCK]);
    let whole = safe.below(&file);
    safe.truncate(&file, 10).unwrap();
    // The header says so already, and nothing was cut below: as after a power failure.
    let header = safe.below(&file)[..HEADER].to_vec();
    safe.put_below(&file, &[&header, &whole[HEADER..]].concat());
    assert_eq!(safe.text(&file).unwrap(), [7; 10]);
    safe.write(&file, Some(2 * BLOCK as u64), b"end").unwrap();
    let text = safe.text(&file).unwrap();
    assert_eq!(text[..10], [7; 10]);
    assert!(text[10..2 * BLOCK].iter().all(|byte| *byte == 0), "old bytes came back");
    assert_eq!(&text[2 * BLOCK..], b"end");
}

#[test]
fn a_gap_and_a_length_have_bounds() {
    let safe = Safe::new(1);
    let file = safe.file("file", b"x");
    let errno = |result: Result<u64>| result.unwrap_err().errno;
    assert_eq!(errno(safe.write(&file, Some(GAP + 2), b"y")), EFBIG);
    assert_eq!(errno(safe.write(&file, Some(u64::MAX), b"yy")), EFBIG);
    assert_eq!(errno(safe.write(&file, Some(LONGEST), b"y")), EFBIG);
    assert_eq!(safe.truncate(&file, GAP + 2).unwrap_err().errno, EFBIG);
    assert_eq!(safe.text(&file).unwrap(), b"x");
}
