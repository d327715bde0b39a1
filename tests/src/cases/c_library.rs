//! The C library as crates call it: what it answers, and what it says to arguments that cannot be.
use super::place::Place;
use super::support::check;
use crate::run::{Case, Verdict};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io::Error;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;

pub(crate) const CASES: &[Case] = &[
    Case { name: "c_numbers_say_where_they_end_and_what_does_not_fit", run: numbers },
    Case { name: "c_dates_are_those_of_the_clock", run: dates },
    Case { name: "c_makes_files_under_fresh_names", run: temporary },
    Case { name: "c_finds_users_in_the_files_of_the_namespace", run: users },
    Case { name: "c_locks_of_files_exclude_each_other", run: locks },
    Case { name: "c_reads_and_writes_scattered_and_at_offsets", run: scattered },
    Case { name: "c_tells_the_access_mode_of_each_end_of_a_pipe", run: access_modes },
    Case { name: "c_maps_files_that_end_before_the_range_does", run: past_the_end },
    Case { name: "c_answers_null_and_nonsense_with_errors", run: nonsense },
    Case { name: "c_names_addresses_by_their_numbers", run: addresses },
];

/// The error number of a call that must have failed.
fn errno(what: &str, result: impl Into<i64>) -> Result<i32, String> {
    let result = result.into();
    check(result == -1, &format!("{what} answered {result}"))?;
    Ok(Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// A call must fail with that error.
fn fails(what: &str, result: impl Into<i64>, expected: i32) -> Verdict {
    let found = errno(what, result)?;
    check(found == expected, &format!("{what} failed with {found} instead of {expected}"))
}

/// A call must succeed.
fn works(what: &str, result: impl Into<i64>) -> Result<i64, String> {
    let result = result.into();
    check(result >= 0, &format!("{what}: {}", Error::last_os_error()))?;
    Ok(result)
}

fn numbers() -> Verdict {
    let text = c"  0x7Fz";
    let mut end = ptr::null_mut();
    // SAFETY: a C string and a place for its end.
    let value = unsafe { libc::strtol(text.as_ptr(), &raw mut end, 0) };
    check((value, end as usize - text.as_ptr() as usize) == (127, 6), &format!("it read {value}"))?;
    // SAFETY: a C string.
    let most = unsafe { libc::strtoul(c"99999999999999999999".as_ptr(), ptr::null_mut(), 10) };
    let error = Error::last_os_error().raw_os_error();
    check((most, error) == (u64::MAX, Some(libc::ERANGE)), &format!("{most} and {error:?}"))?;
    // SAFETY: a C string.
    let real = unsafe { libc::strtod(c"-1.25e2".as_ptr(), ptr::null_mut()) };
    check(real == -125.0, &format!("it read {real}"))?;
    unsafe extern "C" fn order(a: *const c_void, b: *const c_void) -> c_int {
        // SAFETY: the array below is of numbers.
        let (a, b) = (unsafe { *a.cast::<u64>() }, unsafe { *b.cast::<u64>() });
        a.cmp(&b) as c_int
    }
    let mut array: Vec<u64> = (0..1000).map(|n| n * 7919 % 1000).collect();
    // SAFETY: an array of a thousand numbers of eight bytes.
    unsafe { libc::qsort(array.as_mut_ptr().cast(), 1000, 8, Some(order)) };
    check(array.is_sorted() && array.len() == 1000, "the array is not sorted")
}

fn dates() -> Verdict {
    // SAFETY: a date is integers and an address, which may be null.
    let mut date: libc::tm = unsafe { MaybeUninit::zeroed().assume_init() };
    let instant = 951_827_696;
    // SAFETY: both places are good.
    check(!unsafe { libc::gmtime_r(&instant, &mut date) }.is_null(), "there is no date")?;
    let mut text = [0u8; 64];
    let format = c"%Y-%m-%d %H:%M:%S %a %Z";
    // SAFETY: 64 bytes, a string, a date.
    let length = unsafe { libc::strftime(text.as_mut_ptr().cast(), 64, format.as_ptr(), &date) };
    let text = text.get(..length).and_then(|text| str::from_utf8(text).ok());
    check(text == Some("2000-02-29 12:34:56 Tue UTC"), &format!("it is {text:?}"))?;
    date.tm_mon += 12;
    // SAFETY: a date.
    let next = unsafe { libc::mktime(&mut date) };
    check(next == 951_827_696 + 366 * 86_400, &format!("a year later is {next}"))?;
    check((date.tm_mon, date.tm_mday) == (2, 1), "29 February was found in 2001")
}

fn temporary() -> Verdict {
    let place = Place::new("temporary")?;
    let template = |name: &str| {
        let path = place.at(name).into_os_string().into_encoded_bytes();
        CString::new(path).map(CString::into_raw).map_err(|error| error.to_string())
    };
    let (one, two, three) =
        (template("a-XXXXXX")?, template("b-XXXXXX.txt")?, template("c-XXXXXX")?);
    // SAFETY: writable strings, given back below.
    let file = works("mkstemp", unsafe { libc::mkstemp(one) })?;
    // SAFETY: as above.
    let other = works("mkostemps", unsafe { libc::mkostemps(two, 4, libc::O_CLOEXEC) })?;
    // SAFETY: as above.
    check(!unsafe { libc::mkdtemp(three) }.is_null(), "mkdtemp failed")?;
    // SAFETY: a descriptor of ours and three bytes.
    works("write", unsafe { libc::write(file as c_int, c"abc".as_ptr().cast(), 3) } as i64)?;
    for descriptor in [file, other] {
        // SAFETY: ours, closed once.
        works("close", unsafe { libc::close(descriptor as c_int) })?;
    }
    // SAFETY: made by `into_raw` above.
    let names = [one, two, three].map(|name| unsafe { CString::from_raw(name) });
    let [one, two, three] = names.map(|name| name.to_string_lossy().into_owned());
    check(std::fs::read(&one).is_ok_and(|text| text == b"abc"), "the file is not there")?;
    check(two.ends_with(".txt") && !two.contains("XXXXXX"), &format!("it is called {two}"))?;
    check(std::fs::metadata(&three).is_ok_and(|meta| meta.is_dir()), "there is no directory")?;
    let mut short = *b"XXXXX\0";
    // SAFETY: a writable string.
    fails("a short template", unsafe { libc::mkstemp(short.as_mut_ptr().cast()) }, libc::EINVAL)
}

fn users() -> Verdict {
    let user = |name: &CStr| {
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let (mut buffer, mut found) = ([0 as c_char; 256], ptr::null_mut());
        // SAFETY: a string, an entry, a buffer of that size, an address.
        let answer = unsafe {
            libc::getpwnam_r(
                name.as_ptr(),
                entry.as_mut_ptr(),
                buffer.as_mut_ptr(),
                256,
                &mut found,
            )
        };
        if answer != 0 || found.is_null() {
            return (answer, None);
        }
        // SAFETY: an entry was found, and written there.
        let entry = unsafe { entry.assume_init() };
        // SAFETY: strings in the buffer.
        let texts = [entry.pw_name, entry.pw_dir].map(|text| unsafe { CStr::from_ptr(text) });
        (0, Some((entry.pw_uid, texts.map(|text| text.to_string_lossy().into_owned()))))
    };
    let etc = std::path::Path::new("/etc");
    let made = std::fs::create_dir(etc).is_ok();
    let before = user(c"case-ada");
    let lines = "# people\ncase-ada:x:4711:100:Ada:/home/ada:/bin/sh\nbroken\n";
    std::fs::write("/etc/passwd", lines).map_err(|error| error.to_string())?;
    let after = user(c"case-ada");
    // SAFETY: looking a number up takes nothing.
    let missing = unsafe { libc::getpwuid(4712) };
    _ = std::fs::remove_file("/etc/passwd");
    if made {
        _ = std::fs::remove_dir(etc);
    }
    check(before == (0, None), &format!("without a file: {before:?}"))?;
    let expected = (4711, ["case-ada".to_owned(), "/home/ada".to_owned()]);
    check(after == (0, Some(expected)), &format!("with a file: {after:?}"))?;
    check(missing.is_null(), "a user was found that nobody wrote down")
}

fn locks() -> Verdict {
    let place = Place::new("locks")?;
    let options = std::fs::File::options().read(true).append(true).create(true).clone();
    let open = || options.open(place.at("a"));
    let (one, two) = (open().map_err(|e| e.to_string())?, open().map_err(|e| e.to_string())?);
    // SAFETY: a descriptor and flags.
    let flock = |file: &std::fs::File, how| unsafe { libc::flock(file.as_raw_fd(), how) };
    works("share", flock(&one, libc::LOCK_SH))?;
    works("share too", flock(&two, libc::LOCK_SH | libc::LOCK_NB))?;
    fails("take alone", flock(&two, libc::LOCK_EX | libc::LOCK_NB), libc::EWOULDBLOCK)?;
    works("let go", flock(&one, libc::LOCK_UN))?;
    works("take alone", flock(&two, libc::LOCK_EX | libc::LOCK_NB))?;
    let waiter = std::thread::spawn(move || {
        // SAFETY: a descriptor and flags.
        let taken = unsafe { libc::flock(one.as_raw_fd(), libc::LOCK_EX) };
        (one, taken)
    });
    std::thread::sleep(std::time::Duration::from_millis(20));
    check(!waiter.is_finished(), "a lock was taken that another holds")?;
    // Its close ends the lock.
    drop(two);
    let (one, taken) = waiter.join().map_err(|_| "the waiter failed")?;
    works("wait", taken)?;
    // SAFETY: a descriptor and numbers.
    let lockf = |how, length| unsafe { libc::lockf(one.as_raw_fd(), how, length) };
    works("let go", flock(&one, libc::LOCK_UN))?;
    works("lock bytes", lockf(libc::F_TLOCK, 10))?;
    works("ask for own", lockf(libc::F_TEST, 5))?;
    let other = open().map_err(|error| error.to_string())?;
    fails("all of it", flock(&other, libc::LOCK_SH | libc::LOCK_NB), libc::EWOULDBLOCK)?;
    works("unlock bytes", lockf(libc::F_ULOCK, 0))?;
    works("all of it", flock(&other, libc::LOCK_SH | libc::LOCK_NB))?;
    let path = place.at("a").into_os_string().into_encoded_bytes();
    let path = CString::new(path).map_err(|error| error.to_string())?;
    let alone = libc::O_RDONLY | libc::O_EXLOCK | libc::O_NONBLOCK;
    // SAFETY: a path and flags.
    fails("open alone", unsafe { libc::open(path.as_ptr(), alone) }, libc::EWOULDBLOCK)?;
    works("let go", flock(&other, libc::LOCK_UN))
        .and_then(|_| fails("nonsense", flock(&other, 64), libc::EINVAL))
}

fn scattered() -> Verdict {
    let place = Place::new("scattered")?;
    let options = std::fs::File::options().read(true).write(true).create_new(true).clone();
    let file = options.open(place.at("a")).map_err(|error| error.to_string())?;
    let fd = file.as_raw_fd();
    let mut parts = [*b"one ", *b"two ", *b"tri "];
    let list = parts
        .each_mut()
        .map(|part| libc::iovec { iov_base: part.as_mut_ptr().cast(), iov_len: part.len() });
    // SAFETY: three buffers of four bytes.
    check(unsafe { libc::writev(fd, list.as_ptr(), 3) } == 12, "writev wrote less")?;
    // SAFETY: two of them.
    check(unsafe { libc::preadv(fd, list.as_ptr(), 2, 4) } == 8, "preadv read less")?;
    check(parts == [*b"two ", *b"tri ", *b"tri "], &format!("preadv read {parts:?}"))?;
    // SAFETY: four bytes.
    works("pwrite", unsafe { libc::pwrite(fd, c"ONE ".as_ptr().cast(), 4, 0) } as i64)?;
    let text = std::fs::read(place.at("a")).map_err(|error| error.to_string())?;
    check(text == b"ONE two tri ", "pwrite wrote elsewhere")?;
    // SAFETY: numbers.
    let copy = works("duplicate", unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 77) })?;
    // SAFETY: a descriptor and a command.
    let flags = unsafe { libc::fcntl(copy as c_int, libc::F_GETFD) };
    check((copy, flags) == (77, libc::FD_CLOEXEC), &format!("the copy is {copy} with {flags}"))?;
    // SAFETY: ours, closed once.
    works("close", unsafe { libc::close(77) })?;
    // SAFETY: a descriptor that was just closed.
    fails("use it", unsafe { libc::fcntl(77, libc::F_GETFD) }, libc::EBADF)?;
    // SAFETY: numbers.
    let same = unsafe { libc::dup2(fd, fd) };
    check(same == fd, &format!("onto itself it is {same}"))
}

