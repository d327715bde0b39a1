//! Streams.
use c_stdio::stream::mode::Mode;
use c_stdio::stream::{Buffering, Device, Stream, Whence};
use fastrand::Rng;
use std::ffi::{CString, c_int};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// A file, whose reads and writes are short now and then.
struct Short {
    file: File,
    random: Rng,
}

impl Short {
    fn most(&mut self, length: usize) -> usize {
        if self.random.bool() { length } else { self.random.usize(1..=length.max(1)).min(length) }
    }
}

fn number(error: std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(-1)
}

impl Device for Short {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, i32> {
        let most = self.most(into.len());
        self.file.read(&mut into[..most]).map_err(number)
    }

    fn write(&mut self, from: &[u8]) -> Result<usize, i32> {
        let most = self.most(from.len());
        self.file.write(&from[..most]).map_err(number)
    }

    fn seek(&mut self, offset: i64, from: Whence) -> Result<u64, i32> {
        let to = match from {
            Whence::Start => SeekFrom::Start(offset.try_into().map_err(|_| libc::EINVAL)?),
            Whence::Current => SeekFrom::Current(offset),
            Whence::End => SeekFrom::End(offset),
        };
        self.file.seek(to).map_err(number)
    }

    fn is_interactive(&self) -> bool {
        false
    }
}

/// What is done to a stream.
#[derive(Clone, Debug)]
enum Act {
    Get,
    Read(usize),
    /// Gives back the byte that was got last.
    Unget,
    Write(Bytes),
    Seek(i64, Whence),
    Tell,
    Flush,
    Buffer(Buffering, usize),
    Clear,
    Marks,
}

/// Bytes to be written, of which a report needs only the number.
#[derive(Clone)]
struct Bytes(Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{} bytes", self.0.len())
    }
}

/// What it answers, and the bytes that were read.
type Answer = (i64, Vec<u8>);

fn act(random: &mut Rng) -> Act {
    match random.u8(..12) {
        0 | 1 => Act::Get,
        2 => Act::Read(random.usize(..40)),
        3 => Act::Read(random.usize(..9000)),
        4 => Act::Unget,
        5 | 6 => {
            let most = if random.u8(..4) > 0 { 30 } else { 10_000 };
            let length = random.usize(..most);
            Act::Write(Bytes((0..length).map(|_| b"abc\n"[random.usize(..4)]).collect()))
        }
        7 | 8 => {
            let from = [Whence::Start, Whence::Current, Whence::End][random.usize(..3)];
            Act::Seek(random.i64(-50..50), from)
        }
        9 => Act::Tell,
        10 => Act::Flush,
        _ => match random.u8(..3) {
            0 => {
                let all = [Buffering::Full, Buffering::Line, Buffering::None];
                Act::Buffer(all[random.usize(..3)], random.usize(..100))
            }
            1 => Act::Clear,
            _ => Act::Marks,
        },
    }
}

fn ours(stream: &mut Stream<Short>, act: &Act, got: u8) -> Answer {
    let end = |result: Result<(), i32>| (if result.is_ok() { 0 } else { -1 }, Vec::new());
    match act {
        Act::Get => (stream.get().ok().flatten().map_or(-1, i64::from), Vec::new()),
        Act::Read(length) => {
            let mut bytes = vec![0; *length];
            let (count, _) = stream.read(&mut bytes);
            bytes.truncate(count);
            (count as i64, bytes)
        }
        Act::Unget => (if stream.give(got) { i64::from(got) } else { -1 }, Vec::new()),
        Act::Write(bytes) => (stream.write(&bytes.0).0 as i64, Vec::new()),
        Act::Seek(offset, from) => end(stream.seek(*offset, *from).map(drop)),
        Act::Tell => (stream.place().map_or(-1, |place| place as i64), Vec::new()),
        Act::Flush => end(stream.sync()),
        Act::Buffer(buffering, size) => end(stream.set_buffering(*buffering, *size)),
        Act::Clear => {
            stream.forget();
            (0, Vec::new())
        }
        Act::Marks => (i64::from(stream.ended()) * 2 + i64::from(stream.failed()), Vec::new()),
    }
}

/// The host's stream.
struct Host(*mut libc::FILE);

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: opened by the test, closed once.
        unsafe { libc::fclose(self.0) };
    }
}

