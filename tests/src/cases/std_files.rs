//! Rust's std on files: what programs do with whole trees, and what they get when it goes wrong.
use super::place::{Place, io, refused};
use super::support::check;
use crate::run::{Case, Verdict};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

pub(crate) const CASES: &[Case] = &[
    Case { name: "std_copies_a_large_file_that_compares_equal", run: large_copy },
    Case { name: "std_opens_as_the_options_say", run: options },
    Case { name: "std_sets_and_shows_times", run: times },
    Case { name: "std_removes_a_tree_but_not_what_its_links_name", run: remove_tree },
    Case { name: "std_renames_over_what_is_there", run: renames },
    Case { name: "std_grows_files_with_zeroes", run: growing },
    Case { name: "std_describes_what_a_directory_holds", run: entries },
    Case { name: "std_refuses_paths_that_cannot_be", run: impossible_paths },
    Case { name: "std_reads_and_writes_lines_through_buffers", run: buffered },
    Case { name: "std_tells_files_of_different_services_apart", run: apart },
    Case { name: "std_opens_the_descriptors_of_the_process_by_name", run: own_descriptors },
];

/// Bytes of the large file: enough for many requests of the greatest size.
const LARGE: usize = 6 << 20;

/// A byte of a sequence that does not repeat within a page.
fn byte(at: usize) -> u8 {
    (at.wrapping_mul(2_654_435_761) >> 13) as u8
}

fn large_copy() -> Verdict {
    let place = Place::new("large")?;
    let (from, to) = (place.at("from"), place.at("to"));
    let content: Vec<u8> = (0..LARGE).map(byte).collect();
    io("write", fs::write(&from, &content))?;
    io("chmod", fs::set_permissions(&from, fs::Permissions::from_mode(0o640)))?;
    drop(content);
    let copied = io("copy", fs::copy(&from, &to))?;
    check(copied == LARGE as u64, &format!("{copied} bytes were copied"))?;
    check(io("metadata", fs::metadata(&to))?.mode() & 0o777 == 0o640, "the mode was not copied")?;
    let mut one = BufReader::with_capacity(1 << 16, io("open", File::open(&from))?);
    let mut two = BufReader::with_capacity(50_000, io("open", File::open(&to))?);
    let (mut left, mut right, mut at) = (vec![0; 40_000], vec![0; 40_000], 0);
    while at < LARGE {
        let length = (LARGE - at).min(left.len());
        let parts = left.get_mut(..length).zip(right.get_mut(..length));
        let (left, right) = parts.ok_or("no buffer")?;
        io("read", one.read_exact(left))?;
        io("read the copy", two.read_exact(right))?;
        check(left == right, &format!("the files differ behind {at}"))?;
        let wrong = left.iter().enumerate().any(|(index, found)| *found != byte(at + index));
        check(!wrong, &format!("what was written changed behind {at}"))?;
        at += length;
    }
    check(io("end", two.read(&mut [0; 1]))? == 0, "the copy is longer")
}

fn options() -> Verdict {
    let place = Place::new("options")?;
    let path = place.at("a");
    let open = |change: fn(&mut OpenOptions) -> &mut OpenOptions| {
        change(&mut OpenOptions::new()).open(&path)
    };
    refused("open nothing", open(|it| it.write(true)), ErrorKind::NotFound)?;
    let mut file = io("create new", open(|it| it.write(true).create_new(true).mode(0o600)))?;
    io("write", file.write_all(b"0123456789"))?;
    check(io("metadata", file.metadata())?.mode() & 0o777 == 0o600, "another mode")?;
    refused("create anew", open(|it| it.write(true).create_new(true)), ErrorKind::AlreadyExists)?;
    io("create", open(|it| it.write(true).create(true)))?;
    check(io("read", fs::read(&path))? == b"0123456789", "opening changed it")?;
    io("truncate", open(|it| it.write(true).truncate(true)))?;
    check(io("metadata", fs::metadata(&path))?.len() == 0, "it was not emptied")?;
    refused("no access at all", open(|it| it.create(true)), ErrorKind::InvalidInput)?;
    refused("read and truncate", open(|it| it.read(true).truncate(true)), ErrorKind::InvalidInput)?;
    let mut both = io("read and append", open(|it| it.read(true).append(true)))?;
    io("append", both.write_all(b"xy"))?;
    io("rewind", both.rewind())?;
    io("append again", both.write_all(b"z"))?;
    io("rewind", both.rewind())?;
    let mut text = String::new();
    io("read", both.read_to_string(&mut text))?;
    check(text == "xyz", &format!("it holds {text:?}"))?;
    refused("write a directory", File::create(place.at("")), ErrorKind::IsADirectory)?;
    refused("a file as directory", File::open(path.join("b")), ErrorKind::NotADirectory)
}