fn access_modes() -> Verdict {
    let (reader, writer) = std::io::pipe().map_err(|error| error.to_string())?;
    let flags = libc::O_NONBLOCK | libc::O_ACCMODE;
    let wanted = [
        ("the read end", reader.as_raw_fd(), libc::O_RDONLY),
        ("the write end", writer.as_raw_fd(), libc::O_WRONLY),
    ];
    for (what, descriptor, mode) in wanted {
        // SAFETY: an open descriptor.
        let told = works(what, unsafe { libc::fcntl(descriptor, libc::F_GETFL) })? as c_int;
        check(told & flags == mode, &format!("{what} has {told:#x}"))?;
        // As programs set a flag: what was told, and one more.
        // SAFETY: an open descriptor.
        works(what, unsafe { libc::fcntl(descriptor, libc::F_SETFL, told | libc::O_NONBLOCK) })?;
        // SAFETY: an open descriptor.
        let told = works(what, unsafe { libc::fcntl(descriptor, libc::F_GETFL) })? as c_int;
        check(told & flags == mode | libc::O_NONBLOCK, &format!("{what} then has {told:#x}"))?;
    }
    Ok(())
}

fn past_the_end() -> Verdict {
    const PAGE: usize = 4096;
    let place = Place::new("mapped")?;
    let map = |file: &std::fs::File, length: usize, offset: libc::off_t| {
        let (access, shared) = (libc::PROT_READ, libc::MAP_SHARED);
        let nowhere = ptr::null_mut();
        // SAFETY: a new mapping at a place that the system chooses.
        let base = unsafe { libc::mmap(nowhere, length, access, shared, file.as_raw_fd(), offset) };
        check(base != libc::MAP_FAILED, &format!("{length}: {}", Error::last_os_error()))?;
        Ok::<_, String>(base.cast::<u8>())
    };
    for (text, length, offset) in [
        ("", 1, 0),
        ("", 3 * PAGE, 0),
        ("words", 3 * PAGE, 0),
        ("words", PAGE, PAGE as libc::off_t),
    ] {
        let path = place.at("a");
        std::fs::write(&path, text).map_err(|error| error.to_string())?;
        let file = std::fs::File::open(&path).map_err(|error| error.to_string())?;
        let base = map(&file, length, offset)?;
        let there = if offset == 0 { text.len().next_multiple_of(PAGE) } else { 0 };
        if there > 0 {
            // SAFETY: the file's own page, mapped above.
            let found = unsafe { std::slice::from_raw_parts(base, text.len()) };
            check(found == text.as_bytes(), &format!("it found {found:?}"))?;
        }
        if there < length {
            // SAFETY: no other thread; the child touches one byte and ends.
            let child = works("fork", unsafe { libc::fork() })? as libc::pid_t;
            if child == 0 {
                // SAFETY: a place of the mapping above; what happens is what is tried.
                let byte = unsafe { base.wrapping_add(there).read_volatile() };
                // SAFETY: the end of the child.
                unsafe { libc::_exit(c_int::from(byte)) }
            }
            let mut status = 0;
            // SAFETY: a child of this process and a place for its status.
            works("wait", unsafe { libc::waitpid(child, &raw mut status, 0) })?;
            let faulted = libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSEGV;
            check(faulted, &format!("behind the end of {text:?}: status {status:#x}"))?;
        }
        // SAFETY: nothing refers to the mapping any more.
        works("unmap", unsafe { libc::munmap(base.cast(), length) })?;
    }
    Ok(())
}

