//! What a program does, with which promises it goes, and without which it does not.
use super::super::capsicum::open_at;
use super::super::contain::place;
use super::super::place::{Place, io};
use super::super::support::check;
use super::super::unix_sockets::{receive_files, send_files};
use super::super::unveil::{lock, unveil};
use clavis::abi::error::{ENOENT, ENOSYS};
use std::ffi::{CString, c_char, c_int, c_void};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::ptr;

/// What the acts are done with.
pub(super) struct Ground {
    place: Place,
    file: File,
    pub(super) directory: File,
    pub(super) pair: (UnixStream, UnixStream),
    listing: *mut libc::DIR,
    room: [u8; 256],
}

impl Ground {
    pub(super) fn new(name: &str) -> Result<Ground, String> {
        let place = place(name)?;
        let path = text(&place.at("in").display().to_string());
        // SAFETY: a C string.
        let listing = unsafe { libc::opendir(path.as_ptr()) };
        check(!listing.is_null(), "opendir")?;
        Ok(Ground {
            file: io("open", File::options().read(true).write(true).open(place.at("in/file")))?,
            directory: io("open", File::open(place.at("in")))?,
            pair: io("pair", UnixStream::pair())?,
            listing,
            room: [0; 256],
            place,
        })
    }

    fn at(&self, path: &str) -> CString {
        text(&self.place.at(path).display().to_string())
    }

    fn number(&self) -> c_int {
        self.file.as_raw_fd()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // SAFETY: an open listing, which nobody uses afterwards.
        unsafe { libc::closedir(self.listing) };
    }
}

fn text(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

// Not in the libc crate, or not for this target.
unsafe extern "C" {
    fn truncate(path: *const c_char, length: libc::off_t) -> c_int;
    fn mkfifo(path: *const c_char, mode: libc::mode_t) -> c_int;
    fn flock(number: c_int, operation: c_int) -> c_int;
    fn lockf(number: c_int, command: c_int, length: libc::off_t) -> c_int;
    fn clock_settime(clock: c_int, time: *const libc::timespec) -> c_int;
    fn setpriority(which: c_int, who: u32, value: c_int) -> c_int;
    fn pdfork(number: *mut c_int, flags: c_int) -> c_int;
    fn posix_openpt(flags: c_int) -> c_int;
    fn statvfs(path: *const c_char, place: *mut libc::statvfs) -> c_int;
}

/// -1 with errno, as C would say it.
fn said<T>(result: std::io::Result<T>) -> i64 {
    match result {
        Ok(_) => 0,
        Err(error) => failed(error.raw_os_error().unwrap_or(libc::EIO)),
    }
}

fn failed(errno: c_int) -> i64 {
    // SAFETY: no memory is involved.
    let place = unsafe { __errno_location() };
    // SAFETY: where this thread's error number lies.
    unsafe { place.write(errno) };
    -1
}

unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
}

