//! Capsicum: capability mode, limits of descriptors, process descriptors.
use super::apart::{apart, done, fails, works};
use super::contain::place;
use super::place::{Place, io};
use super::support::{at, check};
use crate::run::{Case, PROGRAM, Verdict};
use capsicum::{CapRights, Right};
use clavis::abi::error::{EBADF, ECAPMODE, EINVAL, ENOTCAPABLE, ESRCH};
use clavis::namespace::Namespace;
use clavis::{AsNumber, Handle};
use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;

pub(crate) const CASES: &[Case] = &[
    Case { name: "capability_mode_leaves_what_is_held_and_no_paths", run: mode },
    Case { name: "capability_mode_outlasts_fork_and_exec", run: outlasts },
    Case { name: "in_capability_mode_no_copy_of_a_namespace_opens_anything", run: copies },
    Case { name: "sets_of_capsicums_rights_are_made_by_the_c_functions", run: sets },
    Case { name: "a_limited_descriptor_and_what_it_opens_have_no_more", run: limited },
    Case { name: "fcntls_are_limited_as_far_as_the_kernel_tells_them_apart", run: commands },
    Case { name: "closing_a_process_descriptor_ends_the_process", run: descriptors },
    Case { name: "handle_numbers_are_scattered_on_request", run: scattered },
];

// Their declarations are not in the libc crate.
unsafe extern "C" {
    fn cap_enter() -> c_int;
    fn cap_getmode(mode: *mut c_uint) -> c_int;
    fn cap_sandboxed() -> bool;
    fn __cap_rights_init(version: c_int, rights: *mut CapRights, ...) -> *mut CapRights;
    fn __cap_rights_set(version: c_int, rights: *mut CapRights, ...) -> *mut CapRights;
    fn __cap_rights_clear(version: c_int, rights: *mut CapRights, ...) -> *mut CapRights;
    fn __cap_rights_is_set(version: c_int, rights: *mut CapRights, ...) -> *mut CapRights;
    fn cap_rights_is_valid(rights: *const CapRights) -> bool;
    fn cap_rights_merge(rights: *mut CapRights, other: *const CapRights) -> *mut CapRights;
    fn cap_rights_remove(rights: *mut CapRights, other: *const CapRights) -> *mut CapRights;
    fn cap_rights_contains(rights: *const CapRights, other: *const CapRights) -> bool;
    fn cap_rights_limit(descriptor: c_int, rights: *const CapRights) -> c_int;
    fn __cap_rights_get(version: c_int, descriptor: c_int, rights: *mut CapRights) -> c_int;
    fn cap_fcntls_limit(descriptor: c_int, limit: u32) -> c_int;
    fn cap_fcntls_get(descriptor: c_int, limit: *mut u32) -> c_int;
    fn pdfork(place: *mut c_int, flags: c_int) -> c_int;
    fn pdgetpid(descriptor: c_int, place: *mut c_int) -> c_int;
    fn pdkill(descriptor: c_int, signal: c_int) -> c_int;
    fn pdwait4(
        descriptor: c_int,
        place: *mut c_int,
        options: c_int,
        usage: *mut libc::rusage,
    ) -> c_int;
    fn pdwait(
        descriptor: c_int,
        place: *mut c_int,
        options: c_int,
        usage: *mut c_void,
        info: *mut c_void,
    ) -> c_int;
    fn openat(directory: c_int, path: *const c_char, flags: c_int, ...) -> c_int;
    fn fexecve(descriptor: c_int, args: *const *const c_char, envs: *const *const c_char) -> c_int;
}