fn nonsense() -> Verdict {
    let place = Place::new("nonsense")?;
    let file = std::fs::File::create(place.at("a")).map_err(|error| error.to_string())?;
    let (fd, nowhere) = (file.as_raw_fd(), ptr::null_mut::<c_void>());
    let wild = ptr::without_provenance_mut::<c_void>(0x1000);
    /// Makes a call that must fail.
    macro_rules! tried {
        ($what:literal, $call:expr, $errno:expr) => {
            // SAFETY: the call may not touch what is not there: that is what is tried.
            fails($what, unsafe { $call }, $errno)?
        };
    }
    tried!("write null", libc::write(fd, nowhere, 5) as i64, libc::EFAULT);
    tried!(
        "write nothing from a descriptor that is none",
        libc::write(-1, nowhere, 0) as i64,
        libc::EBADF
    );
    tried!("write from nowhere", libc::write(fd, wild, 5) as i64, libc::EFAULT);
    tried!("write without end", libc::write(fd, wild, usize::MAX) as i64, libc::EFAULT);
    tried!("stat null", libc::stat(c"/".as_ptr(), ptr::null_mut()), libc::EFAULT);
    tried!("open null", libc::open(ptr::null(), libc::O_RDONLY), libc::EFAULT);
    tried!("no descriptor", libc::fsync(9999), libc::EBADF);
    tried!("many buffers", libc::readv(fd, ptr::null(), 100_000) as i64, libc::EINVAL);
    tried!("a negative offset", libc::pread(fd, nowhere, 0, -1) as i64, libc::EINVAL);
    tried!("a negative length", libc::ftruncate(fd, -1), libc::EINVAL);
    tried!("poll null", libc::poll(ptr::null_mut(), 3, 0), libc::EFAULT);
    tried!(
        "select too many",
        libc::select(5000, ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut()),
        libc::EINVAL
    );
    tried!("an unknown clock", libc::clock_gettime(77, ptr::null_mut()), libc::EINVAL);
    tried!(
        "a clock to nowhere",
        libc::clock_gettime(libc::CLOCK_MONOTONIC, ptr::null_mut()),
        libc::EFAULT
    );
    let (old, new) = (place.at("a"), place.at("b"));
    let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(|e| e.to_string());
    let (from, to, no_replace) = (text(&old)?, text(&new)?, 1);
    tried!(
        "a rename that must not replace",
        libc::renameat2(libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), no_replace),
        libc::EINVAL
    );
    check(
        std::fs::exists(&old).is_ok_and(|is| is) && !std::fs::exists(&new).is_ok_and(|is| is),
        "it renamed all the same",
    )?;
    tried!("an empty name", libc::setenv(c"".as_ptr(), c"x".as_ptr(), 1), libc::EINVAL);
    tried!("a name with =", libc::setenv(c"a=b".as_ptr(), c"x".as_ptr(), 1), libc::EINVAL);
    tried!("wait forever wrongly", libc::epoll_wait(fd, nowhere.cast(), 1, 0), libc::EINVAL);
    tried!("seek oddly", libc::lseek(fd, 0, 99), libc::EINVAL);
    tried!("a terminal that is none", libc::isatty(fd) - 1, libc::ENOTTY);
    tried!("random bytes to nowhere", libc::getrandom(nowhere, 8, 0) as i64, libc::EFAULT);
    // SAFETY: a string; null asks for memory, of which none is needed.
    let path = unsafe { libc::realpath(c"/no/such".as_ptr(), ptr::null_mut()) };
    check(path.is_null(), "it has a path")?;
    drop(place);
    Ok(())
}