/// What is set through the C library is seen through std, whose own way to set them is not made
/// for this target.
fn times() -> Verdict {
    let place = Place::new("times")?;
    let path = place.at("a");
    let file = io("create", File::create(&path))?;
    let set = |accessed: (i64, i64), modified: (i64, i64)| {
        let times =
            [accessed, modified].map(|(tv_sec, tv_nsec)| libc::timespec { tv_sec, tv_nsec });
        // SAFETY: a descriptor and two times.
        if unsafe { libc::futimens(file.as_raw_fd(), times.as_ptr()) } == 0 {
            return Ok(());
        }
        Err(std::io::Error::last_os_error())
    };
    let seen = || {
        let seen = io("metadata", fs::metadata(&path))?;
        Ok::<_, String>((io("accessed", seen.accessed())?, io("modified", seen.modified())?))
    };
    let at = |seconds, nanoseconds| SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    let start = SystemTime::now();
    io("set", set((1_500_000_000, 0), (1_000_000_000, 123_456_789)))?;
    let expected = (at(1_500_000_000, 0), at(1_000_000_000, 123_456_789));
    check(seen()? == expected, "other times were kept")?;
    io("set", set((0, libc::UTIME_OMIT), (0, libc::UTIME_NOW)))?;
    let (accessed, modified) = seen()?;
    check(accessed == expected.0, "the time of access was changed too")?;
    check(modified >= start && modified <= SystemTime::now(), "the present is another time")?;
    refused("a time that cannot be", set((0, 0), (0, 2_000_000_000)), ErrorKind::InvalidInput)?;
    io("write", fs::write(&path, "x"))?;
    check(seen()?.1 >= modified, "writing made it older")?;
    let unsupported = file.set_modified(start);
    refused("std's own way", unsupported, ErrorKind::Unsupported)
}

fn remove_tree() -> Verdict {
    let place = Place::new("tree")?;
    let (tree, beside) = (place.at("tree"), place.at("beside"));
    io("create", fs::create_dir_all(tree.join("a/b/c")))?;
    io("create", fs::create_dir(&beside))?;
    io("write", fs::write(beside.join("kept"), "x"))?;
    io("write", fs::write(tree.join("a/b/file"), "x"))?;
    io("link", symlink(&beside, tree.join("a/link")))?;
    io("link", symlink("nowhere", tree.join("dangling")))?;
    refused(
        "remove a link as directory",
        fs::remove_dir(tree.join("a/link")),
        ErrorKind::NotADirectory,
    )?;
    io("remove", fs::remove_dir_all(&tree))?;
    check(!tree.exists() && beside.join("kept").exists(), "too little or too much is gone")?;
    refused("remove again", fs::remove_dir_all(&tree), ErrorKind::NotFound)?;
    io("link", symlink(&beside, place.at("link")))?;
    io("remove the link", fs::remove_dir_all(place.at("link")))?;
    check(beside.join("kept").exists(), "the link was followed")
}

