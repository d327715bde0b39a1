//! Streams of C, as crates use them.
use super::place::{Place, io};
use super::support::check;
use crate::run::{Case, PROGRAM, Verdict};
use libc::FILE;
use std::ffi::{CStr, CString, c_char, c_int};
use std::fs;
use std::io::{Error, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::ptr;

pub(crate) const CASES: &[Case] = &[
    Case { name: "c_streams_write_read_and_move", run: file },
    Case { name: "c_streams_write_when_their_buffering_says", run: buffering },
    Case { name: "c_streams_are_written_when_the_process_ends", run: end },
    Case { name: "c_streams_write_what_asks_before_they_read", run: prompt },
    Case { name: "c_streams_can_be_memory", run: memory },
    Case { name: "c_streams_can_be_commands", run: commands },
    Case { name: "c_streams_are_shared_by_threads", run: threads },
    Case { name: "c_streams_say_what_went_wrong", run: errors },
    Case { name: "c_streams_get_another_file", run: reopened },
    Case { name: "c_streams_without_a_name_go_away", run: nameless },
    Case { name: "c_logs_lines", run: logged },
];

unsafe extern "C" {
    fn popen(command: *const c_char, mode: *const c_char) -> *mut FILE;
    fn flockfile(file: *mut FILE);
    fn funlockfile(file: *mut FILE);
    fn ftrylockfile(file: *mut FILE) -> c_int;
    fn fputws(text: *const c_int, file: *mut FILE) -> c_int;
    static stdin: *mut FILE;
    static stdout: *mut FILE;
}

fn error() -> Option<i32> {
    Error::last_os_error().raw_os_error()
}

fn string(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap_or_default()
}

/// An open stream, closed by [`Open::close`] or the end of the case.
struct Open(*mut FILE);

impl Open {
    fn path(path: &Path, mode: &CStr) -> Result<Open, String> {
        let path = string(path);
        // SAFETY: two strings.
        Open::of("fopen", unsafe { libc::fopen(path.as_ptr(), mode.as_ptr()) })
    }

    fn of(what: &str, file: *mut FILE) -> Result<Open, String> {
        check(!file.is_null(), &format!("{what}: {}", Error::last_os_error()))?;
        Ok(Open(file))
    }

    fn put(&self, text: &CStr) -> Verdict {
        // SAFETY: a string, and a stream that is open.
        let put = unsafe { libc::fputs(text.as_ptr(), self.0) };
        check(put == 0, &format!("fputs: {}", Error::last_os_error()))
    }

    fn line(&self) -> Option<String> {
        let mut room = [0u8; 64];
        // SAFETY: so much room, and a stream that is open.
        let line = unsafe { libc::fgets(room.as_mut_ptr().cast(), 64, self.0) };
        (!line.is_null()).then(|| {
            let text = CStr::from_bytes_until_nul(&room).unwrap_or_default();
            text.to_string_lossy().into_owned()
        })
    }

    fn seek(&self, offset: i64, whence: c_int) -> Verdict {
        // SAFETY: a stream that is open.
        let moved = unsafe { libc::fseek(self.0, offset, whence) };
        check(moved == 0, &format!("fseek: {}", Error::last_os_error()))
    }

    fn tell(&self) -> i64 {
        // SAFETY: a stream that is open.
        unsafe { libc::ftell(self.0) }
    }

    fn get(&self) -> c_int {
        // SAFETY: a stream that is open.
        unsafe { libc::fgetc(self.0) }
    }

    /// Whether it ended, and whether there was an error.
    fn marks(&self) -> (bool, bool) {
        // SAFETY: a stream that is open.
        let (ended, failed) = (unsafe { libc::feof(self.0) }, unsafe { libc::ferror(self.0) });
        (ended != 0, failed != 0)
    }

    fn close(self) -> c_int {
        let file = self.0;
        std::mem::forget(self);
        // SAFETY: open, and nobody else's.
        unsafe { libc::fclose(file) }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: open, and nobody else's.
        unsafe { libc::fclose(self.0) };
    }
}

fn file() -> Verdict {
    let place = Place::new("streams")?;
    let path = place.at("file");
    let open = Open::path(&path, c"w+")?;
    // SAFETY: a stream, a format, and what it asks for.
    let count = unsafe { libc::fprintf(open.0, c"%s %d\n".as_ptr(), c"one".as_ptr(), 1) };
    check(count == 6, &format!("fprintf answered {count}"))?;
    open.put(c"two 2\n")?;
    // SAFETY: six elements of one byte.
    let count = unsafe { libc::fwrite(c"three\n".as_ptr().cast(), 2, 3, open.0) };
    check((count, open.tell()) == (3, 18), &format!("{count} elements, at {}", open.tell()))?;
    // What was put is read without a seek in between, from where it ends.
    check((open.get(), open.marks()) == (-1, (true, false)), "there is more than was written")?;
    open.seek(6, libc::SEEK_SET)?;
    check(!open.marks().0, "a seek left the mark of the end")?;
    check(open.line().as_deref() == Some("two 2\n"), "the second line is another")?;
    let mut mark = 0i64;
    // SAFETY: a place for a place, which is a number of 64 bits.
    let told = unsafe { libc::fgetpos(open.0, (&raw mut mark).cast()) };
    check((told, mark) == (0, 12), &format!("fgetpos: {told}, {mark}"))?;
    // SAFETY: a stream that is open.
    let given = unsafe { libc::ungetc(c_int::from(b'T'), open.0) };
    check((given, open.tell()) == (84, 11), &format!("ungetc: {given}, at {}", open.tell()))?;
    check(open.line().as_deref() == Some("Tthree\n"), "what was given back does not come first")?;
    check(open.line().is_none() && open.marks() == (true, false), "there is a fourth line")?;
    // SAFETY: the place that was told.
    let moved = unsafe { libc::fsetpos(open.0, (&raw const mark).cast()) };
    check((moved, open.get()) == (0, c_int::from(b't')), "fsetpos went elsewhere")?;
    // Reading, then writing, then reading, at one place.
    open.put(c"HR")?;
    check((open.get(), open.tell()) == (c_int::from(b'e'), 16), "it wrote elsewhere")?;
    check(open.close() == 0, "fclose failed")?;
    check(io("read", fs::read(&path))? == b"one 1\ntwo 2\ntHRee\n", "the file has something else")?;
    let open = Open::path(&path, c"a+")?;
    check(open.line().as_deref() == Some("one 1\n"), "a+ does not read from the start")?;
    open.put(c"four")?;
    check(open.tell() == 22, &format!("what was appended ends at {}", open.tell()))?;
    open.seek(-4, libc::SEEK_END)?;
    let mut line: *mut c_char = ptr::null_mut();
    let mut room = 0;
    // SAFETY: places for a block and its length; a stream.
    let count = unsafe { libc::getline(&raw mut line, &raw mut room, open.0) };
    // SAFETY: the block that was made.
    let last = unsafe { CStr::from_ptr(line) }.to_owned();
    // SAFETY: nobody else's.
    unsafe { libc::free(line.cast()) };
    check(count == 4 && last.as_c_str() == c"four" && room > 4, &format!("{count}: {last:?}"))?;
    // SAFETY: a stream that is open.
    unsafe { libc::rewind(open.0) };
    let (mut word, mut number) = ([0u8; 8], 0i32);
    // SAFETY: a stream, a format, and places of its kinds.
    let count =
        unsafe { libc::fscanf(open.0, c"%7s%d".as_ptr(), word.as_mut_ptr(), &raw mut number) };
    check((count, &word[..4], number) == (2, b"one\0", 1), &format!("fscanf: {count} {number}"))?;
    check(open.get() == c_int::from(b'\n'), "fscanf took more than it needed")
}

fn buffering() -> Verdict {
    let place = Place::new("buffers")?;
    let path = place.at("file");
    let there = || io("read", fs::read(&path));
    let open = Open::path(&path, c"w")?;
    open.put(c"line\n")?;
    check(there()?.is_empty(), "a full buffer wrote at once")?;
    // SAFETY: null means all streams.
    check(unsafe { libc::fflush(ptr::null_mut()) } == 0, "fflush failed")?;
    check(there()? == b"line\n", "fflush of all wrote nothing")?;
    // SAFETY: a stream that is open; the buffer is its own.
    let set = unsafe { libc::setvbuf(open.0, ptr::null_mut(), libc::_IOLBF, 0) };
    check(set == 0, "setvbuf failed")?;
    open.put(c"a\nb")?;
    check(there()? == b"line\na\n", "a line was not written when it ended")?;
    // SAFETY: as above.
    unsafe { libc::setbuf(open.0, ptr::null_mut()) };
    check(there()? == b"line\na\nb", "a change of buffers lost what waited")?;
    // SAFETY: a stream that is open.
    let put = unsafe { libc::fputc(c_int::from(b'c'), open.0) };
    check(put == 99 && there()? == b"line\na\nbc", "without a buffer it was not written at once")?;
    let mut memory = [0u8; 4];
    // SAFETY: memory that outlives the stream's use of it.
    let set = unsafe { libc::setvbuf(open.0, memory.as_mut_ptr().cast(), libc::_IOFBF, 4) };
    open.put(c"123")?;
    check(set == 0 && there()?.len() == 9, "a buffer of four bytes does not keep three")?;
    open.put(c"45")?;
    check(there()?.len() >= 13, "a buffer of four bytes keeps five")?;
    check(open.close() == 0 && there()? == b"line\na\nbc12345", "bytes were lost")
}

/// This program, doing something as a process of its own.
fn act(what: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--act", what]);
    command
}

/// What the children of these cases do.
pub(crate) fn in_child(what: &str) -> c_int {
    match what {
        "c-unwritten" => {
            let path = std::env::args_os().nth(3).unwrap_or_default();
            let Ok(open) = Open::path(Path::new(&path), c"w") else { return 1 };
            if open.put(c"in the file").is_err() {
                return 2;
            }
            // Neither is closed.
            std::mem::forget(open);
            // SAFETY: a format, and what it asks for.
            unsafe { libc::printf(c"in the %s".as_ptr(), c"pipe".as_ptr()) };
            0
        }
        "c-prompt" => {
            // SAFETY: the standard streams; what is asked for is there.
            unsafe {
                libc::setvbuf(stdout, ptr::null_mut(), libc::_IOLBF, 0);
            }
            // SAFETY: as above.
            unsafe { libc::setbuf(stdin, ptr::null_mut()) };
            // SAFETY: a format that asks for nothing.
            unsafe { libc::printf(c"two numbers? ".as_ptr()) };
            let (mut first, mut second) = (0i32, 0i32);
            // SAFETY: places for two numbers.
            let count = unsafe { libc::scanf(c"%d%d".as_ptr(), &raw mut first, &raw mut second) };
            // SAFETY: a format, and what it asks for.
            unsafe { libc::printf(c"%d: %d\n".as_ptr(), count, first + second) };
            0
        }
        _ => {
            let path = std::env::args_os().nth(3).unwrap_or_default();
            let path = string(Path::new(&path));
            // SAFETY: strings, and the standard output.
            let file = unsafe { libc::freopen(path.as_ptr(), c"w".as_ptr(), stdout) };
            // SAFETY: as above.
            let same = unsafe { ptr::eq(file, stdout) };
            // SAFETY: a string.
            unsafe { libc::puts(c"by C".as_ptr()) };
            // SAFETY: the standard output.
            let number = unsafe { libc::fileno(stdout) };
            // SAFETY: the stream was written, so what std writes comes behind it.
            unsafe { libc::fflush(stdout) };
            println!("by std");
            if same && number == 1 { 0 } else { 1 }
        }
    }
}

fn end() -> Verdict {
    let place = Place::new("unwritten")?;
    let path = place.at("file");
    let output = io("run", act("c-unwritten").arg(&path).output())?;
    check(output.status.success(), &format!("it ended with {}", output.status))?;
    check(output.stdout == b"in the pipe", &format!("it said {:?}", output.stdout))?;
    check(io("read", fs::read(&path))? == b"in the file", "the file was not written")
}

fn prompt() -> Verdict {
    let mut command = act("c-prompt");
    let mut child = io("run", command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn())?;
    let (Some(mut to), Some(mut from)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("there are no pipes".into());
    };
    let mut asked = [0; 13];
    // It would never come if it waited for the end of its line.
    io("the question", from.read_exact(&mut asked))?;
    check(asked == *b"two numbers? ", &format!("it asked {asked:?}"))?;
    io("answer", to.write_all(b"40\n 2\n"))?;
    let mut said = String::new();
    io("read", from.read_to_string(&mut said))?;
    check(said == "2: 42\n", &format!("it said {said:?}"))?;
    check(io("wait", child.wait())?.success(), "it failed")
}

fn memory() -> Verdict {
    let mut room = *b"12 apples##";
    // SAFETY: nine bytes that outlive the stream; a mode.
    let file = unsafe { libc::fmemopen(room.as_mut_ptr().cast(), 9, c"r+".as_ptr()) };
    let open = Open::of("fmemopen", file)?;
    let (mut number, mut word) = (0i32, [0u8; 8]);
    // SAFETY: a stream, a format, and places of its kinds.
    let count =
        unsafe { libc::fscanf(open.0, c"%d %7s".as_ptr(), &raw mut number, word.as_mut_ptr()) };
    check((count, number) == (2, 12) && word.starts_with(b"apples\0"), &format!("{count}"))?;
    open.seek(3, libc::SEEK_SET)?;
    open.put(c"peaches")?;
    // SAFETY: a stream that is open.
    let (written, problem) = (unsafe { libc::fflush(open.0) }, error());
    check((written, problem) == (-1, Some(libc::ENOSPC)), &format!("{written}: {problem:?}"))?;
    check(open.marks().1 && open.close() == -1, "more fits than there is")?;
    check(room == *b"12 peache##", &format!("{room:?}"))?;

    let (mut block, mut size): (*mut c_char, usize) = (ptr::null_mut(), 9);
    // SAFETY: two places that outlive the stream.
    let open =
        Open::of("open_memstream", unsafe { libc::open_memstream(&raw mut block, &raw mut size) })?;
    // SAFETY: a stream, a format, and what it asks for.
    unsafe { libc::fprintf(open.0, c"%5000d|".as_ptr(), 7) };
    // SAFETY: a stream that is open.
    unsafe { libc::fflush(open.0) };
    check(size == 5001, &format!("{size} bytes after a flush"))?;
    open.seek(0, libc::SEEK_SET)?;
    open.put(c"first")?;
    open.seek(0, libc::SEEK_END)?;
    check(open.close() == 0 && size == 5001, &format!("{size} bytes at the end"))?;
    // SAFETY: the block that the stream made.
    let text = unsafe { CStr::from_ptr(block) }.to_bytes();
    let right = text.len() == 5001 && text.starts_with(b"first  ") && text.ends_with(b" 7|");
    // SAFETY: nobody else's.
    unsafe { libc::free(block.cast()) };
    check(right, "the memory has something else")?;

    let (mut wide, mut size): (*mut c_int, usize) = (ptr::null_mut(), 9);
    // SAFETY: two places that outlive the stream.
    let open = Open::of("open_wmemstream", unsafe {
        libc::open_wmemstream(&raw mut wide, &raw mut size)
    })?;
    let text = [0x61, 0x20AC, 0x1F511, 0];
    // SAFETY: a wide string, a stream.
    let put = unsafe { fputws(text.as_ptr(), open.0) };
    check(put >= 0 && open.close() == 0 && size == 3, &format!("{put}: {size} characters"))?;
    // SAFETY: the block that the stream made, with its zero.
    let found = unsafe { std::slice::from_raw_parts(wide, 4) } == text;
    // SAFETY: nobody else's.
    unsafe { libc::free(wide.cast()) };
    check(found, "the characters are others")
}

fn commands() -> Verdict {
    let place = Place::new("piped")?;
    let path = place.at("file");
    let command = |text: String| CString::new(text).unwrap_or_default();
    // SAFETY: two strings.
    let from = Open::of("popen", unsafe { popen(c"echo one; exit 3".as_ptr(), c"r".as_ptr()) })?;
    let text = command(format!("cat > {}", path.display()));
    // SAFETY: two strings.
    let to = Open::of("popen", unsafe { popen(text.as_ptr(), c"w".as_ptr()) })?;
    check(from.line().as_deref() == Some("one\n"), "the command said something else")?;
    check(from.line().is_none(), "the command said more")?;
    to.put(c"for the command")?;
    let ended = |open: Open| {
        let file = open.0;
        std::mem::forget(open);
        // SAFETY: open, and nobody else's.
        unsafe { libc::pclose(file) }
    };
    // The second is not kept open by the first one's command, or this would wait for ever.
    let status = ended(to);
    check(status == 0, &format!("cat ended with {status:#x}"))?;
    let status = ended(from);
    check(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 3, &format!("{status:#x}"))?;
    check(io("read", fs::read(&path))? == b"for the command", "cat wrote something else")?;
    // SAFETY: two strings.
    let both = unsafe { popen(c"cat".as_ptr(), c"r+".as_ptr()) };
    check(both.is_null() && error() == Some(libc::EINVAL), "popen took a mode of both")?;
    let other = Open::path(&path, c"r")?;
    check((ended(other), error()) == (-1, Some(libc::ECHILD)), "pclose waited for a file")
}

fn threads() -> Verdict {
    const LINES: usize = 300;
    let place = Place::new("shared")?;
    let path = place.at("file");
    let open = Open::path(&path, c"w")?;
    let address = open.0.expose_provenance();
    let write = |name: c_int| {
        let file: *mut FILE = ptr::with_exposed_provenance_mut(address);
        for line in 0..LINES {
            // SAFETY: a stream that outlives the threads; formats, and what they ask for.
            unsafe { flockfile(file) };
            // SAFETY: as above. The lock is this thread's, which can take it again.
            unsafe { libc::fprintf(file, c"%d %d ".as_ptr(), name, line as c_int) };
            if line % 16 == 0 {
                std::thread::yield_now();
            }
            // SAFETY: as above.
            unsafe { libc::fputs(c"end\n".as_ptr(), file) };
            // SAFETY: taken above.
            unsafe { funlockfile(file) };
            // SAFETY: as above; one call is whole without a lock.
            unsafe { libc::fprintf(file, c"%d %d end\n".as_ptr(), name, line as c_int) };
        }
    };
    std::thread::scope(|scope| {
        (0..4).for_each(|name| {
            scope.spawn(move || write(name));
        });
    });
    // SAFETY: a stream that is open.
    unsafe { flockfile(open.0) };
    let other = std::thread::spawn(move || {
        // SAFETY: a stream that outlives the thread.
        unsafe { ftrylockfile(ptr::with_exposed_provenance_mut(address)) }
    });
    let busy = other.join().is_ok_and(|answer| answer != 0);
    // SAFETY: taken above.
    unsafe { funlockfile(open.0) };
    check(busy, "two threads have one lock")?;
    check(open.close() == 0, "fclose failed")?;
    let text = io("read", fs::read_to_string(&path))?;
    let mut next = [0; 4];
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, number, "end"] = words[..] else { return Err(format!("a line is {line:?}")) };
        let count = name.parse().ok().and_then(|name: usize| next.get_mut(name));
        let count = count.ok_or_else(|| format!("a line is {line:?}"))?;
        check(number.parse() == Ok(*count / 2), &format!("a line is {line:?}"))?;
        *count += 1;
    }
    check(next == [2 * LINES; 4], &format!("there are {next:?} lines"))
}