fn host(stream: &Host, act: &Act, got: u8) -> Answer {
    let file = stream.0;
    let mut bytes = Vec::new();
    // SAFETY: `file` is open, and belongs to this thread; every length is that of its bytes.
    let answer = match act {
        // SAFETY: see above.
        Act::Get => unsafe { libc::fgetc(file) }.into(),
        Act::Read(length) => {
            bytes = vec![0u8; *length];
            // SAFETY: see above.
            let count = unsafe { libc::fread(bytes.as_mut_ptr().cast(), 1, *length, file) };
            bytes.truncate(count);
            count as i64
        }
        // SAFETY: see above.
        Act::Unget => unsafe { libc::ungetc(c_int::from(got), file) }.into(),
        Act::Write(from) => {
            // SAFETY: see above.
            unsafe { libc::fwrite(from.0.as_ptr().cast(), 1, from.0.len(), file) as i64 }
        }
        Act::Seek(offset, from) => {
            let from = match from {
                Whence::Start => libc::SEEK_SET,
                Whence::Current => libc::SEEK_CUR,
                Whence::End => libc::SEEK_END,
            };
            // SAFETY: see above.
            unsafe { libc::fseek(file, *offset, from) }.into()
        }
        // SAFETY: see above.
        Act::Tell => unsafe { libc::ftell(file) },
        // SAFETY: see above.
        Act::Flush => unsafe { libc::fflush(file) }.into(),
        Act::Buffer(..) => 0,
        Act::Clear => {
            // SAFETY: see above.
            unsafe { libc::clearerr(file) };
            0
        }
        Act::Marks => {
            // SAFETY: see above.
            let (ended, failed) = (unsafe { libc::feof(file) }, unsafe { libc::ferror(file) });
            i64::from(ended != 0) * 2 + i64::from(failed != 0)
        }
    };
    (answer, bytes)
}

/// What C leaves open depends on what was done last.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    Settled,
    Read,
    Written,
}

fn open(path: &Path, mode: &str, random: &Rng) -> Stream<Short> {
    let wanted = Mode::read(mode.as_bytes()).unwrap();
    let access = wanted.access;
    let file = OpenOptions::new()
        .read(access.read)
        .write(access.write && !access.append)
        .append(access.append)
        .create(wanted.create)
        .truncate(wanted.truncate)
        .open(path)
        .unwrap();
    Stream::new(Short { file, random: random.clone() }, access, None)
}