fn renames() -> Verdict {
    let place = Place::new("renames")?;
    let (a, b) = (place.at("a"), place.at("b"));
    io("write", fs::write(&a, "new"))?;
    io("write", fs::write(&b, "old"))?;
    let mut held = io("open", File::open(&b))?;
    io("rename", fs::rename(&a, &b))?;
    check(io("read", fs::read(&b))? == b"new" && !a.exists(), "the name means something else")?;
    let mut text = String::new();
    io("read what was replaced", held.read_to_string(&mut text))?;
    check(text == "old", "an open file changed with its name")?;
    io("create", fs::create_dir_all(place.at("d/e")))?;
    io("create", fs::create_dir(place.at("empty")))?;
    let inside = fs::rename(place.at("d"), place.at("d/e/f"));
    refused("a directory into itself", inside, ErrorKind::InvalidInput)?;
    let full = fs::rename(place.at("empty"), place.at("d"));
    refused("over a full directory", full, ErrorKind::DirectoryNotEmpty)?;
    refused("a file over a directory", fs::rename(&b, place.at("d")), ErrorKind::IsADirectory)?;
    refused("a directory over a file", fs::rename(place.at("d"), &b), ErrorKind::NotADirectory)?;
    io("rename a directory", fs::rename(place.at("d"), place.at("empty")))?;
    check(place.at("empty/e").is_dir(), "what was in it is elsewhere")
}

fn growing() -> Verdict {
    let place = Place::new("growing")?;
    let path = place.at("a");
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
    let mut file = io("open", open)?;
    io("write", file.write_all(b"start"))?;
    io("grow", file.set_len(100_000))?;
    check(io("seek", file.seek(SeekFrom::Start(150_000)))? == 150_000, "it stands elsewhere")?;
    io("write", file.write_all(b"end"))?;
    check(io("metadata", file.metadata())?.len() == 150_003, "another length")?;
    let whole = io("read", fs::read(&path))?;
    let middle = whole.get(5..150_000).unwrap_or_default();
    check(whole.starts_with(b"start") && whole.ends_with(b"end"), "the ends changed")?;
    check(middle.len() == 149_995 && middle.iter().all(|byte| *byte == 0), "no zeroes between")?;
    io("shrink", file.set_len(3))?;
    io("grow again", file.set_len(5))?;
    check(io("read", fs::read(&path))? == b"sta\0\0", "what was cut off came back")?;
    refused(
        "seek before the start",
        file.seek(SeekFrom::Start(0)).and_then(|_| file.seek(SeekFrom::Current(-1))),
        ErrorKind::InvalidInput,
    )
}

fn entries() -> Verdict {
    let place = Place::new("entries")?;
    io("create", fs::create_dir(place.at("directory")))?;
    io("write", fs::write(place.at("file"), "12345"))?;
    io("link", symlink("file", place.at("link")))?;
    let mut seen = Vec::new();
    for entry in io("list", fs::read_dir(place.at("")))? {
        let entry = io("entry", entry)?;
        let (kind, meta) = (io("type", entry.file_type())?, io("metadata", entry.metadata())?);
        check(kind == meta.file_type(), "the list and the file disagree on its kind")?;
        let number = io("stat", fs::symlink_metadata(entry.path()))?.ino();
        check(meta.ino() == number, "the list and the file disagree on its number")?;
        let kind = (kind.is_dir(), kind.is_file(), kind.is_symlink());
        seen.push((entry.file_name().into_string().unwrap_or_default(), kind, meta.len()));
    }
    seen.sort();
    let names: Vec<_> = seen.iter().map(|entry| (entry.0.as_str(), entry.1)).collect();
    let expected = [
        ("directory", (true, false, false)),
        ("file", (false, true, false)),
        ("link", (false, false, true)),
    ];
    check(names == expected, &format!("it holds {seen:?}"))?;
    check(seen.get(1).is_some_and(|entry| entry.2 == 5), "the file has another length")?;
    refused("list a file", fs::read_dir(place.at("file")), ErrorKind::NotADirectory)?;
    refused("list nothing", fs::read_dir(place.at("nothing")), ErrorKind::NotFound)
}