fn text(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

/// `openat`.
pub(super) fn open_at(directory: c_int, path: &str, flags: c_int) -> c_int {
    // SAFETY: the path is a C string.
    unsafe { openat(directory, text(path).as_ptr(), flags, 0o644) }
}

/// `cap_enter`.
pub(super) fn enter() -> Verdict {
    // SAFETY: no memory is involved.
    works("cap_enter", unsafe { cap_enter() }).map(drop)
}

fn current_mode() -> Result<c_uint, String> {
    let mut mode = 7;
    // SAFETY: it writes the mode.
    works("cap_getmode", unsafe { cap_getmode(&raw mut mode) })?;
    // SAFETY: no memory is involved.
    let same = unsafe { cap_sandboxed() } == (mode == 1) && capsicum::is_entered() == (mode == 1);
    check(same, "cap_sandboxed says otherwise")?;
    Ok(mode)
}

fn inside(place: &Place) -> Result<File, String> {
    io("open the directory", File::open(place.at("in")))
}

fn error_of<T>(result: std::io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

fn mode() -> Verdict {
    let place = place("capability")?;
    let directory = inside(&place)?;
    let beside = io("open", File::open(place.at("beside")))?;
    check(current_mode()? == 0, "it is in capability mode before")?;
    apart(|| {
        let number = directory.as_raw_fd();
        enter()?;
        check(current_mode()? == 1, "it is not in capability mode")?;
        for path in ["/", "/scheme", "/scheme/initfs/etc/motd", "file", ".", ".."] {
            let error = error_of(File::open(path));
            check(error == Some(ECAPMODE), &format!("{path}: {error:?}"))?;
        }
        let absolute = place.at("in/file");
        check(error_of(fs::metadata(&absolute)) == Some(ECAPMODE), "stat of a path")?;
        check(error_of(fs::remove_file(&absolute)) == Some(ECAPMODE), "unlink of a path")?;
        check(error_of(std::env::set_current_dir("/")) == Some(ECAPMODE), "chdir")?;
        // SAFETY: no memory is involved.
        fails("fchdir", unsafe { libc::fchdir(number) }, ECAPMODE)?;
        // SAFETY: no memory is involved.
        fails("kill of another", unsafe { libc::kill(1, 0) }, ECAPMODE)?;
        // SAFETY: no memory is involved.
        works("kill of itself", unsafe { libc::kill(std::process::id() as c_int, 0) })?;
        fails("..", open_at(number, "..", 0), ENOTCAPABLE)?;
        fails("up and back", open_at(number, "deep/../../in/file", 0), ENOTCAPABLE)?;
        fails("a full path", open_at(number, &absolute.to_string_lossy(), 0), ECAPMODE)?;
        works("beneath", open_at(number, "deep/../file", libc::O_RDONLY))?;
        works("create", open_at(number, "new", libc::O_CREAT | libc::O_WRONLY))?;
        let mut said = String::new();
        io("read what was open", (&beside).read_to_string(&mut said))?;
        check(said == "outside", &said)?;
        // What has no name can be made.
        let (mut from, mut to) = io("pipe", std::io::pipe())?;
        io("write", to.write_all(b"x"))?;
        io("read", from.read_exact(&mut [0]))?;
        io("thread", std::thread::Builder::new().spawn(|| ()).map(std::thread::JoinHandle::join))?
            .map_err(|_| "a thread failed")?;
        // A second time changes nothing.
        enter()
    })?;
    check(current_mode()? == 0, "what a copy gave up its maker has")?;
    reads(&place.at("in/file"), "inside")
}

fn reads(path: &std::path::Path, expected: &str) -> Verdict {
    let said = io("read", fs::read_to_string(path))?;
    check(said == expected, &said)
}

fn outlasts() -> Verdict {
    let place = place("outlasts")?;
    let directory = inside(&place)?;
    // Its number has to outlast exec.
    // SAFETY: no memory is involved.
    let number = works("dup", unsafe { libc::dup(directory.as_raw_fd()) })? as c_int;
    let program = io("open the program", File::open(PROGRAM))?;
    let absolute = place.at("in/file").display().to_string();
    apart(|| {
        enter()?;
        apart(|| {
            check(current_mode()? == 1, "a fork is not in capability mode")?;
            check(error_of(File::open(&absolute)) == Some(ECAPMODE), "a fork opens paths")?;
            fails("a fork leaves", open_at(number, "..", 0), ENOTCAPABLE)
        })?;
        apart(|| {
            let words = [PROGRAM, "--act", "confined", &number.to_string(), &absolute].map(text);
            let mut args: Vec<*const c_char> = words.iter().map(|word| word.as_ptr()).collect();
            args.push(std::ptr::null());
            let envs = [std::ptr::null()];
            // SAFETY: both are lists of C strings that end with null.
            let problem =
                done(unsafe { fexecve(program.as_raw_fd(), args.as_ptr(), envs.as_ptr()) });
            Err(format!("fexecve: {problem:?}"))
        })
    })
}

fn copies() -> Verdict {
    let place = place("copies")?;
    let path = format!("/scheme/file{}", place.at("in/file").display());
    let copy = at("namespace", Namespace::current())?;
    at("before", Handle::open_at(copy.handle(), &path, libc::O_RDONLY as u32 as u64))?;
    apart(|| {
        enter()?;
        let opened = Handle::open_at(copy.handle(), &path, libc::O_RDONLY as u32 as u64);
        let error = opened.err().map(|error| error.errno());
        check(error == Some(ENOTCAPABLE), &format!("a copy opened: {error:?}"))?;
        let back = copy.make_current().err().map(|error| error.errno());
        check(back == Some(ECAPMODE), &format!("it was taken into use: {back:?}"))?;
        check(current_mode()? == 1, "that was the way out")
    })
}

fn sets() -> Verdict {
    let mut set = CapRights::ALL;
    let own = &raw mut set;
    let (read, seek, event) = (Right::READ.0, Right::SEEK.0, Right::EVENT.0);
    // SAFETY: a set and a list of rights that ends with 0, more than travel in registers.
    let made = unsafe {
        __cap_rights_init(0, own, read, Right::FSTAT.0, seek, event, Right::IOCTL.0, 0_u64)
    };
    let rights = [Right::READ, Right::FSTAT, Right::SEEK, Right::EVENT, Right::IOCTL];
    check(made == own && set == CapRights::of(&rights), &format!("{set:x?}"))?;
    // SAFETY: as above.
    let is_set = unsafe { __cap_rights_is_set(0, own, read, event, 0_u64) };
    check(!is_set.is_null(), "what was put in is not there")?;
    // SAFETY: as above.
    let is_set = unsafe { __cap_rights_is_set(0, own, read, Right::WRITE.0, 0_u64) };
    check(is_set.is_null(), "what was not put in is there")?;
    // SAFETY: as above.
    unsafe { __cap_rights_clear(0, own, read, 0_u64) };
    // SAFETY: as above.
    unsafe { __cap_rights_set(0, own, Right::WRITE.0, 0_u64) };
    check(!set.is_set(Right::READ) && set.is_set(Right::WRITE), &format!("{set:x?}"))?;
    let other = CapRights::of(&[Right::READ, Right::PDKILL]);
    // SAFETY: both are sets.
    unsafe { cap_rights_merge(own, &raw const other) };
    // SAFETY: both are sets.
    check(unsafe { cap_rights_contains(own, &raw const other) }, "merged and not there")?;
    // SAFETY: both are sets.
    unsafe { cap_rights_remove(own, &raw const other) };
    // SAFETY: both are sets.
    check(!unsafe { cap_rights_contains(own, &raw const other) }, "removed and there")?;
    // SAFETY: it is a set.
    check(unsafe { cap_rights_is_valid(own) }, "it is not valid")?;
    // SAFETY: as above; there is no such version.
    let version = unsafe { __cap_rights_init(1, own, read, 0_u64) };
    // SAFETY: as above; 1 is no right.
    let right = unsafe { __cap_rights_set(0, own, 1_u64, 0_u64) };
    check(version.is_null() && right.is_null(), "nonsense was taken")
}

fn rights_of(descriptor: c_int) -> Result<CapRights, String> {
    let mut set = CapRights::NONE;
    // SAFETY: it writes the set.
    works("cap_rights_get", unsafe { __cap_rights_get(0, descriptor, &raw mut set) })?;
    Ok(set)
}

fn limit(descriptor: c_int, rights: &[Right]) -> c_int {
    let set = CapRights::of(rights);
    // SAFETY: it reads the set.
    unsafe { cap_rights_limit(descriptor, &raw const set) }
}

fn limited() -> Verdict {
    let place = place("limited")?;
    let directory = inside(&place)?;
    let number = directory.as_raw_fd();
    check(rights_of(number)? == CapRights::ALL, "a fresh descriptor has less than all")?;
    let file = io("open", File::options().read(true).write(true).open(place.at("in/file")))?;
    works("limit", limit(file.as_raw_fd(), &[Right::READ, Right::FSTAT]))?;
    let has = rights_of(file.as_raw_fd())?;
    check(has.is_set(Right::READ) && !has.is_set(Right::WRITE), &format!("{has:x?}"))?;
    let mut said = String::new();
    io("read", (&file).read_to_string(&mut said))?;
    check(error_of((&file).write(b"x")) == Some(ENOTCAPABLE), "it writes")?;
    check(error_of(file.set_len(0)) == Some(ENOTCAPABLE), "it truncates")?;
    check(error_of(file.sync_all()) == Some(ENOTCAPABLE), "it syncs")?;
    works("the same again", limit(file.as_raw_fd(), &[Right::READ, Right::FSTAT]))?;
    for more in [Right::WRITE, Right::SEEK, Right::FTRUNCATE, Right::MMAP_R, Right::FCNTL] {
        fails("more", limit(file.as_raw_fd(), &[Right::READ, more]), ENOTCAPABLE)?;
    }
    let copy = io("dup", file.try_clone())?;
    check(error_of((&copy).write(b"x")) == Some(ENOTCAPABLE), "a copy writes")?;
    // A directory: what it opens has its rights at most, and lies beneath it.
    works("limit", limit(number, &[Right::LOOKUP, Right::READ, Right::SEEK, Right::FSTATAT]))?;
    fails("write", open_at(number, "file", libc::O_WRONLY), ENOTCAPABLE)?;
    fails("create", open_at(number, "new", libc::O_RDONLY | libc::O_CREAT), ENOTCAPABLE)?;
    fails("above", open_at(number, "..", 0), ENOTCAPABLE)?;
    let opened = works("read", open_at(number, "deep", libc::O_RDONLY))? as c_int;
    fails("below", open_at(opened, "file", libc::O_WRONLY), ENOTCAPABLE)?;
    fails("above", open_at(opened, "..", 0), ENOTCAPABLE)?;
    let opened = works("below", open_at(opened, "file", libc::O_RDONLY))? as c_int;
    check(!rights_of(opened)?.is_set(Right::WRITE), "what is opened has more")?;
    fails("nothing open", limit(999, &[Right::READ]), EBADF)?;
    // SAFETY: a set whose words are none.
    let wrong = unsafe { cap_rights_limit(number, [0_u64; 2].as_ptr().cast()) };
    fails("no set", wrong, EINVAL)?;
    works("nothing", limit(number, &[]))?;
    fails("open", open_at(number, "file", libc::O_RDONLY), ENOTCAPABLE)
}

fn commands() -> Verdict {
    let place = place("commands")?;
    let file = io("open", File::open(place.at("in/file")))?;
    let number = file.as_raw_fd();
    let (getfl, setfl) = (capsicum::fcntls::GETFL, capsicum::fcntls::SETFL);
    let mut has = 0;
    // SAFETY: it writes the limit.
    works("get", unsafe { cap_fcntls_get(number, &raw mut has) })?;
    check(has == capsicum::fcntls::ALL, "a fresh descriptor has less")?;
    // SAFETY: no memory is involved.
    fails("unknown", unsafe { cap_fcntls_limit(number, 1) }, EINVAL)?;
    // SAFETY: no memory is involved.
    works("limit", unsafe { cap_fcntls_limit(number, getfl) })?;
    // SAFETY: it writes the limit.
    works("get", unsafe { cap_fcntls_get(number, &raw mut has) })?;
    check(has & getfl != 0 && has & setfl == 0, &format!("{has:#x}"))?;
    // SAFETY: no memory is involved.
    fails("more", unsafe { cap_fcntls_limit(number, getfl | setfl) }, ENOTCAPABLE)?;
    // SAFETY: no memory is involved.
    works("F_GETFL", unsafe { libc::fcntl(number, libc::F_GETFL) })?;
    // SAFETY: no memory is involved.
    let set = unsafe { libc::fcntl(number, libc::F_SETFL, libc::O_NONBLOCK) };
    fails("F_SETFL", set, ENOTCAPABLE)
}

/// A child with a descriptor: it writes a byte and sleeps.
fn child(flags: c_int) -> Result<(c_int, c_int, std::io::PipeReader), String> {
    let (mut from, mut to) = io("pipe", std::io::pipe())?;
    let mut descriptor = -1;
    // SAFETY: it writes the descriptor; the case has one thread.
    let child = works("pdfork", unsafe { pdfork(&raw mut descriptor, flags) })? as c_int;
    if child == 0 {
        drop(from);
        _ = to.write_all(b"x");
        loop {
            std::thread::sleep(std::time::Duration::from_secs(1000));
        }
    }
    drop(to);
    io("hear of it", from.read_exact(&mut [0]))?;
    Ok((child, descriptor, from))
}

fn descriptors() -> Verdict {
    let (number, descriptor, mut from) = child(0)?;
    let mut told = 0;
    // SAFETY: it writes the number.
    works("pdgetpid", unsafe { pdgetpid(descriptor, &raw mut told) })?;
    check(told == number && descriptor >= 0, "it is another process")?;
    // SAFETY: no status is wanted.
    fails("wait", unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) }, libc::ECHILD)?;
    let mut status = 0;
    let (nowhere, none) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: it writes the status.
    let early = unsafe { pdwait4(descriptor, &raw mut status, libc::WNOHANG, nowhere) };
    check(early == 0, "it ended")?;
    // SAFETY: as above.
    let early = unsafe { pdwait(descriptor, &raw mut status, libc::WNOHANG, none, none) };
    fails("pdwait", early, libc::EWOULDBLOCK)?;
    // SAFETY: no memory is involved.
    fails("signal 999", unsafe { pdkill(descriptor, 999) }, EINVAL)?;
    // SAFETY: no memory is involved.
    works("pdkill", unsafe { pdkill(descriptor, libc::SIGTERM) })?;
    // SAFETY: it writes the status.
    works("pdwait4", unsafe { pdwait4(descriptor, &raw mut status, 0, nowhere) })?;
    check(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGTERM, "its status")?;
    // SAFETY: no memory is involved.
    fails("once more", unsafe { pdkill(descriptor, 0) }, ESRCH)?;
    io("its end", from.read_to_end(&mut Vec::new()))?;
    // SAFETY: it is this case's.
    works("close", unsafe { libc::close(descriptor) })?;

    let (_, descriptor, mut from) = child(0)?;
    // SAFETY: it is this case's.
    let copy = works("dup", unsafe { libc::dup(descriptor) })? as c_int;
    // SAFETY: as above.
    works("close", unsafe { libc::close(descriptor) })?;
    // SAFETY: no memory is involved.
    works("it lives", unsafe { pdkill(copy, 0) })?;
    // SAFETY: as above.
    works("close", unsafe { libc::close(copy) })?;
    // Nobody writes there any more: it is gone.
    io("its end", from.read_to_end(&mut Vec::new()))?;

    let (number, descriptor, mut from) = child(1)?;
    // SAFETY: it is this case's.
    works("close", unsafe { libc::close(descriptor) })?;
    // SAFETY: no memory is involved.
    works("a daemon lives", unsafe { libc::kill(number, 0) })?;
    // SAFETY: as above.
    works("kill it", unsafe { libc::kill(number, libc::SIGKILL) })?;
    io("its end", from.read_to_end(&mut Vec::new()))?;

    let file = io("open", File::open("/dev/null"))?;
    // SAFETY: no memory is involved.
    fails("a file", unsafe { pdkill(file.as_raw_fd(), 0) }, EBADF)?;
    let mut descriptor = 5;
    // SAFETY: it writes the descriptor.
    fails("flags", unsafe { pdfork(&raw mut descriptor, 64) }, EINVAL)?;
    apart(|| {
        enter()?;
        let mut descriptor = 5;
        // SAFETY: it writes the descriptor.
        fails("a daemon", unsafe { pdfork(&raw mut descriptor, 1) }, ECAPMODE)?;
        let (_, descriptor, mut from) = child(0)?;
        // SAFETY: it is this case's.
        works("close", unsafe { libc::close(descriptor) })?;
        io("its end", from.read_to_end(&mut Vec::new())).map(drop)
    })
}

fn scattered() -> Verdict {
    let (from, to) = at("pipe", clavis::object::pipe(0))?;
    let flags = clavis::abi::params::process_flags::SCATTERED;
    let child = super::support::act("numbers-of-handles").flags(flags).stdout(&to).spawn();
    let child = at("start", child)?;
    drop(to);
    let mut said = String::new();
    io("listen", (&from).read_to_string(&mut said))?;
    check(at("wait", child.wait())?.success(), &format!("it failed: {said}"))?;
    let numbers: Vec<u32> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    check(numbers.len() == 24, &said)?;
    check(!numbers.is_sorted() && numbers.iter().any(|number| *number > 64), &said)?;
    check(from.number().raw() != 0, "the pipe is gone")
}