fn addresses() -> Verdict {
    let mut list = ptr::null_mut();
    // SAFETY: a list of integers and addresses, all of which may be zero.
    let mut hints: libc::addrinfo = unsafe { MaybeUninit::zeroed().assume_init() };
    hints.ai_socktype = libc::SOCK_STREAM;
    // SAFETY: strings, hints and a place for the list.
    let found = unsafe { libc::getaddrinfo(c"::1".as_ptr(), c"443".as_ptr(), &hints, &mut list) };
    check(found == 0 && !list.is_null(), &format!("getaddrinfo answered {found}"))?;
    // SAFETY: it just answered this entry.
    let entry = unsafe { &*list };
    let (mut host, mut port) = ([0 as c_char; 64], [0 as c_char; 8]);
    let length = entry.ai_addrlen as libc::socklen_t;
    // SAFETY: the address of the entry, and two buffers of those sizes.
    let named = unsafe {
        libc::getnameinfo(entry.ai_addr, length, host.as_mut_ptr(), 64, port.as_mut_ptr(), 8, 0)
    };
    let alone = entry.ai_next.is_null();
    // SAFETY: the list is not used again.
    unsafe { libc::freeaddrinfo(list) };
    // SAFETY: strings that getnameinfo wrote, or empty ones.
    let texts = [host.as_ptr(), port.as_ptr()].map(|text| unsafe { CStr::from_ptr(text) });
    check(named == 0 && texts == [c"::1", c"443"], &format!("{named}, {texts:?}"))?;
    check(alone, "one kind of socket gave several entries")?;
    // SAFETY: as above.
    let name = unsafe { libc::getaddrinfo(c"a.example".as_ptr(), ptr::null(), &hints, &mut list) };
    check(name == libc::EAI_NONAME, &format!("a name gave {name}"))?;
    // SAFETY: as above.
    let service = unsafe { libc::getaddrinfo(ptr::null(), c"http".as_ptr(), &hints, &mut list) };
    check(service == libc::EAI_SERVICE, &format!("a service gave {service}"))
}