fn impossible_paths() -> Verdict {
    let place = Place::new("paths")?;
    refused("a NUL", File::open(place.at("a\0b")), ErrorKind::InvalidInput)?;
    refused("no path", File::open(""), ErrorKind::NotFound)?;
    refused("a long name", File::create(place.at(&"n".repeat(300))), ErrorKind::InvalidFilename)?;
    let deep = "d/".repeat(3000);
    refused("a long path", File::open(place.at(&deep)), ErrorKind::InvalidFilename)?;
    io("link", symlink("two", place.at("one")))?;
    io("link", symlink("one", place.at("two")))?;
    let lost = fs::canonicalize(place.at("one")).err().and_then(|error| error.raw_os_error());
    check(lost == Some(libc::ELOOP), &format!("links in a circle gave {lost:?}"))?;
    check(!Path::new(&place.at("one")).exists(), "a circle exists")
}

fn buffered() -> Verdict {
    let place = Place::new("buffered")?;
    let path = place.at("lines");
    let mut writer = BufWriter::new(io("create", File::create(&path))?);
    for number in 0..2000 {
        io("write", writeln!(writer, "line {number}"))?;
    }
    io("flush", writer.flush())?;
    let reader = BufReader::new(io("open", File::open(&path))?);
    for (number, line) in reader.lines().enumerate() {
        let line = io("read", line)?;
        check(line == format!("line {number}"), &format!("line {number} is {line:?}"))?;
    }
    io("write", fs::write(&path, b"\xFF\xFE"))?;
    refused("bytes as text", fs::read_to_string(&path), ErrorKind::InvalidData)
}

/// `cmp` is silent when its output is `/dev/null`, and others look whether input and output are one.
fn apart() -> Verdict {
    let place = Place::new("apart")?;
    let (one, two) = (place.at("one"), place.at("two"));
    io("write", fs::write(&one, "1"))?;
    io("write", fs::write(&two, "2"))?;
    let (reader, _writer) = io("pipe", std::io::pipe())?;
    let pipe = File::from(std::os::fd::OwnedFd::from(reader));
    let mut known = vec![("a pipe".to_owned(), io("fstat", pipe.metadata())?)];
    let others =
        ["/dev/null", "/dev/zero", "/dev/urandom", "/scheme/initfs/etc/motd", "/scheme/sys/uptime"];
    for path in others.iter().map(Path::new).chain([one.as_ref(), two.as_ref()]) {
        let found = io("metadata", fs::metadata(path))?;
        let again = io("open", File::open(path).and_then(|file| file.metadata()))?;
        let same = (again.dev(), again.ino()) == (found.dev(), found.ino());
        check(same, &format!("{} is not itself", path.display()))?;
        known.push((path.display().to_string(), found));
    }
    for (index, (name, data)) in known.iter().enumerate() {
        for (other, those) in known.iter().skip(index + 1) {
            let same = (data.dev(), data.ino()) == (those.dev(), those.ino());
            check(!same, &format!("{name} and {other} look like one file"))?;
        }
    }
    Ok(())
}

fn own_descriptors() -> Verdict {
    let (mut reader, writer) = io("pipe", std::io::pipe())?;
    let named = format!("/dev/fd/{}", writer.as_raw_fd());
    let mut again = io("open", OpenOptions::new().write(true).open(&named))?;
    check(again.as_raw_fd() != writer.as_raw_fd(), "it is the same descriptor")?;
    drop(writer);
    io("write", again.write_all(b"by name"))?;
    drop(again);
    let mut text = String::new();
    io("read", reader.read_to_string(&mut text))?;
    check(text == "by name", &text)?;
    check(File::open("/dev/fd/60000").is_err(), "a descriptor that nobody has was opened")?;
    let output = io("stat", fs::metadata("/dev/stdout"))?;
    let own = io("dup", std::io::stdout().as_fd().try_clone_to_owned())?;
    let own = io("fstat", File::from(own).metadata())?;
    check(output.mode() == own.mode() && output.ino() == own.ino(), "stdout is another")
}