fn errors() -> Verdict {
    let place = Place::new("wrong")?;
    let path = place.at("file");
    io("write", fs::write(&path, "text"))?;
    let missing = string(&place.at("nothing"));
    let name = string(&path);
    let null = |what: &str, file: *mut FILE, expected: i32| {
        let found = error();
        check(file.is_null() && found == Some(expected), &format!("{what}: {found:?}"))
    };
    // SAFETY: strings.
    null("nothing", unsafe { libc::fopen(missing.as_ptr(), c"r".as_ptr()) }, libc::ENOENT)?;
    // SAFETY: strings.
    null("no mode", unsafe { libc::fopen(name.as_ptr(), c"q".as_ptr()) }, libc::EINVAL)?;
    // SAFETY: strings.
    null("wx", unsafe { libc::fopen(name.as_ptr(), c"wx".as_ptr()) }, libc::EEXIST)?;
    // SAFETY: a string, and no path.
    null("no path", unsafe { libc::fopen(ptr::null(), c"r".as_ptr()) }, libc::EFAULT)?;
    // SAFETY: a string.
    null("no descriptor", unsafe { libc::fdopen(987, c"r".as_ptr()) }, libc::EBADF)?;
    let read = Open::path(&path, c"r")?;
    // SAFETY: a stream that is open.
    let number = unsafe { libc::fileno(read.0) };
    // SAFETY: a string.
    null("a mode too many", unsafe { libc::fdopen(number, c"w".as_ptr()) }, libc::EINVAL)?;
    // SAFETY: a stream that is open.
    let put = unsafe { libc::fputc(c_int::from(b'x'), read.0) };
    check((put, error()) == (-1, Some(libc::EBADF)), &format!("fputc: {put}, {:?}", error()))?;
    check(read.marks() == (false, true), "the error left no mark")?;
    // SAFETY: a stream that is open.
    unsafe { libc::clearerr(read.0) };
    check(read.marks() == (false, false) && read.get() == 116, "the mark stayed")?;
    // SAFETY: as above.
    let moved = unsafe { libc::fseek(read.0, 0, 9) };
    check((moved, error()) == (-1, Some(libc::EINVAL)), "fseek took another whence")?;
    // Behind the stream's back.
    // SAFETY: the descriptor is closed twice, the second time by the stream, which says so.
    unsafe { libc::close(number) };
    check((read.close(), error()) == (-1, Some(libc::EBADF)), "fclose closed what was closed")?;
    let (from, to) = io("pipe", std::io::pipe())?;
    // SAFETY: it takes a number.
    let copy = unsafe { libc::dup(to.as_raw_fd()) };
    // SAFETY: a descriptor that is the stream's from then on, and a string.
    let pipe = Open::of("fdopen", unsafe { libc::fdopen(copy, c"w".as_ptr()) })?;
    check((pipe.tell(), error()) == (-1, Some(libc::ESPIPE)), "a pipe has places")?;
    // SAFETY: a null stream is one with which nothing can be done.
    let put = unsafe { libc::fputc(120, ptr::null_mut()) };
    check((put, error()) == (-1, Some(libc::EBADF)), "something was put nowhere")?;
    drop(from);
    Ok(())
}