/// What is done, the promises with which it goes, some without which it does not, and the error that it
/// meets where it goes (0: none).
pub(super) type Row = (&'static str, &'static str, &'static str, c_int, fn(&mut Ground) -> i64);

/// A C function of a path beneath the ground.
macro_rules! by_path {
    ($path:literal, $call:expr) => {
        |ground| {
            let path = ground.at($path);
            // SAFETY: a C string.
            i64::from(unsafe { $call(path.as_ptr()) })
        }
    };
}

/// A C function of numbers.
macro_rules! by_number {
    (|$ground:ident| $call:expr) => {
        |$ground| {
            // SAFETY: no memory is involved, or a place that outlives the call.
            i64::from(unsafe { $call })
        }
    };
}

const NULL: *const c_char = c"/dev/null".as_ptr();

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    ("open to read", "stdio rpath", "stdio wpath cpath", 0, by_path!("beside", |path| libc::open(path, libc::O_RDONLY))),
    ("open to write", "stdio wpath", "stdio rpath", 0, by_path!("beside", |path| libc::open(path, libc::O_WRONLY))),
    ("open for both", "stdio rpath wpath", "stdio rpath", 0, by_path!("beside", |path| libc::open(path, libc::O_RDWR))),
    ("create", "stdio wpath cpath", "stdio rpath wpath", 0, by_path!("new", |path| libc::open(path, libc::O_WRONLY | libc::O_CREAT, 0o644))),
    ("openat", "stdio rpath", "stdio", 0, |ground| i64::from(open_at(ground.directory.as_raw_fd(), "file", libc::O_RDONLY))),
    ("fopen", "stdio rpath", "stdio", 0, |ground| {
        let path = ground.at("beside");
        // SAFETY: two C strings.
        if unsafe { libc::fopen(path.as_ptr(), c"r".as_ptr()) }.is_null() { -1 } else { 0 }
    }),
    ("open a device", "stdio", "rpath wpath", 0, |_| {
        // SAFETY: a C string; without `stdio` what is open cannot be used.
        let null = unsafe { libc::open(NULL, libc::O_RDWR) };
        // SAFETY: no memory is involved.
        i64::from(unsafe { libc::close(null) })
    }),
    ("create at a device", "stdio rpath wpath cpath", "stdio", 0, by_number!(|_ground| libc::open(NULL, libc::O_WRONLY | libc::O_CREAT, 0o644))),
    ("ask for the time zone", "stdio", "", ENOENT, by_number!(|_ground| libc::open(c"/etc/localtime".as_ptr(), libc::O_RDONLY))),
    ("look at a file", "stdio rpath", "stdio wpath", 0, by_path!("beside", |path| libc::access(path, libc::F_OK))),
    ("stat", "stdio rpath", "stdio wpath", 0, |ground| said(std::fs::metadata(ground.place.at("beside")))),
    ("statvfs", "stdio rpath", "stdio", 0, |ground| {
        let path = ground.at("in");
        // SAFETY: integers, for which zeroes are a value.
        let mut told = unsafe { std::mem::zeroed() };
        // SAFETY: a C string, and a place for the answer.
        i64::from(unsafe { statvfs(path.as_ptr(), &raw mut told) })
    }),
    ("list what is open", "stdio rpath", "stdio", 0, |ground| {
        // SAFETY: an open listing.
        if unsafe { libc::readdir(ground.listing) }.is_null() { -1 } else { 0 }
    }),
    ("go somewhere", "stdio rpath", "stdio", 0, by_path!("in", |path| libc::chdir(path))),
    ("ask where one is", "stdio wpath", "stdio", 0, |ground| {
        // SAFETY: so many bytes.
        if unsafe { libc::getcwd(ground.room.as_mut_ptr().cast(), 256) }.is_null() { -1 } else { 0 }
    }),
    ("make a directory", "stdio cpath", "stdio rpath wpath", 0, by_path!("made", |path| libc::mkdir(path, 0o755))),
    ("remove a directory", "stdio cpath", "stdio rpath", ENOENT, by_path!("no-such", |path| libc::rmdir(path))),
    ("remove a file", "stdio cpath", "stdio wpath", 0, by_path!("beside", |path| libc::unlink(path))),
    ("link by text", "stdio wpath cpath", "stdio rpath wpath", 0, by_path!("linked", |path| libc::symlink(c"x".as_ptr(), path))),
    ("rename", "stdio rpath cpath", "stdio cpath", 0, |ground| said(std::fs::rename(ground.place.at("beside"), ground.place.at("gone")))),
    ("link", "stdio rpath cpath", "stdio rpath", 0, |ground| said(std::fs::hard_link(ground.place.at("beside"), ground.place.at("twice")))),
    ("make a fifo", "stdio dpath", "stdio cpath", ENOSYS, by_path!("fifo", |path| mkfifo(path, 0o644))),
    ("chmod", "stdio rpath fattr", "stdio rpath wpath cpath", 0, by_path!("beside", |path| libc::chmod(path, 0o600))),
    ("fchmod", "stdio fattr", "stdio rpath chown", 0, by_number!(|ground| libc::fchmod(ground.number(), 0o600))),
    ("fchown", "stdio chown", "stdio rpath wpath", 0, by_number!(|ground| libc::fchown(ground.number(), 0, 0))),
    ("truncate", "stdio wpath", "stdio rpath", 0, by_path!("beside", |path| truncate(path, 3))),
    ("flock", "stdio flock", "stdio rpath", 0, by_number!(|ground| flock(ground.number(), libc::LOCK_EX))),
    ("lockf", "stdio flock", "stdio rpath", 0, by_number!(|ground| lockf(ground.number(), libc::F_TLOCK, 0))),
    ("a socket", "stdio unix", "stdio inet dns", 0, by_number!(|_ground| libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0))),
    ("a socket of a network", "stdio inet", "stdio unix", libc::EAFNOSUPPORT, by_number!(|_ground| libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0))),
    ("listen", "stdio unix", "stdio", libc::EDESTADDRREQ, |_| {
        // SAFETY: no memory is involved.
        let socket = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0) };
        // SAFETY: no memory is involved; without the promise of an address no socket is needed.
        i64::from(unsafe { libc::listen(socket, 1) })
    }),
    ("send a file", "stdio unix sendfd", "stdio unix recvfd", 0, |ground| said(send_files(&ground.pair.0, &[ground.file.as_raw_fd()]))),
    ("receive a file", "stdio unix sendfd recvfd", "stdio unix sendfd", 0, |ground| {
        match send_files(&ground.pair.0, &[ground.file.as_raw_fd()]) {
            Ok(()) => said(receive_files(&ground.pair.1, 1)),
            Err(error) => said::<()>(Err(error)),
        }
    }),
    ("the settings of a terminal", "stdio tty", "stdio rpath", libc::ENOTTY, |ground| {
        // SAFETY: integers, for which zeroes are a value.
        let mut settings = unsafe { std::mem::zeroed() };
        // SAFETY: a place for the answer.
        i64::from(unsafe { libc::tcgetattr(ground.file.as_raw_fd(), &raw mut settings) })
    }),
    ("a new terminal", "stdio rpath wpath tty", "stdio tty", 0, by_number!(|_ground| posix_openpt(libc::O_RDWR))),
    ("fork", "stdio proc", "stdio exec", 0, |_| forked(|| {
        // SAFETY: the case has one thread.
        unsafe { libc::fork() }
    })),
    ("pdfork", "stdio proc", "stdio", 0, |_| forked(|| {
        let mut number = -1;
        // SAFETY: the case has one thread; a place for a number.
        unsafe { pdfork(&raw mut number, 0) }
    })),
    ("signal another", "stdio proc", "stdio", libc::ESRCH, by_number!(|_ground| libc::kill(999_999, 0))),
    ("signal itself", "stdio", "rpath", 0, by_number!(|_ground| libc::kill(std::process::id() as c_int, 0))),
    ("a group of its own", "stdio proc", "stdio", 0, by_number!(|_ground| libc::setpgid(0, 0))),
    ("execute", "stdio rpath exec", "stdio rpath proc", ENOENT, |_| {
        let none = [ptr::null()];
        // SAFETY: a string and an array that ends with null.
        i64::from(unsafe { libc::execv(c"/no/such/program".as_ptr(), none.as_ptr()) })
    }),
    ("memory to execute", "stdio prot_exec", "stdio exec", libc::EINVAL, |_| {
        // SAFETY: new memory at a free address.
        let mapped = unsafe { libc::mmap(ptr::null_mut(), 0, libc::PROT_EXEC, libc::MAP_PRIVATE | libc::MAP_ANON, -1, 0) };
        if mapped == libc::MAP_FAILED { -1 } else { 0 }
    }),
    ("memory", "stdio", "rpath", 0, |_| {
        // SAFETY: new memory at a free address.
        let mapped = unsafe { libc::mmap(ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANON, -1, 0) };
        if mapped == libc::MAP_FAILED { -1 } else { 0 }
    }),
    ("set a clock", "stdio settime", "stdio", libc::EINVAL, |_| {
        let time = libc::timespec { tv_sec: 0, tv_nsec: -1 };
        // SAFETY: a time.
        i64::from(unsafe { clock_settime(libc::CLOCK_REALTIME, &raw const time) })
    }),
    ("be somebody", "stdio id", "stdio proc", 0, by_number!(|_ground| libc::setuid(0))),
    ("a priority", "stdio id", "stdio", 0, by_number!(|_ground| setpriority(0, 0, 0))),
    ("unveil", "stdio rpath unveil", "stdio rpath", 0, |ground| i64::from(unveil(ground.place.at("in"), "r"))),
    ("lock what is unveiled", "stdio rpath unveil", "stdio rpath", 0, |_| i64::from(lock())),
    ("read", "stdio", "rpath", 0, |ground| {
        // SAFETY: so many bytes.
        unsafe { libc::read(ground.file.as_raw_fd(), ground.room.as_mut_ptr().cast::<c_void>(), 4) as i64 }.min(0)
    }),
    ("write", "stdio", "wpath", 0, |ground| {
        // SAFETY: so many bytes.
        unsafe { libc::write(ground.file.as_raw_fd(), ground.room.as_ptr().cast::<c_void>(), 4) as i64 }.min(0)
    }),
    ("copy a descriptor", "stdio", "rpath", 0, by_number!(|ground| libc::dup(ground.number()).min(0))),
    ("close", "stdio", "rpath", 0, |ground| {
        let copy = ground.directory.try_clone();
        said(copy.map(|copy| drop(OwnedFd::from(copy))))
    }),
    ("a pipe", "stdio", "rpath", 0, |_| said(std::io::pipe())),
    ("sleep", "stdio", "rpath", 0, by_number!(|_ground| libc::usleep(1))),
    ("wait", "stdio", "rpath", libc::ECHILD, by_number!(|_ground| libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG))),
    ("set what a signal does", "stdio", "rpath", 0, |_| {
        // SAFETY: no handler.
        if unsafe { libc::signal(libc::SIGUSR1, libc::SIG_IGN) } == libc::SIG_ERR { -1 } else { 0 }
    }),
    ("a thread", "stdio", "rpath", 0, |_| said(std::thread::Builder::new().spawn(|| ()))),
];

/// A copy of the process, which ends at once.
fn forked(fork: impl FnOnce() -> c_int) -> i64 {
    match fork() {
        // SAFETY: it ends this process.
        0 => unsafe { libc::_exit(0) },
        child => i64::from(child.min(0)),
    }
}