#[test]
fn a_stream_does_what_the_hosts_does() {
    let (mut random, seed) = crate::random();
    let folder = std::env::temp_dir().join(format!("stdio-streams-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (mine, theirs) = (folder.join("mine"), folder.join("theirs"));
    for round in 0..400 {
        let content: Vec<u8> =
            (0..random.usize(..9000)).map(|_| random.alphabetic() as u8).collect();
        for path in [&mine, &theirs] {
            std::fs::write(path, &content).unwrap();
        }
        let mode = ["r", "r+", "w", "w+", "a", "a+"][random.usize(..6)];
        let mut stream = open(&mine, mode, &random);
        let access = stream.access();
        let names = [theirs.to_str().unwrap(), mode].map(|text| CString::new(text).unwrap());
        // SAFETY: two strings.
        let hosts = Host(unsafe { libc::fopen(names[0].as_ptr(), names[1].as_ptr()) });
        assert!(!hosts.0.is_null());
        if access.append && !access.read {
            // It begins where it writes, one that reads at the start.
            stream.seek(0, Whence::End).unwrap();
        }
        let (mut last, mut backs, mut got, mut done) = (Last::Settled, 0, None, Vec::new());
        for _ in 0..random.usize(1..40) {
            let act = act(&mut random);
            let reads = matches!(act, Act::Get | Act::Read(_) | Act::Unget);
            let writes = matches!(&act, Act::Write(_));
            // What C leaves open: changing sides without a seek, places after bytes were given back,
            // and what is given back more than once.
            let open = match &act {
                _ if reads => last == Last::Written || !access.read,
                _ if writes => last == Last::Read || !access.write,
                Act::Tell | Act::Flush => backs > 0 || last == Last::Read && access.append,
                // One that fails may forget them.
                Act::Seek(offset, from) => backs > 0 && (*offset < 0 || *from != Whence::Start),
                Act::Buffer(..) => last != Last::Settled,
                _ => false,
            };
            // Another byte than the last is not given back here: the host's memory for such bytes is
            // not sound in streams that are written, too.
            if open || matches!(act, Act::Unget) && got.is_none() {
                continue;
            }
            done.push(act.clone());
            let byte = got.take().unwrap_or(0);
            let (mine, theirs) = (ours(&mut stream, &act, byte), host(&hosts, &act, byte));
            let told =
                format!("STDIO_SEED={seed}, round {round}, {mode} of {}: {done:?}", content.len());
            assert!(mine == theirs, "{told}: {} instead of {}", mine.0, theirs.0);
            match act {
                Act::Seek(..) | Act::Flush if mine.0 == 0 => (last, backs) = (Last::Settled, 0),
                Act::Unget => (last, backs) = (Last::Read, 1),
                Act::Read(0) => {}
                Act::Get => {
                    got = u8::try_from(mine.0).ok();
                    (last, backs) = (Last::Read, 0);
                }
                _ if reads => (last, backs) = (Last::Read, 0),
                _ if writes => last = Last::Written,
                _ => {}
            }
        }
        stream.sync().unwrap();
        drop(hosts);
        let told =
            format!("STDIO_SEED={seed}, round {round}, {mode} of {}: {done:?}", content.len());
        let same = std::fs::read(&mine).unwrap() == std::fs::read(&theirs).unwrap();
        assert!(same, "{told}: the files differ");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Takes a few bytes, and then none.
struct Narrow {
    taken: Vec<u8>,
    room: usize,
}

impl Device for Narrow {
    fn read(&mut self, _: &mut [u8]) -> Result<usize, i32> {
        Ok(0)
    }

    fn write(&mut self, from: &[u8]) -> Result<usize, i32> {
        let count = from.len().min(self.room - self.taken.len());
        self.taken.extend_from_slice(&from[..count]);
        if count == 0 { Err(libc::ENOSPC) } else { Ok(count) }
    }

    fn seek(&mut self, _: i64, _: Whence) -> Result<u64, i32> {
        Err(libc::ESPIPE)
    }

    fn is_interactive(&self) -> bool {
        true
    }
}

#[test]
fn what_could_not_be_written_is_counted_neither_twice_nor_never() {
    let (mut random, seed) = crate::random();
    for round in 0..2000 {
        let room = random.usize(..60);
        let access = Mode::read(b"w").unwrap().access;
        let kinds = [Buffering::Full, Buffering::Line, Buffering::None];
        let kind = kinds[random.usize(..3)];
        let mut stream = Stream::new(Narrow { taken: Vec::new(), room }, access, Some(kind));
        stream.set_buffering(kind, random.usize(1..20)).unwrap();
        let mut put = Vec::new();
        for _ in 0..random.usize(1..20) {
            let bytes: Vec<u8> =
                (0..random.usize(..12)).map(|_| b"abcdefg\n"[random.usize(..8)]).collect();
            let (count, result) = stream.write(&bytes);
            assert_eq!(count == bytes.len(), result.is_ok(), "STDIO_SEED={seed}, round {round}");
            put.extend_from_slice(&bytes[..count]);
        }
        // With room again, all that was put comes through, once.
        stream.device.room = usize::MAX;
        stream.flush().unwrap();
        assert!(stream.device.taken == put, "STDIO_SEED={seed}, round {round}");
    }
}

#[test]
fn lines_are_written_when_they_end() {
    let access = Mode::read(b"w").unwrap().access;
    let mut stream = Stream::new(Narrow { taken: Vec::new(), room: 99 }, access, None);
    for (bytes, taken) in [("ab", ""), ("c\nd", "abc\n"), ("e", "abc\n"), ("\n\nf", "abc\nde\n\n")]
    {
        assert_eq!(stream.write(bytes.as_bytes()), (bytes.len(), Ok(())));
        assert_eq!(stream.device.taken, taken.as_bytes());
    }
    assert_eq!((stream.pending(), stream.failed()), (1, false));
}

#[test]
fn a_stream_does_only_what_its_mode_says() {
    let mut stream =
        Stream::new(Narrow { taken: Vec::new(), room: 0 }, Mode::read(b"r").unwrap().access, None);
    assert_eq!(stream.write(b"x"), (0, Err(libc::EBADF)));
    assert!(stream.failed());
    stream.forget();
    assert_eq!((stream.get(), stream.ended(), stream.failed()), (Ok(None), true, false));
    for byte in 0..8 {
        assert!(stream.give(byte) && !stream.ended());
    }
    assert!(!stream.give(8), "more was given back than is kept");
    for byte in (0..8).rev() {
        assert_eq!(stream.get(), Ok(Some(byte)));
    }
    let access = Mode::read(b"w").unwrap().access;
    let mut stream = Stream::new(Narrow { taken: Vec::new(), room: 0 }, access, None);
    assert_eq!((stream.get(), stream.give(1)), (Err(libc::EBADF), false));
}

/// Appends, and leaves its own place where it was.
struct Aside {
    bytes: Vec<u8>,
    place: usize,
}

impl Device for Aside {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, i32> {
        let left = &self.bytes[self.place.min(self.bytes.len())..];
        let count = left.len().min(into.len());
        into[..count].copy_from_slice(&left[..count]);
        self.place += count;
        Ok(count)
    }

    fn write(&mut self, from: &[u8]) -> Result<usize, i32> {
        self.bytes.extend_from_slice(from);
        Ok(from.len())
    }

    fn seek(&mut self, offset: i64, from: Whence) -> Result<u64, i32> {
        let base = match from {
            Whence::Start => 0,
            Whence::Current => self.place,
            Whence::End => self.bytes.len(),
        };
        self.place = base.checked_add_signed(offset as isize).ok_or(libc::EINVAL)?;
        Ok(self.place as u64)
    }

    fn is_interactive(&self) -> bool {
        false
    }
}

#[test]
fn what_is_appended_is_behind_the_place_whatever_the_device_says() {
    let access = Mode::read(b"a+").unwrap().access;
    let mut stream = Stream::new(Aside { bytes: b"12345".to_vec(), place: 0 }, access, None);
    assert_eq!(stream.get(), Ok(Some(b'1')));
    assert_eq!((stream.write(b"67"), stream.place()), ((2, Ok(())), Ok(7)));
    assert_eq!((stream.write(b"8"), stream.get()), ((1, Ok(())), Ok(None)));
    assert_eq!((stream.write(b"9"), stream.seek(-1, Whence::Current)), ((1, Ok(())), Ok(8)));
    assert_eq!((stream.get(), stream.device.bytes.len()), (Ok(Some(b'9')), 9));
}