fn reopened() -> Verdict {
    let place = Place::new("reopened")?;
    let path = place.at("file");
    let output = io("run", act("c-reopen").arg(&path).output())?;
    check(output.status.success(), &format!("it ended with {}", output.status))?;
    check(output.stdout.is_empty(), &format!("it said {:?}", output.stdout))?;
    check(io("read", fs::read(&path))? == b"by C\nby std\n", "the file has something else")
}

fn nameless() -> Verdict {
    let folder = Path::new("/tmp");
    let made = fs::create_dir(folder).is_ok();
    let before = io("list", fs::read_dir(folder))?.count();
    // SAFETY: it takes nothing.
    let open = Open::of("tmpfile", unsafe { libc::tmpfile() })?;
    open.put(c"until now")?;
    open.seek(-3, libc::SEEK_END)?;
    let line = open.line();
    let during = io("list", fs::read_dir(folder))?.count();
    drop(open);
    if made {
        io("remove", fs::remove_dir(folder))?;
    }
    check(line.as_deref() == Some("now"), &format!("it has {line:?}"))?;
    check(before == during, &format!("there were {before} names, and are {during}"))
}

fn logged() -> Verdict {
    let mark = format!("mark {} {}", std::process::id(), crate::run::now());
    let text = CString::new(mark.clone()).unwrap_or_default();
    // SAFETY: a string that stays, being a constant.
    unsafe { libc::openlog(c"some/words".as_ptr(), libc::LOG_PID, libc::LOG_USER) };
    // SAFETY: a format, and what it asks for.
    unsafe { libc::syslog(libc::LOG_WARNING, c"%s %d".as_ptr(), text.as_ptr(), 42) };
    // SAFETY: it takes a number.
    let before = unsafe { libc::setlogmask(1) };
    // SAFETY: as above.
    unsafe { libc::syslog(libc::LOG_WARNING, c"%s again".as_ptr(), text.as_ptr()) };
    // SAFETY: it takes a number.
    unsafe { libc::setlogmask(before) };
    // SAFETY: it takes nothing.
    unsafe { libc::closelog() };
    let log = io("open", fs::File::open("/scheme/log"))?;
    let mut bytes = Vec::new();
    let mut room = [0; 4096];
    let mut log = log;
    // The log never ends: what is there is read until the line came.
    let expected = format!("[{}] warning: {mark} 42", std::process::id());
    loop {
        let count = io("read", log.read(&mut room))?;
        bytes.extend_from_slice(&room[..count]);
        let text = String::from_utf8_lossy(&bytes);
        if count == 0 || text.contains(&expected) {
            check(text.contains(&expected), "the log lacks the line")?;
            check(text.contains("words"), "the log lacks the name")?;
            return check(!text.contains(&format!("{mark} again")), "a mask was not heeded");
        }
    }
}
